"""Recurrent networks, and decoders that an attempt makes a step of."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from .joined import in_one_row


def _gru_cell(weights: dict[str, Tensor]) -> Callable:
    """torch.nn.GRUCell with these weights, by its own names for them."""
    width, inputs = weights["weight_hh"].size(1), weights["weight_ih"].size(1)
    cell = torch.nn.GRUCell(inputs, width, device="meta")  # without numbers: it draws none
    return lambda *arguments, **named: torch.func.functional_call(cell, weights, arguments, named)


def _linear_cell(W_x: Tensor, W_h: Tensor, b: Tensor) -> Callable:
    def cell(input: Tensor, hx: Tensor) -> Tensor:  # PyTorch's names for the two
        return input @ W_x + hx @ W_h + b

    return cell


def _tanh_cell(W_x: Tensor, W_h: Tensor, b: Tensor) -> Callable:
    def cell(input: Tensor, hx: Tensor) -> Tensor:
        return torch.tanh(input @ W_x + hx @ W_h + b)

    return cell


CELLS: dict[str, Callable] = {"linear": _linear_cell, "tanh": _tanh_cell, "GRU": lambda **weights: _gru_cell(weights)}


def _reader(cell: Callable, width: int) -> Callable[[Tensor], Tensor]:
    """A model that reads x (B, T, D) with the cell, from zeros, and gives its last state (B, width)."""

    def model(x: Tensor) -> Tensor:
        state = x.new_zeros(len(x), width)
        for step in x.unbind(1):
            state = cell(step, state)
        return state

    return model


def _gru_network(**weights: Tensor) -> Callable[[Tensor], Tensor]:
    weights = {name: weight.clone().requires_grad_() for name, weight in weights.items()}  # as a trained model's are
    return _reader(_gru_cell(weights), weights["weight_hh"].size(1))


MODELS: dict[str, Callable] = {
    "only the last input": lambda: lambda x: x[:, -1],
    "mean of everything": lambda: lambda x: x.mean(1),
    "sum of squares": lambda: lambda x: (x**2).sum(1),
    "linear": lambda W: lambda x: torch.einsum("btd,tdk->bk", x, W),
    "tanh network": lambda W_x, W_h, b: _reader(CELLS["tanh"](W_x, W_h, b), len(b)),
    "GRU": _gru_network,
}


def gradient_by_distance(attempt: Callable, model: str, x: Tensor, **weights: Tensor) -> Any:
    """The attempt's curve for one of MODELS, asked twice for the same x: the first time must leave nothing behind."""
    network = MODELS[model](**weights)
    attempt(network, x)
    curve = attempt(network, x)
    return "a curve that carries a graph" if isinstance(curve, Tensor) and curve.requires_grad else curve


def fixed_context_step(attempt: Callable, cell: str, y: Tensor, s: Tensor, context: Tensor, **weights: Tensor) -> Any:
    """The attempt's next state with one of CELLS."""
    return attempt(y, s, context, CELLS[cell](**weights))


def _additive_attention(W_q: Tensor, W_k: Tensor, score_vector: Tensor) -> Callable:
    """Bahdanau's attention with these weights; mask (B, Tk) or (B, Tq, Tk), and zeros where nothing may be attended."""

    def attention(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        scores = torch.tanh((query @ W_q)[:, :, None] + (key @ W_k)[:, None]) @ score_vector  # (B, Tq, Tk)
        shares = torch.exp(scores - scores.amax(-1, keepdim=True))
        if mask is not None:
            shares = shares * (mask[:, None] if mask.dim() == 2 else mask)
        weights = shares / shares.sum(-1, keepdim=True).clamp(min=1e-30)
        return weights @ value, weights

    return attention


def attention_decoder_step(
    attempt: Callable,
    cell: str,
    y: Tensor,
    s: Tensor,
    encoder_states: Tensor,
    mask: Tensor,
    W_q: Tensor,
    W_k: Tensor,
    score_vector: Tensor,
    joined: bool = False,
    **weights: Tensor,
) -> Any:
    """What the attempt returns with additive attention and one of CELLS; joined, state and context in one row."""
    results = attempt(y, s, encoder_states, mask, _additive_attention(W_q, W_k, score_vector), CELLS[cell](**weights))
    return in_one_row(results[:2], 2) if joined else results
