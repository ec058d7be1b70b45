# %% [markdown] slide="slide"
# # 11 · Many GPUs
#
# **115 minutes**, and 10 for what is called Further. You need [chapter 06](06_queries_keys_and_values.ipynb) (heads), [chapter 08](08_deep_attention_models.ipynb) (the language model) and [chapter 09](09_fast_attention.ipynb) (two halves of a lookup merged).
#
# After this chapter you can
# - train one model on several processes, and show that it is the same training,
# - add up over a ring, and say how many bytes that sends,
# - let keys and values travel, so that no process has to hold them all,
# - say from two numbers whether one more machine helps,
# - kill a process in the middle of a training, and lose nothing.

# %%
import sys

sys.path.insert(0, "..")
print("PyTorch is loading, which takes a few seconds.", flush=True)

import torch

from utils import data, plots
from utils.checks import check, claim

torch.manual_seed(0);

# %%
import functools
import math
import os
import subprocess
import tempfile
from pathlib import Path

import torch.distributed as dist
from torch import nn
from torch.nn import functional as F

from utils import costs, models, training
from utils.predictions import predict
from utils.processes import Deadlock, launch, simulate

torch.set_num_threads(1)
text = data.source_code().train[:300_000]

# %% [markdown] slide="slide"
# A model may be too large for one GPU, or its training too long. Then many GPUs work together, and each is driven by a **process**: a running program with a memory of its own. All processes run the *same* program. Each knows its number, its **rank**, and how many there are. What one of them has, another one gets only if both ask for it: one sends, the other receives.
#
# `launch` runs a function of this notebook on two processes of this machine. It hands the function a `group`: the processes that belong together. The group knows this process's rank and its own size, and every call that talks to others is told which group. They compute on the CPU, and they talk through `torch.distributed`, by the same calls that a thousand GPUs use. The first time, each of them has to load PyTorch. (This was run on Linux. macOS and Windows have the same calls, and nobody has tried this chapter there yet; whatever does not end is ended after a minute.)


# %% slide="fragment"
def hello(group):
    x = torch.tensor([group.rank() + 1.0])
    had = x.item()
    dist.all_reduce(x, group=group)
    return f"rank {group.rank()} of {group.size()} had {had:.0f}, and now has {x.item():.0f}"


for line in launch(hello):
    print(line)

# %% [markdown]
# `dist.all_reduce` adds up a tensor over all ranks, in place, and leaves the sum with each of them. A call that all ranks make together is a **collective**.

# %% slide="slide"
predict(
    "Rank 1 leaves its all_reduce out, by mistake. What does rank 0 get from its own call?",
    "its own number, as it was", "an error at once, since rank 1 is missing", "nothing: it waits",
)


# %% slide="fragment"
def forgets(group):
    x = torch.ones(1)
    if group.rank() == 0:
        dist.all_reduce(x, group=group)


try:
    simulate(forgets)
except Deadlock as error:
    told = str(error)
print(told)
claim("rank 0 waits for rank 1", "rank 0 waits for rank 1" in told)

# %% slide="fragment"
predict.answer(
    "nothing: it waits",
    "because it cannot know that rank 1 will never come, as long as that one lives. Such a wait for each "
    "other, or for nobody, is called a **deadlock**.",
)

# %% [markdown]
# `simulate` is `launch` without processes. The ranks take turns within this one, so nothing has to start, a deadlock is known at once, and all that is sent can be counted. It returns the results, and a record of what was sent. Both hand on to the function what stands after it, before the group; and `processes=3` makes three ranks. Your exercises are checked with it, and the counts below come from it. (Between real processes, a rank that has *ended* closes its connections, and who waits for it gets an error. One that is busy elsewhere is waited for until a time limit.)
#
# ## Half a batch each
#
# The gradient of a mean loss is the mean of the gradients of its examples. So if two ranks have the same model, and each computes the gradient for half of the batch, *one sum over the ranks* gives both of them the gradient of the whole batch. Both take the same step, and their models stay the same. This is **data parallelism**.
#
# By hand: rank 0 has two examples, with losses 1 and 3; rank 1 has one, with loss 5. The mean of all three is 3. But the ranks' own means are 2 and 5, and the mean of these is 3.5: the third example would count twice as much as the others. So each rank's mean is multiplied by its number of examples, and divided by the number of all: 2 · 2/3 + 5 · 1/3 = 3.

# %% [markdown] slide="slide"
# ### Exercise 11.1 · The gradient of all examples  (8 minutes, about 7 lines)
# Every rank has the same model and its own part of the batch. Leave in each parameter's `.grad` the gradient of the mean loss over the examples of *all* ranks together, so that every rank takes the same step. `loss(model, *batch)` is the mean over this rank's own examples, and one rank may have more of them than another. A collective is called by all ranks, in the same order: so a parameter that this rank's loss does not use, and whose `.grad` is None after `backward`, takes part with zeros.
#
# <details><summary>Hint 1</summary>A mean times its number of examples is a sum. So <code>loss(model, *batch) * len(batch[0]) / count</code>, with the <code>count</code> of all ranks, is this rank's part of the whole mean, and parts are added.</details>
# <details><summary>Hint 2</summary>All ranks together have <code>count</code> examples: put your own number into a tensor and <code>dist.all_reduce(count, group=group)</code>. It changes its tensor in place.</details>

# %% exercise="data_parallel_gradient" slide="fragment"
def data_parallel_gradient(model, loss, batch, group):
    """Leave in each parameter's .grad the gradient of the mean loss over the examples of all ranks together.

    batch is this rank's part, a tuple of tensors (b, …); b may differ from rank to rank. loss(model, *batch) is
    the mean over these b. A parameter that this rank's loss does not use takes part with zeros. Old gradients
    do not count.
    """
    # BEGIN SOLUTION
    count = torch.tensor(float(len(batch[0])))
    dist.all_reduce(count, group=group)  # the examples of all ranks
    model.zero_grad()
    (loss(model, *batch) * len(batch[0]) / count).backward()
    for parameter in model.parameters():
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
        dist.all_reduce(parameter.grad, group=group)
    # END SOLUTION


# %%
data_parallel_gradient = check("data_parallel_gradient", data_parallel_gradient)

# %% [markdown] tags=["solution"]
# The mean of means would weigh an example of a small part more than one of a large part. And whoever skips a parameter leaves the others waiting, or worse: they add its neighbour's gradient in its place.

