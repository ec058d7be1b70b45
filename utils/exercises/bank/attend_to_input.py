"""A layer deep in a network asks the input itself."""

import math

import torch
from torch import tensor
from torch.nn import functional as F

from utils.attempts.uses import layers as uses
from utils.models import attend_to_input

from ..exercise import Case, Exercise, Mistakes, normal, replacing
from . import wrong_weights as wrong


def product(state, W_q):
    return state @ W_q

def root_of_key_width(state, key, value):
    return key.size(-1) ** 0.5

def each_from_its_own(weights, value):
    return (weights[:, None] @ value)[:, 0]

def both(context, weights):
    return context, weights

def in_steps(state, key, value, W_q,
             query=product, divisor=root_of_key_width, weigh=wrong.right, carry=each_from_its_own, answer=both):
    weights = weigh(query(state, W_q) @ key.mT / divisor(state, key, value))
    return answer(carry(weights, value), weights)


# Right, and written differently

def with_the_library(state, key, value, W_q):
    query = (state @ W_q).unsqueeze(1)
    key = key.expand(len(state), -1, -1)
    context = F.scaled_dot_product_attention(query, key, value).squeeze(1)
    weights = F.softmax(torch.einsum("bik,bnk->bn", query, key) / math.sqrt(key.shape[-1]), dim=-1)
    return context, weights

def with_einsum(state, key, value, W_q):
    scores = torch.einsum("bd,dk,nk->bn", state, W_q / W_q.size(1) ** 0.5, key)
    exps = torch.exp(scores - scores.max(1, keepdim=True).values)
    weights = exps / exps.sum(1, keepdim=True)
    return torch.einsum("bn,bnv->bv", weights, value), weights

def state_by_state(state, key, value, W_q):
    contexts, rows = [], []
    for one, values in zip(state, value, strict=True):
        weights = torch.softmax(key @ (one @ W_q) / len(W_q.T) ** 0.5, 0)
        rows.append(weights)
        contexts.append(sum(weight * row for weight, row in zip(weights, values, strict=True)))
    return torch.stack(contexts), torch.stack(rows)

def summed_by_hand(state, key, value, W_q):
    weights = ((state @ W_q)[:, None] * key).sum(-1).div(key.size(1) ** 0.5).softmax(1)
    return (weights[..., None] * value).sum(1), weights


# Wrong

but = replacing(in_steps)
mistakes = Mistakes()

mistakes.add("not_scaled", but(divisor=lambda state, key, value: 1),
    "Your scores are not divided by √Dk, the root of the width of a key.")
mistakes.add("scaled_by_the_width", but(divisor=lambda state, key, value: key.size(-1)),
    "You divide the scores by Dk. Divide by its square root.")
mistakes.add("scaled_by_the_state", but(divisor=lambda state, key, value: state.size(-1) ** 0.5),
    "You divide the scores by the root of the state's width. The product runs over a key's width, Dk.")
mistakes.add("scaled_by_the_slots", but(divisor=lambda state, key, value: len(key) ** 0.5),
    "You divide the scores by the root of the number of slots. It is the width of a key that makes them large: √Dk.")
mistakes.add("scaled_by_the_values", but(divisor=lambda state, key, value: value.size(-1) ** 0.5),
    "You divide the scores by the root of the width of a value. The product runs over a key's width, Dk.")
@mistakes.program("Your context is divided by √Dk twice: PyTorch's attention scales by itself. Your weights are right, and do not belong to it.")
def scaled_by_pytorch_too(state, key, value, W_q):
    _, weights = attend_to_input(state, key, value, W_q)
    return attend_to_input(state / key.size(-1) ** 0.5, key, value, W_q)[0], weights

mistakes.add("multiplied", but(divisor=lambda state, key, value: key.size(-1) ** -0.5),
    "You multiply the scores by √Dk. Divide by it.")

@mistakes.program("You divide the weights by √Dk, after the softmax. It is the scores that are divided, before it.")
def weights_scaled(state, key, value, W_q):
    weights = (state @ W_q @ key.mT).softmax(-1) / key.size(-1) ** 0.5
    return each_from_its_own(weights, value), weights

mistakes.add("softmax_over_the_batch", but(weigh=wrong.over_queries),
    "Your weights sum to one over the batch. Each state asks about its own input: they should sum to one over the slots.")
mistakes.add("no_softmax", but(weigh=wrong.no_softmax),
    "You weigh the values by their scores. Turn the scores into weights first, positive and with sum one.")
mistakes.add("sigmoid", but(weigh=torch.sigmoid),
    "Your weights do not compete: a sigmoid lets every slot in by itself. Use a softmax over the slots.")
mistakes.add("naive_exponentials", but(weigh=lambda scores: scores.exp() / scores.exp().sum(-1, keepdim=True)),
    "For large scores `exp` overflows. `torch.softmax` subtracts the largest score first.")
mistakes.add("best_slot_only", but(weigh=lambda scores: F.one_hot(scores.argmax(-1), scores.size(-1)).to(scores.dtype)),
    "Only the best slot answers. Then nothing can be learned through the choice: let every slot speak, in proportion to its match.")
mistakes.add("uniform", but(weigh=lambda scores: torch.full_like(scores, 1 / scores.size(-1))),
    "Every slot has the same weight, whatever the state asks. Compare the query with the keys.")
mistakes.add("query_not_projected", but(query=lambda state, W_q: state),
    "You compare the state itself with the keys. The state asks through W_q: the query is state W_q.")
mistakes.add("transposed", but(query=lambda state, W_q: state @ W_q.mT),
    "You use W_q transposed. Its rows belong to the state, its columns to the query.")

