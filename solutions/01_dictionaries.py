# %% [markdown] slide="slide"
# # 01 · Dictionaries
#
# **55 minutes**, and 18 for what is called Further. You need Python's `dict` and a first acquaintance with tensors.
#
# After this chapter you can
# - say what a dictionary promises, and why reading it does not slow down as it grows,
# - write the same lookup as a product of matrices,
# - answer queries that equal no key, by the nearest one,
# - measure a slope, and say what of a nearest lookup can be learned by it and what cannot.
#
# Further can be left out: no later chapter needs it.

# %%
import sys

sys.path.insert(0, "..")
print("PyTorch is loading, which takes a few seconds.", flush=True)

import torch

from utils import data, plots
from utils.checks import check, claim

torch.manual_seed(0);

# %% slide="slide"
from utils.predictions import predict

words, key, value = data.small_dictionary()
plots.entries(words, value);

# %% [markdown] slide="fragment"
# *The dictionary of this course: six words, each with a value, which is a colour.*

# %% [markdown] slide="slide"
# ## What a dictionary promises

# %% slide="fragment"
colour_of = dict(zip(words, value, strict=True))
colour_of["lemon"]  # red, green and blue, each between 0 and 1

# %% [markdown] slide="fragment"
# A dictionary makes two promises: **each key is there once, with one value**, and **reading is fast**. And it has one limit. Ask for a key that is
# not there, and you get an error instead of an answer:

# %% slide="fragment"
try:
    colour_of["tangerine"]
except KeyError as missing:
    print("KeyError:", missing)

# %% [markdown] slide="slide"
# ## What fast means
#
# You could store the pairs in a list instead, and look through them from the front until you meet the key. How much does it matter that there are many?

# %% slide="fragment"
predict(
    "From ten entries to a million: how much longer does a read take, in a list and in a dictionary?",
    "hardly longer, in both",
    "tens of thousands of times as long in the list, hardly longer in the dictionary",
    "tens of thousands of times as long, in both",
)

# %%
import random
from timeit import repeat


def scan(pairs, wanted):
    return next(value for key, value in pairs if key == wanted)


def microseconds(read, keys):
    return 1e6 * min(repeat(lambda: [read(key) for key in keys], number=1, repeat=3)) / len(keys)


# %% slide="subslide"
sizes = [10, 100, 1000, 10_000, 100_000, 1_000_000]
times = {"scan a list": [], "read a dictionary": []}
for size in sizes:
    table = {number: str(number) for number in range(size)}
    pairs = list(table.items())  # the same entries, as a list of (key, value)
    wanted = random.Random(0).choices(range(size), k=10)
    times["scan a list"].append(microseconds(lambda number: scan(pairs, number), wanted))
    times["read a dictionary"].append(microseconds(table.__getitem__, wanted))

plots.curves(sizes, times, "entries", "microseconds per read", log="xy");

# %% [markdown] slide="fragment"
# *Once the list is long, a scan takes ten times longer whenever the list is ten times longer. The dictionary's line stays nearly flat.*

# %%
slower = {name: taken[-1] / taken[0] for name, taken in times.items()}
print({name: f"{factor:,.0f} times as long" for name, factor in slower.items()})
list_slower, dictionary_slower = slower.values()
claim("the list slows down over a hundred times more", list_slower > 100 * dictionary_slower)

# %% slide="fragment"
predict.answer(
    "tens of thousands of times as long in the list, hardly longer in the dictionary",
    "because a scan compares half of the list on average, so its time grows with the list. (Less than a "
    "hundred thousand times, since of ten entries most of the time is the call itself.) A dictionary goes "
    "straight to the right place, and the next section says how.",
)

# %% [markdown]
# ## How it is done
#
# A **hash** turns a key into a whole number. The dictionary keeps its entries in *buckets*, and this number modulo the number of buckets says in which of them an entry
# belongs. So a read goes straight to one bucket and leaves all others alone.

# %%
{word: hash(word) % 8 for word in words}  # the hashes of strings change whenever Python starts

# %% [markdown]
# Two words may share a bucket, so the key itself is compared at the end. And as a dictionary fills, it gets more buckets, so that few entries share one. That is why its reads stay fast at any size. (*Further*, at the end of this chapter, builds such a dictionary and counts what it compares.)
#
# That is the promise kept. Now for what a dictionary cannot do. A hash scatters its keys, so that *lemon* and *lemons* end up anywhere. But a network
# hardly ever asks twice in exactly the same way. It needs a dictionary in which **near** means something, and one that it can change by small
# steps. Numbers have both. So let us write the lookup with numbers.

