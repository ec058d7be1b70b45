"""What chapter 06 tells of sums and products that it does not train."""

import functools
import time
from typing import Any

import torch
from torch import Tensor, nn

from utils import models

from . import translation
from .figure import Measured, defined_in, told

HERE = "06"


def chapter() -> Any:
    return defined_in(HERE, "SEEDS")


@told(
    HERE,
    "Three times the steps: .94 to .97, still behind.",
    15,
    {"the sum, 900 steps": (0.9, 0.975), "how far the product is ahead": (0.001, 0.08)},
)
def longer_sum() -> Measured:
    here = chapter()
    found = {
        kind: here.share_right(*here.trained(here.vectors, 8, kind, steps=900, label=kind))
        for kind in ("sum", "product")
    }
    ahead = found["product"] - found["sum"]
    return {"the sum, 900 steps": found["sum"].tolist(), "how far the product is ahead": ahead.tolist()}


@told(
    HERE,
    "four times as wide the sum draws level, with .98 for each of five seeds",
    15,
    {"the sum, width 64": (0.97, 0.995)},
)
def wider_sum() -> Measured:
    here = chapter()
    wide = here.trained(here.vectors, 8, "sum", width=64, label="width 64")
    return {"the sum, width 64": here.share_right(*wide).tolist()}


@told(
    HERE,
    "Four times as wide, and trained on 1 − weight, it finds .45 to .47.",
    15,
    {"without a bias, width 64": (0.4, 0.5)},
)
def wider_without_bias() -> Measured:
    here = chapter()
    wide = here.trained(here.vectors, 8, "sum", here.misses, bias=False, width=64, label="width 64")
    return {"without a bias, width 64": here.share_right(*wide).tolist()}


@told(
    HERE,
    "the product writes .97, .93 and .98 of them rightly and the sum .98, .98 and .96, and the product's training "
    "takes a tenth to a seventh less time",
    75,
    {"sum": (0.92, 1), "product": (0.92, 1), "the product's time, as a share of the sum's": (0.7, 1)},
)
def product_translator() -> Measured:
    here, translation_chapter = chapter(), translation.chapter()
    kinds: dict[str, Any] = {"sum": models.BahdanauAttention, "product": here.ProductAttention}
    right: dict[str, list[float]] = {kind: [] for kind in kinds}
    seconds = dict.fromkeys(kinds, 0.0)
    for seed in range(3):
        for kind, attention in kinds.items():
            build = functools.partial(attention, 64, 128, 64)
            translator = translation_chapter.translator(build, seed=seed)
            begun = time.process_time()
            translation_chapter.learn(f"{kind}, seed {seed}", translator)
            seconds[kind] += time.process_time() - begun
            right[kind].append(translation_chapter.exact_by_digits(translator)[12])
    return right | {"the product's time, as a share of the sum's": seconds["product"] / seconds["sum"]}


def smaller_start(here: Any) -> type[nn.Module]:
    """The product of the chapter, not divided: W_q starts smaller by √d instead, so the first weights are the same."""

    class SmallerStart(here.ProductAttention):  # type: ignore[misc]
        def __init__(self, d_query: int, d_key: int, d_hidden: int):
            super().__init__(d_query, d_key, d_hidden)
            self.root = d_hidden**0.5
            with torch.no_grad():
                self.W_q.weight /= self.root

        def forward(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> Any:
            return super().forward(self.root * query, key, value, mask)  # which takes the division back

    return SmallerStart


@told(
    HERE,
    "with the division .97, .93 and .98 of the names of twelve digits come out right, and with the smaller start in "
    "its place .20, .70 and .32",
    65,
    {"divided": (0.88, 1), "smaller start": (0, 0.85)},
)
def same_start_other_steps() -> Measured:
    here, translation_chapter = chapter(), translation.chapter()
    kinds = {"divided": here.ProductAttention, "smaller start": smaller_start(here)}
    right: dict[str, list[float]] = {kind: [] for kind in kinds}
    for seed in range(3):
        for kind, attention in kinds.items():
            translator = translation_chapter.translator(functools.partial(attention, 64, 128, 64), seed=seed)
            translation_chapter.learn(f"{kind}, seed {seed}", translator)
            right[kind].append(translation_chapter.exact_by_digits(translator)[12])
    return right
