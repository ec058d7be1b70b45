"""The training loop against Adam by hand."""

import itertools

import pytest
import torch
from small_networks import Mixed, Slope, built, draws, small_net, squared

from utils.training import Seeds, train


def values(batches):
    """A loss that is whatever the batch says."""
    return [(torch.tensor(float(value)),) for value in batches]


def as_given(model, value):
    return value + 0 * model.value.sum()


def learning_rates(**options):
    """How far each step goes where the gradient is always one: Adam goes as far as the rate says."""
    model, path = Slope(), []
    train(model, itertools.repeat(()), lambda model: path.append(model.value.item()) or model.value.sum(), **options)
    path.append(model.value.item())
    return -torch.tensor(path, dtype=torch.float64).diff()


def test_training_is_adam_by_hand():
    model, by_hand = built(small_net, 0), built(small_net, 0)
    batches = draws(50, 8)
    losses = train(model, batches, squared, steps=50, rate=0.02)
    optimizer, expected = torch.optim.Adam(by_hand.parameters(), lr=0.02), []
    for x, y in batches:
        loss = squared(by_hand, x, y)
        expected.append(loss.detach())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    torch.testing.assert_close(losses, torch.stack(expected), rtol=1e-5, atol=0)
    torch.testing.assert_close(list(model.parameters()), list(by_hand.parameters()), rtol=1e-5, atol=1e-6)


