"""Lookup by distance in a table of examples, and the memory that is a sum of outer products."""

import torch
from torch import tensor

from utils.attention import reference

from ..exercise import Case, Draw, Exercise, Mistake, normal

# --- kernel_regression ---


def _scores(x, x_train, width):
    return -((x[:, None] - x_train) ** 2) / (2 * width**2)


def _as_soft_lookup(x, x_train, y_train, width, leave_one_out=False):
    squared = torch.cdist(x[:, None].double(), x_train[:, None].double()).square().to(x.dtype)
    mask = ~torch.eye(len(x), dtype=torch.bool) if leave_one_out else torch.ones_like(squared, dtype=torch.bool)
    return reference.masked_softmax(-squared / (2 * width**2), mask) @ y_train


def _point_by_point(x, x_train, y_train, width, leave_one_out=False):
    predictions = []
    for i, point in enumerate(x):
        voters = torch.ones(len(x_train), dtype=torch.bool)
        if leave_one_out:
            voters[i] = False
        distances = (x_train[voters] - point) ** 2 / (2 * width**2)
        if len(distances) == 0:
            predictions.append(torch.zeros_like(point))
            continue
        weights = torch.exp(distances.min() - distances)
        predictions.append((weights * y_train[voters]).sum() / weights.sum())
    return torch.stack(predictions)


def _no_square_on_width(x, x_train, y_train, width, leave_one_out=False):
    return reference.kernel_regression(x, x_train, y_train, width**0.5, leave_one_out)


def _no_two(x, x_train, y_train, width, leave_one_out=False):
    return reference.kernel_regression(x, x_train, y_train, width / 2**0.5, leave_one_out)


def _sum_not_mean(x, x_train, y_train, width, leave_one_out=False):
    weights = torch.exp(_scores(x, x_train, width))
    if leave_one_out:
        weights = weights.fill_diagonal_(0)
    return weights @ y_train


def _underflows(x, x_train, y_train, width, leave_one_out=False):
    weights = torch.exp(_scores(x, x_train, width))
    if leave_one_out:
        weights = weights * (1 - torch.eye(len(x)))
    return weights @ y_train / weights.sum(-1)


def _underflow_hidden(x, x_train, y_train, width, leave_one_out=False):
    weights = torch.exp(_scores(x, x_train, width))
    if leave_one_out:
        weights = weights * (1 - torch.eye(len(x)))
    return weights @ y_train / weights.sum(-1).clamp(min=1e-30)


def _lonely_point_is_nan(x, x_train, y_train, width, leave_one_out=False):
    scores = _scores(x, x_train, width)
    if leave_one_out:
        scores = scores.masked_fill(torch.eye(len(x), dtype=torch.bool), -torch.inf)
    return scores.softmax(-1) @ y_train


def _lonely_point_votes(x, x_train, y_train, width, leave_one_out=False):
    return _low_score(x, x_train, y_train, width, leave_one_out, low=-1e9)


def _low_score(x, x_train, y_train, width, leave_one_out=False, low=-100.0):
    scores = _scores(x, x_train, width)
    if leave_one_out:
        scores = scores.masked_fill(torch.eye(len(x), dtype=torch.bool), low)
        if low > -1e6 and len(x) == 1:
            return torch.zeros_like(x)
    return scores.softmax(-1) @ y_train


def _renormalised_after(x, x_train, y_train, width, leave_one_out=False):
    weights = _scores(x, x_train, width).softmax(-1)
    if leave_one_out:
        weights = weights * (1 - torch.eye(len(x)))
        weights = weights / weights.sum(-1, keepdim=True).clamp(min=1e-30)
    return weights @ y_train


def _leaves_out_whenever_square(x, x_train, y_train, width, leave_one_out=False):
    return reference.kernel_regression(x, x_train, y_train, width, len(x) == len(x_train))


def _squares_the_two(x, x_train, y_train, width, leave_one_out=False):
    return reference.kernel_regression(x, x_train, y_train, width * 2**0.5, leave_one_out)


def _no_brackets(x, x_train, y_train, width, leave_one_out=False):
    return reference.kernel_regression(x, x_train, y_train, 1 / width, leave_one_out)


def _everyone_votes(x, x_train, y_train, width, leave_one_out=False):
    return reference.kernel_regression(x, x_train, y_train, width)


def _always_leaves_one_out(x, x_train, y_train, width, leave_one_out=False):
    mask = torch.ones(len(x), len(x_train), dtype=torch.bool).fill_diagonal_(False)
    return reference.masked_softmax(_scores(x, x_train, width), mask) @ y_train


def _weight_removed_after_softmax(x, x_train, y_train, width, leave_one_out=False):
    weights = _scores(x, x_train, width).softmax(-1)
    return (weights * (1 - torch.eye(len(x))) if leave_one_out else weights) @ y_train


