"""The sums of fractions behind additive scores, as loops that a compiler can take."""

import numpy as np
from torch import tensor

from utils.attempts.uses import kernels

from ..exercise import Case, Exercise, Mistakes, replacing
from .drawn import exponentials


def fraction_sums(a, b, score_vector):
    """Sums (Tq, Tk) of w_h / (1 + a_ih b_jh) over the channels h: three loops, into an array of float32.

    NumPy arrays a (Tq, A), b (Tk, A) and score_vector (A,), which holds w.
    """
    sums = np.empty((len(a), len(b)), np.float32)
    for i in range(len(a)):
        for j in range(len(b)):
            total = np.float32(0)
            for h in range(len(score_vector)):
                total += score_vector[h] / (np.float32(1) + a[i, h] * b[j, h])
            sums[i, j] = total
    return sums


def fraction(weight, one, other):
    return weight / (1 + one * other)

def some_channels(channels, a, b, score_vector, i, j, part):
    total = 0.0
    for h in channels:
        total += part(score_vector[h], a[i, h], b[j, h])
    return total

def all_channels(a, b, score_vector, i, j, part):
    return some_channels(range(len(score_vector)), a, b, score_vector, i, j, part)

def in_steps(a, b, score_vector, part=fraction, sum_up=all_channels, dtype=np.float32):
    sums = np.zeros((len(a), len(b)), dtype)
    for i in range(len(a)):
        for j in range(len(b)):
            sums[i, j] = sum_up(a, b, score_vector, i, j, part)
    return sums


# Right, and written differently: numba compiles each of them

def added_in_place(a, b, score_vector):
    sums = np.zeros((len(a), len(b)), np.float32)
    for i in range(len(a)):
        for j in range(len(b)):
            for h in range(len(score_vector)):
                sums[i, j] += score_vector[h] / (1 + a[i, h] * b[j, h])
    return sums

def channels_outside(a, b, score_vector):
    sums = np.zeros((len(a), len(b)), np.float32)
    for h in range(len(score_vector)):
        for j in range(len(b)):
            for i in range(len(a)):
                sums[i, j] = sums[i, j] + score_vector[h] / (b[j, h] * a[i, h] + 1.0)
    return sums

def row_by_row(a, b, score_vector):
    sums = np.zeros((a.shape[0], b.shape[0]), np.float32)
    for i in range(a.shape[0]):
        for h in range(a.shape[1]):
            sums[i] += score_vector[h] / (1 + a[i, h] * b[:, h])
    return sums

def pair_by_pair(a, b, score_vector):
    sums = np.zeros((a.shape[0], b.shape[0]), np.float32)
    for i, row in enumerate(a):
        for j, other in enumerate(b):
            sums[i, j] = (score_vector / (1 + row * other)).sum()
    return sums


# Wrong

but = replacing(in_steps)
mistakes = Mistakes()

mistakes.add("one_left_out", but(part=lambda w, one, other: w / (one * other)),
    "Your fractions have no one below the line: w / (1 + a b).")
mistakes.add("score_vector_left_out", but(part=lambda w, one, other: 1 / (1 + one * other)),
    "Your fractions all count the same. Each has its weight from `score_vector` above the line.")
mistakes.add("score_vector_summed_apart",
    but(part=lambda w, one, other: 1 / (1 + one * other),
        sum_up=lambda a, b, w, *rest: w.sum() * all_channels(a, b, w, *rest)),
    "Your fractions are summed alike, and then multiplied by the sum of `score_vector`. Each has a weight of its own above the line: w / (1 + a b).")
mistakes.add("two_above", but(part=lambda w, one, other: 2 * w / (1 + one * other)),
    "Your sums have the two of the scores' formula in them. It is taken times two later: here are the fractions alone.")
mistakes.add("divided_by_the_weight", but(part=lambda w, one, other: 1 / (1 + one * other) / w),
    "Your fractions are divided by their weight. It stands above the line: w / (1 + a b).")
