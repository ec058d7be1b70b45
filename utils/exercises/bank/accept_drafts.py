"""Tokens that a small model has drafted, checked by the large one so that the text is the large one's."""

import torch
from torch import tensor

from utils.attempts.uses import sampling

from ..exercise import Case, Exercise, Mistakes, replacing


def accept_drafts(target, draft, drafted, uniforms):
    """How many of the drafted tokens (k,) are kept, and the probabilities (V,) of the token to draw next.

    target (k + 1, V) and draft (k, V) are the probabilities of both models at each place, uniforms (k,) numbers between
    0 and 1. Token x at place i is kept while uniforms[i] < target[i, x] / draft[i, x]. At the first that is not, the
    next token is drawn from what target has above draft there, scaled to sum to 1; if all are kept, from target's last
    row. Source: Leviathan et al. 2023.
    """
    for i, x in enumerate(drafted.tolist()):
        if uniforms[i] >= target[i, x] / draft[i, x]:
            above = (target[i] - draft[i]).clamp(min=0)  # (V,)
            return i, above / above.sum()
    return len(drafted), target[-1]


def below_the_ratio(target, draft, x, u):
    return u < target[x] / draft[x]

def before_the_first_no(keeps):
    return keeps.index(False) if False in keeps else len(keeps)

def above(target, draft, x):
    return (target - draft).clamp(min=0)

def to_one(rest):
    return rest / rest.sum()

def last_row(target, draft):
    return target[-1]

def both(n, probabilities, *_):
    return n, probabilities

def in_steps(
    target, draft, drafted, uniforms, keep=below_the_ratio, count=before_the_first_no, rest=above, scale=to_one,
    end=last_row, answer=both,
):
    keeps = [bool(keep(*place)) for place in zip(target[:-1], draft, drafted, uniforms, strict=True)]
    n = count(keeps)
    after_a_no = n < len(keeps)
    probabilities = scale(rest(target[n], draft[n], drafted[n])) if after_a_no else end(target, draft)
    return answer(n, probabilities, drafted, after_a_no)


# Right, and written differently

def all_at_once(target, draft, drafted, uniforms):
    k = drafted.numel()
    ratios = target[:k].gather(1, drafted[:, None]) / draft.gather(1, drafted[:, None])  # (k, 1)
    kept = (uniforms < ratios[:, 0]).long().cumprod(0).sum()
    below = torch.cat([draft, torch.zeros_like(target[:1])])  # nothing was drafted behind the last
    rest = torch.relu(target - below)[kept]
    return kept, rest / rest.sum(-1, keepdim=True)

def while_it_goes(target, draft, drafted, uniforms):
    n = 0
    while n < len(drafted) and uniforms[n] * draft[n][drafted[n]] < target[n][drafted[n]]:
        n += 1
    if n == len(drafted):
        return [n, target[n]]
    rest = torch.where(target[n] > draft[n], target[n] - draft[n], 0.0)
    return [n, torch.nn.functional.normalize(rest, p=1.0, dim=0)]

def place_of_the_first_no(target, draft, drafted, uniforms):
    places = torch.arange(len(drafted))
    refused = (uniforms >= target[places, drafted] / draft[places, drafted]).nonzero().flatten()
    if len(refused) == 0:
        return float(len(drafted)), target[len(drafted)].clone()
    first = refused.min()
    overlap = torch.minimum(target[first], draft[first])
    return first, (target[first] - overlap) / (1 - overlap.sum())

def number_by_number(target, draft, drafted, uniforms):
    kept, rows = 0, zip(target.tolist(), draft.tolist(), drafted.tolist(), uniforms.tolist(), strict=False)
    for p, q, x, u in rows:
        if u < min(1.0, p[x] / q[x]):
            kept += 1
            continue
        rest = [max(0.0, one - other) for one, other in zip(p, q, strict=True)]
        return kept, torch.tensor([each / sum(rest) for each in rest], dtype=target.dtype)
    return kept, target[kept]


# Wrong

but = replacing(in_steps)
mistakes = Mistakes()

mistakes.add("redrawn_from_target", but(rest=lambda target, draft, x: target),
    "Your next token after a no is drawn from target itself. What the draft offers often is kept often already: draw from what target has above it.")
mistakes.add("redrawn_from_draft", but(rest=lambda target, draft, x: draft),
    "Your next token after a no is drawn from the draft, which is how the refused one came about. Draw from what target has above it.")
def without_the_refused(target, draft, x):
    return target.index_fill(0, x, 0.0)

mistakes.add("target_without_the_refused_token", but(rest=without_the_refused),
    "Your next token after a no is drawn from target without the refused token. Other tokens may have been offered too often as well: of each, what target has above draft is left.")
