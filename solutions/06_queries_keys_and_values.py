# %% [markdown] slide="slide"
# # 06 · Queries, keys and values
#
# **135 minutes**, and 7 for what is called Further. You need [chapter 02](02_soft_lookup.ipynb) (the soft lookup) and [chapter 05](05_bahdanau_attention.ipynb) (additive attention, the masked softmax).
#
# After this chapter you can
# - write the attention that today's models use, and say why its scores are scaled,
# - let every position of a sequence ask all others, or only those before it,
# - give a layer several lookups at once, and show what a single one cannot do,
# - say what was gained, and what is paid, by dropping the recurrent network,
# - tell a layer the order of its input in several ways, and say what happens beyond the length it was trained on.

# %%
import sys

sys.path.insert(0, "..")
print("PyTorch is loading, which takes a few seconds.", flush=True)

import torch

from utils import data, plots
from utils.checks import check, claim

torch.manual_seed(0);

# %% slide="slide"
import math

from torch import nn
from torch.nn import functional as F

torch.set_num_threads(1)  # for models as small as these, more threads only get in each other's way
tokens = ["the", "dog", "chased", "its", "own", "tail"]
whose = torch.eye(6)[[0, 1, 1, 1, 1, 1]]  # row i: whom word i looks at
whose[4:, [1, 3]] = torch.tensor([[0.6, 0.4], [0.7, 0.3]])
neighbour = torch.eye(6)[[0, 0, 1, 2, 3, 4]]
plots.lookups(tokens, {"one head asks: whose?": whose, "another: what stood before?": neighbour});

# %% [markdown] slide="fragment"
# *One sequence, written twice. In the top row every word asks; in the bottom row every word answers; the thicker the line, the larger the weight. No encoder, no decoder: the words of one sequence look at each other, several times at once, each time with another question. (Drawn by hand.)*

# %% [markdown]
# Some figures in this chapter are told and not run, because that would take too long. `python -m utils.told --list 06` lists them, each with the command that runs it.

# %% [markdown] slide="slide"
# ## From a sum to a product
#
# Bahdanau's attention measures a match with a small network: $w \cdot \tanh(q + k)$. Chapters 00 to 03 measured it with a product: $q \cdot k$. Learned maps $W_q$ and $W_k$ may bring the two into one space first, in both. The product has no further parameters, and for many queries and keys it is one matrix product, which computers do faster than anything else.
#
# By hand: the query (1, 0, 2, 0) and the key (3, 5, 1, 0) match with 1 · 3 + 2 · 1 = 5.
#
# ### Why the width matters
#
# A product of two vectors is a sum of d terms. What becomes of its size when the vectors get wider?

# %% slide="fragment"
from utils.predictions import predict

predict(
    "Queries and keys of standard normal numbers. How large are the scores q · k at d = 1,024, against d = 1?",
    "1,024 times as large", "32 times as large", "just as large",
)

# %% slide="subslide"
widths = [1, 4, 16, 64, 256, 1024]
queries, keys = torch.randn(1000, 1024), torch.randn(1000, 1024)
spread = [(queries[:, :d] * keys[:, :d]).sum(-1).std().item() for d in widths]
lines = {"standard deviation of q · k": spread, "√d": [d**0.5 for d in widths]}
plots.curves(widths, lines, "width d", "size of a score", log="xy");

# %% [markdown] slide="fragment"
# *The two lines lie on each other. A sum of d independent products, each of variance one, has variance d: its standard deviation is √d.*

# %%
ratios = [size / d**0.5 for size, d in zip(spread, widths, strict=True)]
claim("to within a fifth the standard deviation is √d, at every width", max(abs(r - 1) for r in ratios) < 0.2)

# %% slide="fragment"
predict.answer(
    "32 times as large",
    "because 32 is √1,024. The terms have either sign, so most of them cancel: what grows like d is the sum's "
    "*variance*.",
)

# %% [markdown] slide="slide"
# You know from chapter 02 what large scores do: the softmax becomes hard, one key takes all, and hardly any gradient comes through weights that are nearly 0 or 1. A layer should not become harder just because it is wider. So divide by √d, and the scores are of size one at every width.
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
# *Above: divided by √d, about six of eight keys share the vote at every width; without the division, one key takes nearly all of it when the vectors are wide. Below: the slope of a weight with respect to its own score is w (1 − w), and its slope with respect to any other score is no larger. Where it is near zero, hardly any gradient comes through. Without the division it fades as the width grows.*

# %%
claim("divided, at least five keys share the vote at every width", min(how_many["divided by √d"]) > 5)
claim("not divided, less than a key and a half at width 1024", how_many["not divided"][-1] < 1.5)
divided, not_divided = slope["divided by √d"][-1], slope["not divided"][-1]
claim("and the slope has fallen to less than a fifth of the other", not_divided < divided / 5)

# %% [markdown] slide="slide"
# Move the slider: one query and its eight keys.

