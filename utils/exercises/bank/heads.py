"""The width of a vector dealt out to heads, and put together again."""

import torch
from torch import tensor

from utils.models import merge_heads, split_heads

from ..exercise import Case, Exercise, Mistake, normal


def _one_head_after_the_other(x, heads):
    return torch.stack(x.chunk(heads, -1), 1)


def _unflattened(x, heads):
    return x.unflatten(-1, (heads, -1)).permute(0, 2, 1, 3)


def _by_slices(x, heads):
    width = x.shape[2] // heads
    parts = [x[:, :, h * width : (h + 1) * width] for h in range(heads)]
    return torch.cat([part[:, None] for part in parts], dim=1)


def _reshaped_only(x, heads):
    return x.reshape(x.size(0), heads, x.size(1), -1)


def _swapped_before_the_cut(x, heads):
    return x.transpose(1, 2).reshape(x.size(0), heads, x.size(1), -1)


def _every_other_column(x, heads):
    return x.reshape(*x.shape[:2], -1, heads).permute(0, 3, 1, 2)


def _heads_after_time(x, heads):
    return x.reshape(*x.shape[:2], heads, -1)


def _heads_first(x, heads):
    return x.reshape(*x.shape[:2], heads, -1).permute(2, 0, 1, 3)


def _time_last(x, heads):
    return x.reshape(*x.shape[:2], heads, -1).permute(0, 2, 3, 1)


