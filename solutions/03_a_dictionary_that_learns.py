# %% [markdown] slide="slide"
# # 03 · A dictionary that learns
#
# **89 minutes**, and 9 for what is called Further. You need [chapter 02](02_soft_lookup.ipynb): the soft lookup, and why its slope lives where the softmax is soft.
#
# After this chapter you can
# - write a dictionary whose keys and values are parameters, and train it from random numbers,
# - say when learned keys matter and when random ones do as well,
# - choose starting values from which it can learn, and measure how many slots share a vote,
# - find out which of two changes did the harm, by changing one and leaving the other,
# - build a dictionary anew from every input: query, key and value as three learned maps.

# %%
import sys

sys.path.insert(0, "..")
print("PyTorch is loading, which takes a few seconds.", flush=True)

import torch

from utils import data, plots
from utils.checks import check, claim

torch.manual_seed(0);

# %% slide="slide"
import copy

from torch import nn

torch.set_num_threads(1)  # for models as small as these, more threads only get in each other's way
WIDTH = 16  # numbers in a query
SLOTS = 24  # in the dictionary
tasks = data.HiddenPlaces()
places, colours, plane = tasks.places, tasks.colours[0], tasks.plane[0]
key, value = torch.randn(SLOTS, WIDTH), 0.1 * torch.randn(SLOTS, 3)
plots.keys_in_plane({"24 slots before training": (key @ plane, value)}, places, colours);

# %% [markdown] slide="fragment"
# *Eight places ask for eight colours (rings). Twenty-four slots (dots), as you will train them below, start with random keys, all of them inside the rings here, and with values that are nearly black. Nobody will ever tell a slot what to hold: the only message it gets is how wrong
# the answer was. Further down you drag a slider and watch where the slots go.*

# %% [markdown] slide="slide"
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

# %% [markdown] slide="slide"
# ### Exercise 3.1 · A dictionary of parameters  (10 minutes, about 5 lines)
# `nn.Parameter(tensor)` marks a tensor as one to be learned. Two of them, and the lookup you know, scaled by √d_query. Draw their numbers anew for every dictionary that is built, and leave the seed to whoever builds it.
#
# <details><summary>Hint 1</summary>In <code>__init__</code> two of them, <code>self.key</code> and <code>self.value</code>. Which shape has a row for each slot? <code>torch.randn</code> makes the numbers; what goes <em>into</em> <code>nn.Parameter</code> may be scaled.</details>
# <details><summary>Hint 2</summary>In <code>forward</code> a query row meets every key: <code>query @ self.key.mT</code> is (B, slots).</details>
# <details><summary>Hint 3</summary><code>torch.softmax(scores, -1)</code> is chapter 02's softmax.</details>

# %% exercise="SoftDictionary" slide="fragment"
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
# Ask the model, measure the mean squared error, find the gradients, let the `optimizer` that is given, of whatever kind it is, take one step. Return the loss from *before* the step as a plain
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

# %% [markdown] slide="slide"
# Train eight slots on the six words, 400 steps.

# %% slide="fragment"
from utils.predictions import predict

predict(
    "After training, what does a query get that stands half way between lemon and orange?",
    "the colour of one of the two", "a colour between theirs", "near black",
)

# %%
dictionary = SoftDictionary(8, 2, 3)
optimizer = torch.optim.Adam(dictionary.parameters(), lr=0.05)
untrained = copy.deepcopy(dictionary)
losses = [train_step(dictionary, optimizer, place, colour) for _ in range(400)]
plots.curves(range(400), {"eight slots, six words": losses}, "step", "loss", log="y");

# %% slide="subslide"
fields = {"at the start": untrained, "after 400 steps": dictionary}
plots.colour_fields(fields, words, place);

# %% [markdown] slide="fragment"
# *What each point of the plane gets. Left, near-black everywhere. Right, around each word its own colour, and between two words a colour between theirs. (The rings are the words that ask, not the slots.)*

# %%
def nearest(answers, colours):
    """For each answer (N, 3) the number of the colour that it is nearest to."""
    distances = torch.cdist(answers, colours)  # (N, colours): of each answer from each colour
    return distances.argmin(-1)


right = nearest(dictionary(place), colour) == torch.arange(6)
claim("from random numbers, the dictionary has learned all six colours", right.all())
claim("and the loss has fallen to under a hundredth", losses[-1] < 0.01 * losses[0])

