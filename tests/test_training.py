"""The training loop against Adam by hand, and several seeds side by side against each one alone."""

import itertools
from functools import partial

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from utils.data import PAD
from utils.models import BahdanauAttention, EncoderDecoder
from utils.training import Seeds, train, translation_loss


class Slope(nn.Module):
    """One number whose gradient is one wherever it is, if the loss is the number itself."""

    def __init__(self, size=1):
        super().__init__()
        self.value = nn.Parameter(torch.zeros(size, dtype=torch.float64))


class Mixed(nn.Module):
    """Two layers, a temperature without axes, a buffer drawn from the seed, and a part that is not learned."""

    def __init__(self, scalar=True):
        super().__init__()
        self.first, self.second = nn.Linear(3, 4), nn.Linear(4, 2)
        self.frozen = nn.Parameter(torch.randn(4), requires_grad=False)
        self.temperature = nn.Parameter(torch.rand(()) + 1) if scalar else 1
        self.register_buffer("shift", torch.randn(4))

    def forward(self, x):
        return self.second(torch.tanh(self.first(x) * self.frozen + self.shift)) / self.temperature


def small_net():
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))


def draws(steps, *shape):
    """Batches of inputs (…, 3) and targets (…, 2); their size differs widely, so that clipping matters."""
    generator = torch.Generator().manual_seed(5)
    draw = partial(torch.randn, generator=generator)
    return [(draw(*shape, 3), 10 ** (i % 3) * draw(*shape, 2)) for i in range(steps)]


def squared(model, x, y):
    return (model(x) - y).square().mean()


def squared_per_seed(model, x, y):
    return (model(x) - y).square().flatten(1).mean(1)


def built(build, seed):
    torch.manual_seed(seed)
    return build()


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


# ---- one model


def test_training_is_adam_by_hand_to_the_last_digit():
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
    assert torch.equal(losses, torch.stack(expected))
    assert all(map(torch.equal, model.parameters(), by_hand.parameters()))


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


# ---- seeds side by side


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


@pytest.fixture
def translation():
    torch.manual_seed(0)
    model = EncoderDecoder(7, 8, BahdanauAttention(6, 12, 5), width=6, embedding=4).double()
    source = torch.tensor([[3, 4, 2, 0, 0], [5, 6, 3, 4, 2], [2, 0, 0, 0, 0]])
    target = torch.tensor([[1, 3, 4, 5, 2], [1, 6, 2, 0, 0], [1, 7, 3, 2, 0]])
    return model, source, target


def test_the_loss_of_a_translation_is_the_mean_over_its_words_and_not_over_padding(translation):
    model, source, target = translation
    surprises = []
    for sentence, words in zip(source, target, strict=True):
        sentence, words = sentence[sentence != PAD][None], words[words != PAD]
        for t in range(1, len(words)):
            logits = model(sentence, words[None, :t])[0, -1]
            surprises.append(logits.exp().sum().log() - logits[words[t]])
    assert len(surprises) == 9
    torch.testing.assert_close(translation_loss(model, source, target), sum(surprises) / 9)


def test_more_padding_changes_neither_the_loss_nor_its_gradient(translation):
    model, source, target = translation
    found = []
    for padding in (0, 4):
        loss = translation_loss(model, F.pad(source, (0, padding)), F.pad(target, (0, padding)))
        found.append((loss, *torch.autograd.grad(loss, list(model.parameters()))))
    torch.testing.assert_close(*found)


def test_a_small_corpus_is_learned_by_heart(translation):
    model, source, target = translation
    losses = train(model, itertools.repeat((source, target)), translation_loss, steps=300, rate=0.05, goal=0.1)
    assert len(losses) < 300 and losses[-20:].mean() < 0.1
    words, _ = model.greedy(source)
    assert words.tolist() == target[:, 1:].tolist()
