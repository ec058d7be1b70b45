"""How a class that holds parameters is used: built with sizes, its parameters replaced by given ones, and called."""

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from .joined import in_one_row

Model = TypeVar("Model", bound=nn.Module)


def built(attempt: Callable[..., Model], sizes: tuple[int, ...], seed: int = 0) -> Model:
    """attempt(*sizes), the same at every call, without a trace in the notebook's own random numbers."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed, for a GPU's sake, formats a stack trace
        return attempt(*sizes)


def parts(model: nn.Module) -> dict[str, str]:
    """The model's trainable parameters by name, with their shapes."""
    return {
        name: f"shape {tuple(parameter.shape)}"
        for name, parameter in sorted(model.named_parameters())
        if parameter.requires_grad
    }


def module(
    attempt: Callable, sizes: tuple[int, ...], joined: bool = False, earlier_mask: Tensor | None = None, **inputs: Any
) -> Any:
    """Its parameters by name; or, with inputs, what it gives for them.

    Inputs with a dot in their name replace the parameter of that name, the others are forward's arguments. Joined, all
    numbers of all that it returns in one row. With an earlier mask it is called with that first, which must leave
    nothing behind.
    """
    model = built(attempt, sizes)
    if not inputs:
        return parts(model)
    parameters = {name: value for name, value in inputs.items() if "." in name}
    arguments = {name: value for name, value in inputs.items() if "." not in name}
    if earlier_mask is not None:
        torch.func.functional_call(model, parameters, (), arguments | {"mask": earlier_mask})
    results = torch.func.functional_call(model, parameters, (), arguments)
    return in_one_row(results, len(results)) if joined else results


def soft_dictionary(
    attempt: Callable, sizes: tuple[int, int, int], query: Tensor | None = None, **parameters: Tensor
) -> Any:
    """Its parameters by name; or how they start; or, with a query, its answer with the given key and value."""
    model = built(attempt, sizes)
    if query is not None:
        return torch.func.functional_call(model, parameters, (query,))
    return parts(model) | _start(model, built(attempt, sizes, seed=1)) if sizes[0] > 50 else parts(model)


def _start(model: nn.Module, another: nn.Module) -> dict[str, Any]:
    """How key and value start, and whether those of another seed start with other numbers."""
    names = [name for name in ("key", "value") if hasattr(model, name)]
    return {
        "start": {name: _spread(getattr(model, name)) for name in names},
        "with another seed": {
            name: "the same numbers" if torch.equal(getattr(model, name), getattr(another, name)) else "other numbers"
            for name in names
            if isinstance(getattr(model, name), Tensor)
        },
    }


def _spread(parameter: Tensor) -> str:
    if not parameter.any():
        return "zeros"
    if len(parameter.detach().unique(dim=0)) < len(parameter):
        return "slots that start alike"
    spread = parameter.std().item()
    if parameter.mean().abs() > 0.2 * spread:
        return "numbers whose mean is not zero"
    known = {0.1: "a standard deviation of about 0.1", 1.0: "a standard deviation of about 1"}
    return next(
        (words for size, words in known.items() if 0.8 < spread / size < 1.25), f"a standard deviation of {spread:.2g}"
    )


OPTIMIZERS = {
    "plain gradient steps of size 0.1": lambda parameters: torch.optim.SGD(parameters, lr=0.1),
    "momentum": lambda parameters: torch.optim.SGD(parameters, lr=0.05, momentum=0.9),
    "Adam": lambda parameters: torch.optim.Adam(parameters, lr=0.02),
}


def training_steps(attempt: Callable, optimizer: str, weight: Tensor, queries: Tensor, targets: Tensor) -> dict:
    """What one attempted step after the other returns, for a linear model, and the weight it ends with.

    queries (steps, B, d_query) and targets (steps, B, d_value) hold a batch for each step. Where the weight has moved
    without the optimizer, that alone is said: by how much is of no interest then.
    """
    model = nn.Linear(weight.size(1), weight.size(0), bias=False)
    with torch.no_grad():
        model.weight.copy_(weight)
    steps, taken = OPTIMIZERS[optimizer](model.parameters()), []
    steps.register_step_post_hook(lambda *about: taken.append(1))
    losses = [attempt(model, steps, query, target) for query, target in zip(queries, targets, strict=True)]
    if not taken and not torch.equal(model.weight, weight):
        return {"what moved the weight": "something else than the optimizer that was given"}
    return {
        "steps that the optimizer took": len(taken),
        "the loss of each step": losses,
        "the weight after": model.weight.detach(),
    }


