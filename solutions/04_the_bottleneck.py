# %% [markdown] slide="slide"
# # 04 · The bottleneck
#
# **90 minutes.** You need [chapter 03](03_a_dictionary_that_learns.ipynb), above all its last idea: a state that asks, an input that answers.
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

# %% slide="slide"
from torch import nn

from utils import models, training
from utils.predictions import predict

torch.set_num_threads(1)  # for models as small as these, more threads only get in each other's way
plots.encoder_decoder(["sixty", "three"], ["drei", "und", "sechzig"]);

# %% [markdown] slide="fragment"
# *An encoder reads English, a decoder writes German, and all that passes between them is one vector. The sentence may have two words or twenty: the vector keeps its size. Two things
# can go wrong on this way, and this chapter shows them one by one: what is far back is hard to **learn** from, and what is long does not **fit**.*

# %% [markdown]
# A few figures in this chapter are told and not run, because they would take too long. `python -m utils.told --list 04` lists them, each with its command.

# %% [markdown] slide="slide"
# ## A network as deep as the sentence is long
#
# A recurrent network reads one word at a time and keeps a state: $h_t = \tanh(x_t W_x + h_{t-1} W_h + b)$. By hand, with every size one: input 1, state 0.5, $W_x = 2$, $W_h = -1$ and
# $b = 0$ give tanh(2 − 0.5) = tanh(1.5) = 0.905.
#
# ### Exercise 4.1 · One step of a recurrent network  (4 minutes, about 1 line)
# Write the formula above for a whole batch: a row of x and of h for each sequence.
#
# <details><summary>Hint</summary>Two matrix products, a sum, and <code>torch.tanh</code> around all of it.</details>


# %% exercise="rnn_step" slide="fragment"
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
# Sentences in a batch have different lengths, so the short ones are filled up: *padding*. A network must not read padding, or what it makes of a sentence would depend on
# its neighbours in the batch. So when a sentence has ended, its state stays what it was.
#
# ### Exercise 4.2 · A whole sentence, and no padding  (10 minutes, about 6 lines)
# Give the states after every step, (B, T, Dh). `lengths` (B,) says how many inputs of each sentence count: from 0, for a sentence that keeps `h0` throughout, to T. The rest may be any numbers, however large. The states have the type (dtype) of x.
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

# %% [markdown] slide="slide"
# ## How far back does a gradient reach?
#
# By hand, with states of one number. tanh is sinh / cosh, so the rule for quotients gives its slope: (cosh² − sinh²) / cosh² = 1 − tanh². The state *is* that tanh, and inside it stands $W_h h_{t-1}$, so
#
# $$\frac{\partial h_t}{\partial h_{t-1}} = (1 - h_t^2)\,W_h.$$
#
# In the example above, where $h_t$ = 0.905 and $W_h$ = −1, that is (1 − 0.819) · (−1) = −0.181. Each step back multiplies by such a factor.

# %% slide="fragment"
factor = 0.5
{f"{steps} step{'s' * (steps > 1)} back": f"{factor**steps:.1e}" for steps in (1, 5, 20, 50)}

# %% [markdown]
# With a factor of one half, a part in 10¹⁵ is left after 50 steps: the gradient **vanishes**. With a factor of 2 it would be 10¹⁵ times as large: it **explodes**. Which of the two happens in real networks? Measure it.
#
# ### Exercise 4.3 · The gradient by distance  (12 minutes, about 4 lines)
# `model` maps inputs (B, T, D) to outputs (B, K), read at the end. How large is the gradient of the sum of its outputs at the input d steps before the last? For each d, the mean over the batch of the gradient's norm, in the type (dtype) of x.
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

