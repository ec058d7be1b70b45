"""Additive attention on a GPU: the Triton kernels. `folding.py` has the algebra.

Packed exponentials are (B, A/4, T, 4): one 16-byte load brings four channels of a row. Two channels share a reciprocal.
The factors are scaled by SCALE so that a denominator has to stay below 1, where a saturating multiply-add clamps it
at no cost. A tile of keys that the exponentials do not cover (`wide`) is computed from the inputs themselves.
NaN would be lost in clamping; it travels in row_bias (B, Tq) and key_bias (B, Tk), zero or NaN, added to the scores.

Under TRITON_INTERPRET=1 the kernels run on the CPU, and the two instructions below are ordinary arithmetic.
"""

import os

import triton
import triton.language as tl

INTERPRETED = tl.constexpr(os.environ.get("TRITON_INTERPRET") == "1")
SCALE = tl.constexpr(2.0**-31)  # of each of the two factors: a denominator of 2⁶² becomes 1
LARGEST = tl.constexpr(2.0**62)  # 1 / SCALE²: of a denominator, so that the product of two is finite
SATURATED = tl.constexpr(20.0)  # tanh(20) is 1 in float32


@triton.jit
def _reciprocal(x):
    if INTERPRETED:
        return 1.0 / x
    else:
        # right to a unit in the last place; `1.0 / x` takes seven or eight instructions more
        return tl.inline_asm_elementwise(
            "rcp.approx.ftz.f32 $0, $1;", "=f,f", [x], dtype=tl.float32, is_pure=True, pack=1
        )


@triton.jit
def _saturating(a, b, c):
    """min(a b + c, 1) for numbers that are not negative."""
    if INTERPRETED:
        return tl.minimum(a * b + c, 1.0)
    else:
        return tl.inline_asm_elementwise(
            "fma.rn.sat.f32 $0, $1, $2, $3;", "=f,f,f,f", [a, b, c], dtype=tl.float32, is_pure=True, pack=1
        )


@triton.jit
def _four_channels(pointers, ROWS: tl.constexpr):
    """The columns of a (ROWS, 4) block of packed exponentials."""
    even, odd = tl.split(tl.reshape(tl.load(pointers), (ROWS, 2, 2)))
    first, third = tl.split(even)
    second, fourth = tl.split(odd)
    return first, second, third, fourth


@triton.jit
def _tanh(x):
    x = tl.minimum(tl.maximum(x, -SATURATED), SATURATED)
    return 1.0 - 2.0 / (1.0 + tl.exp(2.0 * x))


