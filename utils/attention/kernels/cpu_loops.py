"""Additive attention on the CPU: the loops, compiled by numba. `folding.py` has the algebra.

`weights` and `gradients` take the exponentials E_q = e^{2q} and E_k = e^{2k} of a few rows at a time and then only
multiply, add and divide. `direct_weights` and `direct_gradients` take a tanh per element instead: for inputs of any
size, and for few queries.

Every loop takes a range of tasks (start, stop) and writes only what belongs to them. Arrays are float32 and
C-contiguous unless said otherwise. What lets the compiler fill whole vector registers: innermost loops of a constant
width (KEYS, CHANNELS), few arrays per loop, and indices that cannot be negative: `unsigned` where it does not see that.
All in one module: numba's cache sees a change of the file that a loop is in, not of one that it calls into.
"""

import numba
import numpy as np
from numba import types
from numba.extending import intrinsic

ROWS = 4  # queries at a time: what is loaded of a key is used four times
KEYS = 32  # keys side by side in the loop over scores
CHANNELS = 32  # channels side by side in the loop over gradients
GROUP = 4  # channels that share a division
LINE = 16  # numbers in a cache line
STRIP = 128  # keys for which gradients stay in the first-level cache

f32, unsigned = np.float32, np.uint64
ZERO, ONE, TWO, FOUR = f32(0), f32(1), f32(2), f32(4)
LARGEST_OF_FOUR = f32(2.0**31)  # four of them multiplied are still finite
SMALLEST = f32(2.0**-30)  # of a weight, relative to the largest
LARGEST_OF_TWO = f32(2.0**62)
ROUNDING = f32(1.5 * 2**23)  # adding it leaves no room for a fraction
SATURATED = f32(9)  # tanh(9) is 1 in float32, and so is its fraction below

# `contract` allows fused multiply-adds, `nsz` ignores the sign of zero. Nothing that changes a NaN or an order of sums.
# numpy's error model: Python's tests each division for zero, which keeps the loops scalar.
exact = numba.njit(error_model="numpy", fastmath={"contract", "nsz"}, nogil=True, cache=True)
# `reassoc` lets a sum be kept in several partial sums: for dot products along the channels.
reordered = numba.njit(error_model="numpy", fastmath={"contract", "nsz", "reassoc"}, nogil=True, cache=True)


@intrinsic
def widest_registers(context):
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
    shifted = x * f32(1.44269504) + ROUNDING
    n = shifted - ROUNDING
    r = x - n * f32(0.693359375)  # x - n ln 2, with ln 2 in two parts
    r = r + n * f32(2.12194440e-4)
    p = f32(1.9875691500e-4)
    p = p * r + f32(1.3981999507e-3)
    p = p * r + f32(8.3334519073e-3)
    p = p * r + f32(4.1665795894e-2)
    p = p * r + f32(1.6666665459e-1)
    p = p * r + f32(5.0000001201e-1)
    p = p * (r * r) + r + ONE
    bits = np.float32(shifted).view(np.int32)  # the integer is in the lowest
    return p * np.int32((bits + np.int32(127)) << np.int32(23)).view(np.float32)  # 2ⁿ by its exponent's bits


@exact
def _tanh_fraction(x):
    """Numerator and denominator of tanh(x) for |x| ≤ SATURATED, good to 3e-7. Source: Eigen, its tanh for floats."""
    y = x * x
    p = f32(-2.76076847742355e-16)
    p = p * y + f32(2.00018790482477e-13)
    p = p * y + f32(-8.60467152213735e-11)
    p = p * y + f32(5.12229709037114e-08)
    p = p * y + f32(1.48572235717979e-05)
    p = p * y + f32(6.37261928875436e-04)
    p = p * y + f32(4.89352455891786e-03)
    q = f32(1.19825839466702e-06)
    q = q * y + f32(1.18534705686654e-04)
    q = q * y + f32(2.26843463243900e-03)
    q = q * y + f32(4.89352518554385e-03)
    return p * x, q