# %% [markdown] slide="slide"
# ## Three networks, and their gates
#
# The plain network (**RNN**) makes its whole state anew at every step. Two others have **gates**: numbers between 0 and 1, one for each number of the state, which a sigmoid computes from the input and the state before.
#
# - In a **GRU** (gated recurrent unit) the *update gate* z says how much of the old state is kept: $h_t = z\,h_{t-1} + (1 - z)\,\text{new}$.
# - An **LSTM** (long short-term memory) has a second state, the cell, and a *forget gate* f says how much of it is kept, an *input gate* i how much of the new is added: $c_t = f\,c_{t-1} + i\,\text{new}$. A third gate decides what of the cell is shown as $h_t$.


# %%
def recurrent(kind=nn.GRU, gate=0.0, turn=0.0):
    """A network that reads vectors of 16 numbers, with states of 32; `gate` opens the gate that keeps."""
    network = kind(16, 32, batch_first=True)
    with torch.no_grad():
        network.bias_hh_l0[32:64] += gate  # the second block is a GRU's update and an LSTM's forget gate
    if turn:
        nn.init.orthogonal_(network.weight_hh_l0, gain=turn)  # W_h is a rotation, times `turn`
    return network


# %% [markdown]
# A network that reads symbols and answers at the end. It begins with an **embedding**, a table with one vector for each symbol, which is learned as any weight is. It ends in **logits**: one score for each possible answer, of which a softmax makes probabilities.


# %%
class Reader(nn.Module):
    """Reads symbols (B, T), and gives logits (B, 8) made of its last state."""

    def __init__(self, network):
        super().__init__()
        self.embedding, self.recurrent = nn.Embedding(10, 16), network
        self.out = nn.Linear(32, 8)

    def read(self, x):
        states, _ = self.recurrent(x)  # (B, T, 32)
        return self.out(states[:, -1])

    def forward(self, symbols):
        return self.read(self.embedding(symbols))


# %% [markdown]
# The same, and it may also *ask*: the last state makes a query, all states make keys and are the values, and what is found is put beside the last state. You wrote that in chapter 03.


# %%
class AskingReader(Reader):
    """Its logits are made of its last state and of what that finds among all states."""

    def __init__(self, network):
        super().__init__(network)
        self.W_q, self.W_k = nn.Linear(32, 32, bias=False), nn.Linear(32, 32, bias=False)
        self.out = nn.Linear(64, 8)

    def read(self, x):
        states, _ = self.recurrent(x)
        query, key = self.W_q(states[:, -1:]), self.W_k(states)  # (B, 1, 32), (B, T, 32)
        weights = torch.softmax(query @ key.mT / 32**0.5, -1)  # (B, 1, T)
        return self.out(torch.cat([states[:, -1], (weights @ states)[:, 0]], -1))


# %% slide="slide"
predict(
    "GRU and LSTM have gates. Untrained, which still has a millionth of its near gradient at distance 50?",
    "all three networks",
    "GRU and LSTM, but not the RNN",
    "none of the three",
)

# %%
x = torch.randn(64, 101, 16)


def reach(builds):
    """The gradient by distance, for networks built from the same seed."""
    curves = {}
    print("size of the gradient at distance …")
    for name, build in builds.items():
        torch.manual_seed(0)
        curves[name] = gradient_by_distance(build().read, x)
        print(f"{name:20}", "  ".join(f"{d}: {curves[name][d]:.1e}" for d in (0, 5, 20, 50, 100)))
    return curves


usual = reach(
    {kind.__name__: lambda kind=kind: Reader(recurrent(kind)) for kind in (nn.RNN, nn.GRU, nn.LSTM)}
    | {"RNN, rotation × 2": lambda: Reader(recurrent(nn.RNN, turn=2.0))}
)
plots.curves(range(101), usual, "distance from the end", "size of the gradient", log="y", ylim=(1e-20, 1e7));

# %% [markdown]
# *On a logarithmic axis the lines are nearly straight, so all four gradients change exponentially. At the usual start they vanish. In the fourth network $W_h$ is a rotation times two, which doubles the length of whatever it turns; tanh takes some of that back, and still the gradient explodes.*

