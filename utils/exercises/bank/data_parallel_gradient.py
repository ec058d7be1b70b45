"""One step of training shared out: every rank has the same model and some of the examples."""

import torch
import torch.distributed as dist
from torch import tensor

from utils.attempts.uses import groups

from ..exercise import Case, Exercise, Mistakes, normal, replacing
from .wrong_sums import WRONG_SUMS, added, averaging, each_as_it_is, share


def data_parallel_gradient(model, loss, batch, group):
    """Leave in each parameter's .grad the gradient of the mean loss over the examples of all ranks together.

    batch is this rank's part, a tuple of tensors (b, …); b may differ from rank to rank. loss(model, *batch) is the
    mean over these b. A parameter that this rank's loss does not use gets zeros. Old gradients do not count.
    Source: Li et al. 2020.
    """
    count = torch.tensor(float(len(batch[0])))
    dist.all_reduce(count, group=group)
    model.zero_grad()
    (loss(model, *batch) * len(batch[0]) / count).backward()
    for parameter in model.parameters():
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
        dist.all_reduce(parameter.grad, group=group)


def counted(b, group):
    count = torch.tensor(float(b))
    dist.all_reduce(count, group=group)
    return count

def backwards(model, loss):
    loss.backward()

def with_zeros(parameter):
    if parameter.grad is None:
        parameter.grad = torch.zeros_like(parameter)
    return True

def every_rank(group):
    return True

def in_steps(
    model, loss, batch, group, size=lambda batch: len(batch[0]), clear=torch.nn.Module.zero_grad, weight=share,
    back=backwards, takes_part=with_zeros, add=added, calls=every_rank,
):
    b = size(batch)
    count = counted(b, group)
    clear(model)
    back(model, loss(model, *batch) * weight(b, count, group.size()))
    for parameter in model.parameters():
        if takes_part(parameter) and calls(group):
            add(parameter, group)


# Right, and written differently

def averaged(model, loss, batch, group):
    mean_size = torch.tensor([len(batch[0])], dtype=torch.float64)
    dist.all_reduce(mean_size, op=dist.ReduceOp.AVG, group=group)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    loss(model, *batch).mul(len(batch[0]) / mean_size.item()).backward()
    for parameter in reversed(list(model.parameters())):
        dist.all_reduce(parameter.grad, op=dist.ReduceOp.AVG, group=group)

def in_one_buffer(model, loss, batch, group):
    parameters = list(model.parameters())
    total = loss(model, *batch) * batch[0].size(0)
    gradients = torch.autograd.grad(total, parameters, allow_unused=True, materialize_grads=True)
    bucket = torch.cat([*(gradient.flatten() for gradient in gradients), total.new_tensor([batch[0].size(0)])])
    dist.all_reduce(bucket, group=group)
    pieces = (bucket[:-1] / bucket[-1]).split([parameter.numel() for parameter in parameters])
    for parameter, piece in zip(parameters, pieces, strict=True):
        parameter.grad = piece.view_as(parameter)

def all_at_once_then_waited_for(model, loss, batch, group):
    examples, waiting = torch.tensor(len(batch[0])), []
    counting = dist.all_reduce(examples, group=group, async_op=True)
    model.zero_grad(set_to_none=False)
    loss(model, *batch).backward()
    counting.wait()
    for parameter in model.parameters():
        mine = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        parameter.grad = mine * len(batch[0]) / examples
        waiting.append(dist.all_reduce(parameter.grad, group=group, async_op=True))
    for each in waiting:
        each.wait()

def gathered(model, loss, batch, group):
    sizes = [torch.zeros(1) for _ in range(group.size())]
    dist.all_gather(sizes, torch.full((1,), float(len(batch[0]))), group=group)
    for parameter in model.parameters():
        parameter.grad = None
    loss(model, *batch).backward()
    for parameter in model.parameters():
        mine = parameter.grad if parameter.grad is not None else parameter.detach() * 0
        every = [torch.empty_like(mine) for _ in sizes]
        dist.all_gather(every, mine.contiguous(), group=group)
        weighted = [size.to(mine.dtype) * one for size, one in zip(sizes, every, strict=True)]
        parameter.grad = torch.stack(weighted).sum(0) / torch.cat(sizes).sum()

def by_way_of_rank_0(model, loss, batch, group):
    model.zero_grad()
    b = len(batch[0])
    (loss(model, *batch) * b).backward()
    for parameter in model.parameters():
        told = torch.zeros(parameter.numel() + 1, dtype=parameter.dtype)
        told[-1] = b
        if parameter.grad is not None:
            told[:-1] = parameter.grad.flatten()
        if group.rank() == 0:
            heard = torch.empty_like(told)
            for other in range(1, group.size()):
                dist.recv(heard, group=group, group_src=other)
                told += heard
            for other in range(1, group.size()):
                dist.send(told, group=group, group_dst=other)
        else:
            dist.send(told, group=group, group_dst=0)
            dist.recv(told, group=group, group_src=0)
        parameter.grad = (told[:-1] / told[-1]).reshape(parameter.shape)