# %% [markdown]
# Now train with it: chapter 08's model, made small, 20 steps of 32 texts; two ranks take 16 each. Beside it stands PyTorch's own `DistributedDataParallel` (**DDP**), which sends gradients in bundles, each as soon as it is complete, while the way back goes on (all of this small model fits into one); and three mistakes. The optimizer is the plain one of chapter 03, SGD.

# %% slide="slide"
predict(
    "By mistake, both ranks take the same half of each batch. What training comes out?",
    "the one with the whole batch",
    "exactly the one with half the batch",
    "one twice as fast as with the whole batch",
)


# %%
def leave_gradient(how, model, rows, group):
    if how in ("your sum", "the same half"):
        data_parallel_gradient(model, models.text_loss, (rows,), group)
        return
    model.zero_grad()
    models.text_loss(model, rows).backward()
    if how == "added, not averaged":
        for parameter in model.parameters():
            dist.all_reduce(parameter.grad, group=group)


PLAIN = functools.partial(torch.optim.SGD, lr=0.5)


def trained(how, group=None, rows=32, rule=PLAIN):
    """The loss of each step on its whole batch, and all parameters at the end."""
    rank, ranks = (group.rank(), group.size()) if group else (0, 1)
    torch.manual_seed(0)
    model, losses = models.LanguageModel(256, 64, 4, 2, 64), []
    model = nn.parallel.DistributedDataParallel(model) if how == "DDP" else model
    optimizer = rule(model.parameters())
    for _, (tokens,) in zip(range(20), data.windows(text, 64, 32, seed=0), strict=False):
        with torch.no_grad():
            losses.append(models.text_loss(model, tokens).item())
        part = 0 if how == "the same half" else rank
        leave_gradient(how, model, tokens[:rows].chunk(ranks)[part], group)
        optimizer.step()
    return torch.tensor(losses), nn.utils.parameters_to_vector(model.parameters()).detach()


# %% [markdown]
# Eight trainings, about ten seconds.

# %% slide="slide"
ways = ["your sum", "DDP", "the same half", "no sum at all", "added, not averaged"]
whole, half = trained("alone")[0], trained("alone", rows=16)[0]
double = trained("alone", rule=functools.partial(torch.optim.SGD, lr=1.0))[0]
runs = {how: launch(trained, how) for how in ways}  # for each rank its losses and parameters


def furthest(how, losses):
    return (runs[how][0][0] - losses).abs().max()


print("largest difference:       from the whole batch   from half of it   between the ranks' parameters")
for how, ((_, one), (_, other)) in runs.items():
    print(f"{how:24}{furthest(how, whole):22.1e}{furthest(how, half):18.1e}{(one - other).abs().max():33.1e}")

# %%
claim("your sum: the same training as alone, but for rounding", furthest("your sum", whole) < 1e-3)
claim("DDP: the same", furthest("DDP", whole) < 1e-3)
claim("the same half on both: the training with half the batch", furthest("the same half", half) < 1e-3)
claim("and another one than with the whole", furthest("the same half", whole) > 0.1)
(_, one), (_, other) = runs["no sum at all"]
claim("without a sum there are two models", (one - other).abs().max() > 0.01)
claim("added: the training with the rate doubled", furthest("added, not averaged", double) < 0.05)
claim("which is another one", furthest("added, not averaged", whole) > 0.5)

# %% slide="fragment"
predict.answer(
    "exactly the one with half the batch",
    "because the mean of two equal gradients is that gradient. Two machines then do what one does, twice; so "
    "each rank needs other examples, which is easily forgotten when every process starts with the same seed.",
)

# %% slide="slide"
lines = {"alone, or with your sum": whole, "the same half": runs["the same half"][0][0]}
lines |= {"added, not averaged": runs["added, not averaged"][0][0]}
plots.curves(range(1, 21), lines, "steps", "loss on the whole batch, nats");

# %% [markdown] slide="fragment"
# *Added instead of averaged, the gradient is twice as long, so the first steps go too far. In the end it may be higher or lower, as with any other rate.*
#
# None of these mistakes raises an error. And with Adam, which nearly everybody uses, one of them can hardly be seen (six trainings, about ten seconds):

# %% slide="slide"
rules = {"SGD": PLAIN, "Adam": functools.partial(torch.optim.Adam, lr=5e-3)}
rules["Adam without its division"] = functools.partial(torch.optim.Adam, lr=1.0, eps=1.0)
torch.manual_seed(0)
start = nn.utils.parameters_to_vector(models.LanguageModel(256, 64, 4, 2, 64).parameters()).detach()
gaps, lasts, moved = {}, {}, {}
for name, rule in rules.items():
    alone, end = trained("alone", rule=rule)
    added = launch(lambda rule, group: trained("added, not averaged", group, rule=rule), rule)[0][0]
    gaps[name], lasts[name], moved[name] = (added - alone).abs().max(), alone[-1], (end - start).norm()
    print(f"{name:26} added: loss off by up to {gaps[name]:.3f};", end=" ")
    print(f"averaged: ends at {lasts[name]:.2f}, {moved[name]:.1f} from the start")

# %%
claim("Adam hides the wrong sum", gaps["Adam"] < 0.1 < 0.5 < gaps["SGD"])
claim("its division does, not its memory", gaps["Adam without its division"] > 0.5)
claim("nor small steps: the control goes less far", moved["Adam without its division"] < moved["Adam"])
claim("and its loss falls as far", lasts["Adam without its division"] < lasts["Adam"] + 0.05)

# %% [markdown]
# Adam divides each gradient by the size that it usually has, so a factor of two falls out. The third line is the control: Adam divides by √v + ε, where √v is that size; with ε = 1, well above it, the division is by nearly the same number for all, so the rate is set anew, such that the loss falls at least as far. Then the mistake shows, although the steps are smaller than Adam's.
#
# ## A ring
#
# `all_reduce` has to be made of messages. The simplest way goes through one rank: all send their x to rank 0, and it sends the sum back to all. With n ranks, n − 1 copies come in at rank 0 and n − 1 go out, and the others wait. In a **ring**, each rank sends to the rank after it, and receives from the rank before. One such step:


# %%
def exchange(x, group, step=1):
    """What the rank before has, while x goes to the rank after."""
    x = x.contiguous()  # as one run of memory, which is what can be sent
    received = torch.empty_like(x)
    after, before = (group.rank() + step) % group.size(), (group.rank() - step) % group.size()
    sending = dist.isend(x, group=group, group_dst=after)
    dist.recv(received, group=group, group_src=before)
    sending.wait()
    return received


def sends_first(x, group):
    dist.send(x, group=group, group_dst=(group.rank() + 1) % group.size())
    received = torch.empty_like(x)
    dist.recv(received, group=group, group_src=(group.rank() - 1) % group.size())
    return received


results, _ = simulate(lambda group: exchange(torch.tensor([10 * group.rank()]), group).item(), processes=3)
print("what each rank got:", results)
try:
    simulate(sends_first, torch.ones(1), processes=3)
except Deadlock as error:
    print("with `send` in place of `isend`:", *str(error).split("; "), sep="\n  ")

# %% [markdown]
# `isend` begins to send and returns at once, and its `wait` returns when the other side has taken it. `send` waits straight away. If all wait until the next one takes what they send, nobody comes to receive. `group_dst` is the rank that something goes to, and `group_src` the rank that it comes from.
#
# How does a ring add up? If every rank's x went round as a whole, each would send n − 1 copies. If one sum went round, only one wire would work at a time. So x is cut into n **chunks**, and all wires work at a time. With three ranks, and chunks a, b, c of each; a row shows what its steps have changed:
#
# | | rank 0 | rank 1 | rank 2 |
# |---|---|---|---|
# | at first | a₀ b₀ c₀ | a₁ b₁ c₁ | a₂ b₂ c₂ |
# | step 1: 0 sends a, 1 sends b, 2 sends c | c₀+c₂ | a₀+a₁ | b₁+b₂ |
# | step 2: 0 sends c, 1 sends a, 2 sends b | b₀+b₁+b₂ | c₀+c₁+c₂ | a₀+a₁+a₂ |
# | steps 3 and 4: the sums go round | a b c | a b c | a b c |
#
# In 2 · 2 steps each rank has sent four chunks, a third of x each: 4/3 of x.

# %% [markdown] slide="slide"
# ### Exercise 11.2 · All-reduce in a ring  (12 minutes, about 9 lines)
# Add up a tensor over all n ranks, with messages between neighbours alone. Cut x into n chunks. In the first n − 1 steps every rank passes one chunk on and adds its own numbers to the one that comes in, so that at last each rank has one chunk whose sum is complete. In n − 1 further steps the complete chunks go round. `exchange(x, group)` sends x to the rank after and returns what the rank before has sent. Each rank sends 2 (n − 1) chunks, that is 2 (n − 1) / n times the bytes of x: the check counts.
#
# <details><summary>Hint 1</summary>In step s, send chunk <code>(rank - s) % n</code>. What arrives is chunk <code>(rank - s - 1) % n</code>, since that is what the rank before sends in this step.</details>
# <details><summary>Hint 2</summary>After that rank r has the whole sum of chunk r + 1. So in step s of the second round send <code>(rank - s + 1) % n</code>, and what arrives takes the place of chunk <code>(rank - s) % n</code>.</details>

# %% exercise="ring_all_reduce" slide="fragment"
def ring_all_reduce(x, group):
    """The sum over all ranks of x (N,), by messages between neighbours alone. x stays as it is.

    N is a multiple of the number n of ranks. Each rank sends 2 (n - 1) / n times the bytes of x.
    """
    # BEGIN SOLUTION
    n, rank = group.size(), group.rank()
    chunks = list(x.chunk(n))
    for step in range(n - 1):  # every chunk goes round, and each rank adds its own to it
        place = (rank - step - 1) % n
        chunks[place] = chunks[place] + exchange(chunks[(rank - step) % n], group)
    for step in range(n - 1):  # rank r has the whole sum of chunk r + 1: now the sums go round
        chunks[(rank - step) % n] = exchange(chunks[(rank - step + 1) % n], group)
    return torch.cat(chunks)
    # END SOLUTION


# %%
ring_all_reduce = check("ring_all_reduce", ring_all_reduce)

# %% [markdown] tags=["solution"]
# `chunk` gives views of x, so `chunks[place] += …` would write into x. `chunks[place] = chunks[place] + …` makes a new tensor.

# %%
from utils.processes import through_rank_0


def whole_copies(x, group):
    total, guest = x, x
    for _ in range(group.size() - 1):
        guest = exchange(guest, group)
        total = total + guest
    return total


def copies_sent(way, ranks):
    """By the rank that sends the most, and by all, in copies of x; x differs from rank to rank."""
    results, record = simulate(lambda group: way(torch.arange(96.0) * group.rank(), group), processes=ranks)
    assert all(torch.allclose(each, results[0]) for each in results)
    sent = [record.sent(rank) / (4 * 96) for rank in range(ranks)]
    return max(sent), sum(sent)


# %% slide="slide"
ways = {"ring": ring_all_reduce, "whole copies around": whole_copies, "through rank 0": through_rank_0}
counts = {name: [copies_sent(way, ranks) for ranks in (2, 4, 8, 16)] for name, way in ways.items()}
print("copies of x sent by the busiest rank (by all), ranks:    2             4             8            16")
for name, row in counts.items():
    print(f"{name:44}" + "".join(f"{most:8.3f} ({total:3.0f})" for most, total in row))
rings = [counts["ring"][i][0] == 2 * (n - 1) / n for i, n in enumerate((2, 4, 8, 16))]
claim("in a ring each rank sends 2 (n − 1) / n copies of x, below two however many there are", all(rings))
star = [most for most, _ in counts["through rank 0"]]
claim("through rank 0 the busiest sends n − 1", star == [1, 3, 7, 15])
same = all(ring[1] == rank_0[1] for ring, rank_0 in zip(counts["ring"], counts["through rank 0"], strict=True))
claim("and all together send the same", same)

# %% [markdown]
# So the ring wins where each rank has a wire of its own, since its busiest wire carries so little. On one machine, where all ranks share one memory, the total counts as well, and it is the same: expect little of the ring here. A ring has a price as well: 2 (n − 1) messages after each other, each with its delay. Libraries therefore have trees beside rings.
#
# Follow your own program: whose numbers are in which chunk, and how much has been sent?

# %% slide="slide"
from utils import widgets

figure = widgets.RingSum({"ring": ring_all_reduce, "through rank 0": through_rank_0})
figure

