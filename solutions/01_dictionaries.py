# %% [markdown]
# # 01 · Dictionaries
#
# **65 minutes.** You need Python's `dict` and a first acquaintance with tensors.
#
# After this chapter you can
# - build a dictionary from nothing but lists, and say why reading it does not slow down as it grows,
# - write the same lookup as a product of matrices,
# - answer queries that equal no key, by the nearest one,
# - measure a slope, and show why nothing can be learned *through* the choice of the nearest key.

# %%
import sys

sys.path.insert(0, "..")
print("PyTorch is loading, which takes a few seconds.", flush=True)

import torch

from utils import data, plots
from utils.checks import check, claim

torch.manual_seed(0);

# %%
words, key, value = data.small_dictionary()
plots.entries(words, value);

# %% [markdown]
# *The dictionary of this course: six words, each with a value, which is a colour.*
#
# ## What a dictionary promises

# %%
colour_of = dict(zip(words, value, strict=True))
colour_of["lemon"]  # red, green and blue, each between 0 and 1

# %% [markdown]
# Two promises: **each key is there once, with one value**, and **reading is fast**. And one refusal. Ask for anything that is not there, and you
# get nothing at all:

# %%
try:
    colour_of["tangerine"]
except KeyError as missing:
    print("KeyError:", missing)

# %% [markdown]
# ## Fast means: it does not grow
#
# You could store the pairs in a list, and look through them from the front.
#
# **Predict.** A list of ten pairs, and one of a million. How much longer does the second search take? And the dictionary's?

# %%
import random
from timeit import repeat


def scan(pairs, wanted):
    return next(value for key, value in pairs if key == wanted)


def microseconds(read, keys):
    return 1e6 * min(repeat(lambda: [read(key) for key in keys], number=1, repeat=3)) / len(keys)


# %%
sizes = [10, 100, 1000, 10_000, 100_000, 1_000_000]
times = {"scan a list": [], "read a dictionary": []}
for size in sizes:
    table = {number: str(number) for number in range(size)}
    pairs = list(table.items())
    wanted = random.Random(0).choices(range(size), k=10)
    times["scan a list"].append(microseconds(lambda number: scan(pairs, number), wanted))
    times["read a dictionary"].append(microseconds(table.__getitem__, wanted))

plots.curves(sizes, times, "entries", "microseconds per read", log="xy");

# %% [markdown]
# *Once the list is long, the scan takes ten times longer whenever it is ten times longer. The dictionary hardly notices.*
#
# Time depends on the machine; the number of keys that a read has to *compare* does not. So let the keys count.

# %%
class Counted(int):
    """A whole number that counts how often it is compared."""

    compared = 0
    __hash__ = int.__hash__

    def __eq__(self, other):
        Counted.compared += 1
        return int.__eq__(self, other)


# %%
def comparisons(read, entries, reads=100):
    """How many keys one read compares, on average."""
    wanted = random.Random(1).choices(range(entries), k=reads)
    Counted.compared = 0
    for number in wanted:
        read(Counted(number))
    return Counted.compared / reads


# %%
table = {Counted(number): number for number in range(100_000)}
pairs = list(table.items())
in_a_list = comparisons(lambda key: scan(pairs, key), len(pairs), reads=10)
in_a_dictionary = comparisons(table.__getitem__, len(pairs))
print(f"keys compared per read: {in_a_list:,.0f} in a list, {in_a_dictionary:.2f} in a dictionary")
claim("a dictionary of 100,000 entries compares at most two keys per read", in_a_dictionary <= 2)
claim("a scan compares more than ten thousand", in_a_list > 10_000)

# %% [markdown]
# ## How it is done
#
# A **hash** turns a key into a whole number. The number modulo the number of *buckets* says where the entry lives, so a read goes
# straight to one bucket and leaves all others alone.

# %%
{word: hash(word) % 8 for word in words}  # the hashes of strings change whenever Python starts

