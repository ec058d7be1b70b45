"""What chapter 09 tells of loops that it does not compile."""

import math
from functools import partial

import numba
import numpy as np
import torch

from utils import costs

from .figure import Measured, told

HERE = "09"


@numba.njit(error_model="numpy")
def two_passes(scores: np.ndarray) -> tuple[np.float32, np.float32]:
    largest, total = scores[0], np.float32(0)
    for score in scores:
        largest = max(largest, score)
    for score in scores:
        total += math.exp(score - largest)
    return largest, total


@numba.njit(error_model="numpy")
def one_after_the_other(scores: np.ndarray) -> tuple[np.float32, np.float32]:
    largest, total = np.float32(-np.inf), np.float32(0)
    for score in scores:
        if score > largest:
            total = total * math.exp(largest - score) + np.float32(1)
            largest = score
        else:
            total += math.exp(score - largest)
    return largest, total


@numba.njit(error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def tanh_sums(query: np.ndarray, key: np.ndarray, score_vector: np.ndarray) -> np.ndarray:
    sums = np.empty((len(query), len(key)), np.float32)
    for i in range(len(query)):
        for j in range(len(key)):
            total = np.float32(0)
            for h in range(len(score_vector)):
                total += score_vector[h] * math.tanh(query[i, h] + key[j, h])
            sums[i, j] = total
    return sums


@told(HERE, "one pass took .85 to .95 of the time of two", 2, {"one pass, in times of two": (0.5, 1.3)})
def one_pass() -> Measured:
    found = []
    for seed in range(3):
        scores = np.random.default_rng(seed).standard_normal(1_000_000, np.float32)
        calls = {"two": partial(two_passes, scores), "one": partial(one_after_the_other, scores)}
        ms = costs.milliseconds(calls, 9)
        found.append(ms["one"] / ms["two"])
    return {"one pass, in times of two": found}


@told(
    HERE,
    "the same loops with tanh, compiled, took more than twice as long as PyTorch's formula",
    8,
    {"compiled tanh, in times of the formula": (1.5, 6)},
)
def compiled_tanh() -> Measured:
    torch.manual_seed(0)
    rows = torch.randn(512, 64), torch.randn(512, 64), torch.randn(64) / 8
    query, key, score_vector = rows
    calls = {
        "formula": lambda: torch.tanh(query[:, None] + key) @ score_vector,
        "compiled": lambda: tanh_sums(*(x.numpy() for x in rows)),
    }
    torch.testing.assert_close(torch.from_numpy(calls["compiled"]()), calls["formula"](), rtol=1e-4, atol=1e-5)
    ms = costs.milliseconds(calls, 3)
    return {"compiled tanh, in times of the formula": ms["compiled"] / ms["formula"]}
