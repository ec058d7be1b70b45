"""Why a layer cannot give what was asked for: the signal is tangled, or drowned, or no gradient comes back."""

import torch
from torch.nn import functional as F

from utils.attempts.uses import layers as uses

from ..exercise import Case, Exercise, Mistakes, replacing
from .gradient_by_layer import gradient_by_layer
from .linear_probe import linear_probe
from .planted import given


def why_lost(network, batch):
    """Why layer 13, which reads state + question, misses the value: the first of these that holds, or "nothing".

    "tangled": no line reads the value from the last state, however sharp; "signal": a line does, but not when the state
    is blurred by 1 % of the spread of what layer 13 reads; "gradient": the loss's gradient at the code is under a
    thousandth of that at the last state. A line reads the value if it is right for over half of the rows held out.
    network.layers is a list of functions (n, 16) -> (n, 16), network.loss(read, value) a number; batch.code and
    batch.question (450, 16), batch.value (450,) whole numbers 0 to 7.
    """
    return in_steps(network, batch)


def states_of(network, batch):
    states = [batch.code]
    for layer in network.layers:
        states.append(layer(states[-1]))
    return states

def spread(rows):
    return (rows - rows.mean(0)).std()

def read_by_13(states, batch):
    return states[-1] + batch.question

def unreadable(state, batch, limit=0.5):
    return linear_probe(state, batch.value, 150) < limit

def blurred(state, by):
    return state + by * torch.randn(state.shape)

def one_per_cent(states, batch):
    return 0.01 * spread(read_by_13(states, batch))

def sizes_of(network, batch):
    return gradient_by_layer(network.layers, batch.code, lambda last: network.loss(last + batch.question, batch.value))

def tangled(states, network, batch):
    return unreadable(states[-1], batch)

def drowned(states, network, batch):
    return unreadable(blurred(states[-1], one_per_cent(states, batch)), batch)

def cut(states, network, batch):
    sizes = sizes_of(network, batch)
    return sizes[0] < sizes[-1] / 1000

def in_steps(network, batch, tangled=tangled, signal=drowned, gradient=cut, order=("tangled", "signal", "gradient")):
    states, holds = states_of(network, batch), {"tangled": tangled, "signal": signal, "gradient": gradient}
    return next((why for why in order if holds[why](states, network, batch)), "nothing")


# Right, and written differently

def by_sizes_and_nearest_means(network, batch):
    state = batch.code.clone().requires_grad_()
    states = [state]
    for layer in network.layers:
        state = layer(state)
        state.retain_grad()
        states.append(state)
    network.loss(state + batch.question, batch.value).backward()
    last, value = state.detach().double(), batch.value
    means = torch.stack([last[:300][value[:300] == one].mean(0) for one in range(8)])
    if (torch.cdist(last[300:], means).argmin(-1) == value[300:]).double().mean() < 0.6:
        return "tangled"
    deviation, beside = last - last.mean(0), batch.question - batch.question.mean(0)
    if deviation.square().mean().sqrt() < 0.005 * beside.square().mean().sqrt():
        return "signal"
    sizes = [each.grad.square().mean().sqrt().item() for each in states]
    return "gradient" if sizes[0] / sizes[-1] < 1e-4 else "nothing"

def blurred_first(network, batch):
    state = batch.code
    for layer in network.layers:
        state = layer(state)
    reads = (state + batch.question).std(0).norm() / 4

    def right(noise):
        rows = state.double() + noise * reads * torch.randn(450, 16)
        rows = F.pad(rows / rows.std(), (0, 1), value=1.0)
        weight = torch.linalg.lstsq(rows[:350], F.one_hot(batch.value[:350]).double()).solution
        return sum((rows[350:] @ weight).argmax(1) == batch.value[350:]) / 100

    if right(0.02) < 0.5:
        return "signal" if right(0) > 0.5 else "tangled"
    code = batch.code.clone().requires_grad_()
    last = code
    for layer in network.layers:
        last = layer(last)
    at_code, at_last = torch.autograd.grad(network.loss(last + batch.question, batch.value), [code, last])
    return "nothing" if at_code.abs().max() > 1e-3 * at_last.abs().max() else "gradient"


