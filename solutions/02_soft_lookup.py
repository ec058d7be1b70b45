# %% [markdown]
# # 02 · Soft lookup
#
# **120 minutes.** You need [chapter 01](01_dictionaries.ipynb), or its last idea: a lookup that picks the nearest key has no slope.
#
# After this chapter you can
# - turn scores into weights that no large number can break,
# - write the soft lookup, with a temperature, a mask and any number of batch axes,
# - say exactly how its answer moves when the query moves,
# - recognise it in a formula from 1964, and compare it fairly with a memory that only adds up.

# %%
import sys

sys.path.insert(0, "..")
print("PyTorch is loading, which takes a few seconds.", flush=True)

import torch

from utils import data, plots
from utils.checks import check, claim

torch.manual_seed(0);

# %%
words, key, value = data.small_dictionary()
angles = torch.linspace(0, 360, 721)
circle = torch.stack([angles.deg2rad().cos(), angles.deg2rad().sin()], -1)  # (721, 2)
directions = torch.atan2(key[:, 1], key[:, 0]).rad2deg() % 360
places = dict(zip(words, directions.tolist(), strict=True))
nearest = value[(circle @ key.mT).argmax(-1)]
soft = (circle @ key.mT / 0.15).softmax(-1) @ value
plots.sweep(angles, {"nearest": nearest, "soft": soft}, places);

# %% [markdown]
# *A query goes once around the circle. Above, the best key alone answers, in six jumps. Below, every key answers in proportion to its
# match, and the colour flows. This chapter builds the second row.*
#
# ## From the best key to every key
#
# The nearest lookup asked *which* key matches best and forgot all the others. That question has a sharp edge: move the query a hair past
# the point where two keys tie, and the answer jumps. Between the jumps nothing moves at all, so there is no slope to learn from.
#
# So ask a softer question: **how much** does each key match? Then let every value speak, as loudly as its key matched.

# %%
query = torch.tensor([0.9, 0.3])
scores = key @ query  # (Tk,)
{word: round(score, 2) for word, score in zip(words, scores.tolist(), strict=True)}

# %% [markdown]
# Six numbers, one for each key. Some are negative, and they do not sum to one. To share out a vote they must be positive, and sum to one.
# So take the exponential of each, and divide by the sum.
#
# Before you run the cell that does it, say what you expect. Choose with the mouse, or with Tab and the arrow keys. Nothing waits for your
# choice, and only you see it. If you say beforehand what will happen, you notice when it does not. Your predictions are counted at the end
# of the chapter.

# %%
from utils.predictions import predict

predict(
    "Orange's score is 0.78, lime's is -0.90. What share of the vote does lime get?",
    "none", "a small one", "a negative one",
)

# %%
weights = torch.exp(scores) / torch.exp(scores).sum()
plots.bars(weights, words, value);

# %%
claim("every word has a share, also those with a negative score", (weights > 0).all())

# %%
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
#
# ### Exercise 2.1 · Softmax  (6 minutes, about 2 lines)
# Turn scores into weights that are positive and sum to one along `dim`, for scores of any size.
#
# <details><summary>Hint 1</summary>Add the same number to every score. What happens to the weights?</details>
# <details><summary>Hint 2</summary>Nothing: it multiplies numerator and denominator alike. So choose the number that makes the largest exponential <code>exp(0)</code>.</details>
# <details><summary>Hint 3</summary><code>scores.amax(dim, keepdim=True)</code> keeps the axis, so that it can be subtracted.</details>

# %% exercise="softmax"
def softmax(scores, dim=-1):
    """Weights of the shape of scores: positive, summing to 1 along dim, for scores of any size."""
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

# %% [markdown]
# ## Temperature: how sharp is the question?
#
# The scores decide who leads; by how much is up to us. Divide them by a **temperature** before the softmax.

# %%
predict(
    "How many words get more than a hundredth of the vote at temperature 0.01, and how many at 100?",
    "all, then one", "one, then all", "all, both times",
)

# %%
plots.weights_by_temperature(key, query, [0.01, 0.1, 1, 10, 100], words, value);

