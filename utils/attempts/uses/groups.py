"""Programs for several ranks, simulated in one process: what each rank has in the end, and what went between them."""

import contextlib
import re
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ..simulated import Record, simulate
from ..storages import Storages
from ..turns import Deadlock, RankFailed

# a call's number, which differs between programs that make the same mistake
NUMBERS = {r" \(collective \d+\)": "", r"collective \d+ is": "its call is"}
MANY = 8  # ranks; with fewer, what a rank holds on its way says little


def _run(function: Callable, ranks: int) -> tuple[list[Any], Record]:
    """What function(group) returns on each rank, and the record. Raises RankFailed and Deadlock, without numbers."""
    try:
        return simulate(function, processes=ranks)
    except (Deadlock, RankFailed) as error:
        words = str(error)
        for number, instead in NUMBERS.items():
            words = re.sub(number, instead, words)
        raise type(error)(words).with_traceback(error.__traceback__) from None


def _by_rank(results: list[Any]) -> dict[str, Any]:
    return {f"rank {rank}": result for rank, result in enumerate(results)}


def _receivers(record: Record, ranks: int) -> str:
    ways = {(message.target - message.source) % ranks for message in record.messages}
    return "neighbours alone" if ways <= {1, ranks - 1} else "others than the neighbours, too"


class _Network(nn.Module):
    """x (b, D) to (b, Dv). `extra` is used if it is told so, and `spare` never."""

    def __init__(self, parameters: dict[str, Tensor], uses_extra: bool):
        super().__init__()
        self.uses_extra = uses_extra
        for name, start in parameters.items():
            self.register_parameter(name, nn.Parameter(start.clone()))

    def forward(self, x: Tensor) -> Tensor:
        weight: Tensor = self.get_parameter("weight")
        if self.uses_extra:
            weight = weight + self.get_parameter("extra")
        return x @ weight.T + self.get_parameter("bias")


def _loss(model: nn.Module, x: Tensor, target: Tensor | None = None) -> Tensor:
    y = model(x)
    return y.abs().mean() if target is None else ((y - target) ** 2).mean()


def data_parallel_gradient(
    attempt: Callable,
    examples: list[int],
    uses_extra: list[bool],
    old: float | None,
    x: Tensor,
    target: Tensor | None = None,
    **parameters: Tensor,
) -> dict[str, Any]:
    """What each rank's parameters have for a gradient after it, and whether they are what they were.

    Ranks have so many examples of x (T, D) each, and of target (T, Dv) if there is one. `uses_extra` says whose loss
    uses the parameter `extra`; `old` is each number of the gradients that are there before.
    """
    given = (x,) if target is None else (x, target)
    batches = [*zip(*(tensor.split(examples) for tensor in given), strict=True)]
    models = [_Network(parameters, uses) for uses in uses_extra]
    if old is not None:
        for parameter in (parameter for model in models for parameter in model.parameters()):
            parameter.grad = torch.full_like(parameter, old)
    _run(lambda group: attempt(models[group.rank()], _loss, batches[group.rank()], group), len(examples))
    same = all(torch.equal(model.get_parameter(name), parameters[name]) for model in models for name in parameters)
    return {
        f"{name}.grad of rank {rank}": model.get_parameter(name).grad
        for rank, model in enumerate(models) for name in parameters
    } | {"parameters": "what they were" if same else "changed"}  # fmt: skip


def ring_all_reduce(attempt: Callable, x: Tensor) -> dict[str, Any]:
    """What each rank returns for its row of x (n, N), and how it was sent."""
    results, record = _run(lambda group: attempt(x[group.rank()], group), len(x))
    return _by_rank(results) | {
        "what else is called": "something for all ranks at once" if record.collectives else "nothing",
        "who receives": _receivers(record, len(x)),
        "bytes that each rank sends": [record.sent(rank) for rank in range(len(x))],
    }


def ring_attention(
    attempt: Callable, query: Tensor, key: Tensor, value: Tensor, positions: Tensor, causal: bool = False
) -> dict[str, Any]:
    """What each rank returns for its part, the first axis of each tensor, and how keys and values went round.

    query, key (n, …, T/n, Dk), value (n, …, T/n, Dv), positions (n, T/n).
    """
    ranks, part = len(query), key[0].nbytes + value[0].nbytes + positions[0].nbytes
    storages = Storages()  # of one rank: all do the same, and it takes time

    def rank(group: Any) -> Any:
        given = (x[group.rank()] for x in (query, key, value, positions))
        with storages if ranks >= MANY and group.rank() == 0 else contextlib.nullcontext():
            return attempt(*given, group, **{"causal": True} if causal else {})

    results, record = _run(rank, ranks)
    # a block that goes home again in the end is no mistake of its own: the last round may be sent as the others are
    once = max(record.sent(rank) for rank in range(ranks)) <= 2 * ranks * part
    # beside parts of keys and values it has scores, and what is on its way to a result
    all_held = ranks >= MANY and storages.most > (ranks - 1) * part
    return _by_rank(results) | {
        "what else is called": "something for all ranks at once" if record.collectives else "nothing",
        "who receives": _receivers(record, ranks),
        "keys and values travel": "once around" if once else "much further",
        "what a rank holds": "all keys and values" if all_held else "no more than a few parts",
    }


def parallel_heads(
    attempt: Callable, x: Tensor, W_q: Tensor, W_k: Tensor, W_v: Tensor, W_o: Tensor, bias: Tensor, heads: int
) -> dict[str, Any]:
    """What each rank returns for x (B, T, D) and its part, the first axis of each W, and whether they send more."""
    ranks = len(W_q)

    def rank(group: Any) -> Any:
        return attempt(x, *(W[group.rank()] for W in (W_q, W_k, W_v, W_o)), bias, heads, group)

    results, record = _run(rank, ranks)
    brought = sum(call.bytes for call in record.collectives) + max(record.sent(rank) for rank in range(ranks))
    return _by_rank(results) | {"what is sent": "results" if brought <= 2 * x.nbytes else "more than results"}
