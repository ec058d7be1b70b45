"""The network that is asked late, against loops by hand; its readers see what they should and nothing else."""

import pytest
import torch
from torch import Generator, nn
from torch.nn import functional as F

from utils.attention import reference
from utils.data import table_questions
from utils.models import (
    DeepNetwork,
    DepthReader,
    InputReader,
    StateReader,
    attend_to_input,
    table_accuracy,
    table_loss,
    value_loss,
)
from utils.training import Seeds

READERS = {"none": lambda: None, "input": lambda: InputReader(4), "state": lambda: StateReader(4), "depth": DepthReader}
KINDS = {"plain": {}, "residual": {"residual": True}, "norm": {"norm": True}, "relu": {"activation": "relu"}}


def drawn(count=6, slots=4, seed=0):
    return table_questions((count,), slots, Generator().manual_seed(seed))


def build(reader="none", depth=6, asked_at=4, seed=0, **options):
    torch.manual_seed(seed)
    return DeepNetwork(4, depth, asked_at, reader=READERS[reader](), **options)


def close(found, expected, tolerance=1e-5):
    torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance)


# ---- what it is given


def test_tables_and_questions_are_in_range_and_everything_is_equally_frequent():
    table, a, b, question = table_questions((8000,), 5, Generator().manual_seed(0))
    assert table.shape == (8000, 5) and a.shape == b.shape == question.shape == (8000,)
    for numbers, choices in [(table, 8), (a, 3), (b, 3), (question, 5)]:
        shares = torch.bincount(numbers.flatten(), minlength=choices) / numbers.numel()
        assert shares.tolist() == pytest.approx([1 / choices] * choices, abs=0.02)


def test_the_same_generator_gives_the_same_tables_and_seeds_have_their_own():
    one, two = (table_questions((3, 10), 4, Generator().manual_seed(5)) for _ in range(2))
    assert all(map(torch.equal, one, two))
    assert one[0].shape == (3, 10, 4) and one[3].shape == (3, 10)
    assert not torch.equal(one[0][0], one[0][1])


# ---- the network


def test_the_code_is_the_sum_of_a_vector_for_each_entry():
    network, (table, a, b, _) = build(), drawn()
    for row in range(len(table)):
        vectors = [network.table_code[8 * slot + value] for slot, value in enumerate(table[row].tolist())]
        vectors += [network.number_code[a[row]], network.number_code[3 + b[row]]]
        close(network.code(table, a, b)[row], sum(vectors) / 6**0.5)


@pytest.mark.parametrize("kind", KINDS)
def test_the_network_is_the_loop_by_hand(kind):
    network, (table, a, b, question) = build(**KINDS[kind]), drawn()
    activation = torch.relu if kind == "relu" else torch.tanh
    norm = (lambda x: F.layer_norm(x, (64,))) if kind == "norm" else (lambda x: x)
    state = network.code(table, a, b)
    for number, layer in enumerate(network.layers, 1):
        if number == 4:
            sums = network.sum_head(norm(state))
            state = state + network.question_code[question]
        new = activation(norm(state) @ layer.weight.mT + layer.bias)
        state = state + new if kind == "residual" else new
    found = network(table, a, b, question)
    close(found[0], sums)
    close(found[1], network.value_head(norm(state)))
    assert found[0].shape == (6, 3) and found[1].shape == (6, 8)


@pytest.mark.parametrize("reader", ["none", "input", "state"])
def test_the_steps_one_after_the_other_give_the_states(reader):
    network, batch = build(reader, residual=True), drawn()
    states = network.states(*batch)
    state = network.code(*batch[:3])
    assert len(states) == 7 and torch.equal(states[0], state)
    for step, expected in zip(network.steps(batch[0], batch[3]), states[1:], strict=True):
        state = step(state)
        close(state, expected)


@pytest.mark.parametrize("reader", READERS)
def test_no_layer_below_knows_the_question(reader):
    network, (table, a, b, question) = build(reader), drawn()
    one, other = (network.states(table, a, b, asked) for asked in (question, (question + 1) % 4))
    assert all(map(torch.equal, one[:4], other[:4]))
    assert not torch.isclose(one[4], other[4]).all()


