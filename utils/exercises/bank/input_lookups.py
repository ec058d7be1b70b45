"""A layer deep in a network asks the input itself."""

import math

import torch
from torch import tensor
from torch.nn import functional as F

from utils.attempts import probes

from ..exercise import Case, Exercise, Mistake, normal


def attend_to_input(state, key, value, W_q):
    """The context (B, Dv) that each state (B, D) finds in its own input, and the weights (B, N) behind it.

    key (N, Dk), the same for every input, value (B, N, Dv), W_q (D, Dk); query = state W_q, scores = query · key / √Dk.
    """
    weights = _weights(state @ W_q, key)
    return _context(weights, value), weights


def _weights(query, key):
    return torch.softmax(query @ key.mT / key.size(-1) ** 0.5, -1)


def _context(weights, value):
    return (weights[:, None] @ value)[:, 0]


def _with_the_library(state, key, value, W_q):
    query = (state @ W_q).unsqueeze(1)
    key = key.expand(len(state), -1, -1)
    context = F.scaled_dot_product_attention(query, key, value).squeeze(1)
    weights = F.softmax(torch.einsum("bik,bnk->bn", query, key) / math.sqrt(key.shape[-1]), dim=-1)
    return context, weights


def _with_einsum(state, key, value, W_q):
    scores = torch.einsum("bd,dk,nk->bn", state, W_q / W_q.size(1) ** 0.5, key)
    exps = torch.exp(scores - scores.max(1, keepdim=True).values)
    weights = exps / exps.sum(1, keepdim=True)
    return torch.einsum("bn,bnv->bv", weights, value), weights


def _state_by_state(state, key, value, W_q):
    contexts, rows = [], []
    for one, values in zip(state, value, strict=True):
        weights = torch.softmax(key @ (one @ W_q) / len(W_q.T) ** 0.5, 0)
        rows.append(weights)
        contexts.append(sum(weight * row for weight, row in zip(weights, values, strict=True)))
    return torch.stack(contexts), torch.stack(rows)


def _summed_by_hand(state, key, value, W_q):
    weights = ((state @ W_q)[:, None] * key).sum(-1).div(key.size(1) ** 0.5).softmax(1)
    return (weights[..., None] * value).sum(1), weights


def _not_scaled(state, key, value, W_q):
    weights = torch.softmax(state @ W_q @ key.mT, -1)
    return _context(weights, value), weights


def _scaled_by_the_width(state, key, value, W_q):
    weights = torch.softmax(state @ W_q @ key.mT / key.size(-1), -1)
    return _context(weights, value), weights


def _scaled_by_the_state(state, key, value, W_q):
    weights = torch.softmax(state @ W_q @ key.mT / state.size(-1) ** 0.5, -1)
    return _context(weights, value), weights


def _scaled_by_the_slots(state, key, value, W_q):
    weights = torch.softmax(state @ W_q @ key.mT / len(key) ** 0.5, -1)
    return _context(weights, value), weights


def _scaled_by_the_values(state, key, value, W_q):
    weights = torch.softmax(state @ W_q @ key.mT / value.size(-1) ** 0.5, -1)
    return _context(weights, value), weights


def _multiplied(state, key, value, W_q):
    weights = torch.softmax(state @ W_q @ key.mT * key.size(-1) ** 0.5, -1)
    return _context(weights, value), weights


def _weights_scaled(state, key, value, W_q):
    weights = torch.softmax(state @ W_q @ key.mT, -1) / key.size(-1) ** 0.5
    return _context(weights, value), weights


def _softmax_over_the_batch(state, key, value, W_q):
    weights = torch.softmax(state @ W_q @ key.mT / key.size(-1) ** 0.5, 0)
    return _context(weights, value), weights


def _no_softmax(state, key, value, W_q):
    weights = state @ W_q @ key.mT / key.size(-1) ** 0.5
    return _context(weights, value), weights