# %%
heard = {T: (softmax(scores / T) > 0.01).sum().item() for T in [0.01, 100]}
claim("at temperature 0.01 one word gets more than a hundredth, at 100 all six do", heard == {0.01: 1, 100: 6})

# %%
predict.answer(
    "one, then all",
    "because dividing by 0.01 turns orange's gap of 0.12 to cherry into 12, and $e^{-12}$ is six millionths. "
    "Dividing by 100 makes every gap tiny.",
)

# %% [markdown]
# *Left, one word has all the weight. Right, all six have the same, and the query makes no difference any more.*
#
# That is all there is to a soft lookup: scores, temperature, softmax, and the weighted sum of the values, which is called the **context**,
#
# $$c_i = \sum_j \alpha_{ij}\, v_j, \qquad \alpha_{ij} = \frac{\exp(q_i \cdot k_j / T)}{\sum_{j'} \exp(q_i \cdot k_{j'} / T)}.$$
#
# By hand first. One query, two keys, temperature 1, and scores log 3 and 0, so that the exponentials are 3 and 1:

# %%
hand_weights = torch.tensor([3.0, 1.0]) / (3 + 1)
hand_values = torch.tensor([[10.0], [20.0]])
hand_weights @ hand_values  # three quarters of 10 and one quarter of 20

# %% [markdown]
# ### A mask: who may be asked
#
# Often some keys must not be seen: they only fill up a batch to equal lengths (*padding*), or they come later in a text that is still to be written. A boolean **mask** says so, and in this course **True means
# may attend**. A hidden key gets the weight zero, and the others share the whole vote. A query that may attend to *nothing* gets zeros:
# nothing was found.
#
# ### Exercise 2.2 · Soft lookup  (20 minutes, about 6 lines)
# Queries, keys and values may have batch axes in front, any number of them. `mask` is (…, Tq, Tk) or None; one without batch axes holds for the whole
# batch. No `nan` may arise, neither in the context nor in the gradients that come back through it.
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

# %% [markdown]
# ## At temperature zero it is the nearest lookup
#
# Colour every point of the plane with what a query there would get.

# %%
def nearest_lookup(query, key, value):
    """For each query, the value of the key with the largest dot product: chapter 01."""
    return value[(query @ key.mT).argmax(-1)]


lookups = {"nearest": lambda query: nearest_lookup(query, key, value)}
for temperature in [0.005, 0.3, 2, 100]:
    lookups[f"temperature {temperature:g}"] = lambda query, T=temperature: soft_lookup(query, key, value, T)
plots.colour_fields(lookups, words, key);

# %% [markdown]
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
# Why not all of the queries? Some happened to stand where two keys nearly tie; there, even a cold lookup blends. A tie is the one place where
# the two differ for good.
#
# ### Take it in your hand
#
# Drag the query. Or click into the plane and use the arrow keys (with Shift in larger steps). The slider is the temperature. Watch the
# weights, and the colour.

# %%
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

# %% [markdown]
# ## Now there is a slope
#
# In chapter 01 a query that wanted *lime* stood near cherry and did not move: the loss around it was flat. The same start and the same goal,
# now through the soft lookup, with a larger rate and more steps. PyTorch finds the slopes this time.

# %%
predict("At which temperature does the query find its way to lime?", "at 0.3", "at 0.01", "at both")

# %%
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

# %% [markdown]
# *At temperature 0.3 the query walks to lime, and past its place, since a longer query is a sharper question. At 0.01 it stands still, as
# it did in chapter 01: the lookup is soft in name only. At 0.05 it leaves cherry and stops at orange, the next key on its way.*

# %%
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

# %%
predict.answer(
    "at 0.3",
    "because at 0.01 cherry has all the weight but a trace, so the slope is too small to move the query at any "
    "usual rate.",
)

