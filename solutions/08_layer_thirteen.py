# %% [markdown]
# # 08 · Layer thirteen
#
# **70 minutes.** You need [chapter 04](04_the_bottleneck.ipynb) (how far back a gradient reaches) and [chapter 05](05_bahdanau_attention.ipynb) (a state that asks at every step).
#
# After this chapter you can
# - measure what comes back through a deep network (gradients) and what gets through it (information), and say why these are two things,
# - tell where a residual connection is all you need, and where it is not,
# - let a layer attend to the layers below it, and to the input itself,
# - tell a network that loses its input from one that forgets what it has learned.

# %%
import sys

sys.path.insert(0, "..")

import torch

from utils import data, plots
from utils.checks import check, claim

torch.manual_seed(0);

# %%
from torch import nn
from torch.nn import functional as F

torch.set_num_threads(1)  # for models as small as these, more threads only get in each other's way
plots.deep_network();

# %% [markdown]
# *Sixteen layers. The input is a table and two numbers. The lower layers have other work: adding the numbers. At layer 13 comes a question about the table, which no layer below has seen. How does the answer get there? Through twelve layers that were busy
# (grey), around each of them by a skip (dashed), or by a lookup in the input (blue).*
#
# ## The thought
#
# This course began with a thought experiment. A network needs, at layer 13, some information from its input. Without attention, all the layers in between have to carry it along, and if there are many it may be lost, or drown in noise. With attention, layer 13 asks a
# dictionary made from the input, whenever it needs to.
#
# Is that so? It can be run. The table has four **slots**, each with a **value** from 0 to 7. Beside it stand two numbers a and b from 0 to 2. The network has to give (a + b) mod 3 from its state after layer 12. At layer 13 it is told which slot is wanted, and after layer 16 it has to give the value.

# %%
tables, a, b, question = data.table_questions((4,), 4, torch.Generator().manual_seed(0))
for table, first, second, slot in zip(*(each.tolist() for each in (tables, a, b, question)), strict=True):
    print(f"table {table}, a = {first}, b = {second}: the sum is {(first + second) % 3};", end=" ")
    print(f"slot {slot} holds {table[slot]}")

# %% [markdown]
# A guess is right once in eight times, for the value, and once in three for the sum: that is **chance** in this chapter.
#
# The network (`utils/models/deep_network.py`) is as plain as can be: the input's code is a sum of learned vectors, 64 numbers; each layer is a matrix and a tanh, started as PyTorch starts its linear layers. Everything is trained together, for 400 steps with 100 new tables
# each, from three seeds. All networks in this chapter get the same.

# %%
from utils import models, training

seeds = [0, 1, 2]


def learn(build, slots=4, label=""):
    """Three networks, one for each seed, trained side by side; how often their sums and their values are right."""
    draws = torch.Generator().manual_seed(0)
    batches = iter(lambda: data.table_questions((len(seeds), 100), slots, draws), None)
    networks = training.Seeds(build, seeds)
    recipe = {"warm_up": 60, "decay": True, "clip": 1.0, "label": label}
    training.train(networks, batches, models.table_loss, 400, **recipe)
    new = data.table_questions((len(seeds), 1000), slots, draws)
    return networks, *models.table_accuracy(networks, *new)


# %% [markdown]
# The control is a network of four layers that is asked at the first of them: is the question hard in itself?
#
# **Predict.** How often is each right about the value? (About four seconds.)

# %%
kinds = {"plain": {}, "plain, 4 layers": {"depth": 4, "asked_at": 1}}
networks, sums, values = {}, {}, {}


def train_kind(name, build, slots=4):
    networks[name], sums[name], values[name] = learn(build, slots, name)


for name, options in kinds.items():
    train_kind(name, lambda: models.DeepNetwork(4, **options))
plots.seeds(values, "value right, on new tables", chance=1 / 8);

# %% [markdown]
# *A point for each seed. With four layers the lookup is learned without a mistake. With sixteen it is not learned at all.*

# %%
print("plain, sixteen layers: sums right", [f"{share:.3f}" for share in sums["plain"].tolist()])
claim("the plain network's values are at chance", (values["plain"] - 1 / 8).abs().max() < 0.06)
claim("its other work is done, in two of the three seeds at least", sums["plain"].median() > 0.9)
claim("four layers have learned the same lookup", values["plain, 4 layers"].mean() >= 0.95)

