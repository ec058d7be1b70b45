# %% [markdown] slide="slide"
# # 02 · Soft lookup
#
# **105 minutes**, and 43 for what is called Further. You need [chapter 01](01_dictionaries.ipynb), or its last idea: a lookup that picks the nearest key has no slope.
#
# After this chapter you can
# - turn scores into weights that no large number can break,
# - write the soft lookup, with a temperature, a mask and any number of batch axes,
# - say how its answer moves when the query moves, and at which temperatures it can learn,
# - recognise it in a formula from 1964, and let the gradient choose that formula's width,
# - say how many pairs it keeps apart, beside a memory that only adds up.

# %%
import sys

sys.path.insert(0, "..")
print("PyTorch is loading, which takes a few seconds.", flush=True)

import torch

from utils import data, plots
from utils.checks import check, claim

torch.manual_seed(0);

# %% slide="slide"
torch.set_num_threads(1)  # for tensors as small as these, more threads only get in each other's way
words, key, value = data.small_dictionary()
angles = torch.linspace(0, 360, 721)
circle = torch.stack([angles.deg2rad().cos(), angles.deg2rad().sin()], -1)  # (721, 2)
directions = torch.atan2(key[:, 1], key[:, 0]).rad2deg() % 360
places = dict(zip(words, directions.tolist(), strict=True))
nearest = value[(circle @ key.mT).argmax(-1)]
soft = (circle @ key.mT / 0.15).softmax(-1) @ value
plots.sweep(angles, {"nearest": nearest, "soft": soft}, places);

# %% [markdown] slide="fragment"
# *A query goes once around the circle. Above, the best key alone answers, in six jumps. Below, every key answers in proportion to its
# match, and the colour flows. This chapter builds the second row.*

# %% [markdown] slide="slide"
# ## From the best key to every key
#
# The nearest lookup asked *which* key matches best and forgot all the others. That question has a sharp edge: move the query a hair past
# the point where two keys tie, and the answer jumps. Between the jumps nothing moves at all, so there is no slope to learn from.
#
# So ask a softer question: **how much** does each key match? Then let every value speak, as loudly as its key matched.

# %% slide="fragment"
query = torch.tensor([0.9, 0.3])
scores = key @ query  # (Tk,)
{word: round(score, 2) for word, score in zip(words, scores.tolist(), strict=True)}

# %% [markdown]
# Six numbers, one for each key. Some are negative, and they do not sum to one. To share out a vote they must be positive, and sum to one.
# So take the exponential of each, and divide by the sum.
#
# Before you run the cell that does it, say what you expect: if you do, you notice when it does not happen. Choose with the mouse, or with
# Tab and the arrow keys. Nothing waits for your choice, and only you see it. Your predictions are counted at the end of the chapter.

# %% slide="slide"
from utils.predictions import predict

predict(
    "Orange's score is 0.78, lime's is -0.90. What share of the vote does lime get?",
    "none", "a small one", "a negative one",
)

# %% slide="subslide"
weights = torch.exp(scores) / torch.exp(scores).sum()
plots.bars(weights, words, value);

# %%
claim("every word has a share, also those with a negative score", (weights > 0).all())

# %% slide="fragment"
predict.answer(
    "a small one",
    "because the exponential of any number is above zero, and that of the lowest score is the smallest.",
)

# %% [markdown]
# *Cherry leads, and no word is silent: every weight is above zero (though the machine rounds a very small one to zero). That is what will
# carry a gradient to every key.*
#
# Before you write it yourself, multiply the scores by a thousand:

# %%
predict(
    "The same with scores a thousand times as large: what is printed for cherry?",
    "nan", "0.32, as before", "1",
)

# %%
torch.exp(1000 * scores) / torch.exp(1000 * scores).sum()

# %%
predict.answer(
    "nan",
    "because `exp(900)` overflows to infinity, and infinity divided by infinity is `nan`, *not a number*.",
)

# %% [markdown]
# `exp(900)` is too large for any number that the machine has, so it becomes infinity. One `nan` is enough to ruin a training run, since
# everything it touches becomes `nan` too.
#
# Exponentials divided by their sum are called the **softmax** of the scores.

# %% [markdown] slide="slide"
# ### Exercise 2.1 · Softmax  (6 minutes, about 2 lines)
# Turn scores into weights that are positive and sum to one along `dim`, for scores of any size. One among them may be minus infinity (soon you
# will hide keys in this way): its weight is zero.
#
# <details><summary>Hint 1</summary>Add the same number to every score. What happens to the weights?</details>
# <details><summary>Hint 2</summary>Nothing: it multiplies numerator and denominator alike. So choose the number that makes the largest exponential <code>exp(0)</code>.</details>
# <details><summary>Hint 3</summary><code>scores.amax(dim, keepdim=True)</code> keeps the axis, so that it can be subtracted.</details>

# %% exercise="softmax" slide="fragment"
def softmax(scores, dim=-1):
    """Weights of the shape of scores: positive, summing to 1 along dim, for scores of any size.

    A score of minus infinity has the weight zero.
    """
    # BEGIN SOLUTION
    exps = torch.exp(scores - scores.amax(dim, keepdim=True))
    return exps / exps.sum(dim, keepdim=True)
    # END SOLUTION


# %%
softmax = check("softmax", softmax)

# %% [markdown] tags=["solution"]
# Subtracting the maximum leaves the weights what they were and makes the largest exponential 1, so nothing can overflow. What underflows to
# zero was smaller than 1e-38 of the whole. The maximum is taken along `dim`: with one maximum for all rows, a row far below it would
# become zeros divided by zero.

# %%
safe = softmax(1000 * scores)
claim("scores in the hundreds no longer break the weights", torch.isfinite(safe).all())
claim("for small scores the weights are what they were", torch.allclose(softmax(scores), weights))

# %% [markdown] slide="slide"
# ## Temperature: how sharp is the question?
#
# The scores decide which word leads; by how much is up to us. Divide them by a **temperature** before the softmax.

# %% slide="fragment"
predict(
    "How many words get more than a hundredth of the vote at temperature 0.01, and how many at 100?",
    "all, then one", "one, then all", "all, both times",
)

# %% slide="subslide"
plots.weights_by_temperature(key, query, [0.01, 0.1, 1, 10, 100], words, value);

# %%
heard = {T: (softmax(scores / T) > 0.01).sum().item() for T in [0.01, 100]}
claim("at temperature 0.01 one word gets more than a hundredth, at 100 all six do", heard == {0.01: 1, 100: 6})

# %% slide="fragment"
predict.answer(
    "one, then all",
    "because dividing by 0.01 turns orange's gap of 0.12 to cherry into 12, and $e^{-12}$ is six millionths. "
    "Dividing by 100 makes every gap tiny.",
)

# %% [markdown] slide="fragment"
# *Left, one word has all the weight. Right, all six have the same, and the query makes no difference any more.*

# %% [markdown] slide="slide"
# That is all there is to a soft lookup: scores, temperature, softmax, and the weighted sum of the values, which is called the **context**,
#
# $$c_i = \sum_j \alpha_{ij}\, v_j, \qquad \alpha_{ij} = \frac{\exp(q_i \cdot k_j / T)}{\sum_{j'} \exp(q_i \cdot k_{j'} / T)}.$$
#
# By hand first. One query, two keys, temperature 1, and scores log 3 and 0, so that the exponentials are 3 and 1:

# %%
hand_weights = torch.tensor([3.0, 1.0]) / (3 + 1)
hand_values = torch.tensor([[10.0], [20.0]])
hand_weights @ hand_values  # three quarters of 10 and one quarter of 20

# %% [markdown] slide="slide"
# ### A mask: who may be asked
#
# Often some keys must not be seen: they only fill up a batch to equal lengths (*padding*), or they come later in a text that is still to be written.
# A boolean **mask** says so, and in this course **True means may attend**. A hidden key gets the weight zero, and the others share the
# whole vote. A query that may attend to *nothing* gets zeros, because nothing was found.

# %% [markdown]
# ### Exercise 2.2 · Soft lookup  (20 minutes, about 6 lines)
# Queries, keys and values may have batch axes in front, any number of them. `mask` is (…, Tq, Tk) or None; one without batch axes holds for the whole
# batch. Scores may be of any size, so a hidden key has to lose against *every* number. No `nan` may arise, neither in the context nor in the
# gradients that come back through it.
#
# <details><summary>Hint 1</summary>Swap the last two axes of the keys with <code>key.mT</code>: that leaves batch axes in front alone.</details>
# <details><summary>Hint 2</summary>A weight of zero needs a score of minus infinity, <em>before</em> the softmax: <code>scores.masked_fill(~mask, -torch.inf)</code>.</details>
# <details><summary>Hint 3</summary>A row of nothing but minus infinity has no maximum to speak of, and its softmax is <code>nan</code>. Find such rows with <code>mask.any(-1, keepdim=True)</code>.</details>
# <details><summary>Hint 4</summary>Replacing <code>nan</code> in the context is too late: it comes back in the gradient. Give such a row harmless scores, zeros say, before the softmax, and make its weights or its context zero after.</details>

# %% exercise="soft_lookup"
def soft_lookup(query, key, value, temperature=1.0, mask=None):
    """The context (..., Tq, Dv) of each query: the values, weighted by how well their keys match it.

    query (..., Tq, Dk), key (..., Tk, Dk), value (..., Tk, Dv), mask (..., Tq, Tk) with True = may attend.
    A query that may attend to nothing gets zeros.
    """
    # BEGIN SOLUTION
    scores = query @ key.mT / temperature  # (..., Tq, Tk)
    if mask is None:
        return softmax(scores) @ value  # (..., Tq, Dv)
    found = mask.any(-1, keepdim=True)
    scores = scores.masked_fill(~mask, -torch.inf).masked_fill(~found, 0)
    return softmax(scores) @ value * found
    # END SOLUTION


# %%
soft_lookup = check("soft_lookup", soft_lookup)

# %% [markdown] tags=["solution"]
# The rows with nothing to see get harmless scores *before* the softmax and zeros *after* it. That way `nan` never arises, neither on the
# way forward nor on the way back. Hiding keys after the softmax would leave weights that no longer sum to one.

# %% [markdown] slide="slide"
# ## At temperature zero it is the nearest lookup
#
# Colour every point of the plane with what a query there would get.

# %% slide="fragment"
def nearest_lookup(query, key, value):
    """For each query, the value of the key with the largest dot product: chapter 01."""
    return value[(query @ key.mT).argmax(-1)]


lookups = {"nearest": lambda query: nearest_lookup(query, key, value)}
for temperature in [0.005, 0.3, 2, 100]:
    lookups[f"temperature {temperature:g}"] = lambda query, T=temperature: soft_lookup(query, key, value, T)
plots.colour_fields(lookups, words, key);

# %% [markdown] slide="fragment"
# *From left to right the borders dissolve. At temperature 0.005 the soft lookup is the nearest one, except right at the borders; at 100
# every query gets the same mean colour.*

# %%
queries = torch.randn(1000, 2)
cold = soft_lookup(queries, key, value, temperature=1e-4)
hot = soft_lookup(queries, key, value, temperature=1e4)
same = (cold - nearest_lookup(queries, key, value)).abs().amax(-1) < 1e-3
print(f"cold soft lookup agrees with the nearest on {same.float().mean():.1%} of 1000 queries")
claim("at temperature 0.0001 over 98 % of queries get the nearest value", same.float().mean() > 0.98)
claim("at 10,000 every query gets the mean of the values", ((hot - value.mean(0)).abs() < 1e-3).all())
own = soft_lookup(key, key, value, 0.01)
claim("a stored key, asked for in the cold, returns its own value", torch.allclose(own, value))

# %% [markdown]
# Why not all of the queries? Some happened to stand where two keys nearly tie; there, even a cold lookup blends. Only exactly at a tie do
# the two differ at every temperature.

# %% [markdown] slide="slide"
# ### Try it yourself
#
# Drag the query. Or click into the plane and use the arrow keys (with Shift in larger steps). The slider is the temperature. Watch the
# weights, and the colour.

# %% slide="fragment"
from utils import widgets

figure = widgets.SoftLookup(words, key, value, query=(0.2, 1.0), temperature=0.3)
figure

# %% [markdown]
# *Drag towards the middle: all weights become equal, as every score goes to zero. Drag outwards: a longer query is a sharper question.*
#
# The same without a running kernel: the query at one place and three temperatures.

# %%
for temperature in [0.05, 0.3, 3]:
    plots.plane(words, key, value, torch.tensor([0.2, 1.0]), temperature)

# %% [markdown]
# *At temperature 0.05 orange answers alone; at 0.3 lemon joins in, and the colour moves towards yellow; at 3 all six are heard, and it
# turns brown.*
#
# The figure computes in the browser, and tells the notebook where you left the query. So you can look up the same place with *your* function:

# %%
mine = soft_lookup(torch.tensor([figure.query]), key, value, figure.temperature)
print("query              ", [round(x, 2) for x in figure.query])
print("red, green and blue", [round(x, 2) for x in mine[0].tolist()])

# %%
predict(
    "Which changes the answer more?",
    "a query twice as long", "half the temperature", "they do the same",
)

# %%
longer = soft_lookup(2 * queries, key, value, temperature=0.3)
colder = soft_lookup(queries, key, value, temperature=0.15)
print(f"largest difference between the two answers: {(longer - colder).abs().max():.1e}")

# %%
claim("a query twice as long asks exactly like half the temperature", torch.allclose(longer, colder, atol=1e-5))

# %%
predict.answer(
    "they do the same",
    "because only $q \\cdot k / T$ counts, and each of the two doubles it.",
)

# %% [markdown] slide="slide"
# ## Now there is a slope
#
# In chapter 01 a query that wanted *lime* stood near cherry and did not move: the loss around it was flat. The same start and the same goal,
# now through the soft lookup, with a larger rate and more steps. PyTorch finds the slopes this time.

# %% slide="fragment"
predict("At which temperature does the query find its way to lime?", "at 0.3", "at 0.01", "at both")

# %% slide="subslide"
lime = value[words.index("lime")]


def descend(temperature, steps=300, rate=0.5):
    query = torch.tensor([1.0, 0.1], requires_grad=True)
    losses = []
    for _ in range(steps):
        loss = ((soft_lookup(query[None], key, value, temperature)[0] - lime) ** 2).sum()
        (slope,) = torch.autograd.grad(loss, query)
        query = (query - rate * slope).detach().requires_grad_()
        losses.append(loss.item())
    return losses, query.detach()


walks = {temperature: descend(temperature) for temperature in [0.3, 0.05, 0.01]}
losses = {f"temperature {temperature}": losses for temperature, (losses, _) in walks.items()}
plots.curves(range(300), losses, "step", "loss");

