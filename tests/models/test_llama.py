"""Llama against its formula and against itself in other company; what a folder gives."""

import dataclasses
import json
import math
import subprocess
import sys

import pytest
import torch
from safetensors.torch import save_file
from small_llama import ARCHITECTURE, CONFIG, config, drawn, sharded, tensors
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from utils.models import attention_weights, llama, text_loss
from utils.models.llama.files import published


def some_tokens(batch, length, seed=0):
    return torch.randint(23, (batch, length), generator=torch.Generator().manual_seed(seed))


# ---- the architecture


def by_hand(model, tokens):
    """Logits of one sequence (T,), head by head, its turns as products with complex numbers."""
    at = torch.arange(len(tokens))

    def norm(x, weight):
        return x / (x.square().mean(-1, keepdim=True) + 1e-5).sqrt() * weight

    def turn(x):  # (T, 4)
        rates = torch.tensor([slow(1.0), slow(0.1)], dtype=torch.float64)
        pairs = torch.complex(x[:, :2], x[:, 2:]) * torch.polar(torch.ones(()).double(), at[:, None] * rates)
        return torch.cat([pairs.real, pairs.imag], -1)

    def slow(rate):
        turns = 8 * rate / (2 * math.pi)
        kept = min(max((turns - 1) / (4 - 1), 0), 1)
        return kept * rate + (1 - kept) * rate / 4

    x = model.embedding.weight[tokens]
    for block in model.blocks:
        normed, contexts = norm(x, block.norm_1.weight), []
        maps = block.attention
        for head in range(4):
            own, shared = slice(4 * head, 4 * head + 4), slice(4 * (head // 2), 4 * (head // 2) + 4)
            query, key = turn(normed @ maps.W_q.weight[own].T), turn(normed @ maps.W_k.weight[shared].T)
            scores = (query @ key.T / 2).masked_fill(at[:, None] < at, -math.inf)
            contexts.append(scores.softmax(-1) @ (normed @ maps.W_v.weight[shared].T))
        x = x + torch.cat(contexts, -1) @ maps.W_o.weight.T
        normed = norm(x, block.norm_2.weight)
        gate = normed @ block.gate.weight.T
        x = x + (gate * torch.sigmoid(gate) * (normed @ block.up.weight.T)) @ block.down.weight.T
    return norm(x, model.norm.weight) @ model.head.weight.T


def test_it_is_its_formula():
    model, tokens = drawn().double(), some_tokens(2, 20)
    expected = torch.stack([by_hand(model, sequence) for sequence in tokens])
    torch.testing.assert_close(model(tokens), expected, rtol=1e-9, atol=1e-9)


def test_slow_turns_are_slowed_and_fast_ones_are_not():
    plain = llama.rotary_rates(128, 500_000.0)
    slowed = llama.rotary_rates(128, 500_000.0, llama.Slowed(8.0, 1.0, 4.0, 8192))  # as in Llama 3.1
    turns = 8192 * plain / (2 * math.pi)
    assert torch.equal(slowed[turns > 4], plain[turns > 4]) and torch.equal(slowed[turns < 1], plain[turns < 1] / 8)
    between = (turns > 1) & (turns < 4)
    assert between.any() and ((slowed < plain) & (slowed > plain / 8))[between].all() and slowed.diff().max() < 0


def test_gradients_reach_every_parameter_of_a_model_that_was_loaded(folder):
    model, tokens = llama.load(folder)[0], some_tokens(4, 12)
    text_loss(model, tokens).backward()
    unseen = [name for name, parameter in model.named_parameters() if not parameter.grad.any()]
    assert unseen == []


def test_tokens_through_caches_are_the_whole_and_do_not_need_the_model_to_be_told():
    model, tokens = drawn(), some_tokens(2, 32)
    caches = model.new_caches()
    with torch.no_grad():
        parts = [model(part, caches) for part in tokens.split([10, 6, *[1] * 16], 1)]
    torch.testing.assert_close(torch.cat(parts, 1), model(tokens), rtol=1e-4, atol=1e-5)
    assert [len(cache) for cache in caches] == [32, 32] and caches[0].key.shape == (2, 2, 32, 4)


def test_the_weights_behind_a_call_with_caches_are_rows_of_those_of_the_whole():
    model, tokens = drawn(), some_tokens(2, 9)
    whole, caches = attention_weights(model, tokens), model.new_caches()
    first, rest = (attention_weights(model, part, caches) for part in tokens.split([6, 3], 1))
    for layer in range(2):
        torch.testing.assert_close(first[layer], whole[layer][:, :, :6, :6], rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(rest[layer], whole[layer][:, :, 6:], rtol=1e-4, atol=1e-6)


def test_what_does_not_fit_is_named_and_leaves_the_caches_as_they_were():
    model, tokens = drawn(), some_tokens(1, 33)
    with pytest.raises(ValueError, match="^33 tokens do not fit into a context of 32$"):
        model(tokens)
    caches = model.new_caches()
    with pytest.raises(ValueError, match="append under torch.no_grad"):
        model(tokens[:, :5], caches)
    with torch.no_grad():
        model(tokens[:, :30], caches)
        with pytest.raises(ValueError, match="^33 tokens"):
            model(tokens[:, :3], caches)
        with pytest.raises(ValueError, match="^1 caches for 2 blocks"):
            model(tokens[:, :1], caches[:1])
        with pytest.raises(ValueError, match="^0 caches for 2 blocks"):
            model(tokens[:, :1], [])
    assert [len(cache) for cache in caches] == [30, 30]


def test_rounding_a_model_does_not_round_its_turns():
    model = drawn().to(torch.bfloat16)
    assert model.rates.dtype == torch.float64 and model(some_tokens(1, 5)).dtype == torch.bfloat16


# ---- a folder


def test_a_folder_gives_the_model_that_was_saved(folder):
    tokens, saved = some_tokens(2, 20), drawn()
    for found, tokenizer in (llama.load(folder), llama.load(str(folder))):
        assert tokenizer is None and torch.equal(found(tokens), saved(tokens))
    assert {name for name, _ in found.named_children()} == {"embedding", "blocks", "norm", "head"}
    sharded(folder)
    assert torch.equal(llama.load(folder)[0](tokens), saved(tokens))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("filed", [torch.float32, torch.bfloat16, torch.float16])
def test_the_dtype_is_the_readers_whatever_the_files(folder, filed, dtype):
    weights = {name: tensor.to(filed) for name, tensor in tensors(drawn()).items()}
    save_file(weights, folder / "model.safetensors")
    for name, parameter in llama.load(folder, dtype)[0].named_parameters():
        assert torch.equal(parameter, weights[published(name)].to(dtype)), name


def test_a_tied_head_is_the_embedding_unless_the_files_have_one(folder):
    config(folder, tie_word_embeddings=True)
    assert torch.equal(llama.load(folder)[0].head.weight, drawn().head.weight)
    weights = tensors(drawn())
    del weights["lm_head.weight"]
    save_file(weights, folder / "model.safetensors")
    model = llama.load(folder)[0]
    assert model.head.weight is model.embedding.weight and not model.head.weight.is_meta
    assert torch.equal(model.head.weight, weights["model.embed_tokens.weight"])


def test_what_older_files_have_computed_is_passed_over(folder):
    more = {"model.layers.0.self_attn.rotary_emb.inv_freq": torch.zeros(2)}
    save_file(tensors(drawn()) | more, folder / "model.safetensors")
    assert torch.equal(llama.load(folder)[0](some_tokens(1, 9)), drawn()(some_tokens(1, 9)))


def test_a_config_may_leave_out_what_has_a_usual_value(folder):
    short = {name: CONFIG[name] for name in [*CONFIG][1:7]}  # from model_type to the heads
    save_file(tensors(drawn(dataclasses.replace(ARCHITECTURE, key_heads=4))), folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(short))
    model = llama.load(folder)[0]
    assert (model.context, model.norm.eps, model.blocks[0].attention.W_k.out_features) == (2048, 1e-6, 4 * 4)
    assert torch.equal(model.rates, llama.rotary_rates(4, 10_000.0))


def test_the_tokenizer_of_the_folder_comes_along(folder):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    text = "the key that fits the lock opens the door; the value is behind the door"
    trainer = trainers.BpeTrainer(vocab_size=300, initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator([text], trainer)
    tokenizer.save(str(folder / "tokenizer.json"))
    found = llama.load(folder)[1]
    for each in (text, "the key, the dör — 鍵\n  and 𝛼"):
        assert found.encode(each).ids == tokenizer.encode(each).ids and found.decode(found.encode(each).ids) == each
    assert len(found.encode(text).ids) < len(text) / 2


MEASURE = """
import resource, sys
from utils.models import llama
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
model = llama.load(sys.argv[1])[0]
print(1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before), sum(x.nbytes for x in model.parameters()))
"""


@pytest.mark.repository
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere the peak is counted in other units")
def test_weights_are_held_once(folder):
    wide = dataclasses.replace(ARCHITECTURE, d_model=512, d_hidden=2048, layers=16, d_k=128)
    config(folder, hidden_size=512, intermediate_size=2048, num_hidden_layers=16)
    with torch.device("meta"):
        shapes = {name: x.shape for name, x in tensors(llama.Llama(wide)).items()}
    save_file({name: torch.zeros(x, dtype=torch.bfloat16) for name, x in shapes.items()}, folder / "model.safetensors")
    where = sharded(folder)
    assert len({*where.values()}) == 3
    command = [sys.executable, "-c", MEASURE, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    grown, weights = map(int, done.stdout.split())
    assert weights > 200e6 and grown < 1.3 * weights  # and a shard, mapped: a sixth of the weights
