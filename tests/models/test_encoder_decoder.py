"""The encoder–decoder and its attentions, against loops by hand and against themselves in other company."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from utils.data import END, PAD, START, Corpus, Pair
from utils.models import (
    BahdanauAttention,
    EncoderDecoder,
    UniformAttention,
    attention_decoder_step,
    fixed_context_step,
)

SOURCE_WORDS, TARGET_WORDS, WIDTH = 11, 9, 6
ATTENTIONS = {
    "none": lambda: None,
    "uniform": UniformAttention,
    "bahdanau": lambda: BahdanauAttention(WIDTH, 2 * WIDTH, 5),
}


def build(attention, step=None, seed=0):
    torch.manual_seed(seed)
    model = EncoderDecoder(SOURCE_WORDS, TARGET_WORDS, attention(), step, width=WIDTH, embedding=4)
    return model.double()


@pytest.fixture(params=ATTENTIONS)
def model(request):
    return build(ATTENTIONS[request.param])


@pytest.fixture(params=["uniform", "bahdanau"])
def attentive(request):
    return build(ATTENTIONS[request.param])


def sentences(lengths, words, seed=0):
    """Rows of numbers above END, filled up with PAD."""
    numbers = torch.randint(END + 1, words, (len(lengths), max(lengths)), generator=torch.Generator().manual_seed(seed))
    return numbers.masked_fill(torch.arange(max(lengths)) >= torch.tensor(lengths)[:, None], PAD)


def close(found, expected):
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)


def draw(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


# ---- attention


def masks():
    per_sentence = torch.tensor([[True] * 5, [True, True, False, False, False]])
    per_query = torch.rand(2, 3, 5, generator=torch.Generator().manual_seed(1)) < 0.6
    per_query[0, 1] = False  # a query that may attend to nothing
    return {"none": None, "per sentence": per_sentence, "per query": per_query}


def allowed(mask, b, i):
    """Which of the five keys query i of sentence b may attend to."""
    return torch.ones(5, dtype=torch.bool) if mask is None else mask[b] if mask.dim() == 2 else mask[b, i]


@pytest.mark.parametrize("mask", masks().values(), ids=masks())
def test_bahdanau_attention_is_the_formula_by_hand(mask):
    torch.manual_seed(0)
    attention = BahdanauAttention(4, 7, 6).double()
    query, key, value = draw(2, 3, 4), draw(2, 5, 7, seed=1), draw(2, 5, 8, seed=2)
    context, weights = attention(query, key, value, mask)
    assert context.shape == (2, 3, 8) and weights.shape == (2, 3, 5)
    for b in range(2):
        for i in range(3):
            scores = torch.stack(
                [
                    attention.score_vector @ torch.tanh(attention.W_q.weight @ query[b, i] + attention.W_k.weight @ k)
                    for k in key[b]
                ]
            )
            exps = torch.where(allowed(mask, b, i), scores.exp(), 0)
            expected = exps / exps.sum() if exps.any() else exps
            close(weights[b, i], expected)
            close(context[b, i], sum(weight * v for weight, v in zip(expected, value[b], strict=True)))


@pytest.mark.parametrize("mask", masks().values(), ids=masks())
def test_uniform_attention_is_the_mean_of_what_may_be_seen(mask):
    query, value = draw(2, 3, 4), draw(2, 5, 8, seed=2)
    context, weights = UniformAttention()(query, draw(2, 5, 7), value, mask)
    assert context.shape == (2, 3, 8) and weights.shape == (2, 3, 5)
    for b in range(2):
        for i in range(3):
            seen = allowed(mask, b, i)
            close(context[b, i], value[b, seen].mean(0) if seen.any() else torch.zeros(8).double())
            close(weights[b, i], seen.double() / max(1, seen.sum()))


def test_a_query_that_may_attend_to_nothing_gets_zeros_and_no_nan_backwards():
    torch.manual_seed(0)
    for attention in (BahdanauAttention(4, 4, 6), UniformAttention()):
        inputs = [torch.randn(2, 3, 4, requires_grad=True) for _ in range(3)]
        mask = torch.tensor([[True, False, True], [False, False, False]])
        context, weights = attention(*inputs, mask)
        (context.square().sum() + weights.square().sum()).backward()
        assert not context[1].any() and not weights[1].any() and context[0].all()
        assert all(x.grad is None or x.grad.isfinite().all() for x in inputs)


def test_uniform_attention_does_not_look_at_queries_or_keys():
    mask, value = masks()["per sentence"], draw(2, 5, 8)
    found = [UniformAttention()(draw(2, 3, 4, seed=s), draw(2, 5, 7, seed=s), value, mask)[0] for s in (1, 2)]
    assert torch.equal(*found) and list(UniformAttention().parameters()) == []


def test_attention_changes_nothing_it_is_given():
    for attention in (BahdanauAttention(4, 4, 6).double(), UniformAttention()):
        given = [draw(2, 5, 4, seed=s) for s in range(3)] + [masks()["per sentence"]]
        before = [x.clone() for x in given]
        attention(*given)
        assert all(map(torch.equal, given, before))


# ---- one step, and the encoder


def test_a_step_of_the_decoder_asks_with_the_state_from_before():
    torch.manual_seed(0)
    cell, attention = nn.GRUCell(4 + 12, 6).double(), BahdanauAttention(6, 12, 5).double()
    y, s, states, mask = draw(2, 4), draw(2, 6, seed=1), draw(2, 5, 12, seed=2), masks()["per sentence"]
    state, context, weights = attention_decoder_step(y, s, states, mask, attention, cell)
    expected_context, expected_weights = attention(s[:, None], states, states, mask)
    close(context, expected_context.squeeze(1))
    close(weights, expected_weights.squeeze(1))
    close(state, cell(torch.cat([y, context], 1), s))
    close(fixed_context_step(y, s, context, cell), state)


def test_the_encoder_is_a_gru_in_both_directions_over_the_real_words(model):
    source = sentences([3, 5, 1], SOURCE_WORDS)
    memory = model.encode(source)
    assert torch.equal(memory.mask, source != PAD)
    for row, length in enumerate([3, 5, 1]):
        words = model.source_embedding(source[row : row + 1, :length])
        states, _ = model.encoder(words)
        ends = torch.cat([states[0, -1, :WIDTH], states[0, 0, WIDTH:]])
        close(memory.states[row, :length], states[0])
        assert not memory.states[row, length:].any()
        close(memory.summary[row], torch.tanh(model.summarise(ends)))


def test_the_decoder_is_the_loop_by_hand(model):
    source, target = sentences([4, 2], SOURCE_WORDS), sentences([3, 3], TARGET_WORDS, seed=1)
    memory = model.encode(source)
    s, expected = memory.summary, []
    for t in range(3):
        y = model.target_embedding(target[:, t])
        context = memory.summary
        if model.attention is not None:
            context = model.attention(s[:, None], memory.states, memory.states, memory.mask)[0].squeeze(1)
        s = model.cell(torch.cat([y, context], 1), s)
        expected.append(model.out(torch.cat([s, y, context], 1)))
    close(model(source, target), torch.stack(expected, 1))


# ---- what a sentence's translation may depend on


def test_logits_do_not_depend_on_company_or_padding(model):
    source, target = sentences([3, 7, 1, 5], SOURCE_WORDS), sentences([4, 4, 4, 4], TARGET_WORDS, seed=1)
    together = model(F.pad(source, (0, 6)), target)
    close(together, model(source, target))
    for row, length in enumerate([3, 7, 1, 5]):
        close(together[row], model(source[row : row + 1, :length], target[row : row + 1])[0])
    order = torch.tensor([2, 0, 3, 1])
    close(model(source[order], target[order]), together[order])


def test_logits_do_not_depend_on_words_that_come_later(model):
    source, target = sentences([5, 3], SOURCE_WORDS), sentences([6, 6], TARGET_WORDS, seed=1)
    logits = model(source, target)
    for t in range(5):
        other = target.clone()
        other[:, t + 1 :] = (other[:, t + 1 :] + 1) % TARGET_WORDS
        found = model(source, other)
        assert torch.equal(found[:, : t + 1], logits[:, : t + 1])
        assert not torch.isclose(found[:, t + 1], logits[:, t + 1]).all()


def test_logits_depend_on_every_word_of_the_source(model):
    source, target = sentences([5], SOURCE_WORDS), sentences([2], TARGET_WORDS, seed=1)
    for position in range(5):
        other = source.clone()
        other[0, position] = END + 1 if other[0, position] != END + 1 else END + 2
        assert not torch.isclose(model(other, target), model(source, target)).all()


def test_without_attention_the_context_is_the_summary_at_every_step():
    given = []

    def step(y, s, context, cell):
        given.append(context)
        return fixed_context_step(y, s, context, cell)

    model = build(ATTENTIONS["none"], step)
    source = sentences([4, 2], SOURCE_WORDS)
    model(source, sentences([5, 5], TARGET_WORDS))
    model.greedy(source, max_length=3)
    assert len(given) == 8 and all(torch.equal(context, model.encode(source).summary) for context in given)


def test_a_given_step_takes_the_place_of_the_courses():
    uniform = UniformAttention()

    def step(y, s, states, mask, attention, cell):
        return attention_decoder_step(y, s, states, mask, uniform, cell)

    model, control = build(ATTENTIONS["bahdanau"], step), build(ATTENTIONS["uniform"])
    control.load_state_dict(model.state_dict(), strict=False)
    source, target = sentences([4, 2], SOURCE_WORDS), sentences([5, 5], TARGET_WORDS)
    close(model(source, target), control(source, target))
    assert not torch.isclose(model(source, target), build(ATTENTIONS["bahdanau"])(source, target)).all()
    for found, expected in zip(model.greedy(source), control.greedy(source), strict=True):
        close(found, expected)


def test_gradients_reach_every_parameter(model):
    model(sentences([4, 2], SOURCE_WORDS), sentences([5, 5], TARGET_WORDS)).square().sum().backward()
    assert [name for name, parameter in model.named_parameters() if not parameter.grad.any()] == []


def test_a_saved_model_is_the_same_when_loaded_into_another(model, tmp_path):
    torch.save(model.state_dict(), tmp_path / "model.pt")
    other = build(lambda: model.attention, seed=1)
    source, target = sentences([4, 2], SOURCE_WORDS), sentences([5, 5], TARGET_WORDS)
    assert not torch.equal(other(source, target), model(source, target))
    other.load_state_dict(torch.load(tmp_path / "model.pt"))
    assert torch.equal(other(source, target), model(source, target))


# ---- greedy translation


def ends(words):
    """The number of words up to and with END in each row, or all of them."""
    return [row.index(END) + 1 if END in row else len(row) for row in words.tolist()]


@pytest.fixture
def undecided(model):
    """A model that ends some of its sentences soon and others not at all."""
    torch.manual_seed(2)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0, 3)
        model.out.bias[END] += 9
        model.out.bias[PAD] -= 100
    return model


LENGTHS = [4, 2, 7, 3, 1, 5, 6, 2]


def test_greedy_takes_the_likeliest_word_given_its_own(undecided):
    source = sentences(LENGTHS, SOURCE_WORDS)
    words, _ = undecided.greedy(source, max_length=12)
    logits = undecided(source, torch.cat([torch.full((len(words), 1), START), words[:, :-1]], 1))
    lengths = ends(words)
    assert len(set(lengths)) > 1
    for row, length in enumerate(lengths):
        assert torch.equal(words[row, :length], logits[row, :length].argmax(-1))
        assert (words[row, length:] == PAD).all()


def test_greedy_does_not_depend_on_company_or_padding(undecided):
    source = sentences(LENGTHS, SOURCE_WORDS)
    words, weights = undecided.greedy(F.pad(source, (0, 3)), max_length=12)
    for row, (length, end) in enumerate(zip(LENGTHS, ends(words), strict=True)):
        alone, alone_weights = undecided.greedy(source[row : row + 1, :length], max_length=12)
        assert torch.equal(alone[0], words[row, :end])
        if weights is not None:
            close(alone_weights[0], weights[row, :end, :length])


def test_greedy_stops_when_all_have_ended_and_at_the_longest_allowed(model):
    source = sentences(LENGTHS, SOURCE_WORDS)
    with torch.no_grad():
        model.out.bias[END] = -100
        for longest in (1, 5):
            assert model.greedy(source, max_length=longest)[0].shape == (len(source), longest)
        assert model.greedy(source)[0].shape == (len(source), 40)
        model.out.bias[END] = 100
        assert model.greedy(source)[0].tolist() == [[END]] * len(source)


def test_weights_sum_to_one_over_the_real_words_and_are_zero_on_padding(attentive):
    source = sentences(LENGTHS, SOURCE_WORDS)
    words, weights = attentive.greedy(source, max_length=6)
    assert weights.shape == (*words.shape, source.size(1))
    real = (source != PAD)[:, None].expand_as(weights)
    assert (weights[real] > 0).all() and not weights[~real].any()
    close(weights.sum(-1), torch.ones_like(weights[..., 0]))


def test_a_model_without_attention_has_no_weights():
    assert build(ATTENTIONS["none"]).greedy(sentences([3], SOURCE_WORDS))[1] is None


def test_greedy_leaves_the_model_as_it_was(model):
    source = sentences(LENGTHS, SOURCE_WORDS)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    model.train()
    words, weights = model.greedy(source, max_length=4)
    assert model.training and torch.is_grad_enabled()
    assert not words.requires_grad and (weights is None or not weights.requires_grad)
    assert all(parameter.grad is None for parameter in model.parameters())
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def test_translations_are_the_words_up_to_the_end_in_the_order_of_the_pairs(undecided):
    pairs = [Pair(tuple("abcdefgh"[i : i + length]), tuple("UVWXYZ"), i) for i, length in enumerate(LENGTHS)]
    corpus = Corpus(pairs, [])
    assert (len(corpus.source), len(corpus.target)) == (SOURCE_WORDS, TARGET_WORDS)
    expected = []
    for pair in pairs:
        words = undecided.greedy(corpus.tensors([pair])[0])[0][0].tolist()
        words = words[: words.index(END)] if END in words else words
        expected.append([corpus.target.words[number] for number in words if number != START])
    assert len(set(map(tuple, expected))) > 1
    assert undecided.translate(corpus, pairs) == expected
    assert undecided.translate(corpus, pairs[::-1][:3]) == expected[::-1][:3]
