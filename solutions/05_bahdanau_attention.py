# %% [markdown]
# # 05 · Bahdanau attention
#
# **105 minutes.** You need [chapter 03](03_a_dictionary_that_learns.ipynb) (query, key and value) and [chapter 04](04_the_bottleneck.ipynb) (the translation that falls off a cliff).
#
# After this chapter you can
# - write the attention of Bahdanau, Cho and Bengio (2015), masks included, and put it into a decoder,
# - show what it changes, against three controls at the same budget,
# - read an alignment: what was asked, what was looked at, why lines cross,
# - say what it costs in memory and time, and how to have it for less.

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

torch.set_num_threads(1)  # for models as small as these, more threads only get in each other's way
looks = torch.tensor([[0.05, 0.95], [0.4, 0.6], [0.95, 0.05]])
plots.encoder_decoder(["sixty", "three"], ["drei", "und", "sechzig"], looks);

# %% [markdown]
# *The one vector is gone. At each word the decoder looks at all states of the encoder and takes what it needs now: for "drei" the state of "three", for "sechzig" the one of "sixty". The lines cross because the languages do.
# (Drawn by hand; before the chapter is over your own network draws it.)*
#
# ## A question at every step
#
# You have all the parts. The decoder's state asks: it makes the **query**. The encoder's states answer: they make the **keys**, and they are the **values**. What comes back, the **context**, is new at every step.
# In the words of the paper: a score is an *energy*, a weight an *alignment*, an encoder state an *annotation*.
#
# One thing is different from chapter 02: how the match is measured. A decoder's state and an encoder's state live in different spaces; $W_q$ and $W_k$ bring both into one. There one could multiply (chapter 06 does). Bahdanau *adds*, and lets a small network judge the sum:
#
# $$e_{ij} = w \cdot \tanh(q_i + k_j), \qquad q_i = W_q\, s_{i-1}, \quad k_j = W_k\, h_j .$$
#
# Because of the plus it is called **additive**. By hand, with vectors of two numbers: the query (1, 0), the key (−1, 2) and the score vector (1, 1) give tanh(0) + tanh(2) = 0.964.
#
# ### Exercise 5.1 · Additive scores  (6 minutes, about 2 lines)
# Every query meets every key. query (B, Tq, A) and key (B, Tk, A) have been projected already.
#
# <details><summary>Hint 1</summary>Give each its own axis: <code>query[:, :, None]</code> is (B, Tq, 1, A), <code>key[:, None]</code> is (B, 1, Tk, A). Their sum is (B, Tq, Tk, A).</details>
# <details><summary>Hint 2</summary><code>tensor @ vector</code> sums over the last axis.</details>


# %% exercise="additive_scores"
def additive_scores(query, key, score_vector):
    """Scores (B, Tq, Tk): score_vector · tanh(query_i + key_j).

    query (B, Tq, A), key (B, Tk, A), score_vector (A,).
    """
    # BEGIN SOLUTION
    sums = query[:, :, None] + key[:, None]  # (B, Tq, Tk, A)
    return torch.tanh(sums) @ score_vector  # (B, Tq, Tk)
    # END SOLUTION


# %%
additive_scores = check("additive_scores", additive_scores)

# %% [markdown]
# **Predict.** Why the tanh? Leave it out. What does the query do to the weights then?

# %%
query, key, score_vector = 2 * torch.randn(1, 3, 8), torch.randn(1, 5, 8), torch.randn(8) / 2
linear = (query[:, :, None] + key[:, None]) @ score_vector  # (1, 3, 5), without the tanh
plots.heatmap(linear.softmax(-1)[0], [f"query {i}" for i in range(3)], [f"key {j}" for j in range(5)]);

# %% [markdown]
# *Three different queries, the same weights. Without the tanh the score is a sum of two parts, and the query's part is the same for every key: the softmax does not see it.*

# %%
with_tanh = additive_scores(query, key, score_vector).softmax(-1)[0]
without = linear.softmax(-1)[0]
claim(
    "without the tanh the weights do not depend on the query",
    torch.allclose(without[0], without[1:], atol=1e-6),
)
claim("with it they do", (with_tanh - with_tanh[0]).abs().max() > 0.02)

