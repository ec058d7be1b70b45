# %% [markdown] slide="slide"
# # 12 · The promise reread
#
# **20 minutes.** You need [chapter 07](07_layer_thirteen.ipynb), and what came before it. There is no exercise.
#
# After this chapter you can
# - say what was promised of attention at the start, and which part of it holds, under which conditions,
# - name for each part the experiment that tested it,
# - name what this course has not shown.

# %%
import sys

sys.path.insert(0, "..")
print("PyTorch is loading, which takes a few seconds.", flush=True)

import torch

from utils import data, plots
from utils.checks import check, claim

torch.manual_seed(0);

# %%
from torch import nn
from torch.nn import functional as F

from utils import attention, models

torch.set_num_threads(1)
words, key, value = data.small_dictionary()

# %% [markdown]
# This course grew from a page of text about attention in deep learning. Here it is read once more, sentence after sentence, in words of our own. Each stands beside the experiment that tested it. What takes a second is run again; for the rest, the chapter is named whose cells assert it.

# %% [markdown] slide="slide"
# ## "Networks learn by small steps, so what they learn has to be smooth"
#
# It holds as far as they follow a slope, and it is why our lookups are soft (chapters 01 and 02; there are ways around a step, which chapter 01 names). Move the query a little, to where it is still nearest to the same word:

# %% slide="fragment"
before_and_after = torch.tensor([[0.30, 0.9], [0.31, 0.9]])  # two queries


def change(answers):
    return (answers[1] - answers[0]).abs().max().item()


changes = {"nearest key": change(value[(before_and_after @ key.mT).argmax(-1)])}
for temperature in (0.3, 0.001):
    answers = attention.soft_lookup(before_and_after, key, value, temperature)
    changes[f"soft, temperature {temperature}"] = change(answers)
print({name: f"{size:.0e}" for name, size in changes.items()})
claim("the nearest key's answer does not move at all", changes["nearest key"] == 0)
claim("the soft lookup's answer moves with the query", changes["soft, temperature 0.3"] > 1e-3)
claim("but hardly where it is sharp: smooth means soft enough", changes["soft, temperature 0.001"] < 1e-6)

# %% [markdown] slide="slide"
# ## "An attention layer is a dictionary, differentiable, and read with a query"
#
# With keys that do not resemble each other, and sharp, it *is* the dictionary. With any other query it returns what the best keys hold, in proportion:

# %% slide="fragment"
one_hot = torch.eye(6)
exact = attention.soft_lookup(one_hot, one_hot, value, 0.01)
claim("asked with a key of its own, it gives that key's value", torch.allclose(exact, value, atol=1e-6))
weights = (key @ torch.tensor([0.0, 0.9]) / 0.3).softmax(0)
print({word: f"{weight:.2f}" for word, weight in zip(words, weights.tolist(), strict=True)})
most, best = weights.topk(2)
between = {words[j] for j in best} == {"lemon", "orange"}
claim("between lemon and orange, these two have most of the weight", between and most.sum() > 0.5)

# %% [markdown] slide="slide"
# ## "A dictionary is very fast to read"
#
# Python's is: it finds a key without looking at the others. An attention layer is **not** like it in this. It compares the query with every key, so a lookup takes longer, the more there is. Chapter 01 counted the first, and chapter 09 is about the second: how to move less. To compute less than all comparisons, it has to give up keeping every key.


# %% slide="fragment"
class Counted(str):
    """A word that counts how often it is compared."""

    compared = 0
    __hash__ = str.__hash__

    def __eq__(self, other):
        Counted.compared += 1
        return str.__eq__(self, other)


for size in (100, 10_000):
    table = {Counted(f"word {i}"): i for i in range(size)}
    Counted.compared = 0
    assert table[Counted("word 7")] == 7
    scores = torch.randn(1, 8) @ torch.randn(size, 8).mT
    print(f"{size:6,} entries: a dictionary compares {Counted.compared} key, attention {scores.numel():,}")
claim("one or two keys compared among ten thousand", Counted.compared <= 2)

# %% [markdown] slide="slide"
# ## "Nobody gives it its contents: it starts at random, and the task teaches it"
#
# It holds, and it is the heart of chapter 03. Eight keys and values, random at first; nobody says which slot is whose. The control has the same slots, and gives all of them the same weight.


