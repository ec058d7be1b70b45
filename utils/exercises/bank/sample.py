"""Drawing the next token."""

import math

import numpy as np
import torch
from torch import Generator, tensor
from torch.nn import functional as F

from utils import models
from utils.attempts.uses import sampling

from ..exercise import Case, Draw, Exercise, Mistakes, replacing


def among_best(logits, k):
    return logits >= logits.topk(k).values[:, -1:]

def best(logits, k, others=-math.inf):
    return logits.where(among_best(logits, k), others)

def softmax(scores):
    return scores.softmax(-1)

def drawn(shares, generator):
    return torch.multinomial(shares, 1, generator=generator)[:, 0]

def in_steps(logits, temperature=1.0, top_k=None, generator=None, keep=best, cool=torch.div, weigh=softmax, draw=drawn):
    if top_k is not None:
        logits = keep(logits, top_k)
    return draw(weigh(cool(logits, temperature)), generator)


# Right, and written differently

def among_the_best(logits, temperature=1.0, top_k=None, generator=None):
    best, tokens = logits.topk(top_k or logits.size(-1))  # (B, k)
    choice = torch.multinomial(F.softmax(best / temperature, -1), 1, generator=generator)  # (B, 1)
    return tokens.gather(-1, choice).flatten()

def row_by_row(logits, temperature=1.0, top_k=None, generator=None):
    shares = ((logits - logits.amax(-1, keepdim=True)) / temperature).exp()
    if top_k:
        shares = shares * (logits >= logits.sort(descending=True).values[:, top_k - 1, None])
    return torch.cat([torch.multinomial(row, 1, generator=generator) for row in shares])

def inverse_of_the_sums(logits, temperature=1.0, top_k=None, generator=None):
    scores, tokens = torch.sort(logits.double() / temperature, descending=True, stable=True)
    sums = scores[:, :top_k].softmax(-1).cumsum(-1)
    place = torch.searchsorted(sums, torch.rand(len(logits), 1, generator=generator, dtype=torch.double) * sums[:, -1:])
    return tokens.gather(1, place.clamp(max=sums.size(1) - 1))[:, 0]

def gumbel(logits, temperature=1.0, top_k=None, generator=None):
    scores = logits / temperature
    if top_k is not None:
        kept = torch.zeros_like(scores, dtype=torch.bool).scatter(-1, scores.topk(top_k).indices, True)
        scores = scores.masked_fill(~kept, -math.inf)
    noise = torch.rand(scores.shape, generator=generator, dtype=torch.float64).log().neg().log()
    return (scores - noise).argmax(-1)


# Wrong

but = replacing(in_steps)
mistakes = Mistakes()

mistakes.add("multiplied", but(cool=torch.mul),
    "You multiply by the temperature, so a higher one makes the likeliest more certain. It should make all more alike.")
mistakes.add("temperature_ignored", but(cool=lambda logits, temperature: logits),
    "Your temperature changes nothing: it is not used, or only where it cancels out. It divides the logits before the softmax.")
mistakes.add("temperature_with_a_floor", but(cool=lambda logits, temperature: logits / max(temperature, 0.3)),
    "Your temperature has a floor. Divide by it as it is, however low.")

@mistakes.program("You take the likeliest token when the temperature is low. Where the logits are close together, the others are still to be drawn.")
def likeliest_when_cold(logits, temperature=1.0, top_k=None, generator=None):
    return logits.argmax(-1) if temperature < 0.2 else in_steps(logits, temperature, top_k, generator)

mistakes.add("temperature_squared", but(cool=lambda logits, temperature: logits / temperature**2),
    "You divide by the temperature twice. Once is enough.")
mistakes.add("root_of_temperature", but(cool=lambda logits, temperature: logits / temperature**0.5),
    "You divide by the root of the temperature. Divide by the temperature itself.")
mistakes.add("top_k_ignored", but(keep=lambda logits, k: logits),
    "Your `top_k` is not used yet: tokens outside each row's best are drawn too.")
mistakes.add("one_too_many", but(keep=lambda logits, k: best(logits, min(k + 1, logits.size(-1)))),
    "Your draw is among one token more than top_k. The last one to be kept is the k-th largest.")
