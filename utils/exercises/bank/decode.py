"""A language model that goes on where it stopped: what it has read is in its caches."""

import copy

import torch
from torch.nn import functional as F

from utils.attempts.uses import caches
from utils.models import merge_heads, rotary

from ..exercise import Case, Exercise, Mistakes, normal, replacing


def decode(model, tokens, caches):
    """Logits (B, n, V) of n further tokens (B, n); caches, one for each block, grow by them.

    model is a LanguageModel. A cache has append(key, value), attend(query) and a length: the tokens before these.
    Query and key are turned by their places in the whole text, which goes on where the caches end.
    """
    start = len(caches[0])
    positions = torch.arange(start, start + tokens.size(1))
    x = model.embedding(tokens)  # (B, n, d_model)
    for block, cache in zip(model.blocks, caches, strict=True):
        query, key, value = block.attention.project(block.norm_1(x), positions)  # (B, H, n, Dk)
        cache.append(key, value)
        x = x + block.attention.W_o(merge_heads(cache.attend(query)))
        x = x + block.down(F.relu(block.up(block.norm_2(x))))
    return model.head(model.norm(x))  # (B, n, V)


def where_the_caches_end(tokens, caches, layer, starts):
    return torch.arange(starts[layer], starts[layer] + tokens.size(1))

def projected(attention, x, positions):
    return attention.project(x, positions)

def normed(norm, x):
    return norm(x)

def unnormed(norm, x):
    return x

def after_attention(before, after):
    return after

def own_cache(caches, layer):
    return caches[layer]

def looked_up(cache, query, key, value):
    cache.append(key, value)
    return cache.attend(query)

def merged(context):
    return context.transpose(1, 2).flatten(2)

def mapped(W_o, context):
    return W_o(context)

def added(x, normed, new):
    return x + new

def small_network(block, x):
    return block.down(F.relu(block.up(x)))

def all_logits(model, x):
    return model.head(model.norm(x))

def in_steps(
    model, tokens, caches, positions=where_the_caches_end, project=projected, norm_1=normed, norm_2=normed,
    cache=own_cache, look_up=looked_up, merge=merged, map_out=mapped, add=added, network=small_network,
    read=after_attention, add_network=added, answer=all_logits,
):
    starts, x = [len(each) for each in caches], model.embedding(tokens)
    for layer, block in enumerate(model.blocks):
        asked = norm_1(block.norm_1, x)
        lookup = project(block.attention, asked, positions(tokens, caches, layer, starts))
        context = map_out(block.attention.W_o, merge(look_up(cache(caches, layer), *lookup)))
        before, x = x, add(x, asked, context)
        thought = norm_2(block.norm_2, read(before, x))
        x = add_network(x, thought, network(block, thought))
    return answer(model, x)


# Right, and written differently

def token_by_token(model, tokens, caches):
    logits = []
    for token in tokens.split(1, dim=1):
        x = model.embedding(token)
        for i, block in enumerate(model.blocks):
            position = torch.tensor([len(caches[i])])
            q, k, v = block.attention.project(block.norm_1(x), position)
            caches[i].append(k, v)
            x = x + block.attention.W_o(caches[i].attend(q).flatten(1)[:, None])
            x = x + block.down(block.up(block.norm_2(x)).relu())
        logits.append(model.head(model.norm(x)))
    return torch.cat(logits, 1)

@torch.no_grad()
def by_hand(model, tokens, caches):
    """Projects and turns without `project`, and counts places from the end."""
    (B, n), states = tokens.shape, F.embedding(tokens, model.embedding.weight)
    for block, cache in zip(model.blocks, caches, strict=True):
        read, attention = block.norm_1(states), block.attention
        heads = [W(read).view(B, n, attention.heads, -1).permute(0, 2, 1, 3)
                 for W in (attention.W_q, attention.W_k, attention.W_v)]
        places = torch.arange(len(cache), len(cache) + n, dtype=torch.float64)
        rates = 10_000.0 ** (-torch.arange(0, heads[0].size(-1), 2).double() / heads[0].size(-1))
        turn = torch.polar(torch.ones(n, len(rates)).double(), places[:, None] * rates)
        for which in (0, 1):
            turned = torch.complex(*heads[which].double().chunk(2, -1)) * turn
            heads[which] = torch.cat([turned.real, turned.imag], -1).to(states)
        cache.append(*heads[1:])
        found = cache.attend(heads[0]).permute(0, 2, 1, 3).reshape(B, n, -1)
        states = states + F.linear(found, attention.W_o.weight)
        states = states + block.down(torch.clamp(block.up(block.norm_2(states)), min=0))
    return F.linear(model.norm(states), model.head.weight)

