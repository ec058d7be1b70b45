"""The warm-up: how an exercise works."""

import torch
from torch import Tensor, tensor

from ..exercise import Case, Draw, Exercise, Mistakes, normal


def double(x):
    """Twice x, for a number or a tensor of numbers."""
    return 2 * x


# Right, and written differently

def adds_it_to_itself(x):
    return x + x

def divides_by_a_half(x):
    return x / 0.5 if isinstance(x, Tensor) else type(x)(x / 0.5)


# Wrong

mistakes = Mistakes()

mistakes.add("squares", lambda x: x * x,
    "You multiply x by itself. That agrees for 0 and for 2, and for no other number.")
mistakes.add("adds_two", lambda x: x + 2,
    "You add 2. That agrees when x is 2, and never else.")
mistakes.add("prints_instead", lambda x: print(2 * x),
    "Your function returns None. Printing shows the answer to you; `return` hands it to whoever called.")

@mistakes.program("`x *= 2` also changes the tensor that you were given, which is not yours. `2 * x` makes a new one.")
def doubles_in_place(x):
    x *= 2
    return x

mistakes.add("writes_it_twice", lambda x: [x, x],
    "You return x two times in a list. One number was asked for: twice as large.")
mistakes.add("returns_it_unchanged", lambda x: x,
    "You return x as it came. What happens to it on the way?")


exercise = Exercise(
    reference=double,
    cases=[
        Case("a whole number", x=3),
        Case("a negative number", x=-2.5),
        Case("nothing", x=0),
        Case("a tensor by hand", x=tensor([1.0, 2.0, 3.0])),
        Case("a tensor", grad=["x"], x=normal(2, 3)),
        Case("a whole number by lot", x=Draw(lambda generator: int(torch.randint(10, 10**6, (), generator=generator)))),
        Case("a fraction by lot", x=Draw(lambda generator: 100 * torch.rand((), generator=generator).item())),
        Case("a larger tensor", grad=["x"], x=normal(3, 1, 5, scale=10)),
    ],
    variants=[adds_it_to_itself, divides_by_a_half],
    mistakes=mistakes,
)