# %% [markdown]
# So far the thought is right: depth is the difference. (The small network's sum is read before its first layer, where no straight line can give it. Ignore it.) But *what* went wrong on the way? Two things could have.
#
# ## Does the message come back?
#
# Layer 1 learns from a gradient that has come back through fifteen layers. In chapter 04 it came back through time, and fell exponentially. Measure it here, layer by layer.
#
# By hand, with one layer that triples and half the square as loss: the input 2 gives 6, and the loss changes by 6 for a change at the output, so by 18 for one at the input.
#
# ### Exercise 8.1 · The gradient by layer  (10 minutes, about 6 lines)
# `model` is a list of functions, each from (B, D) to (B, D'). Apply them to `x` one after the other; `loss` makes a number of the last output. How large is the gradient of this loss at x, and at the output of each layer? For each place, the mean over the batch of the gradient's norm.
#
# <details><summary>Hint 1</summary>Keep all the states in a list. The first is a copy of x that wants a gradient: <code>x.detach().clone().requires_grad_()</code>.</details>
# <details><summary>Hint 2</summary><code>torch.autograd.grad(number, states)</code> returns a gradient (B, D) for each state in the list.</details>
# <details><summary>Hint 3</summary>The norm over D, the mean over B, and <code>torch.stack</code> for the tensor.</details>


# %% exercise="gradient_by_layer"
def gradient_by_layer(model, x, loss):
    """(L + 1,): at x and after each of the L layers, the mean over the batch of the norm of the loss's gradient there.

    model is a list of functions (B, D) -> (B, D'), x (B, D), loss(output) a number. The result carries no gradient.
    """
    # BEGIN SOLUTION
    states = [x.detach().clone().requires_grad_()]
    for layer in model:
        states.append(layer(states[-1]))
    gradients = torch.autograd.grad(loss(states[-1]), states)  # (B, D) each
    return torch.stack([gradient.norm(dim=-1).mean() for gradient in gradients])
    # END SOLUTION


# %%
gradient_by_layer = check("gradient_by_layer", gradient_by_layer)

# %% [markdown] tags=["solution"]
# One call gives all the gradients: on its way to x, backpropagation passes every state anyway.

# %% [markdown]
# Four networks before any training. Beside the plain one:
#
# - **ReLU** instead of tanh, started as He et al. (2015) advise, so that signals keep their size;
# - **LayerNorm** (Ba et al. 2016): each layer sees its state with mean 0 and variance 1;
# - **residual** (He et al. 2015): each layer's output is *added* to its state, $h_l = h_{l-1} + f_l(h_{l-1})$. The derivative is 1 plus something: a gradient always has a way past.
#
# **Predict.** In which of them does the gradient reach the input?

# %%
kinds = {"plain": {}, "ReLU": {"activation": "relu"}, "LayerNorm": {"norm": True}, "residual": {"residual": True}}
table, a, b, question = data.table_questions((256,), 4, torch.Generator().manual_seed(1))
wanted = table[torch.arange(256), question]


def gradients_of(network):
    def loss(state):  # summed over the batch, so that every row counts in full
        return F.cross_entropy(network.value_head(network.norm(state)), wanted, reduction="sum")

    return gradient_by_layer(network.steps(table, question), network.code(table, a, b), loss)


# %%
reach = {}
for name, options in kinds.items():
    torch.manual_seed(0)
    reach[name] = gradients_of(models.DeepNetwork(4, **options)).detach()
plots.curves(range(17), reach, "layer", "size of the gradient", log="y");

# %% [markdown]
# *On a logarithmic axis the plain network's gradient falls in a straight line towards the input, exponentially: it **vanishes**. In the other three it arrives.*

# %%
for name, sizes in reach.items():
    print(f"{name:10} at the input {sizes[0]:.1e}, after layer 16 {sizes[16]:.1e}")
claim("plain: under a thousandth reaches the input", reach["plain"][0] < 1e-3 * reach["plain"][16])
for name in ("ReLU", "LayerNorm", "residual"):
    claim(f"{name}: more than a tenth does", reach[name][0] > 0.1 * reach[name][16])

# %% [markdown]
# If vanishing gradients were all, three of the four should now learn. **Predict.** Do they? (About seven seconds.)

# %%
for name in ("ReLU", "LayerNorm", "residual"):
    train_kind(name, lambda: models.DeepNetwork(4, **kinds[name]))
plots.seeds(values, "value right, on new tables", chance=1 / 8);

