# %% [markdown]
# # 04 · The bottleneck
#
# **70 minutes.** You need [chapter 03](03_a_dictionary_that_learns.ipynb), above all its last idea: a state that asks, an input that answers.
#
# After this chapter you can
# - write a recurrent network that respects padding, and say why it is a very deep one,
# - measure how far back a gradient reaches, and what changes that,
# - show where a translation through one vector breaks, and what more width and training buy.

# %%
import sys

sys.path.insert(0, "..")
print("PyTorch is loading, which takes a few seconds.", flush=True)

import torch

from utils import data, plots
from utils.checks import check, claim

torch.manual_seed(0);

# %%
torch.set_num_threads(1)  # for models as small as these, more threads only get in each other's way
plots.encoder_decoder(["sixty", "three"], ["drei", "und", "sechzig"]);

# %% [markdown]
# *An encoder reads English, a decoder writes German, and all that passes between them is one vector. The sentence may have two words or twenty: the vector stays as long as it is. Two things
# can go wrong on this way, and this chapter shows them one by one: what is far back is hard to **learn** from, and what is long does not **fit**.*
#
# ## A network as deep as the sentence is long
#
# A recurrent network reads one word at a time and keeps a state: $h_t = \tanh(x_t W_x + h_{t-1} W_h + b)$. By hand, with every size one: input 1, state 0.5, $W_x = 2$, $W_h = -1$ and
# $b = 0$ give tanh(2 − 0.5) = tanh(1.5) = 0.905.
#
# ### Exercise 4.1 · One step of a recurrent network  (4 minutes, about 1 line)
# Write the formula above for a whole batch: a row of x and of h for each sequence.
#
# <details><summary>Hint</summary>Two matrix products, a sum, and <code>torch.tanh</code> around all of it.</details>


# %% exercise="rnn_step"
def rnn_step(x, h, W_x, W_h, b):
    """The next state (B, Dh) from an input x (B, Dx) and the state h (B, Dh): tanh(x W_x + h W_h + b).

    W_x (Dx, Dh), W_h (Dh, Dh), b (Dh,).
    """
    # BEGIN SOLUTION
    return torch.tanh(x @ W_x + h @ W_h + b)
    # END SOLUTION


# %%
rnn_step = check("rnn_step", rnn_step)

# %% [markdown]
# Sentences in a batch have different lengths, so the short ones are filled up: *padding*. A network must not read padding, or a sentence would mean something else in
# other company. So when a sentence has ended, its state stays what it was.
#
# ### Exercise 4.2 · A whole sentence, and no padding  (10 minutes, about 6 lines)
# Give the states after every step, (B, T, Dh). `lengths` (B,) says how many inputs of each sentence count; the rest may be any numbers.
#
# <details><summary>Hint 1</summary>A loop over t; <code>x[:, t]</code> is the input of all sentences at step t. Collect the states and <code>torch.stack(states, 1)</code> them.</details>
# <details><summary>Hint 2</summary><code>(t &lt; lengths)[:, None]</code> says which sentences still go on. <code>torch.where(going_on, new, old)</code> chooses.</details>


# %% exercise="run_rnn"
def run_rnn(x, lengths, h0, W_x, W_h, b):
    """The states (B, T, Dh) of a recurrent network that reads x (B, T, Dx) from the state h0 (B, Dh) on.

    lengths (B,): how many inputs of each sequence count, 0 to T. After them its state stays what it was.
    """
    # BEGIN SOLUTION
    h, states = h0, []
    for t in range(x.size(1)):
        going_on = (t < lengths)[:, None]  # (B, 1)
        h = torch.where(going_on, rnn_step(x[:, t], h, W_x, W_h, b), h)
        states.append(h)
    return torch.stack(states, 1)
    # END SOLUTION


# %%
run_rnn = check("run_rnn", run_rnn)

# %% [markdown] tags=["solution"]
# `torch.where` takes the old state where the sentence is over. Multiplying by a mask of zeros would forget the state instead of keeping it.

# %%
from torch import nn

library = nn.RNN(16, 32, batch_first=True)
W_x, W_h, b = library.weight_ih_l0.mT, library.weight_hh_l0.mT, library.bias_ih_l0 + library.bias_hh_l0
x, h0 = torch.randn(4, 7, 16), torch.zeros(4, 32)
states = run_rnn(x, torch.tensor([7, 3, 5, 1]), h0, W_x, W_h, b)
alone, _ = library(x[1:2, :3])  # the second sentence by itself, three inputs long
claim("on a full sentence it is PyTorch's own nn.RNN", torch.allclose(states[0], library(x)[0][0], atol=1e-6))
claim(
    "a short sentence ends as it would alone, padding or not",
    torch.allclose(states[1, -1], alone[0, -1], atol=1e-6),
)