# %%
lemon, orange = colour[words.index("lemon")], colour[words.index("orange")]
half_way = dictionary(torch.tensor([[0.0, 0.8]]))[0]
for name, shown in {"lemon": lemon, "half way": half_way, "orange": orange}.items():
    print(f"{name:9}", [round(x, 2) for x in shown.tolist()])
from_middle, apart = (half_way - (lemon + orange) / 2).norm(), (lemon - orange).norm()
claim("half way it is nearer to the middle of the two colours than they are", from_middle < apart / 2)

# %% slide="fragment"
predict.answer(
    "a colour between theirs",
    "because the scores change smoothly with the query, and the slots that answer for lemon and for orange "
    "share the vote.",
)

# %% [markdown] slide="slide"
# Now the control. Leave the keys as random as they are, and learn the values only.

# %% slide="fragment"
predict(
    "With keys that never learn, how many of the six colours come out right?",
    "none of the six", "about half of them", "all six of them",
)

# %% slide="fragment"
frozen = SoftDictionary(8, 2, 3)
frozen.key.requires_grad_(False)
optimizer = torch.optim.Adam([frozen.value], lr=0.05)
frozen_losses = [train_step(frozen, optimizer, place, colour) for _ in range(400)]
right_too = nearest(frozen(place), colour) == torch.arange(6)
print(f"{right_too.sum()} of 6 right")
claim("with random keys that never learn, all six colours come out right as well", right_too.all())

# %% slide="fragment"
predict.answer(
    "all six of them",
    "because random keys tell six words apart already, and the right values do the rest.",
)

# %% [markdown]
# So here learned keys were *not needed*: with random keys as many colours are right, though less exactly. If we stopped here, we would have shown nothing about keys.

# %% [markdown] slide="slide"
# ## When most of the numbers do not matter
#
# What a network knows at one moment is a row of numbers, its **state** (chapter 04 builds one). It holds many things, and a lookup needs few of them. So make it harder: the query is a state of 16 numbers. In a plane of two
# directions, which nobody knows, it stands near one of eight **places**, and each place wants its colour. The other 14 directions are noise.

# %% slide="fragment"
states, wanted, asked = tasks.draw(200, torch.Generator().manual_seed(1))  # one task for each of five seeds
print("states", tuple(states.shape), "  colours wanted", tuple(wanted.shape))
print("one state:", [round(x, 1) for x in states[0, 0].tolist()], f"  near place {asked[0, 0]}")

# %% [markdown]
# No single number of the state says which place it is.
#
# One run proves little: another seed may give another result. So the comparisons of accuracy below run with five seeds, each with its own hidden plane,
# colours and random start (the pictures of the keys, and the shelves at the end, show one). `training.Seeds` puts five copies of *your* module side by side, and `training.train` is `train_step` in a loop, with a progress bar.
# It takes its batches from a *generator*, a function that hands out a new batch at each `yield` and goes on from there when the next one is wanted.

# %%
from utils import training

SEEDS = range(5)


def batches(draws, scale):
    while True:  # as many as are asked for
        states, wanted, _ = tasks.draw(64, draws)
        yield scale * states, wanted


def squared_error(model, query, target):
    return ((model(query) - target) ** 2).mean((1, 2))  # one for each seed


# %%
def learn(name, build, scale=1, steps=600):
    """Five seeds of what `build` makes, trained; and the share of new states whose colour comes out right."""
    model, draws = training.Seeds(build, SEEDS), torch.Generator().manual_seed(0)
    training.train(model, batches(draws, scale), squared_error, steps, rate=0.02, label=name)
    states, _, asked = tasks.draw(1000, draws)
    answers = model(scale * states).detach()  # (5, 1000, 3)
    return model, (nearest(answers, tasks.colours) == asked).float().mean(1)


# %% [markdown]
# (`scale` stretches the queries. It stays 1 until the section after next.)
#
# First the dictionary with keys and values learned, then three others. Each changes one thing:


# %%
def learned():
    return SoftDictionary(SLOTS, WIDTH, 3)


def keys_fixed():
    dictionary = learned()
    dictionary.key.requires_grad_(False)
    return dictionary


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
        self.W_q = nn.Parameter(torch.eye(WIDTH))
        self.dictionary = keys_fixed()

    def forward(self, query):
        return self.dictionary(query @ self.W_q)