# %% slide="fragment"
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
# Is the division *needed*? It can be had otherwise: it is a factor, and $W_q$ can contain a factor. Start $W_q$ smaller by √d, and the plain product starts with the same weights, as soft as the others. It does not go on alike, though. Adam's steps in $W_q$ have the same size in both, and without the division each of them changes the scores √d times as much (chapter 03 met that confound: a start and a step). In chapter 05's translator, where √d is 8, it tells: with the division .97, .93 and .98 of the names of twelve digits come out right, and with the smaller start in its place .20, .70 and .32. (Three seeds each. `python -m utils.told --list 06` has the command behind each figure that this text tells and does not run.)

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
#
# The equations of chapter 05 have no bias; the paper leaves all of them out of its equations, to be easier to read. Here the sum gets one beside $W_q$, because with these vectors it needs it. (Why it does, and why chapter 05 did not, is a part of its own, near the end.)


# %%
class Match(nn.Module):
    """Scores (B, Tq, Tk) of queries (B, Tq, d) and keys (B, Tk, d), by a product or by a sum (Bahdanau's)."""

    def __init__(self, d, kind, bias=True, width=16):
        super().__init__()
        self.W_q = nn.Linear(d, width, bias=bias and kind == "sum")
        self.W_k = nn.Linear(d, width, bias=False)
        self.score_vector = nn.Parameter(torch.randn(width) / width**0.5) if kind == "sum" else None

    def forward(self, query, key):
        query, key = self.W_q(query), self.W_k(key)
        if self.score_vector is None:
            return query @ key.mT / query.size(-1) ** 0.5
        return torch.tanh(query[:, :, None] + key[:, None]) @ self.score_vector


# %% [markdown]
# Each is trained from five seeds, side by side as in chapter 03. So every tensor of the training has one more axis in front, S, with a place for each seed: `training.Seeds` holds five models, gives model s the part s of each batch, and puts their outputs on that axis again. A loss then has to return five numbers, one for each seed: it takes the mean over every axis but the first. (Inside the model there is no such axis: it sees the part of one seed.)

# %%
from utils import models, training

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
    """The mean of -log(weight of the right key), which is the key of the same number, for each seed (S,)."""
    return -model(query, key).log_softmax(-1).diagonal(dim1=-2, dim2=-1).mean((1, 2))


@torch.no_grad()
def share_right(model, batches):
    """How many queries give the right key the highest score, for each seed (S,), in ten new batches."""
    best = torch.stack([model(*next(batches)).argmax(-1) for _ in range(10)])  # (10, S, B, 16)
    return (best == torch.arange(16)).float().mean((0, 2, 3))


# %%
predict(
    "The same width, steps and seeds. On which task does the product find more of the right keys than the sum?",
    "on the vectors", "on the names", "on both", "on neither",
)

# %% [markdown]
# (About eight seconds.)


# %%
def trained(task, d, kind, loss=surprise, steps=300, label="", **options):
    """Five models, and batches that they have not seen."""
    batches = task(torch.Generator().manual_seed(1))
    model = training.Seeds(lambda: Match(d, kind, **options), range(SEEDS))
    training.train(model, batches, loss, steps, rate=0.01, decay=True, label=label)
    return model, batches


right = {}
for task, d in [(names, 32), (vectors, 8)]:
    for kind in ("sum", "product"):
        name = f"{task.__name__}: {kind}"
        right[name] = share_right(*trained(task, d, kind, label=name))
plots.seeds(right, "share of queries that find their key", chance=1 / 16);

# %% [markdown]
# *With names both find every key. With new vectors both find over nine in ten, and the product finds more.*

# %%
for name in ("vectors: sum", "vectors: product"):
    print(f"{name:17}", [f"{share:.3f}" for share in right[name].tolist()])
both = torch.cat([right["names: sum"], right["names: product"]])
claim("names: sum and product find over 98 %, with every seed", both.min() > 0.98)
claim("vectors: the sum finds over 85 %, with every seed", right["vectors: sum"].min() > 0.85)
claim("the product is ahead with every seed", (right["vectors: product"] > right["vectors: sum"]).all())

# %%
predict.answer(
    "on the vectors",
    "because there the right score *is* a product, of the query and the turned key. On the names both are at "
    "the top, so that task cannot tell them apart.",
)

# %% [markdown]
# Is the sum unable to compare vectors, then, or too small? Two controls, each with one thing changed. Three times the steps: .94 to .97, still behind. But four times as wide the sum draws level, with .98 for each of five seeds. So it can compare vectors as well; it has to put a product together from many tanh, and it needs width for that.
#
# Vaswani et al. (section 3.2.1) write that the two do about as well at small widths, and that at larger ones a product *without* the division does worse; hence the √d. What is left is the price. Eight sequences of 256, width 64:

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
# ### The product in chapter 05's translator
#
# Nothing in the translator asks for a sum. Here is the same class as chapter 05's `BahdanauAttention`, with the product as its score. The only thing to mind is the mask: that of the translator is (B, Tk), the same for every query.


# %%
class ProductAttention(nn.Module):
    """As chapter 05's BahdanauAttention, with another score: context (B, Tq, Dv), weights (B, Tq, Tk)."""

    def __init__(self, d_query, d_key, d_hidden):
        super().__init__()
        self.W_q = nn.Linear(d_query, d_hidden, bias=False)
        self.W_k = nn.Linear(d_key, d_hidden, bias=False)

    def forward(self, query, key, value, mask=None):
        if mask is not None and mask.dim() == 2:
            mask = mask[:, None]  # (B, 1, Tk)
        return scaled_dot_product(self.W_q(query), self.W_k(key), value, mask)


