"""The memory behind tensors, followed from the operation that returns it until it is freed."""

import weakref
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter


class Storages(TorchDispatchMode):
    """Within it, `now` and `most` are the bytes of new tensors: those that are there, and the most at once."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.most = 0
        self.known: set[int] = set()

    def __torch_dispatch__(self, operation: Any, types: Any, arguments: Any = (), options: Any = None) -> Any:
        for given in tree_iter((arguments, options)):
            self._follow(given, new=False)
        result = operation(*arguments, **(options or {}))
        for made in tree_iter(result):
            self._follow(made, new=True)
        return result

    def _follow(self, tensor: Any, new: bool) -> None:
        if not isinstance(tensor, Tensor):
            return
        storage = tensor.untyped_storage()
        if storage._cdata not in self.known:  # a view has its tensor's
            size = storage.nbytes() if new else 0  # what is given was there before
            self.known.add(storage._cdata)
            self.now += size
            self.most = max(self.most, self.now)
            weakref.finalize(storage, self._freed, storage._cdata, size)

    def _freed(self, name: int, size: int) -> None:
        self.known.discard(name)
        self.now -= size