# %% [markdown]
# Look at what happens to the first input. It goes through `rnn_step` once for every later word: a sentence of 50 words is a network of 50 layers, all with the same
# weights. What the last state knows of the first word has come through all of them. And so does the gradient, on its way back.
#
# ## How far back does a gradient reach?
#
# By hand, with states of one number: $\partial h_t / \partial h_{t-1} = (1 - h_t^2)\,W_h$. Each step back multiplies by such a factor.

# %%
factor = 0.5
{f"{steps} steps back": f"{factor**steps:.1e}" for steps in (1, 5, 20, 50)}

# %% [markdown]
# After 50 steps a factor of one half has left a part in 10¹⁵. A factor of 2 would have exploded. Measure it on real networks.
#
# ### Exercise 4.3 · The gradient by distance  (12 minutes, about 4 lines)
# `model` maps inputs (B, T, D) to outputs (B, K), read at the end. How large is the gradient of the sum of its outputs at the input d steps before the last? For each d, the mean over the batch of the gradient's norm.
#
# <details><summary>Hint 1</summary>Make a copy that wants a gradient: <code>x = x.detach().clone().requires_grad_()</code>.</details>
# <details><summary>Hint 2</summary><code>torch.autograd.grad(model(x).sum(), x)</code> returns a tuple with one gradient, (B, T, D).</details>
# <details><summary>Hint 3</summary>The norm over D, the mean over B, and then turn the order round: distance 0 is the <em>last</em> input.</details>


# %% exercise="gradient_by_distance"
def gradient_by_distance(model, x):
    """(T,): at d, the mean over the batch of the norm of ∂(sum of outputs)/∂x d steps before the last one.

    model maps x (B, T, D) to outputs (B, K). The result carries no gradient.
    """
    # BEGIN SOLUTION
    x = x.detach().clone().requires_grad_()
    (gradient,) = torch.autograd.grad(model(x).sum(), x)  # (B, T, D)
    return gradient.norm(dim=-1).mean(0).flip(0)
    # END SOLUTION


# %%
gradient_by_distance = check("gradient_by_distance", gradient_by_distance)

# %% [markdown] tags=["solution"]
# The norm comes before the mean: gradients of different sentences point in different directions, and their mean would cancel.

# %% [markdown]
# Four networks that read a sequence and answer at its end. Three carry everything in their state. The fourth is the same GRU and may also *ask*: the last state makes a query,
# all states make keys, and what it finds is put beside what it knows. You wrote that in chapter 03.


# %%
class Reader(nn.Module):
    """Reads symbols (B, T), gives logits (B, 8) at the end; with attention its last state looks back at all."""

    def __init__(self, recurrent=nn.GRU, attention=False, width=32):
        super().__init__()
        self.embedding = nn.Embedding(10, 16)
        self.recurrent = recurrent(16, width, batch_first=True)
        self.W_q, self.W_k = nn.Linear(width, width, bias=False), nn.Linear(width, width, bias=False)
        self.out = nn.Linear(2 * width if attention else width, 8)
        self.attention = attention

    def read(self, x):
        states, _ = self.recurrent(x)  # (B, T, width)
        last = states[:, -1]
        if not self.attention:
            return self.out(last)
        query, key = self.W_q(last)[:, None], self.W_k(states)
        weights = torch.softmax(query @ key.mT / key.size(-1) ** 0.5, -1)  # (B, 1, T)
        return self.out(torch.cat([last, (weights @ states)[:, 0]], -1))

    def forward(self, symbols):
        return self.read(self.embedding(symbols))


# %% [markdown]
# **Predict.** All four are untrained. At a distance of 50, how much smaller is the gradient than at distance 0? In each?

# %%
kinds = {
    "RNN": {"recurrent": nn.RNN},
    "GRU": {},
    "LSTM": {"recurrent": nn.LSTM},
    "GRU + attention": {"attention": True},
}
x = torch.randn(64, 101, 16)
reach = {}
for name, options in kinds.items():
    torch.manual_seed(0)
    reach[name] = gradient_by_distance(Reader(**options).read, x)
