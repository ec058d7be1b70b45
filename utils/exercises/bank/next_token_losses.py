"""The loss of a language model: each position is asked for the token after it."""

import math

import torch
from torch import tensor
from torch.nn import functional as F

from utils.models import next_token_loss

from ..exercise import Case, Draw, Exercise, Mistake, normal


def _by_gathering(logits, tokens, ignore=-1):
    targets = tokens[:, 1:]
    counts = targets != ignore
    chosen = targets.where(counts, 0).unsqueeze(-1)
    surprise = -logits[:, :-1].log_softmax(-1).gather(-1, chosen).squeeze(-1)  # (B, T - 1)
    return surprise[counts].mean()


def _without_padding(logits, tokens, ignore=-1):
    counts = tokens[:, 1:] != ignore
    return F.cross_entropy(logits[:, :-1][counts], tokens[:, 1:][counts])


def _class_axis_second(logits, tokens, ignore=-1):
    total = F.cross_entropy(logits.mT[..., :-1], tokens[:, 1:], ignore_index=ignore, reduction="sum")
    return total / (tokens[:, 1:] != ignore).sum()


def _targets_rolled(logits, tokens, ignore=-1):
    targets = torch.cat([tokens[:, 1:], torch.full_like(tokens[:, :1], ignore)], 1)  # nothing comes after the last
    return F.cross_entropy(logits.reshape(-1, logits.size(-1)), targets.reshape(-1), ignore_index=ignore)


def _mean(logits, targets, ignore, **options):
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=ignore, **options)


def _each(logits, tokens, ignore):
    """The surprise at each target (B, T - 1), zero at those that are ignored."""
    return F.cross_entropy(logits[:, :-1].mT, tokens[:, 1:], ignore_index=ignore, reduction="none")


def _classes_last(logits, tokens, ignore=-1):
    return F.cross_entropy(logits[:, :-1], tokens[:, 1:], ignore_index=ignore)


def _flattened_before_the_shift(logits, tokens, ignore=-1):
    return F.cross_entropy(logits.flatten(0, 1)[:-1], tokens.flatten()[1:], ignore_index=ignore)


def _not_shifted(logits, tokens, ignore=-1):
    return _mean(logits, tokens, ignore)


def _shifted_the_wrong_way(logits, tokens, ignore=-1):
    return _mean(logits[:, 1:], tokens[:, :-1], ignore)


def _shifted_by_two(logits, tokens, ignore=-1):
    return _mean(logits[:, :-2], tokens[:, 2:], ignore)


def _shifted_along_the_batch(logits, tokens, ignore=-1):
    return _mean(logits[:-1], tokens[1:], ignore)


def _shifted_in_a_ring(logits, tokens, ignore=-1):
    return _mean(logits, tokens.roll(-1, 1), ignore)


def _last_target_only(logits, tokens, ignore=-1):
    return F.cross_entropy(logits[:, -2], tokens[:, -1], ignore_index=ignore)


def _ignore_not_used(logits, tokens, ignore=-1):
    return _mean(logits[:, :-1], tokens[:, 1:], -100)


def _ignore_is_always_minus_one(logits, tokens, ignore=-1):
    return _mean(logits[:, :-1], tokens[:, 1:], -1)


def _ignores_zero(logits, tokens, ignore=-1):
    return _mean(logits[:, :-1], tokens[:, 1:].where(tokens[:, 1:] != ignore, 0), 0)


def _padding_is_token_zero(logits, tokens, ignore=-1):
    return _mean(logits[:, :-1], tokens[:, 1:].where(tokens[:, 1:] != ignore, 0), -100)


def _padding_counts_in_the_mean(logits, tokens, ignore=-1):
    return _each(logits, tokens, ignore).mean()


def _ignored_as_inputs(logits, tokens, ignore=-1):
    counts = (tokens[:, :-1] != ignore) & (tokens[:, 1:] != -1)
    return F.cross_entropy(logits[:, :-1][counts], tokens[:, 1:][counts])


def _mask_from_the_inputs(logits, tokens, ignore=-1):
    counts = tokens[:, :-1] != ignore
    return (_each(logits, tokens, ignore) * counts).sum() / counts.sum()


def _both_ends_must_count(logits, tokens, ignore=-1):
    counts = (tokens[:, :-1] != ignore) & (tokens[:, 1:] != ignore)
    return F.cross_entropy(logits[:, :-1][counts], tokens[:, 1:][counts])


def _sum(logits, tokens, ignore=-1):
    return _each(logits, tokens, ignore).sum()


def _sum_per_sequence(logits, tokens, ignore=-1):
    return _each(logits, tokens, ignore).sum(1).mean()


def _mean_of_means(logits, tokens, ignore=-1):
    counts = (tokens[:, 1:] != ignore).sum(1)
    return (_each(logits, tokens, ignore).sum(1) / counts.clamp(min=1)).mean()


def _one_for_each_target(logits, tokens, ignore=-1):
    return _each(logits, tokens, ignore)


