"""Drawing the next token."""

import math

import numpy as np
import torch
from torch import tensor
from torch.nn import functional as F

from utils.attempts import probes
from utils.models import sample

from ..exercise import Case, Draw, Exercise, Mistake


def _among_the_best(logits, temperature=1.0, top_k=None, generator=None):
    best, tokens = logits.topk(top_k or logits.size(-1))  # (B, k)
    choice = torch.multinomial(F.softmax(best / temperature, -1), 1, generator=generator)  # (B, 1)
    return tokens.gather(-1, choice).flatten()


def _gumbel(logits, temperature=1.0, top_k=None, generator=None):
    scores = logits / temperature
    if top_k is not None:
        kept = torch.zeros_like(scores, dtype=torch.bool).scatter(-1, scores.topk(top_k).indices, True)
        scores = scores.masked_fill(~kept, -math.inf)
    noise = torch.rand(scores.shape, generator=generator, dtype=torch.float64).log().neg().log()
    return (scores - noise).argmax(-1)


def _inverse_of_the_sums(logits, temperature=1.0, top_k=None, generator=None):
    scores, tokens = torch.sort(logits.double() / temperature, descending=True, stable=True)
    sums = scores[:, :top_k].softmax(-1).cumsum(-1)
    place = torch.searchsorted(sums, torch.rand(len(logits), 1, generator=generator, dtype=torch.double) * sums[:, -1:])
    return tokens.gather(1, place.clamp(max=sums.size(1) - 1))[:, 0]


def _row_by_row(logits, temperature=1.0, top_k=None, generator=None):
    shares = ((logits - logits.amax(-1, keepdim=True)) / temperature).exp()
    if top_k:
        shares = shares * (logits >= logits.sort(descending=True).values[:, top_k - 1, None])
    return torch.cat([torch.multinomial(row, 1, generator=generator) for row in shares])


def _drawn(scores, generator):
    return torch.multinomial(scores.softmax(-1), 1, generator=generator)[:, 0]


def _best(logits, top_k):
    """The logits, those outside each row's top_k at minus infinity."""
    return logits if top_k is None else logits.masked_fill(logits < logits.topk(top_k).values[:, -1:], -math.inf)


def _multiplied(logits, temperature=1.0, top_k=None, generator=None):
    return _drawn(_best(logits, top_k) * temperature, generator)


def _temperature_ignored(logits, temperature=1.0, top_k=None, generator=None):
    return _drawn(_best(logits, top_k), generator)


def _temperature_with_a_floor(logits, temperature=1.0, top_k=None, generator=None):
    return sample(logits, max(temperature, 0.3), top_k, generator)


def _likeliest_when_cold(logits, temperature=1.0, top_k=None, generator=None):
    return logits.argmax(-1) if temperature < 0.2 else sample(logits, temperature, top_k, generator)


def _temperature_squared(logits, temperature=1.0, top_k=None, generator=None):
    return _drawn(_best(logits, top_k) / temperature**2, generator)


def _root_of_temperature(logits, temperature=1.0, top_k=None, generator=None):
    return _drawn(_best(logits, top_k) / temperature**0.5, generator)


def _top_k_ignored(logits, temperature=1.0, top_k=None, generator=None):
    return _drawn(logits / temperature, generator)


def _one_too_many(logits, temperature=1.0, top_k=None, generator=None):
    return sample(logits, temperature, top_k and min(top_k + 1, logits.size(-1)), generator)


def _one_too_few(logits, temperature=1.0, top_k=None, generator=None):
    kept = logits if top_k is None else logits.masked_fill(logits <= logits.topk(top_k).values[:, -1:], -math.inf)
    return torch.multinomial((kept / temperature).softmax(-1), 1, generator=generator)[:, 0]


def _the_least_likely(logits, temperature=1.0, top_k=None, generator=None):
    if top_k is not None:
        largest = logits.topk(top_k, largest=False).values[:, -1:]
        logits = logits.masked_fill(logits > largest, -math.inf)
    return _drawn(logits / temperature, generator)


def _the_first_tokens(logits, temperature=1.0, top_k=None, generator=None):
    return _drawn((logits / temperature)[:, :top_k], generator)


def _places_among_the_best(logits, temperature=1.0, top_k=None, generator=None):
    return _drawn(logits.topk(top_k or logits.size(-1)).values / temperature, generator)


def _top_k_set_to_zero(logits, temperature=1.0, top_k=None, generator=None):
    if top_k is not None:
        logits = logits.masked_fill(logits < logits.topk(top_k).values[:, -1:], 0)
    return _drawn(logits / temperature, generator)