# %% [markdown]
# Two words may share a bucket. So a bucket holds a *chain*: a list of (key, value) pairs, and the key itself is compared at the end.
#
# ### Exercise 1.1 · A dictionary from lists  (10 minutes, about 12 lines)
# Write `put`, `get` and `__len__`, on lists only: no `dict`, no `set`. The table keeps as many buckets as it was given.
#
# <details><summary>Hint 1</summary>Make one list of lists in <code>__init__</code>. What would <code>[[]] * buckets</code> be?</details>
# <details><summary>Hint 2</summary>The chain of a key is <code>self.buckets[hash(key) % len(self.buckets)]</code>. Both <code>put</code> and <code>get</code> begin with it.</details>
# <details><summary>Hint 3</summary>In <code>put</code>, first see whether the key is in the chain already: then its value is replaced, and the length stays.</details>

# %% exercise="HashTable"
class HashTable:
    """A dictionary made of buckets: the hash of a key says which, and a chain of pairs is in each."""

    def __init__(self, buckets=8):
        # BEGIN SOLUTION
        self.buckets = [[] for _ in range(buckets)]
        # END SOLUTION

    def put(self, key, value):
        """Store value under key; a key that is there already gets the new value."""
        # BEGIN SOLUTION
        chain = self.buckets[hash(key) % len(self.buckets)]
        for i, (stored, _) in enumerate(chain):
            if stored == key:
                chain[i] = (key, value)
                return
        chain.append((key, value))
        # END SOLUTION

    def get(self, key):
        """The value stored under key. Raises KeyError naming the key if there is none."""
        # BEGIN SOLUTION
        for stored, value in self.buckets[hash(key) % len(self.buckets)]:
            if stored == key:
                return value
        raise KeyError(key)
        # END SOLUTION

    def __len__(self):
        """How many keys are stored."""
        # BEGIN SOLUTION
        return sum(len(chain) for chain in self.buckets)
        # END SOLUTION


# %%
HashTable = check("HashTable", HashTable)

# %% [markdown] tags=["solution"]
# The hash finds the *bucket*, equality finds the *entry*: two different keys may have the same hash (`hash(-1) == hash(-2)` in CPython), and
# two equal keys may be different objects. Python's own `dict` works the same way, with open addressing in place of chains.

# %% [markdown]
# **Predict.** A thousand entries in one bucket: how many keys does a read compare? And in a thousand buckets? (Counted here on the course's
# own table, so that everybody sees the same numbers.)

# %%
from utils import exercises

CourseTable = exercises.get("HashTable").reference
bucket_counts = [1, 4, 16, 64, 256, 1024, 4096]
compared = []
for buckets in bucket_counts:
    table = CourseTable(buckets)
    for number in range(1000):
        table.put(Counted(number), number)
    compared.append(comparisons(table.get, 1000))

plots.curves(bucket_counts, {"1000 entries": compared}, "buckets", "keys compared per read", log="xy");

# %% [markdown]
# *With one bucket a read is a scan. With as many buckets as entries it compares about one key: here exactly one, since whole numbers
# spread evenly over the buckets; words would share some.*

# %%
claim("one bucket: a read compares hundreds of keys", compared[0] > 300)
claim("as many buckets as entries: a read compares one or two", compared[5] <= 2)

# %% [markdown]
# So a table must get more buckets as it fills. Yours keeps those it was given; Python's adds buckets as it goes, and that is how its reads stay fast at
# any size.
#
# That is the promise kept. Now for what it cannot do: a hash scatters its keys, so that *lemon* and *lemons* end up anywhere. A network
# hardly ever asks twice in exactly the same way. It needs a dictionary in which **near** means something, and one that it can change by small
# steps. Numbers have both. So let us write the lookup with numbers.
#
# ## The same lookup, as a product of matrices
#
# Number the words from 0. A **one-hot** vector says which word it is: zeros, and a single one in its place.

# %% [markdown]
# ### Exercise 1.2 · One-hot  (5 minutes, about 1 line)
# Turn indices into one-hot rows of (32-bit) floats. `index` may be an integer, or a tensor of integers of any shape.
#
# <details><summary>Hint 1</summary>Row number 3 of the identity matrix is all zeros but for a one in place 3.</details>
# <details><summary>Hint 2</summary>Or compare: <code>torch.arange(size)</code> with each index, which needs an axis more: <code>torch.as_tensor(index)[..., None]</code>.</details>

