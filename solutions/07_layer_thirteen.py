# %% [markdown] slide="slide"
# # 07 · Layer thirteen
#
# **145 minutes**, and 11 for what is called Further. You need [chapter 04](04_the_bottleneck.ipynb) (how far back a gradient reaches) and [chapter 05](05_bahdanau_attention.ipynb) (a state that asks at every step).
#
# After this chapter you can
# - measure what comes back through a deep network (gradients) and what gets through it (signal, information), and say why these are three things,
# - find out which of several explanations is the right one, by changing one thing and not the others,
# - write a diagnosis of a network that has lost something, and ask its questions in the right order,
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

# %% slide="slide"
from torch import nn
from torch.nn import functional as F

torch.set_num_threads(1)  # for models as small as these, more threads only get in each other's way
plots.deep_network();

# %% [markdown]
# *Sixteen layers. The input is a table and two numbers. The lower layers have other work: adding the numbers. At layer 13 comes a question about the table, which no layer below has seen. How does the answer get there? Through twelve layers that were busy
# (grey), around each of them by a skip (dashed), or by a lookup in the input (blue).*

# %% [markdown] slide="slide"
# ## The thought
#
# This course began with a thought experiment. A network needs, at layer 13, some information from its input. Without attention, all the layers in between have to carry it along, and if there are many it may be lost, or drown in noise. With attention, layer 13 asks a
# dictionary made from the input, whenever it needs to.
#
# Is that so? It can be run. The table has four **slots**, each with a **value** from 0 to 7. Beside it stand two numbers a and b from 0 to 2. The network has to give (a + b) mod 3 from its state after layer 12. At layer 13 it is told which slot is wanted, and after layer 16 it has to give the value.

# %% slide="fragment"
tables, a, b, question = data.table_questions((4,), 4, torch.Generator().manual_seed(0))
for table, first, second, slot in zip(*(each.tolist() for each in (tables, a, b, question)), strict=True):
    print(f"table {table}, a = {first}, b = {second}: the sum is {(first + second) % 3};", end=" ")
    print(f"slot {slot} holds {table[slot]}")

# %% [markdown]
# A guess is right once in eight times, for the value, and once in three for the sum: that is **chance** in this chapter.
#
# The network (`utils/models/deep_network.py`) is as plain as can be: the input's code is a sum of learned vectors, 64 numbers; each layer is a matrix and a tanh, started as PyTorch starts its linear layers. Everything is trained together, for 400 steps with 100 new tables
# each, from three seeds, and all networks get the same unless the text says otherwise. (The steps grow over the first 60 and then shrink towards nothing, and a gradient longer than 1 is shortened to 1: chapter 04's three habits.)
#
# Here and there the text tells a figure that the notebook does not run, because it would take too long. `python -m utils.told --list 07` lists them, each with the command that runs it.

# %%
from utils import models, training
from utils.predictions import predict

seeds = [0, 1, 2]


def learn(build, slots=4, label="", loss=models.table_loss, asked=None, steps=400, rate=3e-3):
    """Three networks, one for each seed, trained side by side; how often their sums and values are right."""
    draws = torch.Generator().manual_seed(0)

    def questions(count):
        table, a, b, question = data.table_questions((len(seeds), count), slots, draws)
        return table, a, b, question if asked is None else asked(a, b)

    networks = training.Seeds(build, seeds)
    recipe = {"rate": rate, "warm_up": 60, "decay": True, "clip": 1.0, "label": label}
    training.train(networks, iter(lambda: questions(100), None), loss, steps, **recipe)
    return networks, *models.table_accuracy(networks, *questions(1000))


# %% [markdown] slide="slide"
# The control is a network of four layers that is asked at the first of them: is the question hard in itself? (About four seconds.)

# %% slide="fragment"
predict(
    "The same lookup, learned by four layers and by sixteen. Which networks get most of the values right?",
    "only those of four layers", "all of them", "none of them",
)

# %% slide="subslide"
networks, sums, values = {}, {}, {}


def train_kind(name, build, **how):
    networks[name], sums[name], values[name] = learn(build, label=name, **how)


for name, options in {"plain": {}, "plain, 4 layers": {"depth": 4, "asked_at": 1}}.items():
    train_kind(name, lambda: models.DeepNetwork(4, **options))
plots.seeds(values, "value right, on new tables", chance=1 / 8);

# %% [markdown] slide="fragment"
# *A point for each seed. With four layers the lookup is learned without a mistake. With sixteen it is not learned at all.*

# %%
print("plain, sixteen layers: sums right", [f"{share:.3f}" for share in sums["plain"].tolist()])
claim("the plain network's values are hardly above chance", values["plain"].max() < 0.3)
claim("its other work is done, in two of the three seeds at least", sums["plain"].median() > 0.9)
claim("four layers have learned the same lookup", values["plain, 4 layers"].mean() >= 0.95)

# %% slide="fragment"
predict.answer(
    "only those of four layers",
    "and so the question is not hard in itself. Why the deep ones fail is what this chapter finds out.",
)

# %% [markdown]
# The same question, near and far. (Two things differ: the way is longer, and the layers on it have other work. The small network has no layers for its sum, so
# ignore that.) *What* went wrong on the way?
#
# ## Two sizes, layer by layer
#
# Layer 1 learns from a gradient that has come back through fifteen layers. In chapter 04 it came back through time, and fell exponentially. Measure it here, layer by layer.
#
# By hand, with one layer that triples and half the square as loss: the input 2 gives 6, so the gradient at the output is 6, and at the input 3 · 6 = 18.
#
# ### Exercise 7.1 · The gradient by layer  (10 minutes, about 6 lines)
# `model` is a list of functions, each from (B, D) to (B, D'). Apply them to `x` one after the other; `loss` makes a number of the last output. How large is the gradient of this loss at x, and at the output of each layer? For each place, the mean over the batch of the gradient's norm.
#
# <details><summary>Hint 1</summary>Keep all the states in a list. The first is a copy of x that wants a gradient: <code>x.detach().clone().requires_grad_()</code>.</details>
# <details><summary>Hint 2</summary><code>torch.autograd.grad(number, states)</code> returns a gradient (B, D) for each state in the list.</details>
# <details><summary>Hint 3</summary>The norm over D, the mean over B, and <code>torch.stack</code> for the tensor.</details>