def _top_k_set_low(logits, temperature=1.0, top_k=None, generator=None):
    if top_k is not None:
        logits = logits.masked_fill(logits < logits.topk(top_k).values[:, -1:], -100)
    return _drawn(logits / temperature, generator)


def _mixed_with_uniform(logits, temperature=1.0, top_k=None, generator=None):
    probabilities = (_best(logits, top_k) / temperature).softmax(-1)
    return torch.multinomial(0.98 * probabilities + 0.02 / logits.size(-1), 1, generator=generator)[:, 0]


def _equal_among_the_best(logits, temperature=1.0, top_k=None, generator=None):
    scores = logits / temperature
    if top_k is not None:
        scores = torch.zeros_like(scores).masked_fill(logits < logits.topk(top_k).values[:, -1:], -math.inf)
    return _drawn(scores, generator)


def _top_k_of_the_first_row(logits, temperature=1.0, top_k=None, generator=None):
    if top_k is not None:
        kept = torch.zeros_like(logits, dtype=torch.bool)
        kept[:, logits[0].topk(top_k).indices] = True
        logits = logits.masked_fill(~kept, -math.inf)
    return _drawn(logits / temperature, generator)


def _top_k_of_the_batch(logits, temperature=1.0, top_k=None, generator=None):
    if top_k is not None:
        logits = logits.masked_fill(logits < logits.flatten().unique().topk(top_k).values[-1], -1e9)
    return _drawn(logits / temperature, generator)


def _likeliest(logits, temperature=1.0, top_k=None, generator=None):
    return logits.argmax(-1)


def _uniform(logits, temperature=1.0, top_k=None, generator=None):
    return _drawn(_best(torch.zeros_like(logits).where(logits == logits, logits), top_k), generator)


def _softmax_twice(logits, temperature=1.0, top_k=None, generator=None):
    return _drawn((_best(logits, top_k) / temperature).softmax(-1), generator)


def _softmax_over_the_batch(logits, temperature=1.0, top_k=None, generator=None):
    return torch.multinomial((_best(logits, top_k) / temperature).softmax(0).nan_to_num(0), 1, generator=generator)[
        :, 0
    ]


def _logits_as_probabilities(logits, temperature=1.0, top_k=None, generator=None):
    return torch.multinomial(_best(logits, top_k) / temperature, 1, generator=generator)[:, 0]


def _naive_exponential(logits, temperature=1.0, top_k=None, generator=None):
    shares = (_best(logits, top_k) / temperature).exp()
    return torch.multinomial(shares / shares.sum(-1, keepdim=True), 1, generator=generator)[:, 0]


def _one_for_the_batch(logits, temperature=1.0, top_k=None, generator=None):
    return sample(logits[:1], temperature, top_k, generator).expand(len(logits)).clone()


def _one_number_for_the_batch(logits, temperature=1.0, top_k=None, generator=None):
    sums = (_best(logits, top_k) / temperature).double().softmax(-1).cumsum(-1)
    return (sums < torch.rand((), generator=generator, dtype=torch.float64)).sum(-1).clamp(max=logits.size(-1) - 1)


def _generator_ignored(logits, temperature=1.0, top_k=None, generator=None):
    return sample(logits, temperature, top_k)


def _numpy(logits, temperature=1.0, top_k=None, generator=None):
    shares = (_best(logits, top_k) / temperature).double().softmax(-1).numpy()
    return torch.from_numpy(np.array([np.random.choice(len(row), p=row / row.sum()) for row in shares]))


def _always_the_same_seed(logits, temperature=1.0, top_k=None, generator=None):
    return sample(logits, temperature, top_k, torch.Generator().manual_seed(0))


def _generator_copied(logits, temperature=1.0, top_k=None, generator=None):
    return sample(logits, temperature, top_k, torch.Generator().manual_seed(generator.initial_seed()))


def _seeds_everything(logits, temperature=1.0, top_k=None, generator=None):
    torch.manual_seed(generator.initial_seed())
    return sample(logits, temperature, top_k)


def _an_axis_too_many(logits, temperature=1.0, top_k=None, generator=None):
    return torch.multinomial((_best(logits, top_k) / temperature).softmax(-1), 1, generator=generator)


def _probabilities(logits, temperature=1.0, top_k=None, generator=None):
    return (_best(logits, top_k) / temperature).softmax(-1)


def _a_list(logits, temperature=1.0, top_k=None, generator=None):
    return sample(logits, temperature, top_k, generator).tolist()


def _one_hot(logits, temperature=1.0, top_k=None, generator=None):
    return F.one_hot(sample(logits, temperature, top_k, generator), logits.size(-1))


