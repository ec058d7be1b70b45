# %% [markdown] slide="slide"
# # 10 · Generation
#
# **135 minutes**, and 7 for what is called Further. You need [chapter 08](08_deep_attention_models.ipynb) (the language model, `sample`), and from [chapter 09](09_fast_attention.ipynb) that a byte has to be moved before it is used.
#
# After this chapter you can
# - make a model write at a speed that hardly depends on how much is there already,
# - say how many bytes that takes, and how many tokens a second a machine can write at most,
# - let heads share their keys, let a window forget, and say what each of them loses,
# - let a cheap model guess ahead of a good one, without changing what the good one would write,
# - run a published model through code that you know line by line.

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
import textwrap

from torch import nn
from torch.nn import functional as F

from utils import attention, costs, models, training
from utils.predictions import predict
from utils.training import kept

torch.set_num_threads(1)
text = data.source_code()
model = kept.text_model("cpu").cpu()  # as chapter 08 kept it; otherwise trained now, for some fifteen seconds

# %% [markdown] slide="slide"
# Chapter 08's model writes like this: it reads all that is there, gives the probabilities of the next byte, one is drawn and appended, and it reads all that is there once more.


# %% slide="fragment"
@torch.no_grad()
def write_anew(model, tokens, length, seed=0):
    """tokens (1, T) and `length` more; each of them takes a pass over all that is there."""
    draws = torch.Generator().manual_seed(seed)
    for _ in range(length):
        logits = model(tokens)[:, -1]
        tokens = torch.cat([tokens, models.sample(logits, 0.6, 40, draws)[:, None]], 1)
    return tokens


def bytes_of(string):
    return torch.tensor([list(string.encode())])


def string_of(tokens):
    return bytes(tokens[0].tolist()).decode(errors="replace")


print(string_of(write_anew(model, bytes_of("def read(self, size"), 40)))

# %% [markdown] slide="slide"
# To write the byte after 1,000 others, it computes 1,000 queries, keys and values in each layer. It has done that for 999 of these bytes a moment before, when the last one was not there.

# %% slide="fragment"
predict(
    "One more byte stands at the end. Which of the earlier keys and values are others than before?",
    "those of the last layer", "all of them", "none of them",
)


# %% slide="fragment"
@torch.no_grad()
def keys_and_values(model, tokens):
    """For each block the keys and values (1, H, T, Dk) of the tokens."""
    found, x, positions = [], model.embedding(tokens), torch.arange(tokens.size(1))
    for block in model.blocks:
        found.append(block.attention.project(block.norm_1(x), positions)[1:])
        x = block(x, positions)
    return found


stretch = text.held_out[None, 5000:5060].long()  # (1, 60)
before, after = keys_and_values(model, stretch[:, :-1]), keys_and_values(model, stretch)
before, after = ([x for pair in each for x in pair] for each in (before, after))  # keys and values alike
gaps = [(old - new[:, :, :-1]).abs().max() for old, new in zip(before, after, strict=True)]
claim("with one byte more, all earlier keys and values are as they were but for rounding", max(gaps) < 1e-3)

# %% slide="fragment"
predict.answer(
    "none of them",
    "because of the causal mask: what stands at a place depends on what is before it, in the first layer and "
    "so in every other.",
)

# %% [markdown] slide="slide"
# ## A dictionary that grows
#
# So keep them. A new token needs one new key and one new value for each head and layer. Its query asks *all* keys, old and new; the old queries have been answered, and nobody needs them again. Such a store is called a **KV cache**. It is a dictionary in the sense of chapter 01: entries are added, and a query asks for them.

# %% [markdown]
# Several tokens may come at once: the beginning that a model is to continue, its **prompt**, say. Then the block of new queries meets all keys so far, and its last query stands at the last key. By hand: three tokens are there, two more come. The first of the two may see four keys, the second five. As a mask (2, 5), True = may attend:
#
# | | 1 | 2 | 3 | 4 | 5 |
# |---|---|---|---|---|---|
# | token 4 | True | True | True | True | False |
# | token 5 | True | True | True | True | True |

# %% [markdown]
# ### Exercise 10.1 · KV cache  (12 minutes, about 9 lines)
# `append` adds the keys and values of n further tokens behind those that are there. `attend` takes the queries of the *last* n tokens and gives their contexts; the scores are divided by √D, as always. Each object has a cache of its own: a model has one for each layer.
#
# <details><summary>Hint 1</summary><code>torch.cat([self.key, key], 2)</code> appends along the tokens; at first there is nothing yet.</details>
# <details><summary>Hint 2</summary><code>torch.ones(n, T, dtype=torch.bool).tril(T - n)</code> is the mask: its diagonal is moved so that it ends in the last corner.</details>

# %% exercise="KVCache"
class KVCache:
    """Keys and values (B, H, T, D) of the tokens so far: append adds n more, attend asks with the last n.

    The last query stands at the cache's last token; each sees the tokens up to its own.
    """

    def __init__(self):
        # BEGIN SOLUTION
        self.key = self.value = None
        # END SOLUTION

    def append(self, key, value):
        """Add the keys (B, H, n, D) and values (B, H, n, Dv) of n further tokens."""
        # BEGIN SOLUTION
        self.key = key if self.key is None else torch.cat([self.key, key], 2)  # (B, H, T, D)
        self.value = value if self.value is None else torch.cat([self.value, value], 2)  # (B, H, T, Dv)
        # END SOLUTION

    def attend(self, query):
        """The context (B, H, n, Dv) of query (B, H, n, D)."""
        # BEGIN SOLUTION
        n, T = query.size(2), self.key.size(2)
        mask = torch.ones(n, T, dtype=torch.bool).tril(T - n)
        scores = query @ self.key.mT / math.sqrt(query.size(-1))  # (B, H, n, T)
        return scores.masked_fill(~mask, -math.inf).softmax(-1) @ self.value  # (B, H, n, Dv)
        # END SOLUTION


# %%
KVCache = check("KVCache", KVCache)

# %% [markdown] tags=["solution"]
# What `__init__` puts on `self` belongs to one cache. A list in the body of the class, to which `append` adds, would belong to all caches at once, and layer two would read layer one's.