def block_after_block(model, tokens, caches, layer=0, x=None):
    x = model.embedding(tokens) if x is None else x
    if layer == len(model.blocks):
        return model.head(model.norm(x))
    block, cache = model.blocks[layer], caches[layer]
    positions = len(cache) + torch.arange(tokens.shape[-1])
    query, *entries = block.attention.project(block.norm_1(x), positions)
    cache.append(*entries)
    x = x + block.attention.W_o(torch.cat(cache.attend(query).unbind(1), -1))
    return block_after_block(model, tokens, caches, layer + 1, x + block.down(F.relu(block.up(block.norm_2(x)))))


# Wrong

but = replacing(in_steps)
mistakes = Mistakes()

mistakes.add("positions_restart", but(positions=lambda tokens, *_: torch.arange(tokens.size(1))),
    "Your positions begin at the same number in every call: at 0, or at `len(caches)`, which is how many blocks there are. They go on where the caches end: `len(caches[0])` tokens are in one of them.")
mistakes.add("positions_after_the_first_block",
    but(positions=lambda tokens, caches, *_: len(caches[0]) + torch.arange(tokens.size(1))),
    "Your positions are right in the first block and too large in the others: the first cache has grown by then. Find out where the text goes on before the loop.")
mistakes.add("positions_end_with_the_first_new_token",
    but(positions=lambda tokens, caches, layer, starts: starts[0] + 1 - tokens.size(1) + torch.arange(tokens.size(1))),
    "Your positions end where the new tokens begin. The first new token stands right behind those in the caches.")
mistakes.add("positions_behind_the_new_tokens",
    but(positions=lambda tokens, caches, layer, starts: starts[0] + tokens.size(1) + torch.arange(tokens.size(1))),
    "Your positions begin behind the new tokens, as the length of a cache says that has grown already. Ask for it before you append.")
mistakes.add("one_position_for_all_new", but(positions=lambda tokens, caches, layer, starts: torch.tensor([starts[0]])),
    "Your new tokens all have one position. Each stands one place behind the one before it.")
mistakes.add("positions_by_the_batch",
    but(positions=lambda tokens, caches, layer, starts: starts[0] + torch.arange(tokens.size(0))),
    "Your positions are as many as there are texts: `len(tokens)` and `tokens.size(0)` are B. The new tokens of a text are `tokens.size(1)`.")
mistakes.add("positions_of_all_tokens",
    but(positions=lambda tokens, caches, layer, starts: torch.arange(starts[0] + tokens.size(1))),
    "Your positions are those of all tokens, from the first one on. `project` needs those of the n new ones alone: `torch.arange(start, end)`.")
mistakes.add("positions_that_end_at_n",
    but(positions=lambda tokens, caches, layer, starts: torch.arange(starts[0], tokens.size(1))),
    "Your positions end at n. The second number of `torch.arange` says where it ends, and that is n places behind the first.")
mistakes.add("not_turned", but(positions=lambda *_: None),
    "Your queries and keys are not turned, so that the order of the tokens is lost. `project` turns them if it is given their positions.")

def turning(*which):
    """Projects, and turns the query (0), key (1) or value (2) as often as it is named."""
    def project(attention, x, positions):
        lookup = list(attention.project(x, None))
        for i in which:
            lookup[i] = rotary(lookup[i], positions)
        return lookup
    return project

mistakes.add("turned_twice", but(project=turning(0, 0, 1, 1)),
    "Your queries and keys are turned twice. `project` does it once, if it is given their positions, and that is enough.")
mistakes.add("keys_turned_twice", but(project=turning(0, 1, 1)),
    "Your keys are turned twice. They come out of `project` turned, and stay so in the cache.")
mistakes.add("keys_not_turned", but(project=turning(0)),
    "Your keys go into the cache as they are, while the queries are turned. Both need it, each by its own position.")
mistakes.add("queries_not_turned", but(project=turning(1)),
    "Your queries are not turned, while the keys are. Both need it, each by its own position.")
mistakes.add("values_turned", but(project=turning(0, 1, 2)),
    "Your values are turned, too. Positions are for matching: query and key alone.")

mistakes.add("one_cache_for_all",
    but(cache=lambda caches, layer: caches[0],
        positions=lambda tokens, caches, layer, starts: starts[0] + torch.arange(tokens.size(1))),
    "Your blocks all use the first cache, so one finds the keys of another. Each has its own.")