# %% [markdown]
# *Four ranks, step by step. Each row in a circle is a chunk. It fills up with one part for each rank whose numbers it has; after half of the steps each rank has one full chunk, and then the full ones go round.*
#
# ## Keys that travel
#
# A long text can be too much for one GPU: not the weights, but the keys and values of all its tokens. So the *sequence* is cut, and each rank has a part of the queries, keys and values. A query still has to ask all keys. If every rank gathered them all, each would hold those of the whole text again. (That can be worth it where they are small: Llama 3 was trained so, Grattafiori et al. 2024, section 3.3.2.) But a lookup can be made in parts and merged (chapter 09), so the parts can come one after the other: keys and values travel once around the ring, and each rank merges what its queries find. This is **ring attention**.
#
# The two functions of chapter 09 that it needs, for any number of axes in front:


# %%
def partial_attention(query, key, value, mask=None):
    """(largest (…, Tq, 1), total (…, Tq, 1), sums (…, Tq, Dv)) of the queries for these keys alone."""
    scores = query @ key.mT / math.sqrt(query.size(-1))  # (…, Tq, Tk)
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    largest = scores.amax(-1, keepdim=True)
    exps = torch.exp(scores - largest.masked_fill(largest == -math.inf, 0))  # a query may see no key here
    return largest, exps.sum(-1, keepdim=True), exps @ value


def merge_partials(one, other):
    """The two as one: each is brought to the common largest score."""
    largest = torch.maximum(one[0], other[0])
    a, b = (torch.exp(part[0] - largest.masked_fill(largest == -math.inf, 0)) for part in (one, other))
    return largest, one[1] * a + other[1] * b, one[2] * a + other[2] * b

# %% [markdown] slide="slide"
# ### Exercise 11.3 · Ring attention  (12 minutes, about 9 lines)
# The sequence is cut into n parts, one for each rank. A rank keeps its queries; keys and values travel once around the ring. What each block, that is one rank's keys and values, contributes is merged with what is there already, as in chapter 09. Three functions from above do the parts: `exchange(x, group)`; `partial_attention(query, key, value, mask)`, which gives a block's (largest, total, sums), and −∞, 0, 0 to a query that sees none of its keys; and `merge_partials(one, other)`. `positions` says which places of the sequence this rank has. With `causal`, the places of the keys have to travel with them. Every rank exchanges n − 1 times, even where its own queries see nothing of a block, since the ranks after it need that block. No rank holds more than two parts of keys and values at a time.
#
# <details><summary>Hint 1</summary>Begin with your own block. Then exchange, look up, merge, n − 1 times. Divide once, at the end.</details>
# <details><summary>Hint 2</summary>If <code>here</code> are the places of the keys that are here now, <code>here &lt;= positions[:, None]</code> is the mask.</details>

# %% exercise="ring_attention" slide="subslide"
def ring_attention(query, key, value, positions, group, causal=False):
    """Context (…, T/n, Dv) of this rank's queries for keys and values of all ranks, which travel once around.

    query, key (…, T/n, Dk) and value (…, T/n, Dv) are this rank's part, positions (T/n,) its places in the
    sequence. causal: a query sees keys at its own place and before. No rank holds more than two parts of keys
    and values.
    """
    # BEGIN SOLUTION
    found, here = None, positions  # the places of the keys that are here now
    for step in range(group.size()):
        mask = here <= positions[:, None] if causal else None  # (T/n, T/n)
        part = partial_attention(query, key, value, mask)
        found = merge_partials(found, part) if found else part
        if step < group.size() - 1:
            key, value, here = exchange(key, group), exchange(value, group), exchange(here, group)
    _, total, sums = found
    return sums / total
    # END SOLUTION


# %%
ring_attention = check("ring_attention", ring_attention)

# %% [markdown] tags=["solution"]
# After the last block nothing is sent any more: the rank after has seen all of it by then.

# %%
query, key, value = (torch.randn(2, 3, 64, 8, dtype=torch.float64) for _ in range(3))  # (B, H, T, D)
plain = {way: F.scaled_dot_product_attention(query, key, value, is_causal=way) for way in (False, True)}


def in_order(length, ranks):
    return torch.arange(length).view(ranks, -1)


def looked_up(positions, causal, group):
    here = positions[group.rank()]
    return ring_attention(query[..., here, :], key[..., here, :], value[..., here, :], here, group, causal)


worst = 0
for causal in (False, True):
    for ranks in (2, 4):
        places = in_order(64, ranks)
        parts, _ = simulate(looked_up, places, causal, processes=ranks)
        wanted = [plain[causal][..., here, :] for here in places]
        worst = max(worst, *((x - y).abs().max() for x, y in zip(parts, wanted, strict=True)))
print(f"largest difference from one process: {worst:.1e}")
claim("2 ranks or 4, causal or not: what one process computes", worst < 1e-12)
results = launch(looked_up, in_order(64, 2), True)
claim("and so do two real processes", torch.allclose(torch.cat(results, 2), plain[True], atol=1e-12))

# %% [markdown]
# What has to be held at a time? Each rank keeps 256 tokens, and the sequence grows with the ranks. Beside your ring, a rank that gathers all keys and values first:


# %%
def gathered(query, key, value, positions, group, causal=False):
    pairs = torch.cat([key, value], -1)
    parts = [torch.empty_like(pairs) for _ in range(group.size())]
    dist.all_gather(parts, pairs, group=group)
    key, value = torch.cat(parts, -2).chunk(2, -1)
    return F.scaled_dot_product_attention(query, key, value)


def most_bytes(way, group):
    part = torch.randn(3, 1, 8, 256, 64)
    return costs.most_at_once(lambda: way(*part, torch.arange(256), group))


held = {}
for name, way in {"your ring": ring_attention, "gathered": gathered}.items():
    held[name] = [max(simulate(most_bytes, way, processes=ranks)[0]) / 1e6 for ranks in (2, 4, 8)]
    print(f"{name:12} MB of new tensors at once, 2, 4 and 8 ranks: {[f'{mb:.1f}' for mb in held[name]]}")
two, _, eight = held["your ring"]
claim("what your ring holds does not grow with the ranks", eight < 1.2 * two)
claim("what is gathered does", held["gathered"][2] > 2 * held["gathered"][0])