# %% exercise="gradient_by_layer"
def gradient_by_layer(model, x, loss):
    """(L + 1,), of x's type: at x and after each layer, the batch's mean of the norm of the gradient there.

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
# The way up has a size as well: how far the states of different inputs differ. That is the size of the **signal**, for a layer above can read only what differs from input to input. Its measure is the **spread** of a layer's states: their
# standard deviation over a batch, after the batch's mean has been taken off.
#
# Five networks before any training. Beside the plain one:
#
# - **orthogonal**: plain, but each matrix starts as a rotation (times 1.1, for what tanh takes away), which neither stretches nor squeezes;
# - **ReLU** instead of tanh, started as He et al. (*Delving deep into rectifiers*, 2015) advise, so that signals keep their size;
# - **LayerNorm** (Ba et al. 2016): each layer sees its state with mean 0 and variance 1;
# - **residual** (He et al., *Deep residual learning*, 2015): each layer's output is *added* to its state, $h_l = h_{l-1} + f_l(h_{l-1})$. The derivative is 1 plus something, so a gradient need not shrink.

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

# %%
def gradients_of(network):
    def loss(state):  # summed over the batch, so that every row counts in full
        return F.cross_entropy(network.value_head(network.norm(state)), wanted, reduction="sum")

    return gradient_by_layer(network.steps(table, question), network.code(table, a, b), loss)


def spread_of(states):
    return (states - states.mean(0)).std()


def spreads_of(network):
    with torch.no_grad():
        return torch.stack([spread_of(x) for x in network.states(table, a, b, question)])


# %% slide="slide"
predict(
    "In the plain network the gradient shrinks on its way down. What does the signal do on its way up?",
    "it keeps its size", "it shrinks as well", "it grows",
)

# %%
fresh = {}
for name, options in kinds.items():
    torch.manual_seed(0)
    fresh[name] = models.DeepNetwork(4, **options)
spread = {name: spreads_of(network) for name, network in fresh.items()}
reach = {name: gradients_of(network).detach() for name, network in fresh.items()}
signals = {name: sizes[:13] for name, sizes in spread.items()}
plots.curves(range(13), signals, "layer", "spread of the state", log="y")
plots.curves(range(17), reach, "layer", "size of the gradient", log="y");

# %% [markdown]
# *Both axes are logarithmic. Above, the plain network's signal falls in a straight line on its way up to layer 12, exponentially. Below, its
# gradient falls in the same way on its way down to the input: it **vanishes**. In the other four both arrive.*

# %% slide="subslide"
for name in kinds:
    up, down = spread[name][12] / spread[name][0], reach[name][0] / reach[name][16]
    print(f"{name:10} spread, layer 12 over code {up:7.1e}; gradient, code over layer 16 {down:7.1e}")
plain_up, plain_down = spread["plain"][12] / spread["plain"][0], reach["plain"][0] / reach["plain"][16]
claim("plain: under a three-hundredth of the signal reaches layer 12", plain_up < 1 / 300)
claim("plain: under a thousandth of the gradient reaches the input", plain_down < 1e-3)
for name in ("orthogonal", "ReLU", "LayerNorm", "residual"):
    arrive = min(spread[name][12] / spread[name][0], reach[name][0] / reach[name][16])
    claim(f"{name}: more than a twentieth of both", arrive > 0.05)

# %% slide="fragment"
predict.answer(
    "it shrinks as well",
    "because a plain layer, as it starts, shrinks nearly all that passes it, in either direction. So the two "
    "come together here, and *seeing one of them does not say which one does the harm*.",
)

# %% [markdown]
# Now train the other four. (About ten seconds.)

# %% slide="slide"
predict(
    "Neither vanishes in these four. How many of them get over 90 % right with every seed?",
    "one of them", "two or three", "all four",
)

# %% slide="subslide"
for name in ("orthogonal", "ReLU", "LayerNorm", "residual"):
    train_kind(name, lambda: models.DeepNetwork(4, **kinds[name]))
plots.seeds(values, "value right, on new tables", chance=1 / 8);

# %% [markdown] slide="fragment"
# *All four get off the ground. Only the residual network has it with every seed.*

# %%
for name in kinds:
    print(f"{name:10} values right", [f"{share:.3f}" for share in values[name].tolist()])
claim("ReLU and LayerNorm: under 70 % right", max(values["ReLU"].mean(), values["LayerNorm"].mean()) < 0.7)
claim("orthogonal: over 40 %, with nothing but another start", values["orthogonal"].mean() > 0.4)
claim("orthogonal: one seed at least under 90 %", values["orthogonal"].min() < 0.9)
claim("a residual connection alone: at least 95 % right, with every seed", values["residual"].min() >= 0.95)

# %% slide="fragment"
predict.answer(
    "one of them",
    "and so vanishing is not the whole story: something else keeps the other three back.",
)

# %% [markdown]
# Take note, before attention has had a word: **for a table of four, a residual connection alone suffices.** Layer 13 does not need attention for this.
#
# And depth alone rules nothing out. The plain network's failure is one of its *start*: with orthogonal matrices at the start, and 2,000 steps instead of 400, plain layers had over 95 % right with each seed. With PyTorch's start 2,000 steps changed nothing: .11 to .13.

# %% [markdown] slide="slide"
# ## What is left of the table?
#
# A gradient travels down, information travels up. To see how far it gets, take a network, stop at some layer, and try to read the table from the state with the simplest reader there is: a linear classifier, the **probe** (Alain and Bengio 2016). If it can, the table is there, and easy to get: a *line* reads it, as we shall say. If it cannot, the table is not gone for good. A reader with
# layers of its own may still find some of it.
# Fit it on some tables and score it on others: with 64 numbers to go by, it could learn some rows by heart.

# %% [markdown]
# ### Exercise 7.2 · A linear probe  (12 minutes, about 6 lines)
# Fit a linear classifier from features (n, D) to labels (n,) on all rows but the last `held_out`, and return the share of these last rows that it gets right. It needs an intercept, and features may come in 32 or 64 bits. The shortest way is least squares: each class has a column that should be one for its own rows and zero for the
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
# One probe for each slot and each layer. A layer above does not read its state to the sixth digit, and neither should the probe, so the state gets
# some noise first, a **blur**. Of which size? Layer 13 reads the *sum* of the state and the question. So the blur is one per cent of the spread of this sum.

# %%
def left_of_the_table(network, layers, blur=0.01, as_read=True):
    """(len(layers), 4): how often a probe reads each slot's value right after these layers.

    From what layer 13 reads, state and question; with as_read false from the state, blurred by its own spread.
    """
    draws = torch.Generator().manual_seed(2)
    tables, first, second, slots = data.table_questions((1500,), 4, draws)
    states, shares = network.states(tables, first, second, slots), []
    for layer in layers:
        seen = (network.read(states[layer], slots) if as_read else states[layer]).detach()
        seen = seen + blur * spread_of(seen) * torch.randn(seen.shape, generator=draws)
        shares.append([linear_probe(seen, slot, 500) for slot in tables.T])
    return torch.tensor(shares)


# %% [markdown] slide="slide"
# First the networks as they start, untrained, from the code up to layer 12.

# %% slide="fragment"
before = {name: left_of_the_table(network, range(0, 13, 2)) for name, network in fresh.items()}
curves = {name: shares.mean(1) for name, shares in before.items()}
axes = {"chance": 1 / 8, "ylim": (0, 1.05)}
plots.curves(range(0, 13, 2), curves, "layer, before training", "slots read right by a probe", **axes);

# %% [markdown] slide="fragment"
# *At the start the orthogonal and the residual network hand the whole table up to layer 13. From the plain network nothing can be read at layer 12.
# In ReLU and LayerNorm a line finds less from layer to layer: they **tangle** the table.*
#
# The plain network's table is there, though, and much too small. Blur the state by a hundredth of its *own* spread instead:

# %%
alone = left_of_the_table(fresh["plain"], [12], as_read=False).mean()
as_read = before["plain"][-1].mean()
print(f"plain, untrained, layer 12: {as_read:.2f} as layer 13 reads it, {alone:.2f} by its own spread")
claim("plain, untrained: a hundredth of what layer 13 reads hides the table", as_read < 0.25)
claim("a hundredth of its own spread does not", alone > 0.7)

# %% [markdown] slide="subslide"
# And after training?

# %% slide="fragment"
left = {name: left_of_the_table(networks[name].model(seeds[0]), range(0, 13, 2)) for name in kinds}
curves = {name: shares.mean(1) for name, shares in left.items()}
plots.curves(range(0, 13, 2), curves, "layer, after training", "slots read right by a probe", **axes);

# %% [markdown] slide="fragment"
# *Through the residual network the table stays readable all the way. From the plain network this probe reads nothing at layer 12, neither before training nor after. (Mean of the four slots, first seed; the other seeds are printed below.)*

# %% [markdown]
# ### Look yourself
#
# Move the slider from the input up to layer 12. Each slot has a bar; the dashed line is chance.

# %%
from utils import widgets

steps = ["the input", *(f"layer {layer}" for layer in range(2, 13, 2))]
figure = widgets.SliderBars(
    steps, left, [f"slot {i}" for i in range(4)], "read right by a probe", level=1 / 8, name="layer"
)
figure

# %% [markdown]
# ReLU, and LayerNorm still more, tangle some slots worse than others. (The curves above show the mean without a running kernel.) Now the probe at layer 12 for all three seeds.

# %%
def left_at_12(name, **how):
    """(3,): the mean of the four slots at layer 12, for each seed."""
    return torch.stack([left_of_the_table(networks[name].model(seed), [12], **how).mean() for seed in seeds])


at_12 = {name: left_at_12(name) for name in kinds}
for name in kinds:
    print(f"{name:10} before training {before[name][-1].mean():.2f},", end=" ")
    print("after", [f"{share:.2f}" for share in at_12[name].tolist()])
claim("plain: at layer 12 the table is as good as gone", at_12["plain"].max() < 0.25)
for name in ("ReLU", "LayerNorm"):
    claim(f"{name}: the probe is right less than 80 % before training", before[name][-1].mean() < 0.8)
    claim(f"{name}: and less than 70 % after", at_12[name].max() < 0.7)
for name in ("orthogonal", "residual"):
    claim(f"{name}: nearly all of it is there before training", before[name][-1].mean() > 0.85)
claim("residual: all of it is still there", at_12["residual"].min() >= 0.95)

# %% [markdown]
# The ReLU and the LayerNorm network tangle the table from the start (in the second it is the tanh between the norms: without it a line reads nearly all, told by `norms_alone`), although neither signal nor gradient vanishes there. (Tangled is not gone: a reader with a hidden
# layer of its own finds more than a line, in untrained LayerNorm networks .06 to .12 more, in ReLU networks .05 to .07. And it is not all: without other work ReLU networks had .50 to .59 right.)
# Two networks are left to explain: plain layers lose the table altogether, and of the orthogonal ones, which have it at the start, a line reads only part in the end.

# %% [markdown] slide="slide"
# ## Three suspects
#
# Who takes the table from the plain network? Three explanations suggest themselves, and each is plausible.
#
# 1. **The gradient.** It vanishes, so the lower layers are never told that the table is wanted.
# 2. **The signal.** It vanishes, so layer 13 cannot read the table, whatever the lower layers do.
# 3. **The other work.** It has the layers to itself, and makes of the table what suits the sum.
#
# Whoever has heard of vanishing gradients has an answer ready, and it can be tested. To change one thing and not the other, a **gate**: what passes up is
# multiplied by one number, what comes back down by another. It takes two lines, for `x.detach()` has the value of x and no gradient, and `x - x.detach()` the value zero and the gradient of x.

# %%
def gate(x, up, down):
    """x times `up`, as far as values go; the gradient that comes back through it is multiplied by `down`."""
    return up * x.detach() + down * (x - x.detach())


x = torch.tensor(3.0, requires_grad=True)
y = gate(x, 1.0, 0.5)
y.backward()
print(f"the value {y.item()}, the gradient {x.grad.item()}")

# %% [markdown]
# First the third suspect: take the other work away, and train on the value alone.

# %%
value_alone = {"loss": models.value_loss}
for name in ("plain", "orthogonal"):
    train_kind(f"{name}, no other work", lambda: models.DeepNetwork(4, **kinds[name]), **value_alone)
rivals = ["plain", "plain, no other work", "orthogonal", "orthogonal, no other work"]
plots.seeds({name: values[name] for name in rivals}, "value right", chance=1 / 8);

# %% [markdown]
# *Without other work, the orthogonal networks keep everything, with each seed. The plain ones are as lost as before, or nearly.*

# %%
claim("orthogonal: without other work everything is right", values["orthogonal, no other work"].min() > 0.98)
claim("plain: without other work still under 40 %", values["plain, no other work"].max() < 0.4)

# %% [markdown]
# So other work is what tangles the *orthogonal* network's table, and it is not what loses the plain one's. (Tangles: a sharper probe reads no more of it, so it is not too small. And it need not be hard work: to name a alone did no less harm.) Now the first suspect, in a network that keeps
# its signal: let the gradient shrink to .57 of its size at each of the twelve layers below, to about a thousandth in all, as it does in the plain network.
# The values that pass up stay as they are.

# %% slide="slide"
predict(
    "An orthogonal network whose gradient vanishes and whose signal does not, no other work: what is right?",
    "next to nothing", "about half", "nearly everything",
)

# %%
def vanishing_gradient(number, state):
    return gate(state, 1.0, 0.57)


def vanishing_signal(number, state):
    return gate(state, 0.57, 1.0)


def orthogonal_gated(carry):
    return models.DeepNetwork(4, orthogonal=True, carry=carry)


# %% slide="subslide"
names = ("orthogonal, gradient vanishes", "orthogonal, signal vanishes")
for name, carry in zip(names, (vanishing_gradient, vanishing_signal), strict=True):
    train_kind(name, lambda: orthogonal_gated(carry), **value_alone)
torch.manual_seed(0)
gated = gradients_of(orthogonal_gated(vanishing_gradient))
for name in names:
    print(f"{name:30} values right", [f"{share:.3f}" for share in values[name].tolist()])
claim("with this gate under a thousandth of the gradient reaches the code", gated[0] < 1e-3 * gated[16])
claim("a vanished gradient loses nothing: over 95 % right", values[names[0]].min() > 0.95)
claim("a vanished signal loses the table: under 50 %", values[names[1]].max() < 0.5)

# %% slide="fragment"
predict.answer(
    "nearly everything",
    "because these layers carry the table up as they are, and so nothing has to be learned below. With a "
    "vanished *signal* it is lost.",
)

# %% [markdown]
# That surprises whoever has learned that "it is the vanishing gradient". Is it the optimizer? Adam divides each gradient by its own usual size, so a small one makes
# steps as large as any. Plain gradient descent (SGD) does not. The same two gates with SGD:

# %%
def sgd_step(networks, gradients, rate):
    """In place: each seed's parameters go down their gradient, clipped to a norm of 1 as everywhere here."""
    used = [pair for pair in zip(networks.stacked, gradients, strict=True) if pair[1] is not None]
    norm = torch.stack([gradient.flatten(1).norm(dim=1) for _, gradient in used]).norm(dim=0)  # (3,)
    with torch.no_grad():
        for parameter, gradient in used:
            step = rate / norm.clamp(min=1)
            parameter -= step.view(-1, *[1] * (gradient.dim() - 1)) * gradient