mistakes.add("last_cache_for_all",
    but(cache=lambda caches, layer: caches[-1], positions=lambda tokens, *_: torch.arange(tokens.size(1))),
    "Your blocks all use the last cache, so one finds the keys of another. Each has its own.")
mistakes.add("asks_before_it_appends", but(look_up=lambda cache, query, *_: cache.attend(query)),
    "Your queries are looked up before the new keys are in the cache, which is empty at first. A token sees itself, too: append first.")
mistakes.add("appends_twice",
    but(look_up=lambda cache, query, key, value: (cache.append(key, value), looked_up(cache, query, key, value))[1]),
    "Your new keys and values are appended twice. Each token has one of each.")
mistakes.add("value_first", but(look_up=lambda cache, query, key, value: looked_up(cache, query, value, key)),
    "Your keys and values have changed places: it is `append(key, value)`.")
mistakes.add("keys_in_both_places", but(look_up=lambda cache, query, key, value: looked_up(cache, query, key, key)),
    "Your cache is given the keys in the values' place. It is `append(key, value)`.")
mistakes.add("asked_with_keys", but(look_up=lambda cache, query, key, value: looked_up(cache, key, key, value)),
    "Your cache is asked with the keys. It is the queries that ask.")
mistakes.add("last_token_looks_up", but(look_up=lambda cache, query, k, v: looked_up(cache, query[:, :, -1:], k, v)),
    "Your last new token alone looks up, and the others take over what it finds. Each has a query of its own.")

@mistakes.program("Your new tokens are read alone, and the caches stay empty: copies of them are filled, or a forward is called, which knows nothing of them. Do its steps, with the cache in attention's place.")
def read_alone(model, tokens, caches):
    return model(tokens)

@mistakes.program("Your caches are filled, and nobody asks them: a block that is called looks at the new tokens alone. Do its steps, and ask `cache.attend(query)` in attention's place.")
def fills_and_reads_alone(model, tokens, caches):
    in_steps(model, tokens, caches)
    return model(tokens)

@mistakes.program("Your caches are filled, and nobody asks them: `block.attention` looks at the new tokens alone. `cache.attend(query)` finds what all of them have, and `W_o` maps it out.")
def fills_and_calls_attention(model, tokens, caches):
    start, x = len(caches[0]), model.embedding(tokens)
    positions = torch.arange(start, start + tokens.size(1))
    for block, cache in zip(model.blocks, caches, strict=True):
        asked = block.norm_1(x)
        cache.append(*block.attention.project(asked, positions)[1:])
        x = x + block.attention(asked, positions)
        x = x + small_network(block, block.norm_2(x))
    return all_logits(model, x)

mistakes.add("norm_1_forgotten", but(norm_1=unnormed),
    "Your attention reads x as it is. Before it comes the block's `norm_1`.")
mistakes.add("norm_2_forgotten", but(norm_2=unnormed),
    "Your small network reads x as it is. Before it comes the block's `norm_2`.")
mistakes.add("block_norms_forgotten", but(norm_1=unnormed, norm_2=unnormed),
    "Your blocks read x as it is. Before attention comes `norm_1`, before the small network `norm_2`.")
mistakes.add("last_norm_forgotten", but(answer=lambda model, x: model.head(x)),
    "Your head reads x as it is. Before it comes the model's last `norm`.")
@mistakes.program("Your norms have changed places. Before attention comes `norm_1`, before the small network `norm_2`.")
def norms_swapped(model, tokens, caches):
    model = copy.deepcopy(model)
    for block in model.blocks:
        block.norm_1, block.norm_2 = block.norm_2, block.norm_1
    return in_steps(model, tokens, caches)

mistakes.add("no_norms", but(norm_1=unnormed, norm_2=unnormed, answer=lambda model, x: model.head(x)),
    "Your program has no norms. Before attention comes `norm_1`, before the small network `norm_2`, before the head the model's `norm`.")
mistakes.add("attention_not_added", but(add=lambda x, normed, new: new),
    "What attention finds takes the place of x. It is added to it.")
mistakes.add("network_not_added", but(add_network=lambda x, normed, new: new),
    "What the small network computes takes the place of x. It is added to it.")
mistakes.add("nothing_added", but(add=lambda x, normed, new: new, add_network=lambda x, normed, new: new),
    "What attention finds, and what the small network computes, take the place of x. Both are added to it.")
def added_to_what_was_read(x, normed, new):
    return normed + new

mistakes.add("added_to_the_normed", but(add=added_to_what_was_read, add_network=added_to_what_was_read),
    "What is new is added to what the norm gives. Add it to x itself: the norm is for what a part reads.")