# %% [markdown]
# With two ranks your ring holds more, not less: most of that is the scores of one block and their exponentials, which PyTorch's own attention does not keep as a whole (chapter 09).
#
# To train with it, gradients have to travel back. A message to the right becomes, on the way back, a message to the left: what the next rank did with my keys is what my keys' gradient is made of. In PyTorch that is a function with a backward pass of its own, called by `apply` (chapter 09).


# %%
class Travel(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, group):
        ctx.group = group
        return exchange(x, group)

    @staticmethod
    def backward(ctx, gradient):
        return exchange(gradient, ctx.group, step=-1), None


def trainable_ring(query, key, value, group):
    found = partial_attention(query, key, value)
    for _ in range(group.size() - 1):
        key, value = Travel.apply(key, group), Travel.apply(value, group)
        found = merge_partials(found, partial_attention(query, key, value))
    return found[2] / found[1]


# %%
def gradients(group):
    part = [x.chunk(group.size(), 2)[group.rank()].clone().requires_grad_() for x in (query, key, value)]
    trainable_ring(*part, group).square().sum().backward()
    return [x.grad for x in part]


whole = [x.clone().requires_grad_() for x in (query, key, value)]
F.scaled_dot_product_attention(*whole).square().sum().backward()
found = [torch.cat(each, 2) for each in zip(*launch(gradients), strict=True)]
gap = max((x.grad - y).abs().max() for x, y in zip(whole, found, strict=True))
print(f"largest difference of a gradient, two processes against one: {gap:.1e}")
claim("the gradients of all three are those of one process", gap < 1e-12)

# %% [markdown]
# And what is held now?


# %%
def there_and_back(*part_and_group):
    *part, _, group = part_and_group
    trainable_ring(*(x.requires_grad_() for x in part), group).square().sum().backward()


trained_with = [max(simulate(most_bytes, there_and_back, processes=ranks)[0]) / 1e6 for ranks in (2, 4, 8)]
print("MB of new tensors at once, 2, 4 and 8 ranks:", [f"{mb:.1f}" for mb in trained_with])
claim("with gradients it grows with the ranks after all", trained_with[2] > 3 * trained_with[0])

# %% [markdown]
# For the way back, PyTorch keeps every part that came by, with its weights. Ring attention as published keeps neither: on the way back keys and values go round once more, and weights are computed anew, as in chapter 09.

# %% [markdown]
# A causal mask spoils the balance. The ranks go in step, since each needs what the one before passes on; so a step takes as long as the rank with the most work.

# %% slide="slide"
predict(
    "Causal, four ranks, and rank r has the r-th quarter of the text. Whose queries see the most keys?",
    "rank 0's", "rank 3's", "all the same: each has a quarter of the queries",
)

# %% slide="fragment"
quarters = in_order(16, 4)
seen = [(torch.arange(16) <= quarter[:, None]).sum().item() for quarter in quarters]
print("of 16 places, keys that each rank's queries see:", seen)
claim("the last rank's queries see the most, over five times as many as the first's", seen[3] > 5 * seen[0])

# %% slide="fragment"
predict.answer(
    "rank 3's",
    "because its queries come last, and see nearly everything. In no step does another rank have more, so it "
    "would help nothing to pass keys on early.",
)

# %% [markdown] slide="slide"
# In all, 136 pairs of a query and a key that it sees: each rank should have 34.
#
# ### Exercise 11.4 · Zigzag  (5 minutes, about 2 lines)
# Which places of the sequence should each rank have, so that all have the same causal work? Cut them into 2n stretches. Rank r takes the r-th from the front, whose queries see little, and the r-th from the back, whose queries see much. `length` is a multiple of 2n.
#
# <details><summary>Hint 1</summary><code>torch.arange(length).view(2 * ranks, -1)</code> has a stretch in each row.</details>
# <details><summary>Hint 2</summary><code>flip(0)</code> turns the order of rows round; within a stretch the places stay in their order.</details>

# %% exercise="zigzag" slide="fragment"
def zigzag(length, ranks):
    """Positions (ranks, length / ranks) for equal causal work: of 2n stretches, the r-th from either end.

    First the one from the front, then the one from the back, so that each rank's places ascend.
    """
    # BEGIN SOLUTION
    stretches = torch.arange(length).view(2 * ranks, -1)
    return torch.cat([stretches[:ranks], stretches[ranks:].flip(0)], 1)
    # END SOLUTION


# %%
zigzag = check("zigzag", zigzag)

# %% [markdown] tags=["solution"]
# Stretch r and stretch 2n − 1 − r: the first sees as much less than the middle as the second sees more.

# %%
from utils.processes import trace_attention

# pairs: a query and a key that it sees; in each step the rank with the most of them counts
print("pairs in step, over an equal share:      2 ranks   4 ranks   8 ranks")
for name, order in {"in order": in_order, "zigzag": zigzag}.items():
    traces = [trace_attention(ring_attention, order(256, n)) for n in (2, 4, 8)]
    over = [trace.lockstep_over_ideal() for trace in traces]
    print(f"{name:41}" + "".join(f"{each:7.3f}   " for each in over))
    if name == "in order":
        claim("in order, four ranks take three quarters longer than an equal share", 1.7 < over[1] < 1.8)
        busiest = (4 * traces[1].pairs.sum(0).max() / traces[1].pairs.sum()).item()
        claim("as long as the last rank would if it never waited", abs(busiest - over[1]) < 1e-6)
claim("in zigzag, all have the same in every step", max(over) < 1.02)

# %% slide="slide"
work = widgets.RingAttention(ring_attention, {"in order": in_order, "zigzag": zigzag})
work

# %% [markdown]
# *Rows are queries, columns are keys. In order, half of the ranks' work is masked, and they idle; in zigzag no rank ever waits.* To gain the time, what is masked must not be computed. Your function computes whole blocks and throws the masked scores away; kernels for many GPUs leave them out.
#
# ## Heads and states, shared out
#
# A *model* may be too large for one GPU. Then its weights are cut. Attention is easily cut into heads, since they meet only in W_o: the columns of W_o that belong to a head take that head's context, and the output is the *sum* over heads. So each rank has some heads, computes their part of the output, and one `all_reduce` adds the parts. This is **tensor parallelism**. The two maps of the MLP after attention, `up` and `down`, are cut in the same way: the rows of one, the columns of the other.