# %% [markdown] slide="subslide"
# *At temperature 0.3 the query walks to lime, and past its place, since a longer query is a sharper question. At 0.01 it stands still, as
# it did in chapter 01: the lookup is soft in name only. At 0.05 it leaves cherry and stops at orange, the next key on its way.*

# %% slide="fragment"
(warm_losses, warm_query), (_, between_query), (cold_losses, _) = walks.values()
best = [words[(key @ query).argmax()] for query in (warm_query, between_query)]
print(f"at 0.3 the query went from [1.0, 0.1] to {[round(x, 2) for x in warm_query.tolist()]}")
claim("through a soft lookup the query learns to ask for lime", warm_losses[-1] < 0.01)
claim("at 0.3 lime is its best match in the end, at 0.05 it is orange", best == ["lime", "orange"])
claim("through a nearly hard one it learns next to nothing", cold_losses[-1] > 0.95 * cold_losses[0])

# %% [markdown]
# Is it the rate that was too small at 0.01, or the slope? Try a rate a million times as large, and look at what the other five keys have of the
# vote where the query began.

# %%
def left_over(query, temperature):
    """The share of all keys but the best, with 64 bits: 32 would round it away."""
    return 1 - softmax(key.double() @ query.double() / temperature).max().item()


began = torch.tensor([1.0, 0.1])
left = {temperature: left_over(began, temperature) for temperature in walks}
hasty_losses, _ = descend(0.01, rate=0.5e6)
print("left for the other five keys:", ", ".join(f"{share:.0e} at {T}" for T, share in left.items()))
stands = hasty_losses[-1] > 0.95 * hasty_losses[0]
claim("a rate a million times as large does not move the query at 0.01", stands)
claim("there the other keys have less than a billionth of the vote", left[0.01] < 1e-9)
claim("at 0.3 they have over a tenth", left[0.3] > 0.1)

# %% slide="fragment"
predict.answer(
    "at 0.3",
    "because at 0.01 cherry has all the weight but a trace, so the slope is too small to move the query at any "
    "usual rate.",
)

# %% [markdown]
# So "differentiable" is not yet "learnable": there is a gradient everywhere, but it is worth something only where the softmax is **soft**,
# where more than one key has a say. Why is that? Move the query a little, so that each score $s_j = q \cdot k_j / T$ moves by a little $ds_j$.
# There is one vote to share, so a weight grows only if its score grows by *more than the average*, taken under the weights:
#
# $$d\alpha_j = \alpha_j \Bigl( ds_j - \sum_m \alpha_m\, ds_m \Bigr).$$
#
# By hand, with the two keys from above: weights ¾ and ¼, values 10 and 20. Let the first score grow by 0.01 and the second stay. The average
# growth is ¾ · 0.01 + ¼ · 0 = 0.0075. So
# - the first weight changes by ¾ (0.01 − 0.0075) = +0.001875,
# - the second by ¼ (0 − 0.0075) = −0.001875: what one gains, the other gives up,
# - and the context by 0.001875 · 10 − 0.001875 · 20 = −0.01875.

# %%
moved = softmax(torch.tensor([3.0, 1.0]).log() + torch.tensor([0.01, 0.0]))
print("the weights change by", [round(x, 5) for x in (moved - hand_weights).tolist()])
print("the context by       ", round(((moved - hand_weights) @ hand_values).item(), 4))
change = torch.tensor([0.001875, -0.001875])
claim("the weights change as computed by hand", torch.allclose(moved - hand_weights, change, rtol=0.01))

# %% [markdown]
# For two keys the formula is short: $d\alpha_1 = \alpha_1 \alpha_2\,(ds_1 - ds_2)$, here ¾ · ¼ · 0.01. The product $\alpha_1 \alpha_2$ is
# largest at ½ and ½, and it is zero when one key has all the weight: so a lookup that is nearly hard has no slope.
#
# In general $ds_j = k_j \cdot dq / T$, and with the average key $\bar k = \sum_j \alpha_j k_j$ the formula reads $d\alpha_j = \alpha_j\, (k_j - \bar k) \cdot dq / T$: a key gains votes if it matches $dq$ better than the average key does. Now multiply each $d\alpha_j$ with its value and add up. (The $d\alpha_j$ sum to zero, since there is one vote, so the context $c$, the average value, may be subtracted from each value.) So the context moves by the sum of $\alpha_j (v_j - c)$, a vector, times $(k_j - \bar k) \cdot dq / T$, a number. The matrix that does this to any $dq$ is
#
# $$\frac{\partial c}{\partial q} = \frac{1}{T} \sum_j \alpha_j\, (v_j - c)\, (k_j - \bar k)^\top = \frac{1}{T}\,\mathrm{Cov}_\alpha(v, k),$$
#
# the **covariance of value and key under the weights** (the mean product of their deviations from the average), over the temperature. It is a matrix with a row for each number of the context and a
# column for each number of the query. The answer moves only if the keys that share the weight hold different values.

# %% [markdown]
# ## Further · The slope as a formula  (17 minutes)
#
# The formula subtracts two averages. Why may the context be subtracted from each value? The changes of the weights sum to zero, because there is one
# vote; so $\sum_j d\alpha_j\, c = 0$, and $v_j$ may be replaced by $v_j - c$. After that the average key is not needed any more: since
# $\sum_j \alpha_j (v_j - c) = 0$, also $\sum_j \alpha_j (v_j - c)\, \bar k^\top = 0$. So one subtraction is enough:
# $\frac{1}{T} \sum_j \alpha_j (v_j - c)\, k_j^\top$.

# %% [markdown]
# ### Exercise 2.3 · The slope of a lookup  (10 minutes, about 3 lines)
# One query (Dk,), and a result (Dv, Dk): a row for each number of the context.
#
# <details><summary>Hint 1</summary>The weights (Tk,), then the context (Dv,), then each value's distance from it: <code>value - context</code>.</details>
# <details><summary>Hint 2</summary>The sum over j of an outer product is a matrix product: (Dv, Tk) times (Tk, Dk).</details>

# %% exercise="lookup_gradient"
def lookup_gradient(query, key, value, temperature=1.0):
    """How the context changes with the query (Dk,): ∂context/∂query (Dv, Dk).

    key (Tk, Dk), value (Tk, Dv).
    """
    # BEGIN SOLUTION
    weights = softmax(key @ query / temperature)  # (Tk,)
    centred = value - weights @ value  # (Tk, Dv)
    return (weights[:, None] * centred).mT @ key / temperature  # (Dv, Dk)
    # END SOLUTION


# %%
lookup_gradient = check("lookup_gradient", lookup_gradient)

# %% [markdown] tags=["solution"]
# `weights[:, None]` makes each weight multiply a whole row. Subtracting the average key as well would change nothing.

# %%
q = torch.tensor([0.5, 0.9])
by_torch = torch.autograd.functional.jacobian(lambda q: soft_lookup(q[None], key, value, 0.3)[0], q)
by_formula = lookup_gradient(q, key, value, 0.3)
agree = torch.allclose(by_formula, by_torch, atol=1e-5)
claim("the covariance formula is the derivative that backpropagation finds", agree)

# %%
predict(
    "Temperatures from 0.01 to 100: where is the slope largest (the median over queries around the circle)?",
    "at the coldest", "somewhere between", "at the hottest",
)

# %%
temperatures = torch.logspace(-2, 2, 41)


def typical_slope(temperature):
    return torch.stack([lookup_gradient(q, key, value, temperature).norm() for q in circle[:-1:30]]).median()


