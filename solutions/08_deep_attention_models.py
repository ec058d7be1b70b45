# %% [markdown] slide="slide"
# # 08 · Deep attention models
#
# **140 minutes**, and 6 for what is called Further. You need [chapter 06](06_queries_keys_and_values.ipynb) (multi-head attention, the causal mask, rotary positions) and from [chapter 07](07_layer_thirteen.ipynb) what a residual connection is for.
#
# After this chapter you can
# - build a transformer from parts that you know, line by line,
# - train it on text that your machine has already, and say in bits per byte how good it is,
# - let it write, and turn the temperature,
# - find out how much a model can look up in its own input, and read off the weights how it does so,
# - put a part of a model out of action, and so tell whether its answers rest on that part.

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
import math
import textwrap

from torch import nn
from torch.nn import functional as F

from utils import models, training
from utils.predictions import predict
from utils.training import presets

torch.set_num_threads(1)  # for models as small as these, more threads only get in each other's way
plots.residual_stream(layers=2);

# %% [markdown] slide="fragment"
# *A whole transformer. Each token becomes a vector, and the vectors run along the blue line, the **residual stream**. Branches read from it through a norm, and add what they found. Attention is the only place where tokens hear of each other; the **MLP** in each block sees one token at a time. (It stands for multi-layer perceptron; papers also say feed-forward network.) What comes out at the end are **logits**: a score for each token that could come next, of which a softmax makes probabilities.*

# %% [markdown]
# ## Chapter 06 in short
#
# A sequence looks itself up: query, key and value all come from x. You have written all of this. `F.scaled_dot_product_attention` is PyTorch's fast version of your lookup (chapter 09 opens it), and since that does not keep the weights, a method computes them when you want to look.
#
# A few figures in this chapter are told and not run, because they would take too long. `python -m utils.told --list 08` lists them, each with its command.


# %%
def rotary(x, positions):
    """x (..., T, Dk), each row turned by angles that grow with its position (T,)."""
    width = x.size(-1)
    rates = 10_000.0 ** (
        -torch.arange(0, width, 2, device=x.device, dtype=torch.float64) / width
    )  # (Dk / 2,)
    angles = positions[:, None] * rates  # (T, Dk / 2)
    cosine, sine = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    first, second = x.chunk(2, -1)
    return torch.cat([first * cosine - second * sine, first * sine + second * cosine], -1)