# %% slide="fragment"
class Slots(nn.Module):
    def __init__(self, even):
        super().__init__()
        self.even = even
        self.key, self.value = nn.Parameter(torch.randn(8, 2)), nn.Parameter(0.1 * torch.randn(8, 3))

    def forward(self, query):
        scores = query @ self.key.mT / 2**0.5
        return (scores * (not self.even)).softmax(-1) @ self.value


right = {}
for even in (False, True):
    slots = Slots(even)
    optimizer = torch.optim.Adam(slots.parameters(), lr=0.05)
    for _ in range(400):
        optimizer.zero_grad()
        F.mse_loss(slots(key), value).backward()
        optimizer.step()
    right[even] = (torch.cdist(slots(key), value).argmin(-1) == torch.arange(6)).sum().item()
print(f"colours that come back, of six: {right[False]}, and with even weights {right[True]}")
claim("learned from the task alone, all six come back", right[False] == 6)
claim("with even weights they do not: it is choosing that helps", right[True] <= 2)

# %% [markdown]
# Chapter 03 added a surprise: random keys that never learn do as well on a small task, since values can learn around them. And it learns much better from a soft start.
#
# "**Keys and values are parts of the input**" holds from the second half of chapter 03 on: there maps are learned, and the contents come from what is read. In chapter 05 they are the states of a sentence, in 06 the tokens themselves.

# %% [markdown] slide="slide"
# ## "In a deep or recurrent model, what is needed may be very far away"
#
# How much does the last state of a plain recurrent network feel of an input 50 steps before? And the answer of an attention that looks at all states alike?

# %% slide="fragment"
x = torch.randn(1, 60, 8, requires_grad=True)
states = nn.RNN(8, 32, batch_first=True)(x)[0]  # (1, 60, 32)
felt = {"last state": states[0, -1], "mean of all states": states[0].mean(0)}
for name, result in felt.items():
    gradient = torch.autograd.grad(result.square().sum(), x, retain_graph=True)[0][0].norm(dim=-1)  # (60,)
    felt[name] = (gradient[9] / gradient[59]).item()
    print(f"{name:20} 50 steps before, over the last step: {felt[name]:.0e}")
claim("through the steps under 1e-8 is left", felt["last state"] < 1e-8)
claim("through an even look over a hundredth", felt["mean of all states"] > 0.01)

# %% [markdown]
# It holds for plain networks, in how they *start*. But attention is not the only cure: an LSTM whose gate starts open feels the first steps as well (chapter 04). What no gate changes is the size of the state: at a given budget there was a length from which a sentence did not come through, and there Bahdanau's attention won, at the same budget and beside three controls (chapter 05).

# %% [markdown] slide="slide"
# ## "Layer thirteen needs what the input said"
#
# Without attention it would have to be carried through every layer between, and might get lost. The size of what differs from input to input, in chapter 07's networks before any training:


# %% slide="fragment"
def left_at_12(**kind):
    torch.manual_seed(0)
    network = models.DeepNetwork(4, **kind)
    with torch.no_grad():
        states = network.states(*data.table_questions((500,), 4, torch.Generator().manual_seed(0)))
    sizes = [state.std(0).mean() for state in (states[0], states[12])]
    return (sizes[1] / sizes[0]).item()


left = {"plain layers": left_at_12(), "with a residual connection": left_at_12(residual=True)}
for name, share in left.items():
    print(f"{name:28} {share:.1e} of the signal is left at layer 12")
claim("plain layers lose over 99 % of the signal", left["plain layers"] < 0.01)
claim("with a residual connection none of its size is lost", left["with a residual connection"] > 0.9)

# %% [markdown]
# So it holds, under conditions, and chapter 07 is about these:
# - **A residual connection alone carries a small table** to layer 13, with every seed. A lookup in the input won where carrying is noisy, or where more has to be carried than one state *learned* to hold in the time (it could hold it).
# - It is *not* the vanishing gradient that loses the table, as is often said: where the gradient vanished and the signal did not, the network learned it. What loses it is a signal too small to read, and layers that tangle it, with other work or by their kind. And something about training the lower layers stayed open.
# - "**At any time, at once**": yes, where the query gets there. Asked at layer 13, an attention to the input found it, whatever the layers between had done. (At layers 4 and 8 plain layers did not need it, and an own query at layer 25 of 28 had about half right.)
# - "**With a query that comes from its present state**": yes. A plain network asked for the slot that its own layers had worked out, and nobody had handed it the question.