sizes = torch.stack([typical_slope(temperature) for temperature in temperatures])
slopes = {"typical slope (median over directions)": sizes}
plots.curves(temperatures, slopes, "temperature", "size of ∂context/∂query", log="xy");

# %% [markdown]
# *To the left, the line falls because for almost every query one key has all the weight. (The few queries on a border between two keys have a huge
# slope, which is why this is the median.) To the right it falls because of the division by the temperature. In between the slope is largest.*

# %%
best = sizes.argmax()
print(f"largest typical slope at temperature {temperatures[best]:.2f}")
claim("the slope has its maximum inside the range", 0 < best < len(sizes) - 1)
claim("at temperature 0.01 the typical slope is under a thousandth of that", sizes[0] < 1e-3 * sizes[best])
claim("at temperature 100 it is under a fiftieth", sizes[-1] < 0.02 * sizes[best])

# %%
predict.answer(
    "somewhere between",
    "because at low temperatures most queries get one key only, and at high ones the formula divides by a "
    "large temperature.",
)

# %% [markdown] slide="slide"
# ## The same formula in 1964
#
# You have examples, points $x_i$ with measured values $y_i$, and want a guess at a new point $x$. Nadaraya and
# Watson, independently, proposed a weighted mean: near examples count, far ones hardly. With a Gaussian as the measure of nearness,
#
# $$\hat y(x) = \sum_i \alpha_i\, y_i, \qquad \alpha_i \propto \exp\left(-\frac{(x - x_i)^2}{2\,\mathrm{width}^2}\right).$$
#
# It is called *kernel regression*. The examples are a dictionary whose keys are the $x_i$ and whose values are the $y_i$; the match is a
# distance in place of a dot product.

# %%
def truth(x):
    return torch.sin(2 * x) + 0.5 * x


def examples(seed, count=60):
    generator = torch.Generator().manual_seed(seed)
    places = torch.rand(count, generator=generator).mul(5).sort().values
    return places, truth(places) + 0.5 * torch.randn(count, generator=generator)


x_train, y_train = examples(seed=0)
x = torch.linspace(0, 5, 300)

# %% [markdown]
# How wide should the kernel be? One way to judge a width is to **leave one out**: let each example be predicted by all the others.
#
# ### Exercise 2.4 · Kernel regression  (12 minutes, about 5 lines)
# With `leave_one_out`, `x` is `x_train`, and the i-th example has no vote in the i-th prediction. Points may be far from every example and kernels
# as narrow as 0.00001; and soon the width itself will be learned.
#
# <details><summary>Hint 1</summary>An (M, 1) minus an (N,) is an (M, N): <code>x[:, None] - x_train</code>.</details>
# <details><summary>Hint 2</summary>Far away from all examples every exponential underflows: it is too small for the machine, and becomes zero. Your <code>softmax</code> of the exponents has no such trouble.</details>
# <details><summary>Hint 3</summary>An example without a vote has a score of minus infinity. Where is it, in the matrix of scores? If nobody is left to vote, answer zero.</details>

# %% exercise="kernel_regression"
def kernel_regression(x, x_train, y_train, width, leave_one_out=False):
    """The predictions (M,) at x (M,): means of y_train (N,), weighted by exp(-(x - x_train)² / (2 width²)).

    width is a number, or a tensor with one that gradients reach. With leave_one_out, x is x_train and no point
    votes for itself; a point left without any voter gets zero.
    """
    # BEGIN SOLUTION
    scores = -((x[:, None] - x_train) ** 2) / (2 * width**2)  # (M, N)
    if not leave_one_out:
        return softmax(scores) @ y_train
    if len(x) == 1:
        return torch.zeros_like(x)
    return softmax(scores.masked_fill(torch.eye(len(x), dtype=torch.bool), -torch.inf)) @ y_train
    # END SOLUTION


# %%
kernel_regression = check("kernel_regression", kernel_regression)

# %% [markdown] tags=["solution"]
# It is the soft lookup once more: scores, softmax, weighted sum. Leaving one out is a mask with a hidden diagonal, and the lonely example is
# the query that may attend to nothing.

# %%
predict(
    "Suppose each example is predicted from all of them, itself included. Which width has the smallest error?",
    "the narrowest", "one in between", "the widest",
)

# %%
widths = torch.logspace(-2, 0.7, 40)


def error(width, leave_one_out):
    return (kernel_regression(x_train, x_train, y_train, width, leave_one_out) - y_train).square().mean()


on_itself = torch.stack([error(width, False) for width in widths])
left_out = torch.stack([error(width, True) for width in widths])
errors = {"examples vote for themselves": on_itself, "one left out": left_out}
plots.curves(widths, errors, "width of the kernel", "mean squared error", log="x");

# %% [markdown]
# *When each example votes for itself, the narrowest kernel wins, with almost no error: that measures memory, not prediction. With one left
# out the error has its minimum in between.*

# %% slide="subslide"
width = widths[left_out.argmin()].item()
guesses = {f"width {w:.2g}": kernel_regression(x, x_train, y_train, w) for w in [0.02, width, 2]}
plots.regression(x_train, y_train, x, guesses, truth(x));

# %% [markdown] slide="fragment"
# *Left, every example is believed: the nearest one answers. Right, all are averaged. In the middle, the width that leaving one out has chosen.*

# %%
narrow_error, chosen_error, wide_error = (((guess - truth(x)) ** 2).mean() for guess in guesses.values())
claim("when examples vote for themselves, the narrowest kernel looks best", on_itself.argmin() == 0)
claim("leaving one out chooses a width inside the range", 0 < left_out.argmin() < len(widths) - 1)
nearer = chosen_error < 0.8 * min(narrow_error, wide_error)
claim("and its guesses are nearer to the truth than those of the narrow and the wide one", nearer)

# %%
predict.answer(
    "the narrowest",
    "because the narrower the kernel, the more an example listens only to itself, until it repeats its own "
    "value.",
)

# %% [markdown]
# You can see this in the weights: twenty examples from left to right, each of them also asked for. A row shows who votes.

# %%
places, _ = examples(seed=0, count=20)


def votes(width, leave_one_out=False):
    one_each = [kernel_regression(places, places, unit, width, leave_one_out) for unit in torch.eye(20)]
    return torch.stack(one_each, -1)  # (20, 20)


panels = {"width 0.05": votes(0.05), "width 0.25": votes(0.25), "width 0.25, one left out": votes(0.25, True)}
plots.attention_maps(panels, [f"{place:.1f}" for place in places]);

# %% [markdown]
# *Left, nearly every example hears itself alone. In the middle the neighbours have a say, and the band is narrow where examples are rare. Right, the
# diagonal is empty. (To read off the weight of one example, the cell gives it the value one and all others zero.)*

# %%
sharing = 1 / votes(0.25).square().sum(-1)  # n equal weights give n
near = ((places[:, None] - places).abs() < 0.3).sum(-1)
print(f"width 0.25: {sharing.min():.1f} to {sharing.max():.1f} examples share a prediction")
together = torch.corrcoef(torch.stack([sharing, near.float()]))[0, 1]
claim("the more examples are near, the more share a prediction (correlation over 0.6)", together > 0.6)
own = [votes(width).diagonal().mean() for width in (0.05, 0.25)]
claim("at width 0.05 over six tenths of an example's weights are its own", own[0] > 0.6)
claim("at width 0.25 under half", own[1] < 0.5)