# %% [markdown] slide="slide"
# ### Exercise 11.5 · Heads, shared out  (8 minutes, about 5 lines)
# Heads do not need each other until W_o. So each rank can have some of them: it has the rows of W_q, W_k and W_v that make its `heads` heads, and the columns of W_o that take them. What a rank's heads contribute to the output is then added over all ranks. Scores are divided by √Dk, where Dk is the width of *one* head. There is no mask.
#
# <details><summary>Hint 1</summary><code>(x @ W_q.T).unflatten(-1, (heads, -1)).transpose(1, 2)</code> is (B, heads, T, Dk); <code>context.transpose(1, 2).flatten(2)</code> puts the heads side by side again.</details>
# <details><summary>Hint 2</summary>How often is the bias in the sum, if every rank adds it before?</details>

# %% exercise="parallel_heads" slide="fragment"
def parallel_heads(x, W_q, W_k, W_v, W_o, bias, heads, group):
    """Multi-head self-attention (B, T, D) of which this rank has `heads` heads; every rank returns the whole.

    x (B, T, D) is the same on all ranks. W_q, W_k, W_v (heads · Dk, D) are this rank's rows,
    W_o (D, heads · Dk) its columns, bias (D,) the whole model's.
    """
    # BEGIN SOLUTION
    query, key, value = ((x @ W.T).unflatten(-1, (heads, -1)).transpose(1, 2) for W in (W_q, W_k, W_v))
    context = F.scaled_dot_product_attention(query, key, value)  # (B, heads, T, Dk)
    output = context.transpose(1, 2).flatten(2) @ W_o.T  # (B, T, D), of this rank's heads
    dist.all_reduce(output, group=group)
    return output + bias
    # END SOLUTION


# %%
parallel_heads = check("parallel_heads", parallel_heads)

# %% [markdown] tags=["solution"]
# One all-reduce for a whole attention layer, of a tensor of the size of x, and in training one more on the way back, for the gradient of x: this is what tensor parallelism costs.

# %% [markdown] slide="slide"
# PyTorch cuts a finished model: `parallelize_module` gives each rank half of the rows of W_q, W_k and W_v (colwise, since it thinks of them as transposed) and half of the columns of W_o. Here for chapter 08's blocks, and for a version whose attention splits by the model's *number* of heads. Of half of the rows that makes four heads of half the width, where there should be two of the whole width. `init_device_mesh` names the ranks that share the module.


# %%
class ByNumber(models.SelfAttention):
    """Splits what W_q, W_k and W_v give into four heads, whatever its width."""

    def project(self, x, positions):
        query, key, value = (models.split_heads(W(x), 4) for W in (self.W_q, self.W_k, self.W_v))
        return models.rotary(query, positions), models.rotary(key, positions), value


def cut(attention, group):
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, parallelize_module

    torch.manual_seed(0)
    module, x, positions = attention(64, 4), torch.randn(2, 16, 64), torch.arange(16)
    whole = module(x, positions)
    plan = dict.fromkeys(("W_q", "W_k", "W_v"), ColwiseParallel()) | {"W_o": RowwiseParallel()}
    parallelize_module(module, init_device_mesh("cpu", (group.size(),)), plan)
    return ((module(x, positions) - whole).abs().max() / whole.abs().max()).item()


# %% slide="fragment"
found = {attention.__name__: launch(cut, attention)[0] for attention in (models.SelfAttention, ByNumber)}
print({name: f"{gap:.0e} of the largest number" for name, gap in found.items()})
claim("split by the width of a head: the same function on two ranks", found["SelfAttention"] < 1e-5)
claim("split by the number of heads: no error, and another function", found["ByNumber"] > 0.05)

# %% [markdown]
# There is another way to save memory. In data parallelism each rank has all parameters, their gradients, and Adam's two moments: four numbers for each parameter, and the same four on every rank. **FSDP** (fully sharded data parallel) keeps only a part of each on a rank. Before a block computes, its parameters are gathered; after it, they are dropped again; on the way back once more, and gradients are added up straight into their parts. What each rank holds after a step, counted:


# %%
def states(sharded, group):
    """Bytes of parameters, gradients and Adam's moments that this rank holds after a step."""
    from torch.distributed.fsdp import fully_shard

    torch.manual_seed(0)
    model, tokens = models.LanguageModel(256, 64, 4, 2, 64), torch.randint(256, (4, 64))
    for block in model.blocks if sharded else []:
        fully_shard(block)
    run = fully_shard(model) if sharded else nn.parallel.DistributedDataParallel(model)
    optimizer = torch.optim.Adam(model.parameters())
    models.text_loss(run, tokens).backward()
    optimizer.step()
    moments = [x for state in optimizer.state.values() for x in state.values() if x.numel() > 1]
    kinds = [model.parameters(), (x.grad for x in model.parameters()), moments]
    # a cut tensor has this rank's part in _local_tensor
    return [sum(getattr(x, "_local_tensor", x).nbytes for x in kind) for kind in kinds]


# %%
held = {name: launch(states, sharded) for name, sharded in {"DDP": False, "FSDP": True}.items()}
print("kB on each rank     parameters     gradients       moments")
for name, each in held.items():
    for rank, kinds in enumerate(each):
        print(f"{name:5} rank {rank}   " + "".join(f"{size / 1e3:14.0f}" for size in kinds))
halved = [2 * a == b for a, b in zip(held["FSDP"][0], held["DDP"][0], strict=True)]
claim("with FSDP each of two ranks holds half of everything", all(halved))

# %% [markdown]
# With 64 ranks it is a 64th. The price is travel: blocks are gathered twice in each step. Gradients go half the way of an all-reduce, since nobody needs the whole sum. Together that is half as much again as in DDP (Rajbhandari et al. 2020, section 7).
#
# ## What the wire allows
#
# When does one more GPU help? Two numbers decide: F, the operations a GPU does in a second, and B, the bytes that it can send in a second. Take data parallelism, with P parameters and t tokens for each GPU in a step:
# - The way back takes 4 operations for each parameter and token, a product and a sum for the gradient of the weight and as many for that of its input: 4 P t / F seconds.
# - The ring sends nearly two copies of the gradient, 4 bytes a number: 8 P / B seconds.
#
# Gradients travel while the way back goes on, so travelling costs nothing as long as 8 P / B ≤ 4 P t / F. P falls out: **t ≥ 2 F / B tokens for each GPU**, whatever the model's size. For ring attention, with keys and values in 16 bits, a part of t tokens takes 4 t² D operations, half for the scores and half for the sums, and brings 4 t D bytes: t ≥ F / B. (A causal mask in zigzag halves the operations and not the bytes, so it needs 2 F / B.)