# %%
def learn_with_sgd(build, rate=1.0, steps=200):
    """As learn(), for the value alone, by plain gradient descent: the same warm-up and decay, in 200 steps."""
    draws, networks = torch.Generator().manual_seed(0), training.Seeds(build, seeds)
    for step in range(steps):
        loss = models.value_loss(networks, *data.table_questions((len(seeds), 100), 4, draws))
        gradients = torch.autograd.grad(loss.sum(), list(networks.stacked), allow_unused=True)
        sgd_step(networks, gradients, rate * min(1, (step + 1) / 60) * (1 - step / steps))
    return models.table_accuracy(networks, *data.table_questions((len(seeds), 1000), 4, draws))[1]


# %%
by_sgd = {}
for name, carry in zip(("orthogonal", *names), (None, vanishing_gradient, vanishing_signal), strict=True):
    by_sgd[name] = learn_with_sgd(lambda: orthogonal_gated(carry))
for name, shares in by_sgd.items():
    print(f"{name:30} by SGD", [f"{share:.3f}" for share in shares.tolist()])
claim("by SGD, too, a vanished gradient costs little: over 85 % right", by_sgd[names[0]].min() > 0.85)
cost = by_sgd["orthogonal"].mean() - by_sgd[names[0]].mean()
claim("under fifteen points less than without a gate", cost < 0.15)
claim("and a vanished signal loses the table", by_sgd[names[1]].max() < 0.5)