def _sigmoid(state, key, value, W_q):
    weights = torch.sigmoid(state @ W_q @ key.mT / key.size(-1) ** 0.5)
    return _context(weights, value), weights


def _naive_exponentials(state, key, value, W_q):
    exps = torch.exp(state @ W_q @ key.mT / key.size(-1) ** 0.5)
    weights = exps / exps.sum(-1, keepdim=True)
    return _context(weights, value), weights


def _best_slot_only(state, key, value, W_q):
    weights = F.one_hot((state @ W_q @ key.mT).argmax(-1), len(key)).to(state.dtype)
    return _context(weights, value), weights


def _uniform(state, key, value, W_q):
    weights = torch.full((len(state), len(key)), 1 / len(key), dtype=state.dtype)
    return _context(weights, value), weights


def _query_not_projected(state, key, value, W_q):
    weights = _weights(state, key)
    return _context(weights, value), weights


def _transposed(state, key, value, W_q):
    return attend_to_input(state, key, value, W_q.mT)


def _asks_the_values(state, key, value, W_q):
    weights = _weights((state @ W_q)[:, None], value)[:, 0]
    return _context(weights, value), weights


def _key_as_value(state, key, value, W_q):
    weights = _weights(state @ W_q, key)
    return weights @ key, weights


def _first_input_for_all(state, key, value, W_q):
    weights = _weights(state @ W_q, key)
    return weights @ value[0], weights


def _mean_input_for_all(state, key, value, W_q):
    weights = _weights(state @ W_q, key)
    return weights @ value.mean(0), weights


def _every_input_for_each(state, key, value, W_q):
    weights = _weights(state @ W_q, key)
    return weights @ value, weights


def _context_only(state, key, value, W_q):
    return attend_to_input(state, key, value, W_q)[0]


def _weights_first(state, key, value, W_q):
    return attend_to_input(state, key, value, W_q)[::-1]


def _an_axis_left(state, key, value, W_q):
    weights = _weights(state @ W_q, key)[:, None]
    return weights @ value, weights


def _scores_returned(state, key, value, W_q):
    context, _ = attend_to_input(state, key, value, W_q)
    return context, state @ W_q @ key.mT / key.size(-1) ** 0.5


def _query_added(state, key, value, W_q):
    context, weights = attend_to_input(state, key, value, W_q)
    return context + state @ W_q, weights


def _weights_detached(state, key, value, W_q):
    weights = _weights(state @ W_q, key).detach()
    return _context(weights, value), weights


def _values_detached(state, key, value, W_q):
    return attend_to_input(state, key, value.detach(), W_q)


def _state_detached(state, key, value, W_q):
    return attend_to_input(state.detach(), key, value, W_q)


def _inputs(B, N, D, Dk, Dv, scale=1.0, **options):
    return {
        "state": normal(B, D, scale=scale, **options),
        "key": normal(N, Dk, **options),
        "value": normal(B, N, Dv, **options),
        "W_q": normal(D, Dk, **options),
    }


