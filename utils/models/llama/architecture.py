"""Llama, made of the course's parts.

What differs from LanguageModel: several query heads share a key head, a gate stands in the small network, rotary's slow
turns may be slower still, and a cache makes writing fast.
Source: Touvron et al. 2023 (arXiv 2302.13971); Grattafiori et al. 2024 (arXiv 2407.21783).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from utils.attention.cache import KVCache
from utils.attention.dot_product import dot_product_attention

from ..multi_head import heads_of_width, merge_heads
from ..positions import BASE, turned


@dataclass(frozen=True)
class Slowed:
    """Rotary for a longer context than it was trained with, as in Llama 3.1: what turns slowly turns slower still.

    A pair that makes fewer than `few` full turns in the `original` context (tokens) turns `factor` times slower, one
    that makes more than `many` stays as it is, and between the two lies a mixture.
    """

    factor: float
    few: float
    many: float
    original: int


@dataclass(frozen=True)
class Architecture:
    """The sizes of a Llama: which tensors it has, and how long a text it takes (context, in tokens)."""

    vocabulary: int
    d_model: int
    d_hidden: int
    layers: int
    heads: int
    key_heads: int
    d_k: int
    context: int
    epsilon: float = 1e-6  # of the norms
    base: float = BASE  # of rotary
    slowed: Slowed | None = None
    tied: bool = False  # the head is the embedding
    attention_bias: bool = False
    mlp_bias: bool = False


def rotary_rates(width: int, base: float = BASE, slowed: Slowed | None = None) -> Tensor:
    """By how many radians each pair of columns turns from one position to the next: (width / 2,), in float64."""
    rates = base ** (-torch.arange(0, width, 2, dtype=torch.float64, device="cpu") / width)
    if slowed is None:
        return rates
    turns = slowed.original * rates / (2 * math.pi)
    kept = ((turns - slowed.few) / (slowed.many - slowed.few)).clamp(0, 1)
    return rates * (kept + (1 - kept) / slowed.factor)


class GroupedSelfAttention(nn.Module):
    """Causal attention of a sequence to itself in which heads / key_heads neighbouring heads share a key and a value.

    Maps: W_q (heads · d_k columns out), W_k and W_v (key_heads · d_k), W_o. Source: Ainslie et al. 2023.
    """

    def __init__(self, of: Architecture):
        super().__init__()
        self.d_k = of.d_k
        self.W_q = nn.Linear(of.d_model, of.heads * of.d_k, bias=of.attention_bias)
        self.W_k = nn.Linear(of.d_model, of.key_heads * of.d_k, bias=of.attention_bias)
        self.W_v = nn.Linear(of.d_model, of.key_heads * of.d_k, bias=of.attention_bias)
        self.W_o = nn.Linear(of.heads * of.d_k, of.d_model, bias=of.attention_bias)

    def forward(self, x: Tensor, cosine: Tensor, sine: Tensor, cache: KVCache | None = None) -> Tensor:
        """The context (B, T, d_model) of each position of x (B, T, d_model), whose angles have cosine and sine.

        With a cache, x continues what the cache holds, and is added to it.
        """
        query, key, value = self.project(x, cosine, sine)
        if cache is None:
            context = dot_product_attention(query, key, value, causal=True)  # (B, heads, T, d_k)
        else:
            cache.append(key, value)
            context = cache.attend(query)
        return self.W_o(merge_heads(context))

    def weights(self, x: Tensor, cosine: Tensor, sine: Tensor, cache: KVCache | None = None) -> Tensor:
        """The weights (B, heads, T, Tk) behind the call of forward that has just been made with these arguments."""
        query, key, value = self.project(x, cosine, sine)
        if cache is not None:  # which holds x by now
            key, value = cache.key, cache.value
        return dot_product_attention(query, key, value, causal=True, return_weights=True)[1]

    def project(self, x: Tensor, cosine: Tensor, sine: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The query (B, heads, T, d_k), turned, the key (B, key_heads, T, d_k), turned, and the value, as the key."""
        query, key, value = (heads_of_width(W(x), self.d_k) for W in (self.W_q, self.W_k, self.W_v))
        return turned(query, cosine, sine), turned(key, cosine, sine), value


class LlamaBlock(nn.Module):
    """x = x + attention(norm_1(x)), then x = x + down(silu(gate(norm_2(x))) · up(norm_2(x)))."""

    def __init__(self, of: Architecture):
        super().__init__()
        self.norm_1, self.norm_2 = (nn.RMSNorm(of.d_model, of.epsilon) for _ in range(2))
        self.attention = GroupedSelfAttention(of)
        self.gate, self.up = (nn.Linear(of.d_model, of.d_hidden, bias=of.mlp_bias) for _ in range(2))
        self.down = nn.Linear(of.d_hidden, of.d_model, bias=of.mlp_bias)

    def forward(self, x: Tensor, cosine: Tensor, sine: Tensor, cache: KVCache | None = None) -> Tensor:
        """x (B, T, d_model) after the block, in the same shape. The rest as GroupedSelfAttention's."""
        x = x + self.attention(self.norm_1(x), cosine, sine, cache)
        normed = self.norm_2(x)
        return x + self.down(F.silu(self.gate(normed)) * self.up(normed))  # silu: z · sigmoid(z)


class Llama(nn.Module):
    """Logits of the next token after each token: embedding, blocks, a last norm, head."""

    def __init__(self, of: Architecture):
        super().__init__()
        self.context = of.context
        self.rates = rotary_rates(of.d_k, of.base, of.slowed)  # no buffer: .to(torch.bfloat16) would round them
        self.embedding = nn.Embedding(of.vocabulary, of.d_model)
        self.blocks = nn.ModuleList(LlamaBlock(of) for _ in range(of.layers))
        self.norm = nn.RMSNorm(of.d_model, of.epsilon)
        self.head = nn.Linear(of.d_model, of.vocabulary, bias=False)
        if of.tied:
            self.head.weight = self.embedding.weight

    def forward(self, tokens: Tensor, caches: Sequence[KVCache] | None = None) -> Tensor:
        """Logits (B, T, vocabulary) for tokens (B, T), whose rows are all of one length: there is no padding.

        With caches, from new_caches(), the tokens continue those that the caches have seen, and are added to them:
        first a whole prompt, then a token at a time. A cache keeps no gradients, so this needs torch.no_grad().
        Raises ValueError if all that is longer than the context.
        """
        if caches is not None and len(caches) != len(self.blocks):
            raise ValueError(f"{len(caches)} caches for {len(self.blocks)} blocks: each needs one, see new_caches()")
        start = len(caches[0]) if caches else 0
        end = start + tokens.size(1)
        if end > self.context:
            raise ValueError(f"{end} tokens do not fit into a context of {self.context}")
        x = self.embedding(tokens)  # (B, T, d_model)
        angles = torch.arange(start, end)[:, None] * self.rates  # (T, d_k / 2)
        cosine, sine = angles.cos().to(x), angles.sin().to(x)
        for index, block in enumerate(self.blocks):
            x = block(x, cosine, sine, caches[index] if caches else None)
        return self.head(self.norm(x))  # (B, T, vocabulary)

    def new_caches(self) -> list[KVCache]:
        """An empty cache for each block."""
        return [KVCache() for _ in self.blocks]