mistakes.add("not_scaled", but(scale=lambda rest: rest),
    "Your probabilities after a no do not sum to one. Divide what is left by its sum.")
mistakes.add("softmax_of_the_rest", but(scale=lambda rest: rest.softmax(-1)),
    "Your probabilities after a no have been through a softmax, which gives even what is not above the draft some. Divide what is left by its sum.")
mistakes.add("softmax_of_the_difference",
    but(rest=lambda target, draft, x: target - draft, scale=lambda rest: rest.softmax(-1)),
    "Your probabilities after a no are a softmax of the difference. They are probabilities already, not scores: leave what is above zero, and divide by its sum.")
mistakes.add("negative_numbers_left", but(rest=lambda target, draft, x: target - draft, scale=lambda rest: rest),
    "Your probabilities after a no have numbers below zero. Where the draft has more than target, nothing is left.")
mistakes.add("difference_over_its_sum", but(rest=lambda target, draft, x: target - draft),
    "Your probabilities after a no are the difference over its sum, which is 0, or almost, as both models' probabilities sum to 1. Where the draft has more than target, nothing is left: clamp at zero first.")
mistakes.add("distance", but(rest=lambda target, draft, x: (target - draft).abs()),
    "Your probabilities after a no count a token also where the draft has more of it than target. Nothing is left of it then: clamp at zero.")
mistakes.add("draft_above_target", but(rest=lambda target, draft, x: (draft - target).clamp(min=0)),
    "Your next token after a no is drawn from what the draft has above target. It is the other way round: those were offered too often, and what target has above draft too seldom.")
mistakes.add("overlap", but(rest=lambda target, draft, x: torch.minimum(target, draft)),
    "Your next token after a no is drawn from what both models have in common. That is what is kept already: what target has above draft is left.")
mistakes.add("ratio_of_the_two", but(rest=lambda target, draft, x: (target / draft).nan_to_num(0, posinf=0)),
    "Your next token after a no is drawn by the ratio of the two. The ratio decides what is kept; what is left is a difference, target above draft.")
mistakes.add("goes_on_after_a_no", but(count=sum),
    "Your count goes on after a no. What was drafted behind a refused token was meant to follow it, so it goes, too.")
def last_no(keeps):
    return len(keeps) - 1 - keeps[::-1].index(False)

def going_on(count):
    """Draws at the last no, and counts as it is said."""

    def program(target, draft, drafted, uniforms):
        n, probabilities = in_steps(target, draft, drafted, uniforms)
        keeps = [bool(below_the_ratio(*place)) for place in zip(target[:-1], draft, drafted, uniforms, strict=True)]
        if all(keeps):
            return n, probabilities
        return count(keeps), to_one(above(target[last_no(keeps)], draft[last_no(keeps)], None))

    return program

GOES_ON = "Your program goes on after a no, and a later no says what is drawn. The first one ends it: return there."
mistakes.add("goes_on_to_a_later_no", going_on(sum), GOES_ON)
mistakes.add("draws_at_the_last_no", going_on(before_the_first_no), GOES_ON)
mistakes.add("one_no_refuses_all", but(count=lambda keeps: len(keeps) if all(keeps) else 0),
    "Your first no refuses all drafts, those before it as well. They were kept: only it and what follows goes.")
mistakes.add("place_of_the_last_no",
    but(count=lambda keeps: last_no(keeps) if False in keeps else len(keeps)),
    "Your program goes on to the last no. The first one ends it: what was drafted behind it was meant to follow the refused token.")
mistakes.add("none_where_all_are_kept", but(count=lambda keeps: keeps.index(min(keeps))),
    "Your count is 0 where all drafts are kept. `argmin`, or a search for the first no, has to find one: what if there is none?")
mistakes.add("upside_down", but(keep=lambda target, draft, x, u: u < draft[x] / target[x]),
    "Your ratio is draft over target. A token that target finds likelier than the draft is always kept: target over draft.")
mistakes.add("target_alone", but(keep=lambda target, draft, x, u: u < target[x]),
    "Your u is compared with target's probability alone, so what was drafted by chance has to win by chance once more. Divide by the draft's.")
mistakes.add("draft_alone", but(keep=lambda target, draft, x, u: u < draft[x]),
    "Your u is compared with the draft's probability alone, and target is not asked. It is target over draft.")
mistakes.add("product", but(keep=lambda target, draft, x, u: u < target[x] * draft[x]),
    "Your u is compared with the product of the two probabilities. It is their ratio, target over draft.")
mistakes.add("difference", but(keep=lambda target, draft, x, u: u < target[x] - draft[x]),
    "Your u is compared with the difference of the two probabilities. It is their ratio, target over draft.")
mistakes.add("turned_round", but(keep=lambda target, draft, x, u: u >= target[x] / draft[x]),
    "Your answer is turned round: tokens with u above the ratio are kept. The larger the ratio, the sooner a token is kept.")