# %%
class SelfAttention(nn.Module):
    """Multi-head attention of x (B, T, d_model) to itself; turned by positions (T,) if they are given."""

    def __init__(self, d_model, heads):
        super().__init__()
        self.heads = heads
        self.W_q, self.W_k, self.W_v, self.W_o = (nn.Linear(d_model, d_model, bias=False) for _ in range(4))

    def project(self, x, positions):
        maps = (self.W_q, self.W_k, self.W_v)
        query, key, value = (W(x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for W in maps)
        if positions is not None:
            query, key = rotary(query, positions), rotary(key, positions)
        return query, key, value  # (B, heads, T, Dk) each

    def forward(self, x, positions=None, causal=False):
        context = F.scaled_dot_product_attention(*self.project(x, positions), is_causal=causal)
        return self.W_o(context.transpose(1, 2).flatten(2))  # (B, T, d_model)


# %%
def weights(self, x, positions=None, causal=False):
    """The weights (B, heads, T, T) behind it: a method, too."""
    query, key, _ = self.project(x, positions)
    scores = query @ key.mT / math.sqrt(query.size(-1))
    later = torch.ones(scores.shape[-2:], dtype=torch.bool, device=x.device).triu(1)
    return (scores.masked_fill(later, -torch.inf) if causal else scores).softmax(-1)


SelfAttention.weights = weights

# %%
fast, known = SelfAttention(d_model=12, heads=3), models.MultiHeadAttention(d_model=12, heads=3)
known.load_state_dict(fast.state_dict())  # the same maps
x, mask = torch.randn(2, 7, 12), torch.ones(7, 7, dtype=torch.bool).tril()
context, weights = known(x, x, x, mask)
claim("it is chapter 06's attention of x to itself", torch.allclose(fast(x, causal=True), context, atol=1e-6))
claim("the weights are the same", torch.allclose(fast.weights(x, causal=True), weights, atol=1e-6))
positions = torch.arange(7)
claim("and so are the turns", torch.allclose(rotary(x, positions), models.rotary(x, positions), atol=1e-6))

# %% [markdown] slide="slide"
# ## A block
#
# Line by line, on a sequence of two tokens. First the **norm**: each vector is divided by the root of its mean square, so that whatever is in the stream, a branch reads numbers of size one. (2, 2) becomes (1, 1); (3, −3) becomes (1, −1). (Each column is then multiplied by a learned weight, which starts at 1.)

# %% slide="fragment"
x = torch.tensor([[[2.0, 2.0], [3.0, -3.0]]])  # (B = 1, T = 2, d_model = 2)
norm = nn.RMSNorm(2)
norm(x).detach()

# %% [markdown]
# Next, attention reads the normed x, and what it found is *added* to the x that was there: chapter 07's residual connection. So x is not replaced: what was in it stays for all later layers, unless a branch takes it away or buries it, and on the way back the gradient has a road without a single matrix on it. (Chapter 04 showed what a road full of matrices does.)

# %%
attention = SelfAttention(d_model=2, heads=1)
x = x + attention(norm(x), causal=True)
x.shape

# %% [markdown]
# Then the MLP: up to a wider layer, ReLU (what is below zero becomes zero), down again. The same small network at every position, and no position sees another.

# %%
up, down = nn.Linear(2, 8), nn.Linear(8, 2)
x = x + down(F.relu(up(norm(x))))
alone = x[:, 1:] + down(F.relu(up(norm(x[:, 1:]))))
together = x + down(F.relu(up(norm(x))))
claim("the MLP gives a token the same, in company or alone", torch.allclose(alone, together[:, 1:]))

# %% [markdown]
# How should it start? `W_o` and `down` write into the stream. Start both at zero, and a new block adds nothing: it is the identity, and so are a hundred of them in a row. Before training, then, depth does no harm, and that is easy to check, which is why the exercises start so. But it is one start among several, and it can have a price: in their short time not all recall models learn from it. A `head` at zero costs more. "How to start", further down, has the figures.

# %% [markdown] slide="slide"
# ### Exercise 8.1 · A block  (12 minutes, about 10 lines)
# Two norms, one for each branch, *before* attention and MLP (pre-norm). Attention is the `SelfAttention` of the cell above (not one of `models`). `causal` is True unless somebody says otherwise; `positions` go to the attention.
#
# <details><summary>Hint 1</summary>In <code>__init__</code>: <code>nn.RMSNorm(d_model)</code> twice, <code>SelfAttention(d_model, heads)</code>, and two <code>nn.Linear</code>: from d_model to d_hidden and back.</details>
# <details><summary>Hint 2</summary><code>nn.init.zeros_(self.down.weight)</code> sets a parameter to zero. Three need it: a bias is written into the stream as well.</details>
# <details><summary>Hint 3</summary><code>forward</code> is the two sums above, with <code>self.norm_1</code> in the first and <code>self.norm_2</code> in the second.</details>


# %% exercise="TransformerBlock"
class TransformerBlock(nn.Module):
    """x = x + attention(norm_1(x)), then x = x + down(relu(up(norm_2(x)))).

    Parts: norm_1, norm_2 (nn.RMSNorm), attention (SelfAttention), up and down (nn.Linear with bias).
    attention.W_o and down start at zero, weight and bias, so a new block gives back its input.
    """

    def __init__(self, d_model, heads, d_hidden):
        super().__init__()
        # BEGIN SOLUTION
        self.norm_1, self.norm_2 = nn.RMSNorm(d_model), nn.RMSNorm(d_model)
        self.attention = SelfAttention(d_model, heads)
        self.up, self.down = nn.Linear(d_model, d_hidden), nn.Linear(d_hidden, d_model)
        for parameter in (self.attention.W_o.weight, self.down.weight, self.down.bias):
            nn.init.zeros_(parameter)
        # END SOLUTION

    def forward(self, x, positions=None, causal=True):
        """x (B, T, d_model) after the block; positions (T,) and causal as SelfAttention takes them."""
        # BEGIN SOLUTION
        x = x + self.attention(self.norm_1(x), positions, causal)
        return x + self.down(F.relu(self.up(self.norm_2(x))))
        # END SOLUTION


# %%
TransformerBlock = check("TransformerBlock", TransformerBlock)

# %% [markdown] tags=["solution"]
# The first transformer had its norms after the sums (post-norm). Then every block norms the stream itself, there is no free road any more, and training needs a careful warm-up, in which the rate grows slowly from almost nothing (Xiong et al. 2020).

# %%
x = torch.randn(1, 5, 16, requires_grad=True)
deep = nn.Sequential(*[TransformerBlock(16, heads=2, d_hidden=64) for _ in range(100)])
y = deep(x)
(gradient,) = torch.autograd.grad(y.sum(), x)
claim("a hundred new blocks give back their input", torch.equal(y, x))
claim("and pass the gradient back as it came", torch.equal(gradient, torch.ones_like(x)))

# %% [markdown] slide="slide"
# ## A language model
#
# A language model is asked one thing at every position: **what comes next?** Blocks in a row, and something at either end:
#
# - an **embedding** that has a vector for each token. Our tokens are bytes, 256 of them: any text will do, and there is nothing to prepare.
# - **positions** 0, 1, 2, … for the rotary turns in every block.
# - a last **norm** and a **head** that turns each vector into 256 logits. It starts at zero: a new model has no opinion.
#
# It must not look ahead, or it would read the answer. The blocks are causal already.
#
# ### Exercise 8.2 · A language model  (12 minutes, about 14 lines)
# `context` is the longest sequence that the model takes. More than that is a ValueError whose message names both numbers.
#
# <details><summary>Hint 1</summary>A plain list hides its modules from PyTorch: <code>nn.ModuleList(… for _ in range(layers))</code>.</details>
# <details><summary>Hint 2</summary><code>torch.arange(tokens.size(1), device=tokens.device)</code> makes the positions; every block gets the same.</details>
# <details><summary>Hint 3</summary>At the end: <code>self.head(self.norm(x))</code>. No softmax: the loss has one.</details>


# %% exercise="LanguageModel"
class LanguageModel(nn.Module):
    """Logits of the token after each token.

    Parts: embedding (nn.Embedding), blocks (nn.ModuleList of TransformerBlock, d_hidden = 4 d_model), norm
    (nn.RMSNorm), head (nn.Linear without bias, at zero to begin with).
    """

    def __init__(self, vocabulary, d_model, heads, layers, context):
        super().__init__()
        # BEGIN SOLUTION
        self.context = context
        self.embedding = nn.Embedding(vocabulary, d_model)
        self.blocks = nn.ModuleList(TransformerBlock(d_model, heads, 4 * d_model) for _ in range(layers))
        self.norm = nn.RMSNorm(d_model)
        self.head = nn.Linear(d_model, vocabulary, bias=False)
        nn.init.zeros_(self.head.weight)
        # END SOLUTION

    def forward(self, tokens):
        """Logits (B, T, vocabulary) for tokens (B, T). Raises ValueError if T is above the context."""
        # BEGIN SOLUTION
        length = tokens.size(1)
        if length > self.context:
            raise ValueError(f"{length} tokens do not fit into a context of {self.context}")
        positions = torch.arange(length, device=tokens.device)
        x = self.embedding(tokens)  # (B, T, d_model)
        for block in self.blocks:
            x = block(x, positions)
        return self.head(self.norm(x))  # (B, T, vocabulary)
        # END SOLUTION


# %%
LanguageModel = check("LanguageModel", LanguageModel)

# %% [markdown]
# ## The loss
#
# The logits at t are an answer to "what is token t + 1?". So the logits of all positions but the last are compared with all tokens but the first, and the loss is the mean surprise, $-\log p(\text{next token})$.
#
# (Its unit is the **nat**, since the logarithm is the natural one. Divided by log 2 it is in **bits**: how many yes-or-no answers the next token is worth, and so the space that a good code would need for it.)
#
# By hand, with two tokens in the vocabulary and the sequence 0, 1, 1. At the first position the logits are (0, 0): both tokens have probability ½, the surprise is log 2. At the second they are (log 3, 0): token 1 has probability ¼, log 4. The third position is not asked. The mean is (log 2 + log 4) / 2 = 1.04.
#
# ### Exercise 8.3 · The loss of the next token  (8 minutes, about 2 lines)
# Targets equal to `ignore` (padding, say) have no part in it, neither in the sum nor in the count.
#
# <details><summary>Hint 1</summary><code>logits[:, :-1]</code> and <code>tokens[:, 1:]</code>.</details>
# <details><summary>Hint 2</summary><code>F.cross_entropy</code> takes (N, V) and (N,): <code>flatten(0, 1)</code> and <code>flatten()</code>. It has an argument <code>ignore_index</code>.</details>


# %% exercise="next_token_loss"
def next_token_loss(logits, tokens, ignore=-1):
    """Mean cross-entropy, in nats, of logits (B, T, V) at t for the token at t + 1 of tokens (B, T).

    In nats: with the natural logarithm. The mean is over all targets in the batch that are not `ignore`.
    """
    # BEGIN SOLUTION
    predictions, targets = logits[:, :-1], tokens[:, 1:]  # (B, T - 1, V), (B, T - 1)
    return F.cross_entropy(predictions.flatten(0, 1), targets.flatten(), ignore_index=ignore)
    # END SOLUTION


# %%
next_token_loss = check("next_token_loss", next_token_loss)

# %% [markdown] slide="slide"
# What does a model say that has never been trained?

# %% slide="fragment"
predict("Bytes as tokens, no training at all, a head at zero: how many bits per byte is the loss?", 0, 1, 8)

# %% slide="fragment"
untrained = LanguageModel(vocabulary=256, d_model=64, heads=4, layers=2, context=64)
tokens = torch.randint(256, (8, 64))
bits = next_token_loss(untrained(tokens), tokens) / math.log(2)  # from nats to bits
print(f"{bits:.6f} bits per byte")
claim("an untrained model needs log2(256) = 8 bits per byte", abs(bits - 8) < 1e-5)

# %% slide="fragment"
predict.answer(
    8,
    "because 256 equal logits give each byte a probability of 1/256, and one of 256 is told by eight bits.",
)

# %% [markdown]
# No compression at all. The head alone sees to that: at zero, it gives all 256 bytes the same logit, whatever the blocks do. From here it can only get better, and the first thing to look at in any training is whether it starts where it should.
#
# ## Text that every machine has
#
# Python's standard library is there already: some eleven million bytes of source. One file in twenty is held out.

# %%
text = data.source_code()
print(f"{len(text.train):,} bytes to learn from, {len(text.held_out):,} held out. Some of these:\n")
print(bytes(text.held_out[5000:5300].tolist()).decode(errors="replace"))

# %% [markdown]
# How good is good? Two yardsticks on the same held-out bytes. The **unigram entropy**: what a model needs if it knows only byte frequencies. And **xz**, a good compressor, at its highest setting (`-9e`). A language model of so many bits per byte could be used to compress the text to that size, with a code in which likely bytes are short.

# %%
import lzma

shares = torch.bincount(text.held_out.long()) / len(text.held_out)
unigram = -(shares * shares.log2()).nansum().item()
compressed = lzma.compress(bytes(text.held_out.tolist()), preset=9 | lzma.PRESET_EXTREME)
xz = 8 * len(compressed) / len(text.held_out)
print(f"no compression 8, unigram entropy {unigram:.2f}, xz -9e {xz:.2f} bits per byte")

# %% [markdown]
# ### How large a model?
#
# That depends on your machine. Three presets, as plain data in `utils/training/presets.py`:

# %%
for name, preset in presets.PRESETS.items():
    with torch.device("meta"):  # shapes without numbers
        count = sum(parameter.numel() for parameter in preset.build(LanguageModel).parameters())
    size = f"width {preset.width}, {preset.heads} heads, {preset.layers} layers, context {preset.context}"
    print(f"{name:10} {count / 1e6:5.1f} M parameters: {size}")
    print(f"{'':10} {preset.steps} steps of {preset.batch}, {preset.precision}")

# %% [markdown]
# The two for a GPU compute in bfloat16 (numbers of 16 bits, as wide in range as those of 32, with fewer digits) and are compiled at the first step, which takes a minute or so. They have been tried for a few steps, on a processor: **what they reach on a GPU, and in what time, has not been measured yet.** Choose one by its name. `path="large.pt"` as a further argument of `train`
# keeps the training in a file, and after an interruption the same cell goes on from there. From a terminal, in the project's folder: `python -m utils.training.presets large-gpu --checkpoint large.pt`.
#
# All of them train with chapter 04's three habits: the rate warms up, it decays, and the gradient is clipped.
#
# The small one sees 0.9 million bytes of training text, once. (About 15 seconds on a CPU.)

# %% slide="slide"
predict(
    "Where will the small model's bits per byte on held-out files lie?",
    "above the unigram entropy", "below xz", "between unigram entropy and xz",
)

# %%
device = training.device()
name = "cpu" if device.type == "cpu" else "laptop-gpu"
preset = presets.PRESETS[name]


def text_loss(model, tokens):
    return next_token_loss(model(tokens), tokens)


torch.manual_seed(0)
model = preset.build(LanguageModel).to(device)
losses = preset.train(model, text.train, text_loss)

# %% slide="subslide"
bits = presets.bits_per_byte(model, text.held_out, preset.context, text_loss)
smooth = (losses / math.log(2)).unfold(0, 20, 10).mean(-1)  # the mean of 20 steps, every 10
steps = [20 + 10 * i for i in range(len(smooth))]
lines = {"the model, in training": smooth.tolist()}
levels = {"unigram entropy": unigram, "xz -9e": xz, "the model, on held-out text": bits}
plots.curves(steps, lines, "step", "bits per byte", levels=levels);

# %% [markdown] slide="fragment"
# *The loss falls below the unigram entropy within some fifty steps; what is below that line, frequencies alone cannot do. What follows is spelling, words, the beginnings of syntax. The lowest level is xz; the one between is the model on the held-out text, at the end.*

# %%
print(f"{name}: {bits:.2f} bits per byte on files it has not seen; unigram {unigram:.2f}, xz {xz:.2f}")
claim("below 3.4 bits per byte, and far below the unigram entropy", bits < min(3.4, unigram - 1))
if name == "cpu":
    claim("and xz is still far ahead of it", xz < bits - 0.5)

# %% slide="fragment"
predict.answer(
    "between unigram entropy and xz",
    "at this size and in this time.",
)

# %%
from utils.training import kept

kept.keep(model, name)  # in your cache folder: chapter 10 writes with it

# %% [markdown]
# The curve ends below the held-out level. Has the model learned its training text by heart, then? It had little chance: of some eleven million bytes it has read 0.9. The rival explanation is that the held-out *files* are harder than the others. The two can be told apart: ask about other stretches of the training files, of which it has read hardly more than one in twelve.

# %%
(elsewhere,) = next(data.windows(text.train, preset.context, 2000, seed=1))
on_training_files = presets.bits_per_byte(model, elsewhere.flatten(), preset.context, text_loss)
print(f"at the end of the curve {smooth[-1]:.2f}, elsewhere in the training files {on_training_files:.2f},")
print(f"in the held-out files {bits:.2f} bits per byte")
if name == "cpu":
    claim(
        "most of the gap is there for stretches that it has not read, too",
        bits - on_training_files > (bits - smooth[-1]) / 2,
    )

# %% [markdown]
# So it is mostly the files that differ: on other stretches of the training files the model is nearly as good as the curve. (A part may be that it has read elsewhere in the same files; this control cannot tell. The curve itself is the loss on text that it had not read yet: each batch is asked before it is learned from.) A gap between training and held-out text is a sign of learning by heart only if nothing else differs between the two.
#
# (With seeds 10, 20 and 30 it was 2.77, 2.73 and 2.67 on the held-out files.)

# %% [markdown]
# Fifteen seconds on a processor do not beat a compressor. xz finds whole repeated lines, however long ago they stood, and this model sees 64 bytes. Part of the gap is that (with only 4 KiB to look back in, still 64 times as much, xz needs 2.03), part of it the short training (with twice the steps the model needed 2.4 bits). We have not told the two apart any further.
# (xz has seen no training text. When it had read that first, it needed 1.31 bits.) What a larger model makes of the same text is for your GPU to find out.

# %% [markdown] slide="slide"
# ## Let it write
#
# The model gives probabilities. To write, draw a token, append it, ask again.
#
# **Why is training parallel, and writing not?** In training the text is there already. So every position can be given the right tokens before it (*teacher forcing*), the causal mask hides from it the one that it is to predict, and a single pass asks all the questions of a stretch at once. In writing, the token after next depends on the next one, and that does not exist until it has been drawn. So, done like this, each byte takes a pass of its own, and more processors do not change that.

# %%
stretch = text.held_out[None, 5000:5064].long().to(device)  # (1, 64)
with torch.no_grad():
    at_once = model(stretch)  # (1, 64, 256)
    one_by_one = torch.cat([model(stretch[:, :t])[:, -1:] for t in range(1, 65)], 1)
claim("one pass asks what 64 passes ask", torch.allclose(at_once, one_by_one, atol=1e-3))

# %% [markdown]
# Two knobs are in use: the **temperature** of chapter 02 divides the logits, and **top-k** leaves only the k likeliest tokens, so that the many unlikely ones, each with a small chance, do not add up to nonsense.
#
# ### Exercise 8.4 · Draw a token  (10 minutes, about 5 lines)
# One token for each row, and all randomness from the `generator`, so that the same seed writes the same text.
#
# <details><summary>Hint 1</summary><code>logits.topk(top_k).values[:, -1:]</code> is the smallest logit of each row that is kept.</details>
# <details><summary>Hint 2</summary>What is below goes to minus infinity, with <code>masked_fill</code>, which makes a new tensor.</details>
# <details><summary>Hint 3</summary><code>torch.multinomial(probabilities, 1, generator=generator)</code> is (B, 1).</details>


# %% exercise="sample"
def sample(logits, temperature=1.0, top_k=None, generator=None):
    """A token (B,) for each row of logits (B, V), drawn with probability softmax(logits / temperature).

    With top_k, only among the top_k likeliest of its row. All randomness comes from the generator.
    """
    # BEGIN SOLUTION
    if top_k is not None:
        smallest = logits.topk(top_k).values[:, -1:]  # (B, 1): the last that is kept
        logits = logits.masked_fill(logits < smallest, -torch.inf)
    probabilities = (logits / temperature).softmax(-1)
    return torch.multinomial(probabilities, 1, generator=generator)[:, 0]
    # END SOLUTION


# %%
sample = check("sample", sample)

# %% [markdown] tags=["solution"]
# Top-k comes before the softmax, so that what is left shares all of the probability. Whether the temperature divides before or after it makes no difference: the order of the logits stays.


# %%
@torch.no_grad()
def write(model, beginning, length, temperature, top_k=40, seed=0):
    """The beginning and so many bytes more."""
    tokens = torch.tensor([list(beginning.encode())], device=device)  # (1, T)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(length):
        logits = model(tokens[:, -preset.context :])[:, -1].cpu()  # (1, 256)
        tokens = torch.cat([tokens, sample(logits, temperature, top_k, generator).to(device)[:, None]], 1)
    return bytes(tokens[0].tolist()).decode(errors="replace")


# %% [markdown] slide="slide"
# The same beginning at temperature 0.6 and at temperature 1. Look for real words, and for variety.

# %% slide="fragment"
for temperature in (0.6, 1.0):
    print(f"--- temperature {temperature}")
    for line in write(model, "class Reader:\n    def __init__(self", 260, temperature).splitlines():
        print(textwrap.fill(line, 110))

# %% [markdown]
# *Cool, it repeats the safest: short words, `self`, spaces. Warm, it invents. (In six texts of each, 53 % of the words of three letters or more occur in the training text at 0.6, and 25 % at 1.) After fifteen seconds it has the look of Python, not the sense.* (It computes the whole context anew for each byte. Chapter 10 does without.)
#
# ## What its heads look at
#
# Every head of every layer has its own weights. Point at a byte, or click one and use the arrow keys: the shades say where each head looks from there. (␣ is a space, ⏎ a new line.)

# %%
from utils import widgets

excerpt = text.held_out[5000:5036].long()
letters = [{" ": "␣", "\n": "⏎"}.get(letter, letter) for letter in map(chr, excerpt.tolist())]
heads = {
    f"layer {layer}, head {head}": weights
    for layer, each in enumerate(models.attention_weights(model, excerpt[None].to(device)), 1)
    for head, weights in enumerate(each[0].cpu(), 1)
}
figure = widgets.HeadViews(letters, heads)
figure

# %% [markdown]
# Some heads keep close to the byte they stand at, some look for the last space, others far back. Measure the closeness on more text: for every head, the mean weight on the byte just before; and the same for a model that was not trained.


# %%
def previous_byte(model):
    """The mean weight that each head (layers · heads,) gives to the byte before, on held-out text."""
    stretches = text.held_out[: 200 * 64].view(200, 64).long().to(next(model.parameters()).device)
    layers = torch.stack(models.attention_weights(model, stretches))  # (layers, B, heads, T, T)
    return layers.diagonal(-1, -2, -1)[..., 20:].mean((1, -1)).flatten().cpu()  # from place 20 on


trained, control = previous_byte(model), previous_byte(untrained)
print("trained:  ", [f"{weight:.2f}" for weight in trained.tolist()])
print("untrained:", [f"{weight:.2f}" for weight in control.tolist()])
claim("some head gives over a quarter of its weight to the byte before", trained.max() > 0.25)
claim("no head of an untrained model gives a tenth", control.max() < 0.1)

# %% slide="slide"
chosen = [list(heads)[head] for head in (trained.argmax(), trained.argmin())]
plots.attention_maps({title: heads[title] for title in chosen}, letters);

# %% [markdown] slide="fragment"
# *The two heads that give the most (left) and the least (right) weight to the byte before, on the excerpt, without a running kernel. A row is the byte that looks. Everything above the diagonal is the future, and empty. Left, the strongest cells keep close to the diagonal; right, they reach further back, or spread out.*
#
# Nobody built heads of this or that kind; training made them. What a head of one layer is good for to a head of the next, a smaller task shows better.

# %% [markdown] slide="slide"
# ## Recall: a dictionary in the input
#
# A sequence of pairs, key and value, key and value. Then the keys again, in another order: what was the value of each? The pairing is new in every sequence, so nothing can be learned by heart: the dictionary is in the *input*. This is **associative recall**.


# %% slide="fragment"
def named(tokens):
    """Keys are the tokens 0 to 31, values 32 to 63."""
    return [f"k{token}" if token < 32 else f"v{token - 32}" for token in tokens.tolist()]


tokens, answers = data.associative_recall(1, torch.Generator().manual_seed(2), pairs=3)
print("three pairs, then the questions:", *named(tokens[0]))
print("the answers:                    ", *named(answers[0]))

# %% [markdown]
# Your `LanguageModel` can be used as it is: 64 tokens, one head, eight pairs. At each question it has to name the value. Four models, the same number of steps, the same batches:
#
# | model | why it is here |
# |---|---|
# | two layers | your model |
# | one layer | the control: is one lookup enough? |
# | GRU, LSTM | chapter 04's kind, as wide, and started to remember, as there, with an open gate |
#
# One thing differs from the text model: `head` and `W_o` start at random here, as PyTorch starts a linear map. (About 13 seconds.)

# %%
class Recurrent(nn.Module):
    """A recurrent network (nn.GRU or nn.LSTM) as a language model of 64 tokens, started to remember."""

    def __init__(self, kind, width=64):
        super().__init__()
        self.embedding, self.head = nn.Embedding(64, width), nn.Linear(width, 64)
        self.recurrent = kind(width, width, batch_first=True)
        with torch.no_grad():  # open the gate that keeps the state: both have it in second place
            self.recurrent.bias_hh_l0[width : 2 * width] += 3

    def forward(self, tokens):
        return self.head(self.recurrent(self.embedding(tokens))[0])


def attentive(layers):
    model = LanguageModel(vocabulary=64, d_model=64, heads=1, layers=layers, context=24)
    for zero in [model.head, *(block.attention.W_o for block in model.blocks)]:
        zero.reset_parameters()
    return model


# %%
def answered(model, tokens, answers):
    """The logits (B, 8, 64) at the questions, and the share of them that is right."""
    logits = model(tokens)[:, -answers.size(1) :]
    return logits, (logits.argmax(-1) == answers).float().mean().item()


# %%
def sequences(seed):
    generator = torch.Generator().manual_seed(seed)
    while True:
        yield data.associative_recall(64, generator)


def learn_recall(name, model, rate, seed=0, steps=350):
    """Train the model, and return the share of right answers at each step."""
    shares = []

    def loss(model, tokens, answers):
        logits, right = answered(model, tokens, answers)
        shares.append(right)
        return F.cross_entropy(logits.flatten(0, 1), answers.flatten())

    training.train(model, sequences(seed), loss, steps, rate=rate, warm_up=50, decay=True, clip=1.0, label=name)
    return shares


# %% slide="slide"
predict(
    "Which of the four will answer more than half of the questions right?",
    "all four", "both attention models", "GRU and LSTM", "two layers of attention only",
)

# %%
torch.manual_seed(0)
contestants = {"two layers": attentive(2), "one layer": attentive(1)}
contestants |= {"GRU": Recurrent(nn.GRU), "LSTM": Recurrent(nn.LSTM)}
rates = {"two layers": 5e-3, "one layer": 5e-3, "GRU": 1e-2, "LSTM": 1e-2}
recall = {name: learn_recall(name, model, rates[name]) for name, model in contestants.items()}

# %% slide="subslide"
tokens, answers = data.associative_recall(500, torch.Generator().manual_seed(1))  # new ones
most_frequent = tokens[:, 1:16:2].mode(-1).values  # (500,): a value of each sequence
known = {"the most frequent value": (answers == most_frequent[:, None]).float().mean().item()}
smooth = {name: torch.tensor(shares).unfold(0, 10, 5).mean(-1).tolist() for name, shares in recall.items()}
steps = [10 + 5 * i for i in range(len(smooth["GRU"]))]
plots.curves(steps, smooth, "step", "answered right", levels=known);

# %% [markdown] slide="fragment"
# *For over a hundred steps two layers do no better than one, and then, within some fifty, they can do it. The other three end near the dashed line: what one gets right who always names the most frequent value of the sequence.*

# %%
with torch.no_grad():
    right = {name: answered(model, tokens, answers)[1] for name, model in contestants.items()}
print({name: round(share, 3) for name, share in right.items()})
claim("two layers of attention answer at least 95 % right", right["two layers"] >= 0.95)
claim("one layer at most 35 %", right["one layer"] <= 0.35)
claim("GRU and LSTM at most 35 %, at this size and budget", max(right["GRU"], right["LSTM"]) <= 0.35)

# %% slide="fragment"
predict.answer(
    "two layers of attention only",
    "and it comes suddenly: for a hundred steps the answers show no sign, though the loss falls. What the "
    "second layer adds is the matter of the next cells.",
)

# %% [markdown]
# (One seed; with seeds 1 and 2 two layers had 1.00, the other three kinds .19 to .21. As PyTorch starts them, without the open gate, the GRU had .19 to .20 and the LSTM .03 to .10.)
#
# Note "at this size and budget"; learning rates were picked from a few per model. At the recurrent networks' rate two layers had .20 too, and with a rate of 2e-3 they had .47 to .88 after 300 steps, over six seeds. Nor have we shown that a recurrent network *can* do it: a GRU did not with four times the width and twelve times the steps (.21).
# Nor is it the size of the state that stops these: with two pairs, which would fit easily, they do no better than the most frequent value either. The paper [Zoology](https://arxiv.org/abs/2312.04927) compares many
# kinds on this task. One layer stayed at .2 whatever we tried: four times the steps, more heads, twice the width.

# %% [markdown]
# ### How to start
#
# The recall model had `head` and `W_o` at random. What if they start at zero, as in exercises 8.1 and 8.2? Seeds 0, 1 and 2, and nothing else differs:
#
# | at zero to begin with | text, held-out bits | recall |
# |---|---|---|
# | `head`, `W_o` and `down` | 2.69, 2.73, 2.87 | .14, .12, .11 |
# | `head` | 2.63, 2.66, 2.66 | .14, .14, .14 |
# | `W_o` and `down` | 2.57, 2.61, 2.62 | .25, 1.00, .66 |
# | `down` (as here) | 2.57, 2.57, 2.59 | 1.00, 1.00, 1.00 |
# | nothing | 2.55, 2.54, 2.57 | 1.00, 1.00, 1.00 |
#
# A head at zero makes the first loss exactly log 256, which is handy for finding mistakes. Here it costs a tenth of a bit on text, and recall within the steps that it has. It is late, not lost: with a rate of 2e-3 and 1,200 steps, and the head alone at zero, one of three seeds had it. With all at zero two layers had .14 after 1,200 steps. (The picture model at the end of this chapter starts its blocks at zero, and does not mind.)

# %% [markdown]
# ### Which parts does it need?
#
# Two layers do it and one does not; but a second layer is an attention *and* an MLP. On which of its parts do the answers rest? Put one out of action, leave everything else as it was learned, and ask again: that is an **ablation**. If the answers stay right, they do not rest on that part.
#
# An attention can be put out of action in two ways. It may add nothing. Or it may still add, but look at everything alike, which is `'weights'` here: all that is lost then is the *choice* of where to look.
#
# By hand, for a position that sees three others and itself: with four equal scores, softmax gives (¼, ¼, ¼, ¼), and what is added is `W_o` times the mean of the four values. Softmax gives that whenever all scores are alike.

# %% [markdown]
# ### Exercise 8.5 · Put a part out of action  (12 minutes, about 10 lines)
# Change a copy: the model that was given is to be asked again. You know its parts by name: `model.blocks[layer]` has `attention` (with `W_q`, `W_k`, `W_v`, `W_o`), `up` and `down`.
#
# <details><summary>Hint 1</summary><code>copy.deepcopy(model)</code> copies everything that is inside. A parameter can be changed in place within <code>with torch.no_grad():</code>, for instance by <code>.zero_()</code>.</details>
# <details><summary>Hint 2</summary>What writes into the stream? For the attention <code>W_o</code>, for the MLP <code>down</code>, which has a bias too.</details>
# <details><summary>Hint 3</summary>A score is a product of query and key. If one of them is zero, what are the scores, and what does softmax make of them?</details>


# %% exercise="knock_out"
def knock_out(model, layer, part):
    """A copy of the LanguageModel in which one part of block `layer` (0, 1, …) is put out of action:

    'attention' adds nothing; 'weights' still adds, but every position looks equally at itself and all
    before it; 'mlp' adds nothing. `model` is left alone. Raises ValueError for any other part.
    """
    # BEGIN SOLUTION
    if part not in ("attention", "weights", "mlp"):
        raise ValueError(f"a part is 'attention', 'weights' or 'mlp', not {part!r}")
    model = copy.deepcopy(model)
    block = model.blocks[layer]
    zeroed = {
        "attention": [block.attention.W_o.weight],
        "weights": [block.attention.W_q.weight],  # all scores 0, so all weights alike
        "mlp": [block.down.weight, block.down.bias],
    }
    with torch.no_grad():
        for parameter in zeroed[part]:
            parameter.zero_()
    return model
    # END SOLUTION


# %%
knock_out = check("knock_out", knock_out)

# %% [markdown] tags=["solution"]
# Zeroing `up` instead of `down` would not do: `down`'s bias would still be added, at every position. And a query of zeros looks evenly only because `W_q` has no bias; the causal mask stays, so "everything" is itself and all before it.

# %% [markdown]
# Two layers, three ways each: six times one part is put out of action in a model that answers everything. (About 7 seconds: a second model of two layers is trained first, from another seed, so that the answer does not rest on one.)

# %%
predict(
    "What happens to the answers when the MLPs of both layers are switched off?",
    "hardly anything", "half of them are lost", "nearly all of them are lost",
)

# %%
torch.manual_seed(1)
learners = [contestants["two layers"], attentive(2)]
learn_recall("two layers, seed 1", learners[1], rates["two layers"], seed=1);


# %%
@torch.no_grad()
def all_right(change=lambda model: model):
    """The share of right answers of either model, (2,), after a change."""
    return torch.tensor([answered(change(model), tokens, answers)[1] for model in learners])


kinds = {"attention": "attention off", "weights": "attention even", "mlp": "MLP off"}
without = {"whole": all_right()}
for layer in (0, 1):
    for part, kind in kinds.items():
        without[f"layer {layer + 1}, {kind}"] = all_right(lambda model: knock_out(model, layer, part))
without["both MLPs off"] = all_right(lambda model: knock_out(knock_out(model, 0, "mlp"), 1, "mlp"))
plots.seeds(without, "answered right");

# %% [markdown]
# *Each row is one part out of action; a point is one of two models, trained from two seeds, and the bar is their mean. Without a chosen look in layer 2, or without any in layer 1, they fall below what naming the most frequent value gives; an even look in layer 1 keeps some; without its MLPs either model answers as before, or nearly.*

# %%
for name, shares in without.items():
    print(f"{name:23}", [f"{share:.3f}" for share in shares.tolist()])
print(f"naming the most frequent value: {known['the most frequent value']:.3f}")
claim("whole, either answers at least 95 % right", without["whole"].min() >= 0.95)
claim("without the attention of layer 1 at most 25 %", without["layer 1, attention off"].max() <= 0.25)
kept = without["layer 1, attention even"] - without["layer 1, attention off"]
claim("with an even one more than with none, by 5 % at least", kept.min() >= 0.05)
claim("and less than half", without["layer 1, attention even"].max() <= 0.5)
layer_2 = torch.stack([without["layer 2, attention off"], without["layer 2, attention even"]])
claim("without that of layer 2, or with an even one, at most 25 %", layer_2.max() <= 0.25)
mlps = torch.stack([without["layer 1, MLP off"], without["layer 2, MLP off"]])
claim("without either MLP at least 95 %", mlps.min() >= 0.95)
claim("without both at least 90 %", without["both MLPs off"].min() >= 0.9)

# %%
predict.answer(
    "hardly anything",
    "and so these answers rest on the two lookups, and not on the MLPs.",
)

# %% [markdown]
# So both lookups are needed, that of layer 2 must be a chosen one, and the MLPs are not needed. The MLPs are also a control for the method: a knock-out is something that the model never met in training, and that alone does not bring it down. (A mild one, for the MLPs add less to the stream than the lookups do.)
#
# Why does an even look in layer 1 keep some? If what counts is that a value looks at its key, just before it, then early pairs should keep the most, because in a mean over few positions the key is a large part. For the first value it is a half, for the last a sixteenth.


# %%
@torch.no_grad()
def by_place(change):
    """The share of right answers (8,) about the first pair, the second and so on, in both models."""
    pair = (tokens[:, 16:, None] == tokens[:, None, :16:2]).int().argmax(-1)  # (500, 8)
    right = torch.stack([change(model)(tokens)[:, 16:].argmax(-1) == answers for model in learners]).float()
    return torch.stack([right[:, pair == place].mean() for place in range(8)])


even = by_place(lambda model: knock_out(model, 0, "weights"))
off = by_place(lambda model: knock_out(model, 0, "attention"))
lines = {"attention even in layer 1": even, "attention off in layer 1": off}
plots.curves(range(1, 9), lines, "the pair's place in the sequence", "answered right", ylim=(0, 1));

# %% [markdown]
# *With an even look in layer 1 the first pair is answered right most often, the next ones less so, the later ones much alike; with no look there, the place makes no difference.*

# %%
claim("with an even look the first pair is kept far better than the last", even[0] - even[-1] > 0.1)
claim("which is not so with none", abs(off[0] - off[-1]) < 0.1)

# %% [markdown]
# So it keeps most where the key is a large part of the mean, as it should if a value's look at its key is what counts. The weights can be asked directly.

# %% [markdown] slide="slide"
# ### How they do it
#
# Think of one lookup. The question is the key K. Where K stood, K is stored, and that tells nothing new. The *next* position has the value; but what is stored there, as a key, is the value, and the question does not know it. Unless somebody has left a note at that position: "I come after K".
#
# Two layers can: in the first, each value looks at the token before and takes a note of it. In the second, the question finds the note. Measure both on new sequences, and as a control before any training:


# %%
def notes(weights):
    """The mean weight that values give to the token before them (their key)."""
    return weights[:, 0, range(1, 16, 2), range(0, 16, 2)].mean().item()


def finds(weights):
    """The mean weight that questions give to the value behind their key."""
    places = (tokens[:, 16:, None] == tokens[:, None, :16]).int().argmax(-1) + 1  # (B, 8)
    return weights[:, 0, 16:].gather(-1, places[..., None]).mean().item()


first, second = models.attention_weights(contestants["two layers"], tokens)  # (B, 1, 24, 24) each
(only,) = models.attention_weights(contestants["one layer"], tokens)
print(f"two layers: notes in layer 1 {notes(first):.2f}, finds in layer 2 {finds(second):.2f}")
print(f"one layer:  notes {notes(only):.2f}, finds {finds(only):.2f}")
start, _ = models.attention_weights(attentive(2), tokens)
print(f"untrained:  notes {notes(start):.2f}, finds {finds(start):.2f}")

# %%
claim("layer 1: values look at their key, with over 60 % of the weight", notes(first) > 0.6)
claim("layer 2: questions look at the value behind their key, with over 80 %", finds(second) > 0.8)
claim("the model of one layer does neither, with under 35 %", max(notes(only), finds(only)) < 0.35)

# %% slide="subslide"
plots.attention_maps({"layer 1": first[0, 0], "layer 2": second[0, 0]}, named(tokens[0]));

# %% [markdown] slide="fragment"
# *One sequence. Left, in layer 1: the rows of the values have their strongest cell just left of the diagonal, on their key. Right, in layer 2: the last eight rows are the questions; each looks at the value that stood behind its key.*

# %% [markdown]
# The second is an **induction head**: it finds where something like this stood before, and says what followed. With the head below that takes the notes it makes an induction circuit, found in language models from two layers up (Elhage et al. 2021, Olsson et al. 2022), where it appears as suddenly as here.
#
# But weights only show where somebody looked. If the answers rest on the notes, then a false note must give a false answer. So take the model as it is, and swap the notes of neighbouring pairs: what layer 1 adds at the value of the first pair is added at that of the second, and the other way round.

# %%
class NotesSwapped(nn.Module):
    """An attention whose results at the values of neighbouring pairs change places."""

    def __init__(self, attention):
        super().__init__()
        self.attention = attention

    def forward(self, x, positions=None, causal=False):
        found = self.attention(x, positions, causal)
        order = torch.arange(x.size(1))
        order[1:16:2] = order[1:16:2].view(4, 2).flip(1).flatten()  # 3, 1, 7, 5 and so on
        return found[:, order]


# %%
places = (tokens[:, 16:, None] == tokens[:, None, :16:2]).int().argmax(-1)  # the pair of each question
neighbours = tokens[:, 1:16:2].gather(1, places ^ 1)  # the value of the pair beside it
for model in learners:
    swapped = copy.deepcopy(model)
    swapped.blocks[0].attention = NotesSwapped(swapped.blocks[0].attention)
    with torch.no_grad():
        _, own = answered(swapped, tokens, answers)
        _, other = answered(swapped, tokens, neighbours)
    print(f"notes swapped: its own value {own:.2f}, the neighbour's value {other:.2f}")
    claim("with the notes swapped it answers with the neighbour's value, over 85 %", other > 0.85)

# %% [markdown]
# So the note is what is looked for. Is it also all that was missing? Then *one* layer must be able to do it if it gets the notes for free. Give it keys that are made from the token before (close to the *smeared keys* of Olsson et al. 2022):


# %%
class NoteForFree(SelfAttention):
    """Each position offers, as its key, what stood before it. Its value stays its own."""

    def project(self, x, positions):
        before = torch.cat([torch.zeros_like(x[:, :1]), x[:, :-1]], 1)
        query, _, value = super().project(x, positions)
        return query, super().project(before, positions)[1], value


# %% [markdown]
# One layer, one lookup, the same steps. (Four seconds.)

# %% slide="slide"
predict(
    "One layer that is given the notes: when does it answer most questions right?",
    "never: it lacks a layer", "sooner than two layers", "later than two layers",
)

# %% slide="subslide"
torch.manual_seed(0)
given = attentive(1)
given.blocks[0].attention = NoteForFree(d_model=64, heads=1)
recall["one layer, notes given"] = learn_recall("one layer, notes given", given, rates["one layer"])
names = ("two layers", "one layer", "one layer, notes given")
smooth = {name: torch.tensor(recall[name]).unfold(0, 10, 5).mean(-1).tolist() for name in names}
plots.curves(steps, smooth, "step", "answered right");

# %% [markdown] slide="fragment"
# *With the notes given, one layer has it, and sooner than two that have to learn to take them.*

# %%
with torch.no_grad():
    share = answered(given, *data.associative_recall(500, torch.Generator().manual_seed(1)))[1]
print(f"one layer, notes given: {share:.3f}")
claim("with the note for free one layer answers at least 95 % right", share >= 0.95)

# %% slide="fragment"
predict.answer(
    "sooner than two layers",
    "for it need not learn to take the notes: that is what the first of two layers was needed for.",
)

# %% [markdown] slide="fragment"
# So that is what the first of two layers is for: a dictionary that one layer writes and the next one reads.

# %% [markdown]
# ## Further · Pictures  (6 minutes)
#
# Nothing in a block knows about text. Cut a picture into patches, give each a vector, and call them tokens: that is the vision transformer (Dosovitskiy et al. 2020). Handwritten digits of 8 × 8 grey values make 16 patches of 2 × 2. Two changes: a picture has no future, so `causal=False`; and the places are learned vectors that are added to the patches.


# %%
class PictureModel(nn.Module):
    """Which digit do patches (B, 16, 4) show? Logits (B, 10). Without `places`, patches are a heap."""

    def __init__(self, places=True, width=48):
        super().__init__()
        self.embedding, self.head = nn.Linear(4, width), nn.Linear(width, 10)
        self.places = nn.Parameter(torch.randn(16, width) / 10) if places else 0
        self.blocks = nn.ModuleList(TransformerBlock(width, 4, 4 * width) for _ in range(2))
        self.norm = nn.RMSNorm(width)

    def forward(self, patches):
        x = self.embedding(patches) + self.places  # (B, 16, width)
        for block in self.blocks:
            x = block(x, causal=False)
        return self.head(self.norm(x.mean(1)))  # the mean over the patches


# %%
def digit_loss(model, patches, digit):
    return F.cross_entropy(model(patches), digit)


def batches(learned, seed=0):
    generator = torch.Generator().manual_seed(seed)
    while True:
        chosen = torch.randint(len(learned.digit), (64,), generator=generator)
        yield learned.patches[chosen], learned.digit[chosen]


# %% [markdown]
# Without places the model gets the same sixteen patches as a heap, with ten digits to choose from. (About 6 seconds.)

# %%
predict(
    "How many digits does it still recognise in a heap of patches?",
    "one in ten", "about three in four", "as many as with places",
)

# %%
learned, held_out = data.digits()
right, viewers = {}, {}
for name, places in [("with places", True), ("without", False)]:
    torch.manual_seed(0)
    viewers[name] = viewer = PictureModel(places)
    training.train(viewer, batches(learned), digit_loss, 300, rate=3e-3, warm_up=20, decay=True, label=name)
    with torch.no_grad():
        right[name] = (viewer(held_out.patches).argmax(-1) == held_out.digit).float().mean().item()

# %%
print({name: round(share, 3) for name, share in right.items()})
claim("with places at least 92 % of the held-out digits are right", right["with places"] >= 0.92)
claim("without them, a heap of patches, at most 80 %", right["without"] <= 0.8)
claim("but over half", right["without"] > 0.5)

# %%
predict.answer(
    "about three in four",
    "and so which patches there are says a lot about a digit.",
)

# %% [markdown]
# Longer training helps it little: with 1,500 steps it got every training digit right, and .76 of the others. (How much more could be had from a heap this does not show. With seeds 10, 20 and 30, for the model as for which digits are held out: .97, .98 and .97 with places, .77, .73 and .74 without.)

# %%
some = held_out.patches[:8]
weights = models.attention_weights(viewers["with places"], some)[-1]  # the last layer: (8, heads, 16, 16)
plots.patches_seen(
    data.pictures(some), weights.mean((1, 2)), [f"a {digit}" for digit in held_out.digit[:8].tolist()]
);

# %% [markdown]
# *Eight held-out digits, and below each the weight that its patches get in the last layer, averaged over heads and queries. It is uneven: a few patches are read far more than others, here in the upper middle, with another seed elsewhere. Which patch was the cause of an answer it does not say (chapter 05's warning holds).*

# %%
predict.score()

# %% [markdown] slide="slide"
# ## In short
#
# - A transformer is a stream with branches: attention moves things between positions, the MLP sees one position at a time; both read through a norm and add.
# - A language model predicts every next token at once; at the start it must need log(vocabulary), and bits per byte compare it with anything that compresses.
# - Temperature and top-k decide how it writes, not what it knows.
# - Two layers of attention recall from their own input: the first leaves notes, the second finds them. One layer does, if it gets the notes for free.
# - Weights say where a part looks, a knock-out says whether the answers rest on it. Recall rests on both lookups and on neither MLP.
# - Blocks do not care what the tokens are; the order has to be told.

# %% [markdown]
# ## Before you go on
#
# <details><summary>Where in a block can one token learn about another?</summary>In the attention alone. Norms, MLP and sums treat each position by itself.</details>
# <details><summary>Your new language model has a loss of 7.1 nats with 256 tokens. What do you think?</summary>That something is wrong before training has begun: it should be log 256 = 5.55 nats. More than that is a model that is sure and mistaken: a head that does not start small, or a missing norm before one.</details>
# <details><summary>Why may <code>W_o</code> and <code>down</code> start at zero, but not every map of a block?</summary>The two write into the stream; at zero, a new block is the identity, and they still get a gradient, since what they are multiplied with is not zero. (With a <code>head</code> at zero as well, from the second step on.) If <code>up</code> with its bias were zero as well, the hidden layer would be zero: no gradient for the matrix of <code>down</code>, and none through <code>down</code> for <code>up</code>. Neither map would ever move.</details>
# <details><summary>Why can one lookup not answer "what stood behind this key"?</summary>A lookup goes by content and, with rotary positions, by distance; the place of the value is neither. It has the value's content, and stands at a distance that is another one for every question. Somebody has to write "I come after K" there first: a layer before it, or whoever makes the keys.</details>

# %% [markdown]
# <details><summary>You put a head with sharp weights out of action, and nothing gets worse. What follows?</summary>That these answers do not rest on it, in this model. It does look where its weights say; but what it finds is not used here, or another part finds it too.</details>
# <details><summary>Why does a model learn from a whole stretch in one pass, and write a byte at a time?</summary>In training all tokens are there, so each position can be given the right ones before it, all at once. In writing, the next token has to be drawn before the one after it can be asked for.</details>
# <details><summary>A friend's model needs 1.2 bits per byte on this text, xz 1.6. Does it understand Python?</summary>It predicts this kind of text better than xz does. Ask what it was trained on (the library itself is on the web), and whether the held-out files were really held out.</details>

# %% [markdown]
# ## To read on
#
# - Vaswani et al. 2017, [Attention is all you need](https://arxiv.org/abs/1706.03762), with the norms after the sums; Xiong et al. 2020, [On layer normalization in the transformer architecture](https://arxiv.org/abs/2002.04745): why before is easier.
# - Elhage et al. 2021, [A mathematical framework for transformer circuits](https://transformer-circuits.pub/2021/framework/index.html), and Olsson et al. 2022, [In-context learning and induction heads](https://arxiv.org/abs/2209.11895).
# - Arora et al. 2023, [Zoology](https://arxiv.org/abs/2312.04927): recall, attention and recurrent models of all kinds.
# - Dosovitskiy et al. 2020, [An image is worth 16x16 words](https://arxiv.org/abs/2010.11929).
# - Karpathy, [nanoGPT](https://github.com/karpathy/nanoGPT): the same kind of model, in two files, at GPU size.
#
# Next: [09 Fast attention](09_fast_attention.ipynb), the same numbers for a fraction of the memory.
