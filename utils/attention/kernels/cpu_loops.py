"""Additive attention on the CPU: the loops, compiled by numba.

score = Σ_h w_h tanh(q_h + k_h), without a tanh per query, key and channel. `folding.py` has the algebra:
E_q = e^{2q} and E_k = e^{2k} are taken once per row, d_h = (1 + E_q E_k) / |w_h|, and Σ_h 1/d_h is what the score
is made of. Four channels share one division. `safe_*` are the same for inputs of any size: an exponential per
element, of a sum that was clipped first.

Every loop takes a range of tasks (start, stop) and writes only what belongs to them. Arrays are float32 and
C-contiguous. A chain of loops over constant widths (KEYS, CHANNELS) is what lets the compiler use whole vector
registers; so do indices that it can see are not negative, and few arrays per loop.
"""

import numba
import numpy as np
from numba import types
from numba.extending import intrinsic

ROWS = 4  # queries at a time: what is loaded of a key is used four times
KEYS = 32  # keys side by side in the loop over scores
CHANNELS = 32  # channels side by side in the loop over gradients
GROUP = 4  # channels that share a division
STRIP = 128  # keys for which gradients stay in the first-level cache

f32 = np.float32
ZERO, HALF, ONE, TWO = f32(0), f32(0.5), f32(1), f32(2)
LARGEST_OF_FOUR = f32(2.0**31)  # four of them multiplied are still finite
LARGEST_OF_TWO = f32(2.0**62)
SATURATED = f32(20)  # tanh(20) is 1 in float32

# `contract` allows fused multiply-adds, `nsz` ignores the sign of zero. Nothing that changes a NaN or an order of sums.
exact = numba.njit(error_model="numpy", fastmath={"contract", "nsz"}, nogil=True, cache=True)
# `reassoc` lets a sum be kept in several partial sums: for dot products along the channels.
reordered = numba.njit(error_model="numpy", fastmath={"contract", "nsz", "reassoc"}, nogil=True, cache=True)


@intrinsic
def _widest_registers(context):
    """Ask the compiler for 512-bit registers where there are any; left alone it stays at 256."""

    def generate(context, builder, signature, arguments):
        set.add(builder.function.attributes, '"prefer-vector-width"="512"')  # a name that llvmlite's own `add` refuses
        return context.get_dummy_value()

    return types.none(), generate


@exact
def _at_most(x, limit):
    """x or the limit; NaN stays NaN."""
    return limit if x > limit else x


@exact
def _clip(x, limit):
    """x within ±limit; NaN stays NaN."""
    x = limit if x > limit else x
    return -limit if x < -limit else x


@exact
def _exp(x):
    """e^x for |x| ≤ 87 to about one unit in the last place. Source: Cephes, expf."""
    shifted = x * f32(1.44269504) + f32(12582912)  # + 1.5 · 2²³: the integer part lands in the lowest bits
    n = shifted - f32(12582912)
    r = x - n * f32(0.693359375)  # x - n ln 2, with ln 2 in two parts
    r = r + n * f32(2.12194440e-4)
    p = f32(1.9875691500e-4)
    p = p * r + f32(1.3981999507e-3)
    p = p * r + f32(8.3334519073e-3)
    p = p * r + f32(4.1665795894e-2)
    p = p * r + f32(1.6666665459e-1)
    p = p * r + f32(5.0000001201e-1)
    p = p * (r * r) + r + ONE
    bits = np.float32(shifted).view(np.int32)
    return p * np.int32((bits + np.int32(127)) << np.int32(23)).view(np.float32)  # 2ⁿ by its exponent's bits


@exact
def exponentials(start, stop, x, sign, shift, limit, out):
    """out[b, t, h] = exp(2 clip(sign_h (x[b, t, h] + shift[b, h]))), zero in the rows and columns that pad; task: a row.

    x (B, T, A), sign (A,), shift (B, A), out (B, at least T, at least A).
    """
    _widest_registers()
    length, width = x.shape[1], x.shape[2]
    rows, columns = out.shape[1], out.shape[2]
    limit = f32(limit)
    for task in range(start, stop):
        b, t = task // rows, task % rows
        if t < length:
            source, offset, target = x[b, t], shift[b], out[b, t]
            for h in range(width):
                target[h] = _exp(TWO * _clip(sign[h] * (source[h] + offset[h]), limit))
            for h in range(width, columns):
                target[h] = ZERO
        else:
            for h in range(columns):
                out[b, t, h] = ZERO