# %% [markdown]
# Now the model has to use it. A rotary position belongs to a token's place in the *whole* text, so the first new token's position is the number of tokens that the caches hold. Keys are turned before they are kept: their place does not change any more.
#
# ### Exercise 10.2 · Decode  (15 minutes, about 9 lines)
# Logits for n further tokens, given one cache for each block. `len(cache)` says how many tokens a cache holds. The parts are chapter 08's: `model.embedding`, `model.blocks`, `model.norm`, `model.head`; in a block `norm_1`, `attention`, `norm_2`, `up`, `down`. `attention.project(x, positions)` gives query, key and value, the first two turned, and `attention.W_o` takes the heads' contexts side by side: `context.transpose(1, 2).flatten(2)`.
#
# <details><summary>Hint 1</summary>A block is <code>x = x + attention(norm_1(x))</code>, then <code>x = x + down(relu(up(norm_2(x))))</code>. Only the inside of attention changes.</details>
# <details><summary>Hint 2</summary>Append first, then attend: a token sees itself, too.</details>
# <details><summary>Hint 3</summary>Ask for the length before you append: <code>start = len(caches[0])</code>.</details>

# %% exercise="decode"
def decode(model, tokens, caches):
    """Logits (B, n, V) of n further tokens (B, n); caches, one for each block, grow by them.

    model is a LanguageModel. A cache has append(key, value), attend(query), and a length: the tokens it holds.
    Query and key are turned by their places in the whole text, which goes on where the caches end.
    """
    # BEGIN SOLUTION
    start = len(caches[0])
    positions = torch.arange(start, start + tokens.size(1))
    x = model.embedding(tokens)  # (B, n, d_model)
    for block, cache in zip(model.blocks, caches, strict=True):
        query, key, value = block.attention.project(block.norm_1(x), positions)  # (B, H, n, Dk)
        cache.append(key, value)
        context = cache.attend(query).transpose(1, 2).flatten(2)  # (B, n, d_model)
        x = x + block.attention.W_o(context)
        x = x + block.down(F.relu(block.up(block.norm_2(x))))
    return model.head(model.norm(x))  # (B, n, V)
    # END SOLUTION


# %%
decode = check("decode", decode)

# %% [markdown] tags=["solution"]
# Positions that began at 0 in every call would put each new token at the text's beginning. The shapes would fit, and the text would turn to mush.


# %%
class Counted:
    """Your cache, with a length."""

    def __init__(self):
        self.cache, self.held = KVCache(), 0

    def append(self, key, value):
        self.cache.append(key, value)
        self.held += key.size(2)

    def attend(self, query):
        return self.cache.attend(query)

    def __len__(self):
        return self.held


# %%
with torch.no_grad():
    caches = [Counted() for _ in model.blocks]
    pieces = [decode(model, piece, caches) for piece in stretch.split([23, 1, 1, 20, 15], 1)]
    whole = model(stretch)
same = torch.allclose(torch.cat(pieces, 1), whole, atol=1e-3)
claim("read in pieces, with your cache: the same logits as in one pass", same)

# %% [markdown]
# The course's `attention.KVCache` does the same and copies less: it sets room aside before it is needed, and `cut(n)` lets it forget all but its first n tokens. From here on it is used, and only times are measured, so a model with random numbers will do. How long does one more token take?

# %% slide="slide"
predict(
    "A text of 1,024 tokens instead of 64: without a cache the next token takes some twenty times as long. "
    "And with one?",
    "one to three times as long", "sixteen times as long", "twenty times as long, too",
)

# %%
wide = models.LanguageModel(256, 128, 4, 2, 2048).eval()
lengths, times = [64, 128, 256, 512, 1024], {"without a cache": [], "with a cache": []}


def caches_for(model):
    return [attention.KVCache() for _ in model.blocks]


@torch.no_grad()
def one_more(model, caches, tokens):
    """One further token, which the caches then forget again."""
    held = len(caches[0])
    decode(model, tokens, caches)
    for cache in caches:
        cache.cut(held)


# %% slide="subslide"
with torch.no_grad():
    for length in lengths:
        tokens, caches = torch.randint(256, (1, length)), caches_for(wide)
        decode(wide, tokens, caches)
        ways = [functools.partial(wide, tokens), functools.partial(one_more, wide, caches, tokens[:, :1])]
        for name, way in zip(times, ways, strict=True):  # apart: a long pass leaves the processor's cache cold
            times[name] += costs.milliseconds({name: way}, 9).values()
ax = plots.curves(lengths, times, "tokens before it", "milliseconds for a token", "xy")
ax.minorticks_off()
ax.set_xticks(lengths, lengths);

# %% [markdown] slide="fragment"
# *Without a cache a token takes the longer, the more are there. With one it takes hardly longer.*

# %%
without, with_cache = times.values()
for i in (0, -1):
    print(f"at {lengths[i]:5,} tokens: {without[i]:.1f} ms without, {with_cache[i]:.1f} with a cache")
claim("at 1,024 tokens the cache makes it over four times as fast", without[-1] > 4 * with_cache[-1])
claim("with a cache 1,024 tokens take less than four times the time of 64", with_cache[-1] < 4 * with_cache[0])

# %% slide="fragment"
predict.answer(
    "one to three times as long",
    "because the maps, the norms and the calls from Python are the same for one token; only its lookup grows,"
    " and that is a small part here.",
)

# %% [markdown]
# At 64 tokens the cache gains about a factor of two: what is left, half a millisecond on the machine that wrote this, is mostly Python and PyTorch, and hardly any arithmetic.
#
# Reading is another thing than writing. A prompt's tokens are all there, so they can be read in one pass, the **prefill**; after that comes a token at a time, the **decoding**.

# %%
with torch.no_grad():
    prompt = torch.randint(256, (1, 512))

    def read(pieces):
        caches = caches_for(wide)
        for piece in pieces:
            decode(wide, piece, caches)

    calls = {"at once": lambda: read([prompt]), "one by one": lambda: read(prompt.split(1, 1))}
    ms = costs.milliseconds(calls, 1)
print({name: f"{time:.0f} ms" for name, time in ms.items()}, "for 512 tokens")
claim("at once they take less than a fifth of the time", ms["at once"] < ms["one by one"] / 5)

# %% [markdown] slide="slide"
# ## Bytes
#
# A cache trades time for memory. How much?
#
# ### Exercise 10.3 · Bytes of a cache  (5 minutes, about 2 lines)
# Keys *and* values, for each layer and each head of keys, `d_head` numbers for each token. `batch` texts have a cache each. With a window, only the last `window` tokens of a text are kept, once it is that long.
#
# <details><summary>Hint</summary><code>min(tokens, window)</code>, if there is a window.</details>

# %% exercise="cache_bytes" slide="fragment"
def cache_bytes(layers, key_heads, d_head, tokens, batch=1, bytes_per_number=2, window=None):
    """Bytes of the keys and values that a model keeps for `batch` texts of `tokens` each.

    With a window, of each text's last `window` tokens only.
    """
    # BEGIN SOLUTION
    kept = tokens if window is None else min(tokens, window)
    return 2 * layers * key_heads * d_head * kept * batch * bytes_per_number
    # END SOLUTION