# %% [markdown]
# So "differentiable" is not yet "learnable": there is a gradient everywhere, but it is worth something only where the softmax is **soft**,
# where more than one key has a say. How large is it, exactly?
#
# Move the query by a little *dq*. Each score over T moves by $k_j \cdot dq / T$. A weight grows if that is *more than the weighted average*,
# and what the winners gain the losers give: $d\alpha_j = \alpha_j\,(k_j - \bar k) \cdot dq / T$, where $\bar k = \sum_j \alpha_j k_j$. Multiply with the values and
# sum. Since $\sum_j \alpha_j (k_j - \bar k) = 0$, the context $c$ may be subtracted from each value; and since $\sum_j \alpha_j (v_j - c) = 0$, the average key may be left out:
#
# $$\frac{\partial c}{\partial q} = \frac{1}{T} \sum_j \alpha_j\, (v_j - c)\, k_j^\top = \frac{1}{T}\,\mathrm{Cov}_\alpha(v, k),$$
#
# the **covariance of value and key under the weights**, over the temperature. The answer moves only if the keys that share the weight hold different values.
#
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
# Centring the values is enough: the weighted sum of the centred values is zero, so subtracting the mean key as well would change nothing.

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
# *Too cold, and for almost every query one key has all the weight: no slope. (The few queries on a border between two keys have a huge one, which
# is why this is the median.) Too hot, and the division by the temperature flattens everything. A lookup learns in between.*

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

# %% [markdown]
# ## The same formula in 1964
#
# Forget words for a moment. You have examples, points $x_i$ with measured values $y_i$, and want a guess at a new point $x$. Nadaraya and
# Watson, independently, proposed a weighted mean: near examples count, far ones hardly. With a Gaussian as the measure of nearness,
#
# $$\hat y(x) = \sum_i \alpha_i\, y_i, \qquad \alpha_i \propto \exp\left(-\frac{(x - x_i)^2}{2\,\mathrm{width}^2}\right).$$
#
# It is called *kernel regression*. The examples are a dictionary whose keys are the $x_i$ and whose values are the $y_i$; the match is a
# distance in place of a dot product.

# %%
def truth(x):
    return torch.sin(2 * x) + 0.5 * x


noise = torch.Generator().manual_seed(0)
x_train = torch.rand(60, generator=noise).mul(5).sort().values
y_train = truth(x_train) + 0.5 * torch.randn(60, generator=noise)
x = torch.linspace(0, 5, 300)

# %% [markdown]
# How wide should the kernel be? One way to judge a width is to **leave one out**: let each example be predicted by all the others.
#
# ### Exercise 2.4 · Kernel regression  (12 minutes, about 5 lines)
# With `leave_one_out`, `x` is `x_train`, and the i-th example has no vote in the i-th prediction.
#
# <details><summary>Hint 1</summary>An (M, 1) minus an (N,) is an (M, N): <code>x[:, None] - x_train</code>.</details>
# <details><summary>Hint 2</summary>Far away from all examples every exponential underflows: it is too small for the machine, and becomes zero. Your <code>softmax</code> of the exponents has no such trouble.</details>
# <details><summary>Hint 3</summary>Who has no vote has a score of minus infinity. Where is it, in the matrix of scores? If nobody is left to vote, answer zero.</details>