# Wrong

but = replacing(in_steps)
mistakes = Mistakes()

def never(states, network, batch):
    return False

def always(states, network, batch):
    return True

mistakes.add("gradient_first", but(order=("gradient", "tangled", "signal")),
    "You ask for the gradient first. A state that is made small makes the gradient behind it small too, so a small gradient alone proves little: ask first whether the value can be read.")
mistakes.add("gradient_before_signal", but(order=("tangled", "gradient", "signal")),
    "You ask for the gradient before the blur. A state that is made small makes the gradient behind it small too: ask first whether layer 13 could read it.")

def blurred_by_its_own_spread(states, network, batch):
    return unreadable(blurred(states[-1], 0.01 * spread(states[-1])), batch)

mistakes.add("own_blur", but(signal=blurred_by_its_own_spread),
    "You never find a lost signal. A blur that is a share of the state's own spread does no harm to a state a thousand times too small: give the last state noise of one per cent of the spread of state + question.")

def blurred_by_a_hundredth(states, network, batch):
    return unreadable(blurred(states[-1], 0.01), batch)

mistakes.add("blur_of_one_size", but(signal=blurred_by_a_hundredth),
    "Your blur, or your limit for a small state, is the same in every network. How much layer 13 can tell apart depends on what it reads: take one per cent of the spread of state + question.")

def question_in_the_way(states, network, batch):
    return unreadable(blurred(read_by_13(states, batch), one_per_cent(states, batch)), batch)

mistakes.add("too_much_noise", but(signal=question_in_the_way),
    "You call a state lost that is a tenth of the question, which is enough. Blur by one per cent of the spread of state + question, and probe the state alone, without the question.")
mistakes.add("everything_unread_is_tangled", but(tangled=drowned),
    "You call a state tangled that is only drowned. Probe the last state once as it is, without blur and without the question: if a line reads it then, the signal was lost.")
mistakes.add("everything_unread_is_signal", but(tangled=never),
    "You call a state drowned that is tangled. Probe the last state once without any blur: where a line is right for less than half of the rows even then, it is tangled.")

def blurred_column_by_column(states, network, batch):
    return unreadable(blurred(states[-1], 0.01 * read_by_13(states, batch).std(0)), batch)

mistakes.add("blurred_column_by_column", but(signal=blurred_column_by_column),
    "You blur each column by its own spread. Layer 13's matrix mixes the columns, so what counts is the one spread of all that it reads: `std()` without an axis, after the mean is taken off.")

def by_the_spread_about_zero(states, network, batch):
    return unreadable(blurred(states[-1], 0.01 * read_by_13(states, batch).std()), batch)

mistakes.add("mean_not_taken_off", but(signal=by_the_spread_about_zero),
    "Your spread still has the batch's mean in it: where each column has another one, that looks like a large spread. Take `read.mean(0)` off first, since what is the same in every row tells nothing.")

def small_beside_the_question(states, network, batch):
    return spread(states[-1]) < 0.01 * spread(batch.question)

mistakes.add("never_tangled", but(tangled=never, signal=small_beside_the_question),
    "You never find a tangle: size and gradient say nothing of it, and the code is not tangled yet. Probe the state after the last layer.")
mistakes.add("gradient_alone", but(tangled=never, signal=never),
    "Your answer rests on the gradient alone. Whether the value can be read is another measurement: probe the state after the last layer, sharp and blurred.")

def small_norm(states, network, batch):
    return states[-1].norm() < 0.01 * batch.question.norm()

mistakes.add("not_centred", but(signal=small_norm),
    "You measure the state's length. What is the same in every row makes it long and tells nothing: take its spread over the batch.")

def small_beside_the_code(states, network, batch):
    return spread(states[-1]) < 0.01 * spread(batch.code)

mistakes.add("beside_the_code", but(signal=small_beside_the_code),
    "You compare the state with the code. What it has to stand out from is what layer 13 reads: state + question.")

def small_somewhere(states, network, batch):
    return min(spread(state) for state in states) < 0.01 * spread(batch.question)

mistakes.add("smallest_state_on_the_way", but(signal=small_somewhere),
    "You look at the smallest state on the way. What is small in between may be enlarged again: only the last state is read by layer 13.")