# %% slide="slide"
predict(
    "A: keys and values learned. B: random keys, values learned. C: as A, but all slots start alike. "
    "D: as B, with a learned map before the keys. Chance is 1/8: which get over 60 % right?",
    "A alone", "A and B", "A and D", "A, B and D",
)

# %% slide="subslide"
builds = {
    "A: keys and values learned": learned,
    "B: random keys, values learned": keys_fixed,
    "C: all slots start alike": all_alike,
    "D: random keys, query map learned": QueryMapLearned,
}
accuracy = {name: learn(name, build)[1] for name, build in builds.items()}
plots.seeds(accuracy, "colour right, on new states", chance=1 / 8);

# %% [markdown] slide="fragment"
# *A bar is the mean of five seeds, a point is one of them. Learned keys get everything right; random ones, with the same 24 slots, about twice what chance would. Slots that all start alike never
# become different. And the last bar: random keys work too, if the* query *learns.*

# %%
for name, share in accuracy.items():
    print(f"{name:34}", "  ".join(f"{x:.3f}" for x in share.tolist()), f"  mean {share.mean():.3f}")
both_learned, keys_random, alike, map_learned = accuracy.values()
claim("learned keys and values: at least 95 % right", both_learned.mean() >= 0.95)
claim("random keys, on the raw state: under 50 %", keys_random.mean() < 0.5)
claim("an identical start stays at chance", (alike - 1 / 8).abs().mean() < 0.05)
claim("learning the query map instead also works", map_learned.mean() > 0.7)

# %% slide="fragment"
predict.answer(
    "A and D",
    "because the score is *query · key*, so that either side may move. In B neither does.",
)

# %% [markdown]
# Two things to take from it.
#
# - **Symmetry.** Slots that are alike get the same gradient, take the same step, and so stay alike. So they have to start with different numbers, and random ones are different.
# - **Only the match counts.** "Keys are learned" is true in A because the query could not be; in a transformer both sides have a matrix.
#
# Why does B fail, when random keys sufficed for six words? The noise is a part of it, and not all: trained and asked without the noise, the same random keys had .52 right instead of .29. (`python -m utils.told --list 03` lists the commands behind figures that the text tells and does not run.)

# %% [markdown] slide="slide"
# ## Where do the keys go?
#
# We know the hidden plane (the dictionary does not). Train one seed again, by your own `train_step`, and write down every 15 steps where the keys stand in that plane.

# %%
torch.manual_seed(0)
one, draws = learned(), torch.Generator().manual_seed(0)
optimizer = torch.optim.Adam(one.parameters(), lr=0.02)
steps, seen_keys, seen_values, seen_losses = [], [], [], []
for step in range(601):
    states, wanted, _ = tasks.draw(64, draws)  # of all five seeds; this is the first
    if step % 15 == 0:
        steps.append(step)
        seen_keys.append(one.key.detach() @ plane)  # (24, 2)
        seen_values.append(one.value.detach().clone())
        seen_losses.append(((one(states[0]) - wanted[0]) ** 2).mean().item())
    train_step(one, optimizer, states[0], wanted[0])

# %% slide="fragment"
predict(
    "Where in the plane do the keys of those slots end that come to answer?",
    "past the rings, further out", "on the rings", "inside, short of the rings",
)

# %% slide="subslide"
moments = {f"step {steps[i]}": (seen_keys[i], seen_values[i]) for i in (0, 10, 40)}
plots.keys_in_plane(moments, places, colours);

# %% [markdown] slide="fragment"
# *Rings: where queries come from, in the colour they want. Dots: the slots, in the colour of their value. At the start all keys are inside the rings. Some turn towards a ring and go past it, outwards. The others stay inside, or near: spare ones.*

# %% [markdown]
# How much of each of these keys lies in the plane? `plane` (16, 2) holds its two directions as columns, of length one and at right angles. So `key @ plane` is where a key stands in it, and the square of its length there, over the square of its whole length, is its share. Two of 16 directions is 1/8 by
# chance. Look at the slots that somebody uses (at least 2 % of the votes) and at the spare ones:

# %%
def votes_of(dictionary, query):
    """The weights (N, slots) that the slots have for queries (N, 16)."""
    return torch.softmax(query @ dictionary.key.detach().mT / WIDTH**0.5, -1)