# Wrong

but = replacing(in_steps)
mistakes = Mistakes()

for name, (weight, add, sentence) in WRONG_SUMS.items():
    mistakes.add(name, but(weight=weight, add=add), sentence)

def only_with_gradient(parameter):
    return parameter.grad is not None

SKIPS = "Your ranks leave out a parameter that has no gradient on them, while others call all_reduce for it, so their calls do not meet. Every rank makes the same calls: with zeros, if it has nothing to add."
NONE_ADDED = "Your program hands a gradient to all_reduce that is None: this rank's loss does not use that parameter. It still takes part, with zeros."

# what is not weighed right and leaves parameters out is told the latter first: it hangs
for name, weight, add in (
    ("", share, added), ("_sum_of_means", each_as_it_is, added), ("_mean_of_means", each_as_it_is, averaging),
    ("_divided_twice", share, averaging), ("_sum_of_examples", lambda b, count, n: b, added),
):
    mistakes.add(f"left_out{name}", but(weight=weight, add=add, takes_part=only_with_gradient), SKIPS)
    mistakes.add(f"none_added{name}", but(weight=weight, add=add, takes_part=every_rank), NONE_ADDED)

def zeros_without_a_call(parameter):
    if parameter.grad is None:
        parameter.grad = torch.zeros_like(parameter)
        return False
    return True

mistakes.add("zeros_without_a_call", but(takes_part=zeros_without_a_call),
    "Your rank gives zeros to a parameter that its loss does not use, and then makes no call for it, while others do. The zeros take part like any gradient.")

def without_the_missing(add):
    def program(model, loss, batch, group):
        in_steps(model, loss, batch, group, calls=lambda group: False, takes_part=every_rank)
        parameters = [parameter for parameter in model.parameters() if parameter.grad is not None]
        bucket = torch.cat([parameter.grad.flatten() for parameter in parameters])
        dist.all_reduce(bucket, op=add, group=group)
        for parameter, piece in zip(parameters, bucket.split([each.numel() for each in parameters]), strict=True):
            parameter.grad = piece.view_as(parameter)

    return program

for name, op in {"": dist.ReduceOp.SUM, "_averaged": dist.ReduceOp.AVG}.items():
    mistakes.add(f"left_out_of_the_buffer{name}", without_the_missing(op),
        "Your buffer has no place for a parameter without a gradient, so ranks that use it bring a longer one than ranks that do not. Put zeros there.")

def what_zeros_became_is_lost(op):
    def add(parameter, group):
        dist.all_reduce(torch.zeros_like(parameter) if parameter.grad is None else parameter.grad, op, group=group)

    return add

for name, weight, op in (
    ("", share, dist.ReduceOp.SUM), ("_sum_of_means", each_as_it_is, dist.ReduceOp.SUM),
    ("_mean_of_means", each_as_it_is, dist.ReduceOp.AVG),
):
    mistakes.add(f"zeros_lost{name}", but(weight=weight, add=what_zeros_became_is_lost(op), takes_part=every_rank),
        "Your zeros take part for a parameter that this rank's loss does not use, and the sum that they become is lost: the parameter's .grad is None afterwards. Put it there.")

@mistakes.program("A parameter that a rank's loss does not use has no gradient for `torch.autograd.grad`, which refuses it. `allow_unused=True` gives None for it, and zeros can take its place.")
def unused_refused(model, loss, batch, group):
    count = counted(len(batch[0]), group)
    parameters = list(model.parameters())
    gradients = torch.autograd.grad(loss(model, *batch) * len(batch[0]) / count, parameters)
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient
        dist.all_reduce(parameter.grad, group=group)

ALONE = "Your ranks exchange no gradients: each has that of its own examples. To average losses, parameters or copies changes no .grad: all_reduce each parameter's own, and if you call it with `async_op=True`, wait for what it returns."
for name, weight in {
    "": each_as_it_is, "_with_a_share": share, "_divided": lambda b, count, n: 1 / n, "_summed": lambda b, count, n: b,
}.items():
    mistakes.add(f"each_alone{name}", but(weight=weight, calls=lambda group: False), ALONE)
    mistakes.add(f"each_alone{name}_and_none",
        but(weight=weight, calls=lambda group: False, takes_part=every_rank), ALONE)

mistakes.add("rank_0_calls", but(calls=lambda group: group.rank() == 0),
    "Your rank 0 calls all_reduce and the others do not, so it waits for ever. A collective is a call that every rank makes.")