# %% slide="subslide"
for name in ("RNN", "GRU", "LSTM"):
    left = usual[name][50] / usual[name][0]
    claim(f"{name}: at distance 50, under 1e-8 of the near gradient is left", left < 1e-8)
exploding = usual["RNN, rotation × 2"]
claim("the rotation times two: at 100 over 10,000 times the near one", exploding[100] > 1e4 * exploding[0])

# %% slide="fragment"
predict.answer(
    "none of the three",
    "because all of them keep well under nine tenths at each step, a half-open gate too, and that fifty times "
    "over is next to nothing. Having a gate is not enough: it has to stand open.",
)

# %% [markdown]
# By hand: before training the sum inside the sigmoid is small, so z is about sigmoid(0) = 0.5, and the gate alone keeps 0.5⁵⁰ = 10⁻¹⁵ of a state 50 steps back. ($W_h$ carries some more.) Add 3 to its bias, and z is about sigmoid(3) = 0.95, so 0.95⁵⁰ = 0.08 is kept.
#
# Open the gates in this way (`gate=3.0`). And let a GRU at its usual start look back.

# %% slide="slide"
predict(
    "Which has the largest gradient at distance 50?",
    "the GRU with an open gate",
    "the LSTM with an open gate",
    "the GRU with attention",
)

# %% slide="subslide"
kept = reach(
    {
        "GRU, gate open": lambda: Reader(recurrent(gate=3.0)),
        "LSTM, gate open": lambda: Reader(recurrent(nn.LSTM, gate=3.0)),
        "GRU + attention": lambda: AskingReader(recurrent()),
    }
)
plots.curves(range(101), kept, "distance from the end", "size of the gradient", log="y", ylim=(1e-4, 1));

# %% [markdown] slide="fragment"
# *This axis has four decades where the one above has twenty-seven. The open GRU falls slowly; the open LSTM hardly falls at all here. With attention the curve falls for a few steps, where the state still carries, and then stays level, because that part comes through the lookup, in one step from anywhere.*

# %%
attentive = kept["GRU + attention"]
claim("with attention, over a two-hundredth is left at distance 50", attentive[50] > 5e-3 * attentive[0])
claim(
    "in a GRU with an open gate, over a fiftieth",
    kept["GRU, gate open"][50] > 0.02 * kept["GRU, gate open"][0],
)
claim("the open LSTM has over twice what attention has", kept["LSTM, gate open"][50] > 2 * attentive[50])

# %% slide="fragment"
predict.answer(
    "the LSTM with an open gate",
    "because its cell keeps about 0.95 at each step, and something else adds to that, as you see next. A "
    "lookup gives each of 101 places about a hundredth of its attention.",
)

# %% [markdown]
# Fifty steps of 0.95 leave 0.08. The open GRU has about as much, the open LSTM several times that. What else carries? Put $W_h$ to zero, and only the gate is left.


# %%
def gate_alone(kind):
    model = Reader(recurrent(kind, gate=3.0))
    nn.init.zeros_(model.recurrent.weight_hh_l0)
    return model


alone = reach({"GRU, gate alone": lambda: gate_alone(nn.GRU), "LSTM, gate alone": lambda: gate_alone(nn.LSTM)})
by_gate = alone["GRU, gate alone"][50] / kept["GRU, gate open"][50]
claim("in the open GRU the gate carries it: without W_h, half to twice as much at 50", 0.5 < by_gate < 2)
by_gate = alone["LSTM, gate alone"][50] / kept["LSTM, gate open"][50]
claim("in the open LSTM W_h carries most of it: without, under a half", by_gate < 0.5)

# %% [markdown]
# So an opened gate also keeps the gradient alive, and over a hundred steps the LSTM's more than attention does: **over such distances, what attention adds is not the reach**. Keep that in mind for the rest of the chapter.
#
# Is attention's curve level for ever? Measure the *first* input's gradient in sequences of different lengths.