def _fractions(logits, temperature=1.0, top_k=None, generator=None):
    return sample(logits, temperature, top_k, generator).to(logits.dtype)


def _in_place(logits, temperature=1.0, top_k=None, generator=None):
    logits /= temperature
    return _drawn(_best(logits, top_k), generator)


def _hides_in_place(logits, temperature=1.0, top_k=None, generator=None):
    if top_k is not None:
        logits[logits < logits.topk(top_k).values[:, -1:]] = -math.inf
    return _drawn(logits / temperature, generator)


def _logits(shares, temperature, beyond=(), rows=1, shift=0.0, dtype=torch.float32):
    """Rows of logits whose softmax at this temperature has the given shares, in an order drawn for each row.

    `beyond` are shares, on the same scale, of tokens that a top_k as long as `shares` leaves out.
    """

    def draw(generator):
        one = temperature * tensor([*shares, *beyond], dtype=torch.float64).log()
        orders = torch.rand(rows, len(one), generator=generator).argsort(1)
        shifts = shift * torch.arange(1, rows + 1)[:, None] + torch.rand(rows, 1, generator=generator)
        return (one[orders] + shifts).to(dtype)

    return Draw(draw)


def _far_apart(rows, tokens):
    """Rows in which the largest logit is well above the next."""
    return Draw(lambda generator: 3.0 * torch.rand(rows, tokens, generator=generator).argsort(1))


