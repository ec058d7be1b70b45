# %% [markdown]
# # 07 · Layer thirteen
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
print("PyTorch is loading, which takes a few seconds.", flush=True)

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
    """Three networks, one for each seed, trained side by side; how often their sums and values are right."""
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
# The same question, near and far. (Two things differ: the way is longer, and the layers on it have other work. The small network's sum is read before its first layer, where no straight line can give it; ignore it.) *What* went wrong on the way? Two things could have.
#
# ## Does the message come back?
#
# Layer 1 learns from a gradient that has come back through fifteen layers. In chapter 04 it came back through time, and fell exponentially. Measure it here, layer by layer.
#
# By hand, with one layer that triples and half the square as loss: the input 2 gives 6, and the loss changes by 6 for a change at the output, so by 18 for one at the input.
#
# ### Exercise 7.1 · The gradient by layer  (10 minutes, about 6 lines)
# `model` is a list of functions, each from (B, D) to (B, D'). Apply them to `x` one after the other; `loss` makes a number of the last output. How large is the gradient of this loss at x, and at the output of each layer? For each place, the mean over the batch of the gradient's norm.
#
# <details><summary>Hint 1</summary>Keep all the states in a list. The first is a copy of x that wants a gradient: <code>x.detach().clone().requires_grad_()</code>.</details>
# <details><summary>Hint 2</summary><code>torch.autograd.grad(number, states)</code> returns a gradient (B, D) for each state in the list.</details>
# <details><summary>Hint 3</summary>The norm over D, the mean over B, and <code>torch.stack</code> for the tensor.</details>


# %% exercise="gradient_by_layer"
def gradient_by_layer(model, x, loss):
    """(L + 1,): at x and after each of the L layers, the mean over the batch of the norm of the gradient there.

    model is a list of functions (B, D) -> (B, D'), x (B, D), loss(output) a number, whose gradient is meant.
    The result carries no gradient.
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
# Five networks before any training. Beside the plain one:
#
# - **orthogonal**: plain, but each matrix starts as a rotation (times 1.1, for what tanh takes away), which neither stretches nor squeezes;
# - **ReLU** instead of tanh, started as He et al. (*Delving deep into rectifiers*, 2015) advise, so that signals keep their size;
# - **LayerNorm** (Ba et al. 2016): each layer sees its state with mean 0 and variance 1;
# - **residual** (He et al., *Deep residual learning*, 2015): each layer's output is *added* to its state, $h_l = h_{l-1} + f_l(h_{l-1})$. The derivative is 1 plus something, so a gradient need not shrink.
#
# **Predict.** In which of them does the gradient reach the input?

# %%
kinds = {
    "plain": {},
    "orthogonal": {"orthogonal": True},
    "ReLU": {"activation": "relu"},
    "LayerNorm": {"norm": True},
    "residual": {"residual": True},
}
table, a, b, question = data.table_questions((256,), 4, torch.Generator().manual_seed(1))
wanted = table[torch.arange(256), question]


def gradients_of(network):
    def loss(state):  # summed over the batch, so that every row counts in full
        return F.cross_entropy(network.value_head(network.norm(state)), wanted, reduction="sum")

    return gradient_by_layer(network.steps(table, question), network.code(table, a, b), loss)


# %%
fresh, reach = {}, {}
for name, options in kinds.items():
    torch.manual_seed(0)
    fresh[name] = models.DeepNetwork(4, **options)
    reach[name] = gradients_of(fresh[name]).detach()
plots.curves(range(17), reach, "layer", "size of the gradient", log="y");

# %% [markdown]
# *On a logarithmic axis the plain network's gradient falls in a straight line towards the input, exponentially: it **vanishes**. In the other four it arrives.*

# %%
for name, sizes in reach.items():
    print(f"{name:10} at the input {sizes[0]:.1e}, after layer 16 {sizes[16]:.1e}")
claim("plain: under a thousandth reaches the input", reach["plain"][0] < 1e-3 * reach["plain"][16])
for name in ("orthogonal", "ReLU", "LayerNorm", "residual"):
    claim(f"{name}: more than a twentieth does", reach[name][0] > 0.05 * reach[name][16])

# %% [markdown]
# If vanishing gradients were all, four of the five should now learn. **Predict.** Do they? (About ten seconds.)

# %%
for name in ("orthogonal", "ReLU", "LayerNorm", "residual"):
    train_kind(name, lambda: models.DeepNetwork(4, **kinds[name]))
plots.seeds(values, "value right, on new tables", chance=1 / 8);

# %% [markdown]
# *All four come off the ground. Only the residual network has it with every seed.*

# %%
for name in kinds:
    print(f"{name:10} values right", [f"{share:.3f}" for share in values[name].tolist()])
claim("ReLU and LayerNorm: under 70 % right", max(values["ReLU"].mean(), values["LayerNorm"].mean()) < 0.7)
claim("orthogonal: over 40 %, with nothing but another start", values["orthogonal"].mean() > 0.4)
claim("a residual connection alone: at least 95 % right", values["residual"].mean() >= 0.95)

# %% [markdown]
# Take note, before attention has had a word: **for a table of four, a residual connection alone suffices.** Layer 13 does not need attention for this.
#
# And depth forbids nothing. The plain network's failure is one of its *start*: with an orthogonal one, and 2,000 steps instead of 400, plain layers were right every time when we tried.
#
# But something is odd about the three in the middle. Their gradients are fine. What holds them up?
#
# ## What is left of the table?
#
# A gradient travels down, information travels up. To see how far it gets, take a network, stop at some layer, and try to read the table from the state with the simplest reader there is: a linear classifier, the **probe** (Alain and Bengio 2016). If it can, the table is there, and easy to get. If it cannot, call it **lost**: that is, not
# to be had with straight lines. A reader with layers of its own may still find some of it.
# Fit it on some tables and score it on others: with 64 numbers to go by, it could learn some rows by heart.
#
# ### Exercise 7.2 · A linear probe  (12 minutes, about 6 lines)
# Fit a linear classifier from features (n, D) to labels (n,) on all rows but the last `held_out`, and return the share of these last rows that it gets right. It needs an intercept. The shortest way is least squares: each class has a column that should be one for its own rows and zero for the
# others, and the largest column wins. By hand, with one feature: if the rows of class 0 are at 10 and those of class 1 at 11, the columns are 11 − x and x − 10. Neither can do without its constant.
#
# <details><summary>Hint 1</summary>The intercept: put a column of ones beside the features. The targets: <code>F.one_hot(labels).double()</code>.</details>
# <details><summary>Hint 2</summary><code>torch.linalg.pinv(x) @ targets</code> is the least-squares solution; <code>torch.linalg.lstsq(x, targets).solution</code> is too. 64-bit numbers are safer.</details>
# <details><summary>Hint 3</summary>Fit on <code>x[:-held_out]</code>, guess <code>(x[-held_out:] @ weight).argmax(-1)</code>.</details>


# %% exercise="linear_probe"
def linear_probe(features, labels, held_out):
    """The share, 0 to 1, of the last held_out rows that a linear classifier gets right.

    It has seen only the others.
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
# **Predict.** First the networks as they start, untrained. How much of the table is there at layer 12?