# %% [markdown]
# So it is not Adam that makes the vanished gradient nearly harmless: by SGD it costs a few points in these 200 steps, and none in 600. The lower layers have nothing to learn for the table, they only have to pass it on. The
# strongest test of that is to **freeze** them. The code and layers 1 to 12 stay as they start, and no gradient is needed there at all.

# %%
def frozen(**options):
    """A network whose code and first twelve layers are never trained."""
    network = models.DeepNetwork(4, **options)
    for parameter in [*network.layers[:12].parameters(), network.table_code, network.number_code]:
        parameter.requires_grad_(False)
    return network


def at_layer_12(factor):
    """What layer 13 is given of the state: so many times as much."""
    return lambda number, state: gate(state, factor, factor) if number == 12 else state


# %%
tests = {
    "plain, frozen": lambda: frozen(),
    "plain, frozen, state 12 × 1000": lambda: frozen(carry=at_layer_12(1000)),
    "orthogonal, frozen": lambda: frozen(orthogonal=True),
}
for name, build in tests.items():
    train_kind(name, build, **value_alone)
plots.seeds({name: values[name] for name in tests}, "value right", chance=1 / 8);

# %% [markdown]
# *Frozen plain layers: chance. The same frozen layers with their last state enlarged a thousandfold: most of it is right. Frozen orthogonal layers: nearly
# everything.*

# %%
claim("frozen plain layers: chance", values["plain, frozen"].max() < 0.25)
claim("enlarged, over half is right", values["plain, frozen, state 12 × 1000"].min() > 0.5)
claim("frozen orthogonal layers: over 85 %", values["orthogonal, frozen"].min() > 0.85)

# %% [markdown]
# The verdict, as far as it goes. **As it starts, the plain network cannot use its table because the signal has vanished**: nothing else differs between the frozen networks at chance and those at .7.
# **Of the orthogonal network's table, other work tangles a part.** In none of them is the vanished gradient what loses it. (In the plain network, too, mending the gradient by itself, with a gate of 1.75 on the way back alone, left .28 at most.)
#
# That was the start. What has become of the plain network's state when all of it was trained?

# %%
def at_its_own_size(network):
    """The spread at layer 12 over that of the code, and what is read there under the state's own blur."""
    spreads = spreads_of(network)
    return spreads[12] / spreads[0], left_of_the_table(network, [12], as_read=False).mean()


print("plain, no other work: spread at layer 12 over the code's, and the table read by its own spread")
for seed in seeds:
    torch.manual_seed(seed)
    small, there = at_its_own_size(models.DeepNetwork(4))
    large, gone = at_its_own_size(networks["plain, no other work"].model(seed))
    print(f"before training {small:.4f} and {there:.2f}, after it {large:.2f} and {gone:.2f}")
    claim("the signal has grown a hundredfold", large > 100 * small)
    claim("and a line reads less than half of what it did", gone < 0.5 * there)

# %% [markdown]
# The signal is back, and the table is not in it. So the size explains how the trouble begins, and not all of how it ends: the state that training enlarges holds something else.
# Something stays **open** here. Enlarging the last state a hundredfold, in a network that is trained throughout, gave .27 to .33; mending the size at each layer, by a gate of 1.75, gave .35 to .39 without other work, and .13 to .31 with it, over five seeds. Orthogonal layers made as small as plain ones, and mended by a gate of 1.9, had .37 to .42, although nothing vanishes in them;
# frozen they had .98 to .99, and with a tenth of the rate, in 2,000 steps, 1.00. So a fourth suspect is the *training of the lower layers* itself, at this rate. We have not followed it further.
#
# ## The probe and the answer
#
# If what layer 13 can read is what counts, then what a probe reads at layer 12 should go with how much a network gets right. Of the networks of sixteen layers so far, all but the frozen ones, three seeds each:

# %%
on_the_line = [*kinds, "plain, no other work", "orthogonal, no other work", *names]
off_the_line = "plain, frozen, state 12 × 1000"
at_12 |= {name: left_at_12(name) for name in [*on_the_line, off_the_line] if name not in at_12}
points = {name: (at_12[name], values[name]) for name in [*on_the_line, off_the_line]}
plots.scatter(points, "probe at layer 12", "value right");

# %%
found, right = (torch.cat([each[name] for name in on_the_line]) for each in (at_12, values))
r = torch.corrcoef(torch.stack([found, right]))[0, 1].item()
gap = (found - right).abs().median().item()
print(f"correlation {r:.3f}, median gap {gap:.3f}, over {len(found)} networks")
print(f"{off_the_line}: probe {at_12[off_the_line].mean():.2f}, right {values[off_the_line].mean():.2f}")
claim("what a probe reads at layer 12 goes with what is right: r above .9", r > 0.9)
claim("in the median to within ten points", gap < 0.1)

# %% [markdown]
# *Each of them lies near the diagonal, whatever it was that took its table. It need not be so. Off it are the frozen plain ones whose last state was enlarged by hand: a line reads everything there, and four layers
# on top learned to use most of it.*
#
# It is no bound: four layers can read what a line cannot. After 2,000 steps orthogonal networks had over 95 % right, and a line read .6 to .9.
#
# You have seen a diagnosis made, and one that sounded right fail its control. Now write the diagnosis.

# %% [markdown]
# ## Which question first?
#
# You can measure two things now, what comes down to a layer and what gets up to it. When a network cannot say the value at layer 13, they tell you why, and what would help depends on it. The order of the questions matters, and a network with a single fault shows why.
#
# Say that the state has spread 1, the question 0.5, and one layer multiplies the state by 0.0001. Layer 13 then reads a sum of spread 0.5, a hundredth of which is 0.005. Noise of that size is 50 times as large as the state, 0.0001. A sharp probe of the state is right for every row, a blurred one for about one in eight: the *signal* was lost.
#
# But what is multiplied on the way up is multiplied on the way down as well. The gradient at the code is 0.0001 of that at the last state, and who asks for the gradient first blames the gradient.

# %% [markdown]
# ### Exercise 7.3 · Why was it lost?  (25 minutes, about 12 lines)
# The **last state** is what the last of `network.layers` makes of `batch.code`. Layer 13 reads last state + question. Return the first that holds:
#
# - `"tangled"`: no line reads the value from the last state, even without any blur. A line reads it if your probe is right for more than half of 150 rows held out.
# - `"signal"`: a line does, but not if normal noise is added to the last state, times one hundredth of the spread of what layer 13 reads.
# - `"gradient"`: at the code, the gradient of `network.loss(state + question, value)` is less than a thousandth of what it is at the last state (its size as in exercise 7.1).
# - `"nothing"`, if none of them holds.
#
# <details><summary>Hint 1</summary>Start with <code>state = batch.code</code> and let each layer make a new one. <code>linear_probe(state, batch.value, 150)</code> fits on 300 rows.</details>
# <details><summary>Hint 2</summary>The spread: <code>read = state + batch.question</code>, then <code>(read - read.mean(0)).std()</code>. Probe the state with its noise, and not the sum, in which the question itself would be in the way.</details>
# <details><summary>Hint 3</summary><code>gradient_by_layer(network.layers, batch.code, loss)</code> needs a loss of the last state alone: a small function that adds the question and calls <code>network.loss</code>. Compare entry 0 with entry −1.</details>


# %% exercise="why_lost"
def why_lost(network, batch):
    """Why layer 13 misses the value: "tangled", "signal" or "gradient", the first that holds, else "nothing".

    network.layers is a list of functions (n, 16) -> (n, 16); network.loss(read, value) is a number.
    batch.code (450, 16), batch.question (450, 16), batch.value (450,), whole numbers 0 to 7.
    Layer 13 reads state + question.
    """
    # BEGIN SOLUTION
    state = batch.code
    for layer in network.layers:
        state = layer(state)
    if linear_probe(state, batch.value, 150) < 0.5:
        return "tangled"
    noise = 0.01 * spread_of(state + batch.question) * torch.randn(state.shape)
    if linear_probe(state + noise, batch.value, 150) < 0.5:
        return "signal"

    def loss(last):
        return network.loss(last + batch.question, batch.value)

    sizes = gradient_by_layer(network.layers, batch.code, loss)  # (L + 1,)
    return "gradient" if sizes[0] < sizes[-1] / 1000 else "nothing"
    # END SOLUTION


# %%
why_lost = check("why_lost", why_lost)

# %% [markdown] tags=["solution"]
# Every number is compared with another of the same network: the noise with what layer 13 reads, the gradient at the code with the one at the top. So neither a network in which all is small nor a loss in other units is blamed for that. And the gradient is asked about last, since it is small wherever the state was made small.

# %% [markdown] slide="slide"
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
# ### Exercise 7.4 · Attention over depth  (8 minutes, about 3 lines)
# The score of a source is its dot product with the query, as it is: no scaling. The softmax runs over the layers. The query is one vector (D,) for all places, or one for each place, (B, T, D): in a transformer a batch has B sequences of T positions. (Our network has no sequence: T is 1.)
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
# So a query that starts at zero prefers no layer. Each has a say, and each gets a gradient, in one step from wherever it is: chapter 04's 1/T against exponential, over layers instead of words. (Small random queries had .88 to 1.00.)
#
# Recent deep models do something of the kind, at every layer. DenseFormer ([arXiv 2402.02622](https://arxiv.org/abs/2402.02622)) takes, after each transformer block, a learned weighted sum of all representations so far. Attention Residuals ([arXiv 2603.15031](https://arxiv.org/abs/2603.15031)) takes a softmax instead, the lookup that you have written, and may normalise
# the sources before it compares them. Ours is a sketch of that: it stands at one layer only, with a query that is the same for every input; what it finds is added to the state at layer 13. Apart from that, the network is plain. Its control is as simple as can be: a single skip that adds the input's code to the state at layer 13, without asking. (Six seconds.)


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