def _divided_by_all_tokens(logits, tokens, ignore=-1):
    return _each(logits, tokens, ignore).sum() / (tokens != ignore).sum()


def _divided_by_numel(logits, tokens, ignore=-1):
    return _each(logits, tokens, ignore).sum() / tokens.numel()


def _bits(logits, tokens, ignore=-1):
    return next_token_loss(logits, tokens, ignore) / math.log(2)


def _perplexity(logits, tokens, ignore=-1):
    return next_token_loss(logits, tokens, ignore).exp()


def _softmax_before(logits, tokens, ignore=-1):
    return next_token_loss(logits.softmax(-1), tokens, ignore)


def _without_softmax(logits, tokens, ignore=-1):
    targets = tokens[:, 1:]
    counts = targets != ignore
    return -logits[:, :-1].gather(-1, targets.where(counts, 0)[..., None])[..., 0][counts].mean()


def _softmax_over_time(logits, tokens, ignore=-1):
    targets = tokens[:, 1:]
    counts = targets != ignore
    return -logits[:, :-1].log_softmax(1).gather(-1, targets.where(counts, 0)[..., None])[..., 0][counts].mean()


def _log_of_softmax(logits, tokens, ignore=-1):
    targets = tokens[:, 1:]
    counts = targets != ignore
    return -logits[:, :-1].softmax(-1).log().gather(-1, targets.where(counts, 0)[..., None])[..., 0][counts].mean()


def _sign_forgotten(logits, tokens, ignore=-1):
    return -next_token_loss(logits, tokens, ignore)


def _squared_error(logits, tokens, ignore=-1):
    counts = tokens[:, 1:] != ignore
    wanted = F.one_hot(tokens[:, 1:][counts], logits.size(-1))
    return (logits[:, :-1][counts].softmax(-1) - wanted).square().sum(-1).mean()


def _axes_mixed_up(logits, tokens, ignore=-1):
    return _mean(logits[:, :-1].mT.reshape(len(logits), -1, logits.size(-1)), tokens[:, 1:], ignore)


def _a_number(logits, tokens, ignore=-1):
    return next_token_loss(logits, tokens, ignore).item()


def _detached(logits, tokens, ignore=-1):
    return next_token_loss(logits, tokens, ignore).detach()


def _tokens(B, T, V, ignore=None, every=0.3):
    """Random tokens (B, T); about that share of those after the first two are replaced by `ignore`, where it is given."""

    def draw(generator):
        tokens = torch.randint(V, (B, T), generator=generator)
        hidden = (torch.rand(B, T, generator=generator) < every) & (torch.arange(T) > 1)
        return tokens if ignore is None else tokens.masked_fill(hidden, ignore)

    return Draw(draw)


def _ends_early(generator):
    tokens = torch.randint(6, (4, 9), generator=generator)
    return tokens.masked_fill(torch.arange(9) >= tensor([9, 2, 4, 7])[:, None], -1)


