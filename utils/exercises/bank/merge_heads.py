"""The widths of all heads put together again."""

import torch
from torch import tensor

from utils.models import merge_heads

from ..exercise import Case, Exercise, Mistakes, normal

# Right, and written differently

def concatenated(x):
    return torch.cat(x.unbind(1), -1)

def permuted(x):
    B, heads, T, Dh = x.shape
    return x.permute(0, 2, 1, 3).contiguous().view(B, T, heads * Dh)

def step_by_step(x):
    return torch.stack([x[:, :, t].reshape(len(x), -1) for t in range(x.size(2))], 1)


# Wrong

mistakes = Mistakes()

mistakes.add("not_transposed", lambda x: x.reshape(x.size(0), x.size(2), -1),
    "Your numbers are read in the order in which they lie in memory, head after head, so a step gets numbers of other steps. Swap the axes of heads and time back first.")
mistakes.add("flattened_without_a_swap", lambda x: x.flatten(2),
    "Your last two axes are joined as they stand, time and width, so the heads stay apart. What stands next to each other afterwards should be the heads' columns of one step.")
mistakes.add("swapped_and_flattened_from_the_front", lambda x: x.transpose(1, 2).flatten(1, 2),
    "Your axes are in the right order, and then the wrong two are joined: time and heads. Time stays; heads and width become one.")
mistakes.add("steps_for_heads", lambda x: x.transpose(1, 2).reshape(x.size(0), x.size(1), -1),
    "Your result has as many steps as there are heads. After the swap, time is axis 1: its size is `x.size(2)` of the old x.")
mistakes.add("columns_take_turns", lambda x: x.permute(0, 2, 3, 1).flatten(2),
    "Your heads take turns in the columns. All columns of the first head come first, then those of the second.")
mistakes.add("one_below_the_other", lambda x: x.flatten(1, 2),
    "Your heads stand one below the other, as more steps. They stand side by side: (B, T, heads · width).")
mistakes.add("all_in_one_row", lambda x: x.transpose(1, 2).flatten(1),
    "Your steps are joined too, into one long row. Time keeps its axis; heads and width become one.")
mistakes.add("mean_of_heads", lambda x: x.mean(1),
    "Your result is the mean of the heads. Each keeps its own columns, side by side.")
mistakes.add("sum_of_heads", lambda x: x.sum(1),
    "Your heads are added up. Each keeps its own columns, side by side.")
mistakes.add("first_head_only", lambda x: x[:, 0],
    "Your result is the first head alone. All of them go side by side.")
mistakes.add("swapped_only", lambda x: x.transpose(1, 2),
    "Your axes are in the right order; the last two are still to be joined into one.")
mistakes.add("viewed_without_a_copy", lambda x: x.transpose(1, 2).view(x.size(0), x.size(2), -1),
    "A `view` only works on numbers that lie in memory in its order, and after a transpose they do not. `reshape` and `flatten` copy where they must.")
mistakes.add("in_reverse_order", lambda x: merge_heads(x.flip(1)),
    "Your last head comes first. The order is that of the heads.")
mistakes.add("merged_and_detached", lambda x: merge_heads(x).detach(),
    "Your values are right, but no gradient comes through: detach, item, numpy, or a new tensor made from numbers cut the graph.")


exercise = Exercise(
    reference=merge_heads,
    cases=[
        Case("two heads of width one, three steps, by hand", x=tensor([[[[1.0], [3], [5]], [[2], [4], [6]]]])),
        Case("two heads of width two, by hand",
            x=tensor([[[[1.0, 2], [5, 6], [9, 10]], [[3, 4], [7, 8], [11, 12]]]])),
        Case("a batch", x=normal(3, 2, 5, 4)),
        Case("three heads of width two", x=normal(2, 3, 5, 2)),
        Case("all sizes alike", x=normal(4, 4, 4, 4)),
        Case("one head", x=normal(2, 1, 3, 4)),
        Case("heads of width one", x=normal(2, 4, 3, 1)),
        Case("one step", x=normal(3, 2, 1, 3)),
        Case("gradients", x=normal(2, 5, 3, 2), grad=["x"]),
        Case("64-bit numbers", x=normal(2, 3, 6, 4, dtype=torch.float64), grad=["x"]),
    ],
    variants=[concatenated, permuted, step_by_step],
    mistakes=mistakes,
    points=1,
)