def tangled_somewhere(states, network, batch):
    return any(unreadable(state, batch) for state in states)

mistakes.add("tangled_on_the_way", but(tangled=tangled_somewhere),
    "You look for a tangle in every state on the way. What was tangled may be untangled again: probe the last state.")
mistakes.add("never_a_gradient", but(gradient=never),
    "You never find a lost gradient. It has to come all the way down: compare its size at the code with that at the last state.")

def without_the_question(states, network, batch):
    sizes = gradient_by_layer(network.layers, batch.code, lambda last: network.loss(last, batch.value))
    return sizes[0] < sizes[-1] / 1000

mistakes.add("loss_without_the_question", but(gradient=without_the_question),
    "Your loss is that of the bare state. Layer 13 reads state + question, and the gradient depends on both: `network.loss(state + question, value)`.")

def none_at_all(states, network, batch):
    return not sizes_of(network, batch)[0]

mistakes.add("gradient_of_zero_only", but(gradient=none_at_all),
    "You find a gradient lost only where it is exactly zero. One that is ten million times smaller counts as lost as well: ask whether it is under a thousandth of that at the last state.")

def small_gradient(states, network, batch):
    return sizes_of(network, batch)[0] < 1e-3

mistakes.add("absolute_gradient", but(gradient=small_gradient),
    "Your limit is for the gradient's size itself, and a loss in other units moves it. Compare it with the gradient at the last state.")

def smaller(states, network, batch):
    sizes = sizes_of(network, batch)
    return sizes[0] < sizes[-1]

mistakes.add("any_smaller_gradient", but(gradient=smaller),
    "You call a gradient lost as soon as it is smaller at the code than at the last state. Some of it may go: lost is what comes down to less than a thousandth.")

def after_the_first_layer(states, network, batch):
    sizes = sizes_of(network, batch)
    return sizes[1] < sizes[-1] / 1000

mistakes.add("gradient_after_the_first_layer", but(gradient=after_the_first_layer),
    "You measure the gradient after the first layer. It may end in this very layer: measure it at the code, entry 0.")

def smallest_beside_the_largest(states, network, batch):
    sizes = sizes_of(network, batch)
    return sizes.min() < sizes.max() / 1000

mistakes.add("smallest_beside_the_largest", but(gradient=smallest_beside_the_largest),
    "You compare the smallest gradient on the way with the largest, wherever they are. Compare the one that arrives, at the code, with the one that starts, at the last state.")

def smallest_on_the_way(states, network, batch):
    sizes = sizes_of(network, batch)
    return sizes.min() < sizes[-1] / 1000

mistakes.add("smallest_gradient_on_the_way", but(gradient=smallest_on_the_way),
    "You look at the smallest gradient on the way. What is small in between may grow again further down: what counts is what arrives at the code.")

def beside_the_largest(states, network, batch):
    sizes = sizes_of(network, batch)
    return sizes[0] < sizes.max() / 1000

mistakes.add("beside_the_largest_gradient", but(gradient=beside_the_largest),
    "You compare with the largest gradient on the way. It may be large in between only: compare the code's with that at the last state.")

def each_layer_alone(states, network, batch):
    for layer, state in zip(network.layers, states, strict=False):
        given = state.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(layer(given).sum(), given)
        if gradient.norm() < 1e-3 * gradient.numel() ** 0.5:
            return True
    return False

mistakes.add("each_layer_alone", but(gradient=each_layer_alone),
    "You look at each layer alone. Seven that pass on a tenth leave a ten-millionth, and one may make up for another: the gradient at the code comes through all of them.")

@mistakes.program("You have \"signal\" and \"tangled\" the wrong way round: tangled is what no line reads, however sharp.")
def swapped(network, batch):
    said = why_lost(network, batch)
    return {"signal": "tangled", "tangled": "signal"}.get(said, said)

mistakes.add("last_that_holds", but(order=("gradient", "signal", "tangled")),
    "Of several causes that hold you name the last one found. The first in the order tangled, signal, gradient is wanted: return it as soon as it is found.")

def only_the_last_layer(network, batch):
    return [batch.code, network.layers[-1](batch.code)]