# %%
before = {name: left_of_the_table(network, range(0, 13, 2)) for name, network in fresh.items()}
curves = {name: shares.mean(1) for name, shares in before.items()}
axes = {"chance": 1 / 8, "ylim": (0, 1.05)}
plots.curves(range(0, 13, 2), curves, "layer, before training", "slots read right by a probe", **axes);

# %% [markdown]
# *At the start the plain network holds the whole table at layer 12, as the orthogonal and the residual one do. ReLU and LayerNorm tangle it: a straight line finds less from layer to layer.*
#
# **Predict.** And after training?

# %%
left = {name: left_of_the_table(networks[name].model(seeds[0]), range(13)) for name in kinds}
curves = {name: shares.mean(1) for name, shares in left.items()}
plots.curves(range(13), curves, "layer, after training", "slots read right by a probe", **axes);

# %% [markdown]
# *Through the residual network the table travels untouched. The plain network now has nothing of it at layer 12: training threw it away. (Mean of the four slots, first seed.)*
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
# ReLU is unfair to some slots: what it has dropped differs. (The curves above show the same without a running kernel.) Now the numbers: the gradient at the input over that after layer 16, and the probe at layer 12, after training for all three seeds.


# %%
def left_at_12(name, **blur):
    """(3,): the mean of the four slots at layer 12, for each seed."""
    return torch.stack([left_of_the_table(networks[name].model(seed), [12], **blur).mean() for seed in seeds])