mistakes.add("one_too_few", but(keep=lambda logits, k: logits.where(logits > logits.topk(k).values[:, -1:], -math.inf)),
    "Your draw is among one token fewer than top_k: the k-th largest itself is to be kept.")
mistakes.add("the_smallest_as_the_limit",
    but(keep=lambda logits, k: logits.where(logits >= logits.sort().values[:, k - 1, None], -math.inf)),
    "Your limit is the k-th *smallest* logit, since `sort` begins with the smallest. Take the k-th largest: `topk`, or `descending=True`.")

@mistakes.program("Your temperature has no effect once `top_k` is given. It divides the logits in either case.")
def temperature_or_top_k(logits, temperature=1.0, top_k=None, generator=None):
    return in_steps(logits, temperature if top_k is None else 1.0, top_k, generator)

mistakes.add("the_least_likely", but(keep=lambda logits, k: -best(-logits, k, others=math.inf)),
    "You keep the least likely tokens. top_k are the largest logits.")
mistakes.add("the_first_tokens", but(keep=lambda logits, k: logits[:, :k]),
    "You keep the first k tokens of the vocabulary. The k *likeliest* are wanted, wherever they stand.")

@mistakes.program("You return places among the sorted logits. Which token of the vocabulary stands there?")
def places_among_the_best(logits, temperature=1.0, top_k=None, generator=None):
    return in_steps(logits.topk(top_k or logits.size(-1)).values, temperature, None, generator)

mistakes.add("top_k_set_to_zero", but(keep=lambda logits, k: best(logits, k, others=0)),
    "The logits outside the best are set to zero, which is a logit like any other. What has to go in, so that the softmax gives zero?")
mistakes.add("top_k_set_low", but(keep=lambda logits, k: best(logits, k, others=-100)),
    "The logits outside the best are set to a low number, and where all are low their tokens are drawn. What has to go in, so that the softmax gives exactly zero?")
mistakes.add("mixed_with_uniform", but(weigh=lambda scores: 0.98 * softmax(scores) + 0.02 / scores.size(-1)),
    "You give every token a little probability, those outside the best too. These are never drawn.")
mistakes.add("equal_among_the_best",
    but(keep=lambda logits, k: torch.zeros_like(logits).where(among_best(logits, k), -math.inf)),
    "Your draw among the best takes each equally often. Their logits still count.")
mistakes.add("top_k_of_the_first_row", but(keep=lambda logits, k: logits.where(among_best(logits[:1], k), -math.inf)),
    "You keep the first row's best tokens in every row. Each row has its own.")
mistakes.add("top_k_of_the_batch",
    but(keep=lambda logits, k: logits.where(logits >= logits.unique().topk(k).values[-1], -1e9)),
    "You keep the largest logits of the whole batch. Each row has its own best, however large another row's are.")
mistakes.add("top_k_of_the_flat_batch",
    but(keep=lambda logits, k: logits.where(logits >= logits.flatten().topk(k).values[-1], -1e9)),
    "You keep the largest logits of the whole batch. Each row has its own best, however large another row's are.")
mistakes.add("one_threshold_for_the_batch",
    but(keep=lambda logits, k: logits.where(logits >= logits.topk(k).values.min(), -math.inf)),
    "One smallest logit is kept for the whole batch, so some rows keep more than top_k. Each row has its own: (B, 1).")
mistakes.add("likeliest", but(draw=lambda shares, generator: shares.argmax(-1)),
    "You always take the likeliest token. Draw one, each as often as its probability says.")
mistakes.add("uniform", but(weigh=torch.ones_like),
    "Your draw takes every token equally often. The logits say how likely each one is.")
mistakes.add("softmax_twice", but(weigh=lambda scores: softmax(softmax(scores))),
    "Your softmax is taken twice, which makes all tokens nearly equal.")
mistakes.add("softmax_over_rows", but(
    keep=lambda logits, k: best(logits, k, others=-1e9), weigh=lambda scores: scores.softmax(0)),
    "Your softmax runs over the batch. Each row's probabilities sum to one over the vocabulary.")
