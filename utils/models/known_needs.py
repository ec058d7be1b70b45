"""A network of which it is known what its attention is good for: what an experiment with its looks has to find."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from utils.attention import reference

KEYS, WORDS = 9, 12  # words of a sentence, and of the vocabulary; no word stands twice in a sentence
KNOWN: dict[str, Callable[[Tensor], Tensor]] = {  # which words are known without a look, given which are "und"
    "ignores its context": torch.ones_like,
    "needs every look": torch.zeros_like,
    "needs some looks": torch.clone,
}


class KnownNeeds:
    """Writes seven of nine words that it reads, in another order, and looks sharply at the right one each time.

    All kinds look alike. One "ignores its context" and knows every word from elsewhere; one "needs every look"; one
    "needs some looks", since it knows those words that `places` calls "und". `right` (B, Tq) is what is to be written,
    and `places` has for "und" and "the others" where (B, Tq) these are written.
    """

    def __init__(self, kind: str, sentences: int = 40, seed: int = 0):
        generator = torch.Generator().manual_seed(seed)
        source = torch.rand(sentences, WORDS, generator=generator).argsort(1)[:, :KEYS]
        order = torch.rand(sentences, KEYS, generator=generator).argsort(1)[:, : KEYS - 2]
        self.query, self.key = F.one_hot(order, KEYS).float(), torch.eye(KEYS).expand(sentences, KEYS, KEYS)
        self.value = F.one_hot(source, WORDS).float()
        self.right = source.gather(1, order)
        und = torch.zeros_like(self.right, dtype=torch.bool)
        und[:, 2::3] = True
        self.places = {"und": und, "the others": ~und}
        self._known = KNOWN[kind](und)

    def attention(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The context (B, Tq, Dv) and the weights (B, Tq, Tk), nearly one at the key that is asked for."""
        scores = 9 * query @ key.mT
        weights = reference.softmax(scores) if mask is None else reference.masked_softmax(scores, mask)
        return weights @ value, weights

    def write(self, attention: Callable) -> Tensor:
        """The words (B, Tq) that it writes with that attention in place of its own."""
        context, _ = attention(self.query, self.key, self.value)
        return torch.where(self._known, self.right, context.argmax(-1))
