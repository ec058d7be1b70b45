"""Beam search: several sequences kept at once, so that a good one may begin with a word that looks worse."""

import heapq
import math

import torch

from utils.attempts import probes

from ..exercise import Case, Draw, Exercise, Mistake


def beam_search(step, start, end, width, max_length):
    """The tokens of a likely sequence, as a list of ints: those after `start`, without `end`.

    step(prefixes) takes prefixes (N, L), whole numbers, each row a sequence that begins with `start`; it returns the
    log-probabilities (N, V) of the next token. The search begins with the one prefix [start]. At each length every kept
    prefix is continued by every token, and the `width` continuations (all, where there are fewer) with the highest sum
    of log-probabilities are kept. Those of them that end with `end` are finished and set aside, the others are
    continued, until none is left or max_length tokens stand after `start`; then the unfinished compete as they are.
    Of all these, the highest log-probability per token wins: the sum divided by the number of tokens after `start`,
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
    return [token for token in best[1:] if token != end]


def _sorted_tensors(step, start, end, width, max_length):
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


def _one_prefix_at_a_time(step, start, end, width, max_length):
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


def _recursive(step, start, end, width, max_length):
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


def _highest(continued, width):
    """Which prefix, and which token, for each of the `width` highest (N, V)."""
    places = continued.flatten().topk(min(width, continued.numel())).indices
    return places // continued.size(1), places % continued.size(1)


def _mean(total, length):
    return total / length


def _search(
    step, start, end, width, max_length, add=torch.add, pick=_highest, rate=_mean, enough=None, shrink=False, cut=True
):
    """beam_search with parts to be replaced; the whole prefix that wins, `start` and `end` included."""
    prefixes, sums, finished, unfinished = torch.tensor([[start]]), torch.zeros(1), [], []
    for length in range(1, max_length + 1):
        continued = add(sums[:, None], step(prefixes))
        rows, tokens = pick(continued, width)
        sums, prefixes = continued[rows, tokens], torch.cat([prefixes[rows], tokens[:, None]], 1)
        rated = [(rate(total, length), row) for total, row in zip(sums.tolist(), prefixes.tolist(), strict=True)]
        finished += [entry for entry in rated if entry[1][-1] == end]
        unfinished = [entry for entry in rated if entry[1][-1] != end]
        prefixes, sums = prefixes[tokens != end], sums[tokens != end]
        if shrink:
            width -= len(rated) - len(unfinished)
        if not unfinished or (enough and len(finished) >= enough):
            break
    if enough and len(finished) >= enough:
        unfinished = []
    elif cut == "only if nothing is finished":
        unfinished = [] if finished else unfinished
    return max(finished + (unfinished if cut else []), default=(0, [start]))[1]


def _bare(prefix, end):
    return [token for token in prefix[1:] if token != end]


def _greedy(step, start, end, width, max_length):
    return beam_search(step, start, end, 1, max_length)


def _every_end_set_aside(step, start, end, width, max_length):
    kept, done = [(0.0, [start])], []
    for _ in range(max_length):
        candidates = []
        for (total, prefix), row in zip(kept, step(torch.tensor([prefix for _, prefix in kept])).tolist(), strict=True):
            candidates += [(total + gain, [*prefix, token]) for token, gain in enumerate(row)]
        done += [entry for entry in candidates if entry[1][-1] == end]
        going_on = sorted((entry for entry in candidates if entry[1][-1] != end), reverse=True)
        kept = going_on[:width]
    return _bare(max(done + kept, key=lambda entry: entry[0] / (len(entry[1]) - 1))[1], end)


def _lowest(step, start, end, width, max_length):
    def pick(continued, width):
        return _highest(-continued, width)

    return _bare(_search(step, start, end, width, max_length, pick=pick), end)


def _worst_at_the_end(step, start, end, width, max_length):
    return _bare(_search(step, start, end, width, max_length, rate=lambda total, length: -total / length), end)


def _not_normalised(step, start, end, width, max_length):
    return _bare(_search(step, start, end, width, max_length, rate=lambda total, length: total), end)


def _end_not_counted(step, start, end, width, max_length):
    finished = []

    def pick(continued, width):
        rows, tokens = _highest(continued, width)
        finished[:] = (tokens == end).tolist()
        return rows, tokens

    def rate(total, length):
        return total / max(length - finished.pop(0), 1)

    return _bare(_search(step, start, end, width, max_length, pick=pick, rate=rate), end)


def _start_counted(step, start, end, width, max_length):
    return _bare(_search(step, start, end, width, max_length, rate=lambda total, length: total / (length + 1)), end)


def _probabilities_added(step, start, end, width, max_length):
    return _bare(_search(step, start, end, width, max_length, add=lambda sums, gains: sums + gains.exp()), end)


def _log_probabilities_multiplied(step, start, end, width, max_length):
    def add(sums, gains):
        return sums * gains if sums.any() else gains

    return _bare(_search(step, start, end, width, max_length, add=add), end)


def _last_token_counts(step, start, end, width, max_length):
    return _bare(_search(step, start, end, width, max_length, add=lambda sums, gains: 0 * sums + gains), end)


def _last_token_counts_and_not_normalised(step, start, end, width, max_length):
    def rate(total, length):
        return total

    return _bare(_search(step, start, end, width, max_length, add=lambda sums, gains: 0 * sums + gains, rate=rate), end)


def _end_not_noticed(step, start, end, width, max_length):
    return _search(step, start, -1, width, max_length)[1:]


def _end_not_noticed_until_the_answer(step, start, end, width, max_length):
    tokens = _search(step, start, -1, width, max_length)[1:]
    return tokens[: tokens.index(end)] if end in tokens else tokens


def _start_returned(step, start, end, width, max_length):
    return [start, *beam_search(step, start, end, width, max_length)]


def _end_returned(step, start, end, width, max_length):
    return _search(step, start, end, width, max_length)[1:]


def _start_and_end_returned(step, start, end, width, max_length):
    return _search(step, start, end, width, max_length)


def _tensor_returned(step, start, end, width, max_length):
    return torch.tensor(beam_search(step, start, end, width, max_length))


def _best_of_each_prefix(step, start, end, width, max_length):
    def pick(continued, width):
        return (
            _highest(continued, width) if len(continued) == 1 else (torch.arange(len(continued)), continued.argmax(1))
        )

    return _bare(_search(step, start, end, width, max_length, pick=pick), end)


def _first_finished(step, start, end, width, max_length):
    return _bare(_search(step, start, end, width, max_length, enough=1), end)


def _enough_finished(step, start, end, width, max_length):
    return _bare(_search(step, start, end, width, max_length, enough=width), end)


def _unfinished_thrown_away(step, start, end, width, max_length):
    return _bare(_search(step, start, end, width, max_length, cut=False), end)


def _unfinished_if_nothing_is_finished(step, start, end, width, max_length):
    return _bare(_search(step, start, end, width, max_length, cut="only if nothing is finished"), end)


def _finished_keep_their_place(step, start, end, width, max_length):
    return _bare(_search(step, start, end, width, max_length, shrink=True), end)


def _divided_by_the_width(step, start, end, width, max_length):
    def pick(continued, width):
        places = continued.flatten().topk(min(width, continued.numel())).indices
        return places // width, places % width

    return _bare(_search(step, start, end, width, max_length, pick=pick), end)


def _row_and_token_swapped(step, start, end, width, max_length):
    def pick(continued, width):
        places = continued.flatten().topk(min(width, continued.numel())).indices
        return places % len(continued), places // len(continued)

    return _bare(_search(step, start, end, width, max_length, pick=pick), end)


def _more_than_there_are(step, start, end, width, max_length):
    def pick(continued, width):
        places = continued.flatten().topk(width).indices
        return places // continued.size(1), places % continued.size(1)

    return _bare(_search(step, start, end, width, max_length, pick=pick), end)


def _one_too_few(step, start, end, width, max_length):
    return _bare(_search(step, start, end, width, max_length - 1), end)


def _one_too_many(step, start, end, width, max_length):
    return _bare(_search(step, start, end, width, max_length + 1), end)


def _last_token_asked(step, start, end, width, max_length):
    return beam_search(lambda prefixes: step(prefixes[:, -1:]), start, end, width, max_length)


def _without_start(step, start, end, width, max_length):
    return beam_search(lambda prefixes: step(prefixes[:, 1:]), start, end, width, max_length)


def _languages(V, end, likely=0.0, impossible=0.0, count=4, rows=101):
    """Tables of logits (count, rows, V): `likely` is added for end; other tokens are impossible with that probability."""

    def draw(generator):
        logits = 1.5 * torch.randn(count, rows, V, generator=generator)
        never = torch.rand(count, rows, V, generator=generator) < impossible
        never[..., end] = False
        logits[..., end] += likely
        return logits.masked_fill(never, -math.inf)

    return Draw(draw)


def _case(name, V, width, max_length, start=0, end=1, **how):
    return Case(name, language=_languages(V, end, **how), start=start, end=end, width=width, max_length=max_length)


beam_search_of = Exercise(
    reference=beam_search,
    probe=probes.beam_search,
    cases=[
        Case(
            "by hand, where the likeliest first token leads nowhere", start=0, end=1, width=2, max_length=2,
            language={(): [0.0, 0.0, 0.6, 0.4], (2,): [0.0, 0.2, 0.41, 0.39], (3,): [0.0, 0.9, 0.06, 0.04]},
        ),
        Case(
            "by hand, where the longer sequence is likelier per token", start=0, end=1, width=2, max_length=3,
            language={(): [0.0, 0.5, 0.45, 0.05], (2,): [0.0, 0.9, 0.06, 0.04], (3,): [0.0, 0.5, 0.3, 0.2]},
        ),
        Case(
            "by hand, where one sequence is finished at once and two others go on", start=0, end=1, width=2, max_length=3,
            language={(): [0.0, 0.3, 0.5, 0.2], (2,): [0.0, 0.04, 0.5, 0.46], (2, 2): [0.0, 0.3, 0.36, 0.34], (2, 3): [0.0, 0.95, 0.03, 0.02]},
        ),
        Case(
            "by hand, where the end is out of reach", start=0, end=1, width=1, max_length=2,
            language={(): [0.0, 0.1, 0.2, 0.7], (3,): [0.0, 0.1, 0.6, 0.3]},
        ),
        Case(
            "by hand, where an end falls off the beam", start=0, end=1, width=1, max_length=3,
            language={(): [0.0, 0.4, 0.6, 0.0, 0.0], (2,): [0.0, 0.24, 0.26, 0.25, 0.25], (2, 2): [0.0, 0.24, 0.26, 0.25, 0.25]},
        ),
        _case("eight languages", V=6, width=3, max_length=6, likely=0.5, count=8),
        _case("width 1", V=6, width=1, max_length=6),
        _case("width 5", V=6, width=5, max_length=7, likely=0.5, count=8),
        _case("one token at most", V=5, width=3, max_length=1),
        _case("an end that comes at once", V=5, width=3, max_length=5, likely=8.0),
        _case("an end that hardly ever comes", V=5, width=3, max_length=5, likely=-9.0),
        _case("wider than there are tokens", V=4, width=9, max_length=5, likely=-1.0),
        _case("other numbers for start and end", V=6, width=3, max_length=7, start=4, end=2),
        _case("many impossible tokens", V=6, width=4, max_length=6, start=3, end=5, likely=-1.0, impossible=0.5),
    ],
    variants=[_sorted_tensors, _one_prefix_at_a_time, _recursive],
    mistakes=[
        Mistake(_greedy, "Your search follows a single sequence, whatever the width (copies of one count as one). Keep the `width` best different ones at each length."),
        Mistake(_best_of_each_prefix, "You keep the best continuation of each prefix, so a good prefix never has two. All continuations of all prefixes compete with each other."),
        Mistake(_every_end_set_aside, "You set aside every sequence that ends, however unlikely. It has to be among the `width` best of its length, as the others do."),
        Mistake(_lowest, "You keep the continuations with the lowest log-probability. The highest, nearest to zero, are the likely ones."),
        Mistake(_worst_at_the_end, "Your search is right, and at the end you return the worst of what it found. The highest log-probability per token wins."),
        Mistake(_not_normalised, "You compare finished sequences by their sum, which favours short ones. Compare them per token."),
        Mistake(_end_not_counted, "You divide by the number of tokens without `end`. Its log-probability is in the sum, so it counts as a token too."),
        Mistake(_start_counted, "You count `start` among the tokens you divide by. It has no log-probability in the sum, so it does not count."),
        Mistake(_probabilities_added, "You add up probabilities. A sequence is as likely as the product of its tokens' probabilities, so add up their logarithms, as `step` returns them."),
        Mistake(_log_probabilities_multiplied, "You multiply log-probabilities. Probabilities are multiplied; their logarithms are added."),
        Mistake(_last_token_counts, "You rank by the last token alone. The whole sequence counts: add its log-probability to the sum so far."),
        Mistake(_last_token_counts_and_not_normalised, "You rank by the last token alone. The whole sequence counts: add its log-probability to the sum so far, and compare per token at the end."),
        Mistake(_end_not_noticed, "Your search writes on after `end`. A sequence that ends with it is finished: set it aside."),
        Mistake(_end_not_noticed_until_the_answer, "Your search writes on after `end`, and you cut the answer there. A sequence that ends with it is finished: set it aside with the sum it has then."),
        Mistake(_start_returned, "You return `start` as well. Return only the tokens after it."),
        Mistake(_end_returned, "You return `end` as well. Leave it away; it counts for the length, but is no word of the answer."),
        Mistake(_start_and_end_returned, "You return `start` and `end` as well. Return only the tokens between."),
        Mistake(_tensor_returned, "You return a tensor. Return a list of ints."),
        Mistake(_first_finished, "You stop as soon as a sequence is finished. A longer one may still be likelier per token: go on while something is left to continue."),
        Mistake(_enough_finished, "You stop when `width` sequences are finished, as many programs do. Here the search goes on while something is left to continue."),
        Mistake(_unfinished_thrown_away, "You throw away what is unfinished at max_length. Let it compete as it is, with the finished ones."),
        Mistake(_unfinished_if_nothing_is_finished, "You look at unfinished sequences only when none is finished. At max_length they compete with the finished ones, per token, as they are."),
        Mistake(_finished_keep_their_place, "Your finished sequences keep their place, so the beam shrinks by each, as in early papers on translation. Here `width` continuations are kept at every length."),
        Mistake(_divided_by_the_width, "You take the flattened place apart by the width. Each prefix has a row of V places, one for each token: which number says where one row ends?"),
        Mistake(_row_and_token_swapped, "You take the flattened place apart by the number of prefixes. Each prefix has a row of V places, one for each token: which number says where one row ends?"),
        Mistake(_more_than_there_are, "You ask for `width` continuations where there are fewer. At the first length there are only V: take as many as there are."),
        Mistake(_one_too_few, "You stop one token too early. `max_length` tokens may be written after `start`, `end` among them."),
        Mistake(_one_too_many, "You write one token too many. At most `max_length` tokens may stand after `start`, `end` among them; `start` is not counted."),
        Mistake(_last_token_asked, "You give `step` the last token of each prefix. What comes next depends on all of it: give whole prefixes, from `start` on."),
        Mistake(_without_start, "You give `step` the prefixes without `start`. It expects whole prefixes, and the first of them is [start]."),
    ],
    points=4,
)  # fmt: skip