# %% [markdown] slide="slide"
# ## The same lookup, as a product of matrices
#
# Number the words from 0. A **one-hot** vector says which word it is: zeros, and a single one in its place.

# %% [markdown]
# ### Exercise 1.1 · One-hot  (5 minutes, about 1 line)
# Turn indices into one-hot rows. `index` may be a plain integer, or a tensor of integers of any shape. The rows hold 32-bit floats (`torch.float32`, the kind that PyTorch makes unless it is told otherwise).
#
# <details><summary>Hint 1</summary>Row number 3 of the identity matrix is all zeros but for a one in place 3.</details>
# <details><summary>Hint 2</summary>Or compare: <code>torch.arange(size)</code> with each index, which needs an axis more: <code>torch.as_tensor(index)[..., None]</code>.</details>

# %% exercise="one_hot"
def one_hot(index, size):
    """Rows (..., size) of zeros with a single 1.0 at index (...), an integer or a tensor of integers.

    They are 32-bit floats.
    """
    # BEGIN SOLUTION
    return torch.eye(size)[index]
    # END SOLUTION


# %%
one_hot = check("one_hot", one_hot)

# %% [markdown] tags=["solution"]
# Floats, not integers, because these rows are about to meet values in a matrix product. And the width is `size`, whatever the largest index is:
# otherwise two batches might not have the same width.

# %% [markdown]
# The dot product of two one-hot vectors is 1 when they are the same word, and 0 otherwise. So all the comparisons of a scan are one
# matrix product: queries (Tq, N), for N words, times keys (Tk, N), turned over to (N, Tk). (`.mT` turns a matrix over: rows become columns.) Take three entries, stored in a different order, and ask for two
# words.

# %% slide="subslide"
vocabulary = {word: number for number, word in enumerate(words)}
stored = ["plum", "lemon", "cherry"]
asked = ["lemon", "cherry"]
key_rows = one_hot(torch.tensor([vocabulary[word] for word in stored]), len(words))  # (Tk, N)
query_rows = one_hot(torch.tensor([vocabulary[word] for word in asked]), len(words))  # (Tq, N)
match = query_rows @ key_rows.mT  # (Tq, Tk)
plots.heatmap(match, queries=asked, keys=stored);

# %% [markdown] slide="fragment"
# *Each row is a query, each column an entry, and a one says: this is it.*

# %% [markdown] slide="slide"
# What is left is to fetch the values. A row of zeros with a single one in it, times the matrix of values: what is that?
#
# ### Exercise 1.2 · Exact lookup  (5 minutes, 1 line)
# Queries, keys and values are matrices, with a row for each of them. A query that equals no key gets zeros. Use products rather than `==`: the check also looks at the gradients for query, key and value, and a comparison has none.
#
# <details><summary>Hint 1</summary>The comparisons are above. What shape does the answer have, and which product gives it?</details>
# <details><summary>Hint 2</summary>It is the one row of values where the one stands. In shapes: (Tq, N) times (N, Tk) times (Tk, Dv).</details>

# %% exercise="matrix_lookup" slide="fragment"
def matrix_lookup(query, key, value):
    """The value (Tq, Dv) of each one-hot query (Tq, N) among the one-hot keys (Tk, N) with value (Tk, Dv)."""
    # BEGIN SOLUTION
    return query @ key.mT @ value
    # END SOLUTION


# %%
matrix_lookup = check("matrix_lookup", matrix_lookup)

# %% [markdown] tags=["solution"]
# Two products: `query @ key.mT` says *where*, and `@ value` fetches *what*. Every attention layer of this course consists of these two products with
# something between them.

# %%
everything = one_hot(torch.arange(6), 6)
fetched = matrix_lookup(everything, key_rows, value[[vocabulary[word] for word in stored]])
agree = all(torch.equal(fetched[vocabulary[word]], colour_of[word]) for word in stored)
claim("the two products find what the dictionary finds", agree)
claim("a word that is not stored gets zeros", not fetched[vocabulary["lime"]].any())

# %% [markdown]
# This has a price: the lookup compares *every* key, as the scan does. And it buys something: nothing in the formula asks for exact
# keys any more. A row of `key` may hold any numbers.