# %% [markdown]
# ## Nobody looks at padding
#
# Short sentences of a batch are filled up. What stands there must get no weight: mask it *before* the softmax. You did it inside chapter 02's lookup; here it becomes a function of its own, since every attention from here on needs it.
#
# ### Exercise 5.2 · Masked softmax  (8 minutes, about 4 lines)
# Weights over the last axis, among the scores whose mask is True; a row with none left gets zeros. No `nan` may arise, also not in the gradient, and hidden scores may hold anything, infinity and `nan` too.
#
# <details><summary>Hint 1</summary>Replace hidden scores by minus infinity (<code>masked_fill</code>), and then the softmax you know.</details>
# <details><summary>Hint 2</summary>A row of nothing but minus infinity is <code>nan</code>. Give it harmless scores before the softmax, <em>and</em> set its weights to zero afterwards.</details>


# %% exercise="masked_softmax"
def masked_softmax(scores, mask):
    """Weights (..., Tk): softmax over the scores (..., Tk) whose mask is True; zeros where there is none.

    mask is boolean and broadcasts to scores; True = may attend.
    """
    # BEGIN SOLUTION
    empty = ~mask.any(-1, keepdim=True)
    scores = scores.masked_fill(~mask, -torch.inf).masked_fill(empty, 0)
    return torch.softmax(scores, -1).masked_fill(~mask, 0)
    # END SOLUTION


# %%
masked_softmax = check("masked_softmax", masked_softmax)

# %% [markdown]
# ## The attention
#
# Now put both into a module with its three learned parts. The values stay as they are: what the decoder gets is a weighted sum of encoder states.
#
# ### Exercise 5.3 · Bahdanau attention  (12 minutes, about 8 lines)
# `W_q` and `W_k` are linear maps without bias, `score_vector` is a parameter (d_hidden,). Start it small, say standard normal numbers over √d_hidden. The mask is (B, Tk), one for all queries, or (B, Tq, Tk).
#
# <details><summary>Hint 1</summary><code>nn.Linear(d_query, d_hidden, bias=False)</code>.</details>
# <details><summary>Hint 2</summary>A mask (B, Tk) needs an axis for the queries: <code>mask[:, None]</code>. Without a mask, plain softmax.</details>
# <details><summary>Hint 3</summary>Return both: <code>weights @ value</code> and <code>weights</code>.</details>

# %% exercise="BahdanauAttention"
class BahdanauAttention(nn.Module):
    """Scores score_vector · tanh(W_q query + W_k key), softmax over the keys, weighted sum of the values.

    Parameters W_q, W_k (linear maps without bias) and score_vector (d_hidden,).
    """

    def __init__(self, d_query, d_key, d_hidden):
        super().__init__()
        # BEGIN SOLUTION
        self.W_q = nn.Linear(d_query, d_hidden, bias=False)
        self.W_k = nn.Linear(d_key, d_hidden, bias=False)
        self.score_vector = nn.Parameter(torch.randn(d_hidden) / d_hidden**0.5)
        # END SOLUTION

    def forward(self, query, key, value, mask=None):
        """The context (B, Tq, Dv) and the weights (B, Tq, Tk).

        query (B, Tq, d_query), key (B, Tk, d_key), value (B, Tk, Dv);
        mask (B, Tk) or (B, Tq, Tk), True = may attend. A query that may attend to nothing gets zeros.
        """
        # BEGIN SOLUTION
        scores = additive_scores(self.W_q(query), self.W_k(key), self.score_vector)  # (B, Tq, Tk)
        if mask is None:
            weights = torch.softmax(scores, -1)
        else:
            weights = masked_softmax(scores, mask if mask.dim() == 3 else mask[:, None])
        return weights @ value, weights  # (B, Tq, Dv), (B, Tq, Tk)
        # END SOLUTION


# %%
BahdanauAttention = check("BahdanauAttention", BahdanauAttention)

# %% [markdown]
# ### Who asks, and when
#
# At step i the decoder is about to make its state $s_i$. Who asks? Its **previous** state, $s_{i-1}$: the context has to be there before the new state can be computed from it. (Luong, Pham and Manning, in the same
# year, let the new state ask and mix the answer in afterwards. That works too; it is another model.)
#
# ### Exercise 5.4 · A decoder step with attention  (6 minutes, about 3 lines)
# Ask, and then do what `fixed_context_step` of chapter 04 did: `cell` on word and context side by side, and the state.
#
# <details><summary>Hint 1</summary>The attention wants a query (B, 1, W): <code>s[:, None]</code>. Keys and values are both the encoder's states.</details>
# <details><summary>Hint 2</summary>It returns a context (B, 1, C) and weights (B, 1, Tk): take <code>[:, 0]</code> of each.</details>