states, _, _ = tasks.draw(1000, draws)
used = votes_of(one, states[0]).mean(0) > 0.02  # (24,): by each slot's share of all votes
key = one.key.detach()
in_plane = (key @ plane).square().sum(-1) / key.square().sum(-1)  # (24,)
print(f"{used.sum()} slots used: {in_plane[used].mean():.0%} of their keys in the plane;", end=" ")
print(f"{(~used).sum()} spare ones: {in_plane[~used].mean():.0%}")

# %%
distance = (key @ plane).norm(dim=-1)
inside = seen_keys[0].norm(dim=-1) < places[0].norm()
claim("at the start at least 20 of the 24 keys are inside the rings", inside.sum() >= 20)
claim("the keys in use have turned into the plane", in_plane[used].mean() > 0.85)
claim("the spare ones much less", in_plane[~used].mean() < 0.65 * in_plane[used].mean())
claim("the keys in use have gone past the rings", distance[used].mean() > places[0].norm())

# %% slide="fragment"
predict.answer(
    "past the rings, further out",
    "because a longer key is a sharper answer, as a longer query was in chapter 02, and a sharper answer mixes "
    "in less of the other colours. The next cell tries it.",
)

# %%
shorter = copy.deepcopy(one)
with torch.no_grad():
    shorter.key /= 2
states, wanted, _ = tasks.draw(1000, draws)
error, error_shorter = [((each(states[0]) - wanted[0]) ** 2).mean().item() for each in (one, shorter)]
print(f"error {error:.4f}; with all keys half as long, in the same directions, {error_shorter:.4f}")
claim("the same directions with half the length: at least twice the error", error_shorter > 2 * error)

# %% [markdown]
# So length makes them sharp. That it takes them just past the rings is a matter of scale. Queries three times as long are sharp enough by themselves: then the keys in use end inside the rings, at .57 to .64 of their distance.

# %% [markdown] slide="slide"
# ### Move through the training
#
# Drag the slider, use the arrow keys on it, or press Play.

# %% slide="fragment"
from utils import widgets

figure = widgets.TrainingSteps(
    steps, torch.stack(seen_keys), places, torch.stack(seen_values), colours, torch.tensor(seen_losses)
)
figure

# %% [markdown]
# *Two things happen, one after the other. In the first thirty steps all values turn greyish, towards the mean of what is wanted: the best single answer as long as the places cannot be told apart. Then the keys turn, and the
# colours part. (The plain figure above shows the same at three steps.)*

# %%
mean_wanted, at_30 = colours.mean(0), seen_values[2].mean(0)
print("mean value at step 30:", [round(x, 2) for x in at_30.tolist()])
print("mean of what is wanted:", [round(x, 2) for x in mean_wanted.tolist()])
claim("after 30 steps the values are about the mean of what is wanted", (at_30 - mean_wanted).abs().max() < 0.2)

# %% [markdown] slide="slide"
# ## It has to start soft
#
# In chapter 02 a nearly hard lookup had no slope to learn from. What does a sharp start do to a dictionary?
#
# To say *how* sharp it is, count how many slots share a vote. If n slots share it evenly, the entropy of the weights, $-\sum_j \alpha_j \log \alpha_j$, is $\log n$. So its exponential counts:
# 1 if one slot has all, M if all M have the same.

# %% [markdown]
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


# %% [markdown] slide="fragment"
# Eight slots this time, one for each place, so that none can be spared. Stretch every query by ten, and the start is sharp:

# %% slide="fragment"
states, _, _ = tasks.draw(1000, torch.Generator().manual_seed(2))
fresh = SoftDictionary(8, WIDTH, 3)
shared = {scale: effective_slots(votes_of(fresh, scale * states[0])).mean() for scale in (1, 10)}
for scale, slots in shared.items():
    print(f"queries × {scale}: {slots:.1f} of 8 slots share a vote at the start")
claim("stretched by ten, a query asks about one slot; as it is, several", shared[10] < 2 < shared[1])


# %%
def eight_slots(times=1):
    """Eight slots, whose keys start so many times as long."""
    dictionary = SoftDictionary(8, WIDTH, 3)
    with torch.no_grad():
        dictionary.key *= times
    return dictionary


soft, sharp = [learn(f"queries × {scale}", eight_slots, scale)[1] for scale in (1, 10)]
print(f"right: queries × 1 {soft.mean():.2f}, queries × 10 {sharp.mean():.2f}")
claim("with queries stretched by ten over 10 points fewer are right", sharp.mean() < soft.mean() - 0.1)

