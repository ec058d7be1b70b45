"""Several seeds side by side against each one alone."""

from functools import partial

import pytest
import torch
from small_networks import Mixed, built, draws, small_net, squared, squared_per_seed
from torch import nn
from torch.nn import functional as F

from utils.models import BahdanauAttention
from utils.training import Seeds, train


def assert_like_each_alone(build, inputs, seeds=range(3), **options):
    """Training side by side gives the losses and the parameters of training each alone."""
    together = Seeds(build, seeds)
    losses = train(together, inputs, squared_per_seed, steps=len(inputs), **options)
    assert losses.shape == (len(inputs), len(seeds))
    for i, seed in enumerate(seeds):
        model = built(build, seed)
        alone = train(model, [(x[i], y[i]) for x, y in inputs], squared, steps=len(inputs), **options)
        torch.testing.assert_close(losses[:, i], alone, rtol=1e-4, atol=1e-6)
        found = dict(together.model(i).named_parameters())
        for name, parameter in model.named_parameters():
            torch.testing.assert_close(found[name], parameter, rtol=1e-3, atol=1e-5, msg=f"{name} of seed {seed}")


@pytest.mark.parametrize(
    "options", [{}, {"clip": 1.0}, {"warm_up": 5, "decay": True, "clip": 0.1, "rate": 0.03}], ids=str
)
def test_seeds_learn_what_each_learns_alone(options):
    assert_like_each_alone(small_net, draws(30, 3, 8), **options)


def test_seeds_learn_what_each_learns_alone_with_buffers_and_frozen_parameters():
    assert_like_each_alone(partial(Mixed, scalar=False), draws(30, 3, 8), clip=1.0)
    assert_like_each_alone(Mixed, draws(30, 3, 8))


def test_a_parameter_without_axes_can_be_clipped():
    assert_like_each_alone(Mixed, draws(30, 3, 8), clip=1.0)


def test_each_seed_answers_for_its_own_inputs():
    together, x = Seeds(Mixed, range(3)), draws(1, 3, 8)[0][0]
    for seed, output in enumerate(together(x)):
        torch.testing.assert_close(output, built(Mixed, seed)(x[seed]))


def test_attention_learns_side_by_side():
    together = Seeds(partial(BahdanauAttention, 3, 3, 4), range(2))
    query, key, mask = torch.randn(2, 5, 1, 3), torch.randn(2, 5, 6, 3), torch.rand(2, 5, 6) < 0.7
    context, weights = together(query, key, key, mask)
    context.square().sum().backward()
    for seed in range(2):
        alone = built(partial(BahdanauAttention, 3, 3, 4), seed)
        found = alone(query[seed], key[seed], key[seed], mask[seed])
        torch.testing.assert_close((context[seed], weights[seed]), found)
        found[0].square().sum().backward()
        for parameter, side_by_side in zip(alone.parameters(), together.parameters(), strict=True):
            torch.testing.assert_close(side_by_side.grad[seed], parameter.grad)


def test_what_is_not_learned_stays_as_it_is_for_every_seed():
    together = Seeds(Mixed, range(3))
    train(together, draws(5, 3, 8), squared_per_seed, steps=5)
    for seed in range(3):
        assert torch.equal(together.model(seed).frozen, built(Mixed, seed).frozen)
        assert not together.model(seed).frozen.requires_grad
        assert not torch.equal(together.model(seed).first.weight, built(Mixed, seed).first.weight)


def test_a_seeds_model_is_the_one_built_from_it():
    for seed in range(3):
        found, expected = Seeds(small_net, range(3)).model(seed).state_dict(), built(small_net, seed).state_dict()
        assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_a_seeds_model_is_found_by_its_seed():
    found, expected = Seeds(small_net, [5, 3]).model(3), built(small_net, 3)
    assert all(map(torch.equal, found.parameters(), expected.parameters()))


def test_a_seeds_model_has_its_buffers_too():
    together, x = Seeds(Mixed, range(3)), draws(1, 3, 8)[0][0]
    for seed in range(3):
        assert torch.equal(together.model(seed).shift, built(Mixed, seed).shift)
        torch.testing.assert_close(together.model(seed)(x[seed]), together(x)[seed])


def test_a_seeds_model_shares_no_memory():
    together = Seeds(Mixed, range(2))
    before = [x.clone() for x in together.parameters()]
    one, again = together.model(1), together.model(1)
    with torch.no_grad():
        for tensor in (*one.parameters(), *one.buffers()):
            tensor.fill_(7)
    assert all(map(torch.equal, together.parameters(), before))
    untouched = built(Mixed, 1)
    assert torch.equal(again.first.weight, untouched.first.weight)
    assert torch.equal(together.model(1).first.weight, untouched.first.weight)


def test_all_of_the_seeds_moves_to_another_type_and_so_to_another_device():
    together = Seeds(Mixed, range(2)).double()
    x = torch.randn(2, 5, 3, dtype=torch.float64)
    found = together(x)
    assert found.dtype == torch.float64
    torch.testing.assert_close(together.model(0)(x[0]), found[0])


def test_a_mode_reaches_the_models_side_by_side():
    together = Seeds(lambda: nn.Sequential(nn.Linear(3, 2), nn.Dropout(0.5)), range(2))
    x = torch.randn(2, 5, 3)
    expected = [F.linear(x[seed], *built(partial(nn.Linear, 3, 2), seed).parameters()) for seed in range(2)]
    torch.testing.assert_close(together.eval()(x), torch.stack(expected))


def test_saved_seeds_are_the_same_when_loaded_into_others():
    one, other, x = Seeds(Mixed, range(2)), Seeds(Mixed, range(5, 7)), torch.randn(2, 5, 3)
    other.load_state_dict(one.state_dict())
    assert torch.equal(one(x), other(x))


def test_shared_parameters_stay_shared():
    def tied():
        model = nn.Sequential(nn.Linear(3, 3, bias=False), nn.Tanh(), nn.Linear(3, 3, bias=False), nn.Linear(3, 2))
        model[2].weight = model[0].weight
        return model

    assert_like_each_alone(tied, draws(20, 3, 8))
    assert Seeds(tied, range(2)).model(1)[0].weight is not None


@pytest.mark.parametrize("returns", [lambda *each: each[0], lambda *each: each], ids=["a tensor", "a tuple"])
def test_what_cannot_run_side_by_side_runs_seed_by_seed(returns):
    class Looped(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(3, 2)

        def forward(self, x):
            rows = torch.zeros(len(x), 2)
            for i, row in enumerate(x):
                rows[i] = self.linear(row)  # torch.vmap refuses to write into a tensor that is the same for all
            return returns(rows, rows.sum(-1))

    together, x = Seeds(Looped, range(3)), torch.randn(3, 5, 3)
    found = together(x)
    for seed in range(3):
        expected = built(Looped, seed)(x[seed])
        torch.testing.assert_close(
            found[seed] if isinstance(found, torch.Tensor) else tuple(y[seed] for y in found), expected
        )
    (found if isinstance(found, torch.Tensor) else found[0]).sum().backward()
    assert all(parameter.grad[seed].any() for parameter in together.parameters() for seed in range(3))


def test_an_error_of_the_model_itself_is_raised():
    together = Seeds(lambda: nn.Linear(3, 2), range(2))
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        together(torch.randn(2, 5, 4))


# ---- the loss of a translation