# %% exercise="attention_decoder_step"
def attention_decoder_step(y, s, encoder_states, mask, attention, cell):
    """The decoder's next state (B, W), the context (B, C) it was made from, and the weights (B, Tk).

    y (B, E) is the word before, s (B, W) the state before, encoder_states (B, Tk, C), mask (B, Tk), True = may
    attend; attention(query, key, value, mask) as above; cell(input, state) as nn.GRUCell, on the input
    [y, context].
    """
    # BEGIN SOLUTION
    context, weights = attention(s[:, None], encoder_states, encoder_states, mask)  # (B, 1, C), (B, 1, Tk)
    context, weights = context[:, 0], weights[:, 0]
    return cell(torch.cat([y, context], -1), s), context, weights
    # END SOLUTION


# %%
attention_decoder_step = check("attention_decoder_step", attention_decoder_step)

# %% [markdown]
# ## The curve, again
#
# The same corpus as in chapter 04, the same encoder–decoder, the same number of steps and batches for everyone. Four models:
#
# | model | its context | why it is here |
# |---|---|---|
# | **attention** | your attention, asked at every step | the subject of this chapter |
# | fixed context | the encoder's summary, always the same | chapter 04; the paper notes that its model becomes this one when the context is fixed to the last state |
# | uniform weights | the mean of the encoder's states | as wide as the attention's context: is it *choosing* that helps? |
# | fixed context, wider | a summary of twice the width | over twice the parameters of the one with attention |
#
# **Predict.** Which of the three controls comes nearest to attention? (About half a minute on a CPU. With a GPU at hand all four are twice as wide, and see four times as many sentences at each step.)

# %%
from utils import models, training

device = training.device()
width, batch = (128, 160) if device.type == "cuda" else (64, 40)
corpus = data.number_names("de")


def translator(attention=lambda: None, width=width, step=None):
    torch.manual_seed(0)
    return models.EncoderDecoder(len(corpus.source), len(corpus.target), attention(), step, width)


contestants = {
    "attention": translator(lambda: BahdanauAttention(width, 2 * width, width), step=attention_decoder_step),
    "fixed context": translator(),
    "uniform weights": translator(models.UniformAttention),
    "fixed context, wider": translator(width=2 * width),
}
recipe = {"warm_up": 50, "decay": True, "clip": 1.0}
for name, model in contestants.items():
    batches = corpus.batches(batch)
    training.train(model.to(device), batches, models.translation_loss, 360, rate=1e-2, label=name, **recipe)


# %%
def exact_by_digits(model):
    """For each number of digits, the share of held-out numbers whose whole name comes out right."""
    right = {}
    for pair, words in zip(corpus.test, model.translate(corpus, corpus.test), strict=True):
        right.setdefault(len(str(pair.about)), []).append(tuple(words) == pair.target)
    return {digits: sum(answers) / len(answers) for digits, answers in sorted(right.items())}


exact = {name: exact_by_digits(model) for name, model in contestants.items()}
lines = {name: list(shares.values()) for name, shares in exact.items()}
plots.curves(list(exact["attention"]), lines, "digits of the number", "whole name right");

# %% [markdown]
# *With attention the curve is flat: the longest names come out right as well. The three controls fall off the cliff. A wider summary and the mean of all states (uniform weights) come a little nearer: each moves the cliff by a digit or so; neither takes it away. (100 held-out numbers at each length, 20 with two digits; one seed. Figure 2 of the paper shows attention and fixed context for English and French sentences.)*

# %%
for name, shares in exact.items():
    size = sum(parameter.numel() for parameter in contestants[name].parameters())
    chosen = "  ".join(f"{digits}: {shares[digits]:.2f}" for digits in range(2, 13, 2))
    print(f"{name:21} {size:7,} parameters   {chosen}")
