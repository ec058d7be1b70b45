"""Attention for an encoder–decoder: the one of Bahdanau et al. (2015), and its control."""

import torch
from torch import Tensor, nn

from utils.attention import reference


class BahdanauAttention(nn.Module):
    """score_vector · tanh(W_q query + W_k key), softmax over the keys, weighted sum of the values.

    Returns the context (B, Tq, Dv) and the weights (B, Tq, Tk). Source: Bahdanau et al. 2015, section 3.1 and A.1.2.
    """

    def __init__(self, d_query: int, d_key: int, d_hidden: int):
        super().__init__()
        self.W_q = nn.Linear(d_query, d_hidden, bias=False)
        self.W_k = nn.Linear(d_key, d_hidden, bias=False)
        self.score_vector = nn.Parameter(torch.randn(d_hidden) / d_hidden**0.5)

    def forward(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """query (B, Tq, d_query), key (B, Tk, d_key), value (B, Tk, Dv).

        mask (B, Tk) or (B, Tq, Tk), True = may attend.
        """
        if mask is not None and mask.dim() == 2:
            mask = mask[:, None]  # (B, 1, Tk): the same for every query
        query, key = self.W_q(query), self.W_k(key)
        return reference.additive_attention(query, key, value, self.score_vector, mask, return_weights=True)


class UniformAttention(nn.Module):
    """The control: every key that may be attended to has the same weight, whatever the query asks."""

    def forward(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """As BahdanauAttention."""
        if mask is None:
            mask = torch.ones(key.shape[:2], dtype=torch.bool, device=key.device)
        allowed = mask[:, None] if mask.dim() == 2 else mask
        allowed = allowed.expand(len(key), query.size(1), -1).to(value.dtype)
        weights = allowed / allowed.sum(-1, keepdim=True).clamp(min=1)
        return weights @ value, weights
