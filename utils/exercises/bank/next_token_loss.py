"""The loss of a language model: each position is asked for the token after it."""

import math

import torch
from torch import tensor
from torch.nn import functional as F

from utils.models import next_token_loss

from ..exercise import Case, Draw, Exercise, Mistakes, normal, replacing


def shifted(logits, tokens):
    return logits[:, :-1], tokens[:, 1:]

def mean(surprise, counts):
    return surprise.sum() / counts.sum()

def in_steps(
    logits, tokens, ignore=-1,
    shift=shifted, logs=lambda logits: logits.log_softmax(-1), average=mean, answer=lambda loss: loss,
):
    predictions, targets = shift(logits, tokens)
    counts = targets != ignore
    at_target = logs(predictions).gather(-1, targets.where(counts, 0)[..., None])[..., 0]
    return answer(average(-at_target.where(counts, 0), counts))  # both (B, T - 1)


# Right, and written differently

def by_gathering(logits, tokens, ignore=-1):
    targets = tokens[:, 1:]
    counts = targets != ignore
    chosen = targets.where(counts, 0).unsqueeze(-1)
    surprise = -logits[:, :-1].log_softmax(-1).gather(-1, chosen).squeeze(-1)  # (B, T - 1)
    return surprise[counts].mean()

def without_padding(logits, tokens, ignore=-1):
    counts = tokens[:, 1:] != ignore
    return F.cross_entropy(logits[:, :-1][counts], tokens[:, 1:][counts])

def class_axis_second(logits, tokens, ignore=-1):
    total = F.cross_entropy(logits.mT[..., :-1], tokens[:, 1:], ignore_index=ignore, reduction="sum")
    return total / (tokens[:, 1:] != ignore).sum()

def targets_rolled(logits, tokens, ignore=-1):
    targets = torch.cat([tokens[:, 1:], torch.full_like(tokens[:, :1], ignore)], 1)  # nothing comes after the last
    return F.cross_entropy(logits.reshape(-1, logits.size(-1)), targets.reshape(-1), ignore_index=ignore)


# Wrong

but = replacing(in_steps)
mistakes = Mistakes()

@mistakes.program("Your logits (B, T - 1, V) have the vocabulary last. For logits with more than two axes PyTorch looks for it on the second, (B, V, T - 1): turn them, or make one long list of positions.")
def classes_last(logits, tokens, ignore=-1):
    return F.cross_entropy(logits[:, :-1], tokens[:, 1:], ignore_index=ignore)

@mistakes.program("You make one long list of positions before you shift, so the end of each sequence is asked for the beginning of the next. Shift first, along the time.")
def flattened_before_the_shift(logits, tokens, ignore=-1):
    return F.cross_entropy(logits.flatten(0, 1)[:-1], tokens.flatten()[1:], ignore_index=ignore)

mistakes.add("not_shifted", but(shift=lambda logits, tokens: (logits, tokens)),
    "Your logits at t are compared with the token at t, which the model has just read: it would learn to copy. They predict the one after it.")
mistakes.add("shifted_the_wrong_way", but(shift=lambda logits, tokens: (logits[:, 1:], tokens[:, :-1])),
    "Your shift goes the wrong way: position t is asked for the token at t - 1, which it has seen. Drop the last logits and the first token, not the other way round.")
mistakes.add("shifted_by_two", but(shift=lambda logits, tokens: (logits[:, :-2], tokens[:, 2:])),
    "Your targets are two tokens ahead. Position t predicts the token at t + 1.")
mistakes.add("shifted_along_the_batch", but(shift=lambda logits, tokens: (logits[:-1], tokens[1:])),
    "Your shift goes along the batch: each sequence is asked for the tokens of the next one. Time is the second axis.")
mistakes.add("shifted_in_a_ring", but(shift=lambda logits, tokens: (logits, tokens.roll(-1, 1))),
    "Your shift goes round: the last position is asked for the first token of its sequence. Nothing comes after the last token, so its logits have no target.")
mistakes.add("last_target_only", but(shift=lambda logits, tokens: (logits[:, -2:-1], tokens[:, -1:])),
    "Your loss is that of the last token alone. Every position has a target, that is what makes training on text cheap.")
mistakes.add("ignore_not_used", lambda logits, tokens, ignore=-1: next_token_loss(logits, tokens, -100),
    "Your `ignore` is not used: PyTorch leaves out -100 unless it is told otherwise.")
mistakes.add("ignore_is_always_minus_one", lambda logits, tokens, ignore=-1: next_token_loss(logits, tokens, -1),
    "Your loss leaves out -1, whatever `ignore` says.")

