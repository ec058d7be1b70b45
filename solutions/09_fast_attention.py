# %% [markdown] slide="slide"
# # 09 · Fast attention
#
# **140 minutes**, and 30 for what is called Further. You need [chapter 06](06_queries_keys_and_values.ipynb) (scaled dot products), and from [chapter 05](05_bahdanau_attention.ipynb) the additive score.
#
# After this chapter you can
# - take a softmax whose scores you see once, one after the other,
# - split a dictionary anywhere, ask the parts apart, and put their answers together,
# - write the lookup that large models run on: the same numbers, without the matrix of weights,
# - say from four measured rates where an attention's time goes,
# - make this course's additive attention tens of times as fast as its formula.

# %%
import sys

sys.path.insert(0, "..")
print("PyTorch is loading, which takes a few seconds.", flush=True)

import torch

from utils import data, plots
from utils.checks import check, claim

torch.manual_seed(0);

# %%
from utils import triton_here

triton_here.prepare()  # for the last section; now, before PyTorch loads Triton in its own way
torch.set_num_threads(1)  # one thread, so that a measured time can be compared with a count

# %%
import functools
import math

from torch.nn import functional as F

from utils import attention, costs, training
from utils.predictions import predict

# %% [markdown] slide="slide"
# Chapter 01 ended with a price: a lookup by products compares *every* key. A sequence of T tokens that looks itself up compares T² pairs, and for each pair it writes a score, and then a weight. So write chapter 06's attention as its formula says, and measure it. `costs.milliseconds` calls functions in turns and takes the median of each. `costs.most_at_once` adds up the bytes of what operations return, as long as it is alive.


# %%
def plain(query, key, value):
    weights = torch.softmax(query @ key.mT / math.sqrt(query.size(-1)), -1)  # (Tq, Tk)
    return weights @ value


def pytorchs(query, key, value):
    given = (x[None, None] for x in (query, key, value))  # a batch of one, one head
    return F.scaled_dot_product_attention(*given)[0, 0]


def compared(ways, T, width=64):
    """Milliseconds and bytes of each way, for T queries and T keys."""
    inputs = torch.randn(3, T, width)
    calls = {name: functools.partial(way, *inputs) for name, way in ways.items()}
    return costs.milliseconds(calls, 3), {name: costs.most_at_once(call) for name, call in calls.items()}


# %% slide="fragment"
lengths = [512, 1024, 2048, 4096]
ways = {"the formula": plain, "PyTorch's own": pytorchs}
measured = {T: compared(ways, T) for T in lengths}
print("tokens   " + "".join(f"{name + ', ms':>20}{'MB':>8}" for name in ways))
for T, (times, sizes) in measured.items():
    print(f"{T:6}   " + "".join(f"{times[name]:20.1f}{sizes[name] / 1e6:8.1f}" for name in ways))
a, b, c = torch.randn(3, 300, 64)
claim("both give the same numbers", torch.allclose(plain(a, b, c), pytorchs(a, b, c), atol=1e-5))

# %% [markdown] slide="fragment"
# Twice as many tokens take four times the memory by the formula: two matrices of 4096 × 4096 numbers, alive at once, are 134 MB, for one head of one layer. `F.scaled_dot_product_attention` needs about a hundredth of that, and less time. It leaves nothing out and approximates nothing. How?
#
# The times above are this machine's; yours are printed when you run the cell. All times of this chapter are those of a **CPU, on one thread**. Where a GPU would be another story, the text says so.

# %% [markdown] slide="slide"
# ## See each score once
#
# The difficulty is the softmax. A weight is exp(score) divided by the sum over *all* keys, so it seems that all scores have to be there before the first weight can be given. And for safety the largest is subtracted, so all have to be seen before even the first exponential is taken.
#
# Suppose instead that the scores come one after the other, and you may keep two numbers: the `largest` so far, and the `total`, the sum of exp(score − largest) so far. Take the scores 0, log 2 and log 3:
#
# | seen | largest | total |
# |---|---|---|
# | 0 | 0 | exp(0 − 0) = 1 |
# | log 2 | log 2 | ½ + 1 = 1.5 |
# | log 3 | log 3 | ⅔ · 1.5 + 1 = 2 |

# %% [markdown]
# At log 2 the 1 of before was measured against the largest score 0. Against log 2 the same score has exp(0 − log 2) = ½. So whenever the largest changes from `old` to `new`, what was summed is multiplied by exp(old − new), because exp(score − old) · exp(old − new) = exp(score − new). At the end the weight of log 3 is 1 / 2, and with 1 + 2 + 3 = 6 it should be 3 / 6.

# %%
predict(
    "A million random scores, one after the other. How often is there a new largest one?",
    "a thousand times", "half a million times", "some fourteen times",
)

# %% [markdown] slide="slide"
# ### Exercise 9.1 · Online softmax  (10 minutes, about 6 lines)
# The scores come in **tiles**, a few at a time, from an iterator that can be gone through once. (It has one buffer: the next tile overwrites the last.) Give the largest score of all, and the total: the sum of exp(score − largest). A tile may be hidden whole: then all its scores are −∞, and it adds nothing, even if it comes first. If all are hidden, the answer is −∞ and 0.
#
# <details><summary>Hint 1</summary>For each tile: the new largest, then shrink the total, then add the tile's exponentials.</details>
# <details><summary>Hint 2</summary>Begin below every score, with <code>torch.tensor(-math.inf)</code>. As long as the largest is still −∞, nothing was seen: −∞ − (−∞) would be NaN.</details>

# %% exercise="online_softmax" slide="fragment"
def online_softmax(tiles):
    """The largest score, and the sum of exp(score - largest), over all tiles (n,), each seen once."""
    # BEGIN SOLUTION
    largest, total = torch.tensor(-math.inf), torch.tensor(0.0)
    for scores in tiles:
        new = torch.maximum(largest, scores.max())
        if new > -math.inf:
            total = total * torch.exp(largest - new) + torch.exp(scores - new).sum()
            largest = new
    return largest, total
    # END SOLUTION


# %%
online_softmax = check("online_softmax", online_softmax)

# %% [markdown] tags=["solution"]
# exp(−∞ − new) is 0, so the first tile needs no case of its own: it shrinks a total of zero. Only where old and new are both −∞ would the difference be NaN.

# %%
scores = torch.randn(1_000_000, generator=torch.Generator().manual_seed(1))
largest, total = online_softmax(iter(scores.split(1000)))
both = torch.allclose(largest + total.log(), torch.logsumexp(scores, 0))
claim("in tiles of 1,000, seen once, the softmax of a million scores has the same denominator", both)

# %%
records = []
for seed in range(20):
    drawn = torch.randn(1_000_000, generator=torch.Generator().manual_seed(seed))
    so_far = drawn.cummax(0).values
    records.append(1 + (so_far[1:] > so_far[:-1]).sum().item())
print("new largest scores in a million, from twenty seeds:")
print(sorted(records))
mean = sum(records) / 20
claim("some fourteen on average (between 10 and 19)", 10 < mean < 19)

# %%
predict.answer(
    "some fourteen times",
    "because the n-th score is the largest so far with probability 1/n, and 1 + 1/2 + … + 1/1,000,000 is 14.4.",
)

