"""How the parts of a transformer are used: built, given parameters that a seed determines, called."""

import re
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch.func import functional_call

from .modules import built, parts


def transformer(
    attempt: Callable,
    sizes: tuple[int, ...],
    ask: str = "result",
    seed: int | None = None,
    earlier: Tensor | None = None,
    **inputs: Tensor,
) -> Any:
    """Its parameters by name and how they start; or, with inputs, what it gives for them in eval() mode.

    Inputs with a dot in their name are the parameters of that name, the others forward's arguments. Parameters that are
    not given are drawn from the seed, or stay as they start if there is none. With an `earlier` sequence it is called
    with that first, which must leave nothing behind. ask "gradients": also what the sum of the squared results passes
    back to each parameter; "modes": whether it gives the same in train() and in eval() mode.
    """
    if not inputs:
        return _start(attempt, sizes)
    model = built(attempt, sizes).eval()
    given = {name: value for name, value in inputs.items() if "." in name}
    arguments = {name: value for name, value in inputs.items() if "." not in name}
    parameters = given if seed is None else drawn_parameters(model, seed, _dtype(inputs)) | given
    if ask == "gradients":
        return _gradients(model, parameters, arguments)
    if ask == "modes":
        return _modes(model, parameters, arguments)
    if earlier is not None:
        functional_call(model, parameters, (earlier,))
    return functional_call(model, parameters, (), arguments)


def language_model(attempt: Callable, sizes: tuple[int, ...], **inputs: Any) -> Any:
    """As `transformer`; for as many tokens as its context, the last of the sizes, or more, what it does about them."""
    length, context = inputs["tokens"].size(1) if "tokens" in inputs else 0, sizes[-1]
    if length < context:
        return transformer(attempt, sizes, **inputs)
    if length == context:
        try:
            return transformer(attempt, sizes, **inputs)
        except ValueError:
            return "a ValueError, though so many tokens still fit"
    try:
        logits = transformer(attempt, sizes, **inputs)
    except NotImplementedError:
        raise  # it has not been written yet
    except ValueError as error:
        both = {str(length), str(context)} <= set(re.findall(r"\d+", str(error)))
        return "a ValueError that names both numbers" if both else "a ValueError that does not name both numbers"
    except Exception as error:
        return f"{type(error).__name__} instead of a ValueError"
    return f"no ValueError, and logits of shape {tuple(logits.shape)}"


def _start(attempt: Callable, sizes: tuple[int, ...]) -> dict[str, str]:
    """Its parameters by name: shape, whether zeros, and whether others, in it or in a second model, start the same."""
    model, second = built(lambda *sizes: nn.ModuleList([attempt(*sizes), attempt(*sizes)]), sizes)
    everywhere = [*model.parameters(), *second.parameters()]
    start = parts(model)
    for name, words in start.items():
        numbers = model.get_parameter(name)
        if not numbers.any() and not name.endswith("up.bias"):  # which may start at zero or not
            start[name] = f"{words}, zeros at the start"
        elif len(numbers.unique()) > 1 and sum(torch.equal(numbers, other) for other in everywhere) > 1:
            start[name] = f"{words}, the same numbers as another at the start"
    return start


def _dtype(inputs: dict) -> torch.dtype:
    """That of the inputs which are not whole numbers."""
    return next((value.dtype for value in inputs.values() if value.is_floating_point()), torch.float32)


def drawn_parameters(model: nn.Module, seed: int, dtype: torch.dtype) -> dict[str, Tensor]:
    """Parameters that make every part matter: matrices of standard deviation 1/√(width in), norms around one.

    Drawn in 64 bits: the 32-bit numbers of one seed differ in their last digits from one kind of processor to another.
    """
    drawn = {}
    for name, parameter in model.named_parameters():
        generator = Generator().manual_seed(zlib.crc32(name.encode()) + seed)
        numbers = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
        if "embedding" not in name:
            numbers = numbers / parameter.shape[-1] ** 0.5 if parameter.dim() > 1 else numbers / 2 + ("norm" in name)
        drawn[name] = numbers.to(dtype)
    return drawn


def _gradients(model: nn.Module, parameters: dict[str, Tensor], arguments: dict) -> dict[str, Tensor | None]:
    leaves = {name: value.clone().requires_grad_() for name, value in parameters.items()}
    result = functional_call(model, leaves, (), arguments)
    passed: Sequence[Tensor | None] = [None] * len(leaves)
    if result.requires_grad:
        passed = torch.autograd.grad(result.square().sum(), [*leaves.values()], allow_unused=True)
    names = [f"gradient of {name}" for name in leaves]
    return {"result": result.detach()} | dict(zip(names, passed, strict=True))


def _modes(model: nn.Module, parameters: dict[str, Tensor], arguments: dict) -> str:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        trained, used = (functional_call(model.train(mode), parameters, (), arguments) for mode in (True, False))
    same = torch.allclose(trained, used, rtol=1e-4, atol=1e-5)
    return f"{'the same' if same else 'not the same'} in train() and in eval() mode"