# %% slide="fragment"
one = networks["plain + attention over depth"].model(seeds[0])
with torch.no_grad():
    states = torch.stack(one.states(table, a, b, question)[:13])  # (13, B, 64)
    weights = torch.softmax(states @ one.reader.query, 0).mean(1)  # (13,)
plots.bars(weights, ["input", *map(str, range(1, 13))]).set_xlabel("layer");

# %% [markdown] slide="fragment"
# *Where layer 13 looks, on average over 256 tables (first seed): at the bottom, where the table still is.*

# %%
claim("over half of the weight is on the input's code and the first three layers", weights[:4].sum() > 0.5)

# %% [markdown]
# It has *found* the way that the skip was given: nobody told it which layer to look at. But is it the choice that counts? A query that is held at zero, the mean of all, got .4 in these 400 steps, and .79 to 1.00 in 1,600. In that mean the code is divided by 13, and that is too small for 400 steps. It is not the question that drowns it: with a question divided by 13 as well it had .4 again, and thirteen times the mean, with nothing learned, had 1.00, even beside a question thirteen times as large. So what the query learns here is mostly to give the code its size back. For a table of four that is all it buys.
# Neither mends the layers in between. And a reader has a price that we cannot explain: plain layers alone learn their sums with every seed that we tried, and so they do with the skip; with attention over depth, or to the input as below, some seeds do not within these 400 steps.
#
# And both bring back a *whole state*, 64 numbers in which the table is one sum. Picking out the slot is left to the last four layers. Hold on to that thought.

# %% [markdown] slide="slide"
# ## Ask the input
#
# The last way is the one in the thought experiment. The dictionary is made **from the input**: each slot has a learned key, the same for all inputs; its value is a learned vector for what stands in the slot *this time*. Layer 13's state, with the question in it, asks.
#
# ### Exercise 7.5 · Attention to the input  (8 minutes, about 4 lines)
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
# Put it into the *plain* network. (Three seconds.)

# %% slide="slide"
predict(
    "Plain layers, and a lookup in the input at layer 13: what comes out, and what is in the state below?",
    "right, and the table in the state", "right, and no table in the state", "still at chance",
)

# %% slide="subslide"
name = "plain + attention to the input"
train_kind(name, lambda: models.DeepNetwork(4, reader=models.InputReader(4, attend_to_input)))
shown = ("plain", "residual", "plain + a skip to layer 13", "plain + attention over depth", name)
plots.seeds({each: values[each] for each in shown}, "value right, on new tables", chance=1 / 8);

# %%
at_12[name] = left_at_12(name)
print("values right", [f"{share:.3f}" for share in values[name].tolist()], end="; ")
print("left at layer 12", [f"{share:.2f}" for share in at_12[name].tolist()], "(chance 0.12)")
claim("attention to the input: at least 99 % of the values are right", values[name].mean() >= 0.99)
claim("and at layer 12 the table is as good as gone", at_12[name].max() < 0.25)

# %% slide="fragment"
predict.answer(
    "right, and no table in the state",
    "because the value was fetched from the input, and not carried.",
)

# %% [markdown]
# Only the question part of the query matters, and it came in at this very layer. Did it look where it was told to?

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
# ## The query comes from the state itself
#
# So far layer 13 was handed its question. The thought experiment says more: the query comes from what the network has *in mind* at that moment. So take the question away. The
# table has three slots, and the slot that is wanted is (a + b) mod 3: the sum that layers 1 to 12 have to work out. Layer 13 must ask for what they have found. (About ten seconds.)

# %%
ways = {
    "plain": lambda: {},
    "residual": lambda: {"residual": True},
    "plain + attention to the input": lambda: {"reader": models.InputReader(3, attend_to_input)},
}
own = {"slots": 3, "asked": lambda a, b: (a + b) % 3}
by_state, by_state_sums = {}, {}
for name, way in ways.items():
    networks[f"own query, {name}"], by_state_sums[name], by_state[name] = learn(
        lambda: models.DeepNetwork(3, told=False, **way()), label=f"own query, {name}", **own
    )
plots.seeds(by_state, "value right, slot = (a + b) mod 3", chance=1 / 8);

# %% [markdown]
# *The residual network and the plain one with attention to the input answer rightly a question that nobody gave them. The plain network alone gets part of it.*
#
# Careful: this need not mean that layer 13 asked. Here a and b stand in the input, so a network may look the value up *early*, and carry one answer instead of three values. Does it? Probe layer 12 for the **answer**.

# %%
def answer_at_12(name):
    """(3,): how often a probe at layer 12 reads the value that will be wanted."""
    draws, shares = torch.Generator().manual_seed(2), []
    tables, first, second, _ = data.table_questions((1500,), 3, draws)
    slot = (first + second) % 3
    for seed in seeds:
        seen = networks[f"own query, {name}"].model(seed).states(tables, first, second, slot)[12].detach()
        seen = seen + 0.01 * seen.std() * torch.randn(seen.shape, generator=draws)
        shares.append(linear_probe(seen, tables[torch.arange(1500), slot], 500))
    return torch.tensor(shares)


# %%
answers = {name: answer_at_12(name) for name in ways}
for name in ways:
    print(f"{name:30} right", [f"{share:.2f}" for share in by_state[name].tolist()], end="; ")
    print("answer at layer 12", [f"{share:.2f}" for share in answers[name].tolist()])
claim("residual connections alone suffice here, too", by_state["residual"].min() > 0.95)
claim("plain layers alone do not, in 400 steps", by_state["plain"].mean() < 0.9)
fetched = "plain + attention to the input"
claim("with attention to the input at least 95 % are right", by_state[fetched].mean() > 0.95)
claim("and the answer is not at layer 12: it was fetched, by its own query", answers[fetched].max() < 0.25)
claim("the residual network has looked it up before layer 13", answers["residual"].min() > 0.8)

# %% [markdown]
# So both are possible, and the probe tells them apart: the residual network had its answer already; the plain one with attention asked for it at layer 13, and found it.
# **With a residual connection, layer 13 needs no attention for a table of this size.**
#
# "At any time", says the thought. In shallower networks, asked at layer 4 of seven, or at layer 8 of eleven, plain layers alone had everything right. At layer 13 of sixteen, from PyTorch's start and in 400 steps, they need one of the ways: a skip had 1.00, and attention over depth .86 to .97. (Time does as well: after 1,200 steps plain layers alone had .96 to 1.00. And an own query needs its layers: with attention to the input, asked at layer 25 of 28, plain layers had .45 to .61.)
# A lookup before *every* layer, in all that was given below and in place of the sum, trains as well: with its own query and three slots everything was right, as with the sum; with a question handed in and four slots .43 to .46, where the sum has 1.00.