# %% [markdown]
# So in random order the total is hardly ever rescaled. Does one pass save time, then? Hardly: compiled as plain loops on a CPU, one pass took .85 to .95 of the time of two. Both take an exponential for each score, and that is most of the time. What one pass saves is *keeping the scores*. (Two figures of this chapter are told and not run; `python -m utils.told --list 09` has their commands.)

# %% [markdown] slide="slide"
# ## Two halves of a dictionary
#
# The weighted sum of values can be carried along in the same way. For each query keep three things: the largest score, the total, and the `sums`, which are the sum of exp(score − largest) · value. Their quotient sums / total is the context. When the largest changes, total and sums shrink by the same factor.

# %% [markdown]
# Three such things are the whole answer of a part of a dictionary. Two parts can be put together, as two tiles were. By hand, one query with values of one number:
#
# | part | scores | values | largest | total | sums |
# |---|---|---|---|---|---|
# | first | 0, log 2 | 2, 1 | log 2 | ½ + 1 = 1.5 | ½ · 2 + 1 · 1 = 2 |
# | second | log 4 | 8 | log 4 | 1 | 8 |
# | both | | | log 4 | ½ · 1.5 + 1 = 1.75 | ½ · 2 + 8 = 9 |
#
# The context is 9 / 1.75 = 5.14, and the weights by hand are 1/7, 2/7 and 4/7: (2 + 2 + 32) / 7 is the same.

# %% [markdown]
# ### Exercise 9.2 · Merge two parts  (8 minutes, about 4 lines)
# Each part is a tuple: largest (Tq, 1), total (Tq, 1) and sums (Tq, Dv). Give the same three for both together. A part without any key, for some queries or for all, has −∞, 0 and 0 there; two of them together have that as well, and no NaN.
#
# <details><summary>Hint 1</summary>Bring both to the larger of the two largest scores; then totals can be added, and sums as well.</details>
# <details><summary>Hint 2</summary>Where both are −∞, subtract 0 instead: <code>largest.masked_fill(largest == -math.inf, 0)</code>.</details>

# %% exercise="merge_partials"
def merge_partials(one, other):
    """What two halves give together, each a (largest (Tq, 1), total (Tq, 1), sums (Tq, Dv)) of its keys.

    With weight = exp(score - largest): total is the sum of the weights, sums that of weight times value.
    A half without a key has -inf, 0 and 0.
    """
    # BEGIN SOLUTION
    largest = torch.maximum(one[0], other[0])
    finite = largest.masked_fill(largest == -math.inf, 0)
    shrink, shrink_other = torch.exp(one[0] - finite), torch.exp(other[0] - finite)
    return largest, one[1] * shrink + other[1] * shrink_other, one[2] * shrink + other[2] * shrink_other
    # END SOLUTION


# %%
merge_partials = check("merge_partials", merge_partials)

# %% [markdown] tags=["solution"]
# Nothing is divided by the total yet, for a context alone no longer says how much weight stands behind it. One division at the very end is enough.


# %% slide="fragment"
def partial_attention(query, key, value):
    """What these keys and values (Tk, …) contribute: largest (Tq, 1), total (Tq, 1) and sums (Tq, Dv)."""
    scores = query @ key.mT / math.sqrt(query.size(-1))  # (Tq, Tk)
    largest = scores.amax(-1, keepdim=True)
    weights = torch.exp(scores - largest)
    return largest, weights.sum(-1, keepdim=True), weights @ value


words, key, value = data.small_dictionary()
query = torch.tensor([[0.9, 0.3]])  # chapter 02's
halves = [partial_attention(query, key[some], value[some]) for some in (slice(0, 3), slice(3, 6))]
(_, *first), (_, *second), (_, *both) = *halves, merge_partials(*halves)
answers = [sums / total for total, sums in (first, second, both)] + [plain(query, key, value)]
plots.entries(["first three", "last three", "merged", "as a whole"], torch.cat(answers));

# %% [markdown] slide="fragment"
# *Chapter 02's six words, cut in two. Each half gives a colour of its own, and merged they give that of the whole. It is not the middle of both, since the half with the better matches has more of the say.*

# %%
query, key, value = torch.randn(3, 1000, 16)
chosen = torch.randperm(1000).split([1, 300, 9, 450, 240])  # five parts of a shuffled dictionary
parts = [partial_attention(query, key[some], value[some]) for some in chosen]
largest, total, sums = functools.reduce(merge_partials, parts)
same = torch.allclose(sums / total, plain(query, key, value), atol=1e-5)
claim("a dictionary that is cut into five shuffled parts gives the same context", same)

# %% [markdown]
# So a lookup does not care where its keys are, nor in which order they are asked. Parts may come into the processor's **cache** (the small, fast memory beside it) one after the other, as in the next section, or lie on different machines (chapter 11).
#
# And the rounding? A total of many numbers is never quite exact.

# %%
predict(
    "Two million weights are added up in float32: one after the other, or in tiles of 1,000 whose sums are "
    "then added. Which total is closer to the true one?",
    "the one from the tiles", "the one in order", "both are the same",
)

# %%
import numpy as np

drawn = [np.random.default_rng(seed).standard_normal(2_000_000) for seed in range(3)]
positive = [np.exp(x).astype(np.float32) for x in drawn]
in_order, in_tiles = [], []
for x in positive:
    exact = x.sum(dtype=np.float64)
    in_order.append(abs(np.cumsum(x)[-1] / exact - 1))  # cumsum adds one number after the other
    sums_of_tiles = np.cumsum(x.reshape(-1, 1000), 1)[:, -1]
    in_tiles.append(abs(np.cumsum(sums_of_tiles)[-1] / exact - 1))
print("error, in order:", [f"{error:.0e}" for error in in_order])
print("error, in tiles:", [f"{error:.0e}" for error in in_tiles])
claim("tiles are at least ten times as accurate", min(in_order) > 10 * max(in_tiles))

# %%
predict.answer(
    "the one from the tiles",
    "because a float32 has about seven digits. Where a small number is added to a total in the millions, its "
    "last digits are lost. In order that happens two million times, with tiles two thousand times.",
)

# %% [markdown] slide="slide"
# ## Tile by tile
#
# Now the whole lookup. For each tile of keys compute its scores, (Tq, tile), and merge what it contributes with what you have. The tile's scores are not needed any more, and the next tile can take their place. This is the idea of FlashAttention (Dao et al. 2022; with this order of loops in its second version, Dao 2023). The online softmax is older (Milakov and Gimelshein 2018), and so is attention in little memory (Rabe and Staats 2021).

# %% [markdown]
# ### Exercise 9.3 · Tiled attention  (15 minutes, about 9 lines)
# Scaled dot-product attention of query (Tq, Dk) with key (Tk, Dk) and value (Tk, Dv), `tile` keys at a time. The last tile may have fewer. No tensor may have as many as Tq · Tk numbers: the check looks. Gradients have to pass, and 64-bit inputs give a 64-bit context. (You may use what you wrote above, or carry `largest`, `total` and `sums` along by hand.)
#
# <details><summary>Hint 1</summary><code>zip(key.split(tile), value.split(tile))</code> goes through the tiles; the last may be smaller.</details>
# <details><summary>Hint 2</summary>One merge for each tile, and one division at the end. <code>functools.reduce(merge_partials, …)</code> is one way.</details>
# <details><summary>Hint 3</summary>By hand: <code>new = torch.maximum(largest, scores.amax(-1, keepdim=True))</code>; then both <code>total</code> and <code>sums</code> shrink by <code>torch.exp(largest - new)</code>.</details>