def _leaves_equal_points_out(x, x_train, y_train, width, leave_one_out=False):
    mask = torch.ones(len(x), len(x_train), dtype=torch.bool)
    if leave_one_out:
        mask = x[:, None] != x_train
    return reference.masked_softmax(_scores(x, x_train, width), mask) @ y_train


def _distance_not_squared(x, x_train, y_train, width, leave_one_out=False):
    scores = -(x[:, None] - x_train).abs() / (2 * width**2)
    mask = ~torch.eye(len(x), dtype=torch.bool) if leave_one_out else torch.ones_like(scores, dtype=torch.bool)
    return reference.masked_softmax(scores, mask) @ y_train


def _far_is_near(x, x_train, y_train, width, leave_one_out=False):
    scores = -_scores(x, x_train, width)
    mask = ~torch.eye(len(x), dtype=torch.bool) if leave_one_out else torch.ones_like(scores, dtype=torch.bool)
    return reference.masked_softmax(scores, mask) @ y_train


def _over_the_points_asked(x, x_train, y_train, width, leave_one_out=False):
    scores = _scores(x, x_train, width)
    if leave_one_out:
        scores = scores.masked_fill(torch.eye(len(x), dtype=torch.bool), -torch.inf)
    return scores.softmax(0) @ y_train


def _predictions_from_numbers(x, x_train, y_train, width, leave_one_out=False):
    return torch.tensor(reference.kernel_regression(x, x_train, y_train, width, leave_one_out).tolist())


def _leaving_one_out(points, width):
    def together(generator):
        x = torch.randn(points, generator=generator)
        return {"x": x, "x_train": x.clone(), "y_train": torch.randn(points, generator=generator), "width": width}

    return together


kernel_regression = Exercise(
    reference=reference.kernel_regression,
    cases=[
        Case("between two points, by hand", x=tensor([0.0, 0.5, 1.0]), x_train=tensor([0.0, 1.0]), y_train=tensor([0.0, 10.0]), width=0.8),
        Case("a wide kernel", x=normal(3), x_train=normal(5), y_train=normal(5), width=2.0),
        Case("a narrow kernel, gradients", x=normal(4), x_train=normal(6), y_train=normal(6), width=0.6, grad=["x", "y_train"]),
        Case("as many points as examples", x=normal(5), x_train=normal(5), y_train=normal(5), width=0.8),
        Case("the examples themselves, everyone votes", x=tensor([0.0, 1.0, 3.0]), x_train=tensor([0.0, 1.0, 3.0]), y_train=tensor([1.0, 2.0, 4.0]), width=1.3),
        Case("more points than examples", x=normal(7), x_train=normal(3), y_train=normal(3), width=1.0),
        Case("64-bit numbers", x=normal(3, dtype=torch.float64), x_train=normal(5, dtype=torch.float64), y_train=normal(5, dtype=torch.float64), width=0.5),
        Case("far from every example", x=tensor([8.0, -7.0]), x_train=Draw(lambda g: torch.rand(4, generator=g)), y_train=normal(4), width=0.5),
        Case("one left out, by hand", x=tensor([0.0, 1.0, 3.0]), x_train=tensor([0.0, 1.0, 3.0]), y_train=tensor([1.0, 2.0, 4.0]), width=1.0, leave_one_out=True),
        Case("one left out", together=_leaving_one_out(6, 0.7), leave_one_out=True),
        Case("one left out, very narrow", x=tensor([0.0, 1.0, 3.0]), x_train=tensor([0.0, 1.0, 3.0]), y_train=tensor([1.0, 2.0, 4.0]), width=0.05, leave_one_out=True),
        Case("the same point twice, one left out", x=tensor([0.0, 0.0, 1.0]), x_train=tensor([0.0, 0.0, 1.0]), y_train=tensor([1.0, 3.0, 5.0]), width=0.4, leave_one_out=True),
        Case("nobody left to vote", x=tensor([2.0]), x_train=tensor([2.0]), y_train=tensor([7.0]), width=1.0, leave_one_out=True),
    ],
    variants=[_as_soft_lookup, _point_by_point],
    mistakes=[
        Mistake(_no_square_on_width, "You divide by 2·width. The formula divides by 2·width²; the two agree at width 1 only."),
        Mistake(_no_two, "The 2 in 2·width² is missing: your kernel is narrower than it should be."),
        Mistake(_sum_not_mean, "You add up the weighted values without dividing by the sum of the weights, so the prediction grows with the number of examples near."),
        Mistake(_underflows, "Far from every example all weights underflow to zero, and zero over zero is NaN. A softmax of -(x - x_i)²/(2 width²) gives the same weights and cannot underflow."),
        Mistake(_underflow_hidden, "Far from every example all weights underflow to zero, and your small number in the denominator turns that into a prediction of zero. A softmax of the exponents cannot underflow."),
        Mistake(_lonely_point_is_nan, "With one left out there may be nobody left to vote, and a softmax of minus infinity alone is NaN. Answer zero."),
        Mistake(_lonely_point_votes, "With one left out there may be nobody left to vote; then even a very low score gets the whole weight. Answer zero."),
        Mistake(_low_score, "Your low score does not silence a point when the kernel is narrow and all others score lower still. Minus infinity does."),
        Mistake(_renormalised_after, "You take the point's own weight out after the softmax. With a narrow kernel it had everything, and nothing is left to share: take it out before."),
        Mistake(_leaves_out_whenever_square, "You leave a point out whenever there are as many points as examples. Only `leave_one_out` says when."),
        Mistake(_squares_the_two, "You square the 2 as well. The formula divides by 2·width², not by (2·width)²."),
        Mistake(_no_brackets, "`/ 2 * width**2` divides by two and then multiplies by width². Put brackets around the whole denominator."),
        Mistake(_everyone_votes, "With leave_one_out, a point still votes for its own prediction. A score of zero does not silence it: which score has the weight zero?"),
        Mistake(_always_leaves_one_out, "You leave a point out even when leave_one_out is False."),
        Mistake(_weight_removed_after_softmax, "The point's own weight is gone, and the others no longer sum to one: take it out before the softmax."),
        Mistake(_leaves_equal_points_out, "You leave out every example at the same place. Only the point itself goes: the i-th one has no vote in the i-th prediction."),
        Mistake(_distance_not_squared, "Your kernel falls with the distance; the Gaussian falls with its square."),
        Mistake(_far_is_near, "Your weights grow with the distance. A match is good where the distance is small: mind the minus."),
        Mistake(_over_the_points_asked, "Your weights sum to one over the points asked for. Each prediction shares out its vote over the examples."),
        Mistake(_predictions_from_numbers, "The predictions are right, but no gradient comes through: a new tensor made from numbers has no memory of how it was computed."),
    ],
    points=3,
)  # fmt: skip