# %% [markdown] slide="slide"
# ## The nearest key
#
# So give each word a place in the plane instead of a one-hot vector, and let similar words be neighbours.

# %% slide="fragment"
{word: tuple(round(x, 1) for x in place) for word, place in zip(words, key.tolist(), strict=True)}

# %% [markdown]
# A query is a place too, and its match with a key is their dot product. That is the length of the query, times the length of the key, times the cosine of the angle between them. All our keys have length one, so for one query only the angle makes a difference: the largest dot product belongs to the nearest direction.

# %%
claim("all keys have length one", torch.allclose(key.norm(dim=-1), torch.ones(6)))

# %% [markdown]
# By hand, for the query (0.5, 0.9) and the key of cherry, (1, 0): 0.5 · 1 + 0.9 · 0 = 0.5. For that of blueberry, (−0.6, −0.8): −0.3 − 0.72 = −1.02, since it points the other way. Now all six:

# %% slide="subslide"
tangerine = torch.tensor([[0.5, 0.9]])  # not in the dictionary
scores = tangerine @ key.mT  # (1, 6)
plots.heatmap(scores, queries=["tangerine"], keys=words);

# %% [markdown] slide="fragment"
# *Blue is above zero, brown below. Orange matches best, where the exact dictionary had no answer at all.*

# %%
claim("orange matches tangerine best", words[scores.argmax()] == "orange")

# %% [markdown]
# ### Exercise 1.3 · Nearest lookup  (5 minutes, 1 line)
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
# With keys of equal length, as here, the key with the largest dot product is also the one at the smallest angle and at the smallest distance. With keys of different
# lengths it need be neither, because a long key can win from further away. Later chapters make use of that.

# %% [markdown] slide="slide"
# Turn the query once around the circle, and see what it gets.

# %% slide="fragment"
angles = torch.linspace(0, 360, 721)
circle = torch.stack([angles.deg2rad().cos(), angles.deg2rad().sin()], -1)  # (721, 2)
directions = torch.atan2(key[:, 1], key[:, 0]).rad2deg() % 360
places = dict(zip(words, directions.tolist(), strict=True))
answers = nearest_lookup(circle, key, value)  # (721, 3)
plots.sweep(angles, {"nearest": answers}, places);

# %% [markdown] slide="fragment"
# *Every direction has an answer, and each answer is one of the six colours.*

# %%
claim("721 directions, six answers", len(answers.unique(dim=0)) == 6)

# %% [markdown] slide="slide"
# ## Which way is better?
#
# A network learns by slopes: it asks how its error changes when a number moves a little, and moves the number the way that the error falls. So let us measure how a result changes when a number moves.
#
# With two numbers, by hand: the slope of x² at x = 3. One step of 0.1 ahead gives 3.1² = 9.61, one behind gives 2.9² = 8.41. The change is 1.2 over a distance of 0.2, so the slope is 1.2 / 0.2 = 6.

# %% [markdown]
# ### Exercise 1.4 · A slope, measured  (8 minutes, about 6 lines)
# Move one entry of x at a time, one step ahead and one step behind, and divide the change by the distance between the two: the *central difference*. `x` may have any shape, or be a single number without an axis. The result has the shape and the type of x; the checks use 64-bit numbers (`torch.float64`).
#
# <details><summary>Hint 1</summary>Work on copies, <code>x.clone()</code>: whoever called you still needs x.</details>
# <details><summary>Hint 2</summary>A flat view counts the entries of any shape: <code>for i in range(x.numel())</code>, and <code>slope.view(-1)[i] = …</code> (of tensors that lie in order, as fresh ones do)</details>
# <details><summary>Hint 3</summary>From x − step to x + step is a distance of two steps.</details>

