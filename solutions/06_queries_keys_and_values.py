# %% [markdown]
# # 06 · Queries, keys and values
#
# **115 minutes.** You need [chapter 02](02_soft_lookup.ipynb) (the soft lookup) and [chapter 05](05_bahdanau_attention.ipynb) (additive attention, the masked softmax).
#
# After this chapter you can
# - write the attention that today's models use, and say why its scores are divided by √d,
# - let every position of a sequence ask all others, or only those before it,
# - give a layer several lookups at once, and show what a single one cannot do,
# - tell a layer the order of its input in two ways, and say what happens beyond the length it was trained on.

# %%
import sys

sys.path.insert(0, "..")
print("PyTorch is loading, which takes a few seconds.", flush=True)

import torch

from utils import data, plots
from utils.checks import check, claim

torch.manual_seed(0);

# %%
import math

from torch import nn
from torch.nn import functional as F

torch.set_num_threads(1)  # for models as small as these, more threads only get in each other's way
tokens = ["the", "dog", "chased", "its", "own", "tail"]
whose = torch.tensor(
    [
        [1, 0, 0, 0, 0, 0],
        [0, 1, 0, 0, 0, 0],
        [0, 1, 0, 0, 0, 0],
        [0, 1, 0, 0, 0, 0],
        [0, 0.6, 0, 0.4, 0, 0],
        [0, 0.7, 0, 0.3, 0, 0],
    ]
)
neighbour = torch.eye(6)[[0, 0, 1, 2, 3, 4]]
plots.lookups(tokens, {"one head asks: whose?": whose, "another: what stood before?": neighbour});

# %% [markdown]
# *One sequence, written twice. Above every word asks, below every word answers; the thicker the line, the larger the weight. No encoder, no decoder: the words of one sequence look at each other, several times at once, each time with another question. (Drawn by hand.)*
#
# ## From a sum to a product
#
# Bahdanau's attention measures a match with a small network: $w \cdot \tanh(q + k)$. Chapters 00 to 03 measured it with a product: $q \cdot k$. Learned maps $W_q$ and $W_k$ may bring the two into one space first, in both. The product has no further parameters, and for many queries and keys it is one matrix product, which computers do faster than anything else.
#
# By hand: the query (1, 0, 2, 0) and the key (3, 5, 1, 0) match with 1 · 3 + 2 · 1 = 5.
#
# ### Why the width matters
#
# **Predict.** Queries and keys are standard normal numbers. Their products are sums of d terms. At d = 1, how large are the scores? At d = 1000?

# %%
widths = [1, 4, 16, 64, 256, 1024]
queries, keys = torch.randn(1000, 1024), torch.randn(1000, 1024)
spread = [(queries[:, :d] * keys[:, :d]).sum(-1).std().item() for d in widths]
lines = {"standard deviation of q · k": spread, "√d": [d**0.5 for d in widths]}
plots.curves(widths, lines, "width d", "size of a score", log="xy");

# %% [markdown]
# *The two lines lie on each other. A sum of d independent products, each of variance one, has variance d: its standard deviation is √d.*

# %%
ratios = [size / d**0.5 for size, d in zip(spread, widths, strict=True)]
claim("to within a fifth the standard deviation is √d, at every width", max(abs(r - 1) for r in ratios) < 0.2)

# %% [markdown]
# You know from chapter 02 what large scores do: the softmax becomes hard, one key takes all, and almost nothing can be learned through it. A layer should not become harder just because it is wider. So divide by √d, and the scores are of size one at every width.
#
# This is the **scaled dot product** of Vaswani et al. (2017):
#
# $$\text{context} = \text{softmax}\!\left(\frac{Q K^\top}{\sqrt{d_k}}\right) V .$$
#
# Chapter 05's masked softmax is used again, so here it is:


# %%
def masked_softmax(scores, mask):
    """Chapter 05's: softmax over the scores (..., Tk) whose mask is True; zeros where there is none."""
    empty = ~mask.any(-1, keepdim=True)
    scores = scores.masked_fill(~mask, -torch.inf).masked_fill(empty, 0)
    return torch.softmax(scores, -1).masked_fill(~mask, 0)


# %% [markdown]
# ### Exercise 6.1 · Scaled dot product  (8 minutes, about 6 lines)
# Batches and heads may stand in front: work on the last two axes. Return the context *and* the weights.
#
# <details><summary>Hint 1</summary><code>key.mT</code> swaps the last two axes, whatever stands in front.</details>
# <details><summary>Hint 2</summary>The width is <code>query.size(-1)</code>. Divide the scores before anything else happens to them.</details>
# <details><summary>Hint 3</summary>Without a mask <code>torch.softmax(scores, -1)</code>, with one <code>masked_softmax(scores, mask)</code>, which gives zeros to a query that may attend to nothing.</details>