# %% [markdown]
# *ReLU and LayerNorm come off the ground and get stuck; the residual network has it.*

# %%
for name in kinds:
    print(f"{name:10} values right", [f"{share:.3f}" for share in values[name].tolist()])
claim("ReLU and LayerNorm: under 70 % right", max(values["ReLU"].mean(), values["LayerNorm"].mean()) < 0.7)
claim("a residual connection alone: at least 95 % right", values["residual"].mean() >= 0.95)

# %% [markdown]
# Take note, before attention has had a word: **for a table of four, a residual connection alone suffices.** Layer 13 does not need attention for this.
#
# And something is odd about the two in the middle. Their gradients are fine. What is it that stops them?
#
# ## What is left of the table?
#
# A gradient travels down, information travels up. To see how far it gets, take a trained network, stop at some layer, and try to read the table from the state with the simplest reader there is: a linear classifier, the **probe** (Alain and Bengio 2016). If it can, the table is there, and easy to get.
# Fit it on some tables and score it on others: with 64 numbers to go by, it could learn some rows by heart.
#
# ### Exercise 8.2 · A linear probe  (12 minutes, about 6 lines)
# Fit a linear classifier from features (n, D) to labels (n,) on all rows but the last `held_out`, and return the share of these last rows that it gets right. It needs an intercept. The shortest way is least squares: each class has a column that should be one for its own rows and zero for the
# others, and the largest column wins. By hand, with one feature: if the rows of class 0 are at 10 and those of class 1 at 11, the columns are 11 − x and x − 10. Neither can do without its constant.
#
# <details><summary>Hint 1</summary>The intercept: put a column of ones beside the features. The targets: <code>F.one_hot(labels).double()</code>.</details>
# <details><summary>Hint 2</summary><code>torch.linalg.pinv(x) @ targets</code> is the least-squares solution; <code>torch.linalg.lstsq(x, targets).solution</code> is too. 64-bit numbers are safer.</details>
# <details><summary>Hint 3</summary>Fit on <code>x[:-held_out]</code>, guess <code>(x[-held_out:] @ weight).argmax(-1)</code>.</details>


# %% exercise="linear_probe"
def linear_probe(features, labels, held_out):
    """The share, 0 to 1, of the last held_out rows that a linear classifier gets right which has seen only the others.

    features (n, D), of any offset and size; labels (n,), whole numbers from 0 on. The result is a float.
    """
    # BEGIN SOLUTION
    x = torch.cat([features, torch.ones(len(features), 1)], -1).double()  # the ones are for the intercept
    targets = F.one_hot(labels).double()  # (n, classes)
    weight = torch.linalg.pinv(x[:-held_out]) @ targets[:-held_out]  # (D + 1, classes)
    guesses = (x[-held_out:] @ weight).argmax(-1)
    return (guesses == labels[-held_out:]).double().mean().item()
    # END SOLUTION


# %%
linear_probe = check("linear_probe", linear_probe)

# %% [markdown] tags=["solution"]
# Least squares on one-hot targets is a rough classifier, and enough: we ask whether something is there at all. Without the held-out rows, the score would also count what 65 weights per class can learn by heart.

# %% [markdown]
# One probe for each slot and each layer. A layer above does not read its state to the sixth digit, and neither should the probe: the states get noise of one per cent of their spread first.


# %%
def left_of_the_table(network, layers, blur=0.01):
    """(len(layers), 4): how often a probe reads each slot's value right from the state after these layers."""
    draws = torch.Generator().manual_seed(2)
    tables, *others = data.table_questions((1500,), 4, draws)
    states, shares = network.states(tables, *others), []
    for layer in layers:
        state = states[layer].detach()
        state = state + blur * state.std() * torch.randn(state.shape, generator=draws)
        shares.append([linear_probe(state, slot, 500) for slot in tables.T])
    return torch.tensor(shares)


# %% [markdown]
# **Predict.** Layer 12 of each of the four: how much of the table is still there?

# %%
left = {name: left_of_the_table(networks[name].model(0), range(13)) for name in kinds}
curves = {name: shares.mean(1) for name, shares in left.items()}
plots.curves(range(13), curves, "layer", "slots read right by a probe", chance=1 / 8).set_ylim(0, 1.05);

# %% [markdown]
# *At the input every slot can be read. Through the residual network the table travels untouched. The plain network keeps it for some layers, and has lost it well before layer 12. ReLU and LayerNorm lose most of it within a few layers, though their gradients never vanished. (Mean of the four slots, first seed.)*
#
# ### Look yourself
#
# Move the slider from the input up to layer 12. Each slot has a bar; the dashed line is chance.