# %% exercise="tiled_attention"
def tiled_attention(query, key, value, tile):
    """Scaled dot-product attention: the context (Tq, Dv), `tile` keys at a time, without a (Tq, Tk) tensor."""
    # BEGIN SOLUTION
    parts = (
        partial_attention(query, some_keys, some_values)
        for some_keys, some_values in zip(key.split(tile), value.split(tile), strict=True)
    )
    _, total, sums = functools.reduce(merge_partials, parts)
    return sums / total
    # END SOLUTION


# %%
tiled_attention = check("tiled_attention", tiled_attention)

# %% [markdown] tags=["solution"]
# The parts come from a generator, so only one tile is alive at a time. In a list all of them would be.

# %% [markdown] slide="slide"
# Watch one query while it reads eight tiles of two keys. A bar is a key's share of what was read *so far*: each tile that comes in pushes the older bars down, and one with a large score far down. Move the slider.

# %% slide="fragment"
from utils import widgets

scores = 1.5 * torch.randn(16, generator=torch.Generator().manual_seed(4))
steps = [f"{2 * read} keys read" for read in range(1, 9)]
so_far = torch.stack([F.pad(scores[: 2 * read].softmax(0), (0, 16 - 2 * read)) for read in range(1, 9)])
panels = {"share of what was read": so_far, "weights in the end": scores.softmax(0).expand(8, -1)}
widgets.SliderBars(steps, panels, [f"key {j}" for j in range(1, 17)], "weight", name="tiles")

# %%
some = {steps[r]: {name: heights[r] for name, heights in panels.items()} for r in (0, 2, 7)}
plots.bar_grid(some);

# %% [markdown]
# *The same without a mouse: after one tile, three, and all eight. Shares only shrink while tiles come in, and at the end they are the weights.*

# %% slide="slide"
predict(
    "256 queries, 65,536 keys, tiles of 256. How much memory does the tiled lookup take at once, beside its "
    "inputs? (All the weights are 67 MB.)",
    "about 1 MB", "about 8 MB", "about 67 MB",
)

# %% slide="subslide"
many = [1024, 4096, 16384, 65536]
tiled = functools.partial(tiled_attention, tile=256)
sizes = {"the formula": [], "tile by tile": []}
for Tk in many:
    query, key, value = torch.randn(256, 64), *torch.randn(2, Tk, 64)
    for name, way in zip(sizes, (plain, tiled), strict=True):
        sizes[name].append(costs.most_at_once(functools.partial(way, query, key, value)))
megabytes = {name: [size / 1e6 for size in each] for name, each in sizes.items()}
plots.curves(many, megabytes, "keys", "MB at once", "xy");

# %% [markdown] slide="fragment"
# *For each number of keys the most that is alive at once. The formula's line rises with the keys, the other is flat.*

# %%
formula, by_tiles = sizes.values()
claim("the formula takes 64 times the memory for 64 times the keys", formula[-1] == 64 * formula[0])
claim("tile by tile it is the same, within a percent", max(by_tiles) < 1.01 * min(by_tiles))

# %% slide="fragment"
predict.answer(
    "about 1 MB",
    "because a tile's scores are 256 × 256 numbers, a quarter of a megabyte. There are a few such tensors at "
    "once, and they are freed before the next tile's are made.",
)

# %% [markdown]
# A tile still has a row for each query. With many queries, take them in blocks as well; they do not know of each other, so a loop over blocks of queries is all it takes.


# %%
def in_blocks(query, key, value, rows=256, tile=256):
    return torch.cat([tiled_attention(some, key, value, tile) for some in query.split(rows)])


ways = {"the formula": plain, "in tiles and blocks": in_blocks, "PyTorch's own": pytorchs}
measured = {T: compared(ways, T) for T in lengths}
by_way = {name: [measured[T][0][name] for T in lengths] for name in ways}
ax = plots.curves(lengths, by_way, "tokens", "milliseconds", "xy")
ax.minorticks_off()
ax.set_xticks(lengths, lengths);

# %% [markdown]
# *On the machine that wrote this, at 4,096 tokens: formula 131 ms, yours 66, PyTorch's 45. Up to 1,024 tokens your loop is the slowest: the formula's matrices fit into the cache there, its softmax does in one step what your tile does in several, and every tile costs calls from Python.*
#
# Your loop does all the multiplications of the formula, and a few more. Why is it faster at 4,096 tokens? The usual answer is that less is moved between processor and memory. That is a claim, and here is how to test it.

# %% [markdown] slide="slide"
# ## Where does the time go?
#
# Count first. An attention's two products take a multiplication and an addition for each triple: query, key, and channel. And numbers travel: what is too large for the cache is written to memory, and read again by the next operation.

# %% [markdown]
# ### Exercise 9.4 · Operations and bytes  (10 minutes, about 4 lines)
# For Tq queries, Tk keys, and widths Dk and Dv, in float32 (4 bytes a number), count
# - **operations**: multiplications and additions of the two products;
# - **bytes**, whole (`rows=None`): query, key and value are read once; the scores are written and read, the weights are written and read; the context is written (leave the division by √Dk out: it could be done with the query);
# - **bytes in blocks** of `rows` queries: query and context travel once; *every* block reads all keys and all values; scores and weights never leave the cache. A last block that is not full counts as a block.
#
# <details><summary>Hint 1</summary>One score is a sum of Dk products: 2 · Dk operations.</details>
# <details><summary>Hint 2</summary>Blocks: <code>math.ceil(Tq / rows)</code>. Whole, the keys are read once, as by one block; only the four times Tq · Tk come on top.</details>

# %% exercise="attention_traffic"
def attention_traffic(Tq, Tk, Dk, Dv, rows=None):
    """Operations of one attention's two products, and bytes (float32) read and written: two whole numbers.

    Whole (rows=None): query, key and value read, scores and weights written and read, the context written.
    In blocks of `rows` queries: query and context once, keys and values for each block, no scores, no weights.
    """
    # BEGIN SOLUTION
    operations = 2 * Tq * Tk * (Dk + Dv)
    blocks = 1 if rows is None else math.ceil(Tq / rows)
    numbers = Tq * (Dk + Dv) + blocks * Tk * (Dk + Dv) + (4 * Tq * Tk if rows is None else 0)
    return operations, 4 * numbers
    # END SOLUTION


# %%
attention_traffic = check("attention_traffic", attention_traffic)

# %% [markdown] tags=["solution"]
# Blocks save no operation: every query still meets every key. They trade four times Tq · Tk numbers for keys and values that are read Tq / rows times.

# %%
for name, rows in (("formula", None), ("blocks of 256", 256)):
    operations, moved = attention_traffic(4096, 4096, 64, 64, rows)
    ratio = f"{operations / moved:.0f} operations a byte"
    print(f"{name:14}{operations / 1e9:.1f} G operations,{moved / 1e6:5.0f} MB, {ratio}")