@exact
def _tile_sums(query, row, tile, heights, centre, sums):
    """sums[r, j] = Σ_h 1 / (query[row + r, h] E_k[h, j] + heights[h]), less its centre, for ROWS queries and KEYS keys.

    query holds E_q · heights, tile E_k, and heights 1/|w_h|. The centre, half of each |w_h|, is what a score of zero
    would sum to: taking it off at once keeps the sums small and their rounding with them.
    """
    _widest_registers()
    for x in range(ROWS * KEYS):
        sums[x] = ZERO
    for group in range(centre.shape[0]):
        h = GROUP * group
        middle = centre[group]
        c0, c1, c2, c3 = heights[h], heights[h + 1], heights[h + 2], heights[h + 3]
        for r in range(ROWS):
            a0, a1, a2, a3 = query[row + r, h], query[row + r, h + 1], query[row + r, h + 2], query[row + r, h + 3]
            for j in range(KEYS):
                d0 = _at_most(a0 * tile[h, j] + c0, LARGEST_OF_FOUR)
                d1 = _at_most(a1 * tile[h + 1, j] + c1, LARGEST_OF_FOUR)
                d2 = _at_most(a2 * tile[h + 2, j] + c2, LARGEST_OF_FOUR)
                d3 = _at_most(a3 * tile[h + 3, j] + c3, LARGEST_OF_FOUR)
                d01, d23 = d0 * d1, d2 * d3
                sums[r * KEYS + j] += ((d0 + d1) * d23 + (d2 + d3) * d01) / (d01 * d23) - middle


@exact
def _softmax(row, mask, limit, scale):
    """Turn the first `limit` scores of a row (Tk,), times scale, into weights; zero where the mask is 0."""
    largest = -f32(np.inf)
    for j in range(limit):
        score = scale * row[j] if mask[j] else -f32(np.inf)
        row[j] = score
        largest = max(largest, score)
    total = ZERO
    for j in range(limit):
        row[j] = _exp(_clip(row[j] - largest, f32(87))) if mask[j] else ZERO
    for j in range(limit):
        total += row[j]
    for j in range(limit):
        row[j] /= total
    for j in range(limit, row.shape[0]):
        row[j] = ZERO