# %% slide="slide"
F_GPU = 0.4 * 989e12  # operations a second
WIRES = {"NVLink": 450e9, "InfiniBand, one port a GPU": 50e9, "Ethernet, 10 Gb/s": 1.25e9}  # bytes a second
print("tokens for each GPU from which on       gradients       keys and values   travel unseen")
for name, B in WIRES.items():
    print(f"{name:34}{2 * F_GPU / B:15,.0f}{F_GPU / B:22,.0f}")

# %% [markdown]
# These are bounds on paper. The card is an NVIDIA H200: 989 · 10¹² operations a second in bfloat16, half of the 1,979 that are published "with sparsity" (several pages repeat it; the maker's own page could not be read here). Its NVLink, the wire between the GPUs of one machine, carries 900 GB/s both ways together ([as its maker states in MLPerf](https://github.com/mlcommons/inference_results_v4.1/blob/main/closed/NVIDIA/systems/H200-SXM-141GBx8_TRT_MaxQ.json)), so 450 one way; of these [376 to 380 were measured](https://github.com/NVIDIA/nccl/issues/1264) on its sister, the H100. An InfiniBand port, for the wire between machines, of 400 Gb/s ([ConnectX-7](https://docs.nvidia.com/networking/display/ConnectX7VPI/Introduction)) is 50 GB/s. That 40 % of the operations are reached is assumed; training Llama 3 reached 38 to 43 % (Grattafiori et al. 2024, table 4).
#
# So within one machine with NVLink, 8 GPUs share a batch of 14,000 tokens at no cost; across machines each GPU needs nine times as many; over plain Ethernet data parallelism of this kind is hopeless.
#
# ## A cluster, and a death
#
# On a cluster nobody opens a notebook on each machine. One writes a program in a file, and `torchrun` starts it once for each GPU. With 16,384 GPUs something broke every three hours (Grattafiori et al. 2024, section 3.3.4: 419 times in 54 days), so a training has to survive that: a checkpoint every so many steps, and all start anew from it. Here is such a program. At its 38th step, rank 1 kills itself, as the system would if memory ran out.

# %%
SCRIPT = """
import os, signal, sys
from pathlib import Path
import torch
from utils import data, models, training
from utils.training.checkpoints import Checkpoint
from utils.training.ranks import from_torchrun

torch.set_num_threads(1)
attempt, steps = int(os.environ["TORCHELASTIC_RESTART_COUNT"]), 0

def loss(model, tokens):
    global steps
    steps += 1
    if attempt == 0 and steps == 38 and os.environ["RANK"] == "1":
        os.kill(os.getpid(), signal.SIGKILL)
    return models.text_loss(model, tokens)

with from_torchrun() as ranks:
    torch.manual_seed(0)
    model, text = models.LanguageModel(256, 64, 4, 2, 64), data.source_code().train[:300_000]
    keep = Checkpoint(Path(sys.argv[1]), every=10)
    losses = training.train(model, data.windows(text, 64, 32, 0), loss, 60, checkpoint=keep, ranks=ranks)
    if ranks.first:
        print(f"attempt {attempt}: {steps} steps, last loss {losses[-1].item()!r}")
"""

# %% [markdown]
# `from_torchrun` reads rank and size, which torchrun puts into the environment; `train` then takes each rank's rows of every batch. The first rank writes the checkpoint, whole or not at all. When a process is gone, torchrun ends the other, and starts both again. About ten seconds.

# %% slide="slide"
command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]  # which is torchrun
command += ["--nproc-per-node=2", "--max-restarts=2", "--monitor-interval=0.2"]
environment = os.environ | {"PYTHONPATH": str(Path("..").resolve()), "OMP_NUM_THREADS": "1"}
if sys.platform == "win32":
    environment["USE_LIBUV"] = "0"  # PyTorch is built without it there
with tempfile.TemporaryDirectory() as folder:
    script, kept = Path(folder, "train.py"), Path(folder, "kept.pt")
    script.write_text(SCRIPT)
    command += [str(script), str(kept)]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=250)
assert ended.returncode == 0, ended.stderr[-2000:]
print(ended.stdout.strip())

# %% [markdown] slide="fragment"
# Thirty steps were in the checkpoint, so the second attempt takes the thirty after them. Is it the training that would have been without the death? (On GPUs it may differ in the last bits, since some of their kernels add in an order that changes.) The same on two processes of this notebook, where nobody dies:


# %%
def undisturbed(group):
    from utils.training.ranks import Ranks

    torch.manual_seed(0)
    model, batches = models.LanguageModel(256, 64, 4, 2, 64), data.windows(text, 64, 32, 0)
    ranks = Ranks(group.rank(), group.size())
    return training.train(model, batches, models.text_loss, 60, ranks=ranks)[-1].item()


last = launch(undisturbed)[0]
print(f"last loss {last!r}")
same = f"attempt 1: 30 steps, last loss {last!r}" in ended.stdout
claim("thirty steps in the second attempt, and the same last loss, bit for bit", same)

# %% [markdown]
# The course's own models are trained in this way by one command: `torchrun --nproc-per-node 8 -m utils.training.presets large-gpu --checkpoint large.pt`, in the project's folder; with `--sharded` by FSDP. For several machines, `utils/training/README.md` has the script.
#
# **Several GPUs.** What you wrote uses `group` only, so it is meant for GPUs as well: one process for each, the backend `nccl`, and every tensor that is sent on the rank's own GPU (a count, too). There PyTorch has `context_parallel` (on the CPU it refuses), which gathers keys and values unless `set_rotate_method` lets them go round. None of this was run here: everything above was two processes on one processor, where no time was gained, and none is claimed.
#
# ## Further · From 1 GPU to 4,096  (10 minutes)
#
# The bounds above say where travelling begins to show. How much do more GPUs help beyond?

# %% [markdown]
# ### Exercise 11.6 · Seconds of a step  (5 minutes, about 4 lines)
# How long does one training step take? All ranks share `tokens`. A token costs 6 operations for each parameter, a third of them forward and two thirds backward, and a rank does `operations` a second. Gradients are float32; in a ring each rank sends 2 (n − 1) / n times their bytes, at `bandwidth` bytes a second, and waits `latency` seconds for each of the 2 (n − 1) hops. They travel *behind* the backward pass, so whichever of the two takes longer counts.
#
# <details><summary>Hint 1</summary><code>compute = 6 * parameters * tokens / ranks / operations</code>.</details>
# <details><summary>Hint 2</summary>Two things at a time take as long as the longer one: <code>max(…, …)</code>. What has to come before both?</details>