# %% exercise="one_hot"
def one_hot(index, size):
    """Rows (..., size) of zeros with a single 1.0 at index (...), an integer or a tensor of integers."""
    # BEGIN SOLUTION
    return torch.eye(size)[index]
    # END SOLUTION


# %%
one_hot = check("one_hot", one_hot)

# %% [markdown] tags=["solution"]
# Floats, not integers: these rows are about to meet values in a matrix product. And the width is `size`, whatever the largest index is,
# or two batches would not have the same width.

# %% [markdown]
# A dot product of two one-hot vectors is 1 when they are the same word, and 0 otherwise. So all the comparisons of a scan are one
# matrix product: queries (Tq, N), for N words, times keys (N, Tk). (`.mT` turns a matrix over: rows become columns.) Let a dictionary of three entries stand in an order of its own, and ask it for two
# words.

# %%
vocabulary = {word: number for number, word in enumerate(words)}
stored = ["plum", "lemon", "cherry"]
asked = ["lemon", "cherry"]
key_rows = one_hot(torch.tensor([vocabulary[word] for word in stored]), len(words))  # (Tk, N)
query_rows = one_hot(torch.tensor([vocabulary[word] for word in asked]), len(words))  # (Tq, N)
match = query_rows @ key_rows.mT  # (Tq, Tk)
plots.heatmap(match, queries=asked, keys=stored);

# %% [markdown]
# *Each row is a query, each column an entry, and a one says: this is it.*
#
# What is left is to fetch the values. A row of zeros with a single one in it, times the matrix of values: what is that?
#
# ### Exercise 1.3 · Exact lookup  (5 minutes, 1 line)
# Queries, keys and values are matrices, a row each. A query that equals no key gets zeros.
#
# <details><summary>Hint 1</summary>The comparisons are above. What shape does the answer have, and which product gives it?</details>
# <details><summary>Hint 2</summary>It is the one row of values where the one stands. In shapes: (Tq, N) times (N, Tk) times (Tk, Dv).</details>

# %% exercise="matrix_lookup"
def matrix_lookup(query, key, value):
    """The value (Tq, Dv) of each one-hot query (Tq, N) among the one-hot keys (Tk, N) with value (Tk, Dv)."""
    # BEGIN SOLUTION
    return query @ key.mT @ value
    # END SOLUTION


# %%
matrix_lookup = check("matrix_lookup", matrix_lookup)

# %% [markdown] tags=["solution"]
# Two products: `query @ key.mT` says *where*, and `@ value` fetches *what*. Every attention layer of this course is these two products with
# something between them.

# %%
everything = one_hot(torch.arange(6), 6)
fetched = matrix_lookup(everything, key_rows, value[[vocabulary[word] for word in stored]])
agree = all(torch.equal(fetched[vocabulary[word]], colour_of[word]) for word in stored)
claim("the two products find what the dictionary finds", agree)
claim("a word that is not stored gets zeros", not fetched[vocabulary["lime"]].any())

# %% [markdown]
# A price has been paid: this lookup compares *every* key, like the scan. What was bought for it: nothing in the formula asks for exact
# keys any more. A row of `key` may hold any numbers.
#
# ## The nearest key
#
# So give each word a place in the plane instead of a one-hot vector, and let similar words be neighbours.

# %%
{word: tuple(round(x, 1) for x in place) for word, place in zip(words, key.tolist(), strict=True)}

# %% [markdown]
# A query is a place too, and its match with a key is their dot product: large when they point the same way. All our keys have length one, so
# the largest dot product is also the nearest direction.

# %%
tangerine = torch.tensor([[0.5, 0.9]])  # not in the dictionary
scores = tangerine @ key.mT  # (1, 6)
plots.heatmap(scores, queries=["tangerine"], keys=words);