# --- linear_memory ---


def _sum_of_outer_products(key, value):
    memory = torch.zeros(key.size(-1), value.size(-1), dtype=key.dtype)
    for k, v in zip(key, value, strict=True):
        memory = memory + torch.outer(k, v)
    return memory


def _with_einsum(key, value):
    return torch.einsum("jk,jv->kv", key, value)


def _transposed(key, value):
    return value.mT @ key


def _mean(key, value):
    return key.mT @ value / len(key)


def _last_pair_only(key, value):
    return torch.outer(key[-1], value[-1])


def _first_pair_only(key, value):
    return torch.outer(key[0], value[0])


def _outer_of_sums(key, value):
    return torch.outer(key.sum(0), value.sum(0))


def _least_squares(key, value):
    return torch.linalg.pinv(key) @ value


def _normalised_keys(key, value):
    return key.mT / key.norm(dim=-1) @ value


def _written_without_gradient(key, value):
    memory = torch.zeros(key.size(-1), value.size(-1), dtype=key.dtype)
    for k, v in zip(key.detach(), value.detach(), strict=True):
        memory += torch.outer(k, v)
    return memory


def _keys_against_keys(key, value):
    return key.mT @ key


linear_memory = Exercise(
    reference=reference.linear_memory,
    cases=[
        Case("two pairs by hand", key=tensor([[1.0, 0.0], [0.0, 2.0]]), value=tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])),
        Case("more pairs than widths", key=normal(7, 3), value=normal(7, 4), grad=["key", "value"]),
        Case("64-bit numbers", key=normal(5, 3, dtype=torch.float64), value=normal(5, 2, dtype=torch.float64), grad=["key", "value"]),
        Case("fewer pairs than widths", key=normal(2, 5), value=normal(2, 3)),
        Case("square", key=normal(4, 4), value=normal(4, 4)),
        Case("one pair", key=normal(1, 2), value=normal(1, 3)),
    ],
    variants=[_sum_of_outer_products, _with_einsum],
    mistakes=[
        Mistake(_transposed, "Your memory is (Dv, Dk). It is read by `query @ memory`, so the width of the keys comes first."),
        Mistake(_mean, "You divide by the number of pairs. The memory is the sum of the outer products, and each pair is written in full."),
        Mistake(_last_pair_only, "Each pair overwrites the one before. Add its outer product to what is there."),
        Mistake(_first_pair_only, "Only the first pair is in your memory: is there a `return` inside the loop?"),
        Mistake(_outer_of_sums, "You sum first and multiply then, so every key is tied to every value. Multiply pair by pair, then sum."),
        Mistake(_least_squares, "This is the least-squares memory, which looks at all keys together. Here each pair is simply added; the chapter compares the two."),
        Mistake(_normalised_keys, "You scale the keys to length one before writing. Write them as they are."),
        Mistake(_written_without_gradient, "The values are right, but no gradient reaches `key` and `value`: detach, item or numpy cut the graph."),
        Mistake(_keys_against_keys, "You multiply keys with keys. Each key should be tied to its value."),
    ],
    points=1,
)  # fmt: skip