# %% exercise="step_seconds"
def step_seconds(ranks, tokens, parameters, operations, bandwidth, latency=0.0):
    """Seconds of a training step on so many ranks that share its tokens.

    6 operations a parameter and token: a third forward, two thirds backward, with the ring all-reduce of
    float32 gradients behind the backward pass. operations and bandwidth (bytes) are each rank's, per second;
    latency is seconds a hop.
    """
    # BEGIN SOLUTION
    compute = 6 * parameters * tokens / ranks / operations
    hops = 2 * (ranks - 1)
    travel = hops / ranks * 4 * parameters / bandwidth + hops * latency
    return compute / 3 + max(compute * 2 / 3, travel)
    # END SOLUTION


# %%
step_seconds = check("step_seconds", step_seconds)

# %% [markdown] tags=["solution"]
# The operations shrink with the number of ranks, the bytes do not: with enough ranks the wire decides.

# %%
GPUS = [2**i for i in range(13)]


def speed_up(n, tokens, parameters, latency=5e-6):
    """Over one GPU; up to 8 in a machine by NVLink, beyond by InfiniBand, 5 µs for each hop (assumed)."""
    wire = WIRES["NVLink"] if n <= 8 else WIRES["InfiniBand, one port a GPU"]
    one = step_seconds(1, tokens, parameters, F_GPU, wire)
    return one / step_seconds(n, tokens, parameters, F_GPU, wire, latency)


cases = {"85 M parameters, 65,536 tokens": (65_536, 85e6), "85 M parameters, 4 M tokens": (4e6, 85e6)}
cases |= {"8 G parameters, 4 M tokens": (4e6, 8e9)}
lines = {name: [speed_up(n, *case) for n in GPUS] for name, case in cases.items()}
for name, line in lines.items():
    print(f"{name:32}" + "".join(f"{n:>7,} ×{up:<4.0f}" for n, up in zip(GPUS[3::3], line[3::3], strict=True)))

# %%
small = lines["85 M parameters, 65,536 tokens"]
claim("65,536 tokens: 8 GPUs are eight times as fast", small[3] > 7.99)
claim("and 16 fewer than six times", small[4] < 6)
gains = [
    [speed_up(4096, *case, latency) / speed_up(512, *case, latency) for case in cases.values()]
    for latency in (5e-6, 0)
]
claim("4,096 GPUs may be half as fast as 512", min(gains[0]) < 0.5)
claim("without the hops' delay they are not slower", min(gains[1]) >= 1)

# %%
plots.curves(GPUS, lines | {"as many times as GPUs": GPUS}, "GPUs", "times as fast as one", "xy");

# %% [markdown]
# *Each line follows the straight one until travelling shows, and then bends away. The lowest falls from 8 GPUs to 16, where the wire is slower; the lower two fall again in the end, since a ring's hops grow with the GPUs.* The smaller model stands for the preset `large-gpu`, with 65,536 tokens in a step: 8 GPUs are eight times as fast, and 16, on two machines, fewer than six times. Then more GPUs help only with more tokens in a step (which changes the training), with fewer bytes (gradients in 16 bits), or with a ring within each machine and one between machines.

# %%
predict.score()

# %% [markdown]
# ## In short
#
# - All processes run one program; a call of all together waits for all. A rank that leaves it out stops everyone.
# - Data parallelism: different rows, one sum of gradients, weighted by examples; the same training, but for rounding. Wrong sums raise no error, and Adam hides a factor.
# - In a ring each rank sends less than two copies of what is added up, however many ranks there are.
# - Keys and values can travel, since a lookup can be merged from parts; what a rank holds depends on its own part, if the way back computes anew. Causal work is equal in zigzag.
# - Heads share out well, as long as they are split by their width. FSDP keeps a part of parameters, gradients and moments on each rank, and pays by travel.
# - Another GPU costs nothing as long as each has 2 F / B tokens in a step.
# - With a checkpoint and `--max-restarts` a death costs the steps since then, and here not a bit.

# %% [markdown]
# ## Before you go on
#
# <details><summary>DDP with AdamW: somebody adds gradients instead of averaging them, and nobody notices. Why?</summary>Adam divides each gradient by its usual size, so a constant factor falls out.</details>
# <details><summary>Both ranks use the same seed for their data. What do you get for twice the machines?</summary>The training with half the batch.</details>
# <details><summary>Ring or rank 0: the same total of bytes. Where is the ring quicker, and where not?</summary>Where each rank has a wire of its own, the busiest wire counts, and in a ring none is busy. In one shared memory the total counts as well.</details>
# <details><summary>Why does a causal ring in order waste nearly half of the time?</summary>In each step the last ranks compute, and ranks whose queries come before the keys have nothing to do; all wait for the slowest.</details>
# <details><summary>Twice as many GPUs, the same batch, hardly faster. What would you change?</summary>The tokens for each GPU: a larger batch; or the bytes: gradients in fewer bits; or the wire.</details>

# %% [markdown]
# ## To read on
#
# - Li et al. 2020, [PyTorch Distributed](https://arxiv.org/abs/2006.15704): how DDP hides what it sends; Patarasuk and Yuan 2009, [Bandwidth optimal all-reduce algorithms](https://doi.org/10.1016/j.jpdc.2008.09.002).
# - Liu, Zaharia and Abbeel 2023, [Ring attention](https://arxiv.org/abs/2310.01889); Brandon et al. 2023, [Striped attention](https://arxiv.org/abs/2311.09431), another order for equal work.
# - Shoeybi et al. 2019, [Megatron-LM](https://arxiv.org/abs/1909.08053): tensor parallelism; Rajbhandari et al. 2020, [ZeRO](https://arxiv.org/abs/1910.02054): what FSDP came from.
# - Grattafiori et al. 2024, [The Llama 3 herd of models](https://arxiv.org/abs/2407.21783): section 3.3, how 16,384 GPUs were used, and what broke.
#
# Next: [12 The promise reread](12_the_promise_reread.ipynb), where the course began.