# %% [markdown]
# ## "Or it is forgotten: catastrophic forgetting"
#
# That is another thing. What chapter 07 loses, it loses on the way through layers, within one pass. Catastrophic forgetting happens to *weights*, over training on one task after another; an attention layer's maps are weights as well, and it is not their cure. Showing old examples again was.

# %% [markdown] slide="slide"
# ## The promise in one table
#
# | the promise | | tested in |
# |---|---|---|
# | learning is smooth | holds, where the softmax is soft | 01, 02 |
# | a differentiable dictionary, read with a query | holds | 02, 03 |
# | fast to read | does not hold: each lookup reads every key | 01, 09 |
# | contents learned from the task alone | holds | 03 |
# | keys and values are parts of the input | holds | 03, 05, 06 |
# | far away is lost | holds for plain networks as they start; gates and residual connections help as well | 04, 07 |
# | attention brings it back, at once and at any layer | holds, where the query gets there | 05, 07 |
# | layer 13 needs it | not for a small table; it wins where carrying is noisy, or much has to fit | 07 |
# | the query comes from the state | holds | 05, 07 |
# | too noisy when updating the gradients | seen above layers whose signal had vanished; a small gradient is no noisier | 07 |
# | catastrophic forgetting | another thing | 07 |

# %% [markdown]
# ## What this course has not shown
#
# - **Size.** The networks that you trained have some hundred thousand numbers, and the texts were number names and Python. What appears only in models a thousand times as large, nobody can see here.
# - **Why training finds it.** It was shown *that* the lookup is learned, by which networks and from which starts; of how it comes about only pieces (chapter 03's start, chapter 08's first layer).
# - **That weights explain.** A large weight is where a network looked, not why it answered. Chapter 05 pointed looks elsewhere, chapter 08 took heads away; in a large model this is research.
# - **GPUs.** Times in the course are a processor's; what chapters 09 and 11 say of GPUs are bounds, from published figures.
# - **What else there is.** Networks with a state of fixed size that is written well (chapter 09 had two) are alternatives to a dictionary that grows, and many models today mix both.
#
# Where to go on: Weng 2018, [Attention? Attention!](https://lilianweng.github.io/posts/2018-06-24-attention/), for the history; Elhage et al. 2021, [A mathematical framework for transformer circuits](https://transformer-circuits.pub/2021/framework/index.html), for what heads do together; and the papers that each chapter names at its end, which you can read now.

# %% [markdown]
# ## Before you go on
#
# <details><summary>"An attention layer is a dictionary, so a lookup takes the same time however much is in it." What is wrong?</summary>A dictionary finds a key without looking at the others. A soft lookup compares the query with every key, and so takes longer, the more there are.</details>
# <details><summary>"Attention helps because without it the gradient vanishes." Which experiment would you ask for?</summary>One in which the gradient vanishes and the signal does not. Chapter 07 ran it: hardly anything was lost.</details>
# <details><summary>When is a residual connection enough, and when would you add attention?</summary>It carried a small table to layer 13 with every seed. Attention helps where carrying is noisy, and where there is more to learn to carry.</details>

# %% [markdown]
# ## The first picture, once more
#
# Chapter 00 began with a query that somebody had placed. Now nobody does. It starts at random, and learns from one wish alone: a colour half way between lemon's and orange's.

# %% slide="slide"
wish = (value[words.index("lemon")] + value[words.index("orange")]) / 2
learned = torch.randn(1, 2, requires_grad=True)
optimizer = torch.optim.Adam([learned], lr=0.05)
start = learned.detach().clone()
for _ in range(300):
    optimizer.zero_grad()
    F.mse_loss(attention.soft_lookup(learned, key, value, 0.3)[0], wish).backward()
    optimizer.step()
plots.plane(words, key, value, learned.detach()[0], temperature=0.3, reach=2.1)
best = (learned.detach()[0] @ key.mT).topk(2).indices
print("the query went from ({:.2f}, {:.2f}) to ({:.2f}, {:.2f})".format(*start[0], *learned.detach()[0]))
claim("to where lemon and orange answer", {words[j] for j in best} == {"lemon", "orange"})

# %% [markdown] slide="fragment"
# *The picture of chapter 00. What has changed is who asks. The query went out beyond the keys: the longer it is, the less weight is left for the other four.*