# %% [markdown]
# Has the sharp start done that? This comparison cannot say, because queries ten times as long change **two** things:
#
# - the **start** is sharp,
# - the **step** is large: Adam moves each number of a key by about its rate, .02, whatever the size of the gradient, and that now moves the scores ten times as far.
#
# By hand: the query 1 and the key .5 have the score .5, and after a step of .02 it is .52. The query 10 and the same key have the score 5, after the step 5.2.
#
# They can be had one without the other. Keys ten times as long make the start just as sharp, and leave the step small. Queries ten times as long and keys a *tenth* as long leave the start soft, and make the step large.

# %%
STARTS, STEPS = ("soft", "sharp"), ("small", "large")
TIMES = {"soft": 1, "sharp": 10, "small": 1, "large": 10}
trained = {}


def run(start, step):
    """The shares right of five seeds, (5,), trained when first asked for."""
    if (start, step) not in trained:
        scale, times = TIMES[step], TIMES[start] / TIMES[step]
        trained[start, step] = learn(f"{start} start, {step} step", lambda: eight_slots(times), scale)
    return trained[start, step][1]


# %% [markdown]
# ### Exercise 3.4 · Which of the two was it?  (8 minutes, about 6 lines)
# Write the function that finds out. It is given a `run` like the one above, `run(start, step)`, and says which change does harm **by itself**, when the other is left as it is in `run("soft", "small")`:
#
# - `"start"`, if only the sharp start does, `"step"`, if only the large step does,
# - `"both"`, if each of them does,
# - `"neither"`, if none does (the two at once may do harm all the same).
#
# It is harm if the *mean* over the five seeds falls by more than .1; a single seed may be lucky. The check plants trainings of which the answer is known, some of them with seeds that differ a lot.
#
# By hand, four means: soft and small .9, sharp and small .9, soft and large .6, sharp and large .3. The answer is `"step"`.
#
# <details><summary>Hint 1</summary>Which runs differ from <code>run("soft", "small")</code> in one thing only?</details>
# <details><summary>Hint 2</summary><code>run("soft", "small").mean()</code> is what both are compared with. <code>run("sharp", "large")</code> is not needed.</details>


# %% exercise="which_factor"
def which_factor(run):
    """Which change does harm by itself: "start", "step", "both" (each of them does) or "neither".

    run(start, step) gives the shares right of five seeds, (5,), for a start "soft" or "sharp" and a step
    "small" or "large". From soft and small a change does harm if the mean over the seeds falls by more
    than 0.1.
    """
    # BEGIN SOLUTION
    best = run("soft", "small").mean()
    start = best - run("sharp", "small").mean() > 0.1
    step = best - run("soft", "large").mean() > 0.1
    if start and step:
        return "both"
    return "start" if start else "step" if step else "neither"
    # END SOLUTION


# %%
which_factor = check("which_factor", which_factor)

# %% [markdown] tags=["solution"]
# Three runs are enough. The fourth, with both changes, is what the question came from, and cannot answer it. Nor can a start that is judged beside the large step: what it does there may be another thing.

# %% [markdown]
# Now let your function ask the dictionary. (A few seconds.)

# %% slide="slide"
predict(
    "Which change does harm by itself?",
    "the sharp start only", "the large step only", "each of the two", "neither, only both at once",
)

# %% slide="subslide"
found = which_factor(run)
outcomes = {f"{start} start, {step} step": run(start, step) for step in STEPS for start in STARTS}
plots.seeds(outcomes, "colour right, on new states", chance=1 / 8)
print("your function says:", found)

# %% [markdown] slide="fragment"
# *With the small step (the two upper bars) a sharp start loses most of what a soft one learns. With the large step (the two lower ones) a soft start loses less, and between soft and sharp there is less of a difference.*

# %%
for name, share in outcomes.items():
    print(f"{name:24}", "  ".join(f"{x:.2f}" for x in share.tolist()), f"  mean {share.mean():.2f}")
soft_small, sharp_small, soft_large, sharp_large = [share.mean() for share in outcomes.values()]
claim("each of the two does harm by itself", found == "both")
claim("soft and small: one of the five seeds at least is under 90 %", run("soft", "small").min() < 0.9)
claim("by itself the start does more", sharp_small < soft_large - 0.1)
claim("the large step helps a sharp start", sharp_large > sharp_small + 0.1)
beside_small, beside_large = soft_small - sharp_small, soft_large - sharp_large
claim("and the start does less beside the large step", beside_large < 0.5 * beside_small)