claim("with attention, at least 85 % of the 12-digit numbers are right", exact["attention"][12] >= 0.85)
claim("with a fixed context, at the same budget, under a tenth", exact["fixed context"][12] < 0.1)
claim("with uniform weights under a tenth: it is choosing that helps", exact["uniform weights"][12] < 0.1)
claim("with a wider vector under a tenth, too", exact["fixed context, wider"][12] < 0.1)

# %% [markdown]
# ### What the comparison does not show
#
# - **Not "cannot".** At this budget. Trained more than five times as long, the wide one reached .44 at ten digits and .15 at twelve (chapter 04); the curve still falls.
# - **One seed here.** With seeds 10, 20 and 30 the same cells gave .96, .95 and .96 at twelve digits with attention, and .00 for every control.
# - **Number names are regular.** 33 English words and a few rules. A real language has many thousands, and the paper needed days on a GPU. What carries over is the shape of the curve.
#
# What the paper measured, English to French, BLEU on the sentences of news-test-2014, all of them and those without unknown words (its Table 1; hours and updates from its Table 2):
#
# | model | all | no unknown words | hours | updates |
# |---|---|---|---|---|
# | RNNencdec-50 (fixed context) | 17.82 | 26.71 | 108 | 6.0 · 10⁵ |
# | RNNsearch-50 (attention) | 26.75 | 34.16 | 111 | 2.9 · 10⁵ |
# | RNNsearch-50\* | 28.45 | 36.15 | 252 | 6.7 · 10⁵ |
# | Moses (phrase-based, with more monolingual text) | 33.30 | 35.63 | | |
#
# Mind the star: that model was trained for more than twice the hours. In hours the second row is the fair partner of the first; in updates, as in our run, the starred one is. Attention is ahead by either. Their sizes: encoder 1000 units in each direction, decoder 1000, score vector 1000, word vectors 620; recurrent
# matrices started as random orthogonal ones, $W_q$ and $W_k$ as normal numbers of standard deviation 0.001, the score vector at zero.
#
# ## What did it look at?
#
# Each target word has a row of weights over the source. A held-out number:


# %%
def look(number):
    """Source words, the words written, and the weights (Tq, Tk) behind each of them."""
    pair = next(pair for pair in corpus.test if pair.about == number)
    source, _ = corpus.tensors([pair])
    words, weights = model.greedy(source.to(device))
    return [*pair.source, "‹end›"], corpus.target.decode(words[0].tolist()), weights[0].cpu()


model = contestants["attention"]


def held_out(digits, longest):
    """A held-out number that ends in a ten and a unit, such as 63, and whose name has at most so many words."""
    for pair in corpus.test:
        if (
            len(str(pair.about)) == digits
            and pair.about % 100 > 20
            and pair.about % 10
            and len(pair.target) <= longest
        ):
            return pair.about


short = held_out(digits=4, longest=7)
source, target, weights = look(short)
plots.heatmap(weights[: len(target)], target, source).set(
    xlabel="English, read", ylabel="German, written"
);

# %% [markdown]
# *Read it row by row: which English word was looked at when this German word was written? Mostly a diagonal, since both languages go from large to small. At the end two rows cross: German says the unit before the ten. Words that carry no number
# of their own ("und") look here and there: nothing hangs on them.*
#
# Keys are states of a bidirectional GRU, so the state at "three" also knows its neighbours. A weight says which *state* was read, not that this *word* was the cause. With that in mind, measure both on all held-out numbers: for each target word, the mean position it looked at.


# %%
def looked_at(weights):
    return weights @ torch.arange(weights.size(1), dtype=weights.dtype)  # (Tq,): the mean source position


source, _ = corpus.tensors(corpus.test)
written, all_weights = model.greedy(source.to(device))
diagonal, crossing = [], []
for pair, row, weights in zip(corpus.test, written.tolist(), all_weights.cpu(), strict=True):
    words = corpus.target.decode(row)
    places = looked_at(weights[: len(words)])
    if len(str(pair.about)) == 12:
        diagonal.append(torch.corrcoef(torch.stack([places, torch.arange(len(places)).float()]))[0, 1].item())
    if pair.about % 100 > 20 and pair.about % 10 and tuple(words) == pair.target:
        unit, ten = places[-3], places[-1]  # drei und sechzig
        crossing.append((unit > ten).item())

