# %% [markdown] slide="slide"
# # 00 · Start here
#
# **19 minutes.** You need a little Python, and to have met a PyTorch tensor once.
#
# After this chapter you can
# - say in one sentence what an attention layer does,
# - read what a check tells you (✓, ✗ or ○), and what a prediction and a claim are,
# - find your way when you are stuck, and know what your machine will make you wait for.
#
# Run a cell with **Shift + Enter**. The first one loads PyTorch, which takes a few seconds the first time.

# %%
import sys

sys.path.insert(0, "..")
print("PyTorch is loading, which takes a few seconds.", flush=True)

import torch

from utils import data, plots
from utils.checks import check, claim

torch.manual_seed(0);

# %% [markdown] slide="slide"
# ## Attention in one picture
#
# Give a Python dictionary the exact key, and it gives you the key's value at once. A neural network would like to look things
# up too, but it has no exact keys. All it has is a few numbers that say, more or less, what it needs right now: a **query**.
#
# An attention layer is a dictionary for such a network. It compares the query with *every* **key**, turns the matches into **weights**
# that sum to one, and returns the **values**, blended in these proportions.
#
# Before a result is shown, the course asks what you expect. Take a guess with a click: nothing waits for it and nothing depends on it, but a result that you have predicted stays with you longer. The next picture has six words with a key each, and a query that lies between lemon and orange.

# %% slide="slide"
from utils.predictions import predict

predict("How many of the six words get a weight above zero?", "1: the nearest", "2: lemon and orange", "all 6")

# %% slide="subslide"
words, key, value = data.small_dictionary()
query = torch.tensor([0.0, 0.9])
plots.plane(words, key, value, query, temperature=0.3);

# %% [markdown] slide="fragment"
# *Left: six words, each with a key (its place) and a value (its colour), and a query between lemon and orange. Middle: the weight of each
# word, rounded. Right: the answer, a colour between lemon and orange. (Chapter 02 explains `temperature`.)*
#
# What a chapter says happens, it tests in front of you. Such a test is a **claim**: it prints ✓ and the sentence if that holds on your machine, and stops with an error if it does not.

# %%
weights = (key @ query / 0.3).softmax(0)  # one number per word; chapter 02 takes this line apart
best_two = {words[j] for j in weights.topk(2).indices}
claim("lemon and orange have the two largest weights", best_two == {"lemon", "orange"})
print(f"the smallest weight is {weights.min():.5f}, that of {words[weights.argmin()]}")
claim("no word is left out: every weight is above zero", bool((weights > 0).all()))

# %% slide="fragment"
predict.answer(
    "all 6",
    "because the shares are exponentials, as chapter 02 shows, and those are above zero even for the worst "
    "match. The picture writes <.01 where two digits would show zero.",
)

# %% [markdown] slide="slide"
# Nobody stored an entry for "between lemon and orange", and still the lookup answered. And since the answer changes smoothly when
# the query moves, a network can *learn* to ask better, by small steps that each make it a little less wrong. (Backpropagation finds their direction.) That is the whole idea. The course takes it from here to
# the models of today, and changes one thing at a time.

# %% [markdown]
# ## Your machine
#
# Every chapter runs on an ordinary processor; a graphics card is not needed. Each chapter that you open has a Python process of its own, a
# **kernel**, of up to 1.4 GB. Closing the tab leaves it running, so end it when you are done: *File → Close and Shut Down Notebook*.

# %%
import platform
import time