mistakes.add("exponentials_taken_again", but(part=lambda w, one, other: w / (1 + np.exp(one + other))),
    "Your program takes exponentials once more. `a` and `b` are exponentials already: multiply them.")
mistakes.add("added_below", but(part=lambda w, one, other: w / (1 + one + other)),
    "Your a and b are added below the line. They are multiplied: e^(x + y) is e^x times e^y.")
mistakes.add("one_added_to_each", but(part=lambda w, one, other: w / ((1 + one) * other)),
    "Your one is added to `a` before it is multiplied with `b`. The product comes first: 1 + a b.")
mistakes.add("one_added_outside", but(part=lambda w, one, other: w / 1 + one * other),
    "Your division ends too early: `w / 1 + a * b` divides by one alone. Put what is below the line into brackets.")
mistakes.add("turned_over", but(part=lambda w, one, other: w * (1 + one * other)),
    "Your numbers are multiplied by 1 + a b. Divide by it.")
mistakes.add("taken_off", but(part=lambda w, one, other: -w / (1 + one * other)),
    "Your sums have the opposite sign. The fractions are added here; what is taken off from what comes later.")
mistakes.add("whole_scores", lambda a, b, w: (w.sum() - 2 * in_steps(a, b, w)).astype(np.float32),
    "Your result is the whole score, with the sum of `score_vector` less two of what is asked here. Return the sums of the fractions.")
mistakes.add("last_channel_alone", but(sum_up=lambda a, b, w, i, j, part: part(w[-1], a[i, -1], b[j, -1])),
    "Your sums hold the last channel alone. Add to what is there (`+=`), and do not begin the total anew in the innermost loop.")
mistakes.add("first_channel_alone", but(sum_up=lambda a, b, w, i, j, part: part(w[0], a[i, 0], b[j, 0])),
    "Your sums hold the first channel alone. Is something returned, or written, before the innermost loop is through?")
mistakes.add("last_channel_left_out", but(sum_up=lambda a, b, w, i, j, part: all_channels(a, b, w[:-1], i, j, part)),
    "Your sums lack the last channel. `range(n)` ends before n by itself.")
mistakes.add("first_channel_left_out", but(sum_up=lambda a, b, w, i, j, part:
                                            some_channels(range(1, len(w)), a, b, w, i, j, part)),
    "Your sums lack the first channel. Channels are counted from 0.")
mistakes.add("mean_of_the_channels", but(sum_up=lambda *given: all_channels(*given) / len(given[2])),
    "Your result is the mean over the channels. Their sum is asked for.")
mistakes.add("as_many_channels_as_keys",
    but(sum_up=lambda a, b, w, i, j, part: some_channels(range(len(b)), a, b, w, i, j, part)),
    "Your innermost loop has as many turns as `b` has rows. It goes through the channels: `len(score_vector)`.")
mistakes.add("as_many_channels_as_queries",
    but(sum_up=lambda a, b, w, i, j, part: some_channels(range(len(a)), a, b, w, i, j, part)),
    "Your innermost loop has as many turns as `a` has rows. It goes through the channels: `len(score_vector)`.")
mistakes.add("sums_divided", but(sum_up=lambda a, b, w, i, j, part: w.sum() / (1 + a[i] * b[j]).sum()),
    "Your numbers above and below the line are summed apart, and divided once. Each channel is a fraction of its own: divide first, then add.")
mistakes.add("sum_of_the_products", but(sum_up=lambda a, b, w, i, j, part: w.sum() / (1 + a[i] @ b[j])),
    "Your products are summed over the channels before the division. Each channel is a fraction of its own: divide first, then add.")

@mistakes.program("Your total goes on from pair to pair. Each pair begins with zero: set it within the loop over the keys.")
def total_never_begun_anew(a, b, score_vector):
    return in_steps(a, b, score_vector).cumsum(dtype=np.float64).reshape(len(a), len(b)).astype(np.float32)