mistakes.add("attention_added_to_the_normed", but(add=added_to_what_was_read),
    "What attention finds is added to what the norm gives. Add it to x itself: the norm is for what a part reads.")
mistakes.add("network_added_to_the_normed", but(add_network=added_to_what_was_read),
    "What the small network computes is added to what the norm gives. Add it to x itself: the norm is for what a part reads.")
mistakes.add("network_beside_attention", but(read=lambda before, after: before),
    "Your small network reads what attention has read. It comes after attention, and reads x with what that has found.")
mistakes.add("no_network", but(network=lambda block, x: torch.zeros_like(x)),
    "Your blocks end with attention. After it comes the small network: norm_2, up, ReLU, down.")
mistakes.add("no_relu", but(network=lambda block, x: block.down(block.up(x))),
    "Your small network has no ReLU between `up` and `down`.")
mistakes.add("relu_at_the_end", but(network=lambda block, x: F.relu(block.down(block.up(x)))),
    "Your small network has its ReLU behind `down`. It stands between `up` and `down`.")
mistakes.add("gelu", but(network=lambda block, x: block.down(F.gelu(block.up(x)))),
    "Your small network bends with GELU. This model was trained with ReLU.")
mistakes.add("W_o_forgotten", but(map_out=lambda W_o, context: context),
    "Your heads are merged, and then added as they are. Before that comes `attention.W_o`.")
mistakes.add("heads_mixed_with_tokens",
    but(merge=lambda context: context.reshape(context.size(0), context.size(2), -1)),
    "Your heads are merged by a `reshape` of (B, H, n, Dv), which mixes them with the tokens. Bring them behind the tokens first.")
mistakes.add("heads_not_merged", but(merge=lambda context: context),
    "Your heads are not merged: `attention.W_o` takes (B, n, d_model), and what the cache gives is (B, H, n, Dv).")
mistakes.add("returns_nothing", but(answer=lambda model, x: None),
    "Your function returns nothing. Is there a `return` at its end?")
mistakes.add("last_token_alone", but(answer=lambda model, x: all_logits(model, x[:, -1])),
    "Your logits are those of the last token, (B, V). Return them for all n: (B, n, V).")
mistakes.add("last_token_alone_with_its_axis", but(answer=lambda model, x: all_logits(model, x[:, -1:])),
    "Your logits are those of the last token, (B, 1, V). Return them for all n: (B, n, V).")
mistakes.add("no_head", but(answer=lambda model, x: model.norm(x)),
    "Your result is the state after the last norm, (B, n, d_model). Its `head` makes logits of it.")
mistakes.add("probabilities", but(answer=lambda model, x: all_logits(model, x).softmax(-1)),
    "Your result is probabilities. Return the logits, before a softmax.")
mistakes.add("tokens", but(answer=lambda model, x: all_logits(model, x).argmax(-1)),
    "Your result is the likeliest tokens. Return the logits, (B, n, V); whoever calls draws from them.")


def words(B, *pieces, vocabulary=9, d_model=8, heads=2, layers=2):
    def draw(generator):
        tokens = torch.randint(vocabulary, (B, sum(pieces)), generator=generator)
        return {"tokens": tokens, "seed": int(torch.randint(10**6, (), generator=generator))}

    return {"sizes": (vocabulary, d_model, heads, layers), "pieces": list(pieces), "together": draw}


exercise = Exercise(
    reference=decode,
    use=caches.decode,
    cases=[
        Case("one block, one token after another", **words(1, 1, 1, vocabulary=3, d_model=4, heads=1, layers=1)),
        Case("a prompt", **words(2, 5, d_model=12, heads=3)),
        Case("a prompt, then one by one", **words(3, 4, 1, 1, 1)),
        Case("a prompt, then another", **words(2, 3, 4, layers=3)),
        Case("one block, pieces of all sizes", **words(3, 2, 1, 5, 2, layers=1, d_model=12)),
        Case("one text, one by one", **words(1, 1, 1, 1, 1, 1, 1, layers=3, d_model=6, heads=1)),
        Case("four heads, pieces of all sizes", **words(2, 1, 3, 1, 4, heads=4, d_model=16, vocabulary=11)),
        Case("64-bit numbers", **words(2, 3, 1, 2), **{"embedding.weight": normal(9, 8, dtype=torch.float64)}),
    ],
    variants=[token_by_token, by_hand, block_after_block],
    mistakes=mistakes,
    points=3,
)  # fmt: skip