plots.curves(range(101), reach, "distance from the end", "size of the gradient", log="y", ylim=(1e-20, None));

# %% [markdown]
# *On a logarithmic axis the three recurrent networks fall in straight lines: exponentially. With attention the curve falls for a few steps, where the state still carries, and then stays level: that part
# came through the lookup, in one step from anywhere.*

# %%
for name, curve in reach.items():
    print(f"{name:16}", "  ".join(f"distance {d}: {curve[d]:.1e}" for d in (0, 5, 20, 50)))
claim(
    "in a GRU, at distance 50, less than 1e-8 of the near gradient is left",
    reach["GRU"][50] < 1e-8 * reach["GRU"][0],
)
claim("in an LSTM, too", reach["LSTM"][50] < 1e-8 * reach["LSTM"][0])
claim(
    "with attention, more than a hundredth is",
    reach["GRU + attention"][50] > 1e-2 * reach["GRU + attention"][0],
)

# %% [markdown]
# Is it level for ever? The weights of an untrained lookup are nearly equal, 1/T each, so a longer sequence leaves less for each place. Measure the *first* input's gradient for sequences of different
# lengths:

# %%
lengths = [5, 10, 20, 50, 100]
first = {}
for name in ("GRU", "GRU + attention"):
    torch.manual_seed(0)
    model = Reader(**kinds[name])
    first[name] = torch.stack([gradient_by_distance(model.read, x[:, :length])[-1] for length in lengths])
first["1 / T, for its slope"] = first["GRU + attention"][0] / torch.tensor(lengths)
plots.curves(lengths, first, "length T", "gradient at the first input", log="xy", ylim=(1e-20, None));

# %% [markdown]
# *With attention the gradient falls like 1/T: the two lines are parallel. Without, it falls exponentially. That is the honest sentence: not "constant", but **1/T against exponential**.*

# %%
with_attention = first["GRU + attention"] * torch.tensor(lengths)
print("gradient × T, with attention:", [f"{value:.2f}" for value in with_attention.tolist()])
steady = with_attention[1:].max() < 1.5 * with_attention[1:].min()
claim("from 10 to 100 steps, gradient times length changes by less than a half", steady)

# %% [markdown]
# ## Does it matter for learning?
#
# A small task that needs memory: a mark, a symbol to remember, 20 random symbols, and then the question: which one was it? One network for each; other seeds gave the same. Eight symbols, so chance is 1/8.

# %%
symbols, answers = data.recall(2, 20, torch.Generator().manual_seed(0))
for row, answer in zip(symbols.tolist(), answers.tolist(), strict=True):
    print(row, "→", answer)

# %% [markdown]
# Three networks, 300 steps each. The third is an honest control: a plain GRU **started to remember**. A GRU has a gate that says how much of the old state to keep; adding 3 to its bias makes it keep
# about 95 % at first. That costs one line and no attention. (The three take about ten seconds.)

# %%
from torch.nn import functional as F

from utils import training


def started_to_remember():
    model = Reader()
    with torch.no_grad():
        model.recurrent.bias_hh_l0[32:64] += 3  # of the three thirds, the update gate's
    return model


def wrong_symbol(model, symbols, answers):
    return F.cross_entropy(model(symbols), answers)


def recall_accuracy(model, distance=20, label=""):
    generator = torch.Generator().manual_seed(0)
    batches = iter(lambda: data.recall(32, distance, generator), None)
    training.train(model, batches, wrong_symbol, 300, clip=1.0, label=label)
    symbols, answers = data.recall(1000, distance, generator)
    return (model(symbols).argmax(-1) == answers).float().mean().item()


# %%
builds = {
    "GRU": Reader,
    "GRU + attention": lambda: Reader(attention=True),
    "GRU started to remember": started_to_remember,
}
recalled = {}
for name, build in builds.items():
    torch.manual_seed(0)
    recalled[name] = recall_accuracy(build(), label=name)
plots.seeds({name: torch.tensor([share]) for name, share in recalled.items()}, "recalled", chance=1 / 8);

# %% [markdown]
# *Behind 20 other symbols: the plain GRU is at chance, the one with attention recalls everything, and so does the one that was started to remember.*

# %%
print({name: f"{share:.3f}" for name, share in recalled.items()})
claim("the plain GRU is at chance after 300 steps", abs(recalled["GRU"] - 1 / 8) < 0.05)
claim("with attention it recalls at least 95 %", recalled["GRU + attention"] >= 0.95)
claim("so does a GRU without attention whose gate starts open", recalled["GRU started to remember"] >= 0.95)

