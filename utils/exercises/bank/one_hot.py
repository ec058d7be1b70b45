"""Integers as rows of zeros with a single one."""

import torch
from torch import as_tensor, eye, tensor
from torch.nn import functional as F

from ..exercise import Case, Draw, Exercise, Mistakes


def one_hot(index, size):
    """Rows (..., size) of zeros with a single 1.0 at index (...), an integer or a tensor of integers.

    They are 32-bit floats.
    """
    return (torch.arange(size) == torch.as_tensor(index)[..., None]).float()


# Right, and written differently

def rows_of_the_identity(index, size):
    return eye(size)[index]

def scattered(index, size):
    index = torch.as_tensor(index)
    return torch.zeros(*index.shape, size).scatter_(-1, index[..., None], 1.0)


# Wrong

mistakes = Mistakes()

mistakes.add("integers", lambda index, size: F.one_hot(as_tensor(index), size),
    "Your ones are integers, and a matrix product needs floats like the values it meets: add `.float()`.")
mistakes.add("truths", lambda index, size: torch.arange(size) == as_tensor(index)[..., None],
    "Your rows hold True and False, and a matrix product needs floats like the values it meets: add `.float()`.")
mistakes.add("double_precision", lambda index, size: one_hot(index, size).double(),
    "Your rows hold 64-bit floats (`torch.float64`). Values are 32-bit ones, and a product needs both of one kind.")
mistakes.add("wants_a_tensor", lambda index, size: F.one_hot(index, size).float(),
    "`F.one_hot` takes tensors only, and `index` may be a plain integer. `torch.as_tensor(index)` makes a tensor of either.")
mistakes.add("wants_a_tensor_of_integers", lambda index, size: F.one_hot(index, size),
    "`F.one_hot` takes tensors only, and `index` may be a plain integer. `torch.as_tensor(index)` makes a tensor of either.")
mistakes.add("integer_without_axes", lambda index, size: (torch.arange(size) == index[..., None]).float(),
    "`index` may be a plain integer, which has no brackets. `torch.as_tensor(index)` makes a tensor of either.")

@mistakes.program("`len(index)` is there for a row of indices only. `index` may be a plain integer, or have more axes than one.")
def one_axis_only(index, size):
    rows = torch.zeros(len(index), size)
    rows[torch.arange(len(index)), index] = 1.0
    return rows

@mistakes.program("Your loop goes through a row of indices only. `index` may be a plain integer, or have more axes than one.")
def loop_over_one_axis(index, size):
    rows = torch.zeros(len(index), size)
    for i, j in enumerate(index):
        rows[i, j] = 1.0
    return rows

mistakes.add("size_from_the_data", lambda index, size: F.one_hot(as_tensor(index)).float(),
    "The width of your rows depends on the largest index. It should be `size`, whatever is asked for.")
mistakes.add("counts_from_one", lambda index, size: one_hot(index - 1, size),
    "Index 0 is the first place; yours is one off.")

@mistakes.program("All indices share one row. Each index has a row of its own, with a single one in it.")
def one_row_for_all(index, size):
    row = torch.zeros(size)
    row[index] = 1.0
    return row

mistakes.add("counts_from_one_and_wraps", lambda index, size: eye(size)[index - 1],
    "Index 0 is the first place; yours is one off, and index 0 comes out as the last place.")
mistakes.add("columns_of_the_identity", lambda index, size: eye(size)[:, index],
    "Your vectors stand in columns. Turn them: one row for each index.")
mistakes.add("columns", lambda index, size: one_hot(index, size).mT if as_tensor(index).dim() else one_hot(index, size),
    "Your vectors stand in columns. Turn them: one row for each index.")
mistakes.add("index_in_place_of_one", lambda index, size: one_hot(index, size) * as_tensor(index)[..., None],
    "The place is right, but it should hold a one, not the index itself.")
mistakes.add("index_without_its_own_axis", lambda index, size: (torch.arange(size) == index).float(),
    "You compare the places with all indices at once. Give each index a row of its own: `index[..., None]`.")

@mistakes.program("Every row gets the ones of all indices. Each index has a row of its own, with a single one in it.")
def all_ones_in_each_row(index, size):
    rows = torch.zeros(*as_tensor(index).shape, size)
    rows[..., index] = 1.0
    return rows

mistakes.add("all_up_to", lambda index, size: (torch.arange(size) <= as_tensor(index)[..., None]).float(),
    "Everything up to the index is one. Only the place itself should be.")


def one_integer(generator):
    size = int(torch.randint(4, 20, (), generator=generator))
    return {"index": int(torch.randint(2, size, (), generator=generator)), "size": size}


exercise = Exercise(
    reference=one_hot,
    cases=[
        Case("three indices by hand", index=tensor([2, 0, 1]), size=4),
        Case("one integer", together=one_integer),
        Case("the same index twice", index=tensor([1, 1]), size=3),
        Case("a table of indices", size=7, index=Draw(lambda generator: torch.randint(7, (2, 5), generator=generator))),
        Case("a block of indices",
            size=3, index=Draw(lambda generator: torch.randint(3, (2, 2, 4), generator=generator))),
    ],
    variants=[rows_of_the_identity, scattered],
    mistakes=mistakes,
    points=1,
)