# %% [markdown]
# (G stands for 10⁹.) Now this machine's rates, four small experiments: a product of matrices that fit into the cache; a softmax that does, for the exponentials; a copy of 64 MB; and one more that is easily forgotten. **New memory** has to be asked of the operating system, which hands it out in *pages*: the first touch of each interrupts the program until a page of zeros is there. So fill a new tensor, and one that was filled before; the difference is the price of new pages.

# %%
n = 16 * 2**20  # numbers: 64 MB
old, other = torch.zeros(n), torch.zeros(n)
matrix, product, scores = torch.randn(512, 512), torch.empty(512, 512), torch.randn(16, 4096)
small = {"multiply": lambda: torch.mm(matrix, matrix, out=product), "softmax": lambda: scores.softmax(-1)}
large = {"copy": lambda: other.copy_(old), "fill old": lambda: old.fill_(1.0)}
large["fill new"] = lambda: torch.empty(n).fill_(1.0)
ms = costs.milliseconds(small, 20) | costs.milliseconds(large, 7)  # apart: the large ones empty the cache

# %%
# per millisecond
rates = {"operations": 2 * 512**3 / ms["multiply"], "exponentials": scores.numel() / ms["softmax"]}
rates["bytes moved"] = 2 * 4 * n / ms["copy"]  # read and written
rates["new bytes"] = 4 * n / max(0.01, ms["fill new"] - ms["fill old"])
print("G a second:", {name: f"{rate / 1e6:.1f}" for name, rate in rates.items()})

# %% [markdown]
# The formula does four things with matrices of T² numbers: two products, one softmax with T² exponentials, and six reads or writes of the whole (the product writes, the division reads and writes, the softmax reads and writes, the second product reads). It makes three of them new. A sum of four quotients, then, against the clock. And a control: the same formula with *kept buffers*, which are the same matrices, filled before, and filled again. It multiplies and moves just as much, and takes no new page.


# %%
def account(T, width=64):
    """Milliseconds of each part of the formula, by count and rate."""
    parts = {"operations": attention_traffic(T, T, width, width)[0], "exponentials": T * T}
    parts |= {"bytes moved": 6 * 4 * T * T, "new bytes": 3 * 4 * T * T}
    return {name: count / rates[name] for name, count in parts.items()}


def into_kept_buffers(T):
    scores, weights, context = torch.empty(T, T), torch.empty(T, T), torch.empty(T, 64)

    def call(query, key, value):
        torch.mm(query, key.mT, out=scores)
        torch.softmax(scores.div_(math.sqrt(query.size(-1))), -1, out=weights)
        return torch.mm(weights, value, out=context)

    return call


# %%
inputs = torch.randn(3, 4096, 64)
ways = {"the formula": plain, "in kept buffers": into_kept_buffers(4096)}
ways |= {"in tiles and blocks": in_blocks, "PyTorch's own": pytorchs}
clock = costs.milliseconds({name: functools.partial(way, *inputs) for name, way in ways.items()}, 5)
parts = account(4096)
parts["in all"] = sum(parts.values())
parts["without new bytes"] = parts["in all"] - parts["new bytes"]
for title, found in {"by count": parts, "measured": clock}.items():
    print(f"{title}: " + ", ".join(f"{name} {time:.0f}" for name, time in found.items()) + " ms")

# %% [markdown]
# On the machine that wrote this: operations 39, exponentials 7, moving 10, new memory 73, in all 129 ms; and the clock says 135. The control comes to 56 by count and to 57 by the clock, your tiles to 65. **With kept buffers the formula is a little faster than your tiles.** So here the whole gain is that tiles ask for no new pages, and of the usual answer, less traffic, nothing can be seen. (Who decides is the C library, when memory is freed. That of most Linux systems gives blocks of over 32 MB back to the system at once, always, and smaller ones sometimes; others keep them. So look at your own numbers.)
#
# What remains of PyTorch's own is two products and the exponentials: 46 by count, 44 by the clock.
#
# So *tiles save memory everywhere; how much time that saves depends on the machine*. A picture says on which: the **roofline** (Williams et al. 2009). A machine can do so many operations in the time in which it moves one byte; that is its *ridge*. Work with fewer operations for each byte waits for memory.

# %% slide="subslide"
points = {}
for name, time in clock.items():
    whole = name in ("the formula", "in kept buffers")
    operations, moved = attention_traffic(4096, 4096, 64, 64, rows=None if whole else 256)
    points[name] = (operations / moved, operations / time / rates["operations"])
ridges = {"this machine, one thread": rates["operations"] / rates["bytes moved"]}
ridges["one H100, bfloat16"] = 989e12 / 3.35e12
plots.roofline(ridges, points);

# %% [markdown] slide="fragment"
# *On the slope bytes arrive too slowly, under the flat roof the arithmetic is the limit. On this CPU all four ways stand right of its ridge, so traffic does not limit them. The GPU's ridge lies far to the right of the formula. (PyTorch's point is placed as if it took blocks of 256 as well.)*

# %% [markdown]
# The H100 is a GPU of 2022; its figures are from the data sheet: 989 · 10¹² operations a second in bfloat16 (numbers of two bytes), 3.35 · 10¹² bytes. With two bytes a number all points move right by a factor of two: the formula to 32 operations a byte, which is a ninth of that ridge, blocks of 256 to 240, close to it, and larger blocks beyond. That is why FlashAttention was written for GPUs, and why one thread of this CPU cannot show its reason. (A roofline takes the larger of two parts, as if they went on at the same time; the account above adds its parts up.)
#
# One more measurement, before you use somebody else's function. `F.scaled_dot_product_attention`, SDPA for short, takes any number of axes before the last two.

# %%
predict(
    "You give SDPA the same numbers with three axes, (1, T, 64), and with four, (1, 1, T, 64). What differs?",
    "the memory that it takes", "the context that it gives", "nothing that could be measured",
)

# %%
three, four = (x[None] for x in inputs), (x[None, None] for x in inputs)
calls = {"three axes": functools.partial(F.scaled_dot_product_attention, *three)}
calls |= {"four axes": functools.partial(F.scaled_dot_product_attention, *four)}
sizes, times = {name: costs.most_at_once(call) for name, call in calls.items()}, costs.milliseconds(calls, 3)
print({name: f"{sizes[name] / 1e6:.0f} MB, {times[name]:.0f} ms" for name in calls})
claim("the context is the same", torch.allclose(calls["three axes"](), calls["four axes"]()[0], atol=1e-5))
claim("with three axes it takes fifty times the memory", sizes["three axes"] > 50 * sizes["four axes"])

# %%
predict.answer(
    "the memory that it takes",
    "because its fast way on CPUs is written for (batch, heads, tokens, width). With another number of axes "
    "PyTorch falls back on the formula, without a word.",
)

# %% [markdown]
# So ask what runs: `attention.backend(function, …)` says it for this course's own functions. They always give PyTorch four axes.

# %%
print(attention.backend(attention.dot_product_attention, *inputs[:, None]))

# %% [markdown]
# ## The way back
#
# Training needs the weights again, for the gradients. The formula keeps them: that is its memory, for every layer at once, until the way back comes by. But a weight can be *computed again*, from query, key, and one number for each query: its log-total, largest + log(total), since weight = exp(score − log-total). So keep these and throw the weights away.
#
# The next two cells are the only ones of this chapter that you need not understand in full. `g` stands for the gradient of the context, and a softmax's gradient is weight · (what the value was worth − the mean of that), as in chapter 02.