# %% [markdown]
# *Orange matches best. The exact dictionary had no answer at all.*
#
# ### Exercise 1.4 · Nearest lookup  (5 minutes, 1 line)
# For each query, the value of the key with the largest dot product; where several tie, the first.
#
# <details><summary>Hint 1</summary><code>argmax</code> says where the largest number is, and it says the first place where several tie. Along which axis?</details>
# <details><summary>Hint 2</summary>A tensor of row numbers can stand in the brackets: <code>value[numbers]</code>.</details>

# %% exercise="nearest_lookup"
def nearest_lookup(query, key, value):
    """The value (Tq, Dv) of the key (Tk, Dk) with the largest dot product with each query (Tq, Dk).

    Where several keys tie, the first of them.
    """
    # BEGIN SOLUTION
    return value[(query @ key.mT).argmax(-1)]
    # END SOLUTION


# %%
nearest_lookup = check("nearest_lookup", nearest_lookup)

# %% [markdown] tags=["solution"]
# With keys of equal length, as here, the largest dot product is also the smallest angle and the smallest distance. With keys of different
# lengths it is neither: a long key wins from further away. Later chapters make use of that.

# %% [markdown]
# Turn the query once around the circle, and see what it gets.

# %%
angles = torch.linspace(0, 360, 721)
circle = torch.stack([angles.deg2rad().cos(), angles.deg2rad().sin()], -1)  # (721, 2)
directions = torch.atan2(key[:, 1], key[:, 0]).rad2deg() % 360
places = dict(zip(words, directions.tolist(), strict=True))
plots.sweep(angles, {"nearest": nearest_lookup(circle, key, value)}, places);

# %% [markdown]
# *Every direction has an answer. But the answer is a staircase: it stays the same for a while, then jumps.*
#
# ## A staircase cannot be climbed by its slope
#
# A network learns by slopes: it asks how the result changes when a number moves a little, and moves the number that way. How does our
# answer change when the query moves a little?
#
# ### Exercise 1.5 · A slope, measured  (8 minutes, about 6 lines)
# Move one entry of x at a time, one step ahead and one step behind, and divide the change by the distance between: the *central difference*. `x` may have any shape, or none.
#
# <details><summary>Hint 1</summary>Work on copies, <code>x.clone()</code>: whoever called you still needs x.</details>
# <details><summary>Hint 2</summary>A flat view counts the entries of any shape: <code>for i in range(x.numel())</code>, and <code>slope.view(-1)[i] = …</code></details>
# <details><summary>Hint 3</summary>From x − step to x + step is a distance of two steps.</details>

# %% exercise="numerical_gradient"
def numerical_gradient(function, x, step=1e-4):
    """The slope of a function (a tensor to one number) at x, for each entry of x, in the shape of x.

    It is (f(x + step) - f(x - step)) / (2 step), where only that entry moves.
    """
    # BEGIN SOLUTION
    slope = torch.zeros_like(x)
    for i in range(x.numel()):
        move = torch.zeros_like(x)
        move.view(-1)[i] = step
        slope.view(-1)[i] = (function(x + move) - function(x - move)) / (2 * step)
    return slope
    # END SOLUTION


# %%
numerical_gradient = check("numerical_gradient", numerical_gradient)

# %% [markdown] tags=["solution"]
# Ahead *and* behind: what leans to one side at the first point leans back at the other, so the error falls with the square of the step.
# Use 64-bit numbers for it: the difference of two nearly equal numbers keeps only their last digits.

# %% [markdown]
# Try it where you know the answer: the slope of the sum of squares is 2x.

# %%
x = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
numerical_gradient(lambda x: (x**2).sum(), x)

# %% [markdown]
# Now the lookup. Say the network wants **lime**, and measures how wrong an answer is by the squared distance between the two colours.
#
# **Predict.** Stand at 20°, near cherry. Which way does the slope point? (The plot joins the steps; there is nothing between them.)

# %%
key64, value64 = key.double(), value.double()
lime = value64[words.index("lime")]


def loss(query):
    return ((nearest_lookup(query[None], key64, value64)[0] - lime) ** 2).sum()


def along_the_circle(angle):
    return loss(torch.stack([angle.deg2rad().cos(), angle.deg2rad().sin()]))