# %% slide="slide"
predict(
    "A sequence twice as long, read with attention: what becomes of the gradient at its first input?",
    "it stays as it is",
    "it halves",
    "it is squared",
)

# %%
lengths = [5, 10, 20, 50, 100, 400, 1600, 6400]
long = torch.randn(4, 6400, 16)
builds = {
    "GRU": lambda: Reader(recurrent()),
    "GRU + attention": lambda: AskingReader(recurrent()),
    "LSTM, gate open": lambda: Reader(recurrent(nn.LSTM, gate=3.0)),
}
first = {}
for name, build in builds.items():
    torch.manual_seed(0)
    model = build()
    first[name] = torch.stack([gradient_by_distance(model.read, long[:, :length])[-1] for length in lengths])
first["1 / T, for its slope"] = first["GRU + attention"][0] * 5 / torch.tensor(lengths)
plots.curves(lengths, first, "length T", "gradient at the first input", log="xy", ylim=(1e-5, 1));

# %% [markdown]
# *With attention the line lies on that of 1/T. The plain GRU leaves the picture at once, since it falls exponentially, and the open LSTM stays about level for a hundred steps and then falls, faster and faster. So attention overtakes it further out. (At which length differs from seed to seed; at 6,400 steps it was ahead with each of eight.) That is the honest sentence about a lookup: not "constant", but **1/T against exponential**.*

# %% slide="fragment"
times_length = first["GRU + attention"] * torch.tensor(lengths)
print("gradient × T, with attention:", [f"{value:.2f}" for value in times_length.tolist()])
claim(
    "from 10 to 6,400 steps, gradient times length changes by less than a half",
    times_length[1:].max() < 1.5 * times_length[1:].min(),
)
behind = first["LSTM, gate open"] < first["GRU + attention"]
claim("the open LSTM is ahead at 100 steps and behind at 6,400", not behind[4] and behind[7])

# %% slide="fragment"
predict.answer(
    "it halves",
    "because the weights of an untrained lookup are nearly equal, 1/T each, and the gradient is multiplied by "
    "such a weight once. There is no product of T factors.",
)

# %% [markdown] slide="slide"
# ## Does it matter for learning?
#
# A small task that needs memory: a mark (8), a symbol to remember (0 to 7), 20 random symbols, and then the question (9): which symbol followed the mark? Eight symbols, so chance is 1/8.

# %% slide="fragment"
symbols, answers = data.recall(2, 20, torch.Generator().manual_seed(0))
for row, answer in zip(symbols.tolist(), answers.tolist(), strict=True):
    print(row, "→", answer)

# %% [markdown]
# Three networks, 300 steps each. The second differs from the first by the lookup, the third by 3 in the bias of its gate. (The three take about ten seconds. One seed is run here; seeds 1 and 2 gave the same.)

# %% slide="fragment"
predict(
    "After 300 steps, which of them recall the symbol?",
    "the GRU + attention and the GRU with an open gate",
    "only the GRU + attention",
    "all three recall it",
)

# %%
from torch.nn import functional as F


def wrong_symbol(model, symbols, answers):
    return F.cross_entropy(model(symbols), answers)


def recall_accuracy(model, distance=20, label=""):
    generator = torch.Generator().manual_seed(0)
    batches = iter(lambda: data.recall(32, distance, generator), None)
    training.train(model, batches, wrong_symbol, 300, clip=1.0, label=label)
    symbols, answers = data.recall(1000, distance, generator)
    return (model(symbols).argmax(-1) == answers).float().mean().item()


# %% slide="subslide"
builds = {
    "GRU": lambda: Reader(recurrent()),
    "GRU + attention": lambda: AskingReader(recurrent()),
    "GRU, gate open": lambda: Reader(recurrent(gate=3.0)),
}
recalled = {}
for name, build in builds.items():
    torch.manual_seed(0)
    recalled[name] = recall_accuracy(build(), label=name)
