"""Lookup by distance in a table of examples."""

import torch
from torch import tensor

from utils.attention import reference

from ..exercise import Case, Draw, Exercise, Mistakes, normal, replacing
from . import wrong_weights as wrong


def squares(x, x_train):
    return (x[:, None] - x_train) ** 2

def gaussian(squares, width):
    return -squares / (2 * width**2)

def voters(x, x_train, leave_one_out):
    mask = torch.ones(len(x), len(x_train), dtype=torch.bool)
    return mask.fill_diagonal_(False) if leave_one_out else mask

def in_steps(x, x_train, y_train, width, leave_one_out=False,
             distances=squares, scores=gaussian, may_vote=voters, weigh=wrong.right, predict=torch.matmul):
    weights = weigh(scores(distances(x, x_train), width), may_vote(x, x_train, leave_one_out))
    return predict(weights, y_train)


# Right, and written differently

def as_soft_lookup(x, x_train, y_train, width, leave_one_out=False):
    squared = torch.cdist(x[:, None].double(), x_train[:, None].double()).square().to(x.dtype)
    mask = ~torch.eye(len(x), dtype=torch.bool) if leave_one_out else torch.ones_like(squared, dtype=torch.bool)
    return reference.masked_softmax(-squared / (2 * width**2), mask) @ y_train

def point_by_point(x, x_train, y_train, width, leave_one_out=False):
    predictions = []
    for i, point in enumerate(x):
        votes = torch.ones(len(x_train), dtype=torch.bool)
        if leave_one_out:
            votes[i] = False
        distances = (x_train[votes] - point) ** 2 / (2 * width**2)
        if len(distances) == 0:
            predictions.append(torch.zeros_like(point))
            continue
        weights = torch.exp(distances.min() - distances)
        predictions.append((weights * y_train[votes]).sum() / weights.sum())
    return torch.stack(predictions)


# Wrong

def kernel(scores, mask):
    return scores.exp() * mask

def lowest_and_no_more(scores, mask):
    return scores.masked_fill(~mask, torch.finfo(scores.dtype).min).softmax(-1)

def infinity_times_zero(scores, mask):
    return (scores + ~mask * -torch.inf).softmax(-1).masked_fill(~mask.any(-1, keepdim=True), 0)

def shares(exps):
    return exps / exps.sum(-1, keepdim=True)

def without_a_mask(subtract):
    def predictions(x, x_train, y_train, width, leave_one_out=False):
        scores = -(subtract(x, x_train) ** 2) / (2 * width**2)
        if leave_one_out:
            scores = scores.masked_fill(torch.eye(len(x), dtype=torch.bool), -torch.inf)
        return scores.softmax(-1).nan_to_num(0) @ y_train

    return predictions

but = replacing(in_steps)
mistakes = Mistakes()

mistakes.add("no_square_on_width", but(scores=lambda squares, width: -squares / (2 * width)),
    "You divide by 2·width. The formula divides by 2·width²; the two agree at width 1 only.")
mistakes.add("no_two", but(scores=lambda squares, width: -squares / width**2),
    "The 2 in 2·width² is missing: your kernel is narrower than it should be.")
mistakes.add("sum_not_mean", but(weigh=kernel),
    "You add up the weighted values without dividing by the sum of the weights, so the prediction grows with the number of examples near.")
mistakes.add("underflows", but(weigh=kernel, predict=lambda weights, y: weights @ y / weights.sum(-1)),
    "Far from every example all weights underflow to zero, and zero over zero is NaN. Adding the same number to all exponents changes no prediction: which of your functions does that already?")
mistakes.add("underflow_hidden",
    but(weigh=kernel, predict=lambda weights, y: weights @ y / weights.sum(-1).clamp(min=1e-30)),
    "Far from every example all weights underflow to zero, and your small number in the denominator turns that into a prediction of zero. Adding the same number to all exponents changes no prediction: which one helps?")
mistakes.add("lonely_point_is_nan", but(weigh=wrong.empty_row_is_nan),
    "With one left out there may be nobody left to vote, and a softmax of minus infinity alone is NaN. Answer zero.")
mistakes.add("lonely_point_votes", but(weigh=lowest_and_no_more),
    "With one left out there may be nobody left to vote; then even a very low score gets the whole weight. Answer zero.")
mistakes.add("low_score",
    but(weigh=lambda scores, mask: scores.masked_fill(~mask, -100.0).softmax(-1) * mask.any(-1, keepdim=True)),
    "Your low score does not silence a point when the kernel is narrow and all others score lower still. Minus infinity does.")
mistakes.add("low_score_votes", but(weigh=wrong.empty_row_is_the_mean),
    "Your low score does not silence a point when the kernel is very narrow, nor when nobody else is left. Minus infinity does the first; for the second, answer zero.")
mistakes.add("infinity_times_zero", but(weigh=infinity_times_zero),
    "Zero times infinity is NaN, not zero, so the others lose their scores as well. `masked_fill` touches only where the mask is True.")
mistakes.add("underflows_else_right",
    but(weigh=lambda scores, mask: shares(scores.exp() * mask).masked_fill(~mask.any(-1, keepdim=True), 0)),
    "Far from every example all weights underflow to zero, and zero over zero is NaN. Adding the same number to all exponents changes no prediction: which of your functions does that already?")
mistakes.add("underflow_replaced", but(weigh=lambda scores, mask: shares(scores.exp() * mask).nan_to_num(0)),
    "Far from every example all weights underflow to zero, and you turn the NaN that follows into a prediction of zero. Adding the same number to all exponents changes no prediction: which one helps?")
mistakes.add("renormalised_after", but(weigh=wrong.renormalised),
    "You take the point's own weight out after the softmax. With a narrow kernel it had everything, and nothing is left to share: take it out before.")