@mistakes.program("Your total goes on from key to key, and begins with zero only at the next query. Set it within the loop over the keys.")
def total_begun_anew_for_each_query(a, b, score_vector):
    return in_steps(a, b, score_vector).cumsum(-1, dtype=np.float64).astype(np.float32)

mistakes.add("rows_swapped", but(sum_up=lambda a, b, w, i, j, part: all_channels(a, b, w, j, i, part)),
    "Your `i` counts the rows of `a`, and `j` those of `b`: here they are swapped.")
mistakes.add("channel_first",
    but(sum_up=lambda a, b, w, i, j, part: sum(part(w[h], a[i, h], b[h, j]) for h in range(len(w)))),
    "Your `b` is read at [h, j]. It has a row for each key, and a column for each channel: `b[j, h]`.")
mistakes.add("row_of_a_for_both", but(sum_up=lambda a, b, w, i, j, part: all_channels(a, b, w, i, i, part)),
    "Your `b` is read at row i, the row of `a`. Its own loop counts j: `b[j, h]`.")
mistakes.add("row_of_b_for_both", but(sum_up=lambda a, b, w, i, j, part: all_channels(a, b, w, j, j, part)),
    "Your `a` is read at row j, the row of `b`. Its own loop counts i: `a[i, h]`.")

@mistakes.program("Your weights are those of a row, `score_vector[i]`. They belong to the channels: `score_vector[h]`.")
def weight_of_a_row(a, b, score_vector):
    sums = np.zeros((len(a), len(b)), np.float32)
    for i in range(len(a)):
        for j in range(len(b)):
            for h in range(len(score_vector)):
                sums[i, j] += score_vector[i] / (1 + a[i, h] * b[j, h])
    return sums

@mistakes.program("Your array has a row for each row of `b`: (Tk, Tq). Written at [i, j] it has to be (Tq, Tk).")
def array_keys_first(a, b, score_vector):
    sums = np.zeros((len(b), len(a)), np.float32)
    for i in range(len(a)):
        for j in range(len(b)):
            sums[i, j] += all_channels(a, b, score_vector, i, j, fraction)
    return sums

@mistakes.program("Your sums are written at [j, i]. The row is that of `a`: [i, j].")
def written_at_j_i(a, b, score_vector):
    sums = np.zeros((len(a), len(b)), np.float32)
    for i in range(len(a)):
        for j in range(len(b)):
            sums[j, i] += all_channels(a, b, score_vector, i, j, fraction)
    return sums

@mistakes.program("Your sums are added to the whole row, or the whole array, at each turn. One entry is meant: `sums[i, j]`.")
def added_to_the_whole_row(a, b, score_vector):
    sums = in_steps(a, b, score_vector)
    return sums.sum(-1, keepdims=True).repeat(len(b), -1)

@mistakes.program("Your sums are added to the whole array at each turn. One entry is meant: `sums[i, j]`.")
def added_to_all(a, b, score_vector):
    sums = in_steps(a, b, score_vector)
    return np.full_like(sums, sums.sum(dtype=np.float64))

mistakes.add("keys_first", lambda a, b, score_vector: in_steps(b, a, score_vector),
    "Your sums have a row for each row of `b`: (Tk, Tq). Give each row of `a` one: (Tq, Tk).")

@mistakes.program("Your loop goes through `a` and `b` together, so row i meets row i alone. Every row of one meets every row of the other: one loop within the other.")
def position_by_position(a, b, score_vector):
    sums = in_steps(a, b, score_vector)
    return sums * np.eye(*sums.shape, dtype=np.float32)

mistakes.add("one_number_for_each_pair_of_rows", lambda a, b, w: np.diagonal(in_steps(a, b, w)).copy(),
    "Your loop goes through `a` and `b` together, so row i meets row i alone. Every row of one meets every row of the other: one loop within the other.")

