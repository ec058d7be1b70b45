"""The transformer against loops by hand, and against itself in other company."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from utils import models
from utils.models import LanguageModel, MultiHeadAttention, SelfAttention, TransformerBlock, next_token_loss, sample

DOUBLE = {"dtype": torch.float64}


def draw(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), **DOUBLE)


def drawn(module, seed=0):
    """The module in 64-bit, every parameter drawn anew, so that nothing is at its start any more."""
    generator = torch.Generator().manual_seed(seed)
    module = module.double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator, **DOUBLE) / parameter.size(-1) ** 0.5)
    return module


def close(found, expected):
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)


# ---- attention


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("heads", [1, 2, 4])
def test_self_attention_is_multi_head_attention_of_a_sequence_to_itself(heads, causal):
    attention, known = drawn(SelfAttention(8, heads)), MultiHeadAttention(8, heads).double()
    known.load_state_dict(attention.state_dict())
    x = draw(3, 5, 8)
    mask = torch.ones(5, 5, dtype=torch.bool).tril() if causal else None
    context, weights = known(x, x, x, mask)
    close(attention(x, causal=causal), context)
    close(attention.weights(x, causal=causal), weights)


def test_positions_turn_queries_and_keys_and_nothing_else():
    attention, x, positions = drawn(SelfAttention(6, 1)), draw(2, 4, 6), torch.tensor([1, 2, 5, 9])
    query, key = (models.rotary(W(x), positions) for W in (attention.W_q, attention.W_k))
    weights = (query @ key.mT / math.sqrt(6)).softmax(-1)
    close(attention.weights(x, positions)[:, 0], weights)
    close(attention(x, positions), attention.W_o(weights @ attention.W_v(x)))


def test_only_distances_between_positions_matter():
    attention, x = drawn(SelfAttention(8, 2)), draw(2, 6, 8)
    near, far = torch.arange(6), torch.arange(6) + 100
    close(attention(x, far), attention(x, near))
    assert not torch.isclose(attention(x, 2 * near), attention(x, near)).all()


def test_heads_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match="7 does not divide into 2"):
        SelfAttention(7, 2)


# ---- a block


def test_a_block_is_its_formula():
    block, x, positions = drawn(TransformerBlock(6, 3, 5)), draw(2, 4, 6), torch.arange(4)

    def norm(x, weight):
        return x / x.square().mean(-1, keepdim=True).sqrt() * weight

    middle = x + block.attention(norm(x, block.norm_1.weight), positions, causal=True)
    hidden = (norm(middle, block.norm_2.weight) @ block.up.weight.mT + block.up.bias).clamp(min=0)
    close(block(x, positions), middle + hidden @ block.down.weight.mT + block.down.bias)


def test_a_new_block_is_the_identity_and_still_learns():
    block, x = TransformerBlock(8, 2, 12), torch.randn(3, 5, 8)
    assert torch.equal(block(x), x)
    block(x).square().sum().backward()
    assert block.attention.W_o.weight.grad.any() and block.down.weight.grad.any()


def test_a_block_is_causal_unless_told_otherwise():
    block, x = drawn(TransformerBlock(8, 2, 12)), draw(2, 5, 8)
    other = x.clone()
    other[:, 3:] += 1
    close(block(other)[:, :3], block(x)[:, :3])
    assert not torch.isclose(block(other, causal=False)[:, :3], block(x, causal=False)[:, :3]).any()


def test_without_positions_and_mask_a_block_does_not_know_the_order():
    block, x, order = drawn(TransformerBlock(8, 2, 12)), draw(2, 5, 8), torch.tensor([3, 0, 4, 1, 2])
    close(block(x[:, order], causal=False), block(x, causal=False)[:, order])


# ---- a language model


def model(layers=2, context=9):
    return drawn(LanguageModel(11, 8, 2, layers, context))


def test_the_parts_have_the_names_that_are_written():
    names = {name.split(".")[0] for name, _ in LanguageModel(11, 8, 2, 3, 9).named_parameters()}
    assert names == {"embedding", "blocks", "norm", "head"}
    assert len(model(3).blocks) == 3 and model().blocks[0].up.out_features == 32


def test_a_language_model_is_its_parts_in_a_row():
    network, tokens = model(), torch.randint(11, (2, 7))
    x = network.embedding.weight[tokens]
    for block in network.blocks:
        x = block(x, torch.arange(7))
    close(network(tokens), F.rms_norm(x, (8,), network.norm.weight) @ network.head.weight.mT)


@pytest.mark.parametrize("vocabulary", [2, 7, 256])
def test_a_new_models_loss_is_the_logarithm_of_its_vocabulary(vocabulary):
    network, tokens = LanguageModel(vocabulary, 8, 2, 3, 9), torch.randint(vocabulary, (4, 9))
    assert next_token_loss(network(tokens), tokens).item() == pytest.approx(math.log(vocabulary), rel=1e-6)


def test_logits_depend_on_all_tokens_so_far_and_on_none_that_comes():
    network, tokens = model(), torch.randint(11, (1, 9))
    for place in range(9):
        other = tokens.clone()
        other[0, place] = (other[0, place] + 1) % 11
        same = torch.isclose(network(other), network(tokens), rtol=1e-9).all(-1)[0]
        assert same.tolist() == [True] * place + [False] * (9 - place)


def test_more_tokens_than_the_context_are_refused_by_number():
    with pytest.raises(ValueError, match="10 tokens .* context of 9"):
        model()(torch.zeros(1, 10, dtype=torch.long))
    assert model()(torch.zeros(1, 9, dtype=torch.long)).shape == (1, 9, 11)


def test_gradients_reach_every_parameter():
    network, tokens = model(), torch.randint(11, (4, 9))
    next_token_loss(network(tokens), tokens).backward()
    assert [name for name, parameter in network.named_parameters() if not parameter.grad.any()] == []


# ---- its loss


def by_hand(logits, tokens, ignore):
    surprises = [
        row.exp().sum().log() - row[target]
        for sequence, words in zip(logits, tokens, strict=True)
        for row, target in zip(sequence[:-1], words[1:], strict=True)
        if target != ignore
    ]
    return sum(surprises) / len(surprises)


@pytest.mark.parametrize("ignore", [-1, 0, 3, -100])
def test_the_loss_is_the_mean_surprise_at_targets_that_count(ignore):
    logits, tokens = draw(3, 6, 5), torch.randint(5, (3, 6), generator=torch.Generator().manual_seed(1))
    tokens[1, 3:] = ignore
    close(next_token_loss(logits, tokens, ignore), by_hand(logits, tokens, ignore))


def test_padding_changes_neither_loss_nor_gradient():
    logits, tokens = draw(2, 5, 4).requires_grad_(), torch.tensor([[0, 1, 2, -1, -1], [3, 2, 1, 0, 2]])
    more = torch.cat([logits, draw(2, 3, 4, seed=1)], 1)
    short = next_token_loss(logits, tokens)
    long = next_token_loss(more, F.pad(tokens, (0, 3), value=-1))
    close(long, short)
    close(torch.autograd.grad(long, logits)[0], torch.autograd.grad(short, logits)[0])


# ---- sampling


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_tokens_are_as_frequent_as_the_softmax_says(temperature):
    logits = torch.tensor([[1.0, -2.0, 0.5], [0.0, 0.0, 3.0]])
    drawn = sample(logits.repeat(20_000, 1), temperature, generator=generator()).view(-1, 2)
    shares = torch.stack([(drawn == token).float().mean(0) for token in range(3)], 1)
    torch.testing.assert_close(shares, (logits / temperature).softmax(-1), rtol=0, atol=0.02)


def test_only_the_best_of_each_row_are_drawn():
    logits = torch.tensor([[5.0, 4.0, 3.0, 2.0], [100.0, 101.0, 103.0, 102.0]]).repeat(500, 1)
    drawn = sample(logits, 10.0, top_k=2, generator=generator()).view(-1, 2)
    assert set(drawn[:, 0].tolist()) == {0, 1} and set(drawn[:, 1].tolist()) == {2, 3}
    assert torch.equal(sample(logits, 10.0, top_k=1), logits.argmax(-1))


def test_sampling_rests_on_its_generator_and_changes_nothing():
    logits = torch.zeros(50, 9)
    before, state = logits.clone(), torch.get_rng_state()
    one, again, other = (sample(logits, 1.0, 5, generator(seed)) for seed in (0, 0, 1))
    assert torch.equal(one, again) and not torch.equal(one, other)
    assert one.dtype == torch.int64 and one.shape == (50,)
    assert torch.equal(logits, before) and torch.equal(torch.get_rng_state(), state)


# ---- looking at weights


def test_the_weights_of_a_model_are_those_that_its_attentions_use():
    network, tokens = model(), torch.randint(11, (2, 7))
    first, second = models.attention_weights(network, tokens)
    x, positions = network.embedding(tokens), torch.arange(7)
    close(first, network.blocks[0].attention.weights(network.blocks[0].norm_1(x), positions, True))
    x = network.blocks[0](x, positions)
    close(second, network.blocks[1].attention.weights(network.blocks[1].norm_1(x), positions, True))
    close(second.sum(-1), torch.ones(2, 2, 7, **DOUBLE))
    assert not second.triu(1).any() and not second.requires_grad


def test_looking_leaves_no_trace_even_after_an_error():
    network = model()
    with pytest.raises(ValueError):
        models.attention_weights(network, torch.zeros(1, 99, dtype=torch.long))
    assert not any(module._forward_hooks for module in network.modules())
    assert models.attention_weights(nn.Linear(2, 2), torch.zeros(1, 2)) == []