# %% exercise="scaled_dot_product"
def scaled_dot_product(query, key, value, mask=None):
    """Context (..., Tq, Dv), weights (..., Tq, Tk): softmax(query · key / √Dk) over the keys, times value.

    query (..., Tq, Dk), key (..., Tk, Dk), value (..., Tk, Dv); mask broadcastable to (..., Tq, Tk), True = may
    attend. A query that may attend to nothing gets zeros.
    """
    # BEGIN SOLUTION
    scores = query @ key.mT / math.sqrt(query.size(-1))  # (..., Tq, Tk)
    weights = torch.softmax(scores, -1) if mask is None else masked_softmax(scores, mask)
    return weights @ value, weights  # (..., Tq, Dv), (..., Tq, Tk)
    # END SOLUTION


# %%
scaled_dot_product = check("scaled_dot_product", scaled_dot_product)

# %% [markdown]
# What does the division buy? One query, eight keys, all standard normal numbers, over the width. How many keys have a say (chapter 03's effective slots, the exponential of the entropy), and how much does a change of the scores still change the weights?


# %%
def effective(weights):
    """How many keys share the vote: the exponential of the entropy of weights (..., Tk)."""
    return torch.exp(torch.special.entr(weights).sum(-1))


query, key = torch.randn(500, 1, 1024), torch.randn(500, 8, 1024)
with_scale = [scaled_dot_product(query[..., :d], key[..., :d], key)[1] for d in widths]
without = [(query[..., :d] @ key[..., :d].mT).softmax(-1) for d in widths]
weights = {"divided by √d": with_scale, "not divided": without}
how_many = {name: [effective(w).mean().item() for w in each] for name, each in weights.items()}
plots.curves(widths, how_many, "width d", "keys that share the vote, of 8", log="x");

# %%
slope = {name: [(w * (1 - w)).mean().item() for w in each] for name, each in weights.items()}
plots.curves(widths, slope, "width d", "mean slope of a weight\nby its own score", log="x");

# %% [markdown]
# *Above: divided by √d, about six of eight keys share the vote at every width; without, one takes it all. Below: the slope of a weight by its own score is w (1 − w), and by the other scores it is no larger. Where it is near zero, no gradient comes through. Without the division it fades with the width.*

# %%
claim("divided, at least five keys share the vote at every width", min(how_many["divided by √d"]) > 5)
claim("not divided, less than a key and a half at width 1024", how_many["not divided"][-1] < 1.5)
divided, not_divided = slope["divided by √d"][-1], slope["not divided"][-1]
claim("and the slope has fallen to less than a fifth of the other", not_divided < divided / 5)

# %% [markdown]
# Move the slider: one query and its eight keys.

# %%
from utils import widgets

panels = {name: torch.stack(each)[:, 0, 0] for name, each in weights.items()}  # (6, 8): the first query's
steps, bars = [f"d = {d}" for d in widths], [f"key {j}" for j in range(8)]
figure = widgets.SliderBars(steps, panels, bars, ylabel="weight", name="width d")
figure

# %%
some = {steps[r]: {name: heights[r] for name, heights in panels.items()} for r in (1, 3, 5)}
plots.bar_grid(some);

# %% [markdown]
# *The same for three widths, without a running kernel. Divided, the weights stay mixed; not divided, they turn into a choice that nobody has learned.*
#
# Is the division *needed*? It can be had otherwise: it is a factor, and $W_q$ can contain a factor. Start $W_q$ smaller by √d, and the plain product starts with the same weights. What counts is that the softmax starts soft; dividing sees to that whatever the width. A learned $W_q$ may still make it as sharp as the task wants.

# %%
state, W_q, key = torch.randn(5, 64), torch.randn(64, 64), torch.randn(9, 64)
divided = scaled_dot_product(state @ W_q, key, key)[1]
smaller = (state @ (W_q / 8) @ key.mT).softmax(-1)
alike = torch.allclose(divided, smaller, atol=1e-6)
claim("a W_q that is smaller by √64 gives the same weights as the division", alike)

# %% [markdown]
# ## A sum or a product: which is better?
#
# Take two tasks. In both, each of 16 queries has one right key among 16, and the two look different: a learned $W_q$ and $W_k$ have to bring them together.
#
# - **Names**: the same sixteen keys every time, hidden among numbers that mean nothing. It is enough to know sixteen names.
# - **Vectors**: sixteen new keys every time, all of one length; the query is its key turned by a fixed, unknown rotation, with some noise. There are no names to know: two vectors have to be compared.


# %%
class Match(nn.Module):
    """Scores (B, Tq, Tk) of queries (B, Tq, d) and keys (B, Tk, d), by a product or a sum (Bahdanau's)."""

    def __init__(self, d, width, kind):
        super().__init__()
        self.W_q = nn.Linear(d, width, bias=kind == "sum, with a bias")
        self.W_k = nn.Linear(d, width, bias=False)
        self.score_vector = None if kind == "product" else nn.Parameter(torch.randn(width) / width**0.5)

    def forward(self, query, key):
        query, key = self.W_q(query), self.W_k(key)
        if self.score_vector is None:
            return query @ key.mT / query.size(-1) ** 0.5
        return torch.tanh(query[:, :, None] + key[:, None]) @ self.score_vector