# %%
def gradients_in_tiles(g, query, key, value, context, log_total):
    """The gradients of query, key and value from that of the context, 256 keys at a time."""
    scale, query_grad, others = query.size(-1) ** -0.5, torch.zeros_like(query), []
    for some_keys, some_values in zip(key.split(256), value.split(256), strict=True):
        weights = torch.exp(query @ some_keys.mT * scale - log_total)  # once more
        slopes = weights * (g @ some_values.mT - (g * context).sum(-1, keepdim=True)) * scale
        query_grad += slopes @ some_keys
        others.append((slopes.mT @ query, weights.mT @ g))
    return query_grad, *(torch.cat(each) for each in zip(*others, strict=True))


# %%
class Recomputed(torch.autograd.Function):
    """Attention in tiles of 256 keys, which keeps no weights for the way back."""

    @staticmethod
    def forward(ctx, query, key, value):
        tiles = zip(key.split(256), value.split(256), strict=True)
        parts = (partial_attention(query, *some) for some in tiles)
        largest, total, sums = functools.reduce(merge_partials, parts)
        ctx.save_for_backward(query, key, value, sums / total, largest + total.log())
        return sums / total

    @staticmethod
    def backward(ctx, g):
        return gradients_in_tiles(g, *ctx.saved_tensors)


# %%
ways = {"formula": plain, "recomputed": Recomputed.apply, "PyTorch's own": pytorchs}
query, key, value = torch.randn(3, 2048, 64)
for _ in range(3):  # the first finds nothing ready
    backward = {name: costs.forward_and_back(way, [query, key, value]) for name, way in ways.items()}
for name, (_, seconds, kept) in backward.items():
    print(f"{name:14} {kept / 1e6:5.1f} MB kept for the way back, {1000 * seconds:4.0f} ms forward and back")
pairs = zip(backward["formula"][0], backward["recomputed"][0], strict=True)
claim("the gradients are the same", all((x - y).abs().max() < 1e-4 * x.abs().max() for x, y in pairs))
claim("what is kept is a fifth at most", backward["recomputed"][2] < backward["formula"][2] / 5)

# %% [markdown]
# So does fast attention compute less? No: on the way back it computes one product more, five instead of four, and T² exponentials a second time. It takes less memory. On this CPU it is faster only as far as it asks for fewer new pages; on a GPU because it moves less.

# %% [markdown] slide="slide"
# ## A sum instead of a product
#
# Chapter 05's score is a sum: Σ_h w_h tanh(query_h + key_h). It cannot be written as one product of matrices, so the formula makes a tensor with a number for every query, key *and channel*. What does that cost, and what can be done? Two ideas.
#
# - **Blocks.** Take eight queries at a time, as above.
# - **Algebra.** $\tanh x = 1 - 2 / (1 + e^{2x})$, and $e^{2(q + k)} = e^{2q} \cdot e^{2k}$. So take exponentials of the *rows* alone, (Tq + Tk) · A of them instead of Tq · Tk · A tanhs. For each triple there remain a product, a sum and a division.

# %% [markdown]
# By hand: q = 0, k = ½ log 3, w = 1. Then $e^{2q} = 1$, $e^{2k} = 3$, and 1 − 2 / (1 + 3) = ½. And tanh(½ log 3) is ½.
#
# One thing can go wrong: $e^{2k}$ overflows where k is above 44, even if q = −44 makes the sum harmless. So **move** each channel: subtract the middle of its keys' range from the keys and add it to the queries. The sum q + k stays what it was, and the exponents become small.

# %% [markdown]
# ### Exercise 9.5 · Factored scores  (12 minutes, about 4 lines)
# The additive scores (Tq, Tk) of query (Tq, A) and key (Tk, A), with exponentials of the rows only. Move each channel of the keys to the middle of its range (halfway between its smallest and its largest number), and the queries the other way. The check counts how many exponentials are taken.
#
# <details><summary>Hint 1</summary><code>middle = (key.amax(0) + key.amin(0)) / 2</code>, one number for each channel.</details>
# <details><summary>Hint 2</summary>With <code>a = torch.exp(2 * (query + middle))</code> and <code>b</code> from key − middle: Σ w − 2 Σ w / (1 + a b). <code>a[:, None] * b</code> is (Tq, Tk, A).</details>

# %% exercise="factored_scores"
def factored_scores(query, key, score_vector):
    """Scores (Tq, Tk) = Σ_h w_h tanh(query_ih + key_jh), with exponentials of the rows alone.

    query (Tq, A), key (Tk, A), score_vector w (A,). Each channel of the keys is moved to the middle of its
    range, and the queries the other way, so that exp does not overflow.
    """
    # BEGIN SOLUTION
    middle = (key.amax(0) + key.amin(0)) / 2  # (A,)
    a, b = torch.exp(2 * (query + middle)), torch.exp(2 * (key - middle))
    return score_vector.sum() - 2 * (1 / (1 + a[:, None] * b)) @ score_vector
    # END SOLUTION


# %%
factored_scores = check("factored_scores", factored_scores)

# %% [markdown] tags=["solution"]
# Moving is exact, for (q + m) + (k − m) = q + k. Clipping q and k to a safe range is not: a far-out query and a far-out key may add up to something small.

# %% [markdown]
# Both ideas, apart and together. To be fair to the formula, its versions below write into their own tensor (`tanh_`, `add_`, `reciprocal_`) instead of making a new one at each step.

# %%
def tanhs(query, key, score_vector):
    return (query[:, None] + key).tanh_() @ score_vector


def fractions(query, key, score_vector):
    a, b = torch.exp(2 * query), torch.exp(2 * key)
    return score_vector.sum() - 2 * ((a[:, None] * b).add_(1).reciprocal_() @ score_vector)


def eight_at_a_time(way):
    return lambda query, key, score_vector: torch.cat([way(some, key, score_vector) for some in query.split(8)])


# %%
rows = torch.randn(512, 64), torch.randn(512, 64), torch.randn(64) / 8
ways = {"tanh, whole": tanhs, "tanh, in blocks": eight_at_a_time(tanhs), "fractions, whole": fractions}
ms = costs.milliseconds({name: functools.partial(way, *rows) for name, way in ways.items()})
print({name: f"{time:.1f} ms" for name, time in ms.items()})

# %% slide="slide"
predict(
    "By itself, each of the two ideas saves some milliseconds. How much do both together save?",
    "what the better of them saves", "as if their factors were multiplied", "the sum of what they save",
)

# %% slide="subslide"
ways |= {"fractions, in blocks": eight_at_a_time(fractions)}
ms = costs.milliseconds({name: functools.partial(way, *rows) for name, way in ways.items()})
slow, blocks, algebra, both = ms.values()
for name, time in ms.items():
    print(f"{name:22}{time:6.1f} ms")
print(f"both save {slow - both:.0f} ms; the savings of each add up to {2 * slow - blocks - algebra:.0f} ms,")
print(f"and with factors multiplied it would be {slow - blocks * algebra / slow:.0f} ms")
claim("both together are at least twice as fast", slow > 2 * both)
claim("what they save adds up, within a third", abs(blocks + algebra - slow - both) < (slow - both) / 3)