# %% [markdown]
# ## When carrying is hard: noise
#
# "Or get too noisy", says the thought. Take residual networks, a table of **eight**, and let each of the twelve layers below add noise of a fifth of its state's size, in training and in the test. The question is handed in again. All have the *same reader*, your `attend_to_input`, and differ in where its values come from:
#
# - **the input**, as above: a value for every slot;
# - **the code**, the 64 numbers that the input was turned into, before any noise: a learned map has to take the eight values apart;
# - **the state** that has come through twelve layers: the same map, and the way there.
#
# The last two run without noise as well, so that noise and place are changed one at a time. (About fifteen seconds.)

# %%
predict(
    "The code comes before all noise. What happens to the reader of the code when the layers are noisy?",
    "it loses nothing", "it loses some answers", "it loses as many as the reader of the state",
)

# %%
readers = {
    "the input": lambda slots: models.InputReader(slots, attend_to_input),
    "the code": lambda slots: models.StateReader(slots, attend_to_input, layer=0),
    "the state": lambda slots: models.StateReader(slots, attend_to_input),
}
noisy = {}
runs = [("the input", 0.2), *((name, noise) for name in ("the code", "the state") for noise in (0.0, 0.2))]
for name, noise in runs:

    def build():
        return models.DeepNetwork(8, residual=True, noise=noise, reader=readers[name](8))

    _, _, noisy[f"{name}, noise {noise}"] = learn(build, 8, f"{name}, noise {noise}")
plots.seeds(noisy, "value right, table of eight", chance=1 / 8);

# %% [markdown]
# *From the input everything is right, in spite of the noise. The reader of the code loses some of its answers to the noise, the reader of the state most of them.*

# %%
for name, shares in noisy.items():
    print(f"{name:20}", [f"{share:.3f}" for share in shares.tolist()])
by_input, clean_code, by_code, clean_state, by_carried = (shares.mean() for shares in noisy.values())
claim("noise, reading the input: at least 95 % right", by_input >= 0.95)
claim("noise costs the reader of the code over ten points", clean_code > by_code + 0.1)
claim("and the reader of the state over twenty", clean_state > by_carried + 0.2)
claim("with noise the code gives over ten points more than the state", by_code > by_carried + 0.1)

# %%
predict.answer(
    "it loses some answers",
    "because the noise reaches layer 13 in two ways besides: in the *query*, and in the state that what it "
    "brings is added to.",
)

# %% [markdown]
# Each of the two ways can be closed by itself, with a second state that comes up without noise (nine seeds, told by `where_noise_enters`):
#
# | reader of the code, noise .2 | right |
# |---|---|
# | query and state noisy, as above | .61 |
# | query clean | .69 |
# | state clean | .75 |
# | both clean | .81 |
#
# So either costs something. Yet the reader of the input has both, too, and loses nothing. (Its values need not be taken out of a sum first. That this is the reason was not tested.) And with training the code's reader gets there as well. After 3,000 steps it had .99 and more, in spite of the noise. The reader of the state, which has to carry eight values through the noise, had .53 to .63; without noise over .99.
#
# ## When much has to fit: size
#
# Now without noise and without depth: **four** layers, asked at the first. The state has 64 numbers, whatever the table. The reader of the state at 8 and at 32 slots, that of the input at 32. (A few seconds.)

# %%
by_size = {}
for slots, name in [(8, "the state"), (32, "the state"), (32, "the input")]:

    def build():
        return models.DeepNetwork(slots, depth=4, asked_at=1, residual=True, reader=readers[name](slots))

    by_size[f"{slots} slots, {name}"] = learn(build, slots, f"{slots} slots, {name}")[-1]
plots.seeds(by_size, "value right", chance=1 / 8);

# %% [markdown]
# *400 steps teach 64 numbers to hold eight entries, not 32. A lookup in the input has nothing to learn there: its memory grows with the input, a value for every slot.*

# %%
for name, shares in by_size.items():
    print(f"{name:19}", [f"{share:.3f}" for share in shares.tolist()])
eight, thirty_two, from_input = by_size.values()
claim("from the state, eight entries: at least 95 % right", eight.mean() >= 0.95)
claim("32: at most 45 %", thirty_two.mean() <= 0.45)
claim("32 from the input: 95 % and more", from_input.mean() >= 0.95)

# %% [markdown]
# Like chapter 04's cliff, this one moves with training: after 4,000 steps 16 slots reached 97 %, and 32 slots 63 %. And it is no limit of what 64 numbers *could* hold: set by hand, two numbers for each slot, they hold 32 entries without a mistake. It is a limit of what is learned in this time.
#
# ## Further · Too noisy *when updating*?  (4 minutes)
#
# The thought experiment says one thing more: the information may become "too noisy when updating the gradients". That is not noise in the layers. It would mean that the gradients of
# different batches disagree, so that steps cancel. Measure it: six batches, each with its gradient for one layer's matrix, and the mean **cosine** between two of them. 1 is full agreement, 0 is none. A cosine does not see how large the gradients are.
# The two gates of above, and their control, after 150 steps of training for both tasks, at layers all the way up, from six seeds. (Five seconds.)

# %%
some_layers = (1, 4, 8, 12, 16)


def agreement(network, draws):
    """For each of some layers the mean cosine between the gradients of six batches, for the value's loss."""
    flat = []
    for _ in range(6):
        loss = models.value_loss(network, *data.table_questions((100,), 4, draws))
        gradients = torch.autograd.grad(loss, [network.layers[layer - 1].weight for layer in some_layers])
        flat.append(torch.stack([F.normalize(gradient.flatten(), dim=0, eps=1e-30) for gradient in gradients]))
    each = torch.stack(flat)  # (6, layers, D * D)
    cosines = torch.einsum("ild,jld->lij", each, each)
    return (cosines.sum((1, 2)) - 6) / 30  # without each with itself


# %%
agreed = {}
gates = {"orthogonal": None, names[0]: vanishing_gradient, names[1]: vanishing_signal}
for name, carry in gates.items():
    draws, half = torch.Generator().manual_seed(0), training.Seeds(lambda: orthogonal_gated(carry), range(6))
    batches = iter(lambda: data.table_questions((6, 100), 4, draws), None)
    training.train(half, batches, models.table_loss, 150, warm_up=60, clip=1.0, label=name)
    agreed[name] = torch.stack([agreement(half.model(seed), draws) for seed in range(6)]).mean(0)
plots.curves(some_layers, agreed, "layer", "agreement of gradients", ylim=(0, 0.5));

# %% [markdown]
# *Means of six seeds. Where only the gradient has vanished, batches agree about as well as in the control, down to the first layers, where hardly any of it is left. Where the signal has vanished, they agree less in the upper layers.*