BY_HAND = tensor([[[0.0, 0.0], [math.log(3), 0.0], [math.log(7), 0.0], [5.0, 0.0]]])
next_token_loss_of = Exercise(
    reference=next_token_loss,
    cases=[
        Case("four tokens by hand: (log 2 + log 4 + log 8) / 3", logits=BY_HAND, tokens=tensor([[0, 1, 1, 1]])),
        Case("the last one is padding, by hand: (log 2 + log 4) / 2", logits=BY_HAND, tokens=tensor([[0, 1, 1, -1]])),
        Case("token 0 is padding, by hand: (log 4 + log 8) / 2", logits=BY_HAND, tokens=tensor([[1, 0, 1, 1]]), ignore=0),
        Case("token 0 is a token like any other", logits=normal(2, 4, 3), tokens=tensor([[0, 0, 1, 0], [2, 0, 0, 0]])),
        Case("several sequences", logits=normal(3, 5, 7), tokens=_tokens(3, 5, 7)),
        Case("everything of one size", logits=normal(4, 4, 4), tokens=_tokens(4, 4, 4)),
        Case("one sequence of two tokens", logits=normal(1, 2, 5), tokens=_tokens(1, 2, 5)),
        Case("sequences that end early", logits=normal(4, 9, 6), tokens=Draw(_ends_early)),
        Case("one sequence has a single target", logits=normal(2, 5, 4), tokens=tensor([[0, 1, -1, -1, -1], [3, 2, 1, 0, 2]])),
        Case("padding in the middle, and first", logits=normal(2, 6, 4), tokens=tensor([[-1, 1, -1, -1, 3, 2], [2, -1, 0, 1, -1, 0]])),
        Case("a token of the vocabulary is ignored", logits=normal(3, 6, 5), tokens=_tokens(3, 6, 5, ignore=2), ignore=2),
        Case("another number is ignored", logits=normal(3, 6, 5), tokens=_tokens(3, 6, 5, ignore=-7), ignore=-7),
        Case("a batch and its gradients", logits=normal(3, 6, 5), tokens=_tokens(3, 6, 5, ignore=-1), grad=["logits"]),
        Case("64-bit numbers", logits=normal(2, 5, 4, dtype=torch.float64), tokens=_tokens(2, 5, 4, ignore=-1), grad=["logits"]),
        Case("logits in the thousands", logits=normal(2, 5, 4, scale=2000), tokens=_tokens(2, 5, 4)),
    ],
    variants=[_by_gathering, _without_padding, _class_axis_second, _targets_rolled],
    mistakes=[
        Mistake(_classes_last, "Your logits (B, T - 1, V) have the vocabulary last. For logits with more than two axes PyTorch looks for it on the second, (B, V, T - 1): turn them, or make one long list of positions."),
        Mistake(_flattened_before_the_shift, "You make one long list of positions before you shift, so the end of each sequence is asked for the beginning of the next. Shift first, along the time."),
        Mistake(_not_shifted, "Your logits at t are compared with the token at t, which the model has just read: it would learn to copy. They predict the one after it."),
        Mistake(_shifted_the_wrong_way, "Your shift goes the wrong way: position t is asked for the token at t - 1, which it has seen. Drop the last logits and the first token, not the other way round."),
        Mistake(_shifted_by_two, "Your targets are two tokens ahead. Position t predicts the token at t + 1."),
        Mistake(_shifted_along_the_batch, "Your shift goes along the batch: each sequence is asked for the tokens of the next one. Time is the second axis."),
        Mistake(_shifted_in_a_ring, "Your shift goes round: the last position is asked for the first token of its sequence. Nothing comes after the last token, so its logits have no target."),
        Mistake(_last_target_only, "Your loss is that of the last token alone. Every position has a target, that is what makes training on text cheap."),
        Mistake(_ignore_not_used, "Your `ignore` is not used: PyTorch leaves out -100 unless it is told otherwise."),
        Mistake(_ignore_is_always_minus_one, "Your loss leaves out -1, whatever `ignore` says."),
        Mistake(_ignores_zero, "Your loss leaves out every target that is 0. Only `ignore` is left out; 0 may be a token like any other."),
        Mistake(_padding_is_token_zero, "Your padding is taken for token 0, and the model has to predict it. Targets that are `ignore` have no part in the loss."),
        Mistake(_padding_counts_in_the_mean, "Your ignored targets add nothing to the sum, but they are counted when it is divided: more padding, smaller loss. Divide by the number of targets that count."),
        Mistake(_ignored_as_inputs, "You leave out the positions whose *input* is `ignore`. What counts is the target, one further on."),
        Mistake(_mask_from_the_inputs, "Your mask says which *inputs* are `ignore`. What counts is the target, one further on."),
        Mistake(_both_ends_must_count, "You also leave out targets whose input is `ignore`. Only the target decides."),
        Mistake(_sum, "Your loss is the sum over the targets. Take their mean, so that a longer text is not a larger loss."),
        Mistake(_sum_per_sequence, "Your loss is a sum within each sequence, then a mean over them. Take one mean over all targets."),
        Mistake(_mean_of_means, "You take a mean within each sequence and then over them, so a target in a short sequence counts for more. Take one mean over all targets of the batch."),
        Mistake(_one_for_each_target, "You return a loss for each target. Return their mean, one number."),
        Mistake(_divided_by_all_tokens, "You divide by the number of tokens. The first token is no target: count the targets."),
        Mistake(_divided_by_numel, "You divide by all entries of `tokens`. The first token of a sequence is no target, and those that are `ignore` do not count."),
        Mistake(_bits, "Your loss is in bits. That is how we shall report it; the loss itself is in nats, with the natural logarithm."),
        Mistake(_perplexity, "You return the perplexity, the exponential of the loss. Return the mean surprise itself."),
        Mistake(_softmax_before, "Your logits go through a softmax before the cross-entropy, which has one inside."),
        Mistake(_without_softmax, "Your loss is minus the logit of the target, so it can be lowered by raising all logits. Turn them into log-probabilities first."),
        Mistake(_softmax_over_time, "Your softmax runs along the sequence. The probabilities of one position sum to one over the vocabulary, the last axis."),
        Mistake(_log_of_softmax, "Your softmax and logarithm are taken one after the other: a probability that rounds to zero becomes an infinite loss. `log_softmax` does both at once, safely."),
        Mistake(_sign_forgotten, "Your loss is negative. The surprise at a token is minus the logarithm of its probability."),
        Mistake(_squared_error, "Your loss is a squared error between probabilities. Take minus the logarithm of the target's probability."),
        Mistake(_axes_mixed_up, "Your logits are turned and then reshaped, which mixes positions and tokens. `flatten(0, 1)` keeps a row for each position."),
        Mistake(_a_number, "You return a Python number, and nothing can be learned from it. Return the tensor."),
        Mistake(_detached, "The number is right, but it is cut off from the graph (detach, no_grad), so nothing would be learned."),
    ],
    points=3,
    points_for_values=2,
)  # fmt: skip
