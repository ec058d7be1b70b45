# %% [markdown]
# # 03 · A dictionary that learns
#
# **70 minutes.** You need [chapter 02](02_soft_lookup.ipynb): the soft lookup, and why its slope lives where the softmax is soft.
#
# After this chapter you can
# - write a dictionary whose keys and values are parameters, and train it from random numbers,
# - say when learned keys matter and when random ones do as well,
# - start one so that it can learn, and measure how many slots share a vote,
# - build a dictionary anew from every input: query, key and value as three learned maps.

# %%
import sys

sys.path.insert(0, "..")
print("PyTorch is loading, which takes a few seconds.", flush=True)

import torch

from utils import data, plots
from utils.checks import check, claim

torch.manual_seed(0);

# %%
import copy

from torch import nn

torch.set_num_threads(1)  # for models as small as these, more threads only get in each other's way
tasks = data.HiddenContexts()
places, colours = tasks.places, tasks.colours[0]
random_keys, black = 2 * torch.randn(24, 2), torch.zeros(24, 3)
plots.keys_in_plane({"24 slots before training: nothing known": (random_keys, black)}, places, colours);

# %% [markdown]
# *Eight places ask for eight colours (rings). Twenty-four slots (dots) have random keys and no colour worth the name. Nobody will ever tell a slot what to hold: the only message it gets is how wrong
# the answer was. Further down you drag a slider and watch the slots find the rings.*
#
# ## Nobody fills it in
#
# So far somebody chose the keys and values. In a network nobody does. The dictionary starts as random numbers, the network asks, the answer is
# used, somewhere at the end a loss is computed; and backpropagation says how each key and each value should have been different.
#
# Start with the six words. Their places ask; their colours are what should come back; and the dictionary in between has eight slots that know neither.

# %%
words, place, colour = data.small_dictionary()
key, value = torch.randn(8, 2), 0.1 * torch.randn(8, 3)
answer = torch.softmax(place @ key.mT / 2**0.5, -1) @ value  # (6, 3)
plots.entries(words, answer.abs());

# %% [markdown]
# *Near black everywhere: values that start near zero say nothing yet, to anybody.*
#
# The scores are divided by √2, the root of the width of a query: a sum of d products of standard normal numbers has a standard deviation of √d, so dividing by it keeps the scores
# at most near 1 and the softmax soft at the start. (Chapter 06 has more on this.)
#
# ### Exercise 3.1 · A dictionary of parameters  (10 minutes, about 5 lines)
# `nn.Parameter(tensor)` marks a tensor as one to be learned. Two of them, and the lookup you know, scaled by √d_query.
#
# <details><summary>Hint 1</summary>In <code>__init__</code> two of them, <code>self.key</code> and <code>self.value</code>. Which shape has a row for each slot? <code>torch.randn</code> makes the numbers; what goes <em>into</em> <code>nn.Parameter</code> may be scaled.</details>
# <details><summary>Hint 2</summary>In <code>forward</code> a query row meets every key: <code>query @ self.key.mT</code> is (B, slots).</details>
# <details><summary>Hint 3</summary><code>torch.softmax(scores, -1)</code> is chapter 02's softmax.</details>

# %% exercise="SoftDictionary"
class SoftDictionary(nn.Module):
    """A dictionary of `slots` keys and values that are learned.

    Parameters: key (slots, d_query) starts as standard normal numbers, value (slots, d_value) as a tenth
    of such.
    """

    def __init__(self, slots, d_query, d_value):
        super().__init__()
        # BEGIN SOLUTION
        self.key = nn.Parameter(torch.randn(slots, d_query))
        self.value = nn.Parameter(0.1 * torch.randn(slots, d_value))
        # END SOLUTION

    def forward(self, query):
        """The context (B, d_value) of each query (B, d_query): softmax(query · key / √d_query) value."""
        # BEGIN SOLUTION
        scores = query @ self.key.mT / self.key.size(1) ** 0.5  # (B, slots)
        return torch.softmax(scores, -1) @ self.value  # (B, d_value)
        # END SOLUTION


# %%
SoftDictionary = check("SoftDictionary", SoftDictionary)

# %% [markdown] tags=["solution"]
# Small values let the dictionary first learn the mean of all colours and then who wants what. Slots need to differ somewhere, in key or in
# value: those that are alike in both get the same gradient at every step, and stay alike.