# %%
from utils import widgets

steps = ["the input", *(f"layer {layer}" for layer in range(1, 13))]
figure = widgets.SliderBars(
    steps, left, [f"slot {i}" for i in range(4)], "read right by a probe", level=1 / 8, name="layer"
)
figure

# %% [markdown]
# ReLU is unfair to some slots: what it has dropped differs. (The curves above show the same without a running kernel.) Now the numbers, at layer 12 and for all three seeds:

# %%
def left_at_12(name, **blur):
    """(3,): the mean of the four slots at layer 12, for each seed."""
    return torch.stack([left_of_the_table(networks[name].model(seed), [12], **blur).mean() for seed in seeds])


at_12 = {name: left_at_12(name) for name in kinds}
for name in kinds:
    print(f"{name:10} gradient at the input / after layer 16: {reach[name][0] / reach[name][16]:8.1e};", end="  ")
    print("left at layer 12:", [f"{share:.2f}" for share in at_12[name].tolist()])
claim("plain: at layer 12 the table is as good as gone", at_12["plain"].max() < 0.25)
for name in ("ReLU", "LayerNorm"):
    claim(f"{name}: over 30 % of it cannot be read any more", at_12[name].max() < 0.7)
claim("residual: all of it is there", at_12["residual"].min() >= 0.95)

# %% [markdown]
# So **vanishing gradients and lost information are two things**. ReLU and LayerNorm have the second without the first. Plain tanh has both. A residual connection mends both, since it passes on the state itself in one direction, and the gradient itself in the other.
#
# One caution about "lost". Read the plain network's state without the blur, in 64-bit numbers:

# %%
sharp = left_at_12("plain", blur=0)
print("plain, layer 12, read to the last digit:", [f"{share:.2f}" for share in sharp.tolist()])

# %% [markdown]
# An exact fit may still find part of it (least squares finds a third to a half), in deviations far smaller than a hundredth of the state. The table is not deleted: it is pressed so flat beside the other work that no layer above makes use of it. With ReLU and LayerNorm the blur makes no difference. And a *linear* probe sees
# only what is laid out in straight lines: what it finds is there, what it does not find may still be there in knots.
#
# ## Layers that look back
#
# Write $v_0$ for the input's code and $v_l$ for what layer l gives. A plain layer reads the last of them. A residual layer reads their **sum**:

# %%
residual = networks["residual"].model(0)
with torch.no_grad():
    given = [residual.code(table, a, b)]  # v_0, then v_1 and so on
    for layer in residual.layers[:12]:
        given.append(torch.tanh(layer(sum(given))))
    state = residual.states(table, a, b, question)[12]
claim(
    "the residual network's layers read the sum of all that was given below",
    torch.allclose(state, sum(given), atol=1e-4),
)

# %% [markdown]
# The last, the sum: both are fixed mixtures of what lies below. You know a mixture that is *learned*. Let the layers below be the entries of a dictionary, and let a query choose among them: **attention over depth**. Each layer's output is key and value in one.
#
# By hand, with states of one number: a query of zero has the same score for all, so sources 2 and 6 give their mean, 4.
#
# ### Exercise 8.3 · Attention over depth  (8 minutes, about 3 lines)
# The score of a source is its dot product with the query, as it is: no scaling. The softmax runs over the layers. The query is one vector (D,) for all places, or one for each place, (B, T, D).
#
# <details><summary>Hint 1</summary><code>sources * query</code> broadcasts in both cases; sum over the last axis for scores (L, B, T).</details>
# <details><summary>Hint 2</summary>The softmax over axis 0; then weights (L, B, T, 1) times sources, summed over axis 0.</details>


# %% exercise="depth_attention"
def depth_attention(query, sources):
    """At each place, a lookup in what L layers gave: the context (B, T, D). Scores are query · source.

    query (D,), the same everywhere, or (B, T, D); sources (L, B, T, D).
    """
    # BEGIN SOLUTION
    scores = (sources * query).sum(-1)  # (L, B, T)
    weights = torch.softmax(scores, 0)
    return (weights[..., None] * sources).sum(0)  # (B, T, D)
    # END SOLUTION


# %%
depth_attention = check("depth_attention", depth_attention)