# %% [markdown]
# Why a sum? By the account above: the whole tensor has 512 · 512 · 64 numbers, 67 MB of new memory; and tanh has a rate of its own. These are two parts of the time, and each idea removes one. If that is right, then a kept buffer must save what blocks save, and the parts must add up.

# %%
buffer, some = torch.empty(512, 512, 64), torch.randn(8, 512, 64)
a, b, w = torch.exp(2 * rows[0]), torch.exp(2 * rows[1]), rows[2]
control = {
    "tanh, kept buffer": lambda: torch.add(rows[0][:, None], rows[1], out=buffer).tanh_() @ w,
    "fractions, kept buffer": lambda: torch.mul(a[:, None], b, out=buffer).add_(1).reciprocal_() @ w,
    "512 × 512 × 64 tanhs": lambda: [some.tanh() for _ in range(64)],
}
ms |= costs.milliseconds(control)
print({name: f"{ms[name]:.1f} ms" for name in control})
print(f"new memory, by count: {4 * buffer.numel() / rates['new bytes']:.1f} ms")

# %% slide="fragment"
predict.answer(
    "the sum of what they save",
    "because they remove different parts of the time: blocks the new memory, and the fractions the tanhs.",
)

# %% [markdown]
# Here the whole tensor costs 63 ms with tanh: some 23 for new memory, 34 for the tanhs, and the rest for moving. With a kept buffer it is 40, about what blocks reach (38). With fractions it is 33 whole, 10 in a kept buffer, 8 in blocks. So again it is the new memory that blocks save on this CPU, and the algebra the tanhs. (Where new memory is cheap, blocks bring next to nothing, and the algebra nearly all: look at your own numbers.)
#
# In blocks there is still a tensor of 8 · 512 · 64 numbers that four operations write and read. A loop that keeps its one number in the processor itself, in a *register*, would not. Python's loops are slow; but numba translates one that uses numbers and arrays only into machine code.
#
# ### Exercise 9.6 · Three loops  (6 minutes, about 8 lines)
# Sums (Tq, Tk) of score_vector[h] / (1 + a[i, h] · b[j, h]) over the channels h, from NumPy arrays a (Tq, A), b (Tk, A) and score_vector (A,): for each query, for each key, for each channel. Write numbers into an array of `np.float32` that you make first. No other NumPy function is needed; numba will compile it below.
#
# <details><summary>Hint</summary><code>np.empty((len(a), len(b)), np.float32)</code>; inside the second loop begin with <code>total = np.float32(0)</code>.</details>

# %% exercise="fraction_sums"
def fraction_sums(a, b, score_vector):
    """Sums (Tq, Tk) over the channels h of score_vector_h / (1 + a_ih b_jh), as float32: three loops.

    a (Tq, A), b (Tk, A) and score_vector (A,) are NumPy arrays.
    """
    # BEGIN SOLUTION
    sums = np.empty((len(a), len(b)), np.float32)
    for i in range(len(a)):
        for j in range(len(b)):
            total = np.float32(0)
            for h in range(len(score_vector)):
                total += score_vector[h] / (np.float32(1) + a[i, h] * b[j, h])
            sums[i, j] = total
    return sums
    # END SOLUTION


# %%
fraction_sums = check("fraction_sums", fraction_sums)

# %% [markdown] tags=["solution"]
# `np.float32(1)` keeps the arithmetic in 32 bits. With `1` and `0.0` it is done in 64 bits and takes two to three times as long: a register holds half as many numbers, they are divided more slowly, and have to be converted.

# %% [markdown]
# numba compiles at the first call, which takes a second or two. Its options let it reorder the sum, so that several channels are added at once, and divide without asking first whether the divisor is zero.

# %%
import numba

from utils import exercises

options = {"error_model": "numpy", "fastmath": {"contract", "reassoc", "nsz"}}
arrays = a.numpy(), b.numpy(), w.numpy()


def compiled(function):
    """numba's translation of a function of these arrays, ready to run; None where numba cannot."""
    try:
        fast = numba.njit(**options)(function)
        fast(*arrays)
        return fast
    except numba.NumbaError:
        print("numba cannot compile this one")


# %%
loops = {"the course's loops": compiled(exercises.get("fraction_sums").reference)}
loops["yours"] = compiled(fraction_sums) or loops["the course's loops"]
calls = {"the formula": lambda: torch.tanh(rows[0][:, None] + rows[1]) @ w}
for name, fast in loops.items():
    calls[name] = lambda fast=fast: w.sum() - 2 * torch.from_numpy(fast(*arrays))
times = costs.milliseconds(calls)
error = (calls["yours"]() - calls["the formula"]()).abs().max()
print({name: f"{time:.1f} ms" for name, time in times.items()}, f"largest difference {error:.0e}")
claim("a compiled loop is over five times as fast", times["the formula"] > 5 * times["the course's loops"])
claim("and yours gives the same scores as the formula", error < 1e-5)

# %% [markdown]
# With numba, compiling alone would not have done it: the same loops with tanh, compiled, took more than twice as long as PyTorch's formula, since its tanh is a call for one number at a time. (A compiler that has a tanh for whole registers could leave the algebra out.)
#
# This is the core of `utils.attention.additive_attention`, which chapter 05 used: your loop, and beside it the softmax, the context, masks, and a way back. `backend` says which of its ways runs.

# %%
query, key, value = torch.randn(3, 8, 50, 1000)
inputs = query, key, value, torch.randn(1000) / 1000**0.5
calls = {"formula": lambda: attention.reference.additive_attention(*inputs)}
calls["the course's"] = lambda: attention.additive_attention(*inputs)
fast = costs.milliseconds(calls)
print({name: f"{time:.1f} ms" for name, time in fast.items()})
print("it runs on", attention.backend(attention.additive_attention, *inputs))
claim("the course's kernel is at least five times as fast", fast["formula"] > 5 * fast["the course's"])

# %% [markdown]
# Its algebra stands in one docstring. Read it: point 1 you have written, the last paragraph too. Points 2 and 3 save divisions, which are slow: if 1/|w| goes into the denominator, two fractions can share one, 1/d₀ + 1/d₁ = (d₀ + d₁) / (d₀ d₁).

# %%
from utils.attention.kernels import folding

print(folding.__doc__)

# %% [markdown] slide="slide"
# ## What all this does not do
#
# The numbers are the same, so the price is still T² products. What would it take to pay less? Chapter 02 had a memory that does not grow: the sum of outer products of keys and values. As an attention it is called **linear attention** (Katharopoulos et al. 2020; here in its simplest form): each token adds its pair to one matrix, and asks it. Time grows with T, and the memory is one matrix. In chunks of 128 tokens:


# %%
def linear_attention(query, key, value, chunk=128):
    """Each token's query, multiplied with the sum of the outer products of all pairs up to it: (T, Dv)."""
    memory, contexts = torch.zeros(key.size(-1), value.size(-1)), []
    earlier = torch.ones(chunk, chunk).tril()
    for q, k, v in zip(query.split(chunk), key.split(chunk), value.split(chunk), strict=True):
        contexts.append(q @ memory + (q @ k.mT * earlier) @ v)  # before this chunk, and within it
        memory = memory + k.mT @ v
    return torch.cat(contexts)