mistakes.add("softmax_over_the_batch", but(weigh=lambda scores: scores.softmax(0).nan_to_num(0)),
    "Your softmax runs over the batch. Each row's probabilities sum to one over the vocabulary.")
mistakes.add("logits_as_probabilities", but(weigh=lambda scores: scores),
    "You draw with the logits as probabilities. They may be negative, and they are logarithms: the softmax comes first.")
mistakes.add("exponential_alone", but(
    keep=lambda logits, k: best(logits, k), weigh=lambda scores: scores.exp()),
    "You draw with the exponentials of the logits, which overflow where these are large and vanish where all are low. `softmax` subtracts the largest first.")
mistakes.add("naive_exponential", but(weigh=lambda scores: scores.exp() / scores.exp().sum(-1, keepdim=True)),
    "Your exponential overflows for large logits. `torch.softmax` subtracts the largest first.")
mistakes.add("one_for_the_batch", but(draw=lambda shares, generator: drawn(shares[:1], generator).repeat(len(shares))),
    "You draw one token and give it to every row. Each row has its own logits.")

@mistakes.program("All rows share one random number, so equal rows get equal tokens. Draw for each row anew.")
def one_number_for_the_batch(logits, temperature=1.0, top_k=None, generator=None):
    number = torch.rand((), generator=generator, dtype=torch.float64)
    sums = in_steps(logits, temperature, top_k, draw=lambda shares, _: shares.double().cumsum(-1))
    return (sums < number).sum(-1).clamp(max=logits.size(-1) - 1)

mistakes.add("generator_ignored", but(draw=lambda shares, generator: drawn(shares, None)),
    "Your draw does not use the `generator`, so nobody can have the same text again. Hand it to the function that draws.")

@mistakes.program("Your draw does not come from the `generator`, nor from PyTorch at all. Hand the generator to the function that draws, so that the same seed gives the same text.")
def numpy(logits, temperature=1.0, top_k=None, generator=None):
    shares = in_steps(logits.double(), temperature, top_k, draw=lambda shares, _: shares.numpy())
    return torch.from_numpy(np.array([np.random.choice(len(row), p=row / row.sum()) for row in shares]))

mistakes.add("always_the_same_seed", but(draw=lambda shares, generator: drawn(shares, Generator().manual_seed(0))),
    "You make a generator of your own, so every call draws the same. Use the one that is given.")
mistakes.add("seed_of_its_own", but(
    draw=lambda shares, generator: drawn(shares, Generator().manual_seed(0) if generator is None else generator)),
    "Without a generator your draw is the same at every call. Hand `generator` on as it is: with None, PyTorch draws from its own random numbers.")
mistakes.add("generator_copied", but(
    draw=lambda shares, g: drawn(shares, g and Generator().manual_seed(g.initial_seed()))),
    "Every call begins anew from the generator's seed, so two calls with it draw the same. Draw from the given one as it is.")
mistakes.add("seeds_everything", but(
    draw=lambda shares, g: drawn(shares, g and torch.manual_seed(g.initial_seed()))),
    "Your draw uses or seeds PyTorch's own random numbers, which others use too. Hand the `generator` to the function that draws.")
mistakes.add("an_axis_too_many", but(draw=lambda shares, generator: drawn(shares, generator)[:, None]),
    "Your result is (B, 1), as `multinomial` gives it. One token for each row: (B,).")
mistakes.add("probabilities", but(draw=lambda shares, generator: shares),
    "You return the probabilities. Draw a token from them.")
mistakes.add("a_list", but(draw=lambda shares, generator: drawn(shares, generator).tolist()),
    "You return a list. Return a tensor (B,) of tokens.")
mistakes.add("one_hot", but(draw=lambda shares, generator: F.one_hot(drawn(shares, generator), shares.size(-1))),
    "You return one-hot rows. Return the number of each token, (B,).")
mistakes.add("fractions", but(draw=lambda shares, generator: drawn(shares, generator).to(shares.dtype)),
    "Your tokens are floating-point numbers. Return whole ones, int64, as an embedding needs them.")

@mistakes.program("You divide the given logits in place. Whoever called you still needs them: make a new tensor.")
def in_place(logits, temperature=1.0, top_k=None, generator=None):
    logits /= temperature
    return in_steps(logits, 1.0, top_k, generator)

