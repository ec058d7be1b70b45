"""How gradients of several ranks are weighed and added, and how that goes wrong."""

import torch.distributed as dist


def share(b, count, n):
    return b / count.double()

def added(parameter, group):
    dist.all_reduce(parameter.grad, group=group)


# Wrong

def each_as_it_is(b, count, n):
    return 1.0

def averaging(parameter, group):
    dist.all_reduce(parameter.grad, op=dist.ReduceOp.AVG, group=group)

WRONG_SUMS = {
    "sum_of_means": (each_as_it_is, added,
        "Your gradients of means are added, so that n ranks give about n times the gradient. A rank's part of the whole mean is its own mean times its share of the examples."),
    "mean_of_means": (each_as_it_is, averaging,
        "Your result is the mean of the ranks' means, as if all had equally many examples. Where one has fewer, each of them counts for too much. How many examples does a rank have (`len(batch)` counts tensors), and how many do all?"),
    "averaged_after_weighing": (share, averaging,
        "Your gradients are divided twice: each rank's share of all examples makes its part small enough already, and those parts are added, not averaged."),
    "means_divided_twice": (lambda b, count, n: 1 / n, averaging,
        "Your gradients are divided by the number of ranks twice, once by you and once by the average. And a rank with fewer examples has less of a say: what is its share?"),
    "divided_by_all_examples": (lambda b, count, n: 1 / count, added,
        "Your means are divided by the number of all examples, as if they were sums. A mean times its own number of examples is a sum."),
    "divided_by_its_own_examples": (lambda b, count, n: 1 / b, added,
        "Your means are divided by the rank's number of examples, as if they were sums. They are means already: what is a rank's share of all examples?"),
    "sum_of_examples": (lambda b, count, n: b, added,
        "Your gradient is that of the sum over all examples. Divide by their number, all ranks' together."),
    "sum_of_examples_averaged": (lambda b, count, n: b, averaging,
        "Your gradient is that of the sum over all examples, divided by the number of ranks. Divide by the number of all examples instead."),
    "whole_numbers": (lambda b, count, n: b // count, added,
        "Your share of the examples is rounded down to a whole number, so it is 0 for all who have less than everything. Divide with `/`."),
    "share_upside_down": (lambda b, count, n: count / b, added,
        "Your share is upside down: all examples over a rank's own. It is the other way round, and at most 1."),
    "weighed_twice": (lambda b, count, n: (b / count) ** 2, added,
        "Your part is multiplied by the rank's share of the examples twice: once the loss, once the gradient, perhaps. Once is enough."),
}  # name: how a rank weighs its loss, how the gradients become one, and a sentence