mistakes.add("rank_0_does_not_call", but(calls=lambda group: group.rank() > 0),
    "Your other ranks call all_reduce and rank 0 does not, so they wait for ever. A collective is a call that every rank makes.")

@mistakes.program("Your examples are counted by rank 0 alone, so it waits in all_reduce, or what it calls meets another call. A collective is a call that every rank makes.")
def rank_0_counts(model, loss, batch, group):
    count = torch.tensor(float(len(batch[0])))
    if group.rank() == 0:
        dist.all_reduce(count, group=group)
    model.zero_grad()
    (loss(model, *batch) * len(batch[0]) / count).backward()
    for parameter in model.parameters():
        with_zeros(parameter)
        dist.all_reduce(parameter.grad, group=group)

def weighed_afterwards(before, add, after):
    def program(model, loss, batch, group):
        in_steps(model, loss, batch, group, weight=before, add=add)
        factor = after(len(batch[0]), counted(len(batch[0]), group), group.size())
        for parameter in model.parameters():
            parameter.grad *= factor

    return program

mistakes.add("own_count_averaged", weighed_afterwards(lambda b, count, n: b, added, lambda b, count, n: 1 / b),
    "Your examples are not counted over all ranks, so each divides by its own number, and gradients of means are added. `all_reduce` the count, too.")
for name, before, add in (
    ("", each_as_it_is, added), ("_the_average", each_as_it_is, averaging), ("_again", share, added),
):
    mistakes.add(f"weighs_the_sum{name}", weighed_afterwards(before, add, share),
        "Your share of the examples is multiplied with what all ranks have summed up, so that their gradients differ. A rank's share belongs to its own part, before the sum.")

@mistakes.program("Your count is added up once more for each parameter, in place, so that it grows from one to the next. Add it up once, before them all.")
def counted_for_each_parameter(model, loss, batch, group):
    in_steps(model, loss, batch, group, weight=lambda b, count, n: b, calls=lambda group: False)
    count = torch.tensor(float(len(batch[0])))
    for parameter in model.parameters():
        dist.all_reduce(count, group=group)
        parameter.grad /= count
        added(parameter, group)

@mistakes.program("Your rank counts numbers, as `numel` does, where examples count: those are the rows of its part, `len(batch[0])`.")
def numbers_counted(model, loss, batch, group):
    in_steps(model, loss, batch, group, weight=lambda b, count, n: batch[0].numel() / count)

mistakes.add("reduced_to_rank_0",
    but(add=lambda parameter, group: dist.reduce(parameter.grad, group_dst=0, group=group)),
    "Your sum arrives at rank 0 alone, which is what `reduce` does. Every rank needs it, to take the same step: `all_reduce`.")
mistakes.add("means_reduced_to_rank_0", but(weight=each_as_it_is,
        add=lambda parameter, group: dist.reduce(parameter.grad, group_dst=0, op=dist.ReduceOp.AVG, group=group)),
    "Your mean arrives at rank 0 alone, which is what `reduce` does. Every rank needs it, to take the same step: `all_reduce`; and a mean of means is not yet the mean over all examples.")
for name, weight in {"": each_as_it_is, "_with_a_share": share}.items():
    mistakes.add(f"rank_0s_for_all{name}",
        but(weight=weight, add=lambda parameter, group: dist.broadcast(parameter.grad, group_src=0, group=group)),
        "Your ranks all take the gradient of rank 0, which is what `broadcast` does, and the other ranks' examples are lost. Gradients are added.")
    mistakes.add(f"largest{name}",
        but(weight=weight, add=lambda each, group: dist.all_reduce(each.grad, dist.ReduceOp.MAX, group=group)),
        "Your gradients are not added: of each number the largest one of all ranks is taken.")

for name, takes_part in {"": with_zeros, "_and_none": every_rank}.items():
    for what, weight in {"": each_as_it_is, "_with_a_share": share}.items():
        mistakes.add(f"parameters_summed{name}{what}", but(weight=weight, takes_part=takes_part,
                add=lambda parameter, group: dist.all_reduce(parameter.data, group=group)),
            "Your ranks add up parameters. It is the .grad of each that has to be the same on all ranks; the parameters stay as they are.")

def keep(model):
    pass

OLD = "Your gradients are added to those that were there before: `backward` adds. Set them to zero, or to None, before it."
mistakes.add("old_gradients_kept", but(clear=keep), OLD)
mistakes.add("old_gradients_kept_and_summed", but(clear=keep, weight=each_as_it_is), OLD)
mistakes.add("old_gradients_kept_and_averaged", but(clear=keep, weight=each_as_it_is, add=averaging), OLD)
mistakes.add("old_gradients_kept_and_left_out", but(clear=keep, takes_part=only_with_gradient), OLD + " And let zeros take part for a parameter that has none.")

