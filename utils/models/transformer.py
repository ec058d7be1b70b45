"""A transformer: attention and a small network in a block, blocks in a language model, its loss, and how to sample."""

import math
from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from utils.attention import reference

from .multi_head import HeadMaps, heads_of_width, merge_heads
from .positions import rotary


class SelfAttention(HeadMaps):
    """A sequence looks itself up: every position asks, and every position is a key and a value.

    What MultiHeadAttention(x, x, x) with the same maps gives, through PyTorch's fused kernels, which do not keep the
    weights. Source: Vaswani et al. 2017, section 3.2; rotary positions, Su et al. 2021.
    """

    def forward(self, x: Tensor, positions: Tensor | None = None, causal: bool = False) -> Tensor:
        """The context (B, T, d_model) of each position of x (B, T, d_model).

        With positions (T,), query and key are turned by them (rotary). causal: a position sees itself and earlier ones.
        """
        query, key, value = self.project(x, positions)  # (B, heads, T, Dk)
        context = F.scaled_dot_product_attention(query, key, value, is_causal=causal)
        return self.W_o(merge_heads(context))

    def weights(self, x: Tensor, positions: Tensor | None = None, causal: bool = False) -> Tensor:
        """The weights (B, heads, T, T) behind the same call of forward, by the plain formula."""
        lookup = self.project(x, positions)
        return reference.dot_product_attention(*lookup, causal=causal, return_weights=True)[1]

    def project(self, x: Tensor, positions: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """The query, key and value (B, heads, T, Dk) of x."""
        query, key, value = (heads_of_width(W(x), self.d_k) for W in (self.W_q, self.W_k, self.W_v))
        if positions is not None:
            query, key = rotary(query, positions), rotary(key, positions)
        return query, key, value


class TransformerBlock(nn.Module):
    """Attention among the positions, then a small network at each, both added to what they read (pre-norm).

    x = x + attention(norm_1(x)); x = x + down(relu(up(norm_2(x)))). Parts: norm_1, norm_2 (nn.RMSNorm), attention
    (SelfAttention), up and down (nn.Linear with bias). attention.W_o and down start at zero, so a new block gives back
    its input. Source: Vaswani et al. 2017, with the norm before each part as in Xiong et al. 2020.
    """

    def __init__(self, d_model: int, heads: int, d_hidden: int):
        super().__init__()
        self.norm_1, self.norm_2 = nn.RMSNorm(d_model), nn.RMSNorm(d_model)
        self.attention = SelfAttention(d_model, heads)
        self.up, self.down = nn.Linear(d_model, d_hidden), nn.Linear(d_hidden, d_model)
        for parameter in (self.attention.W_o.weight, self.down.weight, self.down.bias):
            nn.init.zeros_(parameter)

    def forward(self, x: Tensor, positions: Tensor | None = None, causal: bool = True) -> Tensor:
        """x (B, T, d_model) after the block, in the same shape. positions (T,) and causal as SelfAttention's."""
        x = x + self.attention(self.norm_1(x), positions, causal)
        return x + self.down(F.relu(self.up(self.norm_2(x))))


class LanguageModel(nn.Module):
    """Logits of the next token after each token: embedding, blocks, a last norm, head.

    Parts: embedding (nn.Embedding), blocks (nn.ModuleList of TransformerBlock, d_hidden = 4 d_model), norm
    (nn.RMSNorm), head (nn.Linear without bias). The head starts at zero: a new model gives every token the same
    probability. Positions 0, 1, … go into every block (rotary). `context` is the longest sequence that it takes.
    """

    def __init__(self, vocabulary: int, d_model: int, heads: int, layers: int, context: int):
        super().__init__()
        self.context = context
        self.embedding = nn.Embedding(vocabulary, d_model)
        self.blocks = nn.ModuleList(TransformerBlock(d_model, heads, 4 * d_model) for _ in range(layers))
        self.norm = nn.RMSNorm(d_model)
        self.head = nn.Linear(d_model, vocabulary, bias=False)
        nn.init.zeros_(self.head.weight)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits (B, T, vocabulary) for tokens (B, T). Raises ValueError if T is above the context."""
        length = tokens.size(1)
        if length > self.context:
            raise ValueError(f"{length} tokens do not fit into a context of {self.context}")
        positions = torch.arange(length, device=tokens.device)
        x = self.embedding(tokens)  # (B, T, d_model)
        for block in self.blocks:
            x = block(x, positions)
        return self.head(self.norm(x))  # (B, T, vocabulary)


def next_token_loss(logits: Tensor, tokens: Tensor, ignore: int = -1) -> Tensor:
    """Mean cross-entropy, in nats, of logits (B, T, V) at t for the token at t + 1 of tokens (B, T).

    The mean is over all targets in the batch that are not `ignore`.
    """
    predictions, targets = logits[:, :-1], tokens[:, 1:]  # (B, T - 1, V), (B, T - 1)
    return F.cross_entropy(predictions.flatten(0, 1), targets.flatten(), ignore_index=ignore)


def text_loss(model: nn.Module, tokens: Tensor) -> Tensor:
    """How surprised the model is, in nats per token, by tokens (B, T), each given those before it."""
    return next_token_loss(model(tokens), tokens)


def sample(
    logits: Tensor, temperature: float = 1.0, top_k: int | None = None, generator: Generator | None = None
) -> Tensor:
    """A token (B,) for each row of logits (B, V), drawn with probability softmax(logits / temperature).

    With top_k, only among the top_k likeliest of its row. All randomness comes from the generator.
    """
    if top_k is not None:
        smallest = logits.topk(top_k).values[:, -1:]  # (B, 1): the last that is kept
        logits = logits.masked_fill(logits < smallest, -math.inf)
    probabilities = (logits / temperature).softmax(-1)
    return torch.multinomial(probabilities, 1, generator=generator)[:, 0]


@torch.no_grad()
def attention_weights(model: nn.Module, *inputs: Tensor) -> list[Tensor]:
    """What each attention of the model looks at when it is given the inputs: weights (B, heads, T, T), in order of use.

    An attention is a part that has a method `weights` for the arguments of its forward, as SelfAttention does.
    """
    found: list[Tensor] = []

    def look(attention: Any, arguments: tuple, named: dict, _: Tensor) -> None:
        found.append(attention.weights(*arguments, **named))

    attentions = [module for module in model.modules() if callable(getattr(module, "weights", None))]
    hooks = [attention.register_forward_hook(look, with_kwargs=True) for attention in attentions]
    try:
        model(*inputs)
    finally:
        for hook in hooks:
            hook.remove()
    return found