# %%
cache_bytes = check("cache_bytes", cache_bytes)

# %%
published = {  # layers, heads of keys, width of a head: from the models' own configurations
    "Llama 2 7B": (32, 32, 128),
    "Llama 3.1 8B": (32, 8, 128),
    "Llama 3.1 70B": (80, 8, 128),
    "Mistral 7B v0.1, window 4,096": (32, 8, 128),
}
print(f"{'in 16 bits':32}{'a token':>10}{'131,072 tokens':>17}")
for name, sizes in published.items():
    window = 4096 if "window" in name else None
    one, many = (cache_bytes(*sizes, tokens, window=window) for tokens in (1, 131_072))
    print(f"{name:32}{one / 2**10:6.0f} KiB{many / 2**30:13.1f} GiB")

# %% [markdown]
# Hundreds of kilobytes for a token, which stood there as three or four letters. At 131,072 tokens, if it could read so many, the first of these caches would be several times as large as the model (7 billion numbers of two bytes are 13 GiB).
#
# And bytes are time. To write *one* token, every weight of the model is read once from memory, used for one multiplication and one addition, and forgotten again; and so is every number of the cache. By chapter 09's roofline that is far left of any ridge. So there is a bound: a token cannot take less time than reading weights and cache takes, at the best rate at which memory can be read. Take a model whose weights do not fit into the *processor's* cache (chapter 09's; it has nothing to do with the KV cache but the name), and measure how fast this machine reads. (The embedding is not counted: of it a token reads one row.)

# %%
big = models.LanguageModel(256, 1024, 16, 3, 8192).eval()
weights = sum(parameter.numel() * 4 for name, parameter in big.named_parameters() if "embedding" not in name)
numbers = torch.randn(24 * 2**20)  # 96 MB
read = costs.milliseconds({"sum": numbers.sum}, 7)["sum"]
rate = numbers.numel() * 4 / read  # bytes per millisecond
print(f"{weights / 1e6:.0f} MB of weights, read at {rate / 1e6:.1f} GB/s:", end=" ")
print(f"about {weights / rate:.1f} ms for a token, if all is read as fast as a sum is")

# %% [markdown] slide="slide"
# Write a text, or write sixteen at the same time, each with a cache of its own. Every number of the weights now serves sixteen multiplications instead of one.

# %% slide="fragment"
predict(
    "Sixteen texts at the same time instead of one: how many tokens a second are written in all?",
    "more than twice as many", "about as many", "sixteen times as many",
)