# %% [markdown] tags=["solution"]
# There is no √D here: the query starts at zero, so the scores do too, and it grows as far as the task wants.

# %%
sources = torch.randn(13, 2, 3, 64)
context = depth_attention(torch.zeros(64), sources)
claim("a query of zero starts as the mean of all layers", torch.allclose(context, sources.mean(0), atol=1e-6))

# %% [markdown]
# So a query that starts at zero prefers no layer. Each has a say, and each gets a gradient, in one step from wherever it is: chapter 04's 1/T against exponential, over layers instead of words.
#
# Recent deep models do this. DenseFormer ([arXiv 2402.02622](https://arxiv.org/abs/2402.02622)) takes, after each transformer block, a learned weighted average of all representations so far. Attention Residuals ([arXiv 2603.15031](https://arxiv.org/abs/2603.15031)) takes a softmax instead, the lookup that you have written, and may bring
# the sources to one size before it compares them. Here it stands at one layer only: what it finds is added to the state at layer 13. Apart from that, the network is plain. (Three seconds.)

# %%
name = "plain + attention over depth"
train_kind(name, lambda: models.DeepNetwork(4, reader=models.DepthReader(depth_attention)))
print("values right", [f"{share:.3f}" for share in values[name].tolist()], end="; ")
print("sums right", [f"{share:.3f}" for share in sums[name].tolist()])
claim("plain layers with attention over depth: at least 95 % of the values are right", values[name].mean() >= 0.95)

# %%
one = networks[name].model(0)
with torch.no_grad():
    states = torch.stack(one.states(table, a, b, question)[:13])  # (13, B, 64)
    weights = torch.softmax(states @ one.reader.query, 0).mean(1)  # (13,)
plots.bars(weights, ["input", *map(str, range(1, 13))]).set_xlabel("layer");

# %% [markdown]
# *Where layer 13 looks, on average over 256 tables (first seed): at the bottom, where the table still is.*

# %%
claim("over half of the weight is on the input's code and the first three layers", weights[:4].sum() > 0.5)

# %% [markdown]
# It opens a way from the bottom to layer 13, as the skips do, without making every layer carry. It mends nothing else: look at the sums. The twelve layers in between are as plain as before, and in some seeds they do not learn their own work within these 400 steps.
#
# And it brings back a *whole state*, 64 numbers in which the table is one sum. Picking out the slot is left to the last four layers. Hold on to that thought.
#
# ## Ask the input
#
# The last way is the one in the thought experiment. The dictionary is made **from the input**: each slot has a learned key, the same for all inputs; its value is a learned vector for what stands in the slot *this time*. Layer 13's state, with the question in it, asks.
#
# ### Exercise 8.4 · Attention to the input  (8 minutes, about 4 lines)
# A query from the state, scores scaled by √Dk as in chapter 03, a softmax over the slots, and each row's own values. By hand: the query (2 log 3, 0, 0, 0) and the keys (1, 0, 0, 0) and (0, 1, 0, 0) give the scores log 3 and 0, since √4 = 2, and so the weights 3/4 and 1/4; the values 8
# and 4 give 7.
#
# <details><summary>Hint 1</summary>Query (B, Dk), keys (N, Dk): one product gives scores (B, N).</details>
# <details><summary>Hint 2</summary><code>weights @ value</code> would let each row read every input. Give the weights an axis: (B, 1, N) @ (B, N, Dv).</details>


# %% exercise="attend_to_input"
def attend_to_input(state, key, value, W_q):
    """The context (B, Dv) that each state finds in its own input, and the weights (B, N).

    state (B, D); key (N, Dk), one for each slot, the same for every input; value (B, N, Dv); W_q (D, Dk).
    Scores are query · key / √Dk.
    """
    # BEGIN SOLUTION
    query = state @ W_q  # (B, Dk)
    scores = query @ key.mT / key.size(-1) ** 0.5  # (B, N)
    weights = torch.softmax(scores, -1)
    return (weights[:, None] @ value)[:, 0], weights
    # END SOLUTION


# %%
attend_to_input = check("attend_to_input", attend_to_input)

# %% [markdown]
# Put it into the *plain* network, the one with the vanishing gradient and the lost table.
#
# **Predict.** How often is the value right? And what does the probe find at layer 12? (Three seconds.)

# %%
name = "plain + attention to the input"
train_kind(name, lambda: models.DeepNetwork(4, reader=models.InputReader(4, attend_to_input)))
plots.seeds(values, "value right, on new tables", chance=1 / 8);