@mistakes.program("You compare the query with the values. It is compared with the keys; the values are what is carried away.")
def asks_the_values(state, key, value, W_q):
    scores = ((state @ W_q)[:, None] @ value.mT)[:, 0]
    weights = torch.softmax(scores / value.size(-1) ** 0.5, -1)
    return each_from_its_own(weights, value), weights

@mistakes.program("You blend the keys. They are for matching; the values of each input are what is carried away.")
def key_as_value(state, key, value, W_q):
    return in_steps(state, key, value, W_q, carry=lambda weights, value: weights @ key)

mistakes.add("first_input_for_all", but(carry=lambda weights, value: weights @ value[0]),
    "Every state reads the first input. Each row of the batch has its own values.")
mistakes.add("mean_input_for_all", but(carry=lambda weights, value: weights @ value.mean(0)),
    "Every state reads the mean of all inputs. Each row of the batch has its own values.")
mistakes.add("every_input_for_each", but(carry=lambda weights, value: weights @ value),
    "`weights @ value` lets every state read every input, (B, B, Dv). Give the weights an axis, (B, 1, N), so that each row meets its own values.")
mistakes.add("all_inputs_added_up", but(carry=lambda weights, value: weights @ value.sum(0)),
    "Every state reads the slots of all inputs, added up. Each row of the batch has its own values.")
mistakes.add("squeezed", but(carry=lambda weights, value: (weights[:, None] @ value).squeeze()),
    "`squeeze()` without an axis drops every axis of size one, that of the batch or of the values too. Say which: `squeeze(1)`.")
mistakes.add("context_only", but(answer=lambda context, weights: context),
    "You return the context alone. The weights (B, N) are wanted too, as the second of two.")
mistakes.add("weights_first", but(answer=lambda context, weights: (weights, context)),
    "You return the weights first. The context comes first, the weights second.")
mistakes.add("an_axis_left_at_the_weights", but(answer=lambda context, weights: (context, weights[:, None])),
    "Your weights have kept an axis of size one, (B, 1, N), from the product. They are (B, N).")
mistakes.add("an_axis_left_at_the_context", but(answer=lambda context, weights: (context[:, None], weights)),
    "Your context has kept an axis of size one, (B, 1, Dv), from the product. It is (B, Dv).")
mistakes.add("an_axis_left", but(answer=lambda context, weights: (context[:, None], weights[:, None])),
    "An axis of size one is left over from the product. The context is (B, Dv), the weights (B, N).")

@mistakes.program("The second thing you return are the scores. Return the weights, after the softmax.")
def scores_returned(state, key, value, W_q):
    context, _ = attend_to_input(state, key, value, W_q)
    return context, state @ W_q @ key.mT / key.size(-1) ** 0.5

@mistakes.program("You add the query to the context. Return the context alone.")
def query_added(state, key, value, W_q):
    context, weights = attend_to_input(state, key, value, W_q)
    return context + state @ W_q, weights

mistakes.add("weights_detached", but(weigh=wrong.detached),
    "The answers are right, but the weights let no gradient through: the network would never learn to ask.")
mistakes.add("values_detached", but(carry=lambda weights, value: each_from_its_own(weights, value.detach())),
    "The answers are right, but no gradient reaches `value`: something cuts the graph (detach, .data, no_grad).")
mistakes.add("state_detached", but(query=lambda state, W_q: state.detach() @ W_q),
    "The answers are right, but no gradient reaches `state`: the layers below would never learn to ask.")


def given(B, N, D, Dk, Dv, scale=1.0, dtype=torch.float32):
    shapes = {"key": (N, Dk), "value": (B, N, Dv), "W_q": (D, Dk)}
    drawn = {name: normal(*shape, dtype=dtype) for name, shape in shapes.items()}
    return {"state": normal(B, D, scale=scale, dtype=dtype)} | drawn


ALL = {"joined": True, "grad": ["state", "key", "value", "W_q"]}
exercise = Exercise(
    reference=attend_to_input,
    use=uses.attend_to_input,
    cases=[
        Case("two slots, by hand: query 2 log 3, scores log 3 and 0, weights 3/4 and 1/4",
            state=tensor([[math.log(3)]]), W_q=tensor([[2.0, 0, 0, 0]]),
            key=tensor([[1.0, 0, 0, 0], [0, 1, 0, 0]]), value=tensor([[[8.0], [4.0]]])),
        Case("the same question about two inputs, by hand",
            state=tensor([[0.0], [0.0]]), W_q=tensor([[1.0]]),
            key=tensor([[1.0], [5.0]]), value=tensor([[[8.0], [4.0]], [[1.0], [3.0]]])),
        Case("one state, one slot", **given(1, 1, 3, 2, 4)),
        Case("a batch", **given(3, 4, 5, 2, 6)),
        Case("another batch of the same sizes", **given(3, 4, 5, 2, 6)),
        Case("all sizes alike", **given(4, 4, 4, 4, 4)),
        Case("more slots than states", **given(2, 7, 3, 5, 3)),
        Case("one number for each key and value", **given(3, 5, 4, 1, 1)),
        Case("scores in the thousands", **given(3, 4, 3, 2, 2, scale=1000.0)),
        Case("gradients", **given(3, 4, 5, 2, 3), **ALL),
        Case("gradients in 64-bit numbers", **given(2, 3, 4, 4, 2, dtype=torch.float64), **ALL),
    ],
    variants=[with_the_library, with_einsum, state_by_state, summed_by_hand],
    mistakes=mistakes,
    points=2,
)
