"""How the parts of a transformer are used: built, given parameters that a seed determines, called; and how tokens are
drawn, so often that what comes back does not depend on chance."""

import zlib

import torch
from torch import Generator, Tensor, nn

from .modules import built, module, parts

TIMES = 4000  # draws of one row: a share of a half then has a standard deviation of 0.008, a sixth of what rounds away


def transformer(attempt, sizes: tuple[int, ...], seed: int | None = None, gradients: bool = False, **inputs):
    """Its parameters by name and which start at zero; or, with inputs, what it gives for them.

    With a seed all its parameters are drawn from that, by name and shape; without one they are as `module` has them.
    With gradients, also what the sum of the squared results passes back to each parameter.
    """
    if not inputs:
        return _start(built(attempt, sizes))
    if seed is None:
        return module(attempt, sizes, **inputs)
    dtype = next((value.dtype for value in inputs.values() if value.dtype.is_floating_point), torch.float32)
    model = built(attempt, sizes)
    drawn = {name: _drawn(name, parameter.shape, seed).to(dtype) for name, parameter in model.named_parameters()}
    drawn = {name: value.requires_grad_(gradients) for name, value in drawn.items()}
    result = torch.func.functional_call(model, drawn, (), inputs)
    if not gradients:
        return result
    passed = torch.autograd.grad(result.square().sum(), drawn.values(), allow_unused=True)
    return {"result": result.detach()} | dict(zip(drawn, passed, strict=True))


def language_model(attempt, sizes: tuple[int, ...], **inputs):
    """As `transformer`; for more tokens than its context, the last of the sizes, what it does about them."""
    if "tokens" not in inputs or inputs["tokens"].size(1) <= sizes[-1]:
        return transformer(attempt, sizes, **inputs)
    try:
        logits = transformer(attempt, sizes, **inputs)
    except ValueError as error:
        both = all(str(number) in str(error) for number in (inputs["tokens"].size(1), sizes[-1]))
        return "a ValueError that names both numbers" if both else "a ValueError that does not name both numbers"
    return f"no ValueError, and logits of shape {tuple(logits.shape)}"


def _start(model: nn.Module) -> dict[str, str]:
    zeros = {name for name, parameter in model.named_parameters() if parameter.dim() > 1 and not parameter.any()}
    return {name: f"{words}, zeros at the start" if name in zeros else words for name, words in parts(model).items()}


def _drawn(name: str, shape: torch.Size, seed: int) -> Tensor:
    """Numbers that make every part matter: matrices of standard deviation 1/√(width in), norms around one."""
    numbers = torch.randn(shape, generator=Generator().manual_seed(zlib.crc32(name.encode()) + seed))
    if "embedding" in name:
        return numbers
    return numbers / shape[-1] ** 0.5 if len(shape) > 1 else numbers / 2 + ("norm" in name)


def sampling(attempt, ask: str, logits: Tensor, temperature: float, top_k: int | None = None, seed: int = 0):
    """What the attempt draws from logits (N, V).

    ask "tokens": as it is. "how often": each row is drawn many times, in one batch; the share of each token (N, V),
    rounded to tenths. "seeds": whether all that is random comes from the generator.
    """
    if ask == "tokens":
        return attempt(logits, temperature, top_k, Generator().manual_seed(seed))
    if ask == "how often":
        rows, vocabulary = logits.shape
        drawn = attempt(logits.repeat(TIMES, 1), temperature, top_k, Generator().manual_seed(seed))
        drawn = _tokens(drawn, rows * TIMES).view(TIMES, rows)
        shares = torch.stack([(drawn == token).double().mean(0) for token in range(vocabulary)], 1)
        return shares.round(decimals=1)
    with torch.random.fork_rng(devices=[]):
        before = torch.manual_seed(seed).get_state()
        one, again, another = (
            _tokens(attempt(logits, temperature, top_k, Generator().manual_seed(s)), len(logits))
            for s in (seed, seed, seed + 1)
        )
        return {
            "the same seed, the same tokens": torch.equal(one, again),
            "another seed, other tokens": not torch.equal(one, another),
            "PyTorch's own random numbers are left alone": torch.equal(before, torch.get_rng_state()),
        }


def _tokens(drawn, count: int) -> Tensor:
    if not isinstance(drawn, Tensor) or drawn.shape != (count,) or drawn.dtype != torch.int64:
        kind = f"{tuple(drawn.shape)} of {drawn.dtype}" if isinstance(drawn, Tensor) else type(drawn).__name__
        raise TypeError(f"{count} rows need a tensor of {count} tokens, ({count},) of torch.int64; it was {kind}")
    return drawn