def test_layers_start_as_they_should():
    plain, relu = build(), build(activation="relu")
    assert plain.layers[0].weight.abs().max() <= 1 / 8 and plain.layers[0].weight.std() > 0.9 / 192**0.5
    assert torch.stack([layer.weight for layer in relu.layers]).std().item() == pytest.approx((2 / 64) ** 0.5, rel=0.03)
    assert not any(layer.bias.any() for network in (plain, relu) for layer in network.layers)
    for layer in build(orthogonal=True).layers:
        assert torch.allclose(layer.weight @ layer.weight.mT, 1.21 * torch.eye(64), atol=1e-4)


def test_noise_is_a_share_of_the_state_and_different_every_time():
    quiet, noisy, batch = build(), build(noise=0.2), drawn(2000)
    expected = quiet.states(*batch)[1]
    one, two = (noisy.eval().states(*batch)[1] for _ in range(2))
    assert (one - expected).std().item() == pytest.approx((0.2 * expected.square().mean().sqrt()).item(), rel=0.02)
    assert torch.corrcoef(torch.stack([(one - expected).flatten(), (two - expected).flatten()]))[0, 1].abs() < 0.02


def test_only_the_layers_below_the_asked_one_are_noisy():
    network, batch = build(noise=0.2), drawn()
    *_, state = network.states(*batch)[:4]  # after the three layers below
    for step in network.steps(batch[0], batch[3])[3:]:
        assert torch.equal(step(state), step(state))
        state = step(state)
    assert not torch.equal(network.steps(batch[0], batch[3])[2](state), network.steps(batch[0], batch[3])[2](state))


def test_carry_is_what_becomes_of_each_state_below():
    carried, batch = [], drawn()

    def carry(number, state):
        carried.append(number)
        return 0 * state if number == 3 else state

    network = build(carry=carry)
    states, plain = network.states(*batch), build().states(*batch)
    assert carried == [1, 2, 3]
    assert torch.equal(states[2], plain[2]) and not states[3].any() and plain[3].any()


def test_a_network_that_is_told_nothing_does_not_see_the_question():
    (table, a, b, question), network = drawn(), build(told=False)
    one, other = (network(table, a, b, slot)[1] for slot in (question, (question + 1) % 4))
    assert torch.equal(one, other)
    assert not torch.equal(*(build()(table, a, b, slot)[1] for slot in (question, (question + 1) % 4)))


@pytest.mark.parametrize("reader", READERS)
def test_gradients_reach_every_parameter(reader):
    network, batch = build(reader, residual=True), drawn(64)
    table_loss(network, *batch).backward()
    assert [name for name, parameter in network.named_parameters() if not parameter.grad.any()] == []


@pytest.mark.parametrize("reader", READERS)
def test_the_network_changes_nothing_it_is_given_and_rows_do_not_mix(reader):
    network, batch = build(reader), drawn()
    before = [x.clone() for x in batch]
    together = network(*batch)
    assert all(map(torch.equal, batch, before))
    for row in range(6):
        alone = network(*(x[row : row + 1] for x in batch))
        close([each[0] for each in alone], [each[row] for each in together])


# ---- the readers


def test_attention_to_the_input_is_the_formula_by_hand():
    draws = Generator().manual_seed(0)
    state, key, value, W_q = (torch.randn(s, generator=draws) for s in [(3, 5), (4, 2), (3, 4, 6), (5, 2)])
    context, weights = attend_to_input(state, key, value, W_q)
    for row in range(3):
        scores = torch.stack([key[slot] @ (state[row] @ W_q) / 2**0.5 for slot in range(4)])
        close(weights[row], scores.softmax(0))
        close(context[row], sum(w * v for w, v in zip(scores.softmax(0), value[row], strict=True)))


def test_a_reader_of_the_input_does_not_look_at_the_states_and_one_of_the_state_not_at_the_table():
    torch.manual_seed(0)
    state, earlier, others = torch.randn(6, 64), [torch.randn(6, 64)] * 3, [torch.randn(6, 64)] * 3
    table, another = drawn()[0], drawn(seed=1)[0]
    by_input, by_state = InputReader(4), StateReader(4)
    assert torch.equal(by_input(state, table, earlier), by_input(state, table, others))
    assert not torch.isclose(by_input(state, table, earlier), by_input(state, another, earlier)).all()
    assert torch.equal(by_state(state, table, earlier), by_state(state, another, earlier))
    assert not torch.isclose(by_state(state, table, earlier), by_state(state, table, others)).all()