def causal(query, key, value):
    return F.scaled_dot_product_attention(*(x[None, None] for x in (query, key, value)), is_causal=True)[0, 0]


# %% slide="subslide"
lengths = [1024, 2048, 4096, 8192]
growth = {"softmax": [], "linear": []}
for T in lengths:
    inputs = torch.randn(3, T, 64)
    ways = {"softmax": causal, "linear": linear_attention}
    calls = {name: functools.partial(way, *inputs) for name, way in ways.items()}
    for name, time in costs.milliseconds(calls, 3).items():
        growth[name].append(time)
ax = plots.curves(lengths, growth, "tokens", "milliseconds", "xy")
ax.minorticks_off()
ax.set_xticks(lengths, lengths);

# %% [markdown] slide="fragment"
# *PyTorch's fast softmax attention still rises three to four times for twice the tokens, the linear one twice.*

# %%
factors = {name: times[-1] / times[0] for name, times in growth.items()}
print({name: f"× {factor:.0f}" for name, factor in factors.items()}, "for eight times the tokens")
claim("softmax attention grows much faster", factors["softmax"] > 1.5 * factors["linear"])

# %% [markdown] slide="slide"
# And what is lost? Recall, as in chapter 02. Sixteen keys of 64 random numbers, each with a value of 32 signs; and since a dictionary is there to be *changed* (`d[key] = value` of chapter 01), sixteen more writes to keys drawn among them: a key may be overwritten once, several times, or not at all. Then every key is asked, and all 32 signs of its *latest* value have to be right. Three memories to begin with:
#
# - the **sum** of outer products;
# - the sum with **decay**: before each write the memory is multiplied by .95, so old pairs fade;
# - the **softmax** lookup, which keeps all 32 pairs.

# %% slide="fragment"
predict(
    "Sixteen keys, sixteen overwritings. Which of these three gives most of the latest values?",
    "the softmax lookup", "the sum with decay", "none of them",
)

# %%
def written(pairs, rewrites, seed, width=64):
    """Keys (pairs, width), the order of writing, the values (writes, 32), and each key's latest value."""
    draws = torch.Generator().manual_seed(seed)
    keys = F.normalize(torch.randn(pairs, width, generator=draws), dim=-1)
    order = torch.cat([torch.arange(pairs), torch.randint(pairs, (rewrites,), generator=draws)])
    values = torch.randn(len(order), 32, generator=draws).sign()
    latest = torch.stack([values[order == which][-1] for which in range(pairs)])
    return keys, order, values, latest


# %%
def with_decay(keys, order, values, keep=0.95):
    memory = torch.zeros(keys.size(1), 32)
    for key, value in zip(keys[order], values, strict=True):
        memory = keep * memory + torch.outer(key, value)
    return keys @ memory


def softmax_lookup(keys, order, values, later=0.0):
    scores = 100 * keys @ keys[order].mT + later * torch.arange(len(order))
    return torch.softmax(scores, -1) @ values


# %% slide="subslide"
def right(memory, pairs, rewrites, seeds=range(10)):
    shares = []
    for seed in seeds:
        keys, order, values, latest = written(pairs, rewrites, seed)
        shares.append((memory(keys, order, values).sign() == latest).all(-1).float().mean().item())
    return torch.tensor(shares)


memories = {"sum": functools.partial(with_decay, keep=1.0), "sum with decay": with_decay}
memories["softmax"] = softmax_lookup
found = {name: right(memory, 16, 16) for name, memory in memories.items()}
plots.seeds(found, "latest value right, 16 keys, 16 overwritten");

# %%
means = {name: shares.mean() for name, shares in found.items()}
print({name: f"{mean:.2f}" for name, mean in means.items()})
claim("none of them gives as many as half", max(means.values()) < 0.5)
plainly = right(softmax_lookup, 16, 0).mean()
claim("without overwriting the softmax lookup is always right", plainly > 0.99)

# %% slide="fragment"
predict.answer(
    "none of them",
    "because none of them replaces. Softmax mixes old and new value of a key with equal weights. The sums are"
    " crowded besides, and what fades is also what should stay.",
)

# %% [markdown]
# What a dictionary does is to *replace*. For a matrix that is the **delta rule** (Widrow and Hoff 1960; as a memory inside a network, Schlag et al. 2021): read what the memory gives for this key, and write only the difference between that and the new value. If the key has length one, the memory gives exactly the new value afterwards.
#
# And the softmax lookup needs only to prefer what is later: a small bonus for each step, as a model that knows positions can learn to give.


# %%
def delta_rule(keys, order, values):
    memory = torch.zeros(keys.size(1), 32)
    for key, value in zip(keys[order], values, strict=True):
        memory = memory + torch.outer(key, value - key @ memory)
    return keys @ memory


memories |= {"delta rule": delta_rule, "softmax, later preferred": functools.partial(softmax_lookup, later=0.5)}
cases = [(16, 0), (16, 16), (8, 8), (64, 0)]  # keys, and writes to a key that was written before
table = {name: [right(memory, *case).mean().item() for case in cases] for name, memory in memories.items()}
print(f"{'keys + overwritings':26}" + "".join(f"{f'{keys} + {again}':>10}" for keys, again in cases))
for name, shares in table.items():
    print(f"{name:26}" + "".join(f"{share:10.2f}" for share in shares))

# %%
changed, many = {name: row[1] for name, row in table.items()}, {name: row[3] for name, row in table.items()}
claim("the delta rule overwrites better than softmax", changed["delta rule"] > changed["softmax"] + 0.1)
claim("a softmax lookup that prefers what is later has all", changed["softmax, later preferred"] > 0.99)
claim("of 64 keys, each written once, the delta rule gives back few", many["delta rule"] < 0.4)
claim("and the softmax lookup, which keeps all pairs, is right", many["softmax"] > 0.99)

# %% [markdown]
# Is the matrix of 64 rows full, then? The rival: each write disturbs what was written before, because the keys overlap, and one pass leaves it so. Two controls: keys at right angles, and the same 64 pairs written again and again.

# %%
at_right_angles = torch.linalg.qr(torch.randn(64, 64, generator=torch.Generator().manual_seed(0))).Q
values = torch.randn(64, 32, generator=torch.Generator().manual_seed(1)).sign()
once = delta_rule(at_right_angles, torch.arange(64), values)
claim("64 keys at right angles, written once: all are right", bool((once.sign() == values).all()))
for passes in (1, 10, 100):

    def again(keys, order, values):
        return delta_rule(keys, order.repeat(passes), values.repeat(passes, 1))

    share = right(again, 64, 0)
    print(f"64 random keys, written {passes} times: {share.mean():.2f} right")
claim("written a hundred times, most of 64 random keys are right", share.mean() > 0.8)