at_12 = {name: left_at_12(name) for name in kinds}
for name in kinds:
    ratio = reach[name][0] / reach[name][16]
    print(f"{name:10} gradient {ratio:7.1e}; layer 12 before training {before[name][-1].mean():.2f},", end=" ")
    print("after", [f"{share:.2f}" for share in at_12[name].tolist()])
claim("plain: before training layer 12 holds the table", before["plain"][-1].mean() > 0.9)
claim("plain: after it, the table is as good as gone", at_12["plain"].max() < 0.25)
for name in ("ReLU", "LayerNorm"):
    claim(f"{name}: the probe is right less than 80 % before training", before[name][-1].mean() < 0.8)
    claim(f"{name}: and less than 70 % after", at_12[name].max() < 0.7)
claim("residual: all of it is there", at_12["residual"].min() >= 0.95)

# %% [markdown]
# So **vanishing gradients and lost information are two things**. ReLU and LayerNorm have the second without the first: their gradients arrive, and yet the table is hard to read from the start. In the plain network the first brings about the second. The table was there; no gradient came down to say that it was wanted; and the other work,
# which had the layers to itself, pressed it flat. A residual connection mends both, since it passes on the state itself in one direction, and the gradient in the other.
#
# One caution about "lost". The blur of one per cent is a choice. Read the plain network's state without it, in 64-bit numbers:

# %%
sharp = left_at_12("plain", blur=0)
print("plain, layer 12, read to the last digit:", [f"{share:.2f}" for share in sharp.tolist()])

# %% [markdown]
# An exact fit still finds part of it, in deviations far smaller than a hundredth of the state. (With a blur of a hundredth of a per cent it was .16 for the first seed.) The table is not deleted: it is pressed so flat beside the other work that no layer above makes use of it. And where it is tangled, a reader with a hidden layer of its own finds more: in
# the trained LayerNorm network .58 instead of .42, when we tried.
#
# ## Layers that look back
#
# Write $v_0$ for the input's code and $v_l$ for what layer l gives. A plain layer reads the last of them. A residual layer reads their **sum**:

# %%
residual = networks["residual"].model(seeds[0])
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
# ### Exercise 7.3 · Attention over depth  (8 minutes, about 3 lines)
# The score of a source is its dot product with the query, as it is: no scaling. The softmax runs over the layers. The query is one vector (D,) for all places, or one for each place, (B, T, D). (A place is a row b of the batch and a position t of its sequence. Our network has no sequence: T is 1.)
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
# So a query that starts at zero prefers no layer. Each has a say, and each gets a gradient, in one step from wherever it is: chapter 04's 1/T against exponential, over layers instead of words. (Small random queries did as well here.)
#
# Recent deep models do this. DenseFormer ([arXiv 2402.02622](https://arxiv.org/abs/2402.02622)) takes, after each transformer block, a learned weighted sum of all representations so far. Attention Residuals ([arXiv 2603.15031](https://arxiv.org/abs/2603.15031)) takes a softmax instead, the lookup that you have written, and may bring
# the sources to one size before it compares them. Here it stands at one layer only: what it finds is added to the state at layer 13. Apart from that, the network is plain. Its control is as simple as can be: a single skip that adds the input's code to the state at layer 13, without asking. (Six seconds.)


# %%
class Skip(nn.Module):
    """In the place of a reader: the input's code, as it is."""

    def forward(self, state, table, earlier):
        return earlier[0]


train_kind("plain + a skip to layer 13", lambda: models.DeepNetwork(4, reader=Skip()))
train_kind(
    "plain + attention over depth", lambda: models.DeepNetwork(4, reader=models.DepthReader(depth_attention))
)

# %%
for name in ("plain + a skip to layer 13", "plain + attention over depth"):
    print(f"{name:28} values right", [f"{share:.3f}" for share in values[name].tolist()], end="; ")
    print("sums right", [f"{share:.3f}" for share in sums[name].tolist()])
    claim(f"{name}: at least 95 % of the values are right", values[name].mean() >= 0.95)

# %%
one = networks["plain + attention over depth"].model(seeds[0])
with torch.no_grad():
    states = torch.stack(one.states(table, a, b, question)[:13])  # (13, B, 64)
    weights = torch.softmax(states @ one.reader.query, 0).mean(1)  # (13,)
plots.bars(weights, ["input", *map(str, range(1, 13))]).set_xlabel("layer");

# %% [markdown]
# *Where layer 13 looks, on average over 256 tables (first seed): at the bottom, where the table still is.*

