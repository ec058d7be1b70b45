"""Beam search: several sequences kept at once, so that a good one may begin with a word that looks worse."""

import heapq
import math

import torch

from utils.attempts.uses import decoding

from ..exercise import Case, Draw, Exercise, Mistakes, replacing


def beam_search(step, start, end, width, max_length):
    """The words of a likely sequence, as a list of ints: those after `start`, without `end`.

    step(prefixes) takes prefixes (N, L), whole numbers, each row a sequence that begins with `start`; it returns the
    log-probabilities (N, V) of the next word. The search begins with the one prefix [start]. At each length every kept
    prefix is continued by every word, and the `width` continuations (all, where there are fewer) with the highest sum
    of log-probabilities are kept. Those of them that end with `end` are finished and set aside, the others are
    continued, until none is left or max_length words stand after `start`; then the unfinished compete as they are.
    Of all these, the highest log-probability per word wins: the sum divided by the number of words after `start`,
    `end` included.
    """
    prefixes, sums = torch.tensor([[start]]), torch.zeros(1)
    best, best_mean = [], -math.inf
    for length in range(1, max_length + 1):
        continued = sums[:, None] + step(prefixes)  # (N, V)
        V = continued.size(1)
        sums, places = continued.flatten().topk(min(width, continued.numel()))
        prefixes = torch.cat([prefixes[places // V], places[:, None] % V], 1)  # (width, 1 + length)
        finished = prefixes[:, -1] == end
        competing = torch.ones_like(finished) if length == max_length else finished
        for total, prefix in zip(sums[competing].tolist(), prefixes[competing].tolist(), strict=True):
            if total / length > best_mean:
                best, best_mean = prefix, total / length
        prefixes, sums = prefixes[~finished], sums[~finished]
        if len(prefixes) == 0:
            break
    return [word for word in best[1:] if word != end]


# Right, and written differently

def sorted_tensors(step, start, end, width, max_length):
    prefixes, losses, done = torch.full((1, 1), start), torch.zeros(1, 1), []
    while prefixes.size(0) > 0 and prefixes.size(1) <= max_length:
        losses = losses - step(prefixes)  # (N, V), to be small
        smallest = losses.flatten().argsort()[:width]
        rows, tokens = torch.unravel_index(smallest, losses.shape)
        losses, prefixes = losses[rows, tokens], torch.column_stack([prefixes[rows], tokens])
        going_on = tokens != end
        done += zip((losses / (prefixes.size(1) - 1)).tolist(), prefixes.tolist(), going_on.tolist(), strict=True)
        prefixes, losses = prefixes[going_on], losses[going_on, None]
    complete = [entry for entry in done if not entry[2] or len(entry[1]) == max_length + 1]
    tokens = min(complete)[1][1:]
    return tokens[:-1] if tokens[-1] == end else tokens

def one_prefix_at_a_time(step, start, end, width, max_length):
    beam, finished = [(0.0, [start])], []
    for _ in range(max_length):
        continued = []
        for total, prefix in beam:
            for token, log_probability in enumerate(step(torch.tensor([prefix]))[0].tolist()):
                continued.append((total + log_probability, [*prefix, token]))
        beam = heapq.nlargest(width, continued)
        finished += [entry for entry in beam if entry[1][-1] == end]
        beam = [entry for entry in beam if entry[1][-1] != end]
        if not beam:
            break
    _, prefix = max(finished + beam, key=lambda entry: entry[0] / (len(entry[1]) - 1))
    return [token for token in prefix[1:] if token != end]

def recursive(step, start, end, width, max_length):
    def best_of(sums, prefixes, left):
        """(mean, tokens) of the best that these prefixes and what follows them come to."""
        entries = list(zip((sums / max(1, prefixes.size(1) - 1)).tolist(), prefixes[:, 1:].tolist(), strict=True))
        open_ = prefixes[:, -1] != end
        if left == 0 or not open_.any():
            return max(entries)
        finished = [entry for entry, going_on in zip(entries, open_.tolist(), strict=True) if not going_on]
        sums, prefixes = sums[open_], prefixes[open_]
        gains = step(prefixes)
        N, V = gains.shape
        candidates = torch.cat([prefixes.repeat_interleave(V, 0), torch.arange(V).repeat(N)[:, None]], 1)
        sums, order = (sums[:, None] + gains).flatten().sort(descending=True)
        return max([*finished, best_of(sums[:width], candidates[order[:width]], left - 1)])

    _, tokens = best_of(torch.zeros(1), torch.tensor([[start]]), max_length)
    return tokens[: tokens.index(end)] if end in tokens else tokens


# Wrong

def places(continued, width):
    return continued.flatten().topk(min(width, continued.numel())).indices

def apart(places, row):
    """Which row, and where in it."""
    return places // row, places % row

def highest(continued, width):
    """Which prefix, and which token, for each of the `width` highest (N, V)."""
    return apart(places(continued, width), continued.size(1))

def per_token(total, tokens, end):
    return total / len(tokens)

def together(finished, unfinished):
    return finished + unfinished

def between(prefix, end):
    return [token for token in prefix[1:] if token != end]

def in_steps(
    step, start, end, width, max_length,
    add=torch.add, pick=highest, rate=per_token, enough=math.inf, compete=together, shrinks=False, answer=between,
):
    """beam_search with parts to be replaced."""
    prefixes, sums, finished, unfinished = torch.tensor([[start]]), torch.zeros(1), [], []
    for _ in range(max_length):
        continued = add(sums[:, None], step(prefixes))
        rows, tokens = pick(continued, width)
        sums, prefixes = continued[rows, tokens], torch.cat([prefixes[rows], tokens[:, None]], 1)
        rated = [(rate(total, row[1:], end), row) for total, row in zip(sums.tolist(), prefixes.tolist(), strict=True)]
        finished += [entry for entry in rated if entry[1][-1] == end]
        unfinished = [entry for entry in rated if entry[1][-1] != end]
        prefixes, sums = prefixes[tokens != end], sums[tokens != end]
        if shrinks:
            width -= len(rated) - len(unfinished)
        if len(finished) >= enough:
            unfinished = []
        if not unfinished:
            break
    _, best = max(compete(finished, unfinished), default=(0, [start]))
    return answer(best, end)

but = replacing(in_steps)
mistakes = Mistakes()

mistakes.add("greedy", lambda step, start, end, width, max_length: beam_search(step, start, end, 1, max_length),
    "Your search follows a single sequence, whatever the width (copies of one count as one). Keep the `width` best different ones at each length.")

@mistakes.program("You keep the best continuation of each prefix, so a good prefix never has two. All continuations of all prefixes compete with each other.")
def best_of_each_prefix(step, start, end, width, max_length):
    def pick(continued, width):
        if len(continued) == 1:
            return highest(continued, width)
        return torch.arange(len(continued)), continued.argmax(1)

    return in_steps(step, start, end, width, max_length, pick=pick)

@mistakes.program("You keep `width` continuations of each sequence, so there are more of them at every length. All continuations of all kept sequences compete for `width` places.")
def width_for_each(step, start, end, width, max_length):
    def pick(continued, width):
        N, V = continued.shape
        tokens = continued.topk(min(width, V)).indices  # (N, width)
        return torch.arange(N).repeat_interleave(tokens.size(1)), tokens.flatten()

    return in_steps(step, start, end, width, max_length, pick=pick)

@mistakes.program("You set aside every sequence that ends, however unlikely. It has to be among the `width` best of its length, as the others do.")
def every_end_set_aside(step, start, end, width, max_length):
    def pick(continued, width):
        rows, tokens = highest(continued.index_fill(1, torch.tensor(end), -math.inf), width)
        everyone = torch.arange(len(continued))
        return torch.cat([everyone, rows]), torch.cat([torch.full_like(everyone, end), tokens])

    return in_steps(step, start, end, width, max_length, pick=pick)

mistakes.add("lowest", but(pick=lambda continued, width: highest(-continued, width)),
    "You keep the continuations with the lowest log-probability. The highest, nearest to zero, are the likely ones.")
mistakes.add("worst_at_the_end", but(rate=lambda total, tokens, end: -total / len(tokens)),
    "Your search is right, and at the end you return the worst of what it found. The highest log-probability per word wins.")
mistakes.add("not_normalised", but(rate=lambda total, tokens, end: total),
    "You compare finished sequences by their sum, which favours short ones. Compare them per word.")
mistakes.add("product_per_word", but(rate=lambda total, tokens, end: math.exp(total) / len(tokens)),
    "You divide the product of the probabilities by the number of words. Per word means: the sum of the log-probabilities over the number of words.")
mistakes.add("end_not_counted", but(rate=lambda total, tokens, end: total / max(1, len(tokens) - tokens.count(end))),
    "You divide by the number of words without `end`. Its log-probability is in the sum, so it counts as a word too.")
mistakes.add("start_counted", but(rate=lambda total, tokens, end: total / (len(tokens) + 1)),
    "You count `start` among the words you divide by. It has no log-probability in the sum, so it does not count.")
mistakes.add("probabilities_added", but(add=lambda sums, gains: sums + gains.exp()),
    "You add up probabilities. A sequence is as likely as the product of its words' probabilities, so add up their logarithms, as `step` returns them.")
mistakes.add("log_probabilities_multiplied", but(add=lambda sums, gains: sums * gains if sums.any() else gains),
    "You multiply log-probabilities. Probabilities are multiplied; their logarithms are added.")

def last_gain(sums, gains):
    return 0 * sums + gains

mistakes.add("last_token_counts", but(add=last_gain),
    "You rank by the last word alone. The whole sequence counts: add its log-probability to the sum so far.")
mistakes.add("last_token_counts_and_not_normalised", but(add=last_gain, rate=lambda total, tokens, end: total),
    "You rank by the last word alone. The whole sequence counts: add its log-probability to the sum so far, and compare per word at the end.")
mistakes.add("end_not_noticed",
    lambda step, start, end, width, max_length: in_steps(step, start, -1, width, max_length),
    "Your search writes on after `end`. A sequence that ends with it is finished: set it aside.")

@mistakes.program("Your search writes on after `end`, and you cut the answer there. A sequence that ends with it is finished: set it aside with the sum it has then.")
def end_not_noticed_until_the_answer(step, start, end, width, max_length):
    tokens = in_steps(step, start, -1, width, max_length)
    return tokens[: tokens.index(end)] if end in tokens else tokens

mistakes.add("start_returned", but(answer=lambda prefix, end: [prefix[0], *between(prefix, end)]),
    "You return `start` as well. Return only the words after it.")
mistakes.add("end_returned", but(answer=lambda prefix, end: prefix[1:]),
    "You return `end` as well. Leave it away; it counts for the length, but is no word of the answer.")
mistakes.add("start_and_end_returned", but(answer=lambda prefix, end: prefix),
    "You return `start` and `end` as well. Return only the words between.")
mistakes.add("score_returned", but(answer=lambda prefix, end: (0.0, between(prefix, end))),
    "You return a score beside the words. Return the list of words alone.")
mistakes.add("tensor_returned", but(answer=lambda prefix, end: torch.tensor(between(prefix, end))),
    "You return a tensor. Return a list of ints.")
mistakes.add("first_finished", but(enough=1),
    "You stop as soon as a sequence is finished. A longer one may still be likelier per word: go on while something is left to continue.")
mistakes.add("enough_finished",
    lambda step, start, end, width, max_length: in_steps(step, start, end, width, max_length, enough=width),
    "You stop when `width` sequences are finished, as many programs do. Here the search goes on while something is left to continue.")
mistakes.add("unfinished_thrown_away", but(compete=lambda finished, unfinished: finished),
    "You throw away what is unfinished at max_length. Let it compete as it is, with the finished ones.")
mistakes.add("unfinished_if_nothing_is_finished", but(compete=lambda finished, unfinished: finished or unfinished),
    "You look at unfinished sequences only when none is finished. At max_length they compete with the finished ones, per word, as they are.")
mistakes.add("finished_keep_their_place", but(shrinks=True),
    "Your finished sequences keep their place, so the beam shrinks by each, as in early papers on translation. Here `width` continuations are kept at every length.")
mistakes.add("divided_by_the_width", but(pick=lambda continued, width: apart(places(continued, width), width)),
    "You take the flattened place apart by the width. Each prefix has a row of V places, one for each word: which number says where one row ends?")
mistakes.add("row_and_token_swapped",
    but(pick=lambda continued, width: apart(places(continued, width), len(continued))[::-1]),
    "You take the flattened place apart by the number of prefixes. Each prefix has a row of V places, one for each word: which number says where one row ends?")
mistakes.add("more_than_there_are",
    but(pick=lambda continued, width: apart(continued.flatten().topk(width).indices, continued.size(1))),
    "You ask for `width` continuations where there are fewer. At the first length there are only V: take as many as there are.")
mistakes.add("one_too_few",
    lambda step, start, end, width, max_length: in_steps(step, start, end, width, max_length - 1),
    "You stop one word too early. `max_length` words may be written after `start`, `end` among them.")
mistakes.add("one_too_many",
    lambda step, start, end, width, max_length: in_steps(step, start, end, width, max_length + 1),
    "You write one word too many. At most `max_length` words may stand after `start`, `end` among them; `start` is not counted.")
mistakes.add("last_token_asked", lambda step, *others: beam_search(lambda prefixes: step(prefixes[:, -1:]), *others),
    "You give `step` the last word of each prefix. What comes next depends on all of it: give whole prefixes, from `start` on.")
mistakes.add("without_start", lambda step, *others: beam_search(lambda prefixes: step(prefixes[:, 1:]), *others),
    "You give `step` the prefixes without `start`. It expects whole prefixes, and the first of them is [start].")


def searched(width, max_length, language, start=0, end=1):
    return {"language": language, "start": start, "end": end, "width": width, "max_length": max_length}


def languages(V, width, max_length, start=0, end=1, likely=0.0, impossible=0.0, count=4, rows=101):
    """Tables of logits (count, rows, V): `likely` is added for end; other words are impossible with that probability."""

    def draw(generator):
        logits = 1.5 * torch.randn(count, rows, V, generator=generator)
        never = torch.rand(count, rows, V, generator=generator) < impossible
        never[..., end] = False
        logits[..., end] += likely
        return logits.masked_fill(never, -math.inf)

    return searched(width, max_length, Draw(draw), start, end)


exercise = Exercise(
    reference=beam_search,
    use=decoding.beam_search,
    cases=[
        Case("by hand, where the likeliest first word leads nowhere",
            **searched(2, 2, {(): [0.0, 0.0, 0.6, 0.4], (2,): [0.0, 0.2, 0.41, 0.39], (3,): [0.0, 0.9, 0.06, 0.04]})),
        Case("by hand, where the longer sequence is likelier per word",
            **searched(2, 3, {(): [0.0, 0.5, 0.45, 0.05], (2,): [0.0, 0.9, 0.06, 0.04], (3,): [0.0, 0.5, 0.3, 0.2]})),
        Case("by hand, where one sequence is finished at once and two others go on",
            **searched(2, 3, {(): [0.0, 0.3, 0.5, 0.2], (2,): [0.0, 0.04, 0.5, 0.46],
                              (2, 2): [0.0, 0.3, 0.36, 0.34], (2, 3): [0.0, 0.95, 0.03, 0.02]})),
        Case("by hand, where the end is out of reach",
            **searched(1, 2, {(): [0.0, 0.1, 0.2, 0.7], (3,): [0.0, 0.1, 0.6, 0.3]})),
        Case("by hand, where an end falls off the beam",
            **searched(1, 3, {(): [0.0, 0.4, 0.6, 0.0, 0.0],
                              (2,): [0.0, 0.24, 0.26, 0.25, 0.25], (2, 2): [0.0, 0.24, 0.26, 0.25, 0.25]})),
        Case("eight languages", **languages(V=6, width=3, max_length=6, likely=0.5, count=8)),
        Case("width 1", **languages(V=6, width=1, max_length=6)),
        Case("width 5", **languages(V=6, width=5, max_length=7, likely=0.5, count=8)),
        Case("one word at most", **languages(V=5, width=3, max_length=1)),
        Case("an end that comes at once", **languages(V=5, width=3, max_length=5, likely=8.0)),
        Case("an end that hardly ever comes", **languages(V=5, width=3, max_length=5, likely=-9.0)),
        Case("wider than there are words", **languages(V=4, width=9, max_length=5, likely=-1.0)),
        Case("other numbers for start and end", **languages(V=6, width=3, max_length=7, start=4, end=2)),
        Case("many impossible words",
            **languages(V=6, width=4, max_length=6, start=3, end=5, likely=-1.0, impossible=0.5)),
    ],
    variants=[sorted_tensors, one_prefix_at_a_time, recursive],
    mistakes=mistakes,
    points=4,
)