plots.seeds({name: torch.tensor([share]) for name, share in recalled.items()}, "recalled", chance=1 / 8);

# %% [markdown] slide="fragment"
# *Behind 20 other symbols the plain GRU is at chance. The one with attention recalls everything, and so does the one whose gate starts open.*

# %%
print({name: f"{share:.3f}" for name, share in recalled.items()})
claim("the plain GRU is at chance after 300 steps", abs(recalled["GRU"] - 1 / 8) < 0.05)
claim("with attention it recalls at least 95 %", recalled["GRU + attention"] >= 0.95)
claim("so does a GRU without attention whose gate starts open", recalled["GRU, gate open"] >= 0.95)

# %% slide="fragment"
predict.answer(
    "the GRU + attention and the GRU with an open gate",
    "and both start with a gradient at distance 20 that is large enough to learn from; the plain GRU has a "
    "hundred-thousandth. (Such a gradient is needed. That it is always enough, these runs do not show.)",
)

# %% [markdown]
# So distance alone does *not* need attention: to carry **one** symbol over 20 steps, a good start of the gates does as well. (The trick is old: Gers, Schmidhuber and Cummins started the forget gates of their LSTM with a positive bias in 2000, and Jozefowicz, Zaremba and Sutskever made it standard advice in 2015.) What a gate cannot change is the size of the vector. One symbol fits. Does a sentence?

# %% [markdown] slide="slide"
# ## A sentence through one vector
#
# Translate number names. Everybody can check the answer, there are plenty of them, and German turns things round: *sixty three* is *drei und sechzig*, "three and sixty".

# %% slide="fragment"
corpus = data.number_names("de")  # the first call takes a few seconds, and keeps the names for later
for pair in [corpus.test[i] for i in (0, 150, 620)]:
    print(f"{pair.about:,}\n   {' '.join(pair.source)}\n   {' '.join(pair.target)}")
print(f"{len(corpus.train)} pairs to learn from, {len(corpus.test)} held out;", end=" ")
print(f"{len(corpus.source) - 3} English and {len(corpus.target) - 3} German words")

# %%
learned_from = {pair.about for pair in corpus.train}
claim("no number that is tested was learned from", not any(pair.about in learned_from for pair in corpus.test))

# %% [markdown]
# The network is nearly that of Cho et al. 2014, in small (theirs reads in one direction).
#
# **The encoder** is two GRUs, one that reads from left to right and one that reads from right to left. Their two last states, side by side, go through a linear layer and tanh, and that gives *one vector*, the **context**: $c = \tanh(W[h_\rightarrow; h_\leftarrow] + b)$. It is also the decoder's first state.
#
# (In the chapters before, the context was what a lookup had found. Here nothing is looked up: it is this vector, for every word.)
#
# **The decoder** is a GRU that makes one step for each German word. At every step it gets the embedding of the word before, its own state, and the context, which is always the same. Before the first word stands START, and when it writes END, the sentence is over.
#
# **Training differs from writing.** In training, the decoder is given the *right* word before at every step, whatever it would have written itself: this is called **teacher forcing**. So each step has one question with a known answer, which word comes next, and the loss is the mean of −log of the probability that the network gives to the right one (`models.translation_loss`). When it writes, nobody knows the right words: it takes the likeliest word at each step and goes on from that, so a mistake is carried on.

# %% [markdown]
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
# The rest of the encoder–decoder is in `utils/models`: the embeddings, the two GRUs that read, and a layer that turns state, word and context into one logit for each German word. Your step is its heart. A translation counts only if **every** word is right.
#
# **Three habits of training**, in this and later chapters. The rate **warms up**: it grows from almost nothing over the first 50 steps, since Adam divides each step by the gradient's usual size, and at first it hardly knows that. Later the rate **decays** towards nothing, since large steps go on jumping about a minimum that small ones come close to. And the gradient is **clipped**, shortened to length 1 wherever it is longer, so that one batch with an exploding gradient does not throw away what was learned. At the rate of 0.01 that is used below, the narrow network does without them, and even a little better. At three times that rate it needs them: .63 to .67 of the names with four digits are right with all three habits, and about a fifth with none. Clipping has the least part in that (told by `habits`).

