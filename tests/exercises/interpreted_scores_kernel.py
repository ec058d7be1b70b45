"""The exercise that asks for a Triton kernel: right kernels pass, wrong ones are named, one is ○ as handed out.

Triton decides when it is imported whether it interprets, so `test_kernels.py` runs this file in a process of its own,
with TRITON_INTERPRET=1.
"""

import functools

import pytest
import triton
import triton.language as tl

from utils import exercises
from utils.attempts import borrowed
from utils.exercises.exercise import UNATTEMPTED

EXERCISE = exercises.get("scores_kernel")


@triton.jit
def scores_kernel(a, b, score_vector, scores, Tq, Tk, A, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    i = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    j = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    total = tl.zeros((ROWS, COLUMNS), tl.float32)
    for h in range(A):
        a_h = tl.load(a + i * A + h, mask=i < Tq, other=0.0)
        b_h = tl.load(b + j * A + h, mask=j < Tk, other=0.0)
        total += tl.load(score_vector + h) / (1.0 + a_h[:, None] * b_h[None, :])
    tl.store(scores + i[:, None] * Tk + j[None, :], total, mask=(i < Tq)[:, None] & (j < Tk)[None, :])


@triton.jit
def pointers_that_move(a, b, score_vector, scores, Tq, Tk, A, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    rows, columns = tl.program_id(0) * ROWS, tl.program_id(1) * COLUMNS
    i, j = rows + tl.arange(0, ROWS)[:, None], columns + tl.arange(0, COLUMNS)[None, :]
    total = tl.full((ROWS, COLUMNS), 0.0, tl.float32)
    at, to = a + i * A, b + j * A
    for _ in range(A):
        total += tl.load(score_vector) / (tl.load(at, mask=i < Tq) * tl.load(to, mask=j < Tk) + 1)
        at += 1
        to += 1
        score_vector += 1
    tl.store(scores + i * Tk + j, total, mask=(i < Tq) & (j < Tk))


@triton.jit
def loads_without_a_mask(a, b, score_vector, scores, Tq, Tk, A, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    """What is read beside the rows is not stored: it would be wrong on a machine that guards its memory alone."""
    i = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    j = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    total = tl.zeros((ROWS, COLUMNS), tl.float32)
    for h in range(A):
        total += tl.load(score_vector + h) / (1 + tl.load(a + i * A + h)[:, None] * tl.load(b + j * A + h)[None, :])
    tl.store(scores + i[:, None] * Tk + j[None, :], total, mask=(i < Tq)[:, None] & (j < Tk)[None, :])


@pytest.mark.parametrize("kernel", [scores_kernel, pointers_that_move, loads_without_a_mask])
def test_a_right_kernel_passes(kernel):
    verdict = EXERCISE.assess(kernel)
    assert verdict.passed, verdict.message
    assert borrowed(kernel, []) is None


@triton.jit
def rows_of_the_tile(ROWS: tl.constexpr, COLUMNS: tl.constexpr, WRONG: tl.constexpr):
    first, second = tl.program_id(0), tl.program_id(1)
    if WRONG == "programs_swapped":
        first, second = tl.program_id(1), tl.program_id(0)
    if WRONG == "first_tile_alone":
        first, second = 0, 0
    if WRONG == "first_rows_alone":
        first = 0
    if WRONG == "first_columns_alone":
        second = 0
    i, j = first * ROWS + tl.arange(0, ROWS), second * COLUMNS + tl.arange(0, COLUMNS)
    if WRONG == "programs_one_apart":
        i, j = first + tl.arange(0, ROWS), second + tl.arange(0, COLUMNS)
    if WRONG == "one_program_number":
        i, j = first * ROWS + tl.arange(0, ROWS), first * COLUMNS + tl.arange(0, COLUMNS)
    return i, j


@triton.jit
def masks(i, j, Tq, Tk, WRONG: tl.constexpr):
    """Of what is stored, then of what is read."""
    here, there = i < Tq, j < Tk
    read_here, read_there = here, there
    if WRONG == "queries_masked_with_the_number_of_keys":
        here, read_here = i < Tk, i < Tk
    if WRONG == "keys_masked_with_the_number_of_queries":
        there, read_there = j < Tq, j < Tq
    if WRONG == "queries_loaded_as_far_as_keys_go":
        read_here = i < Tk
    if WRONG == "keys_loaded_as_far_as_queries_go":
        read_there = j < Tq
    return here, there, read_here, read_there


@triton.jit
def place_of_the_tile(scores, i, j, Tq, Tk, COLUMNS: tl.constexpr, WRONG: tl.constexpr):
    place = scores + i[:, None] * Tk + j[None, :]
    if WRONG == "rows_as_long_as_queries":
        place = scores + i[:, None] * Tq + j[None, :]
    if WRONG == "rows_as_long_as_a_tile":
        place = scores + i[:, None] * COLUMNS + j[None, :]
    if WRONG == "rows_one_apart":
        place = scores + i[:, None] + j[None, :]
    if WRONG == "stored_column_by_column":
        place = scores + i[:, None] + j[None, :] * Tq
    return place


@triton.jit
def places_of_a_channel(a, b, i, j, h, Tq, Tk, A, WRONG: tl.constexpr):
    at, to = a + i * A + h, b + j * A + h
    if WRONG == "read_column_by_column_both" or WRONG == "read_column_by_column_a":
        at = a + h * Tq + i
    if WRONG == "read_column_by_column_both" or WRONG == "read_column_by_column_b":
        to = b + h * Tk + j
    if WRONG == "rows_read_one_apart_both" or WRONG == "rows_read_one_apart_a":
        at = a + i + h
    if WRONG == "rows_read_one_apart_both" or WRONG == "rows_read_one_apart_b":
        to = b + j + h
    if WRONG == "rows_of_a_read_as_far_apart_as_there_are_of_them":
        at = a + i * Tq + h
    if WRONG == "rows_read_as_far_apart_as_there_are_of_them":
        to = b + j * Tk + h
    if WRONG == "first_number_of_each_row":
        at, to = a + i * A, b + j * A
    return at, to


@triton.jit
def below_the_fraction(a_h, b_h, WRONG: tl.constexpr):
    product = 1.0 + a_h[:, None] * b_h[None, :]
    if WRONG == "one_left_out":
        product = a_h[:, None] * b_h[None, :]
    if WRONG == "added_below":
        product = 1.0 + a_h[:, None] + b_h[None, :]
    if WRONG == "position_by_position":
        product = 1.0 + a_h * b_h
    if WRONG == "spread_the_wrong_way_round":
        product = 1.0 + a_h[None, :] * b_h[:, None]
    return product


@triton.jit
def in_steps(
    a, b, score_vector, scores, Tq, Tk, A, ROWS: tl.constexpr, COLUMNS: tl.constexpr, WRONG: tl.constexpr
):  # fmt: skip
    i, j = rows_of_the_tile(ROWS, COLUMNS, WRONG)
    here, there, read_here, read_there = masks(i, j, Tq, Tk, WRONG)
    place = place_of_the_tile(scores, i, j, Tq, Tk, COLUMNS, WRONG)
    total = tl.zeros((ROWS, COLUMNS), tl.float32)
    for h in range(A):
        at, to = places_of_a_channel(a, b, i, j, h, Tq, Tk, A, WRONG)
        a_h, b_h = tl.load(at, mask=read_here, other=0.0), tl.load(to, mask=read_there, other=0.0)
        product = below_the_fraction(a_h, b_h, WRONG)
        weight = tl.load(score_vector + h)
        if WRONG == "first_weight_alone":
            weight = tl.load(score_vector)
        if WRONG == "last_channel_alone":
            total = tl.zeros((ROWS, COLUMNS), tl.float32)
        if WRONG == "score_vector_left_out":
            total += 1.0 / product
        elif WRONG == "turned_over":
            total += weight * product
        elif WRONG == "added_to_what_was_there":
            tl.store(place, tl.load(place) + weight / product, mask=here[:, None] & there[None, :])
        elif WRONG != "first_channel_alone" or h == 0:
            total += weight / product
    if WRONG == "no_mask":
        tl.store(place, total)
    elif WRONG == "rows_without_a_mask":
        tl.store(place, total, mask=(j < Tk)[None, :])
    elif WRONG == "columns_without_a_mask":
        tl.store(place, total, mask=(i < Tq)[:, None])
    elif WRONG != "nothing_stored" and WRONG != "added_to_what_was_there":
        tl.store(place, total, mask=here[:, None] & there[None, :])


class But:
    """The kernel with one thing wrong, launched as the kernel itself is."""

    def __init__(self, wrong):
        self.wrong = wrong

    def __getitem__(self, grid):
        return functools.partial(in_steps[grid], WRONG=self.wrong)

    def __call__(self):
        raise RuntimeError("a kernel is launched")


@triton.jit
def taken_by_index(a, b, score_vector, scores, Tq, Tk, A, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    i, j = tl.arange(0, ROWS), tl.arange(0, COLUMNS)
    tl.store(scores + i[:, None] * Tk + j[None, :], score_vector[0])


@triton.jit
def not_loaded(a, b, score_vector, scores, Tq, Tk, A, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    i, j = tl.arange(0, ROWS), tl.arange(0, COLUMNS)
    tl.store(scores + i[:, None] * Tk + j[None, :], 1.0 / (score_vector + i[:, None] + j[None, :]))


@triton.jit
def addresses_of_another_shape(a, b, score_vector, scores, Tq, Tk, A, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    tl.store(scores + tl.arange(0, ROWS), tl.zeros((ROWS, COLUMNS), tl.float32))


@triton.jit
def rows_joined_by_and(a, b, score_vector, scores, Tq, Tk, A, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    i = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    j = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    total = tl.zeros((ROWS, COLUMNS), tl.float32)
    for h in range(A):
        a_h, b_h = tl.load(a + i * A + h, mask=i < Tq, other=0.0), tl.load(b + j * A + h, mask=j < Tk, other=0.0)
        total += tl.load(score_vector + h) / (1.0 + a_h[:, None] * b_h[None, :])
    tl.store(scores + i[:, None] * Tk + j[None, :], total, mask=(i < Tq)[:, None] and (j < Tk)[None, :])


@triton.jit
def columns_joined_by_and(a, b, score_vector, scores, Tq, Tk, A, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    i = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    j = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    total = tl.zeros((ROWS, COLUMNS), tl.float32)
    for h in range(A):
        a_h, b_h = tl.load(a + i * A + h, mask=i < Tq, other=0.0), tl.load(b + j * A + h, mask=j < Tk, other=0.0)
        total += tl.load(score_vector + h) / (1.0 + a_h[:, None] * b_h[None, :])
    tl.store(scores + i[:, None] * Tk + j[None, :], total, mask=(j < Tk)[None, :] and (i < Tq)[:, None])


# what the text of a kernel says is part of how these are known
WRITTEN_OUT = [
    taken_by_index, not_loaded, addresses_of_another_shape, rows_joined_by_and, columns_joined_by_and
]  # fmt: skip


@pytest.mark.parametrize("kernel", WRITTEN_OUT, ids=lambda kernel: kernel.fn.__name__)
def test_a_wrong_kernel_is_known_by_its_text(kernel):
    verdict = EXERCISE.assess(kernel)
    assert verdict.mistake == kernel.fn.__name__, verdict.message


NO_KERNELS = {"not_compiled", "whole_scores"} | {kernel.fn.__name__ for kernel in WRITTEN_OUT}
MISTAKES = {mistake.name for mistake in EXERCISE.mistakes} - NO_KERNELS


@pytest.mark.parametrize("wrong", sorted(MISTAKES))
def test_a_wrong_kernel_is_told_what_its_function_in_the_bank_is(wrong):
    verdict = EXERCISE.assess(But(wrong))
    assert verdict.mistake == wrong, verdict.message


def test_what_is_added_to_the_scores_is_added_to_anything():
    assert EXERCISE.assess(But("added_to_what_was_there")).mistake == "nothing_stored"


def handed_out(a, b, score_vector, scores, Tq, Tk, A, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    raise NotImplementedError


def test_what_is_handed_out_is_not_attempted():
    verdict = EXERCISE.assess(triton.jit(handed_out))
    assert (verdict.status, verdict.message) == ("not attempted", UNATTEMPTED)


def test_a_function_that_is_no_kernel_is_told_so():
    assert EXERCISE.assess(scores_kernel.fn).mistake == "not_compiled"


@triton.jit
def helper(x):
    return x + nowhere  # noqa: F821


@triton.jit
def misspelt(a, b, score_vector, scores, Tq, Tk, A, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    i = helper(tl.arange(0, ROWS))
    tl.store(scores + i, i)


def test_an_error_in_a_kernel_is_told_in_its_own_words():
    verdict = EXERCISE.assess(misspelt)
    assert verdict.message == "Your code raised NameError: name 'nowhere' is not defined."
    assert "in helper: return x + nowhere" in verdict.outcome.traceback