# %%
at_12[name] = left_at_12(name)
print("values right", [f"{share:.3f}" for share in values[name].tolist()], end="; ")
print("left at layer 12", [f"{share:.2f}" for share in at_12[name].tolist()], "(chance 0.12)")
claim("attention to the input: at least 99 % of the values are right", values[name].mean() >= 0.99)
claim("and at layer 12 the table is as good as gone", at_12[name].max() < 0.25)

# %% [markdown]
# *The state knows next to nothing of the table, and the answer is right: it was fetched, not carried.* All the state has to bring is the question. Did it look where it was told to?

# %%
network, looked = networks[name].model(0), []


def and_write_down(state, key, value, W_q):
    context, weights = attend_to_input(state, key, value, W_q)
    looked.append(weights)
    return context, weights


network.reader.attend = and_write_down
with torch.no_grad():
    network(table, a, b, question)
by_question = torch.stack([looked[0][question == slot].mean(0) for slot in range(4)])
plots.heatmap(by_question, [f"asked for slot {i}" for i in range(4)], [f"slot {i}" for i in range(4)]);

# %%
print("smallest weight on the slot asked for:", f"{by_question.diagonal().min():.2f}")
claim("the weight is on the slot that was asked for", by_question.diagonal().min() > 0.8)

# %% [markdown]
# *Rows ask, columns answer (means over 256 tables). Nobody told it which key belongs to which slot: keys, values and question were random numbers, and the loss did the rest.*
#
# For the table of four, then, three of the ways lead there: a residual connection, attention over depth, attention to the input. To tell them apart, make the carrying harder.
#
# ## When carrying is hard: noise
#
# "Or get too noisy", says the thought. Take residual networks, a table of **eight**, and let every layer add noise of a fifth of its state's size, in training and in the test. Compare two that have the *same reader*, your `attend_to_input`, and differ only in where its values come from:
#
# - **from the input**, as above;
# - **from the state** that has come through the twelve layers: a learned map makes eight values of its 64 numbers.
#
# The second runs without noise as well: how much is lost in carrying alone? **Predict.** (About ten seconds.)

# %%
readers = {
    "reads the input": lambda slots: models.InputReader(slots, attend_to_input),
    "reads the state": lambda slots: models.StateReader(slots, attend_to_input),
}
noisy = {}
for name, noise in [("reads the input", 0.2), ("reads the state", 0.2), ("reads the state", 0.0)]:

    def build():
        return models.DeepNetwork(8, residual=True, noise=noise, reader=readers[name](8))

    _, _, noisy[f"{name}, noise {noise}"] = learn(build, 8, f"{name}, noise {noise}")
plots.seeds(noisy, "value right, table of eight", chance=1 / 8);

# %% [markdown]
# *With noise the reader of the input stays right, and the reader of the state falls (first two bars: same depth, same noise, same reader). Without noise it gets a good part: carrying eight entries past other work costs something by itself, noise takes most of what is left. The residual state adds up what all layers
# put in, noise too; the input has none.*

# %%
for name, shares in noisy.items():
    print(f"{name:26}", [f"{share:.3f}" for share in shares.tolist()])
by_input, by_state, without_noise = (shares.mean() for shares in noisy.values())
claim("noise, reading the input: at least 95 % right", by_input >= 0.95)
claim("noise, reading the carried state: at most 50 %", by_state <= 0.5)
claim("without noise, over 15 points more", without_noise > by_state + 0.15)

# %% [markdown]
# ## When it does not fit: size
#
# Now without noise and without depth: **four** layers, asked at the first. The state has 64 numbers, whatever the table. The same two readers, at 8, 16 and 32 slots. **Predict.** Where does each break? (About ten seconds.)

# %%
by_size = {name: [] for name in readers}
for slots in (8, 16, 32):
    for name, reader in readers.items():

        def build():
            return models.DeepNetwork(slots, depth=4, asked_at=1, residual=True, reader=reader(slots))

        _, _, shares = learn(build, slots, f"{slots} slots, {name}")
        by_size[name].append(shares)
lines = {name: [shares.mean().item() for shares in each] for name, each in by_size.items()}
ax = plots.curves([8, 16, 32], lines, "slots in the table", "value right", chance=1 / 8)
ax.set(ylim=(0, 1.05), xticks=[8, 16, 32]);