EVERYTHING = ["state", "key", "value", "W_q"]
attend_to_input_of = Exercise(
    reference=attend_to_input,
    probe=probes.attend_to_input,
    cases=[
        Case(
            "two slots, by hand: query 2 log 3, scores log 3 and 0, weights 3/4 and 1/4",
            state=tensor([[math.log(3)]]), W_q=tensor([[2.0, 0.0, 0.0, 0.0]]), key=tensor([[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]]), value=tensor([[[8.0], [4.0]]]),
        ),
        Case(
            "the same question about two inputs, by hand",
            state=tensor([[0.0], [0.0]]), W_q=tensor([[1.0]]), key=tensor([[1.0], [5.0]]), value=tensor([[[8.0], [4.0]], [[1.0], [3.0]]]),
        ),
        Case("one state, one slot", **_inputs(1, 1, 3, 2, 4)),
        Case("a batch", **_inputs(3, 4, 5, 2, 6)),
        Case("another batch of the same sizes", **_inputs(3, 4, 5, 2, 6)),
        Case("all sizes alike", **_inputs(4, 4, 4, 4, 4)),
        Case("more slots than states", **_inputs(2, 7, 3, 5, 3)),
        Case("one number for each key and value", **_inputs(3, 5, 4, 1, 1)),
        Case("scores in the thousands", **_inputs(3, 4, 3, 2, 2, scale=1000.0)),
        Case("gradients", joined=True, **_inputs(3, 4, 5, 2, 3), grad=EVERYTHING),
        Case("gradients in 64-bit numbers", joined=True, **_inputs(2, 3, 4, 4, 2, dtype=torch.float64), grad=EVERYTHING),
    ],
    variants=[_with_the_library, _with_einsum, _state_by_state, _summed_by_hand],
    mistakes=[
        Mistake(_not_scaled, "Your scores are not divided by √Dk, the root of the width of a key."),
        Mistake(_scaled_by_the_width, "You divide the scores by Dk. Divide by its square root."),
        Mistake(_scaled_by_the_state, "You divide the scores by the root of the state's width. The product runs over a key's width, Dk."),
        Mistake(_scaled_by_the_slots, "You divide the scores by the root of the number of slots. It is the width of a key that makes them large: √Dk."),
        Mistake(_scaled_by_the_values, "You divide the scores by the root of the width of a value. The product runs over a key's width, Dk."),
        Mistake(_multiplied, "You multiply the scores by √Dk. Divide by it."),
        Mistake(_weights_scaled, "You divide the weights by √Dk, after the softmax. It is the scores that are divided, before it."),
        Mistake(_softmax_over_the_batch, "Your weights sum to one over the batch. Each state asks about its own input: they should sum to one over the slots."),
        Mistake(_no_softmax, "You weigh the values by their scores. Turn the scores into weights first, positive and with sum one."),
        Mistake(_sigmoid, "Your weights do not compete: a sigmoid lets every slot in by itself. Use a softmax over the slots."),
        Mistake(_naive_exponentials, "For large scores `exp` overflows. `torch.softmax` subtracts the largest score first."),
        Mistake(_best_slot_only, "Only the best slot answers. Then nothing can be learned through the choice: let every slot speak, in proportion to its match."),
        Mistake(_uniform, "Every slot has the same weight, whatever the state asks. Compare the query with the keys."),
        Mistake(_query_not_projected, "You compare the state itself with the keys. The state asks through W_q: the query is state W_q."),
        Mistake(_transposed, "You use W_q transposed. Its rows belong to the state, its columns to the query."),
        Mistake(_asks_the_values, "You compare the query with the values. It is compared with the keys; the values are what is carried away."),
        Mistake(_key_as_value, "You blend the keys. They are for matching; the values of each input are what is carried away."),
        Mistake(_first_input_for_all, "Every state reads the first input. Each row of the batch has its own values."),
        Mistake(_mean_input_for_all, "Every state reads the mean of all inputs. Each row of the batch has its own values."),
        Mistake(_every_input_for_each, "`weights @ value` lets every state read every input, (B, B, Dv). Give the weights an axis, (B, 1, N), so that each row meets its own values."),
        Mistake(_context_only, "You return the context alone. The weights (B, N) are wanted too, as the second of two."),
        Mistake(_weights_first, "You return the weights first. The context comes first, the weights second."),
        Mistake(_an_axis_left, "An axis of size one is left over from the product. The context is (B, Dv), the weights (B, N)."),
        Mistake(_scores_returned, "The second thing you return are the scores. Return the weights, after the softmax."),
        Mistake(_query_added, "You add the query to the context. Return the context alone."),
        Mistake(_weights_detached, "The answers are right, but the weights let no gradient through: the network would never learn to ask."),
        Mistake(_values_detached, "The answers are right, but no gradient reaches `value`: something cuts the graph (detach, .data, no_grad)."),
        Mistake(_state_detached, "The answers are right, but no gradient reaches `state`: the layers below would never learn to ask."),
    ],
    points=2,
)  # fmt: skip