# %%
claim("over half of the weight is on the input's code and the first three layers", weights[:4].sum() > 0.5)

# %% [markdown]
# It has *found* the way that the skip was given: nobody told it which layer to look at. (A query that is held at zero, the mean of all, got .4 when we tried: it has to learn.) For a table of four that is all it buys. Neither mends the layers in between, which are as plain as before; in some seeds they do not learn their own sums within these 400 steps.
#
# And both bring back a *whole state*, 64 numbers in which the table is one sum. Picking out the slot is left to the last four layers. Hold on to that thought.
#
# ## Ask the input
#
# The last way is the one in the thought experiment. The dictionary is made **from the input**: each slot has a learned key, the same for all inputs; its value is a learned vector for what stands in the slot *this time*. Layer 13's state, with the question in it, asks.
#
# ### Exercise 7.4 · Attention to the input  (8 minutes, about 4 lines)
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
# *The state knows next to nothing of the table, and the answer is right: it was fetched, not carried.* Only the question is in the query that matters, and it came in at this very layer. Did it look where it was told to?

# %%
network, looked = networks[name].model(seeds[0]), []


def and_write_down(state, key, value, W_q):
    context, weights = attend_to_input(state, key, value, W_q)
    looked.append(weights)
    return context, weights


network.reader.attend = and_write_down
with torch.no_grad():
    network(table, a, b, question)
by_question = torch.stack([looked[0][question == slot].mean(0) for slot in range(4)])
plots.heatmap(
    by_question, [f"asked for slot {i}" for i in range(4)], [f"slot {i}" for i in range(4)]
);

# %%
print("smallest weight on the slot asked for:", f"{by_question.diagonal().min():.2f}")
claim("the weight is on the slot that was asked for", by_question.diagonal().min() > 0.8)

# %% [markdown]
# *Rows ask, columns answer (means over 256 tables). Nobody told it which key belongs to which slot: keys, values and question were random numbers, and the loss did the rest.*
#
# For the table of four, then, many ways lead there: residual connections, one skip, attention over depth, attention to the input. To tell them apart, make the carrying harder.
#
# ## When carrying is hard: noise
#
# "Or get too noisy", says the thought. Take residual networks, a table of **eight**, and let every layer add noise of a fifth of its state's size, in training and in the test. All have the *same reader*, your `attend_to_input`, and differ in where its values come from:
#
# - **the input**, as above: a value for every slot;
# - **the code**, the 64 numbers that the input was turned into: a learned map has to take the eight values apart. No layer and no noise lies between. (A skip or attention over depth could bring no more.)
# - **the state** that has come through twelve layers: the same map, and the way there.
#
# The last runs without noise as well. **Predict.** (About fourteen seconds.)

# %%
readers = {
    "the input": lambda slots: models.InputReader(slots, attend_to_input),
    "the code": lambda slots: models.StateReader(slots, attend_to_input, layer=0),
    "the state": lambda slots: models.StateReader(slots, attend_to_input),
}
noisy = {}
for name, noise in [("the input", 0.2), ("the code", 0.2), ("the state", 0.2), ("the state", 0.0)]:

    def build():
        return models.DeepNetwork(8, residual=True, noise=noise, reader=readers[name](8))

    _, _, noisy[f"{name}, noise {noise}"] = learn(build, 8, f"{name}, noise {noise}")
plots.seeds(noisy, "value right, table of eight", chance=1 / 8);

# %% [markdown]
# *From the input everything is right. From the code about half: taking eight values out of one sum is hard to learn. From the state that was carried through noisy layers less again; without noise much more.*

# %%
for name, shares in noisy.items():
    print(f"{name:20}", [f"{share:.3f}" for share in shares.tolist()])
by_input, by_code, by_state, without_noise = (shares.mean() for shares in noisy.values())
claim("noise, reading the input: at least 95 % right", by_input >= 0.95)
claim("noise, reading the carried state: at most 50 %", by_state <= 0.5)
claim("without noise, over 15 points more", without_noise > by_state + 0.15)
claim("reading the code, over 5 points more than the state", by_code > by_state + 0.05)

# %% [markdown]
# So the gap between the first and the third has two parts. One is what happens on the way, between the code and the state: noise, layer after layer. The other has nothing to do with depth: a state mixes what an input keeps apart. (Trained for 3,000 steps, the reader of the state without noise was right in over 99 % when we tried. Noise does not go away with training.)
#
# ## When much has to fit: size
#
# Now without noise and without depth: **four** layers, asked at the first. The state has 64 numbers, whatever the table. The first and the last of the readers, at 8, 16 and 32 slots. **Predict.** Where does each break, in 400 steps? (About ten seconds.)