# %% [markdown]
# *A state of fixed size holds a table of eight, not one of 32. A lookup in the input does not care: its memory grows with the input, a value for every slot. (Means of three seeds.)*

# %%
for name, each in by_size.items():
    print(f"{name:16}", {slots: f"{s.mean():.3f}" for slots, s in zip((8, 16, 32), each, strict=True)})
state, from_input = by_size["reads the state"], by_size["reads the input"]
claim("the state holds eight entries: at least 95 % right", state[0].mean() >= 0.95)
claim("of sixteen, at most 85 % are right; of 32, at most 45 %", state[1].mean() <= 0.85 and state[2].mean() <= 0.45)
claim("from the input, 95 % and more at every size", min(shares.mean() for shares in from_input) >= 0.95)

# %% [markdown]
# That is chapter 04's cliff once more, without a word of time in it. (Reading here means: with this reader, after 400 steps. Trained longer, networks that carry catch up some of the way at eight slots.)
#
# And attention over depth? It fetches the input's code, which is a state: 64 numbers too. What it buys is the *way*; the size it cannot change. It also leaves the picking to ordinary layers, and these are worse at it the larger the table is. At eight slots:

# %%
picking = {}
for name, options in {
    "4 plain layers, asked at the first": {"depth": 4, "asked_at": 1},
    "16 plain layers + attention over depth": {"reader": models.DepthReader(depth_attention)},
}.items():
    _, _, picking[name] = learn(lambda: models.DeepNetwork(8, **options), 8, name)
plots.seeds(picking, "value right, table of eight", chance=1 / 8);

# %%
for name, shares in picking.items():
    print(f"{name:38}", [f"{share:.3f}" for share in shares.tolist()])
claim("eight slots: neither gets to 90 %", max(shares.mean() for shares in picking.values()) < 0.9)

# %% [markdown]
# *Look at the control first: four layers, no distance at all, and they do not get there either. To pick one of eight is hard for plain layers by itself (in 400 steps). So the sixteen layers' failure at larger tables proves nothing about depth. The pairs above, which share their reader, are the fair ones.*
#
# ## Forgetting, in the other sense
#
# The thought experiment called the loss "catastrophic forgetting". That name belongs to something else (McCloskey and Cohen 1989), and the difference is worth seeing.
#
# A network learns to tell five kinds of things from each other, task A. Then it learns five other kinds, task B, and never sees A again. Ten kinds, each a random place in 20 dimensions with noise around it, and ten outputs. Three seeds. Beside them the same training with *replay*: 50 examples of task A are stored, and 16 of them are mixed
# into each of B's batches.

# %%
draws = torch.Generator().manual_seed(0)
places = torch.randn(len(seeds), 10, 20, generator=draws)


def things(first, count):
    """Inputs (3, count, 20) of the five kinds from `first` on, and which kind each is (3, count)."""
    kind = first + torch.randint(5, (len(seeds), count), generator=draws)
    middle = places[torch.arange(len(seeds))[:, None], kind]
    return middle + 0.5 * torch.randn(middle.shape, generator=draws), kind


stored, tests = things(0, 50), [things(0, 300), things(5, 300)]


def task_a():
    return things(0, 64)


def task_b():
    return things(5, 64)


def task_b_with_replay():
    again = torch.randint(50, (16,), generator=draws)
    return [torch.cat([new, old[:, again]], 1) for new, old in zip(task_b(), stored, strict=True)]


# %%
def classifier():
    return nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))


def in_turn(*tasks):
    """What is right of A and of B, for each seed, before each of the steps, 200 for every task: (steps, 2, 3)."""
    model, shares = training.Seeds(classifier, seeds), []

    def loss(model, x, kind):
        with torch.no_grad():
            shares.append(torch.stack([(model(x).argmax(-1) == y).float().mean(1) for x, y in tests]))
        return F.cross_entropy(model(x).mT, kind, reduction="none").mean(1)

    for task in tasks:
        training.train(model, iter(task, None), loss, 200, label=task.__name__.replace("_", " "))
    return torch.stack(shares)


# %% [markdown]
# **Predict.** After task B, how much of task A is still right? (A few seconds.)

# %%
alone, replayed = in_turn(task_a, task_b), in_turn(task_a, task_b_with_replay)
lines = {"task A": alone[:, 0].mean(1), "task B": alone[:, 1].mean(1), "task A, with replay": replayed[:, 0].mean(1)}
plots.curves(range(400), lines, "training step (task B from step 200 on)", "right");