# %% [markdown]
# ### A width that is learned
#
# So far forty widths were tried. But the error has a slope, since the lookup is soft, so the gradient can find the width. The parameter is the
# logarithm of the width, so that the width stays positive. Start wide, at 1, with and without leaving one out, on three sets of examples.

# %%
def learned_width(seed, leave_one_out, start=1.0, steps=200):
    places, measured = examples(seed)
    log_width = torch.tensor(start).log().requires_grad_()
    optimizer = torch.optim.Adam([log_width], lr=0.05)  # gradient descent with steps of a steady size
    for _ in range(steps):
        guess = kernel_regression(places, places, measured, log_width.exp(), leave_one_out)
        optimizer.zero_grad()
        (guess - measured).square().mean().backward()
        optimizer.step()
    width = log_width.exp().item()
    return width, (kernel_regression(x, places, measured, width) - truth(x)).square().mean().item()


# %%
found = {left: [learned_width(seed, left) for seed in range(3)] for left in (True, False)}
for left, runs in found.items():
    print("one left out" if left else "all vote for themselves")
    print("  " + "; ".join(f"width {width:.3f}, {error:.2f} off the truth" for width, error in runs))

# %%
honest, itself = found[True], found[False]
claim("with one left out the width is between 0.1 and 0.6", all(0.1 < width < 0.6 for width, _ in honest))
claim("without, it falls from 1 to below a twentieth", all(width < 0.05 for width, _ in itself))
closer = all(one[1] < 0.6 * other[1] for one, other in zip(honest, itself, strict=True))
claim("and its guesses are further from the truth, for each set of examples", closer)

# %% [markdown]
# The two runs differ in nothing but the diagonal. Where examples vote for themselves the gradient leads to a width of zero, because an example that
# hears itself alone is never wrong. (With more steps it goes on falling.) With one left out there is a width between.
#
# Is that the best width? Not always, since a gradient only goes downhill from where it starts. From a width of 0.05, two of six sets of examples ended in
# another valley, at 0.11 and at 0.08. (`python -m utils.told --list 02` lists what this chapter tells and does not run, each with its command.)
#
# ### With this kernel it is the same lookup, to the letter
#
# Multiply the square out: $-(x - x_i)^2 / 2w^2 = (x\,x_i - x_i^2/2) / w^2 - x^2/2w^2$. The last part is the same for every example, so the softmax
# does not see it. What is left is a dot product of the query $(x, 1)$ with the key $(x_i, -x_i^2/2)$, at temperature $w^2$.

# %%
query_1964 = torch.stack([x, torch.ones_like(x)], -1)  # (M, 2)
key_1964 = torch.stack([x_train, -(x_train**2) / 2], -1)  # (N, 2)
as_attention = soft_lookup(query_1964, key_1964, y_train[:, None], temperature=width**2)[:, 0]
gap = (as_attention - kernel_regression(x, x_train, y_train, width)).abs().max().item()
print(f"largest difference: {gap:.1e}")
claim("kernel regression is attention with fixed keys, at a temperature of its width squared", gap < 1e-3)

# %% [markdown]
# One thing is missing from 1964: the keys are where the examples happen to be. You have just let a gradient choose the width. Why not the keys, and
# the values? That is chapter 03.
#
# ## How many pairs can it hold?
#
# There is a simpler memory, described by Kohonen and others in 1972: write each pair as an outer product of key and value (a matrix with a row for each
# number of the key, a column for each number of the value), and *add them all up*. To read, multiply the query with the sum.
#
# ### Exercise 2.5 · A linear memory  (5 minutes, 1 line)
# Keys (Tk, Dk) and values (Tk, Dv) become one matrix (Dk, Dv), read by `query @ memory`. 64-bit keys make a 64-bit matrix.
#
# <details><summary>Hint 1</summary>With one pair: <code>torch.outer(key, value)</code>. Reading it with the key gives key · key times the value.</details>
# <details><summary>Hint 2</summary>A sum of outer products is a matrix product.</details>

# %% exercise="linear_memory"
def linear_memory(key, value):
    """The sum of the outer products key ⊗ value: a matrix (Dk, Dv) from key (Tk, Dk) and value (Tk, Dv)."""
    # BEGIN SOLUTION
    return key.mT @ value
    # END SOLUTION


# %%
linear_memory = check("linear_memory", linear_memory)

# %% [markdown] tags=["solution"]
# With one matrix for all pairs, nothing has to be kept but the matrix.

# %% [markdown]
# You have met this product: `query @ (key.mT @ value)` is `(query @ key.mT) @ value` with the brackets moved. A linear memory is the soft lookup
# *without the softmax*; so the pairs need not be kept, and reading costs the same however many there were.

# %% [markdown] slide="slide"
# A contest. Store N random keys of length one, each with a value of 32 random signs. Then ask for each with a noisy key (noise of 0.3 times its
# length), and count a read as right only if all 32 signs are correct. Three *readers* compete, three ways to get the value back: the soft lookup, the
# linear memory, and a better matrix, fitted to all clean keys at once by *least squares* (`pinv`, the pseudo-inverse). The soft lookup
# enters at three temperatures: the two at which you walked to lime, or did not, and one between.

# %% slide="fragment"
predict(
    "Keys of 16 numbers: at which temperatures does the soft lookup read more than nine tenths of 1024 pairs?",
    "at 0.01 only", "at 0.01 and at 0.1", "at all three",
)

# %%
predict(
    "And how many pairs can be added up before the linear memory loses half of them?",
    "over 100", "16", "about 6",
)

# %%
def stored_pairs(pairs, width, seed, noise=0.3):
    generator = torch.Generator().manual_seed(seed)
    key = torch.nn.functional.normalize(torch.randn(pairs, width, generator=generator), dim=-1)
    value = torch.randn(pairs, 32, generator=generator).sign()
    noisy = key + noise / width**0.5 * torch.randn(pairs, width, generator=generator)
    return torch.nn.functional.normalize(noisy, dim=-1), key, value


def recall(reader, pairs, width, seeds=5, stored=stored_pairs, **options):
    """The share of pairs whose whole value is read back, for each seed."""
    shares = []
    for seed in range(seeds):
        query, key, value = stored(pairs, width, seed, **options)
        shares.append((reader(query, key, value).sign() == value).all(-1).float().mean())
    return torch.stack(shares)


# %% slide="subslide"
def at(temperature):
    return lambda query, key, value: soft_lookup(query, key, value, temperature)


readers = {f"soft lookup, temperature {temperature}": at(temperature) for temperature in (0.01, 0.1, 0.3)} | {
    "least-squares matrix": lambda query, key, value: query @ (torch.linalg.pinv(key) @ value),
    "linear memory": lambda query, key, value: query @ linear_memory(key, value),
}
counts = [4, 8, 16, 32, 64, 128, 256, 512, 1024]
shares = {}
for name, reader in readers.items():
    shares[name] = torch.stack([recall(reader, pairs, 16).mean() for pairs in counts])
plots.curves(counts, shares, "pairs stored, keys of width 16", "read back whole", log="x");

# %% [markdown]
# *Look where each line falls. The linear memory loses its pairs first, then the least-squares matrix, both before 16 pairs. The soft lookup at 0.3
# loses them between 16 and 128. At 0.1 and at 0.01 it reads all of them. (Mean of five seeds.)*

# %%
for name, share in shares.items():
    print(f"{name:29}", "".join(f"{s:6.2f}" for s in share.tolist()))