# %% slide="fragment"
predict.answer(
    "each of the two",
    "and they act on each other: the large step even helps a sharp start.",
)

# %% [markdown]
# Note the soft start with eight slots, too. Some of its five seeds stay below 90 %, where 24 slots got everything right.
#
# ## Further · What is it about the sharp start?  (9 minutes)
#
# Three explanations offer themselves, and all three can be tried.
#
# **Slots that die.** A slot that hardly ever wins gets hardly any gradient, so it might never win again. Count the slots with under 1 % of the votes after training.

# %%
predict(
    "With the small step, which start leaves more dead slots after 600 steps?",
    "the sharp one leaves more", "the soft one leaves more", "both leave the same number",
)

# %%
dead = {}
for (start, step), (five, _) in trained.items():
    states, _, _ = tasks.draw(1000, torch.Generator().manual_seed(2))
    votes = [votes_of(five.model(seed), TIMES[step] * states[i]) for i, seed in enumerate(SEEDS)]
    dead[start, step] = [(each.mean(0) < 0.01).sum().item() for each in votes]
    print(f"{start} start, {step} step: dead slots of 8, for each seed {dead[start, step]}")

# %%
claim("sharp start, small step: two dead slots at most", sum(dead["sharp", "small"]) <= 2)
claim("soft start, small step: more", sum(dead["soft", "small"]) > sum(dead["sharp", "small"]))
claim("with the large step more than with the small one, from either start",
      all(sum(dead[start, "large"]) > sum(dead[start, "small"]) + 3 for start in STARTS))  # fmt: skip

# %%
predict.answer(
    "the soft one leaves more",
    "and it gets far more right. So dead slots are not why the sharp start is behind. They go with the large "
    "step.",
)

# %% [markdown]
# **Keys that turn slowly.** The same step turns a key that is ten times as long by a tenth of the angle. So compare starts whose keys turn equally fast. As fast as usual: sharp start with the *large* step. (The large step comes from queries that are ten times as long. A score is query · key, so this is as if the *key* were ten times as long and its step, too, ten times as large: it turns at the usual speed. By its scores this pair differs in two things, as said above; by the angle of its keys, in the start alone.) A tenth as fast: *soft* start with a tenth of the small step.

# %%
slowly = learn("soft start, a tenth of the step", lambda: eight_slots(10), scale=0.1)[1].mean()
print("right                        soft start  sharp start")
print(f"keys turn as fast as usual   {soft_small:10.2f}  {sharp_large:11.2f}")
print(f"keys turn a tenth as fast    {slowly:10.2f}  {sharp_small:11.2f}")
claim("turning slowly costs a soft start over 30 points", slowly < soft_small - 0.3)
claim("turning as fast, a sharp start is over 10 points behind", sharp_large < soft_small - 0.1)

# %% [markdown]
# *In each row the keys turn equally fast, and the starts differ in sharpness.*
#
# So slow turning is a good part of it: in 600 steps neither start of the second row gets far. That part is made good by time, for after 2,400 steps the soft start of this row had .90 right, the sharp one .61. The rest is made good more slowly, if at all. In the first row the sharp start turns as fast as the soft one and is behind all the same; after 2,400 steps it had .61, the soft one .93. After 9,600 steps a sharp start with the small step had .80, a soft one .92.
#
# How sharp is too sharp is a matter of degree. With keys three times as long, and the small step, it had .65 after 600 steps and .90 after 2,400.
#
# **Sharp about what?** Is it sharpness that does harm, or what the start is sharp *about*? We know the plane, so we can make two starts: keys ten times as long in the plane only, and in the other 14 directions only. Both with the small step.


# %%
def longer(in_plane, elsewhere):
    """A function that builds eight slots with keys so many times as long in the plane, and elsewhere."""
    planes = iter(tasks.plane)  # each seed has its own

    def build():
        dictionary, plane = SoftDictionary(8, WIDTH, 3), next(planes)
        with torch.no_grad():
            part = dictionary.key @ plane @ plane.mT  # what of each key lies in the plane
            dictionary.key.copy_(in_plane * part + elsewhere * (dictionary.key - part))
        return dictionary

    return build