# %% [markdown]
# So it had room, and lacked time: what limits a single pass is that keys overlap.
#
# All in all it is not better against worse, but a memory of a *fixed size* against one that *grows*. A matrix can hold so many pairs, and its price does not rise with what was read. A lookup keeps all that was ever written, and pays for it at every question. That is also where chapter 04 ended: any recurrent network has a state of a fixed size. Several of today's models use the delta rule (Yang et al. 2024a), with decay (2024b), and often a few layers of softmax attention among them.
#
# ## Further · A kernel  (30 minutes)
#
# A GPU runs thousands of threads at once. A **kernel** is the program that each of them runs, and **Triton** lets you write one in Python: not for a number but for a *tile*. Here is one, that doubles a vector; each program takes 16 numbers, and finds its place by `tl.program_id`. (`SIZE: tl.constexpr` is a number that is fixed when the kernel is translated.) What lies beyond the end is hidden by a mask, for a program that wrote there would write into somebody else's memory.
#
# On a machine without a GPU, Triton *interprets* a kernel: slowly, and with the same result. It runs on Linux only. Elsewhere the check below says ○ whatever you write, nothing that follows needs it, and the solution is there to read.

# %%
try:
    import triton
    import triton.language as tl
except ImportError:  # a stand-in, so that the cells below run
    from utils.triton_here import tl, triton


# %%
@triton.jit
def doubled(x, out, length, SIZE: tl.constexpr):
    i = tl.program_id(0) * SIZE + tl.arange(0, SIZE)  # the places of this program's numbers
    tl.store(out + i, 2 * tl.load(x + i, mask=i < length), mask=i < length)


x = torch.arange(40.0, device=training.device())
out = torch.zeros_like(x)
try:
    doubled[(3,)](x, out, 40, 16)  # three programs, of 16 numbers each
    claim("three programs have doubled forty numbers", torch.equal(out, 2 * x))
except NotImplementedError:
    print("not here: Triton is not installed")

# %% [markdown]
# In a kernel `x` is an *address*: `x + i` are those of 16 numbers, and `tl.load` fetches them. An entry [i, h] of a matrix with A columns is at `i * A + h`. A tile of addresses comes from a column of rows and a row of columns: `i[:, None] * Tk + j[None, :]`.
#
# ### Exercise 9.7 · A kernel for the sums  (20 minutes, about 9 lines)
# One program computes one tile: ROWS queries and COLUMNS keys, `scores[i, j]` = Σ_h `score_vector[h]` / (1 + `a[i, h]` · `b[j, h]`). Its queries begin at `tl.program_id(0) * ROWS`, its keys at `tl.program_id(1) * COLUMNS`. Load one channel at a time, in a loop over A. Mask what is beyond Tq and Tk, in the loads (`other=0.0` is what is read there instead) and in the store; two masks are joined by `&`. The check puts a fence around the memory and looks whether something was written there.
#
# <details><summary>Hint 1</summary>Begin with <code>total = tl.zeros((ROWS, COLUMNS), tl.float32)</code>, and store it once after the loop.</details>
# <details><summary>Hint 2</summary><code>a_h = tl.load(a + i * A + h, mask=i < Tq, other=0.0)</code> are ROWS numbers; <code>a_h[:, None] * b_h[None, :]</code> is the tile.</details>

# %% exercise="scores_kernel"
@triton.jit
def scores_kernel(a, b, score_vector, scores, Tq, Tk, A, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    """scores[i, j] = Σ_h score_vector[h] / (1 + a[i, h] b[j, h]) for one tile of ROWS queries and COLUMNS keys.

    a (Tq, A), b (Tk, A) and scores (Tq, Tk) are float32, row by row.
    """
    # BEGIN SOLUTION
    i = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    j = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    total = tl.zeros((ROWS, COLUMNS), tl.float32)
    for h in range(A):
        a_h = tl.load(a + i * A + h, mask=i < Tq, other=0.0)
        b_h = tl.load(b + j * A + h, mask=j < Tk, other=0.0)
        total += tl.load(score_vector + h) / (1.0 + a_h[:, None] * b_h[None, :])
    tl.store(scores + i[:, None] * Tk + j[None, :], total, mask=(i < Tq)[:, None] & (j < Tk)[None, :])
    # END SOLUTION


# %%
scores_kernel = check("scores_kernel", scores_kernel)

# %% [markdown] tags=["solution"]
# Only the store's mask protects others' memory. The loads' masks protect you: without them a program reads what it must not, and a GPU answers that with an error, sometimes.

# %% [markdown]
# The course's own kernel (`utils/attention/kernels/gpu_kernels.py`) does the same, and besides the softmax in tiles, as in exercise 9.3, two fractions to a division, and the way back.

# %%
predict.score()

# %% [markdown] slide="slide"
# ## In short
#
# - A softmax needs the largest score and a total, and both can be carried along: when the largest changes, what was summed shrinks by exp(old − new).
# - Parts of a dictionary can be asked apart and merged, in any order. So the (Tq, Tk) matrix of weights is never needed, and the memory does not grow with the keys.
# - On the way back weights are computed again, from one number kept for each query.
# - Time is a sum of parts: operations, exponentials, bytes moved, new memory. On one thread of a CPU new memory was the part that tiles save; on a GPU it is the bytes moved.
# - Additive scores need no tanh for each triple: exponentials of the rows, one division, one loop.
# - All this is exact, and still quadratic. A memory of a fixed size is not: it forgets, and of those tried here the delta rule overwrites best.

# %% [markdown]
# ## Before you go on
#
# <details><summary>Does tiled attention compute less than the formula?</summary>No. It computes the same products, and a few exponentials more for shrinking; on the way back a whole product more. It keeps and moves less.</details>
# <details><summary>Why must a merge not divide by the total?</summary>A context does not say how much weight stands behind it. Two contexts could only be averaged, and the part with the larger total has to count for more.</details>
# <details><summary>From 2,048 to 4,096 tokens the formula's time may rise by more than four. Two reasons?</summary>There are four times as many pairs; and beyond some size new memory comes from the operating system, page by page, each time anew.</details>
# <details><summary>A cheaper tanh brings less than a factor of two for the whole tensor. Why?</summary>Because the time is a sum, and its other parts (new memory, moving) stay.</details>
# <details><summary>Which of this chapter's memories does what <code>d[key] = value</code> does?</summary>The delta rule, as far as its matrix holds; and a softmax lookup that keeps all pairs and prefers the latest.</details>

# %% [markdown]
# ## To read on
#
# - Milakov and Gimelshein 2018, [Online normalizer calculation for softmax](https://arxiv.org/abs/1805.02867); Rabe and Staats 2021, [Self-attention does not need O(n²) memory](https://arxiv.org/abs/2112.05682).
# - Dao et al. 2022, [FlashAttention](https://arxiv.org/abs/2205.14135): tiles, the way back, and what they save on a GPU; Dao 2023, [FlashAttention-2](https://arxiv.org/abs/2307.08691).
# - Williams, Waterman and Patterson 2009, [Roofline](https://doi.org/10.1145/1498765.1498785).
# - Katharopoulos et al. 2020, [Transformers are RNNs](https://arxiv.org/abs/2006.16236); Schlag et al. 2021, [Linear transformers are secretly fast weight programmers](https://arxiv.org/abs/2102.11174); Yang et al. 2024a, [Parallelizing linear transformers with the delta rule over sequence length](https://arxiv.org/abs/2406.06484), and 2024b, [Gated delta networks](https://arxiv.org/abs/2412.06464).
# - `utils/attention/README.md`, and `python -m utils.attention.bench`: the course's kernels, on your machine.
#
# Next: [10 Generation](10_generation.ipynb), where one query asks a dictionary that grows.