# %%
degrees = torch.linspace(0.3, 359.7, 400, dtype=torch.float64)
losses = torch.stack([along_the_circle(angle) for angle in degrees])
slopes = torch.stack([numerical_gradient(along_the_circle, angle) for angle in degrees])
lines = {"loss": losses, "its slope": slopes}
plots.curves(degrees, lines, "direction of the query (degrees)", "loss; its slope");

# %% [markdown]
# *The loss goes down and up in steps, one for each word. On every step its slope is exactly zero: the query is told nothing about where lime is.*

# %%
flat = (slopes == 0).double().mean().item()
print(f"slope exactly zero at {flat:.1%} of the directions")
claim("the slope is zero at more than 95 % of the directions", flat > 0.95)

# %% [markdown]
# Let it try all the same: follow the slope downhill, a hundred times. The **control** is a query that may follow a smooth loss, its
# distance to lime's place, with the same slope function, the same start and the same steps. If that one arrives, the method is not to blame.

# %%
def descend(loss, start, steps=100, rate=0.1):
    query = start.clone()
    for _ in range(steps):
        query = query - rate * numerical_gradient(loss, query)
    return query


start = torch.tensor([1.0, 0.1], dtype=torch.float64)
through_nearest = descend(loss, start)
through_distance = descend(lambda query: ((query - key64[words.index("lime")]) ** 2).sum(), start)
print("start            ", start.tolist())
print("nearest lookup   ", through_nearest.tolist())
print("smooth (control) ", [round(x, 4) for x in through_distance.tolist()])

# %%
claim("through the nearest lookup the query has not moved at all", torch.equal(through_nearest, start))
arrived = torch.allclose(through_distance, key64[words.index("lime")], atol=1e-3)
claim("with a smooth loss the same method arrives at lime", arrived)

# %% [markdown]
# Be exact about what is broken. The *values* can be learned through a nearest lookup: the one that was chosen gets its gradient. It is
# the **choice** that passes nothing back, so neither the query nor the keys can improve. PyTorch agrees: `requires_grad_` asks it to keep track,
# and `backward` sends the slope of the sum back to everything it was computed from.

# %%
q, k, v = (tensor.clone().requires_grad_() for tensor in (tangerine, key, value))
answer = nearest_lookup(q, k, v)
answer.sum().backward()
claim("a gradient reaches the value that was chosen", bool(v.grad[words.index("orange")].any()))
claim("none reaches the query or the keys", q.grad is None and k.grad is None)

# %% [markdown]
# There are ways around a step: try choices at random and reward the good ones (REINFORCE), or pretend on the way back that there was none
# (straight-through). Both have their uses. The next chapter takes the step away.
#
# ## In short
#
# - A dictionary promises a unique key, one value, and a read whose time does not grow; a hash makes it so.
# - The same lookup is two products: `query @ key.mT` says where, `@ value` fetches what.
# - In this form a read compares every key, and the keys may be any numbers.
# - The nearest key answers every query, in jumps.
# - Between its jumps the slope is zero, at a jump there is none: the choice passes no gradient to query or keys.
#
# ## Before you go on
#
# <details><summary>Why does a dictionary of a million entries read as fast as one of ten?</summary>The hash names one bucket, and the number of buckets grows with the number of entries, so a chain stays about one entry long.</details>
# <details><summary>Which part of the nearest lookup can learn by gradient, and which cannot?</summary>The chosen value can. The query and the keys cannot: a small move of theirs changes nothing, almost everywhere.</details>
# <details><summary>What did the control in the last experiment rule out?</summary>That the descent itself, its rate or its slopes were at fault: with a smooth loss they arrive.</details>
#
# ## To read on
#
# - Knuth, *The Art of Computer Programming*, volume 3, section 6.4: hashing.
# - Williams 1992, [Simple statistical gradient-following algorithms for connectionist reinforcement learning](https://doi.org/10.1007/BF00992696): REINFORCE.
# - Bengio, Léonard and Courville 2013, [Estimating or propagating gradients through stochastic neurons](https://arxiv.org/abs/1308.3432): straight-through.
#
# Next: [02 Soft lookup](02_soft_lookup.ipynb), where every key has a say.