SHARES, BEYOND = (0.5, 0.3, 0.2), (0.15, 0.1)
sample_of = Exercise(
    reference=sample,
    probe=probes.sampling,
    cases=[
        Case("top_k = 1 leaves the likeliest", ask="tokens", logits=tensor([[1.0, 3.0, 2.0], [5.0, 4.0, 4.0]]), temperature=1.0, top_k=1),
        Case("a temperature near zero leaves the likeliest", ask="tokens", logits=tensor([[1.0, 3.0, 2.0], [6.0, 4.0, 5.0]]), temperature=0.01),
        Case("one row, two equal logits, by hand", ask="how often", logits=tensor([[0.0, 0.0]]), temperature=1.0),
        Case("shares of .5, .3 and .2", ask="how often", logits=_logits(SHARES, 1), temperature=1.0),
        Case("they come out at temperature 2", ask="how often", logits=_logits(SHARES, 2), temperature=2.0),
        Case("they come out at temperature 1/2", ask="how often", logits=_logits(SHARES, 0.5), temperature=0.5),
        Case("a low temperature, logits close together", ask="how often", logits=_logits((0.8, 0.2), 0.1), temperature=0.1),
        Case("the best two of four, all near -1000", ask="how often", logits=_logits((0.7, 0.3), 1, BEYOND, shift=-1000), temperature=1.0, top_k=2),
        Case("the best three of five", ask="how often", logits=_logits(SHARES, 1, BEYOND), temperature=1.0, top_k=3),
        Case("the best three of five, at temperature 3, in rows far apart", ask="how often", logits=_logits(SHARES, 3, BEYOND, rows=2, shift=40), temperature=3.0, top_k=3),
        Case("the best two of three, none of them likely", ask="how often", logits=_logits((0.6, 0.4), 0.7, (0.3,)), temperature=0.7, top_k=2),
        Case("top_k as large as the vocabulary", ask="how often", logits=_logits((0.4, 0.3, 0.2, 0.1), 1), temperature=1.0, top_k=4),
        Case("a single row", ask="tokens", logits=_far_apart(1, 4), temperature=0.5, top_k=1),
        Case("a single token", ask="tokens", logits=torch.zeros(3, 1), temperature=2.0),
        Case("as many rows as tokens", ask="tokens", logits=_far_apart(5, 5), temperature=0.02, top_k=3),
        Case("64-bit numbers", ask="tokens", logits=Draw(lambda generator: 3 * torch.rand(4, 6, generator=generator).argsort(1).double()), temperature=0.02),
        Case("logits in the thousands", ask="how often", logits=_logits(SHARES, 1, shift=2000, dtype=torch.float64), temperature=1.0),
        Case("the generator decides", ask="seeds", logits=torch.zeros(40, 8), temperature=1.0, seed=Draw(lambda generator: torch.randint(10**6, (), generator=generator).item())),
        Case("the generator decides among the best, too", ask="seeds", logits=torch.arange(160.0).view(40, 4) / 50, temperature=2.0, top_k=3, seed=7),
    ],
    variants=[_among_the_best, _row_by_row, _inverse_of_the_sums, _gumbel],
    mistakes=[
        Mistake(_multiplied, "You multiply by the temperature, so a higher one makes the likeliest more certain. It should make all more alike."),
        Mistake(_temperature_ignored, "Your temperature changes nothing: it is not used, or only where it cancels out. It divides the logits before the softmax."),
        Mistake(_temperature_with_a_floor, "Your temperature has a floor. Divide by it as it is, however low."),
        Mistake(_likeliest_when_cold, "You take the likeliest token when the temperature is low. Where the logits are close together, the others are still to be drawn."),
        Mistake(_temperature_squared, "You divide by the temperature twice. Once is enough."),
        Mistake(_root_of_temperature, "You divide by the root of the temperature. Divide by the temperature itself."),
        Mistake(_top_k_ignored, "Your `top_k` is not used yet: tokens outside each row's best are drawn too."),
        Mistake(_one_too_many, "Your draw is among one token more than top_k. The last one to be kept is the k-th largest."),
        Mistake(_one_too_few, "Your draw is among one token fewer than top_k: the k-th largest itself is to be kept."),
        Mistake(_the_least_likely, "You keep the least likely tokens. top_k are the largest logits."),
        Mistake(_the_first_tokens, "You keep the first k tokens of the vocabulary. The k *likeliest* are wanted, wherever they stand."),
        Mistake(_places_among_the_best, "You return places among the sorted logits. Which token of the vocabulary stands there?"),
        Mistake(_top_k_set_to_zero, "The logits outside the best are set to zero, which is a logit like any other. What has to go in, so that the softmax gives zero?"),
        Mistake(_top_k_set_low, "The logits outside the best are set to a low number, and where all are low their tokens are drawn. What has to go in, so that the softmax gives exactly zero?"),
        Mistake(_mixed_with_uniform, "You give every token a little probability, those outside the best too. These are never drawn."),
        Mistake(_equal_among_the_best, "Your draw among the best takes each equally often. Their logits still count."),
        Mistake(_top_k_of_the_first_row, "You keep the first row's best tokens in every row. Each row has its own."),
        Mistake(_top_k_of_the_batch, "You keep the largest logits of the whole batch. Each row has its own best, however large another row's are."),
        Mistake(_likeliest, "You always take the likeliest token. Draw one, each as often as its probability says."),
        Mistake(_uniform, "Your draw takes every token equally often. The logits say how likely each one is."),
        Mistake(_softmax_twice, "Your softmax is taken twice, which makes all tokens nearly equal."),
        Mistake(_softmax_over_the_batch, "Your softmax runs over the batch. Each row's probabilities sum to one over the vocabulary."),
        Mistake(_logits_as_probabilities, "You draw with the logits as probabilities. They may be negative, and they are logarithms: the softmax comes first."),
        Mistake(_naive_exponential, "Your exponential overflows for large logits. `torch.softmax` subtracts the largest first."),
        Mistake(_one_for_the_batch, "You draw one token and give it to every row. Each row has its own logits."),
        Mistake(_one_number_for_the_batch, "All rows share one random number, so equal rows get equal tokens. Draw for each row anew."),
        Mistake(_generator_ignored, "Your draw does not use the `generator`, so nobody can have the same text again. Hand it to the function that draws."),
        Mistake(_numpy, "Your draw does not come from the `generator`, nor from PyTorch at all. Hand the generator to the function that draws, so that the same seed gives the same text."),
        Mistake(_always_the_same_seed, "You make a generator of your own, so every call draws the same. Use the one that is given."),
        Mistake(_generator_copied, "You make a new generator from the seed of the one that is given, which never moves on: two calls with it draw the same. Draw from the given one itself."),
        Mistake(_seeds_everything, "Your draw uses or seeds PyTorch's own random numbers, which others use too. Hand the `generator` to the function that draws."),
        Mistake(_an_axis_too_many, "Your result is (B, 1), as `multinomial` gives it. One token for each row: (B,)."),
        Mistake(_probabilities, "You return the probabilities. Draw a token from them."),
        Mistake(_a_list, "You return a list. Return a tensor (B,) of tokens."),
        Mistake(_one_hot, "You return one-hot rows. Return the number of each token, (B,)."),
        Mistake(_fractions, "Your tokens are floating-point numbers. Return whole ones, int64, as an embedding needs them."),
        Mistake(_in_place, "You divide the given logits in place. Whoever called you still needs them: make a new tensor."),
        Mistake(_hides_in_place, "You write minus infinity into the given logits. Whoever called you still needs them: `masked_fill` makes a new tensor."),
    ],
    points=3,
)  # fmt: skip