@exact
def fold(score_vector, sign, heights, centre):
    """A score vector w (A,) as the loops want it: its largest |w|, and into the arrays, sizes relative to that.

    sign (A,) is ±1, heights (A padded to GROUP) 1/|w|, centre (groups,) half the sum of a group's |w|.
    """
    size = f32(1e-30)  # not 0, by which a score vector of zeros would be divided
    for h in range(score_vector.shape[0]):
        w = abs(score_vector[h])
        size = w if not w <= size else size  # also a NaN
    centre[:] = ZERO
    for h in range(heights.shape[0]):
        relative = ONE / LARGEST_OF_FOUR  # of a channel that pads: its term is tiny, and the same for every key
        if h < score_vector.shape[0]:
            w = score_vector[h] / size
            sign[h] = -ONE if w < ZERO else ONE
            relative = abs(w) if not abs(w) < SMALLEST else SMALLEST
        heights[h] = ONE / relative
        centre[h // GROUP] += relative / TWO
    return size


@exact
def middles(start, stop, key, step, middle, distance):
    """The middle of each channel's keys, to a multiple of step, and how far keys go from it (B, A); task: a batch."""
    for b in range(start, stop):
        low, high = middle[b], distance[b]
        for h in range(low.shape[0]):
            low[h] = high[h] = key[b, 0, h]
        for t in range(1, key.shape[1]):
            row = key[b, t]
            for h in range(low.shape[0]):
                x = row[h]
                low[h] = x if x < low[h] or x != x else low[h]  # a NaN stays
                high[h] = x if x > high[h] or x != x else high[h]
        for h in range(low.shape[0]):
            # halved first: two huge numbers may add up to infinity
            m = step * np.rint((low[h] / TWO + high[h] / TWO) / step)
            high[h] = max(high[h] - m, m - low[h])
            low[h] = m


@exact
def _exponentials(x, begin, first, sign, shift, limit, out):
    """out[t, h] = exp(2 clip(sign (x[begin + t] + shift))) for CHANNELS channels from the first on.

    x (T, A), sign and shift (A,), out (rows, CHANNELS): zero where there is no row or channel.
    """
    widest_registers()
    rows = min(out.shape[0], x.shape[0] - begin)
    channels = min(CHANNELS, x.shape[1] - first)
    begin, first = unsigned(begin), unsigned(first)
    for t in range(unsigned(rows)):
        for h in range(unsigned(channels)):
            shifted = sign[first + h] * (x[begin + t, first + h] + shift[first + h])
            out[t, h] = _exp(TWO * _clip(shifted, limit))
        for h in range(channels, CHANNELS):
            out[t, h] = ZERO
    for t in range(rows, out.shape[0]):
        for h in range(CHANNELS):
            out[t, h] = ZERO


@exact
def _tiles(key, sign, shift, limit, heights, block, out):
    """out[tile, strip, h KEYS + j]: heights times the exponentials of a sequence's keys (Tk, A), KEYS side by side."""
    for tile in range(out.shape[0]):
        for strip in range(out.shape[1]):
            first = strip * CHANNELS
            _exponentials(key, tile * KEYS, first, sign, shift, limit, block)
            for h in range(min(CHANNELS, heights.shape[0] - first)):
                for j in range(KEYS):
                    out[tile, strip, h * KEYS + j] = heights[first + h] * block[j, h]


@exact
def _tile_sums(query, tile, heights, centre, sums):
    """sums[r KEYS + j] = Σ_h 1 / (E_q[r, h] E_k[h, j] + heights[h]), less its centre, for ROWS queries and KEYS keys.

    query (blocks, ROWS CHANNELS) holds E_q, tile (blocks, CHANNELS KEYS) E_k times heights, which are 1/|w_h| (A padded
    to GROUP). The centre, half of each |w_h|, is what a score of zero would sum to: taking it off at once keeps the
    sums small and their rounding with them.
    """
    widest_registers()
    for x in range(ROWS * KEYS):
        sums[x] = ZERO
    for group in range(centre.shape[0]):
        block, h = group // (CHANNELS // GROUP), group % (CHANNELS // GROUP) * GROUP
        middle = centre[group]
        c0, c1, c2, c3 = heights[4 * group], heights[4 * group + 1], heights[4 * group + 2], heights[4 * group + 3]
        q, k = query[block, h:], tile[block, h * KEYS :]  # flat, so that constant steps lead to all that is read
        for j in range(KEYS):
            for r in range(0, ROWS * CHANNELS, CHANNELS):
                d0 = _at_most(q[r] * k[j] + c0, LARGEST_OF_FOUR)
                d1 = _at_most(q[r + 1] * k[KEYS + j] + c1, LARGEST_OF_FOUR)
                d2 = _at_most(q[r + 2] * k[2 * KEYS + j] + c2, LARGEST_OF_FOUR)
                d3 = _at_most(q[r + 3] * k[3 * KEYS + j] + c3, LARGEST_OF_FOUR)
                d01, d23 = d0 * d1, d2 * d3
                sums[r // CHANNELS * KEYS + j] += ((d0 + d1) * d23 + (d2 + d3) * d01) / (d01 * d23) - middle


@exact
def _ordered(x):
    """A whole number for each float32, in the same order; of itself, the float32's bits again."""
    return x ^ ((x >> np.int32(31)) & np.int32(0x7FFFFFFF))


@exact
def _largest(row, limit):
    """The largest of the first `limit` numbers; any number if one of them is NaN."""
    widest_registers()
    # as whole numbers: among floats the compiler looks at one after the other
    largest = _ordered(np.float32(row[0]).view(np.int32))
    for j in range(limit):
        largest = max(largest, _ordered(np.float32(row[j]).view(np.int32)))
    return np.int32(_ordered(largest)).view(np.float32)


@reordered
def _sum(row, limit):
    total = ZERO
    for j in range(limit):
        total += row[j]
    return total


@exact
def _softmax(row, mask, limit, scale):
    """Turn the first `limit` scores of a row (Tk,), times scale, into weights; zero where the mask is 0."""
    for j in range(limit):
        row[j] = scale * row[j] if mask[j] else -f32(np.inf)
    largest = _largest(row, limit) if limit else ZERO
    for j in range(limit):
        # below -87 `_exp` has no exponent left; a NaN passes all this, makes the total NaN, and by it the row
        below = row[j] - largest
        row[j] = ZERO if below < -f32(87) or not mask[j] else _exp(_clip(below, f32(87)))
    total = _sum(row, limit)
    for j in range(limit):
        row[j] = row[j] / total if mask[j] else ZERO  # what is masked stays 0 in a row of NaN, too
    for j in range(limit, row.shape[0]):
        row[j] = ZERO


@exact
def _fill(out, x):
    # and not `out[:] = x`: array expressions double the time to compile all this
    for t in range(out.shape[0]):
        for h in range(out.shape[1]):
            out[t, h] = x


@exact
def _last(seen, row):
    """The largest of ROWS entries from a row on, as far as there are so many."""
    last = 0
    for i in range(row, min(row + ROWS, seen.shape[0])):
        last = max(last, seen[i])
    return last


@exact
def _room(count):
    """Room for `count` numbers from the beginning of a cache line on, so that no register is filled from two lines."""
    room = np.empty(count + LINE, f32)
    begin = (LINE - room.ctypes.data // 4 % LINE) % LINE
    return room[begin : begin + count]


@exact
def weights(start, stop, query, key, sign, shifts, limits, heights, centre, scale, mask, out, seen):
    """out[b, i] = softmax_j(-2 scale Σ_h 1/d_h), zero where the mask is 0; task: ROWS queries of a batch.

    query (B, Tq, A), key (B, Tk, A), sign (A,), shifts (2, B, A) and limits (2,) of query and key as in
    `_exponentials`, heights and centre as in `_tile_sums`, scale what |w| is relative to, mask (B or 1, Tq or 1, Tk),
    and seen (B, Tq) one more than the last key that each query may attend to.
    """
    length, keys = out.shape[1], out.shape[2]
    groups = (length + ROWS - 1) // ROWS
    blocks = (query.shape[2] + CHANNELS - 1) // CHANNELS
    many = (keys + KEYS - 1) // KEYS
    tiles = _room(many * blocks * CHANNELS * KEYS).reshape(many, blocks, CHANNELS * KEYS)
    block = _room(KEYS * CHANNELS).reshape(KEYS, CHANNELS)
    rows = _room(blocks * ROWS * CHANNELS).reshape(blocks, ROWS, CHANNELS)
    sums = _room(ROWS * KEYS)
    ready = -1  # a batch's tasks are neighbours: its keys are prepared once for all of them
    for task in range(start, stop):
        b, row = task // groups, task % groups * ROWS
        if b != ready:
            _tiles(key[b], sign, shifts[1, b], limits[1], heights, block, tiles)
            ready = b
        for strip in range(blocks):
            _exponentials(query[b], row, strip * CHANNELS, sign, shifts[0, b], limits[0], rows[strip])
        here = min(ROWS, length - row)
        last = _last(seen[b], row)
        for tile in range((last + KEYS - 1) // KEYS):
            first = tile * KEYS
            _tile_sums(rows.reshape(blocks, ROWS * CHANNELS), tiles[tile], heights, centre, sums)
            for r in range(here):
                scores = out[b, row + r]
                for j in range(unsigned(min(KEYS, keys - first))):
                    scores[unsigned(first) + j] = TWO * sums[r * KEYS + j]  # here: twice the scale may be infinite
        for i in range(row, row + here):
            _softmax(out[b, i], mask[b % mask.shape[0], i % mask.shape[1]], seen[b, i], -scale)


@exact
def _strip_gradients(query, key, slopes, row, first, last, sums, key_sums):
    """For ROWS queries and the keys from first to last, CHANNELS channels: add up slope · (r - r²) and slope · r.

    r = 1 / (1 + E_q E_k). Per query into the first ROWS rows of `sums`, per key into `key_sums`; slope · r into the
    last row of `sums`. Queries share a division in pairs.
    """
    widest_registers()
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
def gradients(start, stop, query, key, sign, shifts, limits, slopes, seen, factor, query_grad, key_grad, vector_sums):
    """4 factor Σ_j s (r - r²) per query, 4 factor Σ_i s (r - r²) per key, Σ_ij s r; task: CHANNELS of a batch.

    query (B, Tq, A) to limits and seen as in `weights`; slopes s = ∂loss/∂score (B, Tq padded to ROWS, Tk), zero in the
    padding; factor (A,). Written: query_grad (B, Tq, A), key_grad (B, Tk, A), and vector_sums (B, A) in float64.
    """
    keys, width = key.shape[1], key.shape[2]
    blocks, rows = (width + CHANNELS - 1) // CHANNELS, slopes.shape[1]
    exp_query, query_sums = (
        _room(rows * CHANNELS).reshape(rows, CHANNELS),
        _room(rows * CHANNELS).reshape(rows, CHANNELS),
    )
    exp_key, key_sums = _room(keys * CHANNELS).reshape(keys, CHANNELS), _room(keys * CHANNELS).reshape(keys, CHANNELS)
    sums, totals = _room((ROWS + 1) * CHANNELS), np.empty(CHANNELS)  # over many strips float32 would lose digits
    # channels do not mix: no two tasks add to one number, so no thread has to wait for another
    for task in range(start, stop):
        b, first = task // blocks, task % blocks * CHANNELS
        channels = min(CHANNELS, width - first)
        _exponentials(query[b], 0, first, sign, shifts[0, b], limits[0], exp_query)
        _exponentials(key[b], 0, first, sign, shifts[1, b], limits[1], exp_key)
        _fill(query_sums, ZERO)
        _fill(key_sums, ZERO)
        for h in range(CHANNELS):
            totals[h] = 0
        for strip in range(0, keys, STRIP):
            for row in range(0, rows, ROWS):
                last = min(strip + STRIP, _last(seen[b], row))
                if last <= strip:
                    continue
                for x in range(sums.shape[0]):
                    sums[x] = ZERO
                here = exp_query[row : row + ROWS].reshape(ROWS * CHANNELS)
                _strip_gradients(here, exp_key, slopes[b], row, strip, last, sums, key_sums)
                here = query_sums[row : row + ROWS].reshape(ROWS * CHANNELS)
                for x in range(ROWS * CHANNELS):
                    here[x] += sums[x]
                for h in range(CHANNELS):
                    totals[h] += sums[ROWS * CHANNELS + h]
        for h in range(channels):
            vector_sums[b, first + h] = totals[h]
        _scale(FOUR, query_sums, factor, first, channels, query_grad[b])
        _scale(FOUR, key_sums, factor, first, channels, key_grad[b])


@exact
def _scale(times, sums, factor, first, channels, out):
    """Columns of out (T, A) from the first on: the columns of sums (at least T, at least channels) times factor."""
    first, channels = unsigned(first), unsigned(channels)
    for t in range(out.shape[0]):
        for h in range(channels):
            out[t, first + h] = factor[first + h] * (times * sums[t, h])  # in this order: 4 |w| may be infinite


@reordered
def _direct_score(query, key, score_vector):
    """Σ_h w_h tanh(q_h + k_h) for rows of any finite size; channels share a division in pairs."""
    widest_registers()
    # halves, not neighbours: both are read without gaps
    half = query.shape[0] // 2
    q0, q1, k0, k1 = query[:half], query[half:], key[:half], key[half:]
    w0, w1 = score_vector[:half], score_vector[half:]
    score = ZERO
    for h in range(half):
        p0, d0 = _tanh_fraction(_clip(q0[h] + k0[h], SATURATED))
        p1, d1 = _tanh_fraction(_clip(q1[h] + k1[h], SATURATED))
        score += (w0[h] * p0 * d1 + w1[h] * p1 * d0) / (d0 * d1)
    for h in range(half, q1.shape[0]):
        p, d = _tanh_fraction(_clip(q1[h] + k1[h], SATURATED))
        score += w1[h] * p / d
    return score


@exact
def direct_weights(start, stop, query, key, score_vector, mask, out, seen):
    """out[b, i] = softmax_j(score), zero where the mask is 0; task: a query. query (B, Tq, A), key (B, Tk, A)."""
    length = query.shape[1]
    for task in range(start, stop):
        b, i = task // length, task % length
        for j in range(seen[b, i]):
            out[b, i, j] = _direct_score(query[b, i], key[b, j], score_vector)
        _softmax(out[b, i], mask[b % mask.shape[0], i % mask.shape[1]], seen[b, i], ONE)


@exact
def _direct_row(query, key, slope, query_sums, key_sums, vector_sums):
    """Add slope (1 - tanh²) to query_sums and key_sums, and slope · tanh to vector_sums."""
    widest_registers()
    for h in range(query.shape[0]):
        p, d = _tanh_fraction(_clip(query[h] + key[h], SATURATED))
        t = p / d
        u = slope - slope * t * t
        query_sums[h] += u
        key_sums[h] += u
        vector_sums[h] += slope * t


@exact
def direct_gradients(start, stop, query, key, slopes, seen, factor, query_grad, key_grad, vector_sums):
    """factor Σ_j s (1 - tanh²) per query, factor Σ_i s (1 - tanh²) per key, Σ_ij s tanh; task: a batch.

    query (B, Tq, A), key (B, Tk, A), slopes s (B, at least Tq, Tk); the rest as in `gradients`.
    """
    width = query.shape[2]
    sums = np.empty(width, f32)
    # a whole batch is a task, for all of its queries add to the same keys
    for b in range(start, stop):
        _fill(query_grad[b], ZERO)
        _fill(key_grad[b], ZERO)
        for h in range(width):
            vector_sums[b, h] = 0
        for i in range(query.shape[1]):
            for h in range(width):
                sums[h] = ZERO
            for j in range(seen[b, i]):
                if slopes[b, i, j] != ZERO:  # also where the mask hides a NaN
                    _direct_row(query[b, i], key[b, j], slopes[b, i, j], query_grad[b, i], key_grad[b, j], sums)
            for h in range(width):
                vector_sums[b, h] += sums[h]
        _scale(ONE, query_grad[b], factor, 0, width, query_grad[b])
        _scale(ONE, key_grad[b], factor, 0, width, key_grad[b])