# %% [markdown]
# *Task A is learned within fifty steps. Fifty steps into task B next to nothing of it is left; with replay it comes back after a dip and stays. (Means of three seeds.)*

# %%
print("A after B:", [f"{share:.3f}" for share in alone[-1, 0].tolist()], end="; ")
print("with replay:", [f"{share:.3f}" for share in replayed[-1, 0].tolist()])
claim("task A was learned", alone[200, 0].min() > 0.95)
claim("after task B less than a tenth of it is right", alone[-1, 0].max() < 0.1)
claim("with replay over 90 %, and task B as well", replayed[-1].min() > 0.9)

# %% [markdown]
# | | the input lost at layer 13 | catastrophic forgetting |
# |---|---|---|
# | when | within one forward pass | over training |
# | where | in the activations | in the weights |
# | what helps | a residual connection, attention over depth, attention to the input | replay, and other care for old tasks |
#
# This is the harshest setting: ten outputs, and in the second half five of them are never right, which alone explains much of the fall. Still: **it is another thing, and attention is not its cure.** A learned dictionary of keys and values is made of weights, and forgets too: one with 32 slots
# kept about three quarters of task A in a trial of ours (two tasks such as these, five seeds; not run here).
#
# ## What may be said
#
# | the thought | here |
# |---|---|
# | without attention, information from the input may be lost on a long way | yes, in plain, ReLU and LayerNorm networks; **not with a residual connection, for a table of four** |
# | or become too noisy | yes: noise in every layer, same reader, about .3 against over .99 |
# | attention makes it available at any time | yes, whatever the layers in between have done with it |
# | that is a matter of gradients | partly: information is lost where gradients are fine |
# | that is catastrophic forgetting | no: that lives in weights, over training |
#
# Sixteen layers of 64 numbers, 400 steps, three seeds. A transformer has both: residual connections around its layers, and at each layer attention over the states of *all* positions, a memory that grows with the input. This
# chapter has shown what each of the two is good for.
#
# ## In short
#
# - A deep network can fail to learn from its input (no gradient comes back) and fail to keep it (no information gets through): two things, measured apart.
# - Residual connections mend both, and for a small table they are all it takes.
# - Attention over depth mixes what the layers gave with learned weights; a query of zero starts with their mean.
# - Attention to the input fetches what the state has lost. It wins where carrying is noisy, or where the state is too small.
# - Catastrophic forgetting happens to weights, over training; replay mends it, attention does not.
#
# ## Quiz
#
# <details><summary>ReLU with He's start: the gradient at layer 0 is nearly as large as at layer 16. Why does the network still not answer?</summary>The gradient tells the lower layers what to change, but the table does not get through the layers above: at layer 12 a probe reads only about a third of it. Gradients that arrive do not mean that information does.</details>
# <details><summary>How can the answer be right when the probe at layer 12 is at chance?</summary>The answer was not in the state. The state brought the question, and the lookup fetched the value from the input.</details>
# <details><summary>A residual network answers .24 on a table of sixteen, attention to the input 1.0. Has depth lost the table?</summary>That comparison cannot tell: four layers without any distance may fail as well, since ordinary layers are bad at picking one of sixteen. Compare the same reader, or the same depth, and change one thing.</details>
# <details><summary>Why does a query of zero make a good start for attention over depth?</summary>All scores are zero, all weights equal: every layer has a say and gets a gradient in one step. From there the query can learn which layers to prefer.</details>
# <details><summary>Your network is trained on new data and has forgotten the old. Will an attention layer help?</summary>Not as such. What was forgotten was in the weights, and the attention layer's own maps are weights as well. Mix stored old examples into the training.</details>
#
# ## To read on
#
# - He et al. 2015, [Deep residual learning for image recognition](https://arxiv.org/abs/1512.03385): the skip, and how deep networks fail without it.
# - Alain and Bengio 2016, [Understanding intermediate layers using linear classifier probes](https://arxiv.org/abs/1610.01644).
# - Pagliardini et al. 2024, [DenseFormer](https://arxiv.org/abs/2402.02622), and [Attention Residuals](https://arxiv.org/abs/2603.15031): layers that look back.
# - Ba, Kiros and Hinton 2016, [Layer normalization](https://arxiv.org/abs/1607.06450).
# - McCloskey and Cohen 1989, [Catastrophic interference in connectionist networks](https://doi.org/10.1016/S0079-7421(08)60536-8): the other forgetting.