# %%
recipe = {"warm_up": 50, "decay": True, "clip": 1.0}  # of the rate and the gradient: see training.train


def translator(width):
    words = len(corpus.source), len(corpus.target)
    return models.EncoderDecoder(*words, step=fixed_context_step, width=width)


def train_translator(model, steps, rate, label=""):
    model, batches = model.to(training.device()), corpus.batches(40)
    training.train(model, batches, models.translation_loss, steps, rate, label=label, **recipe)
    return model


def exact_by_digits(model):
    """For each number of digits, the share of held-out numbers whose whole name comes out right."""
    right = {}
    for pair, words in zip(corpus.test, model.translate(corpus, corpus.test), strict=True):
        right.setdefault(len(str(pair.about)), []).append(tuple(words) == pair.target)
    return {digits: sum(answers) / len(answers) for digits, answers in sorted(right.items())}


# %% [markdown]
# Two of them: a vector of 64 numbers, and one of 128 that is trained longer and has three times as many parameters. (About ten seconds, and twenty more.)

# %% slide="slide"
predict(
    "A vector of 64 numbers, 320 steps. Where does the share of right names fall below one half?",
    "between 3 and 6 digits",
    "between 7 and 10 digits",
    "nowhere: all lengths stay above",
)

# %%
torch.manual_seed(0)
narrow = train_translator(translator(width=64), steps=320, rate=1e-2, label="width 64, 320 steps")
exact = {"width 64, 320 steps": exact_by_digits(narrow)}

# %% slide="subslide"
torch.manual_seed(0)
wide = train_translator(translator(width=128), steps=450, rate=6e-3, label="width 128, 450 steps")
exact["width 128, 450 steps"] = exact_by_digits(wide)
lines = {name: list(shares.values()) for name, shares in exact.items()}
plots.curves(list(exact["width 64, 320 steps"]), lines, "digits of the number", "whole name right");

# %% [markdown] slide="fragment"
# *Short numbers come out right, then the curve falls off a cliff. A wider vector, trained longer, moves the cliff to the right; it does not take it away. (100 held-out numbers at each length, 20 with two digits; one seed.)*

# %%
small, large = exact.values()
for name, shares in exact.items():
    print(f"{name:21}", "  ".join(f"{digits}: {shares[digits]:.2f}" for digits in range(2, 13, 2)))
claim("three digits mostly come out right", small[3] > 0.6)
claim("six digits mostly do not", small[6] < 0.3)
longest = [small[digits] for digits in (10, 11, 12)]
claim("at this budget, under a tenth of the names of 10 to 12 digits is right", max(longest) < 0.1)
claim("more width and training helps: at six digits by over 15 points", large[6] > small[6] + 0.15)
claim("and at twelve it is still under a tenth", large[12] < 0.1)

# %% slide="fragment"
predict.answer(
    "between 3 and 6 digits",
    "and with twice the width, and more steps, it is at about five.",
)

# %% [markdown] slide="slide"
# ## How it fails
#
# Look at the names of 8 digits or more that the narrow network gets wrong. Are they still names of some number?

# %% slide="fragment"
predict(
    "Of these failures, how many are the German name of a number, though not of the right one?",
    "about one in ten",
    "about one in two",
    "nearly all",
)