def test_a_reader_of_a_state_reads_the_one_it_is_told_to():
    earlier, table = list(torch.randn(3, 6, 64)), drawn()[0]
    last, first = StateReader(4), StateReader(4, layer=0)
    first.load_state_dict(last.state_dict())
    state = torch.randn(6, 64)
    assert torch.equal(first(state, table, earlier), last(state, table, earlier[::-1]))


def test_a_reader_looks_up_the_values_of_its_own_table():
    reader, (table, _, _, _), state = InputReader(4), drawn(), torch.randn(6, 64)
    context, _ = attend_to_input(state, reader.key, reader.value_code[table], reader.W_q)
    close(reader(state, table, []), context @ reader.W_o)


def test_attention_over_depth_starts_as_the_mean_and_is_the_references():
    reader, earlier = DepthReader(), [torch.randn(6, 64) for _ in range(5)]
    close(reader(earlier[0], drawn()[0], earlier), torch.stack(earlier).mean(0))
    with torch.no_grad():
        reader.query.normal_()
    expected = reference.depth_attention(reader.query, torch.stack(earlier)[:, :, None])[:, 0]
    close(reader(earlier[0], drawn()[0], earlier), expected)


def test_a_given_program_is_the_one_that_reads():
    calls = []

    def attend(*arguments):
        calls.append([tuple(x.shape) for x in arguments])
        return attend_to_input(*arguments)

    torch.manual_seed(0)
    DeepNetwork(4, reader=InputReader(4, attend))(*drawn())
    DeepNetwork(4, reader=DepthReader(lambda query, sources: calls.append(tuple(sources.shape)) or sources[0]))(
        *drawn()
    )
    assert calls == [[(6, 64), (4, 32), (6, 4, 32), (64, 32)], (13, 6, 1, 64)]


# ---- loss and accuracy


class Answers(nn.Module):
    """Gives certain sums and values, whatever it is asked."""

    def __init__(self, sums, values):
        super().__init__()
        self.sums, self.values = sums, values

    def forward(self, *batch):
        return 9 * F.one_hot(self.sums, 3).float(), 9 * F.one_hot(self.values, 8).float()


def test_loss_and_accuracy_ask_for_the_sum_and_for_the_value_in_the_slot():
    table, a, b, question = (
        torch.tensor([[3, 5], [7, 1]]),
        torch.tensor([2, 1]),
        torch.tensor([2, 1]),
        torch.tensor([1, 0]),
    )
    right, wrong = (
        Answers(torch.tensor([1, 2]), torch.tensor([5, 7])),
        Answers(torch.tensor([1, 0]), torch.tensor([3, 1])),
    )
    assert table_accuracy(right, table, a, b, question) == (1, 1)
    assert table_accuracy(wrong, table, a, b, question) == (0.5, 0)
    assert table_loss(right, table, a, b, question) < 0.01 < 9 < table_loss(wrong, table, a, b, question)
    only_sums_are_wrong = Answers(wrong.sums, right.values)
    assert value_loss(only_sums_are_wrong, table, a, b, question) == value_loss(right, table, a, b, question)
    assert value_loss(right, table, a, b, question) < 0.01 < 8 < value_loss(wrong, table, a, b, question)


@pytest.mark.parametrize("reader", READERS)
def test_seeds_side_by_side_have_a_loss_and_an_accuracy_each(reader):
    together = Seeds(lambda: DeepNetwork(4, 6, 4, reader=READERS[reader](), residual=True), range(3))
    batch = table_questions((3, 20), 4, Generator().manual_seed(0))
    losses, accuracies = table_loss(together, *batch), table_accuracy(together, *batch)
    assert together._together and losses.shape == (3,) and [each.shape for each in accuracies] == [(3,), (3,)]
    for seed in range(3):
        own = [x[seed] for x in batch]
        close(losses[seed], table_loss(together.model(seed), *own))
        close(tuple(each[seed] for each in accuracies), table_accuracy(together.model(seed), *own))