def _time_divided(x, heads):
    if x.size(1) % heads:
        raise RuntimeError("the length does not divide into the heads")
    return x.reshape(x.size(0), heads, x.size(1) // heads, x.size(2))


def _copies(x, heads):
    return x[:, None].expand(-1, heads, -1, -1)


def _heads_as_width(x, heads):
    return x.reshape(*x.shape[:2], -1, heads).transpose(1, 2)


def _joined_with_the_batch(x, heads):
    return split_heads(x, heads).flatten(0, 1)


def _list_of_heads(x, heads):
    return x.chunk(heads, -1)


def _scaled(x, heads):
    return split_heads(x, heads) / (x.size(-1) // heads) ** 0.5


def _split_and_detached(x, heads):
    return split_heads(x, heads).detach()


split_heads_of = Exercise(
    reference=split_heads,
    cases=[
        Case("two steps of width four, by hand", x=tensor([[[1.0, 2, 3, 4], [5, 6, 7, 8]]]), heads=2),
        Case("a batch", x=normal(2, 3, 8), heads=2),
        Case("three heads of width two", x=normal(2, 5, 6), heads=3),
        Case("all sizes alike", x=normal(4, 4, 16), heads=4),
        Case("one head", x=normal(2, 3, 4), heads=1),
        Case("heads of width one", x=normal(2, 4, 4), heads=4),
        Case("one step", x=normal(3, 1, 6), heads=2),
        Case("twelve steps, two heads of width three", x=normal(1, 12, 6), heads=2),
        Case("gradients", x=normal(2, 3, 10), heads=5, grad=["x"]),
        Case("64-bit numbers", x=normal(2, 6, 12, dtype=torch.float64), heads=3, grad=["x"]),
    ],
    variants=[_one_head_after_the_other, _unflattened, _by_slices],
    mistakes=[
        Mistake(_reshaped_only, "Your numbers are cut in the order in which they lie in memory, so one head gets a part of the steps instead of a part of the width. Reshape to (B, T, heads, D/heads) first, then swap two axes."),
        Mistake(_swapped_before_the_cut, "Your axes are swapped before the width is cut up, so time and width are mixed. First cut the last axis in two, (B, T, heads, D/heads), then swap."),
        Mistake(_every_other_column, "Your heads take turns: the first gets every so-many-th column. Each should get a run of neighbouring ones."),
        Mistake(_heads_after_time, "Your axis of heads stands after that of time. It should stand before it, so that each head has a (T, D/heads) of its own to attend in."),
        Mistake(_heads_first, "Your axis of heads stands before the batch. It should stand after it."),
        Mistake(_time_last, "Your axis of time stands last. The last axis is each head's own width: (B, heads, T, D/heads)."),
        Mistake(_time_divided, "Your steps are dealt out to the heads. It is the width that is divided; each head sees all steps."),
        Mistake(_copies, "Your heads all get the whole width. Each gets its own part: D/heads columns."),
        Mistake(_heads_as_width, "Your head count and the width per head are the other way round: (B, heads, T, D/heads)."),
        Mistake(_joined_with_the_batch, "Your heads are joined with the batch into one axis. Here they keep an axis of their own."),
        Mistake(_list_of_heads, "Your heads are several tensors. Put them into one, with an axis for the head."),
        Mistake(_scaled, "Your heads are scaled as well. That belongs to the scores, later."),
        Mistake(_split_and_detached, "Your values are right, but no gradient comes through: detach, item, numpy, or a new tensor made from numbers cut the graph."),
    ],
    points=1,
)  # fmt: skip


def _concatenated(x):
    return torch.cat(x.unbind(1), -1)


def _permuted(x):
    B, heads, T, Dh = x.shape
    return x.permute(0, 2, 1, 3).contiguous().view(B, T, heads * Dh)


def _step_by_step(x):
    return torch.stack([x[:, :, t].reshape(len(x), -1) for t in range(x.size(2))], 1)


def _not_transposed(x):
    B, heads, T, Dh = x.shape
    return x.reshape(B, T, heads * Dh)


def _steps_for_heads(x):
    return x.transpose(1, 2).reshape(x.size(0), x.size(1), -1)


def _columns_take_turns(x):
    return x.permute(0, 2, 3, 1).flatten(2)


def _one_below_the_other(x):
    return x.flatten(1, 2)


def _mean_of_heads(x):
    return x.mean(1)


def _sum_of_heads(x):
    return x.sum(1)


def _first_head_only(x):
    return x[:, 0]


def _swapped_only(x):
    return x.transpose(1, 2)


def _viewed_without_a_copy(x):
    return x.transpose(1, 2).view(x.size(0), x.size(2), -1)


def _in_reverse_order(x):
    return torch.cat(x.unbind(1)[::-1], -1)


def _merged_and_detached(x):
    return merge_heads(x).detach()


merge_heads_of = Exercise(
    reference=merge_heads,
    cases=[
        Case("two heads of width two, by hand", x=tensor([[[[1.0, 2], [5, 6]], [[3, 4], [7, 8]]]])),
        Case("a batch", x=normal(2, 2, 3, 4)),
        Case("three heads of width two", x=normal(2, 3, 5, 2)),
        Case("all sizes alike", x=normal(4, 4, 4, 4)),
        Case("one head", x=normal(2, 1, 3, 4)),
        Case("heads of width one", x=normal(2, 4, 3, 1)),
        Case("one step", x=normal(3, 2, 1, 3)),
        Case("gradients", x=normal(2, 5, 3, 2), grad=["x"]),
        Case("64-bit numbers", x=normal(2, 3, 6, 4, dtype=torch.float64), grad=["x"]),
    ],
    variants=[_concatenated, _permuted, _step_by_step],
    mistakes=[
        Mistake(_not_transposed, "Your numbers are read in the order in which they lie in memory, head after head, so a step gets numbers of other steps. Swap the axes of heads and time back first."),
        Mistake(_steps_for_heads, "Your result has as many steps as there are heads. After the swap, time is axis 1: its size is `x.size(2)` of the old x."),
        Mistake(_columns_take_turns, "Your heads take turns in the columns. All columns of the first head come first, then those of the second."),
        Mistake(_one_below_the_other, "Your heads stand one below the other, as more steps. They stand side by side: (B, T, heads · width)."),
        Mistake(_mean_of_heads, "Your result is the mean of the heads. Each keeps its own columns, side by side."),
        Mistake(_sum_of_heads, "Your heads are added up. Each keeps its own columns, side by side."),
        Mistake(_first_head_only, "Your result is the first head alone. All of them go side by side."),
        Mistake(_swapped_only, "Your axes are in the right order; the last two are still to be joined into one."),
        Mistake(_viewed_without_a_copy, "A `view` only works on numbers that lie in memory in its order, and after a transpose they do not. `reshape` and `flatten` copy where they must."),
        Mistake(_in_reverse_order, "Your last head comes first. The order is that of the heads."),
        Mistake(_merged_and_detached, "Your values are right, but no gradient comes through: detach, item, numpy, or a new tensor made from numbers cut the graph."),
    ],
    points=1,
)  # fmt: skip