# %%
def filled(model, batch, length):
    """Caches that hold random keys and values of so many tokens."""
    caches, heads = caches_for(model), model.blocks[0].attention.heads
    for cache in caches:
        cache.append(*torch.randn(2, batch, heads, length, 1024 // heads))
    return caches


# %% slide="subslide"
cases = [(1, 16), (4, 16), (16, 16), (1, 4096)]  # texts, tokens of each
calls = {}
for batch, length in cases:
    token = torch.zeros(batch, 1, dtype=torch.long)
    calls[batch, length] = functools.partial(one_more, big, filled(big, batch, length), token)
took = costs.milliseconds(calls, 3)
print("texts  tokens of each    cache       time      bound    tokens/s")
for (batch, length), ms in took.items():
    held = cache_bytes(3, 16, 64, length, batch, 4)
    bound = (weights + held) / rate
    print(f"{batch:5}{length:16,}{held / 1e6:6.0f} MB{ms:8.1f} ms{bound:8.1f} ms{1000 * batch / ms:12.0f}")

# %%
claim("sixteen texts at once: more than 2.5 times the tokens of one", 16 / took[16, 16] > 2.5 / took[1, 16])
claim("with 4,096 tokens in the cache a token takes longer than with 16", took[1, 4096] > took[1, 16])
del calls, big, numbers  # 350 MB

# %% slide="fragment"
predict.answer(
    "more than twice as many",
    "because sixteen share one reading of the weights. It is not sixteen times as many: a product with few "
    "rows is no longer mere reading, and not yet fast.",
)

# %% [markdown]
# On the machine that wrote this, one text reached about half of the bound. (A bound is no forecast, and this one rests on how fast a sum reads.) That is why those who serve a model put many texts together, and why one reader's answer does not come faster from a processor with more arithmetic: it needs more bytes a second.
#
# So whatever makes the cache smaller makes long texts cheaper. There are three ways: fewer heads of keys, fewer tokens, fewer bits.

# %% [markdown] slide="slide"
# ## Fewer heads of keys
#
# Let neighbouring query heads share one head of keys and values (Ainslie et al. 2023; with a single one, Shazeer 2019). Each head still asks its own question and has its own weights.
#
# ### Exercise 10.4 · Grouped queries  (8 minutes, about 6 lines)
# Causal attention with H query heads and G heads of keys and values. *Neighbours* share: with 4 on 2, query heads 0 and 1 use key head 0, and 2 and 3 use key head 1.
#
# <details><summary>Hint 1</summary><code>key.repeat_interleave(H // G, 1)</code> repeats each head for its neighbours; <code>repeat</code> would give every other one.</details>
# <details><summary>Hint 2</summary>The causal mask (T, T) is <code>torch.ones(T, T, dtype=torch.bool).tril()</code>.</details>

# %% exercise="grouped_query_attention" slide="fragment"
def grouped_query_attention(query, key, value):
    """Causal attention: the context (B, H, T, Dv) of query (B, H, T, D) on fewer heads of keys and values.

    key (B, G, T, D), value (B, G, T, Dv), H a multiple of G: H / G neighbouring query heads share one head of
    keys and values. Source: Ainslie et al. 2023.
    """
    # BEGIN SOLUTION
    share = query.size(1) // key.size(1)
    key, value = (heads.repeat_interleave(share, 1) for heads in (key, value))  # (B, H, T, D), (B, H, T, Dv)
    scores = query @ key.mT / math.sqrt(query.size(-1))  # (B, H, T, T)
    seen = torch.ones(scores.shape[-2:], dtype=torch.bool).tril()
    return scores.masked_fill(~seen, -math.inf).softmax(-1) @ value
    # END SOLUTION


# %%
grouped_query_attention = check("grouped_query_attention", grouped_query_attention)

# %% [markdown] tags=["solution"]
# Repeating copies keys and values; a kernel that knows about groups (SDPA's `enable_gqa`) need not.

# %% [markdown]
# What do heads lose that share? Chapter 06 had a task that one head cannot do: eight things, each with a name and numbers, and a query that holds *two* names. Once more, with two query heads: on two heads of keys, or on one. And in two versions. In the first the same eight numbers are wanted of both things. In the second each thing has sixteen numbers, and of the first name the first eight are wanted, of the second the last eight.


# %%
class TwoHeads(nn.Module):
    """Two query heads of width 8 on one or two heads of keys and values, for queries (B, 1, 16): (B, 1, 16)."""

    def __init__(self, thing, key_heads):
        super().__init__()
        self.key_heads = key_heads
        self.W_q, self.W_o = nn.Linear(16, 16, bias=False), nn.Linear(16, 16, bias=False)
        self.W_k, self.W_v = (nn.Linear(thing, 8 * key_heads, bias=False) for _ in range(2))

    def forward(self, query, things):
        query = models.split_heads(self.W_q(query), 2)
        key, value = (models.split_heads(W(things), self.key_heads) for W in (self.W_k, self.W_v))
        key, value = (x.repeat_interleave(2 // self.key_heads, 1) for x in (key, value))
        weights = torch.softmax(query @ key.mT / math.sqrt(query.size(-1)), -1)
        return self.W_o(models.merge_heads(weights @ value))


# %%
def two_of_eight(parts, draws, seeds=3):
    """Queries (S, B, 1, 16) of two names, things (S, B, 8, …), and what is wanted of them (S, B, 1, 16)."""
    names = torch.eye(8)
    while True:
        numbers = torch.randn(seeds, 64, 8, 8 * parts, generator=draws)
        things = torch.cat([names.expand(seeds, 64, 8, 8), numbers], -1)
        asked = torch.rand(seeds, 64, 8, generator=draws).argsort(-1)[..., :2]
        both = numbers.gather(2, asked[..., None].expand(-1, -1, -1, 8 * parts))  # (S, B, 2, 8 · parts)
        wanted = torch.cat([both[:, :, 0, :8], both[:, :, 1, -8:]], -1)
        yield 3 * names[asked].flatten(-2)[:, :, None], things, wanted[:, :, None]


# %%
def error(model, query, things, wanted):
    return (model(query, things) - wanted).square().mean((1, 2, 3))


def comes_back(parts, key_heads):
    """The share of the wanted variance that comes back, for each of three seeds."""
    batches = two_of_eight(parts, torch.Generator().manual_seed(2))
    networks = training.Seeds(lambda: TwoHeads(8 + 8 * parts, key_heads), range(3))
    label = f"{key_heads} heads of keys, {parts} parts"
    training.train(networks, batches, error, 500, rate=0.01, decay=True, label=label)
    with torch.no_grad():
        return 1 - torch.stack([error(networks, *next(batches)) for _ in range(10)]).mean(0)


# %% slide="slide"
predict(
    "Two query heads share one head of keys and values of eight numbers. In which version do they bring back "
    "all?",
    "in neither of the two", "in the first, not in the second", "in the first and in the second",
)

# %% slide="subslide"
wants = {1: "the same eight numbers", 2: "first eight, last eight"}
shared = {f"{wants[parts]}: 2 on {heads}": comes_back(parts, heads) for parts in (1, 2) for heads in (2, 1)}
plots.seeds(shared, "share of the wanted variance that comes back");

# %% [markdown] slide="fragment"
# *Where both heads want the same numbers, one head of keys does as well as two, with half the cache. Where they want different ones, half is lost.*

# %%
same_two, same_one, parts_two, parts_one = shared.values()
claim("the same eight numbers: sharing loses nothing", same_one.min() > 0.95)
claim("different ones: shared, at most 60 % come back", parts_one.max() < 0.6)
claim("and with heads of their own over 95 %", min(same_two.min(), parts_two.min()) > 0.95)

# %% slide="fragment"
predict.answer(
    "in the first, not in the second",
    "because the shared value has eight numbers. What the two heads want of a thing are eight numbers in the "
    "first version, and sixteen in the second.",
)

# %% [markdown]
# That reason can be tested: give the shared head a value of sixteen numbers, and both versions should come back whole. They do: over .99 with each of three seeds (told and not run; `python -m utils.told --list 10` has the command). So heads may share keys and values as long as all that is fetched fits into one value, and all that it is found by into one key. (Here both heads search by the same names. Where each searches by a kind of its own and the key is narrow, sharing loses: `two_kinds_of_names`, two thirds against .99.) What each needs of its own is the *question*.

# %% [markdown] slide="slide"
# ## A window
#
# Or keep the last tokens only. A mask does that: each query sees `window` keys up to its own place.
#
# ### Exercise 10.5 · Sliding window  (5 minutes, about 3 lines)
# A mask (Tq, Tk), True = may attend. There may be fewer queries than keys, as with a cache; then the last query stands at the last key. Its own place counts: with a window of 1 a query sees itself.
#
# <details><summary>Hint</summary>How far behind query i is key j? <code>torch.arange(keys - queries, keys)[:, None] - torch.arange(keys)</code>.</details>

# %% exercise="sliding_window" slide="fragment"
def sliding_window(queries, keys, window):
    """A mask (Tq, Tk), True = may attend: each query sees the `window` keys up to its own place, and itself.

    The last query sees the last key. queries and keys are whole numbers, Tq and Tk, with Tq no more than Tk.
    """
    # BEGIN SOLUTION
    places = torch.arange(keys - queries, keys)[:, None]  # (Tq, 1): of the queries, among the keys
    behind = places - torch.arange(keys)  # (Tq, Tk); below zero: ahead
    return (behind >= 0) & (behind < window)
    # END SOLUTION


# %%
sliding_window = check("sliding_window", sliding_window)

# %% [markdown] tags=["solution"]
# A window of `window` keys needs a cache of `window` entries, however long the text: the oldest can be dropped.

# %% [markdown]
# What does it forget? Chapter 08's recall has the answer: eight pairs of key and value, then the keys again in another order. Train a model of two layers with full attention (about seven seconds), and give it a window only when it is asked.


# %%
@torch.no_grad()
def masked(model, tokens, mask, change=lambda key, value: (key, value)):
    """The model's logits (B, T, V) with that mask (T, T) in every block, and keys and values changed."""
    x, positions = model.embedding(tokens), torch.arange(tokens.size(1))
    for block in model.blocks:
        query, key, value = block.attention.project(block.norm_1(x), positions)
        context = F.scaled_dot_product_attention(query, *change(key, value), attn_mask=mask)
        x = x + block.attention.W_o(models.merge_heads(context))
        x = x + block.down(F.relu(block.up(block.norm_2(x))))
    return model.head(model.norm(x))


def recall_loss(model, tokens, answers):
    return F.cross_entropy(model(tokens)[:, -8:].flatten(0, 1), answers.flatten())


# %%
torch.manual_seed(0)
recall = models.LanguageModel(64, 64, 1, 2, 24)
for zero in (recall.head, *(block.attention.W_o for block in recall.blocks)):
    zero.reset_parameters()  # at zero it would learn too late: chapter 08
draws = torch.Generator().manual_seed(0)
batches = iter(lambda: data.associative_recall(64, draws), None)
recipe = {"rate": 5e-3, "warm_up": 50, "decay": True, "clip": 1.0, "label": "recall"}
training.train(recall, batches, recall_loss, 400, **recipe)

tokens, answers = data.associative_recall(1000, torch.Generator().manual_seed(9))
places = (tokens[:, 16:, None] == tokens[:, None, :16]).int().argmax(-1) + 1  # of each answer, (B, 8)
behind = torch.arange(16, 24) - places  # how far back it stands

# %% slide="slide"
predict(
    "Some values stand further back than the window reaches. How many of these does the model still name?",
    "about half of them", "most, since the first layer passes them on", "next to none",
)

# %% slide="fragment"
found = {}
for window in (24, 16, 12, 8):
    right = masked(recall, tokens, sliding_window(24, 24, window))[:, 16:].argmax(-1) == answers
    inside = behind < window
    found[window] = right[inside].float().mean(), right[~inside].float().mean() if (~inside).any() else math.nan
    print(f"window {window:2}: inside it {found[window][0]:.3f} right, beyond it {found[window][1]:.3f}")
claim("inside the window all is recalled", min(inside for inside, _ in found.values()) > 0.97)
claim("beyond it next to nothing, at each width", max(found[window][1] for window in (16, 12, 8)) < 0.1)

# %% slide="fragment"
predict.answer(
    "next to none",
    "because this model fetches a value from where it stands, in one step. What the window hides is not there.",
)

# %% [markdown]
# So a window forgets like a step, not like a slope. (In a deep model that was *trained* with windows, layer after layer may pass something on, each by another window's length. This one was not.)
#
# And what does a window save, beside memory? Let the text model read 384 bytes. It was trained on 64.


# %%
long_texts = text.held_out[: 40 * 384].view(40, 384).long()


def bits_at(mask, tokens, **change):
    """Bits per byte at each place (T - 1,), the mean over the texts."""
    logits = masked(model, tokens, mask, **change)[:, :-1]
    nats = F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten(), reduction="none")
    return nats.view(len(tokens), -1).mean(0) / math.log(2)


windows = {"full cache": 384, "window of 64": 64, "window of 16": 16, "window of 8": 8}
bits = {name: bits_at(sliding_window(384, 384, window), long_texts) for name, window in windows.items()}
smooth = {name: each.unfold(0, 24, 12).mean(-1).tolist() for name, each in bits.items()}
places = range(12, 371, 12)  # the middle of each stretch of 24
plots.curves(places, smooth, "place in the text", "bits per byte");

# %% [markdown]
# *Up to the trained length of 64 all are alike. Beyond it the full cache gets much worse and stays so, and the windows stay where they were.*

# %%
beyond = {name: each[128:].mean().item() for name, each in bits.items()}
print("bits per byte beyond the 128th:")
print({name: f"{each:.2f}" for name, each in beyond.items()})
full, as_trained, sixteen, _ = beyond.values()
claim("beyond its trained length the full cache costs over half a bit", full > as_trained + 0.5)
claim("a window of 16 costs this model less than a tenth", sixteen < as_trained + 0.1)

# %% [markdown]
# Two things to take from it. A model that has learned distances up to 64 reads larger ones wrongly (chapter 06 saw the same), so keeping everything can be worse than forgetting. And *this* model hardly uses what stands more than sixteen bytes back: text is no test of its memory, and recall was.
#
# Large models that are given a window after training break down when the first tokens leave it: much of their attention rests on those, as **sinks** (Xiao et al. 2023). Does that show here?

# %%
some = long_texts[:, :64]
on_first = [weights[:, :, 32:, 0].mean().item() for weights in models.attention_weights(model, some)]
evenly = (1 / torch.arange(33.0, 65.0)).mean().item()
print("weight on the first byte, by layer:", [f"{weight:.3f}" for weight in on_first], f"; evenly {evenly:.3f}")
claim("no sinks: the first byte gets less than an even share", max(on_first) < evenly)

# %% [markdown]
# It does not: this model has none. Where a large model is at hand (the last section) you can look for them.

# %% [markdown] slide="slide"
# ## Fewer bits
#
# Or store each number in fewer bits: divide the numbers of a key by the largest of them (in absolute value), multiply by 127, and round. (With 2 bits that is −1, 0 and 1.) One byte for each number is left, and one scale for each key. (Here they are rounded and kept as float32: this measures what it costs, and saves no time.)


# %% slide="fragment"
def rounded(steps):
    """Keys and values whose numbers are multiples of a `steps`-th of the largest among them."""

    def change(*tensors):
        scales = [x.abs().amax(-1, keepdim=True) / steps for x in tensors]
        return [(x / scale).round() * scale for x, scale in zip(tensors, scales, strict=True)]

    return change


short, mask = text.held_out[: 400 * 64].view(400, 64).long(), sliding_window(64, 64, 64)
exact, extra = bits_at(mask, short).mean(), {}
for stored in (8, 4, 2):
    change = rounded(2 ** (stored - 1) - 1)  # 127, 7, 1
    extra[stored] = (bits_at(mask, short, change=change).mean() - exact).item()
print(f"{exact:.3f} bits per byte; with fewer bits:", {n: f"{cost:+.3f}" for n, cost in extra.items()})
claim("8 bits cost less than a hundredth of a bit", extra[8] < 0.01)
claim("2 bits cost over a tenth", extra[2] > 0.1)

# %% [markdown]
# Eight bits are as good as thirty-two, four nearly so, and two are not when they are rounded so simply (Liu et al. 2024 do better). (Count the scale as well: at 16 numbers a head, 8 bits are 20 bytes instead of 64; at 128, 132 instead of 512.)

# %% [markdown] slide="slide"
# ## Guessing ahead
#
# A pass over five tokens takes far less time than five passes: here one and a half times to twice that of a single token. The weights are read once, and the calls from Python are made once. So let something cheap **draft** the next few tokens, and let the model check them all in one pass. That would be easy if there were one right next token. But text is *drawn*, and what is kept must come out with exactly the model's own probabilities.
#
# It can be done (Leviathan et al. 2023, Chen et al. 2023). The draft has drawn token x with its probability q(x); the model, the *target*, gives it p(x).
# - Keep x with probability min(1, p(x) / q(x)): what the draft offers too often is sometimes turned down.
# - If it is turned down, draw anew from what the target has *above* the draft, max(p − q, 0), scaled to sum to 1.

# %% [markdown]
# By hand, two tokens: q = (.8, .2), p = (.5, .5). The first is drafted with .8 and kept with 5/8: it comes out with .8 · 5/8 = .5. Turned down it is with .3, and then p − q = (−.3, .3), so the second comes: .2 (drafted, and always kept) + .3 = .5. As wanted.

# %% [markdown]
# ### Exercise 10.6 · Accept drafts  (15 minutes, about 6 lines)
# k tokens were drafted, one after the other. The target has been asked at all k places and at the one behind them, in one pass. How many are kept, and what is the next token drawn from? After the first that is turned down nothing counts, for what follows was drafted behind a token that is not there. If all are kept, one more comes for free, from the target's last row. The random numbers are given, so that the check can compare.
#
# <details><summary>Hint 1</summary>Go through <code>enumerate(drafted.tolist())</code> and return at the first that is turned down.</details>
# <details><summary>Hint 2</summary><code>(target[i] - draft[i]).clamp(min=0)</code>, divided by its sum.</details>

# %% exercise="accept_drafts"
def accept_drafts(target, draft, drafted, uniforms):
    """How many of the drafted tokens (k,) are kept, and the probabilities (V,) of the token to draw next.

    target (k + 1, V) and draft (k, V) are the probabilities of both models at each place, uniforms (k,) numbers
    between 0 and 1. Token x at place i is kept while uniforms[i] < target[i, x] / draft[i, x]. At the first
    that is not, the next token is drawn from what target has above draft there, scaled to sum to 1; if all are
    kept, from target's last row. Source: Leviathan et al. 2023.
    """
    # BEGIN SOLUTION
    for i, x in enumerate(drafted.tolist()):
        if uniforms[i] >= target[i, x] / draft[i, x]:
            above = (target[i] - draft[i]).clamp(min=0)  # (V,)
            return i, above / above.sum()
    return len(drafted), target[-1]
    # END SOLUTION


# %%
accept_drafts = check("accept_drafts", accept_drafts)

# %% [markdown] tags=["solution"]
# How often is x kept? Σ q · min(1, p/q) = Σ min(p, q): the overlap of the two. A draft that is like the target is kept often; a bad one costs time, and changes nothing else.

# %% [markdown]
# The draft: a table that says after every two bytes how often each byte came next in the training text. Counting it takes a second.


# %%
seen = text.train.int()  # half of the bytes that long() takes
ones = torch.bincount(seen, minlength=256).float()
pairs = torch.bincount(seen[:-1] * 256 + seen[1:], minlength=2**16).view(256, 256).float()
after_one = (pairs + 2 * ones / ones.sum()) / (pairs.sum(1, keepdim=True) + 2)  # (256, 256)
triples = torch.bincount((seen[:-2] * 256 + seen[1:-1]) * 256 + seen[2:], minlength=2**24)
after_two = triples.view(256, 256, 256).float()
del seen, triples  # 180 MB
after_two += 2 * after_one  # where two bytes were rare, what follows the second counts
after_two /= after_two.sum(-1, keepdim=True)  # (256, 256, 256)


def drafter(first, second):
    """The probabilities (…, 256) of the byte after these two."""
    return after_two[first, second]


# %%
surprise = -drafter(short[:, :-2], short[:, 1:-1]).gather(-1, short[:, 2:, None]).log2().mean()
from_the_third = bits_at(mask, short)[1:].mean()
print(f"the table needs {surprise:.2f} bits per byte on held-out text, the model {from_the_third:.2f}")

# %% [markdown]
# (So a transformer of fifteen seconds is worth about as much as a table of triples. The transformer does have sixteen million numbers fewer.)
#
# Does the rule keep its promise? At one place of a text, draw 200,000 times: directly from the target; by the rule; and by two other rules, of which one redraws from p after a no and the other keeps every draft. (The draft is the table of single bytes here, which differs more from the target.) The distance between two distributions is half the sum of absolute differences.

# %% slide="slide"
predict(
    "A draft is turned down. Somebody then draws simply from the target's p. What comes out in all?",
    "another distribution than p", "p, only later", "the draft's distribution",
)

# %%
with torch.no_grad():
    wanted = model(short[:20, :41])[:, -1].softmax(-1)  # (20, 256), at a place in each of twenty texts
offered = after_one[short[:20, 40]]
overlaps = torch.minimum(wanted, offered).sum(-1)
place = (overlaps - 0.5).abs().argmin()  # where a draft is kept about every other time
p, q, draws = wanted[place], offered[place], torch.Generator().manual_seed(0)


def draw(probabilities, many=200_000):
    return torch.multinomial(probabilities, many, True, generator=draws)


x, above = draw(q), (p - q).clamp(min=0)
is_kept = torch.rand(len(x), generator=draws) < p[x] / q[x]
outcomes = {"drawn from the target": draw(p), "by the rule": torch.where(is_kept, x, draw(above / above.sum()))}
outcomes |= {"redrawn from p": torch.where(is_kept, x, draw(p)), "every draft kept": x}

# %% slide="subslide"
shares = {name: torch.bincount(each, minlength=256) / len(each) for name, each in outcomes.items()}
distance = {name: ((share - p).abs().sum() / 2).item() for name, share in shares.items()}
for name, each in distance.items():
    print(f"{name:22} at a distance of {each:.4f}")
direct, by_rule, redrawn, _ = distance.values()
claim("by the rule it is the target's distribution, as near as direct draws are", by_rule < 3 * direct)
claim("redrawn from p it is not", redrawn > 4 * direct)
share, overlap = is_kept.float().mean(), torch.minimum(p, q).sum()
print(f"kept {share:.3f}; overlap of p and q {overlap:.3f}")
claim("drafts are kept as often as p and q overlap", (share - overlap).abs() < 0.01)

# %% slide="fragment"
predict.answer(
    "another distribution than p",
    "because what the draft offers too often has had its chance already; redrawn from p it gets a second one.",
)

# %% [markdown]
# Now write with it.


# %%
def guess(tokens, guesses, draws):
    """So many bytes (k,) drawn from the table, each after the two before it, and its probabilities (k, 256)."""
    drafted, rows = [], torch.empty(guesses, 256)
    for i in range(guesses):
        rows[i] = drafter(*(tokens + drafted)[-2:])
        drafted.append(torch.multinomial(rows[i], 1, generator=draws).item())
    return torch.tensor(drafted, dtype=torch.long), rows


# %%
def one_pass(model, tokens, caches, guesses, draws):
    """What is appended after a pass over the model: the guesses that are kept, and one byte more."""
    drafted, rows = guess(tokens, guesses, draws)
    asked = torch.tensor([tokens[-1:] + drafted.tolist()])  # (1, k + 1)
    target = decode(model, asked, caches)[0].softmax(-1)  # (k + 1, 256)
    n, rest = 0, target[-1]
    if guesses:
        n, rest = accept_drafts(target, rows, drafted, torch.rand(guesses, generator=draws))
    return [*drafted[: int(n)].tolist(), torch.multinomial(rest, 1, generator=draws).item()]


# %%
@torch.no_grad()
def write_ahead(model, tokens, length, guesses, seed=0):
    """tokens (a list) and `length` more; and for each pass over the model how many guesses were kept."""
    draws, caches = torch.Generator().manual_seed(seed), caches_for(model)
    tokens, runs, end = list(tokens), [], len(tokens) + length
    decode(model, torch.tensor([tokens[:-1]]), caches)
    while len(tokens) < end:
        more = one_pass(model, tokens, caches, guesses, draws)
        tokens += more
        runs.append(len(more) - 1)
        for cache in caches:
            cache.cut(len(tokens) - 1)  # what was turned down is forgotten
    return tokens[:end], runs


# %%
begin = text.held_out[5000:5020].tolist()
ways = {guesses: functools.partial(write_ahead, model, begin, 100, guesses) for guesses in (0, 1, 2, 4)}
ms = costs.milliseconds(ways, 3)
for guesses, way in ways.items():
    passes = len(way()[1])
    print(f"{guesses} guesses ahead: {ms[guesses]:4.0f} ms for 100 bytes, {100 / passes:.1f} bytes a pass")

# %% [markdown]
# On the machine that wrote this, two guesses made writing 1.4 times and four 1.8 times as fast. It is less than the bytes a pass, mostly since a pass over five tokens does take longer than one over one, and a little since drafting takes time. Beside a model of billions of numbers a table costs nothing.
#
# Look at what was drafted. Behind the bar, what stands in brackets was drawn by the model itself; the rest are guesses that it kept.

# %%
written, runs = write_ahead(model, begin, 60, 3, seed=1)
letters = [repr(chr(byte))[1:-1] for byte in written]  # a new line as \\n
marked, at = "".join(letters[: len(begin)]) + " | ", len(begin)
for n in runs:
    marked += "".join(letters[at : at + n]) + "".join(f"[{letter}]" for letter in letters[at + n : at + n + 1])
    at += n + 1
print(textwrap.fill(marked, 100))

# %% [markdown] slide="slide"
# And at single places: what the target wants, what the draft offers, and their overlap, which is kept. Move the slider through the text. (The twelve bytes that are common here, and all others together.)

# %%
from utils import widgets

places = list(range(24, 60, 3))
with torch.no_grad():
    target = model(torch.tensor([written[:64]]))[0, places].softmax(-1)  # (12, 256)
draft = torch.stack([drafter(written[i - 1], written[i]) for i in places])
rows = {"target": target, "draft": draft, "kept: the overlap": torch.minimum(target, draft)}
shown = (target + draft).sum(0).topk(12).indices
panels = {}
for name, each in rows.items():
    some = each[:, shown]
    panels[name] = torch.cat([some, each.sum(1, keepdim=True) - some.sum(1, keepdim=True)], 1).clamp(0, 1)

# %% slide="fragment"
steps = ["after " + "".join(letters[i - 7 : i + 1]) for i in places]
names = [repr(chr(byte))[1:-1].replace(" ", "space") for byte in shown.tolist()] + ["others"]
widgets.SliderBars(steps, panels, names, "probability", name="place")

# %%
some = {steps[r]: {name: each[r] for name, each in panels.items()} for r in (0, 5, 11)}
plots.bar_grid(some);

# %% [markdown]
# *Three of these places without a mouse. The more the first two rows are alike, the more is kept.*
#
# ## Several texts of different length
#
# Sixteen texts at once are rarely of one length. The shorter ones are **padded**, and that goes wrong in silence. Texts of 12 bytes, padded to 30: what does the model expect next? Measured in bits: how many more the next byte costs on average, if one believes this answer instead of the one for the short text alone (their Kullback–Leibler divergence).

# %%
shorter = text.held_out[5000:6200].view(100, 12).long()
pad = torch.zeros(100, 18, dtype=torch.long)
left, right_padded = torch.cat([pad, shorter], 1), torch.cat([shorter, pad], 1)
causal, real = sliding_window(30, 30, 30), torch.arange(30) >= 18
with_mask = causal & real | torch.eye(30).bool()  # (30, 30): padding sees itself
with torch.no_grad():
    alone = model(shorter)[:, -1].log_softmax(-1)  # (100, 256)

# %%
read_beside = {
    "left, without a mask": masked(model, left, causal)[:, -1],
    "left, padding masked": masked(model, left, with_mask)[:, -1],
    "right, read at the last column": masked(model, right_padded, causal)[:, -1],
    "right, read at its own last byte": masked(model, right_padded, causal)[:, 11],
}
surprise = {}
for name, logits in read_beside.items():
    surprise[name] = (alone.exp() * (alone - logits.log_softmax(-1))).sum(-1).abs() / math.log(2)  # (100,)
    print(f"{name:34}{surprise[name].median():7.3f} bits in the middle one of 100 texts")
claim("padded on the left and masked: as if each had been alone", surprise["left, padding masked"].max() < 1e-2)
claim("not masked it is not", surprise["left, without a mask"].median() > 2e-3)
claim("and by less than half a bit in most texts", surprise["left, without a mask"].median() < 0.5)

# %% [markdown]
# (The longer texts beside them change nothing, so they are left out here.) On the left without a mask it is mostly too little to notice, and another distribution. The mask mends it, whether or not the positions are moved back, since rotary positions know distances only. On the right one has to read at each text's own last token.
#
# ## Further · A model that people know  (7 minutes)
#
# Nearly all parts of a Llama are known to you now: blocks like chapter 08's with an RMSNorm, rotary positions, grouped heads, a cache. New is a gate in the small network: down(silu(gate(x)) · up(x)), where silu(z) is z · sigmoid(z) and takes the place of the ReLU. `utils/models/llama/architecture.py` puts them together in 160 lines, and `files.py` beside it reads what is published. Get a folder with `config.json`, `tokenizer.json` and `*.safetensors`; a small one is SmolLM2-135M, of 0.3 GB: in the folder `chapters`, `../.venv/bin/hf download HuggingFaceTB/SmolLM2-135M --local-dir smol`. The course itself downloads nothing. Write its path here:

# %%
MODEL = None  # "smol", say

# %%
from utils.models import llama

if MODEL:
    published_model, tokenizer = llama.load(MODEL)
    assert tokenizer, f"{MODEL} holds no tokenizer.json: download that, too"
    print(f"{sum(p.numel() for p in published_model.parameters()) / 1e6:.0f} million numbers,", end=" ")
    print(f"{len(published_model.blocks)} layers, a context of {published_model.context:,} tokens")
else:
    print("No folder is given. With one, this says how large the model is, and the next cells let it write.")


# %%
@torch.no_grad()
def write_published(prompt, length, temperature, seed=0):
    draws, caches = torch.Generator().manual_seed(seed), published_model.new_caches()
    tokens, written = torch.tensor([tokenizer.encode(prompt).ids]), tokenizer.encode(prompt).ids
    for _ in range(length):
        logits = published_model(tokens, caches)[:, -1]
        tokens = models.sample(logits, temperature, 50, draws)[:, None]
        written.append(tokens.item())
    return tokenizer.decode(written)


if MODEL:
    for temperature in (0.3, 0.7, 1.2):
        print(f"at {temperature}: {write_published('An attention layer is', 40, temperature)}\n")
else:
    print("With a folder: forty tokens at three temperatures.")

# %% [markdown]
# Now ask of it what this chapter and chapter 08 have asked of yours. Does the first token get much weight, as a sink? Is there an **induction head**: one that, at the second time of a token, looks at what followed the first? (Forty random tokens, twice: its weight from a token to the one behind its first appearance.) And how near is it to the bound of bytes?

# %%
if MODEL:
    draws, many = torch.Generator().manual_seed(0), published_model.embedding.num_embeddings
    once = torch.randint(many, (1, 40), generator=draws)
    looks = models.attention_weights(published_model, torch.cat([once, once], 1))  # (1, H, 80, 80) a layer
    sinks = torch.stack([weights[0, :, 40:, 0].mean(-1) for weights in looks])  # (layers, H)
    induction = torch.stack([weights[0].diagonal(-39, 1, 2)[:, 1:].mean(-1) for weights in looks])
    over_half = (sinks > 0.5).float().mean()
    print(f"on the first token: {sinks.mean():.2f} on average, {over_half:.0%} of heads over a half")
    layer, head = divmod(induction.argmax().item(), induction.size(1))
    print(f"the best induction head is head {head} of layer {layer}: {induction.max():.2f} of its weight")
    ids = tokenizer.encode("The key opens the door. The key opens").ids
    looks = models.attention_weights(published_model, torch.tensor([ids]))[layer][0, head]
    plots.attention_maps({f"layer {layer}, head {head}": looks}, [tokenizer.decode([i]) for i in ids])
else:
    print("With a folder: the weight on the first token, and the best induction head with what it looks at.")

# %%
if MODEL:
    caches = published_model.new_caches()
    with torch.no_grad():
        published_model(once, caches)
        ms = costs.milliseconds({"token": lambda: published_model(once[:, :1], caches)}, 5)["token"]
    read = [*published_model.blocks.parameters(), published_model.head.weight]  # of the embedding one row
    size = sum(p.numel() * 4 for p in read)
    print(f"{1000 / ms:.0f} tokens a second; {size / 1e6:.0f} MB of weights allow {1000 * rate / size:.0f}")
else:
    print("With a folder: tokens a second, against the bound of bytes.")


# %%
class Rounded(attention.KVCache):
    """A cache whose numbers are those that 8 bits can hold."""

    def append(self, key, value):
        super().append(*rounded(127)(key, value))


if MODEL:
    words = "A cache keeps the keys and the values of all tokens, so that a new token has to ask only once."
    ids = torch.tensor([tokenizer.encode(words).ids])
    with torch.no_grad():
        kinds = {"32 bits": published_model.new_caches(), "8 bits": [Rounded() for _ in published_model.blocks]}
        nats = {n: models.next_token_loss(published_model(ids, caches), ids) for n, caches in kinds.items()}
    print("surprise at a sentence, nats a token:", {n: f"{loss:.3f}" for n, loss in nats.items()})
else:
    print("With a folder: what a cache in 8 bits costs it.")

# %%
predict.score()

# %% [markdown] slide="slide"
# ## In short
#
# - Keys and values of what was read do not change: keep them, and a token costs one query. Positions go on where the cache ends.
# - Reading a prompt is one pass, writing is a pass for each token. One token reads all weights and the whole cache, so bytes a second are the limit; many texts at once share the reading.
# - Heads may share keys and values as far as all that is fetched fits into one value, and what it is found by into one key.
# - A window forgets what it hides, at once. Beyond the trained length it can be better than remembering.
# - Eight bits a number are enough for a cache here; two are not, rounded simply.
# - A draft changes the speed and not the distribution, if what it offers too often is turned down and the rest is drawn from what is missing.
# - Padding on the left that is not masked often looks right, and is not.

# %% [markdown]
# ## Before you go on
#
# <details><summary>Why is a prompt read so much faster than it is written?</summary>All its tokens are there, so one pass serves them all. In a large model the weights are read once, in our small one 511 rounds of calls are saved. In writing, each token waits for the one before.</details>
# <details><summary>Twice the bandwidth or twice the arithmetic: which helps a single reader?</summary>The bandwidth, as long as one text is written: weights and cache are read for each token, and hardly used.</details>
# <details><summary>What must fit where heads share?</summary>All that the heads fetch from one token has to fit into the one value that they share, and all that they find it by into the one key.</details>
# <details><summary>Your draft is always accepted. What do you know?</summary>That it has the target's distribution wherever you looked (or that your rule is wrong). A table that costs nothing would do in the target's place.</details>
# <details><summary>Why can a full cache hurt beyond the trained length?</summary>Its far keys stand at distances that no training has taught the model to weigh.</details>

# %% [markdown]
# ## To read on
#
# - Shazeer 2019, [Fast transformer decoding: one write-head is all you need](https://arxiv.org/abs/1911.02150); Ainslie et al. 2023, [GQA](https://arxiv.org/abs/2305.13245).
# - Leviathan, Kalman and Matias 2023, [Fast inference from transformers via speculative decoding](https://arxiv.org/abs/2211.17192); Chen et al. 2023, [Accelerating large language model decoding with speculative sampling](https://arxiv.org/abs/2302.01318).
# - Xiao et al. 2023, [Efficient streaming language models with attention sinks](https://arxiv.org/abs/2309.17453).
# - Liu et al. 2024, [KIVI: a tuning-free asymmetric 2bit quantization for KV cache](https://arxiv.org/abs/2402.02750).
# - Kwon et al. 2023, [Efficient memory management for large language model serving with PagedAttention](https://arxiv.org/abs/2309.06180): caches of many texts in one memory.
# - Grattafiori et al. 2024, [The Llama 3 herd of models](https://arxiv.org/abs/2407.21783).
#
# Next: [11 Many GPUs](11_many_gpus.ipynb), for when one machine is not enough.
