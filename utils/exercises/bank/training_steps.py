"""One step of learning."""

import torch
from torch import tensor
from torch.nn import functional as F

from utils.attempts import probes

from ..exercise import Case, Exercise, Mistake, normal


def train_step(model, optimizer, query, target):
    """One step of learning: lower the mean squared error between model(query) and target; its value before, a float."""
    loss = ((model(query) - target) ** 2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def _zeroed_at_the_end(model, optimizer, query, target):
    loss = F.mse_loss(model(query), target)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad(set_to_none=False)
    return float(loss)


def _gradients_by_hand(model, optimizer, query, target):
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    error = model(query).sub(target).pow(2)
    loss = error.sum() / error.numel()
    for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
        parameter.grad = gradient
    optimizer.step()
    return loss.detach().item()


def _never_zeroed(model, optimizer, query, target):
    loss = F.mse_loss(model(query), target)
    loss.backward()
    optimizer.step()
    return loss.item()


def _nothing_to_do(model, optimizer, query, target):
    loss = F.mse_loss(model(query), target)
    loss.backward()
    optimizer.zero_grad()
    optimizer.step()
    return loss.item()


def _step_before_backward(model, optimizer, query, target):
    loss = F.mse_loss(model(query), target)
    optimizer.step()
    optimizer.zero_grad()
    loss.backward()
    return loss.item()


def _loss_after(model, optimizer, query, target):
    train_step(model, optimizer, query, target)
    return F.mse_loss(model(query), target).item()


def _descend(loss, optimizer):
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def _summed(model, optimizer, query, target):
    return _descend(((model(query) - target) ** 2).sum(), optimizer)


def _summed_over_width(model, optimizer, query, target):
    return _descend(((model(query) - target) ** 2).sum(-1).mean(), optimizer)


def _absolute(model, optimizer, query, target):
    return _descend((model(query) - target).abs().mean(), optimizer)


def _rooted(model, optimizer, query, target):
    return _descend(((model(query) - target) ** 2).mean().sqrt(), optimizer)


def _uphill(model, optimizer, query, target):
    loss = F.mse_loss(model(query), target)
    optimizer.zero_grad()
    (-loss).backward()
    optimizer.step()
    return loss.item()


def _not_squared(model, optimizer, query, target):
    return _descend((model(query) - target).mean(), optimizer)


def _two_steps(model, optimizer, query, target):
    loss = train_step(model, optimizer, query, target)
    train_step(model, optimizer, query, target)
    return loss


def _returns_a_tensor(model, optimizer, query, target):
    loss = F.mse_loss(model(query), target)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss


train_step_of = Exercise(
    reference=train_step,
    probe=probes.training_steps,
    cases=[
        Case(
            "one number, by hand: the model says 2, 4 is wanted, step size 0.1", optimizer="plain gradient steps of size 0.1",
            weight=tensor([[2.0]]), queries=tensor([[[1.0]]]), targets=tensor([[[4.0]]]),
        ),
        Case("one step", optimizer="plain gradient steps of size 0.1", weight=normal(3, 2), queries=normal(1, 4, 2), targets=normal(1, 4, 3)),
        Case("three steps", optimizer="plain gradient steps of size 0.1", weight=normal(3, 2), queries=normal(3, 4, 2), targets=normal(3, 4, 3)),
        Case("five steps of Adam", optimizer="Adam", weight=normal(2, 3), queries=normal(5, 6, 3), targets=normal(5, 6, 2)),
        Case("momentum", optimizer="momentum", weight=normal(2, 3), queries=normal(4, 1, 3), targets=normal(4, 1, 2)),
    ],
    variants=[_zeroed_at_the_end, _gradients_by_hand],
    mistakes=[
        Mistake(_never_zeroed, "The gradients pile up: `backward` adds to what is there from the step before. Set them to zero once per step."),
        Mistake(_nothing_to_do, "Nothing is learned: no step is taken that finds a gradient. `zero_grad`, then `backward`, then `step`: is one missing, or in another place?"),
        Mistake(_step_before_backward, "The optimizer takes its step before the gradients of this batch are there."),
        Mistake(_loss_after, "You return the loss after the step. The one before it is asked for, and is there already."),
        Mistake(_summed, "Your loss is the sum of the squared errors. Take their mean, so that the step does not grow with the batch."),
        Mistake(_summed_over_width, "You sum the squared errors over the width of the target. Take the mean over everything."),
        Mistake(_absolute, "Your loss is the mean absolute error. The squared error is asked for."),
        Mistake(_rooted, "You take the root of the mean squared error. Leave it squared."),
        Mistake(_uphill, "The loss grows: you follow the gradient of its negative."),
        Mistake(_not_squared, "Errors of opposite sign cancel in your loss, and it can be lowered without end. Square them."),
        Mistake(_two_steps, "You take two steps. One is asked for."),
        Mistake(_returns_a_tensor, "You return a tensor, which keeps the whole graph alive. `.item()` makes it a plain number."),
    ],
    points=2,
)  # fmt: skip