@mistakes.program("Your loss leaves out every target that is 0. Only `ignore` is left out; 0 may be a token like any other.")
def ignores_zero(logits, tokens, ignore=-1):
    return next_token_loss(logits, tokens.where(tokens != ignore, 0), 0)

@mistakes.program("Your padding is taken for token 0, and the model has to predict it. Targets that are `ignore` have no part in the loss.")
def padding_is_token_zero(logits, tokens, ignore=-1):
    return next_token_loss(logits, tokens.where(tokens != ignore, 0), -100)

@mistakes.program("You mark the ignored targets in the `tokens` that you were given. Whoever called you still needs them: hand `ignore_index=ignore` to the loss, or work on a copy.")
def marks_in_place(logits, tokens, ignore=-1):
    targets = tokens[:, 1:]
    targets[targets == ignore] = -100
    return F.cross_entropy(logits[:, :-1].flatten(0, 1), targets.flatten())

mistakes.add("padding_counts_in_the_mean", but(average=lambda surprise, counts: surprise.mean()),
    "Your ignored targets add nothing to the sum, but they are counted when it is divided: more padding, smaller loss. Divide by the number of targets that count.")

@mistakes.program("You leave out the positions whose *input* is `ignore`. What counts is the target, one further on.")
def ignored_as_inputs(logits, tokens, ignore=-1):
    counts = (tokens[:, :-1] != ignore) & (tokens[:, 1:] != -1)
    return F.cross_entropy(logits[:, :-1][counts], tokens[:, 1:][counts])

@mistakes.program("Your mask says which *inputs* are `ignore`. What counts is the target, one further on.")
def mask_from_the_inputs(logits, tokens, ignore=-1):
    inputs = tokens[:, :-1] != ignore
    return in_steps(logits, tokens, ignore, average=lambda surprise, counts: mean(surprise * inputs, inputs))

@mistakes.program("You also leave out targets whose input is `ignore`. Only the target decides.")
def both_ends_must_count(logits, tokens, ignore=-1):
    inputs = tokens[:, :-1] != ignore
    return in_steps(logits, tokens, ignore, average=lambda surprise, counts: mean(surprise * inputs, inputs & counts))

mistakes.add("sum", but(average=lambda surprise, counts: surprise.sum()),
    "Your loss is the sum over the targets. Take their mean, so that a longer text is not a larger loss.")
mistakes.add("sum_per_sequence", but(average=lambda surprise, counts: surprise.sum(1).mean()),
    "Your loss is a sum within each sequence, then a mean over them. Take one mean over all targets.")
mistakes.add("mean_of_means",
    but(average=lambda surprise, counts: (surprise.sum(1) / counts.sum(1).clamp(min=1)).mean()),
    "You take a mean within each sequence and then over them, so a target in a short sequence counts for more. Take one mean over all targets of the batch.")
mistakes.add("one_for_each_target", but(average=lambda surprise, counts: surprise),
    "You return a loss for each target. Return their mean, one number.")

@mistakes.program("You divide by the number of tokens. The first token is no target: count the targets.")
def divided_by_all_tokens(logits, tokens, ignore=-1):
    return in_steps(logits, tokens, ignore, average=lambda surprise, counts: mean(surprise, tokens != ignore))

@mistakes.program("You divide by all entries of `tokens`. The first token of a sequence is no target, and those that are `ignore` do not count.")
def divided_by_numel(logits, tokens, ignore=-1):
    return in_steps(logits, tokens, ignore, average=lambda surprise, counts: surprise.sum() / tokens.numel())

mistakes.add("bits", but(answer=lambda loss: loss / math.log(2)),
    "Your loss is in bits. That is how we shall report it; the loss itself is in nats, with the natural logarithm.")
mistakes.add("perplexity", but(answer=torch.exp),
    "You return the perplexity, the exponential of the loss. Return the mean surprise itself.")
mistakes.add("softmax_before", but(logs=lambda logits: logits.softmax(-1).log_softmax(-1)),
    "Your logits go through a softmax before the cross-entropy, which has one inside.")
mistakes.add("without_softmax", but(logs=lambda logits: logits),
    "Your loss is minus the logit of the target, so it can be lowered by raising all logits. Turn them into log-probabilities first.")
mistakes.add("softmax_over_time", but(logs=lambda logits: logits.log_softmax(1)),
    "Your softmax runs along the sequence. The probabilities of one position sum to one over the vocabulary, the last axis.")
mistakes.add("probabilities", but(logs=lambda logits: logits.softmax(-1)),
    "Your loss is minus the probability of the target. The surprise is minus its logarithm: `log_softmax`, or `F.cross_entropy` on the logits.")