# %% slide="fragment"
long = [pair for pair in corpus.test if len(str(pair.about)) >= 8]
written = zip(narrow.translate(corpus, long), long, strict=True)
failed = [(words, pair) for words, pair in written if tuple(words) != pair.target]
numbers = [data.german_number(words) for words, _ in failed]  # None for what is no number's name
valid = sum(number is not None for number in numbers) / len(failed)
print(f"{len(failed)} failures, {valid:.1%} of which are the name of a number")
claim("over nine in ten of the failures are German number names", valid > 0.9)

# %% slide="fragment"
predict.answer(
    "nearly all",
    "so millions come before thousands and thousands before hundreds, as they should.",
)

# %% [markdown]
# So it has not forgotten how numbers are called. What of *this* number does it still know? Take the first word. The control compares it with the first words of other numbers of as many digits, since some beginnings are likelier than others.


# %%
def begins_like(words, pairs):
    """The share of these pairs whose German name begins with the first of the words."""
    return sum(words[:1] == [pair.target[0]] for pair in pairs) / len(pairs)


def as_long(pair):
    """All other held-out numbers of as many digits."""
    return [other for other in long if len(str(other.about)) == len(str(pair.about)) and other != pair]


first_right = sum(begins_like(words, [pair]) for words, pair in failed) / len(failed)
by_chance = sum(begins_like(words, as_long(pair)) for words, pair in failed) / len(failed)
print(f"the first word is right in {first_right:.0%}; for another number it would be in {by_chance:.0%}")
claim("over half of the failures begin with the right word", first_right > 0.5)
claim("for another number under a fifth of them would be right", by_chance < 0.2)

# %% [markdown] slide="slide"
# An example: the first of these failures that begins as it should. What the networks wrote is given as a number, too.

# %% slide="fragment"
example = next(pair for words, pair in failed if begins_like(words, [pair]) and data.german_number(words))
print(" ".join(example.source))
print(f"wanted     {example.about:>14,}  {' '.join(example.target)}")
for name, model in {"width 64": narrow, "width 128": wide}.items():
    (words,) = model.translate(corpus, [example])
    number = data.german_number(words)
    print(f"{name:10} {'no number' if number is None else format(number, ','):>14}  {' '.join(words)}")

# %% [markdown] slide="fragment"
# *Read the numbers: they begin as the right one does, and end as another.* So the network has learned how numbers are called, and of this number it still has the beginning, mostly.

# %% [markdown]
# ## Distance, or size?
#
# A longer name is both: further away, and more to carry. Controls can tell the two apart, if each changes one and leaves the other.
#
# Sutskever, Vinyals and Le (2014) *reversed* every source sentence. Nothing is added, and the first words, which are needed first, come to stand next to the decoder. Their translations became markedly better. Our encoder reads from both ends, so reversing would only swap its two GRUs. These networks therefore read from left to right only (width 64 and 320 steps, told by `reversed_source` and `fillers`):
#
# | source, seeds 0, 1, 2 | three digits right | four digits right |
# |---|---|---|
# | as written | .67 .78 .62 | .16 .29 .16 |
# | reversed | .78 .80 .73 | .40 .44 .27 |
# | 12 fillers *in front* | .67 .77 .54 | .18 .36 .11 |
# | 12 fillers *behind* | .24 .24 .33 | .00 .00 .01 |
# | 12 fillers behind, encoder's gate open (+3) | .56 .61 .49 | .06 .16 .11 |
# | as written, gate open | .60 .67 .53 | .24 .17 .21 |

# %% [markdown]
# Reversing helps with each of the three seeds, and moves the cliff by less than a digit: at five digits both have under a tenth.
#
# The fillers are twelve times the word *please*. They carry nothing, so there is as much to remember as before. In front of the number, where the network is as long and the number no further away, they cost little or nothing; behind it they cost about a digit: three come out as rarely as four did. An open gate buys much of that back, though without fillers it does not help.
#
# So distance matters, and an open gate cures a good part of what it costs. Without fillers it costs a little itself, so this control cannot say whether the gradient's reach limits the network at the distance of the names themselves. The rest of the cliff is size, or time to learn, and these controls do not separate those two.