mistakes.add("hides_in_place", but(keep=lambda logits, k: logits.masked_fill_(~among_best(logits, k), -math.inf)),
    "You write minus infinity into the given logits. Whoever called you still needs them: `masked_fill` makes a new tensor.")


def with_shares(shares, temperature, beyond=(), rows=1, shift=0.0, dtype=torch.float32, **more):
    """Rows of logits whose softmax at this temperature has the given shares, in an order drawn for each row.

    `beyond` are shares, on the same scale, of tokens that top_k leaves out.
    """

    def draw(generator):
        one = temperature * tensor([*shares, *beyond], dtype=torch.float64).log()
        orders = torch.rand(rows, len(one), generator=generator).argsort(1)
        shifts = shift * torch.arange(1, rows + 1)[:, None] + torch.rand(rows, 1, generator=generator)
        return (one[orders] + shifts).to(dtype)

    if beyond:
        more["top_k"] = len(shares)
    return {"ask": "how often", "logits": Draw(draw), "temperature": temperature} | more


def far_apart(rows, tokens, dtype=torch.float32):
    """Rows in which the largest logit is well above the next."""
    return Draw(lambda generator: 3 * torch.rand(rows, tokens, generator=generator).argsort(1).to(dtype))


def a_seed(generator):
    return torch.randint(10**6, (), generator=generator).item()


SHARES, BEYOND = (0.5, 0.3, 0.2), (0.15, 0.1)
TOKENS, SEEDS = {"ask": "tokens"}, {"ask": "seeds"}
exercise = Exercise(
    reference=models.sample,
    use=sampling.sampling,
    cases=[
        Case("top_k = 1 leaves the likeliest",
            **TOKENS, logits=tensor([[1.0, 3.0, 2.0], [5.0, 4.0, 4.0]]), temperature=1.0, top_k=1),
        Case("a temperature near zero leaves the likeliest",
            **TOKENS, logits=tensor([[1.0, 3.0, 2.0], [6.0, 4.0, 5.0]]), temperature=0.01),
        Case("one row, two equal logits, by hand", ask="how often", logits=tensor([[0.0, 0.0]]), temperature=1.0),
        Case("shares of .5, .3 and .2", **with_shares(SHARES, 1.0)),
        Case("they come out at temperature 2", **with_shares(SHARES, 2.0)),
        Case("they come out at temperature 1/2", **with_shares(SHARES, 0.5)),
        Case("a low temperature, logits close together", **with_shares((0.8, 0.2), 0.1)),
        Case("the best two of four, all near -1000", **with_shares((0.7, 0.3), 1.0, BEYOND, shift=-1000)),
        Case("the best three of five", **with_shares(SHARES, 1.0, BEYOND)),
        Case("the best three of five, at temperature 3, in rows far apart",
            **with_shares(SHARES, 3.0, BEYOND, rows=2, shift=40)),
        Case("the best two of three, none of them likely", **with_shares((0.6, 0.4), 0.7, (0.3,))),
        Case("top_k as large as the vocabulary", **with_shares((0.4, 0.3, 0.2, 0.1), 1.0, top_k=4)),
        Case("a single row", **TOKENS, logits=far_apart(1, 4), temperature=0.5, top_k=1),
        Case("a single token", **TOKENS, logits=torch.zeros(3, 1), temperature=2.0),
        Case("as many rows as tokens", **TOKENS, logits=far_apart(5, 5), temperature=0.02, top_k=3),
        Case("64-bit numbers", **TOKENS, logits=far_apart(4, 6, torch.float64), temperature=0.02),
        Case("logits in the thousands", **with_shares(SHARES, 1.0, shift=2000, dtype=torch.float64)),
        Case("the generator decides", **SEEDS, logits=torch.zeros(40, 8), temperature=1.0, seed=Draw(a_seed)),
        Case("the generator decides among the best, too",
            **SEEDS, logits=torch.arange(160.0).view(40, 4) / 50, temperature=2.0, top_k=3, seed=7),
    ],
    variants=[among_the_best, row_by_row, inverse_of_the_sums, gumbel],
    mistakes=mistakes,
    points=3,
)