# %% exercise="numerical_gradient"
def numerical_gradient(function, x, step=1e-4):
    """The slope of a function (a tensor to one number) at x, for each entry of x, in the shape of x.

    It is (f(x + step) - f(x - step)) / (2 step), where only that entry moves. It has the type of x, too.
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
# What leans to one side ahead leans to the other behind, so most of the error cancels.
# Use 64-bit numbers for it, because the difference of two nearly equal numbers keeps only their last digits.

# %% [markdown]
# Try it where you know the answer: the slope of the sum of squares is 2x.

# %%
x = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
numerical_gradient(lambda x: (x**2).sum(), x)

# %% [markdown]
# Why both ways? The slope of x³ at x = 1 is 3. Measure it with two steps, once ahead and behind, and once ahead only.

# %%
one = torch.ones((), dtype=torch.float64)
both_ways = [abs(numerical_gradient(lambda x: x**3, one, step=step).item() - 3) for step in (0.1, 0.01)]
ahead_only = [abs(((1 + step) ** 3 - 1) / step - 3) for step in (0.1, 0.01)]
print("errors, both ways: ", [round(error, 6) for error in both_ways])
print("errors, ahead only:", [round(error, 6) for error in ahead_only])
claim("both ways, a tenth of the step has a hundredth of the error", both_ways[1] < both_ways[0] / 90)
claim("ahead only, a tenth of the step has about a tenth", ahead_only[1] > ahead_only[0] / 20)

# %% [markdown] slide="slide"
# Now the lookup. Say that the network wants **lime**, and that its error, the **loss**, is the squared distance between the colour that it gets and the colour of lime. The query stands near cherry.

# %% slide="fragment"
predict(
    "A query near cherry gets cherry and wants lime. Where does the slope of its loss send it?",
    "towards lime", "away from lime", "nowhere: the slope is zero",
)

# %%
key64, value64 = key.double(), value.double()
lime = value64[words.index("lime")]


def loss(query):
    return ((nearest_lookup(query[None], key64, value64)[0] - lime) ** 2).sum()


def along_the_circle(angle):
    return loss(torch.stack([angle.deg2rad().cos(), angle.deg2rad().sin()]))


# %% slide="subslide"
degrees = torch.linspace(0.3, 359.7, 400, dtype=torch.float64)
losses = torch.stack([along_the_circle(angle) for angle in degrees])
slopes = torch.stack([numerical_gradient(along_the_circle, angle) for angle in degrees])
lines = {"loss": losses, "its slope": slopes}
plots.curves(degrees, lines, "direction of the query (degrees)", "loss; its slope");

# %% [markdown] slide="fragment"
# *The loss goes down and up in steps, one for each word, and its slope is a line at zero. (The plot joins the steps; there is nothing between them.)*

# %%
flat = (slopes == 0).double().mean().item()
print(f"slope exactly zero at {flat:.1%} of the directions")
claim("the slope is zero at more than 95 % of the directions", flat > 0.95)

# %% slide="fragment"
predict.answer(
    "nowhere: the slope is zero",
    "because a small move of the query does not change which key is nearest, so neither the "
    "answer nor the loss changes. The query is told nothing about where lime is.",
)

# %% [markdown] slide="slide"
# Let it try all the same: follow the slope downhill, a hundred times. The **control** is a query that follows a smooth loss instead, its
# squared distance to lime's place, with the same slope function, the same start and the same steps. If that one arrives, the method is not to blame.

# %% slide="fragment"
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

# %% slide="fragment"
claim("through the nearest lookup the query has not moved at all", torch.equal(through_nearest, start))
arrived = torch.allclose(through_distance, key64[words.index("lime")], atol=1e-3)
claim("with a smooth loss the same method arrives at lime", arrived)

# %% [markdown]
# One start may be special. Here are twenty, anywhere around the circle. (About a second.)

# %%
lime_place = key64[words.index("lime")]
directions = 2 * torch.pi * torch.rand(20, dtype=torch.float64)
starts = torch.stack([directions.cos(), directions.sin()], -1)  # (20, 2)
moved = sum(not torch.equal(descend(loss, start), start) for start in starts)
ends = [descend(lambda query: ((query - lime_place) ** 2).sum(), start) for start in starts]
arrivals = sum(torch.allclose(end, lime_place, atol=1e-3) for end in ends)
print(f"of 20 starts {moved} moved through the nearest lookup, and {arrivals} arrived with the smooth loss")
claim("through the nearest lookup, at most one of twenty moves at all", moved <= 1)
claim("with the smooth loss all twenty arrive", arrivals == 20)

# %% [markdown] slide="slide"
# Let us be precise about what fails. A lookup has three inputs: query, keys and values. Which of them can still learn? PyTorch computes slopes by itself: `requires_grad_` asks it to keep track of a tensor,
# and `backward` sends the slope of a number back to everything it was computed from.

# %% slide="fragment"
predict(
    "The answer of a nearest lookup, then backward(): what gets a gradient?",
    "the value that was chosen, and nothing else", "the values, all six", "query, keys and values",
)

# %% slide="subslide"
q, k, v = (tensor.clone().requires_grad_() for tensor in (tangerine, key, value))
answer = nearest_lookup(q, k, v)
answer.sum().backward()
claim("a gradient reaches the value that was chosen", bool(v.grad[words.index("orange")].any()))
claim("none reaches the values that were not chosen", int(v.grad.any(-1).sum()) == 1)
claim("none reaches the query or the keys", q.grad is None and k.grad is None)

# %% slide="fragment"
predict.answer(
    "the value that was chosen, and nothing else",
    "because the answer is that value, copied. Query and keys only decide which one, and a "
    "**choice** passes nothing back: so neither of them can improve.",
)

# %% [markdown]
# There are ways around a step: try choices at random and reward the good ones (REINFORCE), or pretend on the way back that there was none
# (straight-through). Both have their uses. The next chapter takes the step away.

# %% [markdown]
# ## Further · A dictionary from lists  (18 minutes)
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
# So at a hundred thousand entries a read of a dictionary still compares about one key. Now build one. A bucket holds a *chain*: a list of (key, value) pairs.
#
# ### Exercise 1.5 · A dictionary from lists  (10 minutes, about 12 lines)
# Write `put`, `get` and `__len__`, on lists only: no `dict`, no `set`. A key may be anything that has a hash, and None is a value like any other. The table keeps as many buckets as it was given.
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
# How many keys does a read compare if there are a thousand entries? That depends on the buckets. (Counted here on the course's
# own table, so that everybody sees the same numbers.)

# %%
predict(
    "A thousand entries, in one bucket and in a thousand: how many keys does a read compare?",
    "1,000 and 1", "about 500 and 1", "about 500 and about 30", "1 and 1",
)

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
# *With one bucket a read is a scan. With as many buckets as entries it compares about one key.*

# %%
claim("one bucket: a read compares hundreds of keys", compared[0] > 300)
claim("as many buckets as entries: a read compares one or two", compared[5] <= 2)

# %%
predict.answer(
    "about 500 and 1",
    "because a scan finds its key in the middle on average. In as many buckets it is exactly 1 "
    "here, since whole numbers spread evenly; words would share some buckets.",
)

# %% [markdown]
# So a table must get more buckets as it fills. Yours keeps those it was given; Python's adds buckets as it goes, and so its reads stay fast at
# any size.

# %%
predict.score()

# %% [markdown] slide="slide"
# ## In short
#
# - A dictionary promises a unique key, one value, and a read whose time does not grow; a hash makes it so.
# - The same lookup is two products: `query @ key.mT` says where, `@ value` fetches what.
# - In this form a read compares every key, and the keys may be any numbers.
# - The nearest key answers every query, in jumps.
# - Between its jumps the slope is zero, and at a jump there is none: so the choice passes no gradient to query or keys.

# %% [markdown]
# ## Before you go on
#
# <details><summary>Why does a dictionary of a million entries read as fast as one of ten?</summary>The hash names one bucket, and the number of buckets grows with the number of entries, so a chain stays about one entry long.</details>
# <details><summary>Which part of the nearest lookup can learn by gradient, and which cannot?</summary>The chosen value can. The query and the keys cannot: a small move of theirs changes nothing, almost everywhere.</details>
# <details><summary>What did the control in the last experiment rule out?</summary>That the descent itself, its rate or its slopes were at fault: with a smooth loss they arrive.</details>

# %% [markdown]
# **An open question.** A hash compares about one key, and knows nothing of nearness. The product of matrices knows nearness, and compares every key. Can a lookup have both? *Locality-sensitive hashing* gives near keys the same bucket with high probability; Reformer (below) puts it into attention, and gets an approximation. How much of an exact lookup you can save, and at what loss, is still being worked on.
#
# ## To read on
#
# - Knuth, *The Art of Computer Programming*, volume 3, section 6.4: hashing.
# - Williams 1992, [Simple statistical gradient-following algorithms for connectionist reinforcement learning](https://doi.org/10.1007/BF00992696): REINFORCE.
# - Bengio, Léonard and Courville 2013, [Estimating or propagating gradients through stochastic neurons](https://arxiv.org/abs/1308.3432): straight-through.
# - Kitaev, Kaiser and Levskaya 2020, [Reformer: the efficient transformer](https://arxiv.org/abs/2001.04451): buckets of near keys.
#
# Next: [02 Soft lookup](02_soft_lookup.ipynb), where every key has a say.