# %%
by_size = {name: [] for name in ("the input", "the state")}
for slots in (8, 16, 32):
    for name, found in by_size.items():

        def build():
            return models.DeepNetwork(slots, depth=4, asked_at=1, residual=True, reader=readers[name](slots))

        found.append(learn(build, slots, f"{slots} slots, {name}")[-1])
lines = {name: [shares.mean().item() for shares in each] for name, each in by_size.items()}
plots.curves([8, 16, 32], lines, "slots in the table", "value right", **axes).set_xticks([8, 16, 32]);

# %% [markdown]
# *400 steps teach 64 numbers to hold eight entries, not 32. A lookup in the input has nothing to learn there: its memory grows with the input, a value for every slot. (Means of three seeds.)*

# %%
for name, each in by_size.items():
    print(f"{name:10}", {slots: f"{s.mean():.3f}" for slots, s in zip((8, 16, 32), each, strict=True)})
from_input, from_state = by_size["the input"], by_size["the state"]
claim("from the state, eight entries: at least 95 % right", from_state[0].mean() >= 0.95)
claim("sixteen: at most 85 %", from_state[1].mean() <= 0.85)
claim("32: at most 45 %", from_state[2].mean() <= 0.45)
claim("from the input, 95 % and more at every size", min(shares.mean() for shares in from_input) >= 0.95)

# %% [markdown]
# Like chapter 04's cliff, this one moves with training: after 4,000 steps sixteen entries came out right in over 97 %, 32 in .63 when we tried. And it is no limit of what 64 numbers *could* hold: set by hand, two numbers for each slot, they hold 32 entries without a mistake. What is small is not the state, it is what training makes of it in the time it has.
#
# ## Forgetting, in the other sense
#
# The thought experiment called the loss "catastrophic forgetting". That name belongs to something else (McCloskey and Cohen 1989), and the difference is worth seeing.
#
# A network learns to tell five kinds of things from each other, task A. Then it learns five other kinds, task B, and never sees A again. Ten kinds, each a random place in 20 dimensions with noise around it, and ten outputs. Three seeds. Beside them the same training with *replay*: 50 examples of task A are stored, and 16 of them are mixed
# into each of B's batches. And one more measure: when the network may choose among A's five outputs only, how much of A is right?

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


def in_turn(tasks):
    """The share right of A, of B, and of A among its own five outputs, (steps, 3, S); 200 steps a task."""
    model, shares = training.Seeds(classifier, seeds), []

    def loss(model, x, kind):
        with torch.no_grad():
            (of_a, kind_a), (of_b, kind_b) = [(model(things), kinds) for things, kinds in tests]
        right = [of_a.argmax(-1) == kind_a, of_b.argmax(-1) == kind_b, of_a[..., :5].argmax(-1) == kind_a]
        shares.append(torch.stack(right).float().mean(-1))
        return F.cross_entropy(model(x).mT, kind, reduction="none").mean(1)

    for name, task in tasks.items():
        training.train(model, iter(task, None), loss, 200, label=name)
    return torch.stack(shares)


# %% [markdown]
# **Predict.** After task B, how much of task A is still right? (A few seconds.)

# %%
alone = in_turn({"task A": task_a, "task B": task_b})
replayed = in_turn({"task A": task_a, "task B, with replay": task_b_with_replay})
lines = {"task A": alone[:, 0], "task B": alone[:, 1]}
lines |= {"task A, with replay": replayed[:, 0], "task A, among its own outputs": alone[:, 2]}
lines = {name: shares.mean(1) for name, shares in lines.items()}
plots.curves(range(400), lines, "training step (task B from step 200 on)", "right");

# %% [markdown]
# *Task A is learned within fifty steps. Fifty steps into task B no answer to it is right; with replay it comes back after a dip and stays. Among A's own five outputs the right one is still the largest nearly always. (Means of three seeds.)*

# %%
print("A after B:", [f"{share:.3f}" for share in alone[-1, 0].tolist()], end="; ")
print("with replay:", [f"{share:.3f}" for share in replayed[-1, 0].tolist()])
claim("task A was learned", alone[200, 0].min() > 0.95)
claim("after task B less than a tenth of it is right", alone[-1, 0].max() < 0.1)
claim("among its own outputs most of it still is", alone[-1, 2].min() > 0.7)
claim("with replay over 90 %, and task B as well", replayed[-1].min() > 0.9)

