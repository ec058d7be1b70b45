"""Programs for several ranks are tried: what each has in the end, what was sent and held, who waits for whom."""

import pytest
import torch
import torch.distributed as dist

from utils import exercises
from utils.attempts.uses import groups
from utils.attempts.uses.groups import Deadlock, RankFailed
from utils.exercises.bank.messages import exchange, sends_first

VALUES = {f"rank {rank}": torch.full((4,), 10.0) for rank in range(4)}
X = torch.arange(1.0, 5).view(4, 1).expand(4, 4).contiguous()


def ring(x, group):
    return exercises.get("ring_all_reduce").reference(x, group)


def by_a_collective(x, group):
    total = x.clone()
    dist.all_reduce(total, group=group)
    return total


def whole_copies(x, group):
    total = guest = x
    for _ in range(group.size() - 1):
        guest = exchange(guest, group)
        total = total + guest
    return total


def two_ranks_further(x, group):
    return ring(x, group) + 0 * exchange(x[:0], group, by=2).sum()


@pytest.mark.parametrize(
    "program, called, receives, sent",
    [
        (ring, "nothing", "neighbours alone", [24] * 4),
        (whole_copies, "nothing", "neighbours alone", [48] * 4),
        (by_a_collective, "something for all ranks at once", "neighbours alone", [0] * 4),
        (two_ranks_further, "nothing", "others than the neighbours, too", [24] * 4),
    ],
)
def test_sums_are_told_apart_by_how_they_are_sent(program, called, receives, sent):
    answer = groups.ring_all_reduce(program, X)
    assert all(answer.pop(name).equal(value) for name, value in VALUES.items())
    assert [*answer.values()] == [called, receives, sent]


def test_what_changes_its_own_part_changes_the_input():
    def in_place(x, group):
        return x.copy_(ring(x, group))

    verdict = exercises.get("ring_all_reduce").assess(in_place)
    assert verdict.mistake == "changes_x" and verdict.outcome.changed == ("x",)


def counts_first(x, group):
    dist.all_reduce(torch.ones(1), group=group)
    return only_rank_0(x, group)


def only_rank_0(x, group):
    if group.rank() == 0:
        dist.all_reduce(x.clone(), group=group)
    return x


def other_shapes(x, group):
    dist.barrier(group=group)
    dist.all_reduce(x[: group.rank() + 1].clone(), group=group)


WAITS = "rank 0 waits for rank 1 to call all_reduce; rank 1 has finished"
EACH = "rank 0 waits for rank 1 to receive what it sends; rank 1 waits for rank 0 to receive what it sends"
SHAPES = (
    "rank 1: ValueError: its call is all_reduce (sum) of (2,) float32, "
    "and on rank 0 it is all_reduce (sum) of (1,) float32"
)


@pytest.mark.parametrize(
    "program, error, words",
    [
        (only_rank_0, Deadlock, WAITS),
        (counts_first, Deadlock, WAITS),
        (other_shapes, RankFailed, SHAPES),
        (sends_first, Deadlock, EACH),
    ],
)
def test_what_cannot_go_on_is_told_without_the_numbers_of_calls(program, error, words):
    """So that programs which make the same mistake are told the same, whatever they call before it."""
    with pytest.raises(error) as raised:
        groups.ring_all_reduce(program, X[:2])
    assert str(raised.value) == words
    assert program.__name__ in [entry.name for entry in raised.traceback]


def test_an_unknown_deadlock_is_told_as_it_is():
    def nobody_answers(x, group):
        if group.rank() == 1:
            dist.recv(torch.empty(1), group=group, group_src=0)
        return x

    verdict = exercises.get("ring_all_reduce").assess(nobody_answers)
    assert verdict.mistake is None and verdict.message.startswith(
        "Your code raised Deadlock: rank 0 has finished; rank 1 waits"
    )
    assert "in nobody_answers: dist.recv(" in dict(verdict.evidence)["yours"]


def parts(ranks):
    return *(torch.randn(ranks, 3, width) for width in (32, 32, 16)), torch.arange(3 * ranks).view(ranks, 3)


def looked_up_in_a_list(query, key, value, positions, group, causal=False):
    """Right, but it holds all blocks before it looks up in the first."""
    blocks = [(key, value)]
    for _ in range(group.size() - 1):
        blocks.append(tuple(exchange(x, group) for x in blocks[-1]))
    keys, values = (torch.cat(each, -2) for each in zip(*blocks, strict=True))
    return torch.softmax(query @ keys.mT / query.size(-1) ** 0.5, -1) @ values


def test_a_rank_that_holds_all_keys_and_values_is_seen():
    exercise, given = exercises.get("ring_attention"), parts(groups.MANY)
    right = groups.ring_attention(exercise.reference, *given)
    for program in exercise.variants:
        assert groups.ring_attention(program, *given)["what a rank holds"] == right["what a rank holds"]
    hoarding = groups.ring_attention(looked_up_in_a_list, *given)
    torch.testing.assert_close([*hoarding.values()][: groups.MANY], [*right.values()][: groups.MANY])
    assert {name for name in right if type(right[name]) is str and right[name] != hoarding[name]} == {
        "what a rank holds"
    }
    assert exercise.assess(looked_up_in_a_list).mistake != "keeps_all"  # it is not causal where it has to be


def test_weights_that_are_sent_are_seen():
    def weights(*given):
        *given, group = given
        dist.all_gather([torch.empty_like(given[1]) for _ in range(group.size())], given[1], group=group)
        return exercises.get("parallel_heads").reference(*given, group)

    given = torch.randn(1, 2, 8), *(torch.randn(2, 8, 8) for _ in range(4)), torch.randn(8), 2
    assert groups.parallel_heads(weights, *given)["what is sent"] == "more than results"
    assert groups.parallel_heads(exercises.get("parallel_heads").reference, *given)["what is sent"] == "results"


@pytest.mark.parametrize("examples", [[3], [1, 4], [2, 2, 3]])
def test_the_gradient_of_all_examples_is_that_of_one_process(examples):
    torch.manual_seed(0)
    x, target, weight, bias = (
        torch.randn(sum(examples), 3),
        torch.randn(sum(examples), 2),
        torch.randn(2, 3),
        torch.randn(2),
    )
    attempt = exercises.get("data_parallel_gradient").reference
    uses = [False] * len(examples)
    answer = groups.data_parallel_gradient(attempt, examples, uses, None, x, target, weight=weight, bias=bias)
    weight.requires_grad_()
    ((x @ weight.T + bias - target) ** 2).mean().backward()
    for rank in range(len(examples)):
        torch.testing.assert_close(answer[f"weight.grad of rank {rank}"], weight.grad)