mistakes.add("leaves_out_whenever_square",
    but(may_vote=lambda x, x_train, leaving: voters(x, x_train, len(x) == len(x_train))),
    "You leave a point out whenever there are as many points as examples. Only `leave_one_out` says when.")
mistakes.add("squares_the_two", but(scores=lambda squares, width: -squares / (2 * width) ** 2),
    "You square the 2 as well. The formula divides by 2·width², not by (2·width)².")
mistakes.add("no_brackets", but(scores=lambda squares, width: -squares / 2 * width**2),
    "`/ 2 * width**2` divides by two and then multiplies by width². Put brackets around the whole denominator.")
mistakes.add("everyone_votes", but(weigh=wrong.mask_ignored),
    "With leave_one_out, a point still votes for its own prediction. A score of zero does not silence it: which score has the weight zero?")
mistakes.add("always_leaves_one_out", but(may_vote=lambda x, x_train, leaving: voters(x, x_train, True)),
    "You leave a point out even when leave_one_out is False.")
mistakes.add("weight_removed_after_softmax", but(weigh=wrong.mask_after_softmax),
    "The point's own weight is gone, and the others no longer sum to one: take it out before the softmax.")
mistakes.add("leaves_equal_points_out",
    but(may_vote=lambda x, x_train, leaving: (x[:, None] != x_train) | (not leaving)),
    "You leave out every example at the same place. Only the point itself goes: the i-th one has no vote in the i-th prediction.")
mistakes.add("distance_not_squared", but(distances=lambda x, x_train: (x[:, None] - x_train).abs()),
    "Your kernel falls with the distance; the Gaussian falls with its square.")
mistakes.add("distance_over_width",
    but(distances=lambda x, x_train: (x[:, None] - x_train).abs(), scores=lambda distances, width: -distances / width),
    "Your kernel falls with the distance over the width. The Gaussian falls with the square of the distance, over 2·width².")
mistakes.add("examples_in_rows", without_a_mask(lambda x, x_train: x - x_train[:, None]),
    "Your scores are (N, M): a row for each example. Each *point* shares out a vote, so it is the points that belong in the rows: `x[:, None]`.")
mistakes.add("pair_by_pair", without_a_mask(lambda x, x_train: x - x_train),
    "You subtract the i-th example from the i-th point. Every point meets every example: `x[:, None] - x_train` is (M, N).")
mistakes.add("width_as_a_number", lambda x, x_train, y_train, width, leave_one_out=False:
    in_steps(x, x_train, y_train, float(width), leave_one_out),
    "The predictions are right, but no gradient reaches `width`: `float` or `item` made a plain number of it.")
mistakes.add("far_is_near", but(scores=lambda squares, width: squares / (2 * width**2)),
    "Your weights grow with the distance. A match is good where the distance is small: mind the minus.")
mistakes.add("over_the_points_asked", but(weigh=lambda scores, mask: scores.masked_fill(~mask, -torch.inf).softmax(0)),
    "Your weights sum to one over the points asked for. Each prediction shares out its vote over the examples.")
mistakes.add("predictions_from_numbers", but(predict=lambda weights, y: tensor((weights @ y).tolist())),
    "The predictions are right, but no gradient comes through: a new tensor made from numbers has no memory of how it was computed.")


def given(T, N, width, dtype=torch.float32, **more):
    """T points, N examples."""
    shapes = {"x": T, "x_train": N, "y_train": N}
    return {name: normal(size, dtype=dtype) for name, size in shapes.items()} | {"width": width} | more

def themselves(x, y, width, **more):
    """The points asked for are the examples."""
    return {"x": tensor(x), "x_train": tensor(x), "y_train": tensor(y), "width": width} | more

def six_examples(generator):
    x = torch.randn(6, generator=generator)
    return {"x": x, "x_train": x.clone(), "y_train": torch.randn(6, generator=generator), "width": 0.7}


exercise = Exercise(
    reference=reference.kernel_regression,
    cases=[
        Case("between two points, by hand",
            x=tensor([0.0, 0.5, 1.0]), x_train=tensor([0.0, 1.0]), y_train=tensor([0.0, 10.0]), width=0.8),
        Case("a wide kernel", **given(3, 5, 2.0)),
        Case("a narrow kernel, gradients", **given(4, 6, 0.6), grad=["x", "y_train"]),
        Case("as many points as examples", **given(5, 5, 0.8)),
        Case("the examples themselves, everyone votes", **themselves([0.0, 1.0, 3.0], [1.0, 2.0, 4.0], 1.3)),
        Case("more points than examples", **given(7, 3, 1.0)),
        Case("64-bit numbers", **given(3, 5, 0.5, torch.float64)),
        Case("a width that is learned",
            **given(2, 7, Draw(lambda g: 0.5 + torch.rand((), generator=g))), grad=["width", "y_train"]),
        Case("far from every example",
            **given(2, 4, 0.5, x=tensor([8.0, -7.0]), x_train=Draw(lambda g: torch.rand(4, generator=g)))),
        Case("one left out, by hand", **themselves([0.0, 1.0, 3.0], [1.0, 2.0, 4.0], 1.0, leave_one_out=True)),
        Case("one left out", together=six_examples, leave_one_out=True),
        Case("one left out, very narrow", **themselves([0.0, 1.0, 3.0], [1.0, 2.0, 4.0], 1e-5, leave_one_out=True)),
        Case("the same point twice, one left out",
            **themselves([0.0, 0.0, 1.0], [1.0, 3.0, 5.0], 0.4, leave_one_out=True)),
        Case("nobody left to vote", **themselves([2.0], [7.0], 1.0, leave_one_out=True)),
    ],
    variants=[as_soft_lookup, point_by_point],
    mistakes=mistakes,
    points=3,
)