soft_cold, soft_between, soft_warm, matrix_share, linear_share = shares.values()
claim("at 0.01 and at 0.1 it reads more than 97 % of 1024", min(soft_cold[-1], soft_between[-1]) > 0.97)
claim("at 0.3 it reads nearly all of 16 pairs", soft_warm[2] > 0.9)
claim("and next to none of 256", soft_warm[6] < 0.05)
claim("the linear memory reads under 5 % of 32 pairs", linear_share[3] < 0.05)
claim("the least-squares matrix reads under 20 % of them", matrix_share[3] < 0.2)

# %% [markdown]
# So should a memory be as cold as possible? Look at its slope, too: the size of ∂context/∂query, the middle one of twenty queries.

# %%
query, pair_key, pair_value = stored_pairs(256, 16, seed=0)
jacobian = torch.autograd.functional.jacobian  # the matrix of slopes
slope_at = {}
for T in (0.01, 0.1, 0.3):
    slopes = [jacobian(lambda q: soft_lookup(q[None], pair_key, pair_value, T)[0], q) for q in query[:20]]
    slope_at[T] = torch.stack([slope.norm() for slope in slopes]).median().item()
print({T: f"{size:.0e}" for T, size in slope_at.items()})
claim("at 0.1 and 0.3 the context moves with the query", min(slope_at[0.1], slope_at[0.3]) > 0.5)
claim("at 0.01 it moves less than a thousandth as much", slope_at[0.01] < 1e-3 * slope_at[0.1])

# %% slide="fragment"
predict.answer(
    "at 0.01 and at 0.1",
    "because with keys of 16 numbers 0.1 is cold enough for the right key to win. At 0.3 the many keys that "
    "match a little outvote it together.",
)

# %% [markdown]
# So *how many pairs a soft lookup keeps apart depends on its temperature*. At 0.01 it remembers and has no slope to learn from. At 0.3 it has a slope
# and forgets, because too many keys have a say ("Noise or blending?", further on, rules out that it is the noise). At 0.1 it has
# both, here up to a thousand pairs; there is an end to it, too: of 4,096 pairs it reads about nine in ten.

# %%
linear = readers["linear memory"]
six = recall(linear, 6, 16, seeds=50).mean()
print(f"the linear memory reads {six:.2f} of 6 pairs, {linear_share[2]:.2f} of 16")
claim("of six pairs the linear memory reads about half", 0.4 < six < 0.66)

# %%
predict.answer(
    "about 6",
    "because random keys are not at right angles: each read adds a little of every other value, and with six "
    "pairs that is often enough to turn one of the 32 signs.",
)

# %% [markdown]
# What softness buys, then, is not room but the slope. The price is time and storage: the soft lookup keeps every pair and compares with every key, each
# time, while the matrix has one size and always reads in the same time. Chapter 01's dictionary did not pay that price; attention does.
#
# ## Further · Is the contest fair?  (4 minutes)
#
# Why does the sum fail so early? Reading it with one key also reads every other value, in proportion to its match, and random keys of 16
# numbers all match each other a little. A control that differs in this alone: the same keys, turned by as little as possible until all 16 are
# at right angles to each other, with the same values and practically the same noise.

# %%
def at_right_angles(pairs, width, seed):
    query, key, value = stored_pairs(pairs, width, seed)
    U, _, Vh = torch.linalg.svd(key)
    turned = U @ Vh  # of all keys at right angles the nearest ones
    return torch.nn.functional.normalize(turned + query - key, dim=-1), turned, value


apart = recall(linear, 16, 16, stored=at_right_angles).mean()
print(f"16 pairs, keys at random:       {linear_share[2]:.2f} read back whole")
print(f"16 pairs, keys at right angles: {apart:.2f}")
claim("with keys at right angles it reads over 80 % of 16 pairs", apart > 0.8)

# %% [markdown]
# So the sum fails because its keys overlap. And was it a fair contest? Not quite. The soft lookup *keeps every pair*: N keys and N values. The matrix has the same 16 × 32 numbers,
# however many pairs went in. Give the matrix as many numbers as the soft lookup stores, by making its keys wider:

# %%
pairs = 64
wide = pairs * (16 + 32) // 32  # key width at which a matrix has as many numbers as 64 pairs of 16 + 32
matrix = readers["least-squares matrix"]
narrow_share, wide_share = recall(matrix, pairs, 16).mean(), recall(matrix, pairs, wide).mean()
_, wide_key, wide_value = stored_pairs(pairs, wide, seed=0)
exact_share = (matrix(wide_key, wide_key, wide_value).sign() == wide_value).all(-1).float().mean()
soft_share = recall(at(0.1), pairs, 16).mean()
print(f"{pairs} pairs, read back whole by")
print(f"{soft_share:.2f}  the soft lookup, keys of width 16")
print(f"{narrow_share:.2f}  the least-squares matrix, keys of width 16")
print(f"{wide_share:.2f}  the same, keys of width {wide}: as many numbers as the pairs have")
print(f"{exact_share:.2f}  the same, asked without noise")

# %%
claim("with keys of width 16 the matrix reads next to none of 64 pairs", narrow_share < 0.05)
claim("with as many numbers as the soft lookup it reads most of them", wide_share > 0.6)
claim("and all of them when the query is the key itself", exact_share == 1)

# %% [markdown]
# At equal storage, most of the gap is gone.
#
# ## Further · Noise or blending?  (5 minutes)
#
# Why does the lookup at 0.3 forget? Two reasons are possible: the noise leads to a wrong key, or too many keys have a say (call that
# *blending*). Take each of them away. The nearest lookup does not blend, and has the same noise; the lookup at 0.3 can be asked without noise.

# %%
print("256 pairs at 0.3:         ", f"{soft_warm[6]:.2f}")
unblended, quiet = recall(nearest_lookup, 256, 16).mean(), recall(at(0.3), 256, 16, noise=0).mean()
print("the nearest, with noise:  ", f"{unblended:.2f}")
print("blended, without noise:   ", f"{quiet:.2f}")
claim("without blending all are read in spite of the noise", unblended > 0.97)
claim("without noise most are still lost, so it is the blending", quiet < 0.1)

# %% [markdown]
# At low temperatures there is a limit, too, once keys have so few numbers that they lie close together.

# %%
predict(
    "1024 noisy keys of two numbers each: which lookup reads more than half of the pairs?",
    "only the nearest one", "only the soft one", "neither of them",
)

# %%
widths_of_keys = [2, 3, 4, 6, 8, 16]
each = {"nearest": nearest_lookup} | {f"soft, {T}": at(T) for T in (0.001, 0.01, 0.1)}
by_width = {
    name: torch.stack([recall(reader, 1024, width, seeds=2).mean() for width in widths_of_keys])
    for name, reader in each.items()
}
plots.curves(widths_of_keys, by_width, "width of a key", "1024 pairs read back whole");

# %% [markdown]
# *With keys of two or three numbers none of them reads a tenth. From four on the temperature matters: the colder the soft lookup, the closer its line is to the
# nearest one's, and at 0.001 they are hardly to be told apart. (Mean of two seeds.)*
#
# So there are two losses. What the nearest lookup loses is lost to the noise. What the soft one loses beyond that is lost to blending, and cooling
# gives it back, at the price of the slope. If the noise is taken away, the nearest should read nearly all, and a lookup that blends should not:

# %%
query, key_2, _ = stored_pairs(1024, 2, seed=0)
size_of_noise = (query - key_2).norm(dim=-1).median()
gap_to_next = torch.cdist(key_2, key_2).fill_diagonal_(torch.inf).min(-1).values.median()
print(f"keys of two numbers: a typical noise is {size_of_noise:.3f} long, the next key {gap_to_next:.4f} away")
quiet = {name: recall(reader, 1024, 2, seeds=2, noise=0).mean().item() for name, reader in each.items()}
print("without noise:", {name: round(share, 2) for name, share in quiet.items()})

# %%
nearest, coldest, cold, between = lines = torch.stack(list(by_width.values()))
claim("with keys of two numbers none reads a tenth of the noisy pairs", (lines[:, 0] < 0.1).all())
claim("no soft lookup reads clearly more than the nearest", (lines < nearest + 0.01).all())
claim("with keys of four numbers 0.001 reads nearly as much as the nearest", coldest[2] > nearest[2] - 0.02)
claim("0.01 reads much less", cold[2] < nearest[2] - 0.05)
claim("the noise is over twenty times as long as the way to the next key", size_of_noise > 20 * gap_to_next)
claim("without noise the nearest reads over 90 %", quiet["nearest"] > 0.9)
claim("the soft one at 0.01 still reads under a tenth", quiet["soft, 0.01"] < 0.1)

# %%
predict.answer(
    "neither of them",
    "because the noise is many times as long as the way to the next key, so even the nearest lookup takes a "
    "wrong one.",
)

# %% [markdown]
# ## Further · Asking again with the answer  (12 minutes)
#
# A memory may also complete what it is shown. Let the values be the keys themselves: pictures of handwritten digits, 8 × 8, with each pixel a sign, dark +1
# and light −1. Show a picture's upper half, with one in ten of its pixels turned round, and zeros below. The answer has all 64 pixels; so
# it can be a query itself, and you can **ask again with the answer**. Such a memory is called a Hopfield network, and this is its newer form.

# %%
grey = data.pictures(data.digits()[0].patches)  # (1400, 8, 8), from 0 to 1
signs = torch.where(grey > 0.45, 1.0, -1.0).flatten(1).unique(dim=0)  # (N, 64), each picture once


def stored_pictures(count, seed):
    return signs[torch.randperm(len(signs), generator=torch.Generator().manual_seed(seed))[:count]]


def upper_half(pictures, seed, turned=0.1):
    turn = torch.rand(pictures.shape, generator=torch.Generator().manual_seed(seed)) < turned
    return torch.where(turn, -pictures, pictures) * (torch.arange(64) < 32)


def ask_again(query, pictures, temperature, steps):
    for _ in range(steps):
        query = soft_lookup(query, pictures, pictures, temperature)
    return query


# %%
pictures = stored_pictures(10, seed=0)
asked = upper_half(pictures, seed=0)
once, thrice = ({T: ask_again(asked, pictures, T, steps) for T in (2, 8)} for steps in (1, 3))
shown = {"stored": pictures, "asked": asked, "at 2": once[2], "at 8": once[8]}
plots.pictures({name: each[:4] for name, each in shown.items()});

# %% [markdown]
# *Four of ten stored pictures, one in each row; blue is plus, brown is minus, and white is zero. At temperature 2 the first answer is nearly the stored picture. At 8
# it is a mixture of several. (Scores go up to 64 here, and that is why these temperatures are so high.)*

# %%
predict(
    "You ask again with the answer, twice. What becomes of the pictures?",
    "better at both temperatures", "worse at both", "better at 2, worse at 8",
)

# %%
def right_pictures(read, count, stored=stored_pictures, seeds=range(3), half=upper_half):
    """The share of pictures of which all 64 signs come back: mean over seeds, ten draws of the noise each."""
    shares = []
    for seed in seeds:
        pictures = stored(count, seed)
        for draw in range(10):
            answer = read(half(pictures, 100 * seed + draw), pictures)
            shares.append((answer.sign() == pictures).all(-1).float().mean())
    return torch.stack(shares).mean().item()


def again(temperature, steps):
    return lambda query, pictures: ask_again(query, pictures, temperature, steps)


# %%
after = {(T, steps): right_pictures(again(T, steps), 10) for T in (2, 4, 8) for steps in (1, 3)}
for T in (2, 4, 8):
    print(f"temperature {T}: {after[T, 1]:.2f} right after one step, {after[T, 3]:.2f} after three")
best_match = right_pictures(lambda query, pictures: nearest_lookup(query, pictures, pictures), 10)
print(f"the nearest picture: {best_match:.2f}")
claim("at 2 asking again mends some pictures", after[2, 3] > after[2, 1])
claim("at 4 it mends many", after[4, 3] > after[4, 1] + 0.05)
claim("at 8 even fewer are right after it", after[8, 3] < after[8, 1])
claim("nothing here is clearly better than the nearest picture", max(after.values()) < best_match + 0.02)

# %%
def lead(query):
    """By how much the right picture's score is above the best other one's, on average."""
    scores = query @ pictures.mT
    return (scores.diag() - scores.masked_fill(torch.eye(10, dtype=torch.bool), -torch.inf).amax(-1)).mean()


print(f"lead: {lead(asked):.1f} of the query, {lead(once[2]):.1f} of the answer at 2, {lead(once[8]):.1f} at 8")
claim("the answer at 2 has a lead twice the query's or more", lead(once[2]) > 2 * lead(asked))
claim("the mixture at 8 has a smaller one than the query", lead(once[8]) < 0.8 * lead(asked))
claim("and not because it is shorter", (once[8].norm(dim=-1) > 0.95 * asked.norm(dim=-1)).all())

# %%
predict.answer(
    "better at 2, worse at 8",
    "because an answer that is mostly one picture matches that picture better than the query did, and a "
    "mixture tells the pictures less apart.",
)

# %% [markdown]
# Here are the pictures from above once more, with the answers after three steps.

# %%
shown = {"stored": pictures}
for T in (2, 8):
    shown |= {f"at {T}": once[T], f"at {T}, step 3": thrice[T]}
plots.pictures({name: each[:4] for name, each in shown.items()});

# %% [markdown]
# *At 2 the pale spots are gone after three steps. At 8 the four answers have become more alike.*
#
# So asking again sharpens an answer that is mostly one picture, and blends a mixture further. And it finds no more than the nearest picture does: look for
# the best match once, and you have as many right.
#
# Hopfield's network of 1982 is the linear memory once more: the sum of the outer products of each picture with itself (without the diagonal), read again and again,
# with only the signs kept. It does badly with digits. Is that because half a picture is too little to ask with, or because of what digits are? Three
# controls: ask with the whole clean picture; store random pictures; and flip the signs of all digits by *one* random pattern, so that
# each looks random while any two resemble each other as before.

# %%
def hopfield_1982(query, pictures, steps=5):
    memory = linear_memory(pictures, pictures).fill_diagonal_(0)
    for _ in range(steps):
        query = (query @ memory).sign()
    return query


def random_pictures(count, seed):
    return torch.randn(count, 64, generator=torch.Generator().manual_seed(seed)).sign()


def turned_digits(count, seed):
    return stored_pictures(count, seed) * random_pictures(1, seed)


def whole(pictures, seed):
    return pictures


# %%
kinds = {"digits": stored_pictures, "turned digits": turned_digits, "random pictures": random_pictures}
counted = {
    (kind, count): [
        right_pictures(hopfield_1982, count, stored),
        right_pictures(hopfield_1982, count, stored, half=whole),
        right_pictures(again(1, 3), count, stored),
    ]
    for kind, stored in kinds.items()
    for count in (5, 100)
}
print("right by        the linear memory, asked with   the soft lookup")
print("                    a half     the whole        at 1, a half")
for (kind, count), (half, full, soft) in counted.items():
    print(f"{count:4} {kind:15} {half:6.2f} {full:13.2f} {soft:19.2f}")

