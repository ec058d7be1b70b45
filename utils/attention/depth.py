"""Attention over depth: at each place, a lookup among what the layers below have said.

The keys are the sources themselves, or the sources normed. A root mean square is one number per source and place, so
it divides the score, and normed keys are never made: query · (x / rms(x) · weight) = (query · weight) · x / rms(x).
Sources may be given as a list, as a network has them: they are not stacked.
"""

from collections.abc import Sequence
from typing import Literal, overload

import torch
from torch import Tensor

from .inputs import check_kind
from .reference import RMS_EPSILON


@overload
def depth_attention(
    query: Tensor, sources: Tensor | Sequence[Tensor], norm_weight: Tensor | None = None,
    return_weights: Literal[False] = False,
) -> Tensor: ...  # fmt: skip
@overload
def depth_attention(
    query: Tensor, sources: Tensor | Sequence[Tensor], norm_weight: Tensor | None = None,
    *, return_weights: Literal[True],
) -> tuple[Tensor, Tensor]: ...  # fmt: skip
def depth_attention(
    query: Tensor, sources: Tensor | Sequence[Tensor], norm_weight: Tensor | None = None, return_weights: bool = False
) -> Tensor | tuple[Tensor, Tensor]:
    """softmax over the sources of query · source, times the sources: the context (B, T, D).

    sources (L, B, T, D), or a list of L tensors (B, T, D); query (D,), one for every place, or (B, T, D). With a
    norm_weight (D,) the score is query · RMSNorm(source); there is no other scale. A query of zeros gives the mean.
    With return_weights also the weights (B, T, L).

    Scores and sums of bfloat16 and float16 are in float32. Runs in PyTorch on any device, and may be differentiated any
    number of times. Raises ValueError if shapes, dtypes or devices do not fit, or there is no source.
    Source: arXiv 2603.15031 (Attention Residuals).
    """
    if not isinstance(sources, (Tensor, Sequence)) or isinstance(sources, Tensor) and sources.ndim == 0:
        raise ValueError(f"sources must be a tensor (L, B, T, D) or a list of tensors, got {sources!r:.80}")
    sources = list(sources)
    _check(query, sources, norm_weight)
    dtype = query.dtype
    wide = torch.float64 if dtype == torch.float64 else torch.float32  # of scores and sums
    query = query.to(wide) if norm_weight is None else query.to(wide) * norm_weight.to(wide)
    scores = torch.stack([_score(query, source.to(wide), norm_weight is not None) for source in sources])
    weights = torch.softmax(scores, 0)  # (L, B, T)
    context = weights[0].unsqueeze(-1) * sources[0].to(wide)
    for weight, source in zip(weights[1:], sources[1:], strict=True):
        context = torch.addcmul(context, weight.unsqueeze(-1), source.to(wide))  # (B, T, D)
    context, weights = context.to(dtype), weights.permute(1, 2, 0).to(dtype)
    return (context, weights) if return_weights else context


def _score(query: Tensor, source: Tensor, normed: bool) -> Tensor:
    """query · source (B, T), divided by the source's root mean square if normed."""
    score = source @ query if query.ndim == 1 else torch.linalg.vecdot(source, query)
    if not normed:
        return score
    # not the square of a norm, whose second derivative is NaN at a source of zeros
    mean_square = torch.linalg.vecdot(source, source) / source.size(-1)
    return score * torch.rsqrt(mean_square + RMS_EPSILON)


def _check(query: Tensor, sources: list[Tensor], norm_weight: Tensor | None) -> None:
    if not sources:
        raise ValueError("there are no sources: depth attention needs at least one")
    given = {"query": query} | {f"source {i}": source for i, source in enumerate(sources)}
    check_kind(**given | ({} if norm_weight is None else {"norm_weight": norm_weight}))
    shapes = {tuple(source.shape) for source in sources}
    if len(shapes) > 1 or sources[0].ndim != 3:
        raise ValueError(f"sources must all be (B, T, D), got {', '.join(map(str, sorted(shapes)))}")
    batch, length, width = sources[0].shape
    if query.shape not in ((width,), (batch, length, width)):
        raise ValueError(
            f"query {tuple(query.shape)} fits neither (D,) = ({width},) nor (B, T, D) = {(batch, length, width)}"
        )
    if norm_weight is not None and norm_weight.shape != (width,):
        raise ValueError(f"norm_weight {tuple(norm_weight.shape)} must be (D,) = ({width},)")