# %%
lowest, upper = [each[0] for each in agreed.values()], [each[3:].mean() for each in agreed.values()]
claim("layer 1: a vanished gradient agrees at least half as well as the control", lowest[1] > 0.5 * lowest[0])
claim("layers 12 and 16: with a vanished signal gradients agree less", upper[2] < 0.8 * upper[0])

# %% [markdown]
# So a small gradient is not a noisy one. Gradients do become noisy where the signal has vanished, in the upper layers, and they do so in the course of training: at the start they agree as well as the control's. Whether that is why the network does not learn, or a sign that it does not, was not tested.
#
# ## Further · Forgetting, in the other sense  (7 minutes)
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
# (A few seconds.)

# %%
alone = in_turn({"task A": task_a, "task B": task_b})
replayed = in_turn({"task A": task_a, "task B, with replay": task_b_with_replay})
lines = {"task A": alone[:, 0], "task B": alone[:, 1]}
lines |= {"task A, with replay": replayed[:, 0], "task A, among its own outputs": alone[:, 2]}
lines = {name: shares.mean(1) for name, shares in lines.items()}
plots.curves(range(len(alone)), lines, "training step (task B from step 200 on)", "right");

# %% [markdown]
# *Task A is learned within fifty steps. Fifty steps into task B no answer to it is right; with replay it comes back after a dip and stays. Among A's own five outputs the right one is nearly always still the largest. (Means of three seeds.)*

# %%
print("A after B:", [f"{share:.3f}" for share in alone[-1, 0].tolist()], end="; ")
print("with replay:", [f"{share:.3f}" for share in replayed[-1, 0].tolist()])
claim("task A was learned", alone[len(alone) // 2, 0].min() > 0.95)
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
# This is the harshest setting: ten outputs, of which five are never right in the second half. The last line says what was forgotten: hardly the differences within A, but that A is ever the answer. B's examples push the outputs of A down, for they are never right there. **It is another thing, and attention is not its cure**: the keys, values and maps of an attention layer are weights
# as well.

# %% [markdown]
# ## What may be said
#
# | the thought | here |
# |---|---|
# | without attention, information from the input may be lost on a long way | yes, in layers that start as PyTorch's do, in 400 steps; another start helps; **with a residual connection, for a table of three or four, it is not** |
# | or become too noisy | yes: with noise in each layer below .3 instead of .7, with the same reader of the same state; from the input over .99 |
# | "too noisy when updating the gradients" | above layers whose signal has vanished, gradients of different batches come to agree less; a small gradient is no noisier than a large one |
# | attention makes it available at any time | yes, where the query gets there: at layer 13, whatever the layers in between have done with the table; an own query at layer 25 of 28 has to be worked out first |
# | that is a matter of gradients | no: a vanished gradient alone loses hardly anything here. A vanished *signal* does, and what tangles the table does: other work, ReLU, tanh between norms |
# | the query comes from the state of the moment | yes: a plain network asked for the slot that its own layers had worked out |
# | that is catastrophic forgetting | no: that lives in weights, over training |

# %% [markdown]
# Sixteen layers of 64 numbers, 400 steps, three seeds. A transformer has both: residual connections around its layers, and at each layer attention over the states of *all* positions, a memory that grows with the input. This
# chapter has shown what each of the two is good for.

# %%
predict.score()

# %% [markdown] slide="slide"
# ## In short
#
# - A gradient that vanishes on its way down, a signal that vanishes on its way up, and information that is tangled are different things. To tell them apart, change one and not the others.
# - Plain layers start with a signal too small to be read; of orthogonal ones other work tangles a part; a vanished gradient alone did hardly any harm, with Adam or without.
# - Residual connections carry signal and gradient, and for a small table they are all it takes.
# - Attention over depth mixes what the layers gave with learned weights; a query of zero starts with their mean.
# - Attention to the input fetches what the state has lost. It wins where carrying is noisy, and where much would have to be packed into one state.
# - Catastrophic forgetting happens to weights, over training; replay mends it, attention does not.

# %% [markdown]
# ## Before you go on
#
# <details><summary>ReLU with He's start: the gradient at layer 0 is nearly as large as at layer 16. Why does the network still not answer?</summary>On the way up the table gets tangled: at layer 12 a probe is right three times in ten, where a guess is right once in eight. Gradients that arrive do not mean that information does.</details>
# <details><summary>A colleague says: "It failed because of vanishing gradients." Which two runs would you ask for?</summary>One in which the gradient vanishes and the signal does not, and one the other way round. A frozen lower half is the sharpest form of the first: there no gradient is needed at all.</details>
# <details><summary>How can the answer be right when the probe at layer 12 is at chance?</summary>The answer was not in the state. The question, added at layer 13, made the query, and the lookup fetched the value from the input.</details>

# %% [markdown]
# <details><summary>A residual network answers .21 on a table of sixteen, attention to the input 1.0. Has depth lost the table?</summary>That comparison cannot tell: four layers without any distance fail as well (.31 to .33), since ordinary layers learn only slowly to pick one of sixteen from one state. Compare the same reader, or the same depth, and change one thing.</details>
# <details><summary>What does attention over depth do with a query of zero, and what must happen then?</summary>All scores are zero, all weights equal: it returns the mean of the layers, and each of them gets a gradient in one step. Then it is quicker if the query learns which layers to prefer: in a mean of thirteen, the one that has the table is small.</details>
# <details><summary>Your network is trained on new data and has forgotten the old. Will an attention layer help?</summary>Not as such. What was forgotten was in the weights, and the attention layer's own maps are weights as well. Mix stored old examples into the training.</details>

# %% [markdown]
# ## To read on
#
# - He et al. 2015, [Delving deep into rectifiers](https://arxiv.org/abs/1502.01852): how to start ReLU layers. He et al. 2015, [Deep residual learning](https://arxiv.org/abs/1512.03385): the skip; their plain networks fail although their gradients do not vanish. He et al. 2016, [Identity mappings](https://arxiv.org/abs/1603.05027): why the way past should be kept clear.
# - Alain and Bengio 2016, [Understanding intermediate layers using linear classifier probes](https://arxiv.org/abs/1610.01644).
# - Pagliardini et al. 2024, [DenseFormer](https://arxiv.org/abs/2402.02622), and Kimi Team 2026, [Attention Residuals](https://arxiv.org/abs/2603.15031): layers that look back.
# - Ba, Kiros and Hinton 2016, [Layer normalization](https://arxiv.org/abs/1607.06450).
# - McCloskey and Cohen 1989, [Catastrophic interference in connectionist networks](https://doi.org/10.1016/S0079-7421(08)60536-8): the other forgetting.
#
# Next: [08 Deep attention models](08_deep_attention_models.ipynb), where both are put together.