# %% exercise="kernel_regression"
def kernel_regression(x, x_train, y_train, width, leave_one_out=False):
    """The predictions (M,) at x (M,): means of y_train (N,), weighted by exp(-(x - x_train)² / (2 width²)).

    With leave_one_out, x is x_train and no point votes for itself; a point left without any voter gets zero.
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

# %%
width = widths[left_out.argmin()].item()
guesses = {f"width {w:.2g}": kernel_regression(x, x_train, y_train, w) for w in [0.02, width, 2]}
plots.regression(x_train, y_train, x, guesses, truth(x));

# %% [markdown]
# *Left, every example is believed: the nearest one answers. Right, all are averaged. In the middle, the width that leaving one out has chosen.*

# %%
errors_against_truth = [((guess - truth(x)) ** 2).mean().item() for guess in guesses.values()]
print("squared error against the truth:", [round(error, 3) for error in errors_against_truth])
claim("when examples vote for themselves, the narrowest kernel looks best", on_itself.argmin() == 0)
claim("and its error there is under a fifth of the honest one", on_itself[0] < 0.2 * left_out.min())
claim("leaving one out chooses a width inside the range", 0 < left_out.argmin() < len(widths) - 1)
narrow_error, chosen_error, wide_error = errors_against_truth
nearer = chosen_error < 0.8 * min(narrow_error, wide_error)
claim("that one is nearer to the truth than the narrow and the wide one", nearer)

# %%
predict.answer(
    "the narrowest",
    "because the narrower the kernel, the more an example listens only to itself, until it repeats its own "
    "value.",
)

# %% [markdown]
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
# One thing is missing from 1964: the keys are where the examples happen to be. Nobody *learns* them.
#
# ## How many pairs can it hold?
#
# There is a simpler memory, described by Kohonen and others in 1972: write each pair as an outer product of key and value (a matrix with a row for each
# number of the key, a column for each number of the value), and *add them all up*. To read, multiply the query with the sum.
#
# ### Exercise 2.5 · A linear memory  (5 minutes, 1 line)
# Keys (Tk, Dk) and values (Tk, Dv) become one matrix (Dk, Dv), read by `query @ memory`.
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

# %%
pair_query, pair_key, pair_value = torch.randn(4, 8), torch.randn(20, 8), torch.randn(20, 3)
through_memory = pair_query @ linear_memory(pair_key, pair_value)
through_weights = (pair_query @ pair_key.mT) @ pair_value
same = torch.allclose(through_memory, through_weights, atol=1e-4)
claim("reading a linear memory is a lookup without softmax", same)

# %% [markdown]
# A contest. Store N random keys of length one, each with a value of 32 random signs. Then ask for each with a noisy key (noise
# of 0.3 times its length), and count a read as right only if all 32 signs are. A third reader competes: a better matrix, fitted to all clean keys at
# once by *least squares* (`pinv`, the pseudo-inverse).

# %%
predict(
    "Each key has 16 numbers. How many pairs can be added up before the linear memory loses half of them?",
    "over 100", "16", "about 6",
)

# %%
def stored_pairs(pairs, width, seed, noise=0.3):
    generator = torch.Generator().manual_seed(seed)
    key = torch.nn.functional.normalize(torch.randn(pairs, width, generator=generator), dim=-1)
    value = torch.randn(pairs, 32, generator=generator).sign()
    noisy = key + noise / width**0.5 * torch.randn(pairs, width, generator=generator)
    return torch.nn.functional.normalize(noisy, dim=-1), key, value


# %%
readers = {
    "soft lookup, temperature 0.01": lambda query, key, value: soft_lookup(query, key, value, 0.01),
    "least-squares matrix": lambda query, key, value: query @ (torch.linalg.pinv(key) @ value),
    "linear memory": lambda query, key, value: query @ linear_memory(key, value),
}


def recall(reader, pairs, width, seeds=5, stored=stored_pairs):
    """The share of pairs whose whole value is read back, for each seed."""
    shares = []
    for seed in range(seeds):
        query, key, value = stored(pairs, width, seed)
        shares.append((reader(query, key, value).sign() == value).all(-1).float().mean())
    return torch.stack(shares)


# %%
counts = [4, 8, 16, 32, 64, 128, 256, 512, 1024]
shares = {}
for name, reader in readers.items():
    shares[name] = torch.stack([recall(reader, pairs, 16).mean() for pairs in counts])
plots.curves(counts, shares, "pairs stored, keys of width 16", "read back whole", log="x");

# %% [markdown]
# *The softmax keeps a thousand pairs apart. The sum of outer products mixes them up after a handful; the least-squares matrix still reads 8 pairs
# and fails before 16. (Mean of five seeds.)*

# %%
print(f"{'pairs':31}", "".join(f"{pairs:7}" for pairs in counts))
for name, share in shares.items():
    print(f"{name:31}", "".join(f"{s:7.2f}" for s in share.tolist()))
claim("the soft lookup reads more than 99 % of 1024 pairs", shares["soft lookup, temperature 0.01"][-1] > 0.99)
claim("the linear memory reads under 5 % of 32 pairs", shares["linear memory"][3] < 0.05)
claim("the least-squares matrix reads under 20 % of them", shares["least-squares matrix"][3] < 0.2)

# %% [markdown]
# Why does the sum fail so early? Reading it with one key also reads every other value, in proportion to its match, and random keys of 16
# numbers all match each other a little. A control that differs in this alone: the same keys, turned by as little as possible until all 16 are
# at right angles to each other, with the same values and practically the same noise.

# %%
def at_right_angles(pairs, width, seed):
    query, key, value = stored_pairs(pairs, width, seed)
    U, _, Vh = torch.linalg.svd(key)
    turned = U @ Vh  # of all keys at right angles the nearest ones
    return torch.nn.functional.normalize(turned + query - key, dim=-1), turned, value


linear = readers["linear memory"]
six = recall(linear, 6, 16, seeds=50).mean()
apart = recall(linear, 16, 16, stored=at_right_angles).mean()
print(f" 6 pairs, keys at random:       {six:.2f} read back whole")
print(f"16 pairs, keys at random:       {shares['linear memory'][2]:.2f}")
print(f"16 pairs, keys at right angles: {apart:.2f}")
claim("of six pairs the linear memory reads about half", 0.4 < six < 0.66)
claim("with keys at right angles it reads over 80 % of 16 pairs", apart > 0.8)

# %%
predict.answer(
    "about 6",
    "because random keys are not at right angles: each read adds a little of every other value, and with six "
    "pairs that is often enough to turn one of the 32 signs.",
)

# %% [markdown]
# ### Is that fair?
#
# Not quite, and it is worth seeing why. The soft lookup *keeps every pair*: N keys and N values. The matrix has the same 16 × 32 numbers,
# however many pairs went in. Give the matrix as many numbers as the soft lookup stores, by making its keys wider:

# %%
pairs = 64
wide = pairs * (16 + 32) // 32  # key width at which a matrix has as many numbers as 64 pairs of 16 + 32
matrix = readers["least-squares matrix"]
narrow_share, wide_share = recall(matrix, pairs, 16).mean(), recall(matrix, pairs, wide).mean()
_, wide_key, wide_value = stored_pairs(pairs, wide, seed=0)
exact_share = (matrix(wide_key, wide_key, wide_value).sign() == wide_value).all(-1).float().mean()
soft_share = recall(readers["soft lookup, temperature 0.01"], pairs, 16).mean()
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
# At equal storage, most of the gap is gone. And the soft lookup has limits of its own, once keys have so few numbers that they lie close together.

# %%
predict(
    "1024 noisy keys of two numbers each: which lookup reads more than half of the pairs?",
    "only the nearest one", "only the soft one", "neither of them",
)

# %%
def without_noise(pairs, width, seed):
    return stored_pairs(pairs, width, seed, noise=0)


widths_of_keys = [2, 3, 4, 6, 8, 16]
lookups = {"nearest": nearest_lookup, "soft": readers["soft lookup, temperature 0.01"]}
by_width = {}
for name, reader in lookups.items():
    for noise, stored in [("", stored_pairs), (", no noise", without_noise)]:
        each = [recall(reader, 1024, width, stored=stored).mean() for width in widths_of_keys]
        by_width[name + noise] = torch.stack(each)
plots.curves(widths_of_keys, by_width, "width of a key", "1024 pairs read back whole");

# %% [markdown]
# *With noise, both lookups lose most of the pairs in two, three or four dimensions, and the nearest one is never worse. Without noise the
# nearest one reads nearly everything (in two dimensions some keys agree in all the digits that 32 bits have), and the soft one still fails in
# two and three.*
#
# So there are two reasons. Look at both, for keys of two numbers.

# %%
query, key_2, _ = stored_pairs(1024, 2, seed=0)
other_keys = torch.cdist(key_2, key_2).fill_diagonal_(torch.inf)
size_of_noise = (query - key_2).norm(dim=-1).median()
gap_to_next = other_keys.min(-1).values.median()
sharing = 1 / softmax(key_2 @ key_2.mT / 0.01).square().sum(-1)  # by how many keys, if they had equal weights
print(f"a typical noise is {size_of_noise:.3f} long, the nearest other key {gap_to_next:.4f} away")
print(f"without noise, a typical query shares its weight among {sharing.median():.0f} keys")
noisy = size_of_noise > 20 * gap_to_next
claim("the noise is over twenty times as long as the way to the nearest other key", noisy)
claim("at temperature 0.01, over twenty keys share the weight even without noise", sharing.median() > 20)

# %%
nearest, exact_nearest, soft, exact_soft = by_width.values()
claim("in two dimensions neither reads a tenth of 1024 noisy pairs", max(nearest[0], soft[0]) < 0.1)
claim("nowhere does the soft lookup recall more than the nearest", (soft <= nearest).all())
print("without noise, nearest:", [round(x, 3) for x in exact_nearest.tolist()])
print("without noise, soft:   ", [round(x, 3) for x in exact_soft.tolist()])
claim("without noise the nearest reads over 90 % of them at any width", (exact_nearest > 0.9).all())
claim("without noise the soft one still reads under a tenth, in two dimensions", exact_soft[0] < 0.1)

# %%
predict.answer(
    "neither of them",
    "because the noise is many times as long as the way to the nearest other key, so even the nearest lookup "
    "takes a wrong one. The soft one has a second reason: at this temperature it blends dozens of keys, noise "
    "or not.",
)

# %% [markdown]
# So the honest sentence is: *a soft lookup's memory grows with what is stored, and it fails where noise makes two keys indistinguishable, or where
# keys lie closer together than its temperature can separate. What softness buys is not room, it is the slope. The matrices of fixed size held fewer pairs here than their keys have numbers.* The price is on the other side: the matrix always reads in the same time, and
# the soft lookup compares every key, each time. Chapter 01's dictionary did not pay that price; attention does.

# %%
predict.score()

# %% [markdown]
# ## In short
#
# - Softmax turns scores into shares of one vote; subtract the maximum, or large scores give `nan`.
# - Soft lookup: `softmax(query · key / temperature) value`. Cold, it is the dictionary; hot, the mean.
# - The mask hides keys before the softmax (True = may attend); who may see nothing gets zeros.
# - Its slope is the covariance of value and key under the weights, over the temperature: none where one key has all the weight.
# - Kernel regression is this lookup with fixed keys; a linear memory is this lookup without the softmax.
#
# ## Before you go on
#
# <details><summary>A query is doubled in length. What changes, and how could you undo it?</summary>The scores double, so the weights get sharper. Doubling the temperature undoes it.</details>
# <details><summary>Why is "attention is differentiable" not enough to say that it learns?</summary>Where one key has nearly all the weight, the covariance and with it the gradient are nearly zero. It learns where the softmax is soft.</details>
# <details><summary>What was unfair in the first contest with the linear memory?</summary>The soft lookup stored all pairs, the matrix a fixed number of numbers. At equal storage the matrix read most pairs as well, and all of them when asked without noise.</details>
# <details><summary>What does the comparison not show?</summary>Anything about learned keys: all keys here were random, of length one, and the noise was small.</details>
#
# ## To read on
#
# - Nadaraya 1964, [On estimating regression](https://doi.org/10.1137/1109020), and Watson 1964, *Smooth regression analysis*, Sankhyā A 26.
# - Kohonen 1972, [Correlation matrix memories](https://doi.org/10.1109/TC.1972.5008975): the linear memory.
# - Bahdanau, Cho and Bengio 2015, [Neural machine translation by jointly learning to align and translate](https://arxiv.org/abs/1409.0473): the soft lookup inside a network.
# - Vaswani et al. 2017, [Attention is all you need](https://arxiv.org/abs/1706.03762): the dot product, with √d as temperature.
# - Ramsauer et al. 2021, [Hopfield networks is all you need](https://arxiv.org/abs/2008.02217): how many patterns a softmax keeps apart.