# %% [markdown] slide="slide"
# ### What may be said
#
# Not "a fixed vector cannot". It is a matter of budget: with width 128 and 2,000 steps this same network gets about .9 at eight digits, about .5 at ten, and .1 to .2 at twelve (told by `wide_and_long`). And Sutskever, Vinyals and Le report of their network, which had a vector of 8,000 numbers, twelve million pairs of sentences to learn from, and reversed sources, that it "did not have difficulty on long sentences". Cho et al. (2014), with a smaller one, saw the quality of translation fall quickly as sentences get longer.
#
# What stays is that everything has to be in a vector whose size does not know how long the sentence is. So at a given budget there is a length from which on it does not do, and more width, data and time move that length.

# %% [markdown] slide="slide"
# ## In short
#
# - A recurrent network is as deep as its input is long; what is far back comes through every step.
# - At the usual start its gradient vanishes exponentially with distance, and with large weights it explodes. With attention it falls like 1/T.
# - An opened gate keeps the gradient alive as well, and recalls one symbol as well. Over a hundred steps, what attention adds is not the reach.
# - A translation through one vector falls off a cliff with length, at equal budget. Distance is one part of it; width and training move it.
# - What comes out beyond the cliff is still German: the name of another number, which often begins like the right one.
# - Padding must not be read: a state stays what it was when its sentence is over.

# %%
predict.score()

# %% [markdown]
# ## Before you go on
#
# <details><summary>Why does the gradient of a lookup fall like 1/T and not exponentially?</summary>It takes one step from any place to the answer. Untrained, that step has a weight of about 1/T; there is no product of T factors.</details>
# <details><summary>A friend says: "GRUs cannot remember 20 steps." What do you answer?</summary>This one did, with its update gate started open. At the usual start and 300 steps, it did not learn to.</details>
# <details><summary>Is the cliff a matter of distance or of size?</summary>Of both. Twelve words that carry nothing, put between the number and the decoder, cost about a digit, so distance can matter. But a reversed source moves the cliff by less than a digit, and an open gate does not help where there are no fillers. A wider vector, trained longer, moves it.</details>
# <details><summary>What is the decoder given as the word before: in training, and when it writes?</summary>In training the right word, whatever it would have written (teacher forcing). When it writes, its own last word.</details>
# <details><summary>What would you change to be free of the cliff?</summary>Do not squeeze the sentence into one vector. Keep all states of the encoder, and let the decoder ask them at every step: chapter 05.</details>

# %% [markdown]
# ## To read on
#
# - Elman 1990, [Finding structure in time](https://doi.org/10.1207/s15516709cog1402_1): the recurrent network.
# - Bengio, Simard and Frasconi 1994, [Learning long-term dependencies with gradient descent is difficult](https://doi.org/10.1109/72.279181).
# - Hochreiter and Schmidhuber 1997, [Long short-term memory](https://doi.org/10.1162/neco.1997.9.8.1735): the LSTM; its forget gate came with Gers, Schmidhuber and Cummins 2000, [Learning to forget](https://doi.org/10.1162/089976600300015015).
# - Cho et al. 2014, [Learning phrase representations using RNN encoder–decoder](https://arxiv.org/abs/1406.1078): the GRU, and the fixed context.
# - Cho et al. 2014, [On the properties of neural machine translation](https://arxiv.org/abs/1409.1259): the curve over length.
# - Sutskever, Vinyals and Le 2014, [Sequence to sequence learning with neural networks](https://arxiv.org/abs/1409.3215): the reversed source, and no difficulty with long sentences.
# - Jozefowicz, Zaremba and Sutskever 2015, [An empirical exploration of recurrent network architectures](https://proceedings.mlr.press/v37/jozefowicz15.html): gates that start open.
#
# Next: [05 Bahdanau attention](05_bahdanau_attention.ipynb), where the decoder asks at every step.