# %% [markdown]
# The equations of chapter 05 have no bias; the paper leaves all of them out of its equations, to be easier to read. Try the sum as it is written, and with one bias beside $W_q$. Five seeds of each, side by side as in chapter 03: S is their axis.

# %%
from utils import training

SEEDS = 5


def names(generator):
    """Queries and keys (S, B, 16, 32): half of each is its name, which stays, the other half means nothing."""
    name = torch.randn(SEEDS, 1, 16, 16, generator=generator).expand(-1, 32, -1, -1)
    while True:
        query, key = torch.randn(2, SEEDS, 32, 16, 16, generator=generator)
        yield torch.cat([query, name], -1), torch.cat([name, key], -1)


def vectors(generator):
    """Queries and keys (S, B, 16, 8): new keys, and each of them turned, with noise."""
    rotation = torch.linalg.qr(torch.randn(8, 8, generator=generator))[0]
    while True:
        key, noise = torch.randn(2, SEEDS, 32, 16, 8, generator=generator)
        key = 8**0.5 * F.normalize(key, dim=-1)
        yield key @ rotation + 0.5 * noise, key


# %%
def surprise(model, query, key):
    """The mean of -log(weight of the right key), which is the key of the same number, for each seed."""
    return -model(query, key).log_softmax(-1).diagonal(dim1=-2, dim2=-1).mean((1, 2))


def share_right(name, task, d, kind):
    batches = task(torch.Generator().manual_seed(1))
    model = training.Seeds(lambda: Match(d, 16, kind), range(SEEDS))
    training.train(model, batches, surprise, 300, rate=0.01, decay=True, label=name)
    return (model(*next(batches)).argmax(-1) == torch.arange(16)).float().mean((1, 2))


# %% [markdown]
# **Predict.** Which of the three does which task? (About ten seconds.)

# %%
kinds = ["sum", "sum, with a bias", "product"]
right = {}
for task, d in [(names, 32), (vectors, 8)]:
    for kind in kinds:
        name = f"{task.__name__}: {kind}"
        right[name] = share_right(name, task, d, kind)
plots.seeds(right, "share of queries that find their key", chance=1 / 16);

# %% [markdown]
# *Names: no difference. Vectors: the product and the sum with a bias find nearly all; the sum as it is written is at chance.*

# %%
claim("sixteen names: all three find over 95 %", all(right[f"names: {kind}"].min() > 0.95 for kind in kinds))
found = {kind: right[f"vectors: {kind}"] for kind in kinds}
claim("new vectors: product and sum with a bias over 85 %", min(found[kind].min() for kind in kinds[1:]) > 0.85)
claim("the sum without one under a fifth, with the same width and steps", found["sum"].max() < 0.2)

# %% [markdown]
# Why is that one at chance? tanh is odd, and so is the whole score: turn query and key round, and it changes its sign. What was the best key becomes the worst. But a pair that matches still matches when both are turned round. So what such a score gains on one pair it loses on the other, and no width and no training helps. In a product the two signs cancel.

# %%
odd, even = Match(8, 16, "sum"), Match(8, 16, "product")
query, key = torch.randn(2, 1, 4, 8)
claim("the sum changes its sign", torch.allclose(odd(-query, -key), -odd(query, key), atol=1e-6))
claim("the product does not", torch.allclose(even(-query, -key), even(query, key), atol=1e-6))

# %% [markdown]
# One bias, then, and both can do it. So neither is the better match. Vaswani et al. (section 3.2.1) write that the two do about as well at small widths, and that at larger ones a product *without* the division does worse; hence the √d. What is left is the price. Eight sequences of 256, width 64:

# %%
import time

query, key, score_vector = torch.randn(8, 256, 64), torch.randn(8, 256, 64), torch.randn(64)
scores = {
    "sum": lambda: torch.tanh(query[:, :, None] + key[:, None]) @ score_vector,
    "product": lambda: query @ key.mT / 8,
}
for name, score in scores.items():
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        score()
        seconds.append(time.perf_counter() - start)
    print(f"{name:8} {1000 * sorted(seconds)[2]:7.1f} ms")

# %%
in_between = {"sum": query[:, :, None] + key[:, None], "product": query @ key.mT}
for name, tensor in in_between.items():
    print(f"{name:8} {tuple(tensor.shape)}, {4 * tensor.numel() / 1e6:.1f} MB")
claim("the sum's tensor is 64 times as large", in_between["sum"].numel() == 64 * in_between["product"].numel())

# %% [markdown]
# The sum holds a number for every query, key *and* hidden unit; the product one for every query and key. (Chapter 05's fused function does without that tensor too. It still computes more.)
#
# ## Every position asks
#
# In chapter 05 a decoder asked an encoder. Nothing in the lookup needs two sequences. Let queries, keys and values all come from *one*: **self-attention**. Chapter 03 rebuilt its dictionary from every input; now each entry of that dictionary also asks.
#
# The six words, once more. Each asks with its own key, made four times as long: a sharp question.