# %% [markdown]
# So distance alone does *not* need attention: to carry **one** symbol over 20 steps, a good start of the gates does as well. (The trick is old: Gers, Schmidhuber and Cummins started the forget gates of their LSTM with a positive bias in 2000, and Jozefowicz, Zaremba and Sutskever made it standard advice in 2015.) What a gate cannot change is the size of the vector. One symbol fits. Does a sentence?
#
# ## A sentence through one vector
#
# Translate number names. Everybody can check the answer, there are plenty of them, and German turns things round: *sixty three* is *drei und sechzig*, "three and sixty".

# %%
corpus = data.number_names("de")  # the first call takes a few seconds, and keeps the names for later
for pair in [corpus.test[i] for i in (0, 150, 620)]:
    print(f"{pair.about:,}\n   {' '.join(pair.source)}\n   {' '.join(pair.target)}")
print(f"{len(corpus.train)} pairs to learn from, {len(corpus.test)} held out;", end=" ")
print(f"{len(corpus.source) - 3} English and {len(corpus.target) - 3} German words")

# %%
learned_from = {pair.about for pair in corpus.train}
claim("no number that is tested was learned from", not any(pair.about in learned_from for pair in corpus.test))

# %% [markdown]
# The network is nearly that of Cho et al. 2014, in small (theirs reads in one direction). An encoder (a GRU, from both ends) reads the sentence and leaves *one vector*, the **context**. The decoder (a GRU too) writes one word after the other: at every step it
# gets the word before, its own state, and the context, which is always the same.
#
# ### Exercise 4.4 · A decoder with a fixed context  (4 minutes, about 1 line)
# `cell(input, state)` gives the next state, as PyTorch's `nn.GRUCell` does. The input is the word before and the context, side by side, in that order.
#
# <details><summary>Hint</summary><code>torch.cat([one, other], -1)</code> puts them side by side.</details>


# %% exercise="fixed_context_step"
def fixed_context_step(y, s, context, cell):
    """The decoder's next state (B, W): from the word before y (B, E), its state s (B, W), a context (B, C)."""
    # BEGIN SOLUTION
    return cell(torch.cat([y, context], -1), s)
    # END SOLUTION


# %%
fixed_context_step = check("fixed_context_step", fixed_context_step)

# %% [markdown]
# The rest of the encoder–decoder is in `utils/models`: embeddings, the two GRUs, and a layer that turns state, word and context into logits. Your step is its heart. A translation counts only if **every** word is right.

# %%
from utils import models

recipe = {"warm_up": 50, "decay": True, "clip": 1.0}  # of the rate and the gradient: see training.train


def train_translator(width, steps, rate):
    torch.manual_seed(0)
    model = models.EncoderDecoder(len(corpus.source), len(corpus.target), step=fixed_context_step, width=width)
    batches, label = corpus.batches(40), f"width {width}, {steps} steps"
    training.train(
        model.to(training.device()), batches, models.translation_loss, steps, rate, label=label, **recipe
    )
    return model


def exact_by_digits(model):
    """For each number of digits, the share of held-out numbers whose whole name comes out right."""
    right = {}
    for pair, words in zip(corpus.test, model.translate(corpus, corpus.test), strict=True):
        right.setdefault(len(str(pair.about)), []).append(tuple(words) == pair.target)
    return {digits: sum(answers) / len(answers) for digits, answers in sorted(right.items())}


# %% [markdown]
# **Predict.** A vector of 64 numbers. Up to how many digits will it do? (About ten seconds. Then three times as many parameters and more steps: twenty more.)

# %%
narrow = train_translator(width=64, steps=320, rate=1e-2)
exact = {"width 64, 320 steps": exact_by_digits(narrow)}

# %%
wide = train_translator(width=128, steps=450, rate=6e-3)
exact["width 128, 450 steps"] = exact_by_digits(wide)
lines = {name: list(shares.values()) for name, shares in exact.items()}
plots.curves(list(exact["width 64, 320 steps"]), lines, "digits of the number", "whole name right");

# %% [markdown]
# *Short numbers come out right, then the curve falls off a cliff. A wider vector, trained longer, moves the cliff to the right; it does not take it away. (100 held-out numbers at each length, 20 with two digits; one seed.)*

# %%
small, large = exact.values()
for name, shares in exact.items():
    print(f"{name:21}", "  ".join(f"{digits}: {shares[digits]:.2f}" for digits in range(2, 13, 2)))