# %%
sum_of_05, product = models.BahdanauAttention(64, 128, 64), ProductAttention(64, 128, 64)
query, states, real = torch.randn(2, 1, 64), torch.randn(2, 7, 128), torch.arange(7) < torch.tensor([[7], [4]])
shapes = [[tuple(x.shape) for x in each(query, states, states, real)] for each in (sum_of_05, product)]
print(shapes[1])
claim("it takes what the sum takes, and gives tensors of the same shapes", shapes[0] == shapes[1])

# %% [markdown]
# Put it into chapter 05's `translator(…)` and train as there. Of the names of 12 digits, from three seeds each, the product writes .97, .93 and .98 of them rightly and the sum .98, .98 and .96, and the product's training takes a tenth to a seventh less time. (The class can go into chapter 05's own cell, in place of `BahdanauAttention`, if you want to see it.)
#
# So in that translator the choice hardly matters. But there one query asks at a time. The price of the sum is paid where many ask at once, and that comes now.

# %% [markdown] slide="slide"
# ## Every position asks
#
# In chapter 05 a decoder asked an encoder: the queries came from one sequence, keys and values from another. That is called **cross-attention**. Nothing in the lookup needs two sequences. Let queries, keys and values all come from *one*: **self-attention**. Chapter 03 rebuilt its dictionary from every input; now each entry of that dictionary also asks.
#
# The six colour words of chapter 01, once more. Each asks with its own key, made four times as long: a sharp question.

# %% slide="subslide"
words, place, colour = data.small_dictionary()
blended, weights = scaled_dot_product(4 * place, place, colour)
plots.heatmap(weights, words, words);

# %% [markdown] slide="fragment"
# *A row for each word that asks. Each looks at itself most, then at its two neighbours on the circle: theirs are the most similar keys.*

# %% slide="subslide"
plots.entries(words, torch.stack([colour, blended]), ["its own", "blended"]);

# %% [markdown] slide="fragment"
# *Above, each word's own colour; below, what it comes back with: its colour, with something of its neighbours' in it. After one layer of self-attention every position knows something of the others.*

# %% [markdown] slide="slide"
# ### Nobody may look ahead
#
# A model that predicts the next word must not see it. If it asks all positions at once, the positions after its own have to be hidden: a **causal** mask.
#
# ### Exercise 6.2 · Causal mask  (4 minutes, 1 line)
# True = may attend. There may be fewer queries than keys (chapter 10 asks with the newest only): then the queries are the *last* positions, and the last query sees the last key.
#
# <details><summary>Hint 1</summary><code>tril</code> keeps the lower left triangle of a matrix, diagonal included.</details>
# <details><summary>Hint 2</summary>Its argument moves the diagonal to the right: by how much, if there are Tk keys and Tq queries?</details>


# %% exercise="causal_mask" slide="fragment"
def causal_mask(Tq, Tk):
    """A boolean mask (Tq, Tk), True = may attend: nobody sees a later key, and the last query sees all keys."""
    # BEGIN SOLUTION
    return torch.ones(Tq, Tk, dtype=torch.bool).tril(Tk - Tq)
    # END SOLUTION


# %%
causal_mask = check("causal_mask", causal_mask)

# %% slide="subslide"
_, weights = scaled_dot_product(4 * place, place, colour, causal_mask(6, 6))
plots.heatmap(weights, words, words);

# %% [markdown] slide="fragment"
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
# ### What became of the recurrent network?
#
# The decoder of chapter 05 was a recurrent network *with* attention. The title of Vaswani et al. says what they did about the first half: *Attention is all you need*. Why drop it? Compare what the two have to do for a sequence of n vectors of width d:
#
# | | multiplications, about | steps that wait for each other | longest way between two positions |
# |---|---|---|---|
# | recurrent layer | n · d² | n | n steps |
# | self-attention | n² · d | 1 | 1 step |
#
# (As in their table 1, the maps of attention are left out: the three that you know, and a fourth that comes below. They add 4 n · d², and the recurrent layer's own input map is counted here.) A recurrent state $h_t$ needs $h_{t-1}$, so it has to wait. A context needs none of the other contexts: every row can be computed by itself, and so all of them at once. In training, where the whole text is there, a GPU can work on all of them at the same time. (In *writing* it does not help: the next word is not there before it has been written. Chapter 08 comes back to this.)

# %%
x = torch.randn(1, 300, 64)
whole = scaled_dot_product(x, x, x, causal_mask(300, 300))[0]
alone = scaled_dot_product(x[:, 199:200], x[:, :200], x[:, :200])[0]  # position 199 asks, and nobody else
claim("the context of position 199 needs no other context", torch.allclose(alone, whole[:, 199:200], atol=1e-6))

recurrent = nn.RNN(64, 64, batch_first=True)
without_past = recurrent(x[:, 199:200])[0]
claim("its recurrent state does need those before", (without_past - recurrent(x)[0][:, 199]).abs().max() > 0.01)

