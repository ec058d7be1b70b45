"""One step of learning."""

import torch
from torch import Tensor, tensor
from torch.nn import functional as F

from utils.attempts.uses import modules

from ..exercise import Case, Exercise, Mistakes, normal, replacing


def train_step(model, optimizer, query, target):
    """One step of learning: lower the mean squared error between model(query) and target; its value before, a float."""
    loss = ((model(query) - target) ** 2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def descend(loss, optimizer):
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

def in_steps(model, optimizer, query, target, error=F.mse_loss, learn=descend, answer=Tensor.item):
    loss = error(model(query), target)
    learn(loss, optimizer)
    return answer(loss)


# Right, and written differently

def zeroed_at_the_end(model, optimizer, query, target):
    loss = F.mse_loss(model(query), target)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad(set_to_none=False)
    return float(loss)

def gradients_by_hand(model, optimizer, query, target):
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    error = model(query).sub(target).pow(2)
    loss = error.sum() / error.numel()
    for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
        parameter.grad = gradient
    optimizer.step()
    return loss.detach().item()


# Wrong

but = replacing(in_steps)
mistakes = Mistakes()

@mistakes.program("The gradients pile up: `backward` adds to what is there from the step before. Set them to zero once per step.")
def never_zeroed(model, optimizer, query, target):
    loss = F.mse_loss(model(query), target)
    loss.backward()
    optimizer.step()
    return loss.item()

mistakes.add("never_steps", but(learn=lambda loss, optimizer: loss.backward()),
    "Nothing is learned: the optimizer takes no step. Gradients alone change nothing.")

@mistakes.program("Nothing is learned: the optimizer's step finds no gradient. Is `backward` missing, or are the gradients set to zero after it?")
def nothing_to_do(model, optimizer, query, target):
    loss = F.mse_loss(model(query), target)
    loss.backward()
    optimizer.zero_grad()
    optimizer.step()
    return loss.item()

@mistakes.program("The optimizer takes its step before the gradients of this batch are there.")
def step_before_backward(model, optimizer, query, target):
    loss = F.mse_loss(model(query), target)
    optimizer.step()
    optimizer.zero_grad()
    loss.backward()
    return loss.item()

@mistakes.program("You return the loss after the step. The one before it is asked for, and is there already.")
def loss_after(model, optimizer, query, target):
    train_step(model, optimizer, query, target)
    return F.mse_loss(model(query), target).item()

mistakes.add("summed", but(error=lambda output, target: ((output - target) ** 2).sum()),
    "Your loss is the sum of the squared errors. Take their mean, so that the step does not grow with the batch.")
mistakes.add("summed_over_width", but(error=lambda output, target: ((output - target) ** 2).sum(-1).mean()),
    "You sum the squared errors over the width of the target. Take the mean over everything.")
mistakes.add("absolute", but(error=lambda output, target: (output - target).abs().mean()),
    "Your loss is the mean absolute error. The squared error is asked for.")
mistakes.add("rooted", but(error=lambda output, target: ((output - target) ** 2).mean().sqrt()),
    "You take the root of the mean squared error. Leave it squared.")
mistakes.add("uphill", but(learn=lambda loss, optimizer: descend(-loss, optimizer)),
    "The loss grows: you follow the gradient of its negative.")
mistakes.add("not_squared", but(error=lambda output, target: (output - target).mean()),
    "Errors of opposite sign cancel in your loss, and it can be lowered without end. Square them.")

@mistakes.program("You take two steps. One is asked for.")
def two_steps(model, optimizer, query, target):
    loss = train_step(model, optimizer, query, target)
    train_step(model, optimizer, query, target)
    return loss

@mistakes.program("The weight moves, and not by the optimizer that you are given: use `optimizer`, whatever kind it is. It also remembers earlier steps, which a new one for each call forgets.")
def another_optimizer(model, optimizer, query, target):
    loss = F.mse_loss(model(query), target)
    descend(loss, torch.optim.Adam(model.parameters(), lr=0.01))
    return loss.item()

mistakes.add("halved", but(error=lambda output, target: ((output - target) ** 2).mean() / 2),
    "Your loss is half the mean squared error. Leave the ½ away.")
mistakes.add("summed_over_batch", but(error=lambda output, target: ((output - target) ** 2).sum(0).mean()),
    "You sum the squared errors over the batch. Take the mean over everything.")
mistakes.add("returns_nothing", but(answer=lambda loss: None),
    "Your function returns nothing. The loss from before the step is wanted, as a plain number.")
mistakes.add("returns_a_tensor", but(answer=lambda loss: loss),
    "You return a tensor, which keeps the whole graph alive. `.item()` makes it a plain number.")


def given(steps, B, d_query, d_value):
    shapes = {"weight": (d_value, d_query), "queries": (steps, B, d_query), "targets": (steps, B, d_value)}
    return {name: normal(*shape) for name, shape in shapes.items()}


PLAIN = "plain gradient steps of size 0.1"
exercise = Exercise(
    reference=train_step,
    use=modules.training_steps,
    cases=[
        Case("one number, by hand: the model says 2, 4 is wanted, step size 0.1",
            optimizer=PLAIN, weight=tensor([[2.0]]), queries=tensor([[[1.0]]]), targets=tensor([[[4.0]]])),
        Case("one step", optimizer=PLAIN, **given(1, 4, 5, 3)),
        Case("three steps", optimizer=PLAIN, **given(3, 6, 5, 4)),
        Case("five steps of Adam", optimizer="Adam", **given(5, 6, 3, 7)),
        Case("momentum", optimizer="momentum", **given(4, 1, 3, 5)),
    ],
    variants=[zeroed_at_the_end, gradients_by_hand],
    mistakes=mistakes,
    points=2,
)