mistakes.add("likelier_to_target_alone", but(keep=lambda target, draft, x, u: target[x] >= draft[x]),
    "Your tokens are kept only where target has at least as much as the draft. With less, they are kept sometimes: u decides.")
mistakes.add("targets_favourite_alone", but(keep=lambda target, draft, x, u: x == target.argmax()),
    "Your tokens are kept only if they are target's likeliest. Others may come, too, each as often as target would draw it: u decides.")
mistakes.add("half", but(keep=lambda target, draft, x, u: target[x] / draft[x] > 0.5),
    "Your ratio is compared with one half. It is compared with u, which is different at each place.")
@mistakes.program("Your u is compared with the product of all ratios so far. Each place is decided by its own ratio: that the ones before it were kept is known already.")
def product_of_ratios(target, draft, drafted, uniforms):
    places = torch.arange(len(drafted))
    ratios = (target[places, drafted] / draft[places, drafted]).cumprod(0)
    return in_steps(target, draft, drafted, uniforms,
                    keep=lambda p, q, x, u: u < ratios[(uniforms == u).nonzero()[0, 0]])

mistakes.add("kept_where_equal", but(keep=lambda target, draft, x, u: u <= target[x] / draft[x]),
    "Your token is kept where u equals the ratio, too, so that with u = 0 even one comes through that target never writes. It is kept while u is below the ratio.")
@mistakes.program("Your program draws random numbers of its own. They are given: `uniforms[i]` decides about place i.")
def random_numbers_of_its_own(target, draft, drafted, uniforms):
    return in_steps(target, draft, drafted, torch.rand(len(drafted)))

mistakes.add("always_kept", but(keep=lambda target, draft, x, u: True),
    "Your drafts are all kept, so the text is the draft's, not target's.")
mistakes.add("never_kept", but(keep=lambda target, draft, x, u: False),
    "Your drafts are all refused. Token x at place i is kept while u is below target over draft.")

@mistakes.program("Your first number decides about all places. Each has one of its own: uniforms[i].")
def one_number_for_all(target, draft, drafted, uniforms):
    return in_steps(target, draft, drafted, uniforms[:1].expand(len(drafted)))

@mistakes.program("Your target is read one place late, behind the drafted token. Row i of target and row i of draft are for the same place.")
def target_one_place_late(target, draft, drafted, uniforms):
    return in_steps(torch.cat([target[1:], target[-1:]]), draft, drafted, uniforms)

@mistakes.program("Your ratio is read from target's row i + 1, which is for the token behind the drafted one. Row i of target and row i of draft are for the same place.")
def ratio_one_place_late(target, draft, drafted, uniforms):
    keeps = [bool(below_the_ratio(*place)) for place in zip(target[1:], draft, drafted, uniforms, strict=True)]
    return in_steps(target, draft, drafted, uniforms, count=lambda _: before_the_first_no(keeps))

@mistakes.program("Your next token after a no is drawn from target's row behind it. The refused token's own place is to be filled.")
def drawn_one_place_late(target, draft, drafted, uniforms):
    n, probabilities = in_steps(target, draft, drafted, uniforms)
    return n, to_one(above(target[n + 1], draft[n], None)) if n < len(drafted) else probabilities

@mistakes.program("Your next token after a no is drawn from the first place's probabilities, or the last's. The refused token's own place is to be filled.")
def drawn_at_the_first_place(target, draft, drafted, uniforms):
    n, probabilities = in_steps(target, draft, drafted, uniforms)
    return n, to_one(above(target[0], draft[0], None)) if n < len(drafted) else probabilities

mistakes.add("draft_at_the_end", but(end=lambda target, draft: draft[-1]),
    "Your next token is drawn from the draft if all are kept. Target has a row more, for one token that comes for free.")
mistakes.add("last_place_again", but(end=lambda target, draft: target[-2]),
    "Your next token is drawn from target's row for the last draft if all are kept. That place is filled: it has one row more.")
mistakes.add("above_the_last_draft", but(end=lambda target, draft: to_one(above(target[-1], draft[-1], None))),
    "Your next token is drawn from what target has above the draft even if all are kept. Nothing was drafted there, so target's last row is left as it is.")
mistakes.add("last_place_above_the_draft", but(end=lambda target, draft: to_one(above(target[-2], draft[-1], None))),
    "Your last draft is answered as if it were refused, although all are kept. Then the next token is drawn from target's last row.")
mistakes.add("next_token_counted", but(answer=lambda n, probabilities, *_: (n + 1, probabilities)),
    "Your count has the token to be drawn next in it. Count the drafted ones that are kept.")