@mistakes.program("You reshape the logits so that the vocabulary comes second, which mixes positions and tokens. `mT` or `transpose(1, 2)` turns them; or `flatten(0, 1)` keeps a row for each position.")
def reshaped(logits, tokens, ignore=-1):
    B, T, V = logits.shape
    return F.cross_entropy(logits[:, :-1].reshape(B, V, T - 1), tokens[:, 1:], ignore_index=ignore)

mistakes.add("log_of_softmax", but(logs=lambda logits: logits.softmax(-1).log()),
    "Your softmax and logarithm are taken one after the other: a probability that rounds to zero becomes an infinite loss. `log_softmax` does both at once, safely.")
mistakes.add("sign_forgotten", but(answer=lambda loss: -loss),
    "Your loss is negative. The surprise at a token is minus the logarithm of its probability.")

@mistakes.program("Your loss is a squared error between probabilities. Take minus the logarithm of the target's probability.")
def squared_error(logits, tokens, ignore=-1):
    counts = tokens[:, 1:] != ignore
    wanted = F.one_hot(tokens[:, 1:][counts], logits.size(-1))
    return (logits[:, :-1][counts].softmax(-1) - wanted).square().sum(-1).mean()

mistakes.add("axes_mixed_up",
    but(shift=lambda logits, tokens: (logits[:, :-1].mT.reshape(len(logits), -1, logits.size(-1)), tokens[:, 1:])),
    "Your logits are turned and then reshaped, which mixes positions and tokens. `flatten(0, 1)` keeps a row for each position.")
mistakes.add("a_number", but(answer=lambda loss: loss.item()),
    "You return a Python number, and nothing can be learned from it. Return the tensor.")
mistakes.add("detached", but(answer=lambda loss: loss.detach()),
    "The number is right, but it is cut off from the graph (detach, no_grad), so nothing would be learned.")


def some_tokens(B, T, V, padding=None):
    """Random tokens (B, T); where there is padding, it replaces about a third of those after the first two."""

    def draw(generator):
        tokens = torch.randint(V, (B, T), generator=generator)
        hidden = (torch.rand(B, T, generator=generator) < 0.3) & (torch.arange(T) > 1)
        return tokens if padding is None else tokens.masked_fill(hidden, padding)

    return Draw(draw)


def ends_early(generator):
    tokens = torch.randint(6, (4, 9), generator=generator)
    return tokens.masked_fill(torch.arange(9) >= tensor([9, 2, 4, 7])[:, None], -1)


def given(B, T, V, dtype=torch.float32, scale=1.0, padding=None):
    return {"logits": normal(B, T, V, dtype=dtype, scale=scale), "tokens": some_tokens(B, T, V, padding)}


BY_HAND = tensor([[[0.0, 0.0], [math.log(3), 0.0], [math.log(7), 0.0], [5.0, 0.0]]])
exercise = Exercise(
    reference=next_token_loss,
    cases=[
        Case("four tokens by hand: (log 2 + log 4 + log 8) / 3", logits=BY_HAND, tokens=tensor([[0, 1, 1, 1]])),
        Case("the last one is padding, by hand: (log 2 + log 4) / 2", logits=BY_HAND, tokens=tensor([[0, 1, 1, -1]])),
        Case("token 0 is padding, by hand: (log 4 + log 8) / 2",
            logits=BY_HAND, tokens=tensor([[1, 0, 1, 1]]), ignore=0),
        Case("token 0 is a token like any other",
            logits=normal(2, 4, 3), tokens=tensor([[0, 0, 1, 0], [2, 0, 0, 0]])),
        Case("several sequences", **given(3, 5, 7)),
        Case("everything of one size", **given(4, 4, 4)),
        Case("one sequence of two tokens", **given(1, 2, 5)),
        Case("sequences that end early", logits=normal(4, 9, 6), tokens=Draw(ends_early)),
        Case("one sequence has a single target",
            logits=normal(2, 5, 4), tokens=tensor([[0, 1, -1, -1, -1], [3, 2, 1, 0, 2]])),
        Case("padding in the middle, and first",
            logits=normal(2, 6, 4), tokens=tensor([[-1, 1, -1, -1, 3, 2], [2, -1, 0, 1, -1, 0]])),
        Case("a token of the vocabulary is ignored", **given(3, 6, 5, padding=2), ignore=2),
        Case("another number is ignored", **given(3, 6, 5, padding=-7), ignore=-7),
        Case("a batch and its gradients", **given(3, 6, 5, padding=-1), grad=["logits"]),
        Case("64-bit numbers", **given(2, 5, 4, dtype=torch.float64, padding=-1), grad=["logits"]),
        Case("logits in the thousands", **given(2, 5, 4, scale=2000)),
    ],
    variants=[by_gathering, without_padding, class_axis_second, targets_rolled],
    mistakes=mistakes,
    points=3,
    points_for_values=2,
)
