"""What a program makes on its way is metered: how large its tensors are, how many exponentials it takes."""

from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter


class TensorTooLarge(Exception):
    """A tensor was made of a size that the exercise does without."""


class TooManyExponentials(Exception):
    """More exponentials were taken than the exercise needs."""


def tiled_attention(attempt: Callable, query: Tensor, key: Tensor, value: Tensor, tile: int) -> Any:
    """The context. Raises TensorTooLarge for a tensor of Tq · Tk numbers, where that is far more than the inputs."""
    if len(query) * len(key) <= 2 * sum(x.numel() for x in (query, key, value)):
        return attempt(query, key, value, tile)
    with _Sizes(len(query), len(key), tile):
        return attempt(query, key, value, tile)


class _Sizes(TorchDispatchMode):
    def __init__(self, Tq: int, Tk: int, tile: int):
        super().__init__()
        self.Tq, self.Tk, self.tile = Tq, Tk, tile

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        for tensor in _tensors(result):
            # what it rests on, for a part of a large tensor is small, and an expanded number takes no place
            numbers = tensor.untyped_storage().nbytes() // tensor.element_size()
            if numbers >= self.Tq * self.Tk:
                raise TensorTooLarge(
                    f"a tensor of {numbers} numbers was made, for {self.Tq} queries and {self.Tk} keys; "
                    f"the scores of one tile are {self.Tq} × {self.tile} = {self.Tq * self.tile}"
                )
        return result


def factored_scores(attempt: Callable, query: Tensor, key: Tensor, score_vector: Tensor) -> Any:
    """The scores. Raises TooManyExponentials for more than four for each number of query and key."""
    with _Exponentials() as taken:
        scores = attempt(query, key, score_vector)
    numbers = query.numel() + key.numel()
    if taken.count > 4 * numbers:
        raise TooManyExponentials(
            f"exp, tanh or the like was taken of {taken.count} numbers; query and key have {numbers}, "
            "and one for each of these is enough"
        )
    return scores


class _Exponentials(TorchDispatchMode):
    NAMES = frozenset("exp exp2 expm1 expit sinh cosh tanh sigmoid log_sigmoid_forward logaddexp logsumexp "
                      "silu softplus _softmax _log_softmax".split())  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        name = function.overloadpacket.__name__.removeprefix("_foreach_").removeprefix("special_")
        # of an operation in place the name ends in an underscore; a power is one if the tensor is above
        power = name in ("pow", "pow_", "float_power") and isinstance(args[1], Tensor)
        if power or name.removesuffix("_") in self.NAMES:
            self.count += max(sum(each.numel() for each in _tensors(part)) for part in (args[:1], result))
        return result


def _tensors(tree: Any) -> Iterator[Tensor]:
    return (leaf for leaf in tree_iter(tree) if isinstance(leaf, Tensor))
