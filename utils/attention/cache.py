"""A cache of keys and values: what a model that writes one token at a time has already seen."""

import torch
from torch import Tensor

from .dot_product import dot_product_attention
from .inputs import check_kind, check_lookup

FIRST_ROOM = 64  # tokens


class KVCache:
    """Keys (B, G, T, Dk) and values (B, G, T, Dv), grown by `append` and asked by `attend`.

    Room is set aside ahead of need and doubled when it runs out, so that n tokens are copied O(n) times in all, not
    O(n²). room is how many tokens to set aside at first. A cache keeps numbers, not gradients: append under
    `torch.no_grad()`.
    """

    def __init__(self, room: int = FIRST_ROOM):
        if not isinstance(room, int) or room < 1:
            raise ValueError(f"room must be a whole number of tokens, at least one, got {room}")
        self._room = room
        self._key: Tensor | None = None
        self._value: Tensor | None = None
        self._length = 0

    def __len__(self) -> int:
        """How many tokens the cache holds."""
        return self._length

    @property
    def key(self) -> Tensor:
        """The keys so far (B, G, T, Dk): a view, valid until the next append."""
        return self._filled(self._key)

    @property
    def value(self) -> Tensor:
        """The values so far (B, G, T, Dv): a view, valid until the next append."""
        return self._filled(self._value)

    def append(self, key: Tensor, value: Tensor) -> None:
        """Add the keys (B, G, n, Dk) and values (B, G, n, Dv) of n further tokens.

        Raises ValueError if they do not fit each other or what is there, or if they would need gradients.
        """
        check_kind(key=key, value=value)
        if key.ndim != 4 or value.shape[:-1] != key.shape[:-1]:
            raise ValueError(
                f"key {tuple(key.shape)} and value {tuple(value.shape)} must be (B, G, n, Dk) and (B, G, n, Dv)"
            )
        if torch.is_grad_enabled() and (key.requires_grad or value.requires_grad):
            raise ValueError("a cache keeps no gradients: append under torch.no_grad(), or append key.detach()")
        if self._key is None or self._value is None:
            self._key, self._value = (self._with_room(x[:, :, :0], self._room) for x in (key, value))
        # all is looked at before anything is written: what is refused leaves the cache as it was
        for name, new, old in (("key", key, self._key), ("value", value, self._value)):
            check_kind(**{name: new, "the cache": old})
            if new.shape[:2] + new.shape[3:] != old.shape[:2] + old.shape[3:]:
                held = (*old.shape[:2], self._length, old.size(-1))
                raise ValueError(f"{name} {tuple(new.shape)} does not continue the cache's {held}")
        end = self._length + key.size(2)
        if end > self._key.size(2):
            room = max(end, 2 * self._key.size(2))
            self._key, self._value = self._with_room(self.key, room), self._with_room(self.value, room)
        self._key[:, :, self._length : end] = key.detach()
        self._value[:, :, self._length : end] = value.detach()
        self._length = end

    def cut(self, length: int) -> None:
        """Forget all tokens but the first `length`. Raises ValueError if there are not so many."""
        if not 0 <= length <= self._length:
            raise ValueError(f"a cache of {self._length} tokens cannot be cut to {length}")
        self._length = length

    def attend(self, query: Tensor, mask: Tensor | None = None, causal: bool = True) -> Tensor:
        """The context (B, H, n, Dv) of query (B, H, n, Dk), whose last row stands at the cache's last token.

        H may be a multiple of G. As `dot_product_attention` over all keys so far; causal lets each of several queries
        see the tokens up to its own.
        """
        key = self.key
        check_lookup(query, key, self.value)
        # dot_product_attention would broadcast a query of another batch
        if query.ndim != 4 or query.size(0) != key.size(0) or key.size(1) and query.size(1) % key.size(1):
            raise ValueError(
                f"query {tuple(query.shape)} must be (B, H, n, Dk), with H a multiple of G, for keys {tuple(key.shape)}"
            )
        return dot_product_attention(query, key, self.value, mask, causal)

    def _filled(self, buffer: Tensor | None) -> Tensor:
        if buffer is None:
            raise ValueError("the cache is empty: append keys and values first")
        return buffer[:, :, : self._length]

    @staticmethod
    def _with_room(filled: Tensor, room: int) -> Tensor:
        """A buffer for room tokens that begins with the filled ones."""
        batch, groups, length, width = filled.shape
        with torch.inference_mode(False):  # so that later appends may write to it in any mode
            buffer = torch.empty(batch, groups, room, width, dtype=filled.dtype, device=filled.device)
        buffer[:, :, :length] = filled
        return buffer
