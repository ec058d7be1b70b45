"""How tokens are drawn: so often that what comes back does not depend on chance, or with the chances given."""

import random
from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor

from .joined import by_name

TIMES = 3000  # draws of one row: a share of a half then has a standard deviation of 0.009; up to 0.05 rounds away


def sampling(
    attempt: Callable, ask: str, logits: Tensor, temperature: float, top_k: int | None = None, seed: int = 0
) -> Any:
    """What the attempt draws from logits (N, V).

    ask "tokens": as it is. "how often": each row is drawn many times, in one batch; how often each token, in words, a
    string for each row. "seeds": whether all that is random comes from the generator.
    """
    if ask == "tokens":
        return attempt(logits, temperature, top_k, Generator().manual_seed(seed))
    if ask == "how often":
        rows, vocabulary = logits.shape
        drawn = attempt(logits.repeat(TIMES, 1), temperature, top_k, Generator().manual_seed(seed))
        return [_how_often(row, vocabulary) for row in _tokens(drawn, rows * TIMES).view(TIMES, rows).T]

    def draw(generator: Generator | None) -> Tensor:
        return _tokens(attempt(logits, temperature, top_k, generator), len(logits))

    with torch.random.fork_rng(devices=[]):
        before = torch.manual_seed(seed).get_state()
        generator = Generator().manual_seed(seed)
        first, second = draw(generator), draw(generator)
        again, another = draw(Generator().manual_seed(seed)), draw(Generator().manual_seed(seed + 1))
        return {
            "the same seed, the same tokens": torch.equal(first, again),
            "another seed, other tokens": not torch.equal(first, another),
            "the same generator once more, other tokens": not torch.equal(first, second),
            "PyTorch's own random numbers are left alone": torch.equal(before, torch.get_rng_state()),
            "without a generator, other tokens each time": not torch.equal(draw(None), draw(None)),
        }


def _how_often(drawn: Tensor, vocabulary: int) -> str:
    shares = [(drawn == token).double().mean().item() for token in range(vocabulary)]
    return ", ".join(f"token {token}: {_in_words(share)}" for token, share in enumerate(shares))


def _in_words(share: float) -> str:
    if share <= 0.05:
        return "rarely" if share else "never"
    return f"{10 * round(10 * share)} %"


def _tokens(drawn: Any, count: int) -> Tensor:
    if not isinstance(drawn, Tensor) or drawn.shape != (count,) or drawn.dtype != torch.int64:
        kind = f"{tuple(drawn.shape)} of {drawn.dtype}" if isinstance(drawn, Tensor) else type(drawn).__name__
        raise TypeError(f"{count} rows need a tensor of {count} tokens, ({count},) of torch.int64; it was {kind}")
    return drawn


class OwnRandomNumbers(Exception):
    """A program drew random numbers where it is given those that decide."""

    def __init__(self) -> None:
        super().__init__("random numbers were drawn; those that decide are given")


def accept_drafts(
    attempt: Callable, target: Tensor, draft: Tensor, drafted: Tensor, uniforms: Tensor
) -> dict[str, Any] | None:
    """The two things that it returns, each by its name. Raises OwnRandomNumbers where it draws any."""
    before = torch.get_rng_state(), random.getstate()
    results = attempt(target, draft, drafted, uniforms)
    if not torch.equal(before[0], torch.get_rng_state()) or before[1] != random.getstate():
        raise OwnRandomNumbers
    if results is None:
        return None
    answer = by_name(results, ("how many are kept", "the next token's probabilities"))
    kept = answer["how many are kept"]
    if isinstance(kept, Tensor) and kept.numel() == 1 and kept.dtype != torch.bool:
        answer["how many are kept"] = kept.item()  # as good as a number of Python's
    return answer