mistakes.add("added_to_what_was_there", lambda a, b, w: np.full((len(a), len(b)), np.nan, np.float32),
    "Your sums are added to whatever was in the memory before, or are not written at all: `np.empty` does not clear it. Begin with `np.zeros`.")

def only(rows=None, columns=None, left=0.0):
    """Those rows and columns of the sums, in an array that began with zeros, or with whatever was there."""

    def program(a, b, score_vector):
        sums = np.full((len(a), len(b)), left, np.float32)
        sums[:rows, :columns] = in_steps(a, b, score_vector)[:rows, :columns]
        return sums

    return program

for array, left in (("zeros", 0.0), ("empty", np.nan)):
    mistakes.add(f"first_query_alone_{array}", only(rows=1, left=left),
        "Your sums are filled as far as the first query. Does your function return within its outermost loop?")
    mistakes.add(f"first_pair_alone_{array}", only(rows=1, columns=1, left=left),
        "Your sums are filled as far as the first pair. Does your function return within its loops?")
    mistakes.add(f"first_key_alone_{array}", only(columns=1, left=left),
        "Your sums are filled in one column alone. Does the loop over the keys end after its first turn?")
    mistakes.add(f"last_query_left_out_{array}", only(rows=-1, left=left),
        "Your sums lack the last row. `range(n)` ends before n by itself.")

@mistakes.program("Your sums hold the first pair's first channel alone. Does your function return within its innermost loop?")
def first_channel_of_the_first_pair(a, b, score_vector):
    return only(rows=1, columns=1)(a[:, :1], b[:, :1], score_vector[:1])

mistakes.add("numbers_of_64_bits", but(dtype=np.float64),
    "Your sums are right, and have 64 bits, which `np.zeros(shape)` gives. Say that 32 are enough: `np.zeros(shape, np.float32)`.")
mistakes.add("lists", lambda a, b, score_vector: in_steps(a, b, score_vector).tolist(),
    "Your result is a list of lists. Write the sums into an array, `np.zeros((Tq, Tk), np.float32)`: lists are slow to compile, and slow to read.")
mistakes.add("a_tensor", lambda a, b, score_vector: tensor(in_steps(a, b, score_vector)),
    "Your result is a tensor of PyTorch's, which numba does not know. Write the sums into a NumPy array, `np.zeros((Tq, Tk), np.float32)`.")
mistakes.add("one_number", lambda a, b, score_vector: np.float32(in_steps(a, b, score_vector).sum()),
    "Your result is one number. Each pair of a row of `a` and a row of `b` has its own: an array (Tq, Tk).")
mistakes.add("not_summed", lambda a, b, w: (w / (1 + a[:, None] * b)).astype(np.float32),
    "Your result still has A numbers for each pair. Add them up over the channels: (Tq, Tk).")


exercise = Exercise(
    reference=fraction_sums,
    use=kernels.fraction_sums,
    cases=[
        Case("one pair, two channels, by hand: 1/2 and 4/4",
            a=tensor([[1.0, 3.0]]), b=tensor([[1.0, 1.0]]), score_vector=tensor([1.0, 4.0])),
        Case("two rows, three rows, by hand",
            a=tensor([[0.0], [1.0]]), b=tensor([[0.0], [1.0], [3.0]]), score_vector=tensor([8.0])),
        Case("everything of one size", **exponentials(3, 3, 3)),
        Case("three rows, five rows", **exponentials(3, 5, 2)),
        Case("more rows in a than in b", **exponentials(6, 4, 3)),
        Case("one row each", **exponentials(1, 1, 5)),
        Case("one row in b", **exponentials(4, 1, 3)),
        Case("one row in a", **exponentials(1, 5, 4)),
        Case("one channel", **exponentials(4, 5, 1)),
        Case("many channels", **exponentials(2, 4, 40)),
        Case("products from nearly nothing to millions", **exponentials(4, 6, 3, scale=4.0)),
    ],
    variants=[added_in_place, channels_outside, row_by_row, pair_by_pair],
    mistakes=mistakes,
    points=1,
)