# %%
words, place, colour = data.small_dictionary()
blended, weights = scaled_dot_product(4 * place, place, colour)
plots.heatmap(weights, words, words);

# %% [markdown]
# *A row for each word that asks. Each looks at itself most, then at its two neighbours on the circle: theirs are the most similar keys.*

# %%
plots.entries(words, blended);

# %% [markdown]
# *What they come back with: each word's colour, with something of its neighbours' in it. After one layer of self-attention every position knows something of the others.*
#
# ### Nobody may look ahead
#
# A model that predicts the next word must not see it. If it asks all positions at once, the positions after its own have to be hidden: a **causal** mask.
#
# ### Exercise 6.2 · Causal mask  (4 minutes, 1 line)
# True = may attend. There may be fewer queries than keys (chapter 10 asks with the newest only): then the queries are the *last* positions, and the last query sees the last key.
#
# <details><summary>Hint 1</summary><code>tril</code> keeps the lower left triangle of a matrix, diagonal included.</details>
# <details><summary>Hint 2</summary>Its argument moves the diagonal to the right: by how much, if there are Tk keys and Tq queries?</details>


# %% exercise="causal_mask"
def causal_mask(Tq, Tk):
    """A boolean mask (Tq, Tk), True = may attend: nobody sees a later key, and the last query sees all keys."""
    # BEGIN SOLUTION
    return torch.ones(Tq, Tk, dtype=torch.bool).tril(Tk - Tq)
    # END SOLUTION


# %%
causal_mask = check("causal_mask", causal_mask)

# %%
_, weights = scaled_dot_product(4 * place, place, colour, causal_mask(6, 6))
plots.heatmap(weights, words, words);

# %% [markdown]
# *The same, and nobody looks ahead. The first word has only itself. Each row still sums to one: the vote is shared among those that are left.*

# %%
x = torch.randn(6, 8)
changed = x.clone()
changed[4:] += 1  # the last two positions
masked = [scaled_dot_product(y, y, y, causal_mask(6, 6))[0] for y in (x, changed)]
unmasked = [scaled_dot_product(y, y, y)[0] for y in (x, changed)]
claim(
    "with the mask, a change at the end leaves what stands before it alone",
    masked[0][:4].equal(masked[1][:4]),
)
claim(
    "without it, every position feels the change", ((unmasked[0] - unmasked[1]).abs().amax(-1) > 1e-3).all()
)

# %% [markdown]
# ### Two conventions of one library
#
# True = may attend: so it is here, and in PyTorch's `F.scaled_dot_product_attention`. Its older class `nn.MultiheadAttention` has it the other way round: there True = *hidden*. Whoever mixes them up gets no error: rows that may see nothing are `nan` or zeros, and the others look where they should not.

# %%
x, mask = torch.randn(1, 6, 8), causal_mask(6, 6)
ours = scaled_dot_product(x, x, x, mask)[0]
library = F.scaled_dot_product_attention(x, x, x, attn_mask=mask)
claim("F.scaled_dot_product_attention: the mask as it is", torch.allclose(ours, library, atol=1e-6))

older = nn.MultiheadAttention(8, 1, bias=False, batch_first=True)
weights = older(x, x, x, attn_mask=~mask)[1]
claim("nn.MultiheadAttention: the mask turned round, nobody looks ahead", (weights[0][~mask] == 0).all())

# %% [markdown]
# ## Several lookups at once
#
# A softmax shares *one* vote. A word that needs two things, say the verb *and* its object, gets a blend of both, and two things that were stored in the same columns cannot be told apart again. So give the layer several lookups, each with a part of the width: **heads**.
#
# The width is cut into equal runs of columns: with 2 heads, the first half goes to head 0, the second half to head 1. Each head then has a (T, D/heads) of its own.

# %%
print(torch.arange(8).reshape(1, 2, 4))  # two steps of width four: with two heads, head 0 gets 0, 1 and 4, 5

# %% [markdown]
# ### Exercise 6.3 · Split into heads  (6 minutes, about 2 lines)
# Give each head its run of columns, and an axis of its own before the steps, so that one product serves all heads.
#
# <details><summary>Hint 1</summary>Cut the last axis in two: (B, T, heads, D/heads). <code>reshape</code> does that without moving a number.</details>
# <details><summary>Hint 2</summary>Then <code>transpose</code> two axes. Reshaping straight to (B, heads, T, D/heads) gives the right shape and the wrong numbers.</details>