# %%
predict(
    "Which of these two starts ends far behind the soft one?",
    "the one that is long in the plane", "the one that is long elsewhere", "the two of them",
)

# %%
states, _, _ = tasks.draw(1000, torch.Generator().manual_seed(2))
by_direction = {"soft start": run("soft", "small")}
for name, times in {"long in the plane": (10, 1), "long elsewhere": (1, 10)}.items():
    torch.manual_seed(0)
    shared = effective_slots(votes_of(longer(*times)(), states[0])).mean()
    print(f"{name}: {shared:.1f} slots share a vote at the start")
    by_direction[name] = learn(name, longer(*times))[1]
    claim(f"{name}: a sharp start", shared < 2.5)
plots.seeds(by_direction, "colour right, on new states", chance=1 / 8);

# %% [markdown]
# *Two starts that are about equally sharp. The one that is sharp about the place ends not far below the soft one. The one that is sharp about the noise ends where the sharp start did.*

# %%
for name, share in by_direction.items():
    print(f"{name:18}", "  ".join(f"{x:.2f}" for x in share.tolist()), f"  mean {share.mean():.2f}")
in_the_plane, in_the_noise = by_direction["long in the plane"].mean(), by_direction["long elsewhere"].mean()
claim("sharp about the place: within 25 points of the soft start", in_the_plane > soft_small - 0.25)
claim("sharp about the noise: over 30 points behind that", in_the_noise < in_the_plane - 0.3)
claim("and as far down as the sharp start, within 15 points", (in_the_noise - sharp_small).abs() < 0.15)

# %%
predict.answer(
    "the one that is long elsewhere",
    "and so most of the harm is not sharpness as such. A random key lies mostly in the 14 directions of "
    "noise, so a random start that is sharp chooses by noise. It has to be soft because it cannot know what "
    "to be sharp about.",
)

# %% [markdown]
# Over six blocks of five seeds the start that was long in the plane had .76 to .90, the soft one .78 to .93, and the one that was long elsewhere .24 to .31. What stays open is the other half: *why* the large step does harm. Dead slots go with it; whether they are the reason was not tested.

# %% [markdown] slide="slide"
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

# %% [markdown]
# By hand, with widths of one: state 2, input 3, and maps 10, 100 and 1000 give the query 20, the key 300 and the value 3000.
#
# ### Exercise 3.5 · Query, key and value from a state and an input  (4 minutes, about 3 lines)
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
ITEM, KEY = 12, 8  # numbers in an item, in a key


class ShelfReader(nn.Module):
    """Makes its dictionary from the shelf that it is given."""

    def __init__(self):
        super().__init__()
        self.W_q = nn.Parameter(torch.randn(WIDTH, KEY) / WIDTH**0.5)
        self.W_k = nn.Parameter(torch.randn(ITEM, KEY) / ITEM**0.5)
        self.W_v = nn.Parameter(0.1 * torch.randn(ITEM, 3) / ITEM**0.5)

    def weights_and_value(self, state, inputs):
        query, key, value = project_qkv(state[:, None], inputs, self.W_q, self.W_k, self.W_v)
        return torch.softmax(query @ key.mT / KEY**0.5, -1), value  # (B, 1, 6), (B, 6, 3)

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
        self.dictionary = SoftDictionary(SLOTS, WIDTH, 3)

    def forward(self, state, inputs):
        return self.dictionary(state)


# %%
shelves = data.Shelves()


def shelf_batches(draws):
    while True:
        states, inputs, wanted, _ = shelves.draw(64, draws)
        yield states, inputs, wanted


def shelf_error(model, states, inputs, wanted):
    return ((model(states, inputs) - wanted) ** 2).mean()


# %%
def read_shelves(build):
    """The trained model, and its squared error on new shelves: 1 is what the mean colour would get."""
    torch.manual_seed(0)
    model, draws = build(), torch.Generator().manual_seed(0)
    training.train(model, shelf_batches(draws), shelf_error, 600, rate=0.01, label=build.__name__)
    states, inputs, wanted, _ = shelves.draw(2000, draws)
    return model, (shelf_error(model, states, inputs, wanted) / wanted.var()).item()


# %% slide="slide"
predict(
    "Whoever always names the mean colour has an error of 1. Which readers get under a tenth of that?",
    "ShelfReader and NeverLooks", "all three readers", "ShelfReader alone",
)