# %% [markdown]
# | what | the input lost at layer 13 | catastrophic forgetting |
# |---|---|---|
# | when | within one forward pass | over training |
# | where | in the activations | in the weights |
# | what helps | a residual connection, attention over depth, attention to the input | replay, and other care for old tasks |
#
# This is the harshest setting: ten outputs, of which five are never right in the second half. The last line says what was forgotten: hardly the differences within A, but that A is ever the answer. Weights that nobody practises are bent to what is practised. **It is another thing, and attention is not its cure**: the keys, values and maps of an attention layer are weights
# as well.
#
# ## What may be said
#
# | the thought | here |
# |---|---|
# | without attention, information from the input may be lost on a long way | yes, in layers that start as PyTorch's do, in 400 steps; another start helps; **with a residual connection, for a table of four, it is not** |
# | or become too noisy | yes: with noise in every layer .3 instead of .7, with the same reader of the same state; from the input over .99 |
# | attention makes it available at any time | yes, whatever the layers in between have done with it |
# | that is a matter of gradients | partly: where none came back, the table was thrown away; but it gets tangled also where gradients are fine |
# | that is catastrophic forgetting | no: that lives in weights, over training |
#
# Sixteen layers of 64 numbers, 400 steps, three seeds. A transformer has both: residual connections around its layers, and at each layer attention over the states of *all* positions, a memory that grows with the input. This
# chapter has shown what each of the two is good for.
#
# ## In short
#
# - Vanishing gradients and lost information are two things, measured apart; the first can bring about the second, and the second comes without the first.
# - Residual connections mend both, and for a small table they are all it takes.
# - Attention over depth mixes what the layers gave with learned weights; a query of zero starts with their mean.
# - Attention to the input fetches what the state has lost. It wins where carrying is noisy, and where much would have to be packed into one state.
# - Catastrophic forgetting happens to weights, over training; replay mends it, attention does not.
#
# ## Before you go on
#
# <details><summary>ReLU with He's start: the gradient at layer 0 is nearly as large as at layer 16. Why does the network still not answer?</summary>The gradient tells the lower layers what to change, but on the way up the table gets tangled: at layer 12 a probe is right three times in ten, where a guess is right once in eight. Gradients that arrive do not mean that information does.</details>
# <details><summary>How can the answer be right when the probe at layer 12 is at chance?</summary>The answer was not in the state. The question, added at layer 13, made the query, and the lookup fetched the value from the input.</details>
# <details><summary>A residual network answers .24 on a table of sixteen, attention to the input 1.0. Has depth lost the table?</summary>That comparison cannot tell: four layers without any distance may fail as well, since ordinary layers are bad at picking one of sixteen. Compare the same reader, or the same depth, and change one thing.</details>
# <details><summary>What does attention over depth do with a query of zero, and what must happen then?</summary>All scores are zero, all weights equal: it returns the mean of the layers, and each of them gets a gradient in one step. Then the query has to learn which layers to prefer; the mean alone is not enough.</details>
# <details><summary>Your network is trained on new data and has forgotten the old. Will an attention layer help?</summary>Not as such. What was forgotten was in the weights, and the attention layer's own maps are weights as well. Mix stored old examples into the training.</details>
#
# ## To read on
#
# - He et al. 2015, [Delving deep into rectifiers](https://arxiv.org/abs/1502.01852): how to start ReLU layers. He et al. 2015, [Deep residual learning](https://arxiv.org/abs/1512.03385): the skip; their plain networks fail although their gradients do not vanish. He et al. 2016, [Identity mappings](https://arxiv.org/abs/1603.05027): why the way past should be kept clear.
# - Alain and Bengio 2016, [Understanding intermediate layers using linear classifier probes](https://arxiv.org/abs/1610.01644).
# - Pagliardini et al. 2024, [DenseFormer](https://arxiv.org/abs/2402.02622), and Kimi Team 2026, [Attention Residuals](https://arxiv.org/abs/2603.15031): layers that look back.
# - Ba, Kiros and Hinton 2016, [Layer normalization](https://arxiv.org/abs/1607.06450).
# - McCloskey and Cohen 1989, [Catastrophic interference in connectionist networks](https://doi.org/10.1016/S0079-7421(08)60536-8): the other forgetting.