print("Python ", platform.python_version())
print("PyTorch", torch.__version__)
print("device ", "cuda: " + torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu")
print("threads", torch.get_num_threads())

# %% [markdown]
# How long will you wait? The minutes and seconds in this course are those of two processor cores. Here is yours at work, multiplying
# matrices.

# %%
matrix = torch.randn(1000, 1000)
matrix @ matrix  # the first one warms up
start = time.perf_counter()
for _ in range(20):
    matrix @ matrix
speed = 20 * 2 * 1000**3 / (time.perf_counter() - start) / 1e9
print(f"{speed:.0f} billion multiplications and additions per second")

# %% [markdown]
# The times in the text were taken at about 200. At 20, a cell that is said to take ten seconds may take a minute and more: close what else is
# running. In chapters 00 to 02 no cell takes longer than a few seconds.

# %% [markdown] slide="slide"
# ## How an exercise works
#
# An exercise is a function or a class with its inside missing. You write the inside. The cell below it checks your code against the
# course's own, on inputs small and large, and answers with one of three signs:
#
# | sign | it means | what then |
# |---|---|---|
# | ○ | nothing there yet | write it, or read on |
# | ✗ | it differs, and this is how | read the sentence, mend it, run both cells again |
# | ✓ | it agrees on every case | your version is used in the rest of the chapter |
#
# With ○ and ✗ the chapter uses the course's version instead, so nothing is ever blocked. You can read all of it first and solve the
# exercises later.

# %% [markdown]
# Three things that a check looks at besides the result: what your code passes back in a gradient, so compute with PyTorch and not with NumPy; the tensors that it was given,
# which should stay as they are; and that the answer is your own. PyTorch and what you wrote yourself will do, but the course's `utils` will not, because it is not
# there when a notebook is graded, in a class say.
#
# Say somebody is asked to double a number, and writes this:

# %% slide="subslide"
check("double", lambda x: x * x);

# %% [markdown]
# The check has seen this mistake before, and says so. When it has not, it shows the smallest case that fails: what went in, what should
# have come out, and what did.

# %% slide="fragment"
check("double", lambda x: 2 * x + 0.25);

# %% [markdown] slide="slide"
# ### Exercise 0.1 · Double  (1 minute, one line)
# Your turn: return twice x.
#
# <details><summary>Hint</summary><code>return</code> the answer rather than printing it, and leave the <code>x</code> that you were given as it is.</details>

# %% exercise="double" slide="fragment"
def double(x):
    """Twice x, for a number or a tensor of numbers."""
    # BEGIN SOLUTION
    return 2 * x
    # END SOLUTION


# %% slide="fragment"
double = check("double", double)

# %% [markdown] tags=["solution"]
# `x *= 2` would pass for a number and fail for a tensor, because it writes into the tensor that the caller still holds. Numbers cannot be
# changed, but tensors can. The checks look for that in every exercise.

# %% [markdown]
# From here on your version is used if it passed, and otherwise the course's:

# %%
claim("double doubles", double(21) == 42)

# %% [markdown]
# ### When you are stuck
#
# 1. Read the sentence of the check once more. It says what your code *does*; the task says what it should do.
# 2. Open the hints below the task. The first is gentle, the last is nearly the answer.
# 3. Print shapes, because a great many mistakes come from a wrong axis.
# 4. Look at the same chapter in the folder `solutions/`, beside this one, with the reason behind each answer. It is there to be read. (Started with
#    the README's command, JupyterLab shows `chapters/` only; `jupyter lab` in the top folder shows both.)
#
# A check stops your code after five seconds, so that is all an endless loop costs you. Only one thing can hold it longer: a single call
# into compiled code that does not come back (a matrix product of millions by millions, say). Then restart the kernel (**Kernel → Restart**)
# and run the cells again.

# %% [markdown]
# ## Where you stand, and how to go on tomorrow
#
# Every check of an answer is kept, in the file `progress.sqlite` of the course's folder. This is what it says now; run the cell again
# whenever you like to know, after you have saved the notebook (Ctrl + S): what you wrote is read from its file. (In a terminal: `python -m utils.progress`.)

# %%
from utils import progress

progress.table()

# %% [markdown]
# At its end a chapter counts your predictions, too:

# %%
predict.score()

# %% [markdown]
# Save a chapter before you leave it (Ctrl + S): your answers are in its file and nowhere else. When you open it again, its outputs are
# still there, but its kernel is new and knows nothing of them: the first check would raise `NameError: name 'check' is not defined`. So
# click into the cell where you want to go on, and choose *Run → Run All Above Selected Cell*.

# %% [markdown]
# ## Words and shapes
#
# The field's own words, used in every chapter. Come back here when one escapes you.
#
# | idea | maths | code | shape |
# |---|---|---|---|
# | what is sought | $q_i$, $Q$ | `query` | `(Tq, Dk)` |
# | what is offered for matching | $k_j$, $K$ | `key` | `(Tk, Dk)` |
# | what is carried away | $v_j$, $V$ | `value` | `(Tk, Dv)` |
# | how well they match | $e_{ij}$ | `scores` | `(Tq, Tk)` |
# | their share of the vote, after softmax over the keys | $\alpha_{ij}$ | `weights` | `(Tq, Tk)` |
# | weighted sum of the values | $c_i = \sum_j \alpha_{ij} v_j$ | `context` | `(Tq, Dv)` |
# | who may look where, True = may attend | $M$ | `mask` | `(Tq, Tk)` |
#
# `Tq` and `Tk` count queries and keys, `Dk` and `Dv` are the widths of a key and of a value; *i* runs over queries and rows, *j* over keys and
# columns. Batches `B` and heads `H` stand in front: `(B, H, Tq, Dk)`.

# %% [markdown]
# ## The map
#
# One operation, `lookup(query, key, value)`, and one change per chapter.
#
# The minutes are those without what is called *Further* in a chapter: you can leave that out, because nothing later needs it.
#
# | chapter | minutes | what changes |
# |---|---|---|
# | [01 Dictionaries](01_dictionaries.ipynb) | 55 | exact lookup becomes a matrix product; the nearest key answers any query |
# | [02 Soft lookup](02_soft_lookup.ipynb) | 105 | every key answers, in proportion to its match: gradients flow |
# | [03 A dictionary that learns](03_a_dictionary_that_learns.ipynb) | 89 | keys and values start as random numbers, or are computed from an input |
# | [04 The bottleneck](04_the_bottleneck.ipynb) | 90 | a recurrent network without a lookup: what is far, and what does not fit |
# | [05 Bahdanau attention](05_bahdanau_attention.ipynb) | 105 | a decoder asks the encoder's states at every step |
# | [06 Queries, keys and values](06_queries_keys_and_values.ipynb) | 135 | the match becomes a product; every position of a sequence asks, several times at once |
# | [07 Layer thirteen](07_layer_thirteen.ipynb) | 145 | a late layer asks what the first one knew; what carries it there, and what does not |
# | [08 Deep attention models](08_deep_attention_models.ipynb) | 140 | lookups in layers: one writes a dictionary that the next one reads |
# | [09 Fast attention](09_fast_attention.ipynb) | 140 | the same numbers without the matrix of weights, and what a lookup costs |
# | [10 Generation](10_generation.ipynb) | 135 | the dictionary grows by one key for each token that is written |
# | [11 Many GPUs](11_many_gpus.ipynb) | 115 | keys and values go from machine to machine, and one sum makes many trainings one |
# | [12 The promise reread](12_the_promise_reread.ipynb) | 20 | nothing: what was promised, beside what was shown |

# %% [markdown] slide="slide"
# ## In short
#
# - Attention is a lookup with a query that need not equal any key.
# - Every key gets a weight, the weights sum to one, and the answer is the weighted sum of the values.
# - ✓ agrees, ✗ differs and says how, ○ is not attempted; nothing blocks the way.
# - A prediction is a guess before a result. A claim is a sentence that the notebook has just tested.
# - Shapes are half of the work: `(Tq, Dk)` meets `(Tk, Dk)`, and gives `(Tq, Tk)`.
#
# Next: [01 Dictionaries](01_dictionaries.ipynb), where it begins with Python's own.