# %% slide="fragment"
readers = {build.__name__: read_shelves(build) for build in (ShelfReader, ShelfAverage, NeverLooks)}
errors = {name: error for name, (_, error) in readers.items()}
for name, error in errors.items():
    print(f"{name:12} error {error:.3f}")
claim("maps learned from the task read shelves that nobody has seen", errors["ShelfReader"] < 0.05)
claim("equal weights do not: it is choosing that helps", errors["ShelfAverage"] > 0.7)
claim("a dictionary with contents of its own is no use when the contents change", errors["NeverLooks"] > 0.9)

# %% slide="fragment"
predict.answer(
    "ShelfReader alone",
    "because the colours are new each time: they have to be taken from the shelf, and from one item of it.",
)

# %% [markdown]
# Look at its weights. Among fifty new shelves, take for each of the six items the first shelf that is asked for it.

# %% slide="subslide"
states, inputs, _, asked = shelves.draw(50, torch.Generator().manual_seed(5))
first = [(asked == item).nonzero()[0, 0].item() for item in range(6)]
weights, _ = readers["ShelfReader"][0].weights_and_value(states[first], inputs[first])
rows, columns = [f"asked for item {item}" for item in range(6)], [f"item {item}" for item in range(6)]
plots.heatmap(weights[:, 0], rows, columns)
claim("the item asked for has most of the weight, six times", weights[range(6), 0, range(6)].min() > 0.5)

# %% [markdown] slide="fragment"
# *Six new shelves, each asked for another of its items. The weight is on that item, whatever else stands there.*

# %% [markdown] slide="fragment"
# This is the step to attention as networks use it: **what is learned is how to ask and how to answer; the entries come from the input.** In chapter 05 the state is a decoder's, and the shelf is a sentence.
#
# %%
predict.score()

# %% [markdown] slide="slide"
# ## In short
#
# - Keys and values can start as random numbers and be learned from a loss alone, since a soft lookup passes gradients to both.
# - Learned keys matter when most of the state does not. Where all of it does, random keys got as many right here.
# - Only the match counts: learning the query map instead of the keys also works.
# - Starts matter: slots that are alike stay alike, and a random start that is sharp learns less in the same time (because it is sharp about noise, as a part called Further shows).
# - Two runs that differ in two things cannot say which of them it was. Change one by itself, over several seeds.
# - With query, key and value computed by three maps, the dictionary is built anew from each input, and the maps are what is learned.
#
# %% [markdown]
# ## Before you go on
#
# <details><summary>Two slots start with the same key and different values. Do they stay together?</summary>No. Their weights are equal at first, but a key's gradient depends on its own value (how far it is from the answer), so the keys get different gradients and part. Both have to be alike for the symmetry to hold.</details>
# <details><summary>Why did random keys suffice for the six words and not for the hidden plane?</summary>For the words, everything in the query matters and there are more slots than words. In the hidden plane 14 of 16 directions are noise, and that is a part of it: trained and asked without the noise the same random keys got about half right.</details>
# <details><summary>Why are learned keys longer than the ones they started as?</summary>A longer key has larger scores, so its slot wins more clearly: length acts as a lower temperature, and a clearer win lowers the loss. With half the length the error was more than twice as large.</details>

# %% [markdown]
# <details><summary>A colleague doubles the width and halves the rate, and gets a worse result. "Wide ones are worse", she says. What would you run?</summary>The double width with the old rate, and the old width with half the rate, each over several seeds. Her two runs differ in two things.</details>
# <details><summary>What do the experiments not show?</summary>That keys must be learned (the query map did it as well), that it works at any width or with few slots, or anything about keys made by deep networks. Eight places, five seeds, one size. Nor do they show why a large step does harm.</details>
#
# ## To read on
#
# - Bahdanau, Cho and Bengio 2015, [Neural machine translation by jointly learning to align and translate](https://arxiv.org/abs/1409.0473): keys and values made from an input.
# - Sukhbaatar et al. 2015, [End-to-end memory networks](https://arxiv.org/abs/1503.08895): a soft memory read several times.
# - Lample et al. 2019, [Large memory layers with product keys](https://arxiv.org/abs/1907.05242): a learned dictionary with a million slots.
# - Vaswani et al. 2017, [Attention is all you need](https://arxiv.org/abs/1706.03762): the three maps, many times over.
#
# Next: [04 The bottleneck](04_the_bottleneck.ipynb), what a network does without a lookup.