mistakes.add("refused_one_counted", but(answer=lambda n, probabilities, drafted, no: (n + no, probabilities)),
    "Your count has the refused token in it. Count those before it.")
mistakes.add("one_too_few", but(answer=lambda n, probabilities, drafted, no: (n - 1, probabilities)),
    "Your count is the last kept token's place, counted from 0. How many are kept is one more.")
mistakes.add("kept_tokens", but(answer=lambda n, probabilities, drafted, no: (drafted[:n].tolist(), probabilities)),
    "Your first result holds the kept tokens. How many they are is asked for.")
mistakes.add("kept_tokens_in_a_tensor", but(answer=lambda n, probabilities, drafted, no: (drafted[:n], probabilities)),
    "Your first result holds the kept tokens. How many they are is asked for.")
mistakes.add("likeliest_next_token", but(answer=lambda n, probabilities, *_: (n, probabilities.argmax())),
    "Your second result is a token. The probabilities are asked for; whoever calls draws from them.")
mistakes.add("likeliest_next_token_as_a_number",
    but(answer=lambda n, probabilities, *_: (n, int(probabilities.argmax()))),
    "Your second result is a token. The probabilities are asked for; whoever calls draws from them.")
mistakes.add("probabilities_first", but(answer=lambda n, probabilities, *_: (probabilities, n)),
    "Your two results are in the other order. Return how many are kept first, then the probabilities.")


def places(V, *decisions, dtype=torch.float32):
    """Probabilities of V tokens, and a draft for each decision: "no", or one of several reasons to keep it."""

    def draw(generator):
        k = len(decisions)
        target, draft = (
            (1.5 * torch.randn(rows, V, generator=generator, dtype=torch.float64)).softmax(-1) for rows in (k + 1, k)
        )
        drafted, uniforms = [], []
        for p, q, decision in zip(target[:-1], draft, decisions, strict=True):
            ratio, difference, product = p / q, p - q, p * q
            # a token, and the ends between which u is drawn: where others than the ratio would decide otherwise
            x, low, high = {
                "no": (ratio.argmin(), ratio, torch.ones(V)),
                "luck": ((ratio - 0.6).abs().argmin(), p, ratio.clamp(max=1)),
                "sure": (ratio.argmax(), torch.maximum(p, 1 / ratio), torch.ones(V)),
                "likely": (p.argmax(), torch.maximum(product, difference), p),
                "apart": (difference.argmax(), product, difference),
                "tiny": (difference.argmax(), torch.zeros(V), torch.minimum(product, difference)),
            }[decision]
            drafted.append(int(x))
            between = 0.1 + 0.8 * torch.rand((), generator=generator, dtype=torch.float64)
            uniforms.append(float(torch.lerp(low[x].double(), high[x].double(), between)))
        return {"target": target.to(dtype), "draft": draft.to(dtype), "drafted": tensor(drafted),
                "uniforms": tensor(uniforms, dtype=dtype)}

    return draw


ONE = {"target": tensor([[0.5, 0.5], [0.9, 0.1]]), "draft": tensor([[0.8, 0.2]]), "drafted": tensor([0])}
exercise = Exercise(
    reference=accept_drafts,
    use=sampling.accept_drafts,
    cases=[
        Case("kept, by hand: 0.6 is below 0.5 / 0.8", **ONE, uniforms=tensor([0.6])),
        Case("refused, by hand: 0.7 is not", **ONE, uniforms=tensor([0.7])),
        Case("impossible to target, by hand", draft=tensor([[0.5, 0.5, 0.0, 0.0]]), drafted=tensor([0]),
            target=tensor([[0.0, 0.4, 0.4, 0.2], [0.25, 0.25, 0.25, 0.25]]), uniforms=tensor([0.0])),
        Case("one draft, refused", together=places(5, "no")),
        Case("three drafts, all kept", together=places(6, "likely", "sure", "luck")),
        Case("all kept by luck", together=places(9, "luck", "luck", "luck", "luck")),
        Case("a no, then a yes", together=places(5, "no", "sure")),
        Case("the second of four is refused", together=places(7, "tiny", "no", "luck", "sure")),
        Case("the last of three is refused", together=places(8, "apart", "luck", "no")),
        Case("two are refused", together=places(6, "likely", "luck", "no", "sure", "no", "luck")),
        Case("a longer draft", together=places(12, "tiny", "apart", "sure", "tiny", "no", "luck", "sure")),
        Case("a longer draft, kept", together=places(10, "tiny", "apart", "likely", "sure", "luck")),
        Case("64-bit numbers", together=places(5, "apart", "no", "sure", dtype=torch.float64)),
    ],
    variants=[all_at_once, while_it_goes, place_of_the_first_no, number_by_number],
    mistakes=mistakes,
    points=3,
)  # fmt: skip