claim("three digits mostly come out right", small[3] > 0.6)
claim(
    "at this budget, under a tenth of the names of 10 to 12 digits is right",
    max(small[d] for d in (10, 11, 12)) < 0.1,
)
claim("more width and training helps: at six digits by over 20 points", large[6] > small[6] + 0.2)
claim("and at twelve it is still under a tenth", large[12] < 0.1)

# %%
example = next(pair for pair in corpus.test if len(str(pair.about)) == 8)
print(" ".join(example.source))
print("wanted:      ", " ".join(example.target))
print("width 64:    ", " ".join(narrow.translate(corpus, [example])[0]))
print("width 128:   ", " ".join(wide.translate(corpus, [example])[0]))

# %% [markdown]
# Look at *how* it fails: still a German number name, millions before thousands before hundreds, and mostly with the right beginning. How mostly?

# %%
long = [pair for pair in corpus.test if len(str(pair.about)) >= 8]
failed = [
    (words, pair.target)
    for words, pair in zip(narrow.translate(corpus, long), long, strict=True)
    if tuple(words) != pair.target
]
first_right = sum(words[:1] == [wanted[0]] for words, wanted in failed) / len(failed)
agree = [[word == other for word, other in zip(*pair, strict=False)] + [False] for pair in failed]
first_wrong = sorted(same.index(False) + 1 for same in agree)
print(f"of {len(failed)} failures with 8 digits or more, {first_right:.0%} have the first word right;", end=" ")
print(f"the first wrong word is number {first_wrong[len(first_wrong) // 2]} (median)")
claim("most failures begin with the right word", first_right > 0.5)

# %% [markdown]
# The network has learned how German numbers are called. It does not remember *which* number it was.
#
# ### What may be said
#
# Not "a fixed vector cannot". It is a matter of budget: with width 128 and 2000 steps (over a minute; change the numbers above and try) this same network got about .9 at eight digits, between .4 and .5 at ten, and .1 to .15 at twelve, with small differences between machines. More width, data
# and time moves the cliff further. What stays is the *shape*: accuracy falls with length, since everything has to be in a vector whose size does not know how long the sentence is. Cho et al. (2014)
# drew this curve for English and French: the quality of translation falls quickly as sentences get longer.
#
# What the experiment does not separate: *fitting* into the vector and *learning* to put things there. Both are at work, and both have the same cure.
#
# ## In short
#
# - A recurrent network is as deep as its input is long; what is far back comes through every step.
# - At the usual start its gradient falls exponentially with distance; through a lookup it falls like 1/T.
# - For one symbol a gate that starts open does as well as attention. Distance alone is not the argument.
# - A translation through one vector falls off a cliff with length, at equal budget; width and training move the cliff.
# - Padding must not be read: a state stays what it was when its sentence is over.
#
# ## Before you go on
#
# <details><summary>Why does the gradient of a lookup fall like 1/T and not exponentially?</summary>It takes one step from any place to the answer. Untrained, that step has a weight of about 1/T; there is no product of T factors.</details>
# <details><summary>A friend says: "GRUs cannot remember 20 steps." What do you answer?</summary>This one did, with its update gate started open. At the usual start and 300 steps, it did not learn to.</details>
# <details><summary>Is the cliff a matter of distance or of size?</summary>This experiment cannot tell them apart: longer names are both further away and more to carry. A wider vector helped, so size matters; how much is distance, it does not show.</details>
# <details><summary>What would you change to be free of the cliff?</summary>Do not squeeze the sentence into one vector. Keep all states of the encoder, and let the decoder ask them at every step: chapter 05.</details>
#
# ## To read on
#
# - Elman 1990, [Finding structure in time](https://doi.org/10.1207/s15516709cog1402_1): the recurrent network.
# - Bengio, Simard and Frasconi 1994, [Learning long-term dependencies with gradient descent is difficult](https://doi.org/10.1109/72.279181).
# - Cho et al. 2014, [Learning phrase representations using RNN encoder–decoder](https://arxiv.org/abs/1406.1078): the GRU, and the fixed context.
# - Cho et al. 2014, [On the properties of neural machine translation](https://arxiv.org/abs/1409.1259): the curve over length.
# - Jozefowicz, Zaremba and Sutskever 2015, [An empirical exploration of recurrent network architectures](https://proceedings.mlr.press/v37/jozefowicz15.html): gates that start open.
