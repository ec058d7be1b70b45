"""Several lookups side by side, each in a part of the width."""

from torch import Tensor, nn

from utils.attention import reference


def split_heads(x: Tensor, heads: int) -> Tensor:
    """(B, T, D) into (B, heads, T, D / heads): each head gets its own run of neighbouring columns."""
    width = x.size(-1)
    if width % heads:
        raise ValueError(f"a width of {width} does not divide into {heads} heads")
    return heads_of_width(x, width // heads)


def heads_of_width(x: Tensor, d_k: int) -> Tensor:
    """(B, T, H · d_k) into (B, H, T, d_k): as split_heads does, for as many heads as x holds.

    A module splits by the width of a head, which stays the same where its maps are cut up among processes; by the
    number of the model's heads, a process with half of the columns would split these into heads of half the width.
    """
    return x.unflatten(-1, (-1, d_k)).transpose(1, 2)


def merge_heads(x: Tensor) -> Tensor:
    """(B, heads, T, Dh) into (B, T, heads · Dh): what split_heads took apart."""
    return x.transpose(1, 2).flatten(2)


class HeadMaps(nn.Module):
    """The four maps of attention in several heads: W_q, W_k, W_v and W_o, linear and without bias.

    Raises ValueError if the width does not divide into the heads.
    """

    def __init__(self, d_model: int, heads: int):
        super().__init__()
        if d_model % heads:
            raise ValueError(f"d_model {d_model} does not divide into {heads} heads")
        self.heads, self.d_k = heads, d_model // heads
        self.W_q = nn.Linear(d_model, d_model, bias=False)
        self.W_k = nn.Linear(d_model, d_model, bias=False)
        self.W_v = nn.Linear(d_model, d_model, bias=False)
        self.W_o = nn.Linear(d_model, d_model, bias=False)


class MultiHeadAttention(HeadMaps):
    """Projects, looks up in each head, merges, and projects again: Concat(head_1, …, head_H) W_o.

    Returns the context (B, Tq, d_model) and the weights (B, heads, Tq, Tk). Source: Vaswani et al. 2017, section 3.2.2.
    """

    def forward(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """query (B, Tq, d_model), key and value (B, Tk, d_model).

        mask (Tq, Tk) or (B, Tq, Tk), True = may attend, the same for every head.
        """
        query, key, value = self.W_q(query), self.W_k(key), self.W_v(value)
        query, key, value = (heads_of_width(x, self.d_k) for x in (query, key, value))  # (B, heads, T, d_k)
        if mask is not None:
            mask = mask.unsqueeze(-3)  # (B, 1, Tq, Tk)
        context, weights = reference.dot_product_attention(query, key, value, mask, return_weights=True)
        return self.W_o(merge_heads(context)), weights