@exact
def weights(start, stop, query, key, heights, centre, scale, mask, limits, out):
    """out[b, i] = softmax_j(-2 scale Σ_h 1/d_h), zero where the mask is 0; task: ROWS queries of a batch.

    query (B, Tq padded to ROWS, A padded to GROUP) holds E_q · heights, key (B, tiles, A padded, KEYS) E_k,
    mask (B or 1, Tq or 1, Tk), limits (B, Tq) one more than the last key that each query may attend to.
    """
    length, keys = out.shape[1], out.shape[2]
    groups = query.shape[1] // ROWS
    sums = np.empty(ROWS * KEYS, f32)
    for task in range(start, stop):
        b, row = task // groups, task % groups * ROWS
        here = min(ROWS, length - row)
        limit = limits[b, row : row + here].max()
        for tile in range((limit + KEYS - 1) // KEYS):
            first = tile * KEYS
            _tile_sums(query[b], row, key[b, tile], heights, centre, sums)
            for r in range(here):
                for j in range(min(KEYS, keys - first)):
                    out[b, row + r, first + j] = sums[r * KEYS + j]
        for i in range(row, row + here):
            _softmax(out[b, i], mask[b % mask.shape[0], i % mask.shape[1]], limits[b, i], -TWO * scale)


@exact
def _strip_gradients(query, key, slopes, row, first, last, sums, key_sums):
    """For ROWS queries and the keys from first to last, CHANNELS channels: add up slope · (r - r²) and slope · r.

    r = 1 / (1 + E_q E_k). Per query into the first ROWS rows of `sums`, per key into `key_sums`; slope · r into the
    last row of `sums`. Queries share a division in pairs.
    """
    _widest_registers()
    for j in range(first, last):
        s0, s1, s2, s3 = slopes[row, j], slopes[row + 1, j], slopes[row + 2, j], slopes[row + 3, j]
        for h in range(CHANNELS):
            e = key[j, h]
            d0 = _at_most(query[h] * e + ONE, LARGEST_OF_TWO)
            d1 = _at_most(query[CHANNELS + h] * e + ONE, LARGEST_OF_TWO)
            d2 = _at_most(query[2 * CHANNELS + h] * e + ONE, LARGEST_OF_TWO)
            d3 = _at_most(query[3 * CHANNELS + h] * e + ONE, LARGEST_OF_TWO)
            r01, r23 = ONE / (d0 * d1), ONE / (d2 * d3)
            r0, r1, r2, r3 = r01 * d1, r01 * d0, r23 * d3, r23 * d2
            p0, p1, p2, p3 = s0 * r0, s1 * r1, s2 * r2, s3 * r3
            u0, u1, u2, u3 = p0 - p0 * r0, p1 - p1 * r1, p2 - p2 * r2, p3 - p3 * r3
            sums[h] += u0
            sums[CHANNELS + h] += u1
            sums[2 * CHANNELS + h] += u2
            sums[3 * CHANNELS + h] += u3
            sums[4 * CHANNELS + h] += (p0 + p1) + (p2 + p3)
            key_sums[j, h] += (u0 + u1) + (u2 + u3)


@exact
def gradients(start, stop, query, key, slopes, limits, query_sums, key_sums, vector_sums):
    """Σ_j s (r - r²), Σ_i s (r - r²) and Σ_ij s r, with s = ∂loss/∂score; task: CHANNELS channels of a batch.

    query (B, Tq padded to ROWS, A padded to CHANNELS) holds E_q, key (B, Tk, A padded) E_k, slopes (B, Tq padded, Tk),
    zero in the padding; limits (B, Tq). query_sums and key_sums have the shapes of query and key, vector_sums
    (B, A padded) is float64.
    """
    rows, keys = query.shape[1], key.shape[1]
    blocks = query.shape[2] // CHANNELS
    block_query = np.empty(ROWS * CHANNELS, f32)
    block_key = np.empty((keys, CHANNELS), f32)
    block_key_sums = np.empty((keys, CHANNELS), f32)
    sums = np.empty((ROWS + 1) * CHANNELS, f32)
    for task in range(start, stop):
        b, block = task // blocks, task % blocks * CHANNELS
        here = slice(block, block + CHANNELS)
        block_key[:] = key[b, :, here]
        block_key_sums[:] = ZERO
        query_sums[b, :, here] = ZERO
        vector_sums[b, here] = 0
        for first in range(0, keys, STRIP):
            for row in range(0, rows, ROWS):
                last = min(first + STRIP, limits[b, row : row + ROWS].max())
                if last <= first:
                    continue
                for r in range(ROWS):
                    for h in range(CHANNELS):
                        block_query[r * CHANNELS + h] = query[b, row + r, block + h]
                sums[:] = ZERO
                _strip_gradients(block_query, block_key, slopes[b], row, first, last, sums, block_key_sums)
                for r in range(ROWS):
                    for h in range(CHANNELS):
                        query_sums[b, row + r, block + h] += sums[r * CHANNELS + h]
                for h in range(CHANNELS):
                    vector_sums[b, block + h] += sums[ROWS * CHANNELS + h]
        key_sums[b, :, here] = block_key_sums


@reordered
def _safe_score(query, key, score_vector):
    """Σ_h w_h tanh(q_h + k_h) for rows of any finite size."""
    _widest_registers()
    score = ZERO
    for h in range(query.shape[0]):
        e = _exp(TWO * _clip(query[h] + key[h], SATURATED))
        score += score_vector[h] * ((e - ONE) / (e + ONE))
    return score


@exact
def safe_weights(start, stop, query, key, score_vector, mask, limits, out):
    """out[b, i] = softmax_j(score), zero where the mask is 0; task: a query. query (B, Tq, A), key (B, Tk, A)."""
    length = query.shape[1]
    for task in range(start, stop):
        b, i = task // length, task % length
        for j in range(limits[b, i]):
            out[b, i, j] = _safe_score(query[b, i], key[b, j], score_vector)
        _softmax(out[b, i], mask[b % mask.shape[0], i % mask.shape[1]], limits[b, i], ONE)


@exact
def _safe_row_gradients(query, key, slope, query_sums, key_sums, vector_sums):
    """Add slope · (r - r²) to query_sums and key_sums and slope · r to vector_sums, with r = 1 / (1 + e^{2(q + k)})."""
    _widest_registers()
    for h in range(query.shape[0]):
        r = ONE / (ONE + _exp(TWO * _clip(query[h] + key[h], SATURATED)))
        p = slope * r
        u = p - p * r
        query_sums[h] += u
        key_sums[h] += u
        vector_sums[h] += p


@exact
def safe_gradients(start, stop, query, key, slopes, limits, query_sums, key_sums, vector_sums):
    """As `gradients`, from query (B, Tq, A) and key (B, Tk, A) themselves; task: a batch."""
    sums = np.empty(query.shape[2], f32)
    for b in range(start, stop):
        query_sums[b] = ZERO
        key_sums[b] = ZERO
        vector_sums[b] = 0
        for i in range(query.shape[1]):
            sums[:] = ZERO
            for j in range(limits[b, i]):
                _safe_row_gradients(query[b, i], key[b, j], slopes[b, i, j], query_sums[b, i], key_sums[b, j], sums)
            vector_sums[b] += sums