# %%
diagonal, crossed = torch.tensor(diagonal), torch.tensor(crossing).float().mean()
print(f"12 digits: correlation of the word's place and the place it looked at {diagonal.mean():.3f},", end=" ")
print(f"lowest {diagonal.min():.3f}")
print(
    f"{len(crossing)} numbers written right end in unit, und, ten:",
    f"in {crossed:.0%} the unit looked further right than the ten",
)
claim("the diagonal is there: a mean correlation above 0.9", diagonal.mean() > 0.9)
claim(
    "and the crossing: in over 80 % of those written right, the unit looks to the right of the ten",
    crossed > 0.8,
)

# %% [markdown]
# Nobody told the network which words belong together. It was told whether its German was right, and nothing else.
#
# ### Look yourself
#
# Move over a German word, or click one and use the arrow keys. The shades over the English words are its weights.

# %%
from utils import widgets

source, target, weights = look(held_out(digits=9, longest=20))
figure = widgets.Alignment(source, target, weights[: len(target)])
figure

# %%
plots.encoder_decoder(*look(short)[:2], look(short)[2][: len(look(short)[1])]);

# %% [markdown]
# *The same, for the short number, without a running kernel: your network's version of this chapter's first picture.*
#
# ## Keys are made once
#
# In your class, $W_k h_j$ is computed anew for every target word, and never changes: the encoder's states stay what they are. The paper's appendix says so, and computes it in advance.
#
# ### Exercise 5.5 · Keys in advance  (3 minutes, 1 line)
# Compute, with the layer's own parameters, the part of the scores that is the same for every query.
#
# <details><summary>Hint</summary>Which part of the score does not know the query?</details>


# %% exercise="precompute_keys"
def precompute_keys(attention, key):
    """A BahdanauAttention's projected keys (B, Tk, d_hidden) from key (B, Tk, d_key): what no query changes."""
    # BEGIN SOLUTION
    return attention.W_k(key)
    # END SOLUTION


# %%
precompute_keys = check("precompute_keys", precompute_keys)

# %% [markdown]
# What does it save, at the paper's sizes? Count multiplications for one sentence of 50 words, translated into 50. Keys have 2 · 1000 numbers, the hidden layer 1000.

# %%
words, d_key, d_hidden = 50, 2000, 1000
at_every_step = words * (words * d_key * d_hidden)
once = words * d_key * d_hidden
print(f"multiplications to project the keys: {at_every_step:.1e} at every step, {once:.1e} if done once")
print(f"that is {at_every_step // once} times less")

# %%
states, queries = torch.randn(2, 6, 128), torch.randn(2, 4, 64)
attention = contestants["attention"].attention.cpu()
projected = precompute_keys(attention, states)
scores = additive_scores(attention.W_q(queries), projected, attention.score_vector)
weights = attention(queries, states, states)[1]
claim("the weights are the same", torch.allclose(scores.softmax(-1), weights, atol=1e-5))

# %% [markdown]
# ## What the sum costs
#
# `query[:, :, None] + key[:, None]` has a number for every query, key *and* hidden unit: (B, Tq, Tk, A). The paper trained with batches of 80 sentences of up to 50 words. The plain formula keeps one such tensor for the way back, and several are alive at its peak.

# %%
print(f"one such tensor in float32: {80 * 50 * 50 * 1000 * 4 / 1e6:,.0f} MB")

# %% [markdown]
# It need not be: each (i, j) needs its 1000 numbers only while its own score is summed up, and they can be computed again on the way back. `utils.attention.additive_attention` does that in one compiled loop: same formula, same gradients, without the
# tensor. (Its first use on a machine compiles for some ten seconds, and says so.)

# %%
import time

from utils import attention as core
from utils.attention import reference

query, key, value = torch.randn(3, 8, 50, 1000)  # 8 sentences: a tenth of the paper's batch
score_vector = torch.randn(1000) / 1000**0.5


def forward_and_back(function):
    """The context and all gradients, the seconds that took, and the bytes kept for the way back."""
    inputs = [x.clone().requires_grad_() for x in (query, key, value, score_vector)]
    kept = {}

    def keep(tensor):
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    start = time.perf_counter()
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        context = function(*inputs)
    gradients = torch.autograd.grad(context.square().sum(), inputs)
    return [context, *gradients], time.perf_counter() - start, sum(kept.values())