def tangled_by_the_last(states, network, batch):
    return tangled(only_the_last_layer(network, batch), network, batch)

def drowned_by_the_last(states, network, batch):
    return drowned(only_the_last_layer(network, batch), network, batch)

mistakes.add("every_layer_reads_the_code", but(tangled=tangled_by_the_last, signal=drowned_by_the_last),
    "Every layer of yours reads the code, so only the last one counts. Each reads what the one below it made.")

@mistakes.program("You add the question to the code, below the first layer. It comes in at layer 13: the last state is made of the code alone.")
def question_below(network, batch):
    first, *others = network.layers
    with_question = [lambda code: first(code + batch.question), *others]
    network = type(network)(layers=with_question, loss=network.loss)
    return in_steps(network, batch)

mistakes.add("hardly_better_than_chance", but(
    tangled=lambda states, network, batch: unreadable(states[-1], batch, 0.19),
    signal=lambda states, network, batch: unreadable(blurred(states[-1], one_per_cent(states, batch)), batch, 0.19)),
    "You ask whether a probe is hardly better than chance. With some luck it is that where there is nothing to read: draw the line at a half.")
mistakes.add("at_chance", but(
    tangled=lambda states, network, batch: unreadable(states[-1], batch, 1 / 8),
    signal=lambda states, network, batch: unreadable(blurred(states[-1], one_per_cent(states, batch)), batch, 1 / 8)),
    "You ask whether a probe is worse than one in eight, which is chance. With some luck it is a little better where there is nothing to read: draw the line at a half.")

def short_of_the_last(asked):
    return lambda states, network, batch: asked(states[:-1], network, batch)

mistakes.add("last_layer_left_out", but(tangled=short_of_the_last(tangled), signal=short_of_the_last(drowned)),
    "You stop one layer short. The last state, which layer 13 reads, is what the last of the network's layers gives.")
mistakes.add("tangled_if_it_is_read", but(tangled=lambda *given: not tangled(*given)),
    "You call a state tangled when the probe reads it. It is tangled when the probe is at chance, one in eight.")

@mistakes.program("Where nothing is wrong your function returns nothing at all. Return the string \"nothing\".")
def none_for_nothing(network, batch):
    said = why_lost(network, batch)
    return None if said == "nothing" else said

mistakes.add("always_nothing", but(order=()),
    "You answer \"nothing\" whatever the network. Try each of the three measurements by itself on a network where you know the answer.")
mistakes.add("always_signal", but(tangled=never, signal=always),
    "You answer \"signal\" whatever the network. Print how large your noise is beside the state, and what the probe says without it.")


exercise = Exercise(
    reference=why_lost,
    use=uses.why_lost,
    cases=[
        Case("three layers that change nothing, but for one",
            **given("nothing", "shrunk", "cut", "tangled", matrix="as it is", depth=3)),
        Case("shrunk, to nearly nothing or to a tenth", **given("shrunk", "a tenth")),
        Case("in the last layer", **given("shrunk at the last, gradient kept", "tangled at the last")),
        Case("twelve residual layers",
            **given("tangled between", "tangled", "faint", layers="residual", matrix="slight", depth=12)),
        Case("shrunk or enlarged in between", **given("shrunk between", "enlarged between", "tangled")),
        Case("cut at the first layer, or a tenth at every one",
            **given("cut at the first", "a tenth at every layer", "tangled")),
        Case("two causes in one network", **given("tangled + cut", "shrunk, gradient kept + cut")),
        Case("far from zero", **given("shifted + shrunk", "tangled", depth=9)),
        Case("a question a thousand times as large, beside the value",
            **given("nothing", "tangled", matrix="as it is", question=(0.0, 1000.0))),
        Case("a question far from zero, which decides what the loss sees",
            **given("half of it cut", "tangled", "nothing", mean=(500.0, -500.0), positive=True)),
        Case("small code, question and loss", **given("nothing", "tangled", unit=2e-4, loss_times=1e-12)),
        Case("small state and question", **given("shrunk, gradient kept", "tangled", question=(1e-4, 1e-4))),
    ],
    variants=[by_sizes_and_nearest_means, blurred_first],
    mistakes=mistakes,
    points=4,
)
