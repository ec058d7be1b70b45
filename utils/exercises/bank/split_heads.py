"""The width of a vector dealt out to heads."""

import torch
from torch import tensor

from utils.models import split_heads

from ..exercise import Case, Exercise, Mistakes, normal, replacing

# Right, and written differently

def one_head_after_the_other(x, heads):
    return torch.stack(x.chunk(heads, -1), 1)

def unflattened(x, heads):
    return x.unflatten(-1, (heads, -1)).permute(0, 2, 1, 3)

def by_slices(x, heads):
    width = x.shape[2] // heads
    parts = [x[:, :, h * width : (h + 1) * width] for h in range(heads)]
    return torch.cat([part[:, None] for part in parts], dim=1)


# Wrong

def runs(x, heads):
    return x.reshape(*x.shape[:2], heads, -1)

def turns(x, heads):
    return x.reshape(*x.shape[:2], -1, heads)

def in_steps(x, heads, cut=runs, axes=(0, 2, 1, 3)):
    return cut(x, heads).permute(axes)

but = replacing(in_steps)
mistakes = Mistakes()

mistakes.add("reshaped_only", lambda x, heads: x.reshape(x.size(0), heads, x.size(1), -1),
    "Your numbers are cut in the order in which they lie in memory, so one head gets a part of the steps instead of a part of the width. One reshape is not enough: which axis is it that has to be cut in two, and where does time stand then?")
mistakes.add("swapped_before_the_cut", lambda x, heads: x.transpose(1, 2).reshape(x.size(0), heads, x.size(1), -1),
    "Your axes are swapped before the width is cut up, so time and width are mixed. The cut comes first, while the width is still the last axis.")
mistakes.add("every_other_column", but(cut=turns, axes=(0, 3, 1, 2)),
    "Your heads take turns: the first gets every so-many-th column. Each should get a run of neighbouring ones.")
mistakes.add("heads_after_time", but(axes=(0, 1, 2, 3)),
    "Your axis of heads stands after that of time. It should stand before it, so that each head has a (T, D/heads) of its own to attend in.")
mistakes.add("heads_first", but(axes=(2, 0, 1, 3)),
    "Your axis of heads stands before the batch. It should stand after it.")
mistakes.add("time_last", but(axes=(0, 2, 3, 1)),
    "Your axis of time stands last. The last axis is each head's own width: (B, heads, T, D/heads).")
mistakes.add("heads_last", but(axes=(0, 1, 3, 2)),
    "Your axis of heads stands last. It should stand before that of time, so that each head has a (T, D/heads) of its own to attend in.")
mistakes.add("heads_below_each_other", lambda x, heads: torch.cat(x.chunk(heads, -1), 1),
    "Your heads stand one below the other, as more steps. They need an axis of their own: (B, heads, T, D/heads).")
mistakes.add("time_divided", lambda x, heads: x.reshape(x.size(0), heads, x.size(1) // heads, x.size(2)),
    "Your steps are dealt out to the heads. It is the width that is divided; each head sees all steps.")
mistakes.add("copies", lambda x, heads: x[:, None].expand(-1, heads, -1, -1),
    "Your heads all get the whole width. Each gets its own part: D/heads columns.")
mistakes.add("heads_as_width", but(cut=turns),
    "Your head count and the width per head are the other way round: (B, heads, T, D/heads).")
mistakes.add("joined_with_the_batch", lambda x, heads: split_heads(x, heads).flatten(0, 1),
    "Your heads are joined with the batch into one axis. Here they keep an axis of their own.")
mistakes.add("list_of_heads", lambda x, heads: x.chunk(heads, -1),
    "Your heads are several tensors. Put them into one, with an axis for the head.")
mistakes.add("scaled", lambda x, heads: split_heads(x, heads) / (x.size(-1) // heads) ** 0.5,
    "Your heads are scaled as well. That belongs to the scores, later.")
mistakes.add("split_and_detached", lambda x, heads: split_heads(x, heads).detach(),
    "Your values are right, but no gradient comes through: detach, item, numpy, or a new tensor made from numbers cut the graph.")


exercise = Exercise(
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
    variants=[one_head_after_the_other, unflattened, by_slices],
    mistakes=mistakes,
    points=1,
)