@triton.jit
def _scores(
    exp_query, exp_key, heights, centre, query, key, score_vector, wide, row_bias, key_bias, size,
    batch, row, column, queries, keys, channels, rows, columns, groups, key_tiles,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    """The scores (ROWS, COLUMNS) from query `row` and key `column` on, less the constant that a softmax does not see.

    exp_query (B, groups, rows, 4) holds SCALE E_q / |w|, exp_key (B, groups, columns, 4) SCALE E_k, heights (groups, 4)
    SCALE² / |w|, centre (groups,) what a score of zero would add; |w| is relative to size.
    """
    i, j = row + tl.arange(0, ROWS), column + tl.arange(0, COLUMNS)
    scores = tl.zeros((ROWS, COLUMNS), tl.float32)
    if tl.load(wide + batch * key_tiles + column // COLUMNS) != 0:
        query_row, key_row = query + (batch * queries + i) * channels, key + (batch * keys + j) * channels
        for h in range(channels):
            q = tl.load(query_row + h, mask=i < queries, other=0.0).to(tl.float32)
            k = tl.load(key_row + h, mask=j < keys, other=0.0).to(tl.float32)
            scores += tl.load(score_vector + h) * _tanh(q[:, None] + k[None, :])
    else:
        four = tl.arange(0, 4)
        query_four = exp_query + batch * groups * rows * 4 + i[:, None] * 4 + four[None, :]
        key_four = exp_key + batch * groups * columns * 4 + j[:, None] * 4 + four[None, :]
        for group in tl.range(groups, num_stages=3):  # loads run ahead
            a0, a1, a2, a3 = _four_channels(query_four, ROWS)
            b0, b1, b2, b3 = _four_channels(key_four, COLUMNS)
            d0 = _saturating(a0[:, None], b0[None, :], tl.load(heights + 4 * group))
            d1 = _saturating(a1[:, None], b1[None, :], tl.load(heights + 4 * group + 1))
            d2 = _saturating(a2[:, None], b2[None, :], tl.load(heights + 4 * group + 2))
            d3 = _saturating(a3[:, None], b3[None, :], tl.load(heights + 4 * group + 3))
            sums = (d0 + d1) * _reciprocal(d0 * d1) - tl.load(centre + group)
            scores += sums + (d2 + d3) * _reciprocal(d2 * d3)
            query_four += rows * 4
            key_four += columns * 4
        scores *= -2.0 * (tl.load(size) / LARGEST)  # divided first: twice the size may be infinite
    scores += tl.load(row_bias + batch * queries + i, mask=i < queries, other=0.0)[:, None]
    return scores + tl.load(key_bias + batch * keys + j, mask=j < keys, other=0.0)[None, :]


@triton.jit
def _allowed(mask, batch, i, j, queries, keys, by_batch, by_query, by_key, HAS_MASK: tl.constexpr):
    """Where query i and key j exist and the mask, with its strides, is True."""
    inside = (i < queries)[:, None] & (j < keys)[None, :]
    if HAS_MASK:
        # 64 bits: a mask may have more than 2³¹ places
        at = mask + batch * by_batch + i[:, None].to(tl.int64) * by_query + j[None, :] * by_key
        inside &= tl.load(at, mask=inside, other=0) != 0
    return inside


@triton.jit
def _times_values(weights, value, batch, j, channel, keys, width):
    """weights (ROWS, COLUMNS) times the values of the keys j, at the given channels."""
    at = value + (batch * keys + j[:, None]) * width + channel[None, :]
    values = tl.load(at, mask=(j < keys)[:, None] & (channel < width)[None, :], other=0.0).to(tl.float32)
    # three products of tf32 are as good as float32 on tensor cores; one keeps three digits
    return tl.dot(weights, values, input_precision="ieee" if INTERPRETED else "tf32x3")


@triton.jit
def context_kernel(
    exp_query, exp_key, heights, centre, query, key, score_vector, wide, row_bias, key_bias, size,
    mask, value, context, log_total,
    queries, keys, channels, rows, columns, groups, key_tiles, width, by_batch, by_query, by_key,
    HAS_MASK: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr, WIDTH: tl.constexpr, PARTS: tl.constexpr,
):  # fmt: skip
    """context (B, Tq, Dv) in float32, and the logarithm of each row's sum of exponentials (B, Tq); program: ROWS rows.

    Keys come in tiles, and what is summed so far is rescaled when a larger score appears, so no (Tq, Tk) is kept.
    A value of up to WIDTH channels is summed in registers, a wider one in PARTS in the output itself.
    """
    row, batch = tl.program_id(0) * ROWS, tl.program_id(1).to(tl.int64)
    i, d = row + tl.arange(0, ROWS), tl.arange(0, WIDTH)
    largest = tl.full((ROWS,), float("-inf"), tl.float32)
    total = tl.zeros((ROWS,), tl.float32)
    sums = tl.zeros((ROWS, WIDTH), tl.float32)
    out = context + (batch * queries + i[:, None]) * width + d[None, :]
    for column in range(0, keys, COLUMNS):
        j = column + tl.arange(0, COLUMNS)
        scores = _scores(
            exp_query, exp_key, heights, centre, query, key, score_vector, wide, row_bias, key_bias, size,
            batch, row, column, queries, keys, channels, rows, columns, groups, key_tiles, ROWS, COLUMNS,
        )  # fmt: skip
        allowed = _allowed(mask, batch, i, j, queries, keys, by_batch, by_query, by_key, HAS_MASK)
        scores = tl.where(allowed, scores, float("-inf"))
        new_largest = tl.maximum(largest, tl.max(scores, 1))
        offset = tl.where(new_largest == float("-inf"), 0.0, new_largest)  # nothing allowed yet
        rescale = tl.exp(largest - offset)
        weights = tl.exp(scores - offset[:, None])
        total = total * rescale + tl.sum(weights, 1)
        largest = new_largest
        if PARTS == 1:
            sums = sums * rescale[:, None] + _times_values(weights, value, batch, j, d, keys, width)
        else:
            for part in range(PARTS):
                channel = part * WIDTH + d
                stored = (i < queries)[:, None] & (channel < width)[None, :]
                before = tl.load(out + part * WIDTH, mask=stored & (column > 0), other=0.0)
                product = _times_values(weights, value, batch, j, channel, keys, width)
                tl.store(out + part * WIDTH, before * rescale[:, None] + product, mask=stored)
            tl.debug_barrier()  # what one thread stored, another may load for the next tile
    divisor = tl.where(total == 0.0, 1.0, total)  # nothing allowed: zeros, not 0 / 0
    for part in range(PARTS):
        stored = (i < queries)[:, None] & (part * WIDTH + d < width)[None, :]
        if PARTS > 1:
            sums = tl.load(out + part * WIDTH, mask=stored, other=0.0)
        tl.store(out + part * WIDTH, sums / divisor[:, None], mask=stored)
    tl.store(log_total + batch * queries + i, tl.where(total == 0.0, 0.0, largest + tl.log(divisor)), mask=i < queries)


@triton.jit
def weights_kernel(
    exp_query, exp_key, heights, centre, query, key, score_vector, wide, row_bias, key_bias, size,
    mask, log_total, weights, first, count,
    queries, keys, channels, rows, columns, groups, key_tiles, by_batch, by_query, by_key,
    HAS_MASK: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    """weights (B, count, Tk) of the queries from `first` on; program: a tile of them."""
    row, column, batch = tl.program_id(0) * ROWS, tl.program_id(1) * COLUMNS, tl.program_id(2).to(tl.int64)
    here, j = row + tl.arange(0, ROWS), column + tl.arange(0, COLUMNS)
    i = first + here
    scores = _scores(
        exp_query, exp_key, heights, centre, query, key, score_vector, wide, row_bias, key_bias, size,
        batch, first + row, column, queries, keys, channels, rows, columns, groups, key_tiles, ROWS, COLUMNS,
    )  # fmt: skip
    allowed = _allowed(mask, batch, i, j, queries, keys, by_batch, by_query, by_key, HAS_MASK)
    scores -= tl.load(log_total + batch * queries + i, mask=i < queries, other=0.0)[:, None]
    stored = (here < count)[:, None] & (j < keys)[None, :]
    at = weights + (batch * count + here[:, None]) * keys + j[None, :]
    tl.store(at, tl.where(allowed, tl.exp(scores), 0.0), mask=stored)


@triton.jit
def gradient_kernel(
    exponentials, other_exponentials, inputs, other_inputs, sign, wide, slopes, gradient, vector_sums,
    length, others, channels, padded, by_row, by_other, tiles,
    KEYS_INSIDE: tl.constexpr, WITH_VECTOR: tl.constexpr, TILE: tl.constexpr,
    ROWS: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    """gradient[b, t, h] = Σ_u s[t, u] (r - r²) with r = 1 / (1 + E[t, h] E'[u, h]); program: ROWS times CHANNELS.

    Once for queries, whose others are keys (KEYS_INSIDE), once for keys, whose others are queries: exponentials
    (B, T, A padded) hold E, inputs (B, T, A), slopes s (B, T, U) by its strides. WITH_VECTOR: Σ_tu s r into
    vector_sums (B, row blocks, A padded). wide (B, tiles) says which TILE keys need their inputs.
    """
    row, first, batch = tl.program_id(0) * ROWS, tl.program_id(1) * CHANNELS, tl.program_id(2).to(tl.int64)
    t, h = row + tl.arange(0, ROWS), first + tl.arange(0, CHANNELS)
    own, here = batch * length + t[:, None], (t < length)[:, None] & (h < channels)[None, :]
    e = tl.load(exponentials + own * padded + h[None, :], mask=here, other=0.0)
    sums, products = tl.zeros((ROWS, CHANNELS), tl.float32), tl.zeros((ROWS, CHANNELS), tl.float32)
    signs = tl.load(sign + h, mask=h < channels, other=1.0)
    slope_row = slopes + batch * length * others + t * by_row
    for begin in range(0, others, TILE):
        tile, end = (begin if KEYS_INSIDE else row) // TILE, tl.minimum(begin + TILE, others)
        if tl.load(wide + batch * tiles + tile) != 0:
            x = tl.load(inputs + own * channels + h[None, :], mask=here, other=0.0).to(tl.float32)
            for u in range(begin, end):
                y = tl.load(other_inputs + (batch * others + u) * channels + h, mask=h < channels, other=0.0)
                s = tl.load(slope_row + u * by_other, mask=t < length, other=0.0)
                r = 0.5 - 0.5 * _tanh(signs[None, :] * (x + y[None, :]))
                p = s[:, None] * r
                sums += p - p * r
                products += p
        else:
            pair = other_exponentials + (batch * others + begin) * padded + h
            for u in tl.range(begin, end, 2, num_stages=3):
                second = u + 1 < end
                y0 = tl.load(pair)
                y1 = tl.load(pair + padded, mask=(h < padded) & second, other=0.0)
                s0 = tl.load(slope_row + u * by_other, mask=t < length, other=0.0)[:, None]
                s1 = tl.load(slope_row + (u + 1) * by_other, mask=(t < length) & second, other=0.0)[:, None]
                d0 = tl.minimum(e * y0[None, :] + 1.0, LARGEST)
                d1 = tl.minimum(e * y1[None, :] + 1.0, LARGEST)
                both = _reciprocal(d0 * d1)
                r0, r1 = both * d1, both * d0
                p0, p1 = s0 * r0, s1 * r1
                sums += (p0 - p0 * r0) + (p1 - p1 * r1)
                products += p0 + p1
                pair += 2 * padded
    tl.store(gradient + own * channels + h[None, :], sums, mask=here)
    if WITH_VECTOR:
        block = batch * tl.num_programs(0) + tl.program_id(0)
        tl.store(vector_sums + block * padded + h, tl.sum(products, 0))