def test_the_model_is_changed_in_place_and_nothing_else_is():
    model, batches = built(Mixed, 0), draws(5, 8)
    model.eval()
    parameters, random_state = list(model.parameters()), torch.get_rng_state()
    before = [x.clone() for x in (*parameters, model.shift, *itertools.chain(*batches))]
    train(model, batches, squared, steps=5)
    assert all(now is then for now, then in zip(model.parameters(), parameters, strict=True))
    unchanged = [
        torch.equal(x, y) for x, y in zip((*parameters, model.shift), before[: len(parameters) + 1], strict=True)
    ]
    learned = [name for (name, _), same in zip(model.named_parameters(), unchanged, strict=False) if not same]
    assert learned == [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    assert unchanged[-1] and not model.training and not model.frozen.requires_grad
    assert all(map(torch.equal, itertools.chain(*batches), before[len(parameters) + 1 :]))
    assert torch.equal(random_state, torch.get_rng_state())


def test_gradients_from_before_the_training_do_not_count():
    model, fresh, batches = built(small_net, 0), built(small_net, 0), draws(3, 8)
    squared(model, *batches[0]).backward()
    train(model, batches, squared, steps=3)
    train(fresh, batches, squared, steps=3)
    assert all(map(torch.equal, model.parameters(), fresh.parameters()))


def test_losses_are_those_before_each_step_and_carry_no_gradient():
    losses = train(Slope(), values(range(7)), as_given, steps=7)
    assert losses.tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert not losses.requires_grad and losses.device.type == "cpu"


def test_no_more_batches_are_taken_than_there_are_steps():
    source = iter(values(range(100)))
    train(Slope(), source, as_given, steps=7)
    assert next(source)[0] == 7


@pytest.mark.parametrize("steps", [1, 19, 20, 21, 45])
def test_without_a_goal_every_step_is_made(steps):
    assert len(train(Slope(), itertools.repeat(()), lambda model: model.value.sum(), steps=steps)) == steps


# ---- rate, clipping, goal


def test_the_rate_stays_without_warm_up_and_decay():
    torch.testing.assert_close(learning_rates(steps=30, rate=0.1), torch.full((30,), 0.1).double())


def test_the_rate_grows_evenly_over_the_warm_up_and_then_stays():
    expected = 0.1 * torch.tensor([*torch.arange(1, 9) / 8, *[1] * 22], dtype=torch.float64)
    torch.testing.assert_close(learning_rates(steps=30, rate=0.1, warm_up=8), expected)


def test_the_rate_falls_evenly_to_nothing():
    rates = learning_rates(steps=40, rate=0.1, decay=True)
    torch.testing.assert_close(rates.diff(), rates.diff().mean().expand(39))
    assert rates[0] == pytest.approx(0.1, rel=0.03) and 0 <= rates[-1] < 0.1 * 1.01 / 40


def test_warm_up_and_decay_go_together():
    rates = learning_rates(steps=40, rate=0.1, warm_up=10, decay=True)
    assert (rates[:10].diff() > 0).all() and (rates[9:].diff() < 0).all()
    assert rates[0] < 0.011 and rates[-1] < 0.003


def first_step(clip, slopes, per_seed=False):
    """How far a first step goes, in rates: g / (g + 1e-8), which tells the size of a tiny gradient g."""
    model = Slope(len(slopes))
    if per_seed:
        model = Seeds(Slope, range(len(slopes))).double()
        loss = lambda model: model.stacked[0].squeeze(1) * slopes  # noqa: E731
    else:
        loss = lambda model: model.value @ slopes  # noqa: E731
    train(model, itertools.repeat(()), loss, steps=1, rate=1, clip=clip)
    return -next(model.parameters()).detach().flatten()


def test_a_gradient_is_shortened_to_the_clip_and_no_shorter_one_is_lengthened():
    def expected(*gradient):
        return torch.tensor([g / (g + 1e-8) for g in gradient], dtype=torch.float64)

    long, short = torch.tensor([[30.0, 40.0], [1e-9, 2e-9]], dtype=torch.float64)
    torch.testing.assert_close(first_step(1e-8, long), expected(0.6e-8, 0.8e-8))
    torch.testing.assert_close(first_step(None, short), expected(1e-9, 2e-9))
    torch.testing.assert_close(first_step(1.0, short), expected(1e-9, 2e-9))
    both = torch.tensor([30.0, 1e-9], dtype=torch.float64)
    torch.testing.assert_close(first_step(1e-8, both, per_seed=True), expected(1e-8, 1e-9))


def test_training_ends_once_the_mean_loss_is_below_the_goal():
    losses = train(Slope(), values([1.0] * 25 + [0.0] * 975), as_given, steps=1000, goal=0.5)
    assert 35 <= len(losses) <= 60 and losses[-20:].mean() < 0.5


def test_a_lucky_step_does_not_end_the_training():
    lucky = [*[1.0] * 19, 0.0] * 5
    assert len(train(Slope(), values(lucky), as_given, steps=100, goal=0.9)) == 100


def test_a_goal_that_is_not_reached_does_not_matter():
    assert len(train(Slope(), values([1.0] * 60), as_given, steps=60, goal=1.0)) == 60


# ---- errors


@pytest.mark.parametrize("steps", [0, -3])
def test_no_steps_are_an_error(steps):
    with pytest.raises(ValueError, match=f"at least one step, got {steps}"):
        train(Slope(), values([1.0]), as_given, steps=steps)


def test_batches_that_run_out_are_named():
    with pytest.raises(ValueError, match="ran out after 3 of 5 steps"):
        train(Slope(), values([1.0] * 3), as_given, steps=5)


@pytest.mark.parametrize("at", [0, 13, 19, 25, 49])
def test_a_loss_that_is_no_number_is_an_error_wherever_it_comes(at):
    losses = [1.0] * 50
    losses[at] = torch.nan
    with pytest.raises(FloatingPointError, match="the loss is nan"):
        train(Slope(), values(losses), as_given, steps=50)


def test_a_single_seed_whose_loss_is_no_number_is_an_error():
    with pytest.raises(FloatingPointError, match="the loss is nan"):
        loss = torch.tensor([1.0, torch.nan])
        train(Seeds(Slope, range(2)), values([1.0]), lambda model, x: x * loss + 0 * model.stacked[0].sum(1), steps=1)


def test_a_model_with_nothing_to_learn_is_an_error():
    with pytest.raises(ValueError):
        train(Slope().requires_grad_(False), values([1.0]), lambda model, x: x, steps=1)


def test_an_error_in_the_loss_reaches_the_caller_and_the_steps_before_it_count():
    model = Slope()

    def loss(model):
        if model.value.item() < -0.25:
            raise ZeroDivisionError
        return model.value.sum()

    with pytest.raises(ZeroDivisionError):
        train(model, itertools.repeat(()), loss, steps=10, rate=0.1)
    assert model.value.item() == pytest.approx(-0.3)