# %%
functions = {"fused": core.additive_attention, "plain": reference.additive_attention}
for function in functions.values():
    forward_and_back(function)  # once for whatever is compiled or loaded
runs = {name: [forward_and_back(function) for _ in range(3)] for name, function in functions.items()}
seconds = {name: sorted(time for _, time, _ in each)[1] for name, each in runs.items()}
memory = {name: each[0][2] / 1e6 for name, each in runs.items()}
for name in runs:
    print(f"{name}: {1000 * seconds[name]:6.0f} ms forward and back, {memory[name]:6.1f} MB kept in between")
backend = core.backend(core.additive_attention, query, key, value, score_vector)
print(f"fused on {backend}: {seconds['plain'] / seconds['fused']:.1f} times as fast, on one thread")

# %%
pairs = zip(runs["fused"][0][0], runs["plain"][0][0], strict=True)
same = all((x - y).abs().max() < 1e-3 * y.abs().max() for x, y in pairs)
claim("fused and plain give the same context and gradients", same)
claim("the fused one keeps less than a fifth of the memory", memory["fused"] < memory["plain"] / 5)

# %% [markdown]
# Chapter 09 shows how it is done, and does it on a GPU.
#
# ## Search with a beam
#
# `greedy` takes the likeliest word at each step, and never comes back. By hand: at first A has probability 0.6 and B 0.4; but after A everything is uncertain (0.4 at best), after B one word is sure. Greedy writes A and gets 0.6 · 0.4 = 0.24; B would have had 0.4.
#
# A **beam** keeps the `width` best beginnings. Their scores are sums of log-probabilities, none above zero: every further word can only lower a sum, so short sentences are favoured. Finished sentences are therefore compared *per word*.
#
# ### Exercise 5.6 · Beam search  (20 minutes, about 15 lines)
# `step(prefixes)` takes sequences (N, L), each beginning with `start`, and returns log-probabilities (N, V) of the next word. At each length continue every kept sequence by every word, and keep the `width` best by summed log-probability. Those that end with `end`
# are finished and set aside, the others go on, until none is left or `max_length` words are written. Of the finished and the cut-off ones return the best **per word** (the sum over the number of words written, `end` included): a list of ints, without the `start` in front and the `end` behind.
#
# <details><summary>Hint 1</summary>Keep pairs of (sum, list of words). With plain lists: for each kept sequence and each word a candidate; sort, and take the first <code>width</code>.</details>
# <details><summary>Hint 2</summary><code>torch.tensor([[start, *words] for _, words in kept])</code> makes the prefixes; all kept ones have the same length.</details>
# <details><summary>Hint 3</summary>With tensors: add the sums to the log-probabilities, (N, 1) + (N, V), flatten, <code>topk</code>. The place divided by V is the row, the rest the word.</details>


# %% exercise="beam_search"
def beam_search(step, start, end, width, max_length):
    """The best sequence that a beam of `width` finds: the words after start, without end, as a list of ints.

    step(prefixes): prefixes (N, L), each beginning with start, to log-probabilities (N, V) of the next word.
    Kept are the `width` best continuations by summed log-probability; those that end are set aside. Best is the
    highest log-probability per word, `end` included, of those that ended or were cut off at max_length.
    """
    # BEGIN SOLUTION
    kept, done = [(0.0, [])], []
    for _ in range(max_length):
        prefixes = torch.tensor([[start, *words] for _, words in kept])
        candidates = []
        for (total, words), row in zip(kept, step(prefixes).tolist(), strict=True):
            candidates += [(total + gain, [*words, word]) for word, gain in enumerate(row)]
        best = sorted(candidates, key=lambda candidate: candidate[0], reverse=True)[:width]
        done += [(total, words) for total, words in best if words[-1] == end]
        kept = [(total, words) for total, words in best if words[-1] != end]
        if not kept:
            break
    _, words = max(done + kept, key=lambda candidate: candidate[0] / len(candidate[1]))
    return [word for word in words if word != end]
    # END SOLUTION


# %%
beam_search = check("beam_search", beam_search)


