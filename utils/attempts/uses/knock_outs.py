"""A language model of which an attempt puts a part out of action: what it returns, and what has become of the model."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .transformers import drawn_parameters

PARTS = ("attention", "weights", "mlp")


def knock_out(
    attempt: Callable,
    sizes: tuple[int, int, int, int],
    tokens: Tensor,
    layer: int,
    part: str,
    seed: int = 0,
    then: tuple[int, str] | None = None,
    **parameters: Tensor,
) -> Any:
    """What became of the given model, what kind the returned one is, and its logits for tokens (B, T).

    sizes (vocabulary, d_model, heads, layers). Parameters that are not given by name are drawn from the seed. `then` is
    a layer and a part to be put out of action in what was returned. For a part that there is not: how it is refused.
    """
    model = drawn_model(sizes, seed, parameters)
    if part not in PARTS:
        return _refusal(attempt, model, layer, part)
    before, whole = [parameter.detach().clone() for parameter in model.parameters()], model(tokens)
    other = _returned(attempt, model, layer, part)
    if then:
        other = _returned(attempt, other, *then)
    if not all(map(torch.equal, model.parameters(), before)):
        given = "its parameters have changed"
    else:
        given = "left alone" if torch.allclose(model(tokens), whole) else "its parameters are the same, its logits not"
    places = {parameter.data_ptr() for parameter in model.parameters()}
    shared = any(parameter.data_ptr() in places for parameter in other.parameters())
    return {
        "the model that was given": given,
        "the model that is returned": "the very one that was given" if other is model
        else "shares parameters with the one that was given" if shared else "one of its own",
        "its logits": other(tokens).detach(),
    }  # fmt: skip


def _returned(attempt: Callable, model: nn.Module, layer: int, part: str) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)  # what it may draw is the same at every call
        other = attempt(model, layer, part)
    if not isinstance(other, nn.Module):
        raise TypeError(f"a model should be returned; it was {type(other).__name__}")
    return other


def _refusal(attempt: Callable, model: nn.Module, layer: int, part: str) -> str:
    try:
        attempt(model, layer, part)
    except NotImplementedError:
        raise  # it has not been written yet
    except ValueError:
        return "a ValueError"
    except Exception as error:
        return f"{type(error).__name__} instead of a ValueError"
    return "no ValueError"


def drawn_model(sizes: tuple[int, int, int, int], seed: int, parameters: dict[str, Tensor]) -> "LanguageModel":
    """One of these sizes; parameters that are not given by name are drawn from the seed."""
    with torch.random.fork_rng(devices=[]):
        model = LanguageModel(*sizes)
    given = parameters.get("embedding.weight")
    dtype = torch.float32 if given is None else given.dtype
    model.to(dtype).load_state_dict(drawn_parameters(model, seed, dtype) | parameters)
    return model


# The chapter's own classes, as a program finds them there: with the same parts, names and arguments


class SelfAttention(nn.Module):
    """Multi-head attention of x (B, T, d_model) to itself, query and key turned by positions (T,) if they are given."""

    def __init__(self, d_model: int, heads: int):
        super().__init__()
        self.heads = heads
        self.W_q, self.W_k, self.W_v, self.W_o = (nn.Linear(d_model, d_model, bias=False) for _ in range(4))

    def project(self, x: Tensor, positions: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """The query, key and value (B, heads, T, Dk)."""
        maps = (self.W_q, self.W_k, self.W_v)
        query, key, value = (W(x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for W in maps)
        if positions is not None:
            query, key = _turned(query, positions), _turned(key, positions)
        return query, key, value

    def forward(self, x: Tensor, positions: Tensor | None = None, causal: bool = False) -> Tensor:
        """The context (B, T, d_model)."""
        query, key, value = self.project(x, positions)
        # by the plain formula: PyTorch's fast kernel waits for a second thread, long where others want it too
        context = _weights(query, key, causal) @ value
        return self.W_o(context.transpose(1, 2).flatten(2))

    def weights(self, x: Tensor, positions: Tensor | None = None, causal: bool = False) -> Tensor:
        """The weights (B, heads, T, T) behind it."""
        query, key, _ = self.project(x, positions)
        return _weights(query, key, causal)


def _weights(query: Tensor, key: Tensor, causal: bool) -> Tensor:
    scores = query @ key.mT / math.sqrt(query.size(-1))
    later = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
    return (scores.masked_fill(later, -torch.inf) if causal else scores).softmax(-1)


def _turned(x: Tensor, positions: Tensor) -> Tensor:
    rates = 10_000.0 ** (-torch.arange(0, x.size(-1), 2, dtype=torch.float64) / x.size(-1))
    angles = positions[:, None] * rates
    (cosine, sine), (first, second) = (angles.cos().to(x), angles.sin().to(x)), x.chunk(2, -1)
    return torch.cat([first * cosine - second * sine, first * sine + second * cosine], -1)


class TransformerBlock(nn.Module):
    """x = x + attention(norm_1(x)), then x = x + down(relu(up(norm_2(x))))."""

    def __init__(self, d_model: int, heads: int, d_hidden: int):
        super().__init__()
        self.norm_1, self.norm_2 = nn.RMSNorm(d_model), nn.RMSNorm(d_model)
        self.attention = SelfAttention(d_model, heads)
        self.up, self.down = nn.Linear(d_model, d_hidden), nn.Linear(d_hidden, d_model)

    def forward(self, x: Tensor, positions: Tensor | None = None, causal: bool = True) -> Tensor:
        """x (B, T, d_model) after both."""
        x = x + self.attention(self.norm_1(x), positions, causal)
        return x + self.down(F.relu(self.up(self.norm_2(x))))


class LanguageModel(nn.Module):
    """Logits (B, T, vocabulary) for tokens (B, T)."""

    def __init__(self, vocabulary: int, d_model: int, heads: int, layers: int, context: int = 64):
        super().__init__()
        self.context = context
        self.embedding = nn.Embedding(vocabulary, d_model)
        self.blocks = nn.ModuleList(TransformerBlock(d_model, heads, 4 * d_model) for _ in range(layers))
        self.norm, self.head = nn.RMSNorm(d_model), nn.Linear(d_model, vocabulary, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """The logits of the token after each token."""
        x, positions = self.embedding(tokens), torch.arange(tokens.size(1), device=tokens.device)
        for block in self.blocks:
            x = block(x, positions)
        return self.head(self.norm(x))