def projections(
    attempt: Callable, state: Tensor, inputs: Tensor, W_q: Tensor, W_k: Tensor, W_v: Tensor, joined: bool = False
) -> Any:
    """The query, key and value that it returns; joined, all their numbers in one row."""
    results = attempt(state, inputs, W_q, W_k, W_v)
    return in_one_row(results, 3) if joined else results


def bahdanau_attention(attempt: Callable, sizes: tuple[int, int, int], joined: bool = False, **inputs: Tensor) -> Any:
    """Its parameters by name; or, with inputs, its context and weights with the given W_q, W_k and score_vector.

    sizes (d_query, d_key, d_hidden): of a hidden layer above 50, also how large the score vector starts. Joined, all
    numbers of the context and the weights in one row.
    """
    model = built(attempt, sizes)
    if not inputs:
        return parts(model) | (_score_start(model.score_vector) if sizes[2] > 50 else {})
    given = [inputs[name] for name in ("query", "key", "value")]
    mask = {"mask": inputs["mask"]} if "mask" in inputs else {}
    results = torch.func.functional_call(model, _as_parameters(inputs), tuple(given), mask)
    return in_one_row(results, 2) if joined else results


def _score_start(score_vector: Any) -> dict[str, str]:
    """How large it starts: small is up to three times 1/√d_hidden, of which zeros are the smallest."""
    if not isinstance(score_vector, Tensor):
        return {}
    size = score_vector.detach().square().mean().sqrt().item()
    root = score_vector.numel() ** 0.5
    known = {"about 1": 1.0, "about √d_hidden": root}
    about = next((words for words, each in known.items() if 0.8 < size / each < 1.25), f"{size:.2g}")
    small = size * root <= 3
    return {"score_vector at the start": "small" if small else f"not small: its numbers are of size {about}"}


def precomputed_keys(attempt: Callable, key: Tensor, **parameters: Tensor) -> Any:
    """What it returns for an attention that has the given W_q, W_k and score_vector, and the key.

    It is asked for other keys before, of which nothing may stay behind.
    """
    (d_hidden, d_query), d_key = parameters["W_q"].shape, parameters["W_k"].size(1)
    holder = _Holder(attempt, d_query, d_key, d_hidden)
    given = {f"attention.{name}": value for name, value in _as_parameters(parameters).items()}
    return torch.func.functional_call(holder, given, (key,))


def _as_parameters(inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    return {"W_q.weight": inputs["W_q"], "W_k.weight": inputs["W_k"], "score_vector": inputs["score_vector"]}


class _Holder(nn.Module):
    """Calls a function with an attention and whatever else it is given."""

    def __init__(self, program: Callable, d_query: int, d_key: int, d_hidden: int):
        super().__init__()
        self.program, self.attention = program, _Attention(d_query, d_key, d_hidden)

    def forward(self, key: Tensor) -> Any:
        self.program(self.attention, 1 - key)
        return self.program(self.attention, key)


class _Attention(nn.Module):
    """Additive attention with the parts that the chapter gives it."""

    def __init__(self, d_query: int, d_key: int, d_hidden: int):
        super().__init__()
        self.W_q = nn.Linear(d_query, d_hidden, bias=False)
        self.W_k = nn.Linear(d_key, d_hidden, bias=False)
        self.score_vector = nn.Parameter(torch.randn(d_hidden))

    def forward(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        scores = torch.tanh(self.W_q(query)[:, :, None] + self.W_k(key)[:, None]) @ self.score_vector
        if mask is not None:
            scores = scores.masked_fill(~(mask[:, None] if mask.dim() == 2 else mask), -torch.inf)
        weights = scores.softmax(-1).nan_to_num(0)
        return weights @ value, weights