# %% exercise="split_heads"
def split_heads(x, heads):
    """(B, T, D) into (B, heads, T, D/heads): each head gets its own run of neighbouring columns."""
    # BEGIN SOLUTION
    B, T, D = x.shape
    return x.reshape(B, T, heads, D // heads).transpose(1, 2)
    # END SOLUTION


# %%
split_heads = check("split_heads", split_heads)

# %%
split_heads(torch.arange(8).reshape(1, 2, 4), heads=2)  # (1, 2, 2, 2)

# %% [markdown]
# ### Exercise 6.4 · And together again  (3 minutes, 1 line)
# Undo it: what the heads bring back stands side by side again, in the order it was cut.
#
# <details><summary>Hint</summary>The two steps of <code>split_heads</code>, each undone, the last one first. <code>flatten(2)</code> joins the axes from the third on.</details>


# %% exercise="merge_heads"
def merge_heads(x):
    """(B, heads, T, Dh) into (B, T, heads · Dh): the heads side by side, the first head's columns first."""
    # BEGIN SOLUTION
    return x.transpose(1, 2).flatten(2)
    # END SOLUTION


# %%
merge_heads = check("merge_heads", merge_heads)

# %%
x = torch.randn(2, 5, 12)
claim("merging undoes splitting", merge_heads(split_heads(x, 3)).equal(x))

# %% [markdown]
# ### Exercise 6.5 · Multi-head attention  (12 minutes, about 10 lines)
# Project, split, look up in all heads at once, merge, project. All four maps lead from `d_model` to `d_model`, without bias. Query, key and value are three arguments, so that the same class serves for self-attention (all three the same) and for asking another sequence.
#
# <details><summary>Hint 1</summary>Your <code>scaled_dot_product</code> takes (B, heads, T, D/heads) as it is, and divides by the root of the width of <em>one</em> head.</details>
# <details><summary>Hint 2</summary>A mask (B, Tq, Tk) meets scores (B, heads, Tq, Tk): it lacks the axis of the heads. <code>mask.unsqueeze(-3)</code> adds it, and does no harm to a mask (Tq, Tk).</details>
# <details><summary>Hint 3</summary>Return <code>self.W_o(merge_heads(context))</code> and the weights.</details>


# %% exercise="MultiHeadAttention"
class MultiHeadAttention(nn.Module):
    """Several scaled dot products side by side, each in its part of the width.

    Linear maps without bias, all (d_model, d_model): W_q, W_k, W_v before the heads, W_o after they are merged.
    """

    def __init__(self, d_model, heads):
        super().__init__()
        # BEGIN SOLUTION
        self.heads = heads
        self.W_q = nn.Linear(d_model, d_model, bias=False)
        self.W_k = nn.Linear(d_model, d_model, bias=False)
        self.W_v = nn.Linear(d_model, d_model, bias=False)
        self.W_o = nn.Linear(d_model, d_model, bias=False)
        # END SOLUTION

    def forward(self, query, key, value, mask=None):
        """The context (B, Tq, d_model) and the weights (B, heads, Tq, Tk).

        query (B, Tq, d_model), key and value (B, Tk, d_model); mask (Tq, Tk) or (B, Tq, Tk), True = may attend,
        the same for every head. A query that may attend to nothing gets zeros.
        """
        # BEGIN SOLUTION
        query = split_heads(self.W_q(query), self.heads)  # (B, heads, Tq, D/heads)
        key = split_heads(self.W_k(key), self.heads)  # (B, heads, Tk, D/heads)
        value = split_heads(self.W_v(value), self.heads)
        if mask is not None:
            mask = mask.unsqueeze(-3)  # (B, 1, Tq, Tk)
        context, weights = scaled_dot_product(query, key, value, mask)
        return self.W_o(merge_heads(context)), weights  # (B, Tq, D), (B, heads, Tq, Tk)
        # END SOLUTION


# %%
MultiHeadAttention = check("MultiHeadAttention", MultiHeadAttention)

# %% [markdown] tags=["solution"]
# One map for all heads and a cut afterwards is the same as a smaller map for each head, and one large matrix product is faster than several small ones. `W_o` is what lets the heads' findings meet: without it, head 0 could only ever write into its own columns.

# %% [markdown]
# Is it the real thing? The library's class has the same parts, three of the maps in one tensor.

# %%
yours, library = MultiHeadAttention(12, 3), nn.MultiheadAttention(12, 3, bias=False, batch_first=True)
library.in_proj_weight.data = torch.cat([yours.W_q.weight, yours.W_k.weight, yours.W_v.weight])
library.out_proj.weight.data = yours.W_o.weight.data
pairs = zip(yours(x, x, x), library(x, x, x, average_attn_weights=False), strict=True)
claim(
    "with the same maps, PyTorch gives the same context and weights",
    all(torch.allclose(a, b, atol=1e-6) for a, b in pairs),
)

# %% [markdown]
# ### What one head cannot do
#
# Eight things, each with a name and eight numbers. A query holds *two* names, and wants the numbers of both. Same width, same parameters, one head or two. (Names are one-hot. Those in the query are three times as long, so that the right scores start high.)
#
# **Predict.** One head may look at both things, with half its vote each. How much of the two times eight numbers can it bring back?


# %%
def two_of_eight(generator):
    """Queries (S, B, 1, 16) of two names, things (S, B, 8, 16) of name and numbers, both things' numbers."""
    name = torch.eye(8)
    while True:
        numbers = torch.randn(SEEDS, 64, 8, 8, generator=generator)
        things = torch.cat([name.expand_as(numbers), numbers], -1)  # (S, B, 8, 16)
        asked = torch.rand(SEEDS, 64, 8, generator=generator).argsort(-1)[..., :2]  # two different names
        query = 3 * name[asked].reshape(SEEDS, 64, 1, 16)
        wanted = numbers.gather(2, asked[..., None].expand(-1, -1, -1, 8))  # (S, B, 2, 8)
        yield query, things, wanted.reshape(SEEDS, 64, 1, 16)


def error(model, query, things, wanted):
    return (model(query, things, things)[0] - wanted).square().mean((1, 2, 3))  # one for each seed


# %%
brought_back, look = {}, {}
for heads in (1, 2):
    batches = two_of_eight(torch.Generator().manual_seed(2))
    model = training.Seeds(lambda: MultiHeadAttention(16, heads), range(SEEDS))
    training.train(model, batches, error, 500, rate=0.01, decay=True, label=f"heads: {heads}")
    errors = [error(model, *next(batches)).detach() for _ in range(20)]
    brought_back[f"heads: {heads}"] = 1 - torch.stack(errors).mean(0)  # what is wanted has variance 1
    query, things, _ = next(batches)
    look[heads] = model(query, things, things)[1][0, 0, :, 0].detach()  # (heads, 8), for the first query

# %%
plots.seeds(brought_back, "share of the wanted variance that comes back");

# %%
labels = [
    f"{'*' if asked else ''}{name}"
    for name, asked in zip("ABCDEFGH", query[0, 0, 0].reshape(2, 8).sum(0), strict=True)
]
plots.heatmap(torch.cat([look[1], look[2]]), ["one head", "head 0 of two", "head 1 of two"], labels).set(
    xlabel="thing (* = asked for)", ylabel="head"
);

# %% [markdown]
# *Above: one head brings back half of what is wanted, two heads nearly all. Below, one query of the first seed: the one head shares its vote between the two things, the two heads look at one each.*

# %%
claim("two heads bring back over 95 %, with every seed", brought_back["heads: 2"].min() > 0.95)
claim("one head never over 60 %", brought_back["heads: 1"].max() < 0.6)

# %% [markdown]
# The half is no accident. What one head returns is a linear map of *one* blend, α times the first thing's numbers plus β times the second's. Of the first it can give back a share of α²/(α² + β²), of the second β²/(α² + β²): together one of two, however the vote is shared. More width or more steps change nothing. A softmax has one vote.
#
# ## Order
#
# **Predict.** Shuffle the words of a sentence. What happens to the output of self-attention?

# %%
attention = MultiHeadAttention(12, 3)
order = torch.tensor([3, 0, 4, 1, 2])
x = torch.randn(2, 5, 12)
shuffled = attention(x[:, order], x[:, order], x[:, order])[0]
claim(
    "attention of the shuffled is the shuffled attention",
    torch.allclose(shuffled, attention(x, x, x)[0][:, order], atol=1e-6),
)

# %% [markdown]
# It is shuffled in the same way, and nothing else: f(σx) = σ f(x), for every reordering σ. Self-attention is **permutation equivariant**: it sees which words there are, and not in which order. A recurrent network cannot help knowing the order; this one has to be told.
#
# ### Told by a sum
#
# Give each position a vector of its own, and add it to what stands there. Vaswani et al. take sines and cosines:
#
# $$P_{t,\,2i} = \sin\!\left(t / 10000^{2i/D}\right), \qquad P_{t,\,2i+1} = \cos\!\left(t / 10000^{2i/D}\right).$$
#
# Each pair of columns is the hand of a clock. The first goes round in about six steps, each next one more slowly, like hours after minutes after seconds. By hand, for D = 4: 10000 to the power of 2/4 is 100, so position 0 is (0, 1, 0, 1), and position 1 is (sin 1, cos 1, sin 0.01, cos 0.01).
#
# ### Exercise 6.6 · Sinusoidal positions  (8 minutes, about 4 lines)
# `d_model` is even.
#
# <details><summary>Hint 1</summary><code>torch.arange(0, d_model, 2)</code> are the 2i. Angles: positions as a column (T, 1) times rates (D/2,).</details>
# <details><summary>Hint 2</summary>Make a table of zeros and fill <code>table[:, 0::2]</code> and <code>table[:, 1::2]</code>.</details>


# %% exercise="sinusoidal_positions"
def sinusoidal_positions(length, d_model):
    """A table (length, d_model): row t is position t, from 0; sine in the even columns, cosine in the odd.

    Columns 2i and 2i + 1 have the angle t / 10000^(2i / d_model), in radians.
    """
    # BEGIN SOLUTION
    rates = 10_000 ** (-torch.arange(0, d_model, 2) / d_model)  # (D/2,)
    angles = torch.arange(length)[:, None] * rates  # (T, D/2)
    table = torch.zeros(length, d_model)
    table[:, 0::2], table[:, 1::2] = angles.sin(), angles.cos()
    return table
    # END SOLUTION


# %%
sinusoidal_positions = check("sinusoidal_positions", sinusoidal_positions)

# %%
table = sinusoidal_positions(64, 32)
plots.matrix(table.mT, "position", "column");

# %% [markdown]
# *A column of the picture is one position. Above, the fast hands: they tell neighbours apart. Below, the slow ones: they tell far from near.*

# %%
match = table @ table.mT
lines = {f"position {t}": match[t].tolist() for t in (8, 32)}
plots.curves(range(64), lines, "position j", "match of the two positions");

# %% [markdown]
# *How well two positions match depends on how far apart they are, and not on where they stand: the same curve, moved.*

# %%
same_curve = all(torch.allclose(match.diagonal(k), match.diagonal(k)[0], atol=1e-4) for k in range(20))
claim("the match of two positions depends on their distance alone", same_curve)

# %%
positions = sinusoidal_positions(5, 12)


def told(words):
    return attention(words + positions, words + positions, words + positions)[0]


claim(
    "told where it is, a shuffled sequence gives something else",
    (told(x[:, order]) - told(x)[:, order]).abs().max() > 0.05,
)

# %% [markdown]
# ### Told by a turn
#
# There is another way. Leave the word as it is, and *turn* its query and its key by an angle that grows with its position. A product of two vectors depends on the angle between them. Turn both by the same angle, and it stays what it was; turn one further than the other, and it changes by the difference. So the score knows how far apart two words stand, and nothing
# else of where. This is **rotary** position embedding (Su et al. 2021), and most language models of today have it.
#
# In a plane, (a, b) turned by the angle φ is (a cos φ − b sin φ, a sin φ + b cos φ). A key has many planes: column i of the first half and column i of the second make a pair (so in most models of today; the paper pairs neighbouring columns), and pair i turns by $\varphi = t / 10000^{2i/D_k}$ at position t: the clock hands again.
#
# ### Exercise 6.7 · Rotary positions  (10 minutes, about 5 lines)
# The positions are given: they need not begin at 0. Batch and heads may stand in front.
#
# <details><summary>Hint 1</summary><code>first, second = x.chunk(2, -1)</code> are the a and the b of all pairs.</details>
# <details><summary>Hint 2</summary>Angles (T, Dk/2), as in the exercise before. They spread over whatever stands in front.</details>
# <details><summary>Hint 3</summary>Turn both halves as in the plane, and <code>torch.cat</code> them on the last axis. Both come from the <em>old</em> a and b.</details>


# %% exercise="rotary"
def rotary(x, positions):
    """x (..., T, Dk) with each row turned by its position (T,): pairs (first half i, second half i).

    Pair i turns by position / 10000^(2i / Dk) radians, i from 0 to Dk/2 - 1.
    """
    # BEGIN SOLUTION
    rates = 10_000 ** (-torch.arange(0, x.size(-1), 2, dtype=x.dtype) / x.size(-1))  # (Dk/2,)
    angles = positions[:, None] * rates  # (T, Dk/2)
    first, second = x.chunk(2, -1)
    cosine, sine = angles.cos(), angles.sin()
    return torch.cat([first * cosine - second * sine, first * sine + second * cosine], -1)
    # END SOLUTION


# %%
rotary = check("rotary", rotary)

# %%
query, key = torch.randn(1, 16), torch.randn(1, 16)


def score_at(t, u):
    return (rotary(query, torch.tensor([t])) @ rotary(key, torch.tensor([u])).mT).item()


for t, u in [(7, 3), (107, 103), (7, 5)]:
    print(f"query at {t}, key at {u}: {score_at(t, u):.4f}")

# %%
claim("the same distance gives the same score, anywhere", abs(score_at(7, 3) - score_at(107, 103)) < 1e-3)
claim("another distance gives another", abs(score_at(7, 3) - score_at(7, 5)) > 1e-2)
claim("position 0 does not turn", torch.allclose(rotary(query, torch.tensor([0])), query))
claim("no vector changes its length", torch.allclose(rotary(query, torch.tensor([9])).norm(), query.norm()))

# %% [markdown]
# ### A task that needs order
#
# Which symbol stood just before? Sixteen symbols at random; one layer, one head, causal; no position, a sum, a turn. Trained on sequences of 16.
#
# **Predict.** Which of the three can do it? And at a length of 64, four times as long as any they were trained on? (About six seconds.)


# %%
class Reader(nn.Module):
    """Which symbol stood before each? tokens (B, T) to logits (B, T, 16); positions: none, "sum" or "turn"."""

    def __init__(self, positions=None):
        super().__init__()
        self.positions, self.embedding, self.out = positions, nn.Embedding(16, 32), nn.Linear(32, 16)
        self.W_q, self.W_k, self.W_v = (nn.Linear(32, 32, bias=False) for _ in range(3))

    def forward(self, tokens):
        x, T = self.embedding(tokens), tokens.size(1)
        if self.positions == "sum":
            x = x + sinusoidal_positions(T, 32)
        query, key = self.W_q(x), self.W_k(x)
        if self.positions == "turn":
            query, key = rotary(query, torch.arange(T)), rotary(key, torch.arange(T))
        return self.out(scaled_dot_product(query, key, self.W_v(x), causal_mask(T, T))[0])


# %%
def sequences(length, generator):
    while True:
        yield (torch.randint(16, (SEEDS, 32, length), generator=generator),)


def wrong_symbol(model, tokens):
    logits = model(tokens)[:, :, 1:]  # the first symbol has none before it
    each = F.cross_entropy(logits.flatten(0, 2), tokens[:, :, :-1].flatten(), reduction="none")
    return each.reshape(SEEDS, -1).mean(1)


def share_known(model, length):
    (tokens,) = next(sequences(length, torch.Generator().manual_seed(7)))
    return (model(tokens)[:, :, 1:].argmax(-1) == tokens[:, :, :-1]).float().mean((1, 2))


# %%
lengths, known = [16, 32, 64], {}
for name, positions in {"no positions": None, "a sum (sinusoidal)": "sum", "a turn (rotary)": "turn"}.items():
    model = training.Seeds(lambda: Reader(positions), range(SEEDS))
    batches = sequences(16, torch.Generator().manual_seed(3))
    training.train(model, batches, wrong_symbol, 400, rate=0.01, decay=True, label=name)
    known[name] = torch.stack([share_known(model, length) for length in lengths])  # (3, S)

# %%
lines = {name: each.mean(1).tolist() for name, each in known.items()}
plots.curves(lengths, lines, "length of the sequence (trained on 16)", "share right", ylim=(0, 1.05));

# %% [markdown]
# *Without positions the layer knows which symbols came before and how often, and guesses. With either kind it is right at the length it was trained on. Beyond, both get worse, the sum much faster.*

# %%
claim("without positions under half, with every seed", known["no positions"].max() < 0.5)
added, turned = known["a sum (sinusoidal)"], known["a turn (rotary)"]
claim("at the trained length both are right in over 98 %", min(added[0].min(), turned[0].min()) > 0.98)
claim("at twice the length the sum is under 75 %, with every seed", added[1].max() < 0.75)
claim("the turn still over 85 %, in the mean over the seeds", turned[1].mean() > 0.85)
claim("at four times the length some seed with the turn is under 95 % too", turned[2].min() < 0.95)

# %% [markdown]
# Two things not to conclude. Rotary positions do not reach *any* length: at four times the trained one some seeds have lost a good part. And a causal mask is itself a hint of order, since the third position sees three keys: models of several layers without any positions learn order from it (Haviv et al. 2022). One layer, here, did not.
#
# ## In short
#
# - The match is a product; divided by √d it keeps the softmax soft at any width. A smaller start of $W_q$ gives the same weights to begin with.
# - Sum or product: with a bias in the sum both can match names and compare vectors. The product costs far less.
# - Self-attention: query, key and value all come from one sequence. A causal mask hides what comes after.
# - One head brings back one blend. Two heads bring back two things, at the same width and with the same parameters.
# - Attention does not know the order. Positions are added to the words, or turn queries and keys.
#
# ## Before you go on
#
# <details><summary>Why √d and not d?</summary>A score is a sum of d products. If they are independent and of variance one, the sum has variance d, and a standard deviation of √d. Divided by d, wide heads would be too soft: all scores near 0, all weights alike.</details>
# <details><summary>Which d is under the root, with 8 heads in a model of width 512?</summary>64: what one head multiplies. Each score is a sum of 64 products.</details>
# <details><summary>What goes wrong when heads are split by a reshape straight to (B, heads, T, D/heads)?</summary>Memory lies row by row. The first head would get the first T/heads rows whole, cut in pieces: other steps instead of other columns. The shapes fit, and nothing complains.</details>
# <details><summary>Your model trains well and its loss is far too low. What do you look at first?</summary>The mask. Without it, or turned round, or off by one, each position sees the token that it has to predict.</details>
# <details><summary>A rotary layer reads a text from the middle, all positions 1000 higher. What changes in its attention weights?</summary>Nothing but rounding: a score depends on the distance of the two positions.</details>
#
# ## To read on
#
# - Vaswani et al. 2017, [Attention is all you need](https://arxiv.org/abs/1706.03762): sections 3.2 and 3.5; the footnote of 3.2.1 has the √d argument.
# - Britz et al. 2017, [Massive exploration of neural machine translation architectures](https://arxiv.org/abs/1703.03906): additive and multiplicative attention compared at scale.
# - Su et al. 2021, [RoFormer](https://arxiv.org/abs/2104.09864): rotary position embedding.
# - Haviv et al. 2022, [Transformer language models without positional encodings still learn positional information](https://arxiv.org/abs/2203.16634).