# %%
def next_words(network, source):
    """The network's step function for one sentence: prefixes (N, L) to log-probabilities (N, V)."""

    @torch.no_grad()
    def step(prefixes):
        logits = network(source.expand(len(prefixes), -1), prefixes.to(device))  # (N, L, V)
        return logits[:, -1].log_softmax(-1).cpu()

    return step


def by_beam(network, pair, width):
    source, _ = corpus.tensors([pair])
    found = beam_search(next_words(network, source.to(device)), data.START, data.END, width, 30)
    return tuple(corpus.target.words[word] for word in found) == pair.target


# %% [markdown]
# **Predict.** Does a beam help the network with attention? The one with a fixed context, at four digits, where it is often wrong?

# %%
for name, digits in [("attention", 12), ("fixed context", 4)]:
    network = contestants[name].to(device)
    chosen = [pair for pair in corpus.test if len(str(pair.about)) == digits][:12]
    shares = {width: sum(by_beam(network, pair, width) for pair in chosen) / len(chosen) for width in (1, 4)}
    print(
        f"{name}, {digits} digits:",
        ", ".join(f"beam {width} {share:.0%} right" for width, share in shares.items()),
    )

# %% [markdown]
# *One or two of the twelve change. A beam finds sentences that the model thinks more likely. Where the model is sure it has nothing to add; where the model does not know the number, a likelier sentence is not a truer one.* Beams matter where many sentences
# are nearly as good, as in real translation; the paper used one.
#
# ## Other pairs
#
# Nothing above knows about German, or about numbers. Dates, as twenty languages write them, into the one form that computers agree on, character by character:

# %%
for pair in data.dates().test[:5]:
    print("".join(pair.source), "→", "".join(pair.target))

# %% [markdown]
# Put `data.dates()` in place of the corpus above, or `data.number_names("fr")`, and train again. (Not run here, to keep the chapter short. When we did, with 300 steps, all of the 400 held-out dates came out right with attention,
# and 28 % with a fixed context.)
#
# ## In short
#
# - The decoder's previous state asks, the encoder's states are keys and values, and the context is new at every step.
# - The additive score needs its tanh: without it the query would fall out of the softmax.
# - At equal budget the length curve becomes flat; a fixed context falls off a cliff; a wider one and uniform weights do so a little later.
# - Alignments are learned from the loss alone; they cross where the languages do.
# - Project the keys once; and do without the (B, Tq, Tk, A) tensor.
#
# ## Before you go on
#
# <details><summary>In this decoder: what is the query, what are the keys, what are the values?</summary>The query is the decoder's previous state, s_{i-1}, through W_q. The keys are the encoder's states through W_k. The values are the encoder's states as they are.</details>
# <details><summary>Why do the lines of "sixty three" and "drei und sechzig" cross?</summary>German says the unit before the ten. To write "drei" the decoder needs the state at "three", the later word; to write "sechzig" the earlier one. Each step asks anew, so nothing forces it to go from left to right.</details>
# <details><summary>What does the uniform control show?</summary>The mean of all states helps a little, as a wider summary does: the cliff comes about a digit later. So the wider context and the extra parameters are not what makes the curve flat; choosing is.</details>
# <details><summary>What does the comparison not show?</summary>That a fixed vector cannot do it (budget, width and time move the cliff), that it holds for real language, or that a weight on a word means that this word was the cause: the states know their neighbours.</details>
# <details><summary>Which row of the paper's table is the fair partner of RNNencdec-50?</summary>By hours RNNsearch-50. By updates the starred one, which had more than twice the hours. Say which you mean.</details>
#
# ## To read on
#
# - Bahdanau, Cho and Bengio 2015, [Neural machine translation by jointly learning to align and translate](https://arxiv.org/abs/1409.0473): sections 3 and 5, appendix A; figures 2 and 3.
# - Luong, Pham and Manning 2015, [Effective approaches to attention-based neural machine translation](https://arxiv.org/abs/1508.04025): other scores, and the new state asks.
# - Jain and Wallace 2019, [Attention is not explanation](https://arxiv.org/abs/1902.10186), and Wiegreffe and Pinter 2019, [Attention is not not explanation](https://arxiv.org/abs/1908.04626): what weights tell.
# - Wu et al. 2016, [Google's neural machine translation system](https://arxiv.org/abs/1609.08144): beams, and how to compare lengths.