# %% [markdown]
# And the price? PyTorch can count the operations that it does.

# %%
predict(
    "Vectors of 64 numbers: up to which length does self-attention (no maps) take fewer operations than a "
    "recurrent layer?",
    "8", "64", "4,096",
)

# %%
from torch.utils.flop_counter import FlopCounterMode


def operations(layer, n, d=64):
    """How many multiplications and additions a layer's matrix products take, for one sequence (1, n, d)."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        layer(torch.randn(1, n, d))
    return counter.get_total_flops()


def by_steps(x):
    """A recurrent layer without its bias: h = tanh(W x + U h), one step after the other."""
    h, W, U = torch.zeros(1, 64), torch.randn(64, 64), torch.randn(64, 64)
    for step in x.unbind(1):
        h = torch.tanh(step @ W + h @ U)
    return h

# %%
lengths = [16, 32, 64, 128, 256, 512]
layers = {"self-attention": lambda x: scaled_dot_product(x, x, x), "recurrent layer": by_steps}
counts = {name: [operations(layer, n) for n in lengths] for name, layer in layers.items()}
ax = plots.curves(lengths, counts, "length n of the sequence, of width 64", "operations", log="xy")
ax.minorticks_off()
ax.set_xticks(lengths, lengths);

# %% [markdown]
# *Both axes are logarithmic. The recurrent layer's line is the less steep one: its operations grow with n, those of self-attention with n². They meet where the sequence is as long as it is wide.*

# %%
attends, recurs = counts["self-attention"], counts["recurrent layer"]
claim("twice as long: self-attention takes four times as many", attends[5] == 4 * attends[4])
claim("the recurrent layer twice as many", recurs[5] == 2 * recurs[4])
claim("at n = d = 64 both take the same", attends[2] == recurs[2])

# %%
predict.answer(
    "64",
    "because n² · d is less than n · d² as long as n is less than d. For a whole book it is far more. (With "
    "the maps of attention, 4 n · d², the recurrent layer takes less at every length.)",
)

# %% [markdown]
# The third column is the one of chapter 04: there the gradient through a recurrent network fell with the distance, and through attention it did not, since the way has one step, whatever the distance. (The short way is not the only means against it: a recurrent network whose gates are held open keeps its gradient too.)
#
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

# %% [markdown] slide="slide"
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
# Project, split, look up in all heads at once, merge, project. All four maps lead from `d_model` to `d_model`, without bias. Query, key and value are three arguments, so that the same class serves for self-attention (all three the same) and for cross-attention (the query from one sequence, key and value from another).
#
# <details><summary>Hint 1</summary>Your <code>scaled_dot_product</code> takes (B, heads, T, D/heads) as it is, and divides by the root of the width of <em>one</em> head.</details>
# <details><summary>Hint 2</summary>A mask (B, Tq, Tk) meets scores (B, heads, Tq, Tk): it lacks the axis of the heads, the third from the end. <code>unsqueeze</code> adds an axis, at a place that may be counted from the end; that does no harm to a mask (Tq, Tk).</details>
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

# %% [markdown] slide="slide"
# ### Two questions at once
#
# Eight things, each with a name and eight numbers. A query holds *two* names, and wants the numbers of both. Same width, same parameters, one head or two; five seeds, on the first axis again. What comes back is counted as 1 − the mean squared error, since what is wanted has the variance 1. (Names are one-hot. Those in the query are three times as long, so that the scores can become large quickly.)

# %% slide="fragment"
predict(
    "One head may look at both things. How much of the sixteen numbers can it bring back?",
    "nearly all of it", "three quarters", "half",
)


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

# %% slide="subslide"
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

# %% slide="fragment"
predict.answer(
    "half",
    "because it has one blend of the two things to give, from which neither can be got out again.",
)

# %% [markdown]
# The half is no accident. What one head returns is a linear map of *one* blend, α times the first thing's numbers plus β times the second's. The best guess of the first from that blend z = αx + βy is α/(α² + β²) · z, and its error has the variance β²/(α² + β²). So of the first a share of α²/(α² + β²) comes back, of the second β²/(α² + β²): together one of two, however the vote is shared. More width or more steps change nothing. A softmax has one vote.

# %% [markdown] slide="slide"
# ## Order

# %% slide="fragment"
predict(
    "Shuffle the words of a sentence (no mask). What happens to what self-attention gives for them?",
    "nothing", "all its numbers change", "it is shuffled in the same way",
)

# %% slide="fragment"
attention = MultiHeadAttention(12, 3)
order = torch.tensor([3, 0, 4, 1, 2])
x = torch.randn(2, 5, 12)
shuffled = attention(x[:, order], x[:, order], x[:, order])[0]
claim(
    "attention of the shuffled is the shuffled attention",
    torch.allclose(shuffled, attention(x, x, x)[0][:, order], atol=1e-6),
)

# %% slide="fragment"
predict.answer(
    "it is shuffled in the same way",
    "because a score is made from the two words alone, and a sum of values has no order.",
)

# %% [markdown]
# In symbols f(σx) = σ f(x), for every reordering σ. Self-attention is **permutation equivariant**: it sees which words there are, and not in which order. A recurrent network cannot help knowing the order; this one has to be told.
#
# ### Added: sines and cosines
#
# Give each position a vector of its own, and add it to what stands there. Vaswani et al. take sines and cosines:
#
# $$P_{t,\,2i} = \sin\!\left(t / 10000^{2i/D}\right), \qquad P_{t,\,2i+1} = \cos\!\left(t / 10000^{2i/D}\right).$$
#
# Each row is a position's vector; its columns are the **dimensions** of that vector. Each pair of them is the hand of a clock. The first goes round in about six steps, each next one more slowly, like hours after minutes after seconds. By hand, for D = 4: 10000 to the power of 2/4 is 100, so position 0 is (0, 1, 0, 1), and position 1 is (sin 1, cos 1, sin 0.01, cos 0.01).
#
# ### Exercise 6.6 · Sinusoidal positions  (8 minutes, about 4 lines)
# `d_model` is even; the table has PyTorch's usual 32 bits.
#
# <details><summary>Hint 1</summary><code>torch.arange(0, d_model, 2)</code> are the 2i already. Angles: positions as a column (T, 1) times rates (D/2,).</details>
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

# %% slide="slide"
table = sinusoidal_positions(64, 32)
plots.matrix(table.mT, "position", "dimension");

# %% [markdown] slide="fragment"
# *The table, lying on its side: what stands above a position is its vector, from dimension 0 down to 31. The rows at the top are the fast hands: they tell neighbours apart. Those at the bottom are the slow ones: they tell far from near.*

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

# %% [markdown] slide="slide"
# ### Rotated: queries and keys
#
# There is another way. Leave the word as it is, and *turn* its query and its key by an angle that grows with its position. A product of two vectors depends on the angle between them. Turn both by the same angle, and it stays what it was; turn one further than the other, and the angle changes by the difference, and the product with it. So the score knows how far apart two words stand, and nothing
# else of where. This is **rotary** position embedding (Su et al. 2021), and most language models of today have it.

# %% slide="fragment"
plots.rotary_pair(torch.tensor([1.0, 0.2]), torch.tensor([1.0, -0.1]), places=[(2, 1), (5, 4), (5, 1)]);

# %% [markdown] slide="fragment"
# *A query and a key with two numbers each, as they are (dashed) and turned by half a radian for each position (thick). From left to middle both turn further by the same amount, and the angle between them stays, because the query stands one position after the key in both. So is the product. Right: four positions apart, another angle, another product.*

# %% [markdown]
# In a plane, (a, b) turned by the angle φ is (a cos φ − b sin φ, a sin φ + b cos φ). By hand: (1, 0) turned by a right angle, with cosine 0 and sine 1, is (0, 1).
#
# A key has many planes: column i of the first half and column i of the second make a pair (so in most models of today; the paper pairs neighbouring columns). One pair alone would come round after a few positions and take a far word for a near one. So the pairs turn at different rates, as the clock hands do: pair i by $\varphi = t / 10000^{2i/D_k}$ at position t.

# %% [markdown]
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
# Which symbol stood just before? Sixteen symbols at random; one layer, one head, causal. Three models: no positions, added positions, rotated queries and keys. They are trained on sequences of 16, and asked about longer ones as well.

# %% slide="slide"
predict(
    "At a length of 64, four times the trained one: which is still right in over 95 %, with all five seeds?",
    "added positions", "rotated queries and keys", "the added and the rotated", "neither of the two",
)


# %%
class Reader(nn.Module):
    """From tokens (B, T) to logits (B, T, 16) of the symbol before; positions None, "added" or "rotated"."""

    def __init__(self, positions=None):
        super().__init__()
        self.positions, self.embedding, self.out = positions, nn.Embedding(16, 32), nn.Linear(32, 16)
        self.W_q, self.W_k, self.W_v = (nn.Linear(32, 32, bias=False) for _ in range(3))

    def forward(self, tokens):
        x, T = self.embedding(tokens), tokens.size(1)
        if self.positions == "added":
            x = x + sinusoidal_positions(T, 32)
        query, key = self.W_q(x), self.W_k(x)
        if self.positions == "rotated":
            query, key = rotary(query, torch.arange(T)), rotary(key, torch.arange(T))
        return self.out(scaled_dot_product(query, key, self.W_v(x), causal_mask(T, T))[0])


# %%
def sequences(length, generator):
    """Batches of tokens (S, B, length)."""
    while True:
        yield (torch.randint(16, (SEEDS, 32, length), generator=generator),)


def wrong_symbol(model, tokens, back=1):
    """The mean of -log(chance given to the symbol `back` places before), for each seed (S,)."""
    logits = model(tokens)[:, :, back:]  # the first has none before it
    each = F.cross_entropy(logits.flatten(0, 2), tokens[:, :, :-back].flatten(), reduction="none")
    return each.reshape(SEEDS, -1).mean(1)


@torch.no_grad()
def share_known(model, length, back=1):
    """How many symbols are named rightly in new sequences of that length, for each seed (S,)."""
    (tokens,) = next(sequences(length, torch.Generator().manual_seed(7)))
    return (model(tokens)[:, :, back:].argmax(-1) == tokens[:, :, :-back]).float().mean((1, 2))


# %% [markdown]
# (About five seconds.)

# %%
lengths, known = [16, 32, 64], {}


def learn_to_read(name, build, back=1):
    """Five models, trained on sequences of 16; how often they are right at each of the lengths, (3, S)."""

    def loss(model, tokens):
        return wrong_symbol(model, tokens, back)

    model, batches = training.Seeds(build, range(SEEDS)), sequences(16, torch.Generator().manual_seed(3))
    training.train(model, batches, loss, 400, rate=0.01, decay=True, label=name)
    return torch.stack([share_known(model, length, back) for length in lengths])


# %% slide="subslide"
for name, positions in {"no positions": None, "added (sines)": "added", "rotated (rotary)": "rotated"}.items():
    known[name] = learn_to_read(name, lambda: Reader(positions))
lines = {name: each.mean(1).tolist() for name, each in known.items()}
plots.curves(lengths, lines, "length of the sequence (trained on 16)", "share right", ylim=(0, 1.05));

# %% [markdown] slide="fragment"
# *Without positions the layer knows which symbols came before and how often, and guesses. With either kind it is right at the length that it was trained on. Beyond, both get worse, the added ones much faster.*

# %%
print("rotated, at 64:", [f"{share:.2f}" for share in known["rotated (rotary)"][2].tolist()])
claim("without positions under half, with every seed", known["no positions"].max() < 0.5)
added, turned = known["added (sines)"], known["rotated (rotary)"]
claim("at the trained length both are right in over 90 %", min(added[0].min(), turned[0].min()) > 0.9)
claim("at twice the length the added ones under 75 %, with every seed", added[1].max() < 0.75)
claim("the rotated ones still over 85 %, in the mean over the seeds", turned[1].mean() > 0.85)
claim("at four times the length most seeds of the rotated ones are under 95 %", turned[2].median() < 0.95)

# %% slide="fragment"
predict.answer(
    "neither of the two",
    "and so rotary positions do not reach *any* length, though they reach further. With these seeds all five "
    "models have lost a good part.",
)

# %% [markdown]
# (With fifteen other seeds rotated positions have .66 to .96 right at a length of 64.) What goes wrong there? A score knows distances, and in training none was above 15, so nothing made the scores of larger ones small. At a length of 64, positions 41 to 64 give .5 to .9 of their weight to distances above 15, and hardly any to those from 2 to 15.

# %% [markdown]
# Is a causal mask not itself a hint of order? The third position sees three keys, and the fourth sees four. Models of several layers without any positions do learn order from that (Haviv et al. 2022). One layer *cannot*: its weighted sum runs over the earlier words as over a bag of words, and does not change when they change places.

# %%
reader, tokens = Reader(), torch.randint(16, (1, 9))
mixed = torch.cat([tokens[:, torch.randperm(8)], tokens[:, 8:]], 1)  # the eight before the last change places
same = torch.allclose(reader(mixed)[:, 8], reader(tokens)[:, 8], atol=1e-5)
claim("without positions the last output does not depend on the order of those before", same)

told_by = Reader("rotated")
moved = (told_by(mixed)[:, 8] - told_by(tokens)[:, 8]).abs().max()
claim("rotated, it does", moved > 1e-3)

# %% [markdown]
# ### Three more ways
#
# **Learned positions.** Nobody has to choose sines: let each position have a vector of parameters, which is added and trained like an embedding. GPT-2 and BERT do so. A vector beyond the trained length has never been trained.
#
# **Relative positions.** Add a number to each *score* that depends on nothing but the distance i − j, and learn one for each distance (Raffel et al. 2020, in T5, where far distances share one for a range; Shaw et al. 2018 add vectors to the keys). Distances beyond the longest trained one share its number.
#
# **ALiBi** (Press et al. 2021): learn nothing, and subtract from each score the distance times a slope, which is fixed for each head. Near words get a head start; far ones are not hidden.


# %%
class Learned(Reader):
    """Reads with a learned vector for each position, up to 64."""

    def __init__(self):
        super().__init__()
        self.place = nn.Parameter(torch.randn(64, 32))

    def forward(self, tokens):
        x, T = self.embedding(tokens) + self.place[: tokens.size(1)], tokens.size(1)
        return self.out(scaled_dot_product(self.W_q(x), self.W_k(x), self.W_v(x), causal_mask(T, T))[0])


# %%
class Distant(Reader):
    """Reads with a number added to each score: -slope · distance; without a slope learned, one from 15 on."""

    def __init__(self, slope=None):
        super().__init__()
        self.slope, self.bias = slope, nn.Parameter(torch.zeros(16)) if slope is None else None

    def forward(self, tokens):
        x, T = self.embedding(tokens), tokens.size(1)
        distance = (torch.arange(T)[:, None] - torch.arange(T)).clamp(min=0)  # (T, T); what is ahead is hidden
        bias = -self.slope * distance if self.slope else self.bias[distance.clamp(max=15)]
        weights = masked_softmax(self.W_q(x) @ self.W_k(x).mT / 32**0.5 + bias, causal_mask(T, T))
        return self.out(weights @ self.W_v(x))


# %% [markdown]
# The same task again. (About five seconds.)

# %%
known["learned"] = learn_to_read("learned", Learned)
known["relative"] = learn_to_read("relative", Distant)
known["ALiBi"] = learn_to_read("ALiBi", lambda: Distant(slope=1))
lines = {name: each.mean(1).tolist() for name, each in known.items() if name != "no positions"}
plots.curves(lengths, lines, "length of the sequence (trained on 16)", "share right", ylim=(0, 1.05));

# %% [markdown]
# *Learned positions do at the longer lengths what the added sines do, or a little less. The two that add a number to the score keep nearly all that they have learned.*

# %%
for name, each in known.items():
    print(f"{name:18}", "  ".join(f"{n}: {share:.2f}" for n, share in zip(lengths, each.mean(1), strict=True)))
at_16 = torch.stack([known[name][0] for name in ("learned", "relative", "ALiBi")])
claim("all three learn it: over 98 % at the trained length, with every seed", at_16.min() > 0.98)
claim("learned positions: under 75 % at twice the length, with every seed", known["learned"][1].max() < 0.75)
claim("relative positions: over 90 % at four times the length", known["relative"][2].mean() > 0.9)
claim("ALiBi: over 98 % there, with every seed", known["ALiBi"][2].min() > 0.98)

# %% [markdown]
# So ALiBi wins? The symbol just before is the *nearest* one (but for the symbol that asks), and ALiBi favours what is near. As a control, ask for another. (About three seconds.)

# %%
predict(
    "Both are trained to name the symbol FIVE places before. Which of them can, at a length of 16?",
    "ALiBi alone", "relative positions alone", "either of them",
)

# %%
five = {"relative": learn_to_read("relative, five before", Distant, back=5)}
five["ALiBi"] = learn_to_read("ALiBi, five before", lambda: Distant(slope=1), back=5)
plots.seeds({name: each[0] for name, each in five.items()}, "share right, five places before", chance=1 / 16);

# %% [markdown]
# *Relative positions name the symbol with every seed. ALiBi hardly ever does.*

# %%
claim("relative positions: over 98 %, with every seed", five["relative"][0].min() > 0.98)
claim("and over 90 % at a length of 64", five["relative"][2].mean() > 0.9)
claim("ALiBi: under a quarter, with every seed", five["ALiBi"][0].max() < 0.25)

# %%
predict.answer(
    "relative positions alone",
    "because a number learned for each distance may be the largest at five. ALiBi's falls from each place to "
    "the next, and the symbols are random, so their scores cannot make up for it.",
)

# %% [markdown]
# Or is the slope just too steep? No slope mends it: with slopes of .5, .1 and .02 it has .12 to .26 right at the trained length.
#
# So what reaches furthest depends on what is asked for. ALiBi names the nearest at every length tried, and cannot find a far one by its place. (It has other heads with other slopes in practice; none of them has its largest number at five.) The learned numbers do both here. Rotary positions are what most language models use, and so does chapter 08.

# %% [markdown]
# ## Further · A sum without its bias  (7 minutes)
#
# Above, the sum had a bias that chapter 05's equation lacks. What happens without it?

# %%
predict(
    "The sum without its bias, trained on the vectors like the others. How many right keys does it find?",
    "over 90 %", "about half", "no more than a guess would",
)

# %% [markdown]
# (About eight seconds, with the two controls.)

# %%
found = {"sum, with its bias": right["vectors: sum"]}
bare, batches = trained(vectors, 8, "sum", bias=False, label="without its bias")
found["without"] = share_right(bare, batches)
loss = surprise(bare, *next(batches))
print(f"right: {found['without'].mean():.3f}; -log weight: {loss.mean():.3f}; log 16: {math.log(16):.3f}")
claim("without the bias under a tenth, with every seed", found["without"].max() < 0.1)
claim("it gives all keys the same weight: its loss is log 16", (loss - math.log(16)).abs().max() < 0.01)

# %%
predict.answer(
    "no more than a guess would",
    "although it is as wide and has been trained as long. What is in its way follows.",
)

# %% [markdown]
# tanh is odd: tanh(−x) = −tanh(x). Without a bias the whole score is odd as well: turn query and key round, and it changes its sign. What was the best key becomes the worst.

# %%
odd, even = Match(8, "sum", bias=False), Match(8, "product")
query, key = torch.randn(2, 1, 4, 8)
claim("the sum changes its sign", torch.allclose(odd(-query, -key), -odd(query, key), atol=1e-6))
claim("the product does not", torch.allclose(even(-query, -key), even(query, key), atol=1e-6))

# %% [markdown]
# But a pair that matches still matches when both are turned round, and among these vectors a pair and its mirror are equally likely. Of the two, an odd score can get at most one right. So it is right in at most *one half*.
#
# A half is far more than a guess. Why is it at chance, then? Because of what it is trained on. By hand, with two keys whose scores are s apart: on the pair, −log weight is log(1 + e⁻ˢ), on its mirror log(1 + eˢ). With s = 0 both are 0.69. With s = 2 they are 0.13 and 2.13, in the mean 1.13. Being sure and wrong costs more than being right gains, so the loss is lowest with equal weights.
#
# If that is the reason, two things have to help. (1) Another loss, 1 − weight, which counts a miss once, however sure it is. (2) Vectors without mirrors: the same ones, with 1 added to every number, and still no bias.


# %%
def misses(model, query, key):
    """The mean of 1 - weight of the right key, for each seed (S,)."""
    return 1 - model(query, key).softmax(-1).diagonal(dim1=-2, dim2=-1).mean((1, 2))


def shifted(generator):
    """The vectors, each number one larger."""
    return ((query + 1, key + 1) for query, key in vectors(generator))


careless, batches = trained(vectors, 8, "sum", misses, bias=False, label="1 - weight")
found["without, trained on 1 − weight"] = share_right(careless, batches)
lowest = share_right(lambda query, key: -careless(query, key), batches)
found["without, vectors shifted"] = share_right(*trained(shifted, 8, "sum", bias=False, label="shifted"))
plots.seeds(found, "share of queries that find their key", chance=1 / 16);

# %% [markdown]
# *Trained on 1 − weight, the sum without its bias finds about a third of the keys or somewhat more, and less than half. With shifted vectors it finds as many as with a bias.*

# %%
print(f"trained on 1 - weight, the right key has the lowest score of all in {lowest.mean():.2f}")
other = found["without, trained on 1 − weight"]
claim("trained on 1 - weight: over a quarter, and under a half", other.min() > 0.25 and other.max() < 0.5)
claim("and the right key comes last nearly as often as first", (lowest - other).abs().max() < 0.1)
claim("on vectors without mirrors: over 85 %, with no bias", found["without, vectors shifted"].min() > 0.85)

# %% [markdown]
# So oddness halves what such a score can reach, and −log weight does the rest. (Four times as wide, and trained on 1 − weight, it finds .45 to .47.) Chapter 05 needed no bias, because nothing turns a network's states into their mirrors there.

# %%
predict.score()

# %% [markdown] slide="slide"
# ## In short
#
# - The match is a product; divided by √d it keeps the softmax soft at any width. A smaller start of $W_q$ gives the same weights to begin with, but steps that are √d times as large.
# - Sum or product: both match names and compare vectors. At the same width the product compares better; in chapter 05's translator it does as well. It costs far less.
# - Self-attention: query, key and value all come from one sequence; in cross-attention the query comes from another one. A causal mask hides what comes after.
# - No position waits for another, and any two are one step apart. The price grows with the square of the length.
# - One head brings back one blend. Two heads bring back two things, at the same width and with the same parameters.
# - Attention does not know the order. Positions are added to the words, or rotate queries and keys, or are told to the scores as distances.

# %% [markdown]
# ## Before you go on
#
# <details><summary>Why √d and not d?</summary>A score is a sum of d products. If they are independent and of variance one, the sum has variance d, and a standard deviation of √d. Divided by d, wide heads would be too soft: all scores near 0, all weights alike.</details>
# <details><summary>Which d is under the root, with 8 heads in a model of width 512?</summary>64: what one head multiplies. Each score is a sum of 64 products.</details>
# <details><summary>What goes wrong when heads are split by a reshape straight to (B, heads, T, D/heads)?</summary>Memory lies row by row. The first head would get the first T/heads rows whole, cut in pieces: other steps instead of other columns. The shapes fit, and nothing complains.</details>
# <details><summary>Your model trains well and its loss is far too low. What do you look at first?</summary>The mask. Without it, or turned round, or off by one, each position sees the token that it has to predict.</details>
# <details><summary>A rotary layer reads a text from the middle, all positions 1000 higher. What changes in its attention weights?</summary>Nothing but rounding: a score depends on the distance of the two positions.</details>
# <details><summary>When is a recurrent layer cheaper than self-attention, and why was it dropped all the same?</summary>With its maps counted, always; without them, when the sequence is longer than it is wide. But its steps wait for each other, and in training nothing else would have to.</details>

# %% [markdown]
# ## To read on
#
# - Vaswani et al. 2017, [Attention is all you need](https://arxiv.org/abs/1706.03762): sections 3.2, 3.5 and 4; the footnote of 3.2.1 has the √d argument.
# - Britz et al. 2017, [Massive exploration of neural machine translation architectures](https://arxiv.org/abs/1703.03906): additive and multiplicative attention compared at scale.
# - Shaw et al. 2018, [Self-attention with relative position representations](https://arxiv.org/abs/1803.02155), and Raffel et al. 2020, [the paper on T5](https://arxiv.org/abs/1910.10683), section 2.1: a number for each distance.
# - Su et al. 2021, [RoFormer](https://arxiv.org/abs/2104.09864): rotary position embedding.
# - Press et al. 2021, [Train short, test long](https://arxiv.org/abs/2108.12409): ALiBi.
# - Haviv et al. 2022, [Transformer language models without positional encodings still learn positional information](https://arxiv.org/abs/2203.16634).
#
# Next: [07 Layer thirteen](07_layer_thirteen.ipynb), what a deep network loses on the way.