# %% [markdown]
# ### Exercise 3.2 · One step of learning  (6 minutes, about 5 lines)
# Ask the model, measure the mean squared error, find the gradients, let the optimizer take one step. Return the loss from *before* the step as a plain
# number.
#
# <details><summary>Hint 1</summary>PyTorch <em>adds</em> gradients to those that are there. Start from none: <code>optimizer.zero_grad()</code>.</details>
# <details><summary>Hint 2</summary><code>loss.backward()</code> fills in the gradients, <code>optimizer.step()</code> uses them, <code>loss.item()</code> is a plain number.</details>


# %% exercise="train_step"
def train_step(model, optimizer, query, target):
    """One step that lowers the mean squared error of model(query) and target; its value before, a float."""
    # BEGIN SOLUTION
    loss = ((model(query) - target) ** 2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()
    # END SOLUTION


# %%
train_step = check("train_step", train_step)

# %% [markdown]
# **Predict.** After training, what does a query get that stands between lemon and orange?

# %%
dictionary = SoftDictionary(8, 2, 3)
optimizer = torch.optim.Adam(dictionary.parameters(), lr=0.05)
untrained = copy.deepcopy(dictionary)
losses = [train_step(dictionary, optimizer, place, colour) for _ in range(400)]
plots.curves(range(400), {"eight slots, six words": losses}, "step", "loss", log="y");

# %%
fields = {"at the start": untrained, "after 400 steps": dictionary}
plots.colour_fields(fields, words, place);

# %% [markdown]
# *What each point of the plane gets. Left, near-black everywhere. Right, around each word its own colour, and between two words a colour between theirs. (The rings are the words that ask, not the slots.)*

# %%
right = torch.cdist(dictionary(place), colour).argmin(-1) == torch.arange(6)
claim("from random numbers, the dictionary has learned all six colours", right.all())
claim("and the loss has fallen to under a hundredth", losses[-1] < 0.01 * losses[0])

# %% [markdown]
# Now the control. Leave the keys as random as they are, and learn the values only.

# %%
frozen = SoftDictionary(8, 2, 3)
frozen.key.requires_grad_(False)
optimizer = torch.optim.Adam([frozen.value], lr=0.05)
frozen_losses = [train_step(frozen, optimizer, place, colour) for _ in range(400)]
right_too = torch.cdist(frozen(place), colour).argmin(-1) == torch.arange(6)
claim("with random keys that never learn, all six colours come out right as well", right_too.all())

# %% [markdown]
# So here learned keys were *not needed*. With at least as many slots as words, and queries in which everything matters, random keys tell the words apart, and the
# right values do the rest. If we stopped here, we would have shown nothing about keys.
#
# ## When most of the state does not matter
#
# The state of a network holds many things, and a lookup needs few of them. So make it harder. A state of 16 numbers; in a plane of two
# directions, which nobody knows, it stands near one of eight places, and each place wants its colour. The other 14 directions are noise.

# %%
noise = torch.Generator().manual_seed(1)
states, wanted, context = tasks.draw(200, noise)  # one task for each of five seeds
print("states", tuple(states.shape), "  colours wanted", tuple(wanted.shape))
print("one state:", [round(x, 1) for x in states[0, 0].tolist()])

# %% [markdown]
# No single number of the state says which place it is.
#
# One run proves little: the next seed may do otherwise. So the comparisons of accuracy below run with five seeds, each with its own hidden plane,
# colours and random start (the pictures of the keys, and the shelves at the end, show one). `training.Seeds` puts five copies of *your* module side by side, and `training.train` is `train_step` in a loop, with a progress bar.

# %%
from utils import training


def squared_error(model, query, target):
    return ((model(query) - target) ** 2).mean((1, 2))  # one for each seed


def learn(name, build, scale=1.0, steps=600):
    """Five seeds of what `build` makes, trained; and the share of new states whose colour comes out right."""
    model, noise = training.Seeds(build, range(5)), torch.Generator().manual_seed(0)
    batches = (((scale * states), wanted) for states, wanted, _ in iter(lambda: tasks.draw(64, noise), None))
    training.train(model, batches, squared_error, steps, rate=0.02, label=name)
    states, _, context = tasks.draw(1000, noise)
    answers = model(scale * states).detach()  # (5, 1000, 3)
    return model, (torch.cdist(answers, tasks.colours).argmin(-1) == context).float().mean(1)


# %% [markdown]
# First the dictionary with keys and values learned, then four others. Each changes one thing:


# %%
def learned():
    return SoftDictionary(24, 16, 3)


def keys_fixed():
    dictionary = learned()
    dictionary.key.requires_grad_(False)
    return dictionary


# %%
class UniformWeights(nn.Module):
    """Every slot has the same say, whatever is asked."""

    def __init__(self):
        super().__init__()
        self.value = nn.Parameter(0.1 * torch.randn(24, 3))

    def forward(self, query):
        return self.value.mean(0).expand(len(query), 3)


def all_alike():
    dictionary = learned()
    with torch.no_grad():
        dictionary.key[:], dictionary.value[:] = dictionary.key[0].clone(), dictionary.value[0].clone()
    return dictionary


# %%
class QueryMapLearned(nn.Module):
    """Keys stay random; a matrix in front of them learns to ask."""

    def __init__(self):
        super().__init__()
        self.W_q = nn.Parameter(torch.eye(16))
        self.dictionary = keys_fixed()

    def forward(self, query):
        return self.dictionary(query @ self.W_q)


# %% [markdown]
# **Predict.** Chance is 1/8. Where does each of the five end?

# %%
builds = {
    "keys and values learned": learned,
    "random keys, values learned": keys_fixed,
    "uniform weights": UniformWeights,
    "all slots start alike": all_alike,
    "random keys, query map learned": QueryMapLearned,
}
models, accuracy = {}, {}
for name, build in builds.items():
    models[name], accuracy[name] = learn(name, build)
plots.seeds(accuracy, "colour right, on new states", chance=1 / 8);

# %% [markdown]
# *One point per seed. Learned keys get everything right; random ones, with the same 24 slots, about twice what chance would. Slots that all start alike never
# become different. And the last bar: random keys work too, if the* query *learns.*

# %%
for name, share in accuracy.items():
    print(f"{name:32}", "  ".join(f"{x:.3f}" for x in share.tolist()), f"  mean {share.mean():.3f}")
claim("learned keys and values: at least 95 % right", accuracy["keys and values learned"].mean() >= 0.95)
claim("random keys, on the raw state: under 50 %", accuracy["random keys, values learned"].mean() < 0.5)
claim("uniform weights: at chance", (accuracy["uniform weights"] - 1 / 8).abs().mean() < 0.05)
claim("an identical start stays at chance", (accuracy["all slots start alike"] - 1 / 8).abs().mean() < 0.05)
claim("learning the query map instead also works", accuracy["random keys, query map learned"].mean() > 0.7)

# %% [markdown]
# Three things to take from it.
#
# - **Symmetry.** Slots that are alike get the same gradient, take the same step, and are alike again. Random starts are not a detail: they are what lets slots become different.
# - **Only the match counts.** The score is *query · key*, so either side may move. "Keys are learned" is true here because the query could not be; in a
#   transformer both sides have a matrix.
# - **Uniform weights** had as many values to learn as the others. What helps is choosing, not storing.
#
# ## Where do the keys go?
#
# We know the hidden plane (the dictionary does not). Train one seed again, by your own `train_step`, and write down every 15 steps where the keys stand in that plane.

# %%
torch.manual_seed(0)
one, noise = learned(), torch.Generator().manual_seed(0)
optimizer, plane = torch.optim.Adam(one.parameters(), lr=0.02), tasks.plane[0]
steps, seen_keys, seen_values, seen_losses = [], [], [], []
for step in range(601):
    states, wanted, _ = tasks.draw(64, noise)
    if step % 15 == 0:
        steps.append(step)
        seen_keys.append(one.key.detach() @ plane)  # (24, 2)
        seen_values.append(one.value.detach().clone())
        seen_losses.append(((one(states[0]) - wanted[0]) ** 2).mean().item())
    train_step(one, optimizer, states[0], wanted[0])

# %%
moments = {f"step {steps[i]}": (seen_keys[i], seen_values[i]) for i in (0, 10, 40)}
plots.keys_in_plane(moments, places, colours);

# %% [markdown]
# *Rings: where queries come from, in the colour they want. Dots: the slots, in the colour of their value. The keys turn towards the rings and go past them, outwards, since a
# longer key is a sharper answer, as a longer query was in chapter 02. More than half of the slots find no ring and stay in the middle: spare ones.*
#
# The keys turn **towards** the places; they do not come to sit **on** them. How much of each key lies in the plane? Two of 16 directions is 1/8 by
# chance. Look at the slots that somebody uses (at least 2 % of the votes) and at the spare ones, which turned a little:

# %%
model = models["keys and values learned"]
states, _, _ = tasks.draw(1000, noise)
key = model.model(0).key.detach()
votes = torch.softmax(states[0] @ key.mT / 4, -1).mean(0)  # (24,): each slot's share of all votes
in_plane = (key @ plane).square().sum(-1) / key.square().sum(-1)  # (24,)
used = votes > 0.02
print(
    f"{used.sum()} slots used, {in_plane[used].mean():.0%} of their keys in the plane;",
    f"spare slots {in_plane[~used].mean():.0%}",
)
claim("the keys in use have turned into the plane", in_plane[used].mean() > 0.85)
claim("the spare ones much less", in_plane[~used].mean() < 0.65 * in_plane[used].mean())
claim(
    "the keys in use have gone past the places",
    (key @ plane)[used].norm(dim=-1).mean() > places.norm(dim=-1).mean(),
)

# %% [markdown]
# ### Move through the training
#
# Drag the slider, use the arrow keys on it, or press Play.

# %%
from utils import widgets

figure = widgets.TrainingSteps(
    steps, torch.stack(seen_keys), places, torch.stack(seen_values), colours, torch.tensor(seen_losses)
)
figure

# %% [markdown]
# *Two things happen, one after the other. In the first thirty steps all values turn greyish, towards the mean of what is wanted: the best answer for one who cannot tell contexts apart. Then the keys turn, and the
# colours part. (The plain figure above shows the same at three steps.)*

# %%
mean_wanted = colours.mean(0)
print(
    "mean value at step 30:",
    [round(x, 2) for x in seen_values[2].mean(0).tolist()],
    " mean wanted:",
    [round(x, 2) for x in mean_wanted.tolist()],
)
claim(
    "after 30 steps the values are about the mean of what is wanted",
    (seen_values[2].mean(0) - mean_wanted).abs().max() < 0.2,
)

# %% [markdown]
# ## It has to start soft
#
# In chapter 02 a nearly hard lookup had no slope to learn from. Here is what that does to a dictionary. Multiply the query by ten: the start is sharp.
#
# To say *how* sharp, count how many slots share a vote. If n slots share it evenly, the entropy of the weights, $-\sum_j \alpha_j \log \alpha_j$, is $\log n$. So its exponential counts:
# 1 if one slot has all, M if all M have the same.
#
# ### Exercise 3.3 · How many slots have a say?  (5 minutes, about 2 lines)
# The exponential of the entropy, over the last axis. A weight of exactly zero adds nothing.
#
# <details><summary>Hint 1</summary>By hand, weights ½ and ½: the entropy is log 2, the answer 2.</details>
# <details><summary>Hint 2</summary>0 · log 0 is <code>nan</code> for the machine. <code>torch.special.entr</code> and <code>torch.xlogy</code> know better.</details>


# %% exercise="effective_slots"
def effective_slots(weights):
    """How many slots share a vote, 1 to M: exp of the entropy of the weights (..., M), for each row (...)."""
    # BEGIN SOLUTION
    return torch.special.entr(weights).sum(-1).exp()
    # END SOLUTION


# %%
effective_slots = check("effective_slots", effective_slots)

# %% [markdown] tags=["solution"]
# `entr(x)` is −x log x, with 0 at x = 0. The number need not be whole: weights of .9 and .1 count as 1.4 slots.


# %%
def eight_slots():
    return SoftDictionary(8, 16, 3)


def votes_of(model, scale):
    """The weights (5, 1000, slots) of five trained seeds for new states."""
    states, _, _ = tasks.draw(1000, torch.Generator().manual_seed(2))
    keys = torch.stack([model.model(seed).key.detach() for seed in range(5)])
    return torch.softmax(scale * states @ keys.mT / 4, -1)


# %%
untrained = training.Seeds(eight_slots, range(5))
starts = {scale: effective_slots(votes_of(untrained, scale)).mean().item() for scale in (1, 10)}
soft, sharp = "soft start", "sharp start (queries × 10)"
soft_model, soft_accuracy = learn(soft, eight_slots)
sharp_model, sharp_accuracy = learn(sharp, eight_slots, scale=10)
for scale, slots in starts.items():
    print(f"queries × {scale}: {slots:.1f} of 8 slots share a vote at the start")
outcomes = {soft: soft_accuracy, sharp: sharp_accuracy}
plots.seeds(outcomes, "colour right, on new states", chance=1 / 8);

# %%
dead = {
    "soft": (votes_of(soft_model, 1).mean(1) < 0.01).sum(1),
    "sharp": (votes_of(sharp_model, 10).mean(1) < 0.01).sum(1),
}
for name, counts in dead.items():
    print(f"{name} start: slots with under 1 % of the votes after training, for each seed {counts.tolist()}")
claim("the sharp start asks about one slot at a time", starts[10] < 2 < starts[1])
claim("it ends at least 15 points lower", sharp_accuracy.mean() < soft_accuracy.mean() - 0.15)
claim("and leaves more slots dead", dead["sharp"].float().mean() > dead["soft"].float().mean() + 0.5)

# %% [markdown]
# *A slot that hardly ever wins gets hardly any gradient, and little of it points to where it could win: it is dead. So several contexts have to share
# the slots that won at the start by chance.*
#
# Note the soft start with eight slots, too. Some of its five seeds stay below 90 %, where 24 slots got everything right. Slots to spare cost little and make learning easier.
#
# ## A dictionary for every input
#
# The dictionary you trained holds *one* table: these eight places, these eight colours. It has learned contents. Often the contents are different each time: the words of *this* sentence, the pixels of *this* picture. Then what
# can be learned is not the entries but **how to make entries from an input**:
#
# | part | from | by | what it says |
# |---|---|---|---|
# | query | the state | $q = s\,W_Q$ | what is sought |
# | key | the input | $k_j = x_j W_K$ | what item j offers for matching |
# | value | the input | $v_j = x_j W_V$ | what item j gives away |
#
# By hand, with widths of one: state 2, input 3, and maps 10, 100 and 1000 give the query 20, the key 300 and the value 3000.
#
# ### Exercise 3.4 · Query, key and value from a state and an input  (4 minutes, about 3 lines)
# Make the three of the table: one matrix product each, from the state or from the inputs.
#
# <details><summary>Hint 1</summary>Three matrix products, nothing else: no scaling, no softmax.</details>
# <details><summary>Hint 2</summary>Who asks? Who answers? Only one of the three comes from the state.</details>


# %% exercise="project_qkv"
def project_qkv(state, inputs, W_q, W_k, W_v):
    """query (..., Tq, Dk), key (..., Tk, Dk) and value (..., Tk, Dv).

    state (..., Tq, Ds), inputs (..., Tk, Di), W_q (Ds, Dk), W_k (Di, Dk), W_v (Di, Dv).
    """
    # BEGIN SOLUTION
    return state @ W_q, inputs @ W_k, inputs @ W_v
    # END SOLUTION


# %%
project_qkv = check("project_qkv", project_qkv)

# %% [markdown]
# A test. Every input is a *shelf* of six items; each item has a place and a colour, turned and mixed with noise into 12 numbers. The colours are **new for every input**. A state of 16 numbers says, hidden as
# before, at which place to look. What colour is there?


# %%
class ShelfReader(nn.Module):
    """Makes its dictionary from the shelf that it is given."""

    def __init__(self):
        super().__init__()
        self.W_q = nn.Parameter(torch.randn(16, 8) / 4)
        self.W_k = nn.Parameter(torch.randn(12, 8) / 12**0.5)
        self.W_v = nn.Parameter(0.1 * torch.randn(12, 3) / 12**0.5)

    def weights_and_value(self, state, inputs):
        query, key, value = project_qkv(state[:, None], inputs, self.W_q, self.W_k, self.W_v)
        return torch.softmax(query @ key.mT / 8**0.5, -1), value  # (B, 1, 6), (B, 6, 3)

    def forward(self, state, inputs):
        weights, value = self.weights_and_value(state, inputs)
        return (weights @ value)[:, 0]  # (B, 3)


# %% [markdown]
# Two controls: the same reader with equal weights, and your `SoftDictionary`, which sees the state and has its own slots, and never looks at the shelf.


# %%
class ShelfAverage(ShelfReader):
    def forward(self, state, inputs):
        return (inputs @ self.W_v).mean(1)


class NeverLooks(nn.Module):
    def __init__(self):
        super().__init__()
        self.dictionary = SoftDictionary(24, 16, 3)

    def forward(self, state, inputs):
        return self.dictionary(state)


# %%
shelves = data.Shelves()


def shelf_error(model, states, inputs, wanted):
    return ((model(states, inputs) - wanted) ** 2).mean()


def read_shelves(build):
    """The trained model, and its squared error on new shelves: 1 is what the mean colour would get."""
    torch.manual_seed(0)
    model, noise = build(), torch.Generator().manual_seed(0)
    batches = (shelves.draw(64, noise)[:3] for _ in iter(int, 1))
    training.train(model, batches, shelf_error, 600, rate=0.01, label=build.__name__)
    states, inputs, wanted, _ = shelves.draw(2000, noise)
    return model, (shelf_error(model, states, inputs, wanted) / wanted.var()).item()


readers = {build.__name__: read_shelves(build) for build in (ShelfReader, ShelfAverage, NeverLooks)}
{name: f"error {error:.3f}" for name, (_, error) in readers.items()}

# %%
states, inputs, _, asked = shelves.draw(6, torch.Generator().manual_seed(5))
weights, _ = readers["ShelfReader"][0].weights_and_value(states, inputs)
order = asked.argsort()
rows, columns = [f"shelf {i}: item {asked[i]}" for i in order.tolist()], [f"item {j}" for j in range(6)]
plots.heatmap(weights[order, 0], rows, columns);

# %% [markdown]
# *Six new shelves; beside each, the item that it was asked for. The weight is on that item, whatever else stands there.*

# %%
errors = {name: error for name, (_, error) in readers.items()}
claim("maps learned from the task read shelves that nobody has seen", errors["ShelfReader"] < 0.05)
claim("equal weights do not: it is choosing that helps", errors["ShelfAverage"] > 0.7)
claim("a dictionary with contents of its own is no use when the contents change", errors["NeverLooks"] > 0.9)

# %% [markdown]
# This is the step to attention as networks use it: **what is learned is how to ask and how to answer; the entries come from the input.** In chapter 05 the state is a decoder's, and the shelf is a sentence.
#
# ## In short
#
# - Keys and values can start as random numbers and be learned from a loss alone, since a soft lookup passes gradients to both.
# - Learned keys matter when most of the state does not. Where all of it does, random keys did as well here.
# - Only the match counts: learning the query map instead of the keys also works.
# - Starts matter: slots that are alike stay alike; a start that is too sharp leaves slots dead.
# - With query, key and value computed by three maps, the dictionary is built anew from each input, and the maps are what is learned.
#
# ## Before you go on
#
# <details><summary>Two slots start with the same key and different values. Do they stay together?</summary>No. Their weights are equal at first, but a key's gradient depends on its own value (how far it is from the answer), so the keys get different gradients and part. Both have to be alike for the symmetry to hold.</details>
# <details><summary>Why did random keys suffice for the six words and not for the hidden plane?</summary>For the words, everything in the query matters and there are more slots than words. In the hidden plane, 14 of 16 directions are noise, and the scores of random keys are mostly noise too.</details>
# <details><summary>Why do keys go past the places they answer?</summary>A longer key has larger scores, so its slot wins more clearly: length acts as a lower temperature, and a clearer win lowers the loss.</details>
# <details><summary>What do the experiments not show?</summary>That keys must be learned (the query map did it as well), that it works at any width or with few slots, or anything about keys made by deep networks. Eight contexts, five seeds, one size.</details>
#
# ## To read on
#
# - Bahdanau, Cho and Bengio 2015, [Neural machine translation by jointly learning to align and translate](https://arxiv.org/abs/1409.0473): keys and values made from an input.
# - Sukhbaatar et al. 2015, [End-to-end memory networks](https://arxiv.org/abs/1503.08895): a soft memory read several times.
# - Lample et al. 2019, [Large memory layers with product keys](https://arxiv.org/abs/1907.05242): a learned dictionary with a million slots.
# - Vaswani et al. 2017, [Attention is all you need](https://arxiv.org/abs/1706.03762): the three maps, many times over.