# %%
claim("of five digits the linear memory gives back next to none from a half", counted["digits", 5][0] < 0.2)
claim("and few asked with the whole clean picture", counted["digits", 5][1] < 0.4)
claim("no more if they look random and resemble each other as before", counted["turned digits", 5][0] < 0.2)
claim("of five random pictures most, from a half", counted["random pictures", 5][0] > 0.8)
claim("a hundred are too many for it, even at random", counted["random pictures", 100][0] < 0.05)
claim("the soft lookup reads more than half of a hundred digits", counted["digits", 100][2] > 0.5)
claim("and nearly all of a hundred random pictures", counted["random pictures", 100][2] > 0.95)

# %% [markdown]
# So the half is not what stops it: with the whole picture it fails as well. It is that digits resemble each other: of five pictures that do not, it reads most from
# their noisy halves; five that look random and resemble each other, it loses. The soft lookup bears the resemblance better, and yet not without loss.
#
# ## Further · Why exponentials?  (5 minutes)
#
# Weights have to be positive and to sum to one. Squares would do, too, or the positive part of a score. Why exponentials? One answer that is often given is that they make
# the memory large. Test it: the same contest, with weights in proportion to other functions of the score.

# %%
predict(
    "With the eighth power of the score as weight (zero where the score is negative): of 256 pairs it reads…",
    "nearly none", "about a half", "nearly all",
)

# %%
def weighed_by(function):
    def reader(query, key, value):
        weights = function(query @ key.mT)
        return weights / weights.sum(-1, keepdim=True) @ value

    return reader


functions = {
    "exponential, 0.1": lambda score: torch.exp(score / 0.1),
    "exponential, 0.3": lambda score: torch.exp(score / 0.3),
    "square": lambda score: score**2,
    "positive part": lambda score: score.relu(),
    "its eighth power": lambda score: score.relu() ** 8,
}
kept = {name: recall(weighed_by(function), 256, 16).mean().item() for name, function in functions.items()}
print("of 256 pairs, read back whole:")
for name, share in kept.items():
    print(f"{share:.2f}  {name}")

# %%
steep = min(kept["exponential, 0.1"], kept["its eighth power"])
flat = max(kept["exponential, 0.3"], kept["positive part"], kept["square"])
claim("the steep ones read nearly all, exponential or not", steep > 0.97)
claim("the flat ones read next to none, exponential or not", flat < 0.05)

# %%
predict.answer(
    "nearly all",
    "because the right key's score stands far above the others', and any function that is steep enough turns "
    "that into nearly all the weight.",
)

# %% [markdown]
# So room is not the exponential's merit: whatever is steep has it. What is its merit, then? Take three scores, add 5 to each of them, or double them:

# %%
three = torch.tensor([1.0, 0.5, -1.0])
weights_of = {}
for name in ("exponential, 0.3", "its eighth power", "square"):
    shares_of = [functions[name](scores) for scores in (three, three + 5, 2 * three)]
    weights_of[name] = plain, added, longer = [each / each.sum() for each in shares_of]
    for what, each in zip(("as they are", "plus 5", "times 2"), weights_of[name], strict=True):
        print(f"{name:17} {what:12}", [round(x, 2) for x in each.tolist()])

# %%
plain, added, longer = weights_of["exponential, 0.3"]
claim("adding a number to all scores changes no exponential weight", torch.allclose(plain, added, atol=1e-3))
claim("scores twice as large make the exponential weights sharper", longer[0] > plain[0] + 0.05)
plain, added, longer = weights_of["its eighth power"]
claim("for a power the first changes the weights", (plain - added).abs().max() > 0.2)
claim("and the second does not", torch.allclose(plain, longer, atol=1e-4))
claim("a square takes the opposite for a match", weights_of["square"][0][2] > 0.4)

# %% [markdown]
# Two things come with the exponential. Only differences between scores count: that is why you could subtract the maximum, and why $-x^2/2w^2$ could be left out in
# 1964. And a longer query is a sharper one, so a network can *learn* how sharp its question is; for a power, the query's length changes nothing. Its price you know: it
# overflows unless the maximum is subtracted.

# %% [markdown]
# ## How well did you predict?

# %%
predict.score()

# %% [markdown] slide="slide"
# ## In short
#
# - Softmax turns scores into shares of one vote; subtract the maximum, or large scores give `nan`.
# - Soft lookup: `softmax(query · key / temperature) value`. Cold, it is the dictionary; hot, the mean.
# - The mask hides keys before the softmax (True = may attend); who may see nothing gets zeros.
# - Its slope is the covariance of value and key under the weights, over the temperature: none where one key has all the weight.
# - Kernel regression is this lookup with fixed keys; a gradient finds its width, if no example votes for itself.
# - A linear memory is this lookup without the softmax, and holds fewer pairs than its keys have numbers. How many pairs the soft lookup keeps apart depends on
#   its temperature: colder keeps more, and has less slope.

# %% [markdown]
# ## Before you go on
#
# <details><summary>A query is doubled in length. What changes, and how could you undo it?</summary>The scores double, so the weights get sharper. Doubling the temperature undoes it.</details>
# <details><summary>Why is "attention is differentiable" not enough to say that it learns?</summary>Where one key has nearly all the weight, the covariance and with it the gradient are nearly zero. It learns where the softmax is soft.</details>
# <details><summary>Two keys have the weights ½ and ½, and one score grows by 0.02. By how much does its weight grow?</summary>By ½ · ½ · 0.02 = 0.005; the other weight falls by as much.</details>
# <details><summary>A kernel's width is learned with each example voting for itself. Where does the width go?</summary>The width goes to zero: an example that hears itself alone is never wrong about itself.</details>
# <details><summary>What was unfair in the contest with the linear memory?</summary>The soft lookup stores all pairs, the matrix a fixed number of numbers. (At equal storage the matrix reads most pairs as well.)</details>
# <details><summary>What does the contest not show?</summary>Anything about learned keys: all keys here were random, of length one, and the noise was small.</details>
# <details><summary>An open question: at 0.1, how does the number of pairs that can be kept grow with the width of the keys?</summary>Nobody has measured it in this chapter. `recall` and `at` are all you need.</details>

# %% [markdown]
# ## To read on
#
# - Nadaraya 1964, [On estimating regression](https://doi.org/10.1137/1109020), and Watson 1964, *Smooth regression analysis*, Sankhyā A 26.
# - Kohonen 1972, [Correlation matrix memories](https://doi.org/10.1109/TC.1972.5008975): the linear memory.
# - Bahdanau, Cho and Bengio 2015, [Neural machine translation by jointly learning to align and translate](https://arxiv.org/abs/1409.0473): the soft lookup inside a network.
# - Vaswani et al. 2017, [Attention is all you need](https://arxiv.org/abs/1706.03762): the dot product, with √d as temperature.
# - Hopfield 1982, [Neural networks and physical systems with emergent collective computational abilities](https://doi.org/10.1073/pnas.79.8.2554): asking again with the answer.
# - Ramsauer et al. 2021, [Hopfield networks is all you need](https://arxiv.org/abs/2008.02217): the same with a softmax, and how many patterns it keeps apart.
#
# Next: [03 A dictionary that learns](03_a_dictionary_that_learns.ipynb), where keys and values start as random numbers.