def forgotten_afterwards(model, loss):
    loss.backward()
    model.zero_grad()

mistakes.add("cleared_after_backward", but(back=forgotten_afterwards),
    "Your gradients are all zero: are they cleared after `backward`, or is `backward` missing?")
mistakes.add("none_after_backward", but(back=forgotten_afterwards, takes_part=every_rank),
    "Your gradients are None when they are to be added: are they cleared after `backward`, or is `backward` missing?")
mistakes.add("nothing_after_backward", but(back=forgotten_afterwards, takes_part=only_with_gradient),
    "Your parameters have no gradient in the end. Either `parameter.grad = dist.all_reduce(…)` throws the sum away (it returns nothing, and changes its tensor in place), or `backward` is missing, or they are cleared after it.")

@mistakes.program("Your examples are counted by `count = dist.all_reduce(count)`, which returns nothing: it changes the tensor that it is given, in place.")
def count_is_none(model, loss, batch, group):
    count = dist.all_reduce(torch.tensor(float(len(batch[0]))), group=group)
    model.zero_grad()
    (loss(model, *batch) * len(batch[0]) / count).backward()

@mistakes.program("Your examples are counted by `count = dist.all_reduce(count)`, which returns nothing: it changes the tensor that it is given, in place.")
def share_of_none(model, loss, batch, group):
    return len(batch[0]) / dist.all_reduce(torch.tensor(len(batch[0])), group=group)

@mistakes.program("Your program hands a plain number to all_reduce. Ranks exchange tensors: `torch.tensor(float(number))`.")
def a_number_added(model, loss, batch, group):
    dist.all_reduce(len(batch[0]), group=group)

@mistakes.program("Only your first parameter's gradient is exchanged. Each has one: go through all of them.")
def first_parameter_only(model, loss, batch, group):
    in_steps(model, loss, batch, group, calls=lambda group: False)
    dist.all_reduce(next(model.parameters()).grad, group=group)

@mistakes.program("Your gradients are right, and the parameters are changed. Leave the step to the optimizer: what is asked for is .grad.")
def takes_the_step(model, loss, batch, group):
    in_steps(model, loss, batch, group)
    for parameter in model.parameters():
        parameter.data -= parameter.grad


def given(examples, D, Dv, uses_extra=None, old=None, spare=False, target=True, dtype=torch.float32):
    """Ranks with so many examples of width D, for a network D to Dv; the two parameters that not all use, if asked."""
    shapes = {"x": (sum(examples), D), "weight": (Dv, D), "bias": (Dv,)}
    shapes |= {"extra": (Dv, D)} if uses_extra else {}
    shapes |= {"target": (sum(examples), Dv)} if target else {}
    shapes |= {"spare": (3,)} if spare else {}
    drawn = {name: normal(*shape, dtype=dtype) for name, shape in shapes.items()}
    return {"examples": examples, "uses_extra": uses_extra or [False] * len(examples), "old": old} | drawn


exercise = Exercise(
    reference=data_parallel_gradient,
    use=groups.data_parallel_gradient,
    cases=[
        Case("by hand: losses 1 and 3 on one rank, 5 on the other, in proportion to the weight",
            examples=[2, 1], uses_extra=[False, False], old=None,
            x=tensor([[1.0], [3.0], [5.0]]), weight=tensor([[1.0]]), bias=tensor([0.0])),
        Case("two ranks, as many examples on each", **given([3, 3], 3, 2)),
        Case("two ranks, more examples on the second", **given([2, 5], 3, 2)),
        Case("three ranks, a loss of one tensor", **given([1, 4, 2], 2, 3, target=False)),
        Case("four ranks", **given([2, 1, 5, 3], 2, 2)),
        Case("one rank", **given([4], 3, 2)),
        Case("a parameter that rank 0 alone uses", **given([2, 3], 2, 3, [True, False])),
        Case("a parameter that the last of three alone uses", **given([3, 1, 2], 3, 1, [False, False, True])),
        Case("a parameter that nobody uses", **given([1, 2], 2, 2, spare=True)),
        Case("old gradients", **given([2, 3], 3, 2, old=1.5)),
        Case("old gradients, and what not all use",
            **given([4, 1, 2], 2, 2, [True, True, False], old=-2.0, spare=True)),
        Case("64-bit numbers", **given([1, 3], 3, 2, [False, True], spare=True, dtype=torch.float64)),
    ],
    variants=[averaged, in_one_buffer, all_at_once_then_waited_for, gathered, by_way_of_rank_0],
    mistakes=mistakes,
    points=3,
)  # fmt: skip
