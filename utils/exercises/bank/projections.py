"""Queries, keys and values computed from a state and an input."""

import torch
from torch import tensor
from torch.nn import functional as F

from utils.attempts import probes

from ..exercise import Case, Exercise, Mistake, normal


def project_qkv(state, inputs, W_q, W_k, W_v):
    """query (..., Tq, Dk) from the state (..., Tq, Ds); key (..., Tk, Dk) and value (..., Tk, Dv) from the inputs (..., Tk, Di).

    W_q (Ds, Dk), W_k (Di, Dk), W_v (Di, Dv).
    """
    return state @ W_q, inputs @ W_k, inputs @ W_v


def _linear(state, inputs, W_q, W_k, W_v):
    return F.linear(state, W_q.mT), F.linear(inputs, W_k.mT), F.linear(inputs, W_v.mT)


def _one_product_for_both(state, inputs, W_q, W_k, W_v):
    key, value = (inputs @ torch.cat([W_k, W_v], -1)).split([W_k.size(-1), W_v.size(-1)], -1)
    return torch.einsum("...i,ij->...j", state, W_q), key, value


def _query_from_the_inputs(state, inputs, W_q, W_k, W_v):
    return inputs @ W_q, inputs @ W_k, inputs @ W_v


def _everything_from_the_state(state, inputs, W_q, W_k, W_v):
    return state @ W_q, state @ W_k, state @ W_v


def _roles_swapped(state, inputs, W_q, W_k, W_v):
    return inputs @ W_q, state @ W_k, state @ W_v


def _value_from_the_state(state, inputs, W_q, W_k, W_v):
    return state @ W_q, inputs @ W_k, state @ W_v


def _key_first(state, inputs, W_q, W_k, W_v):
    return inputs @ W_k, inputs @ W_v, state @ W_q


def _value_before_key(state, inputs, W_q, W_k, W_v):
    return state @ W_q, inputs @ W_v, inputs @ W_k


def _transposed(state, inputs, W_q, W_k, W_v):
    return state @ W_q.mT, inputs @ W_k.mT, inputs @ W_v.mT


def _one_map_for_both(state, inputs, W_q, W_k, W_v):
    return state @ W_q, inputs @ W_k, inputs @ W_k


def _value_not_projected(state, inputs, W_q, W_k, W_v):
    return state @ W_q, inputs @ W_k, inputs


def _value_from_the_key(state, inputs, W_q, W_k, W_v):
    key = inputs @ W_k
    return state @ W_q, key, key @ W_v


def _query_scaled(state, inputs, W_q, W_k, W_v):
    return state @ W_q / W_q.size(-1) ** 0.5, inputs @ W_k, inputs @ W_v


def _query_only_learns(state, inputs, W_q, W_k, W_v):
    inputs = inputs.detach()
    return state @ W_q, inputs @ W_k, inputs @ W_v


project_qkv_of = Exercise(
    reference=project_qkv,
    probe=probes.projections,
    cases=[
        Case(
            "one state, one input, by hand", state=tensor([[2.0]]), inputs=tensor([[3.0]]), W_q=tensor([[10.0]]), W_k=tensor([[100.0]]),
            W_v=tensor([[1000.0]]),
        ),
        Case("all of one width", state=normal(4, 4), inputs=normal(4, 4), W_q=normal(4, 4), W_k=normal(4, 4), W_v=normal(4, 4)),
        Case("one state, several inputs", state=normal(1, 3), inputs=normal(5, 4), W_q=normal(3, 2), W_k=normal(4, 2), W_v=normal(4, 6)),
        Case("a batch", state=normal(3, 1, 5), inputs=normal(3, 4, 2), W_q=normal(5, 3), W_k=normal(2, 3), W_v=normal(2, 1)),
        Case(
            "gradients", joined=True, state=normal(2, 2, 3), inputs=normal(2, 4, 5), W_q=normal(3, 4), W_k=normal(5, 4), W_v=normal(5, 2),
            grad=["state", "inputs", "W_q", "W_k", "W_v"],
        ),
        Case(
            "64-bit numbers", joined=True, state=normal(2, 3, dtype=torch.float64), inputs=normal(4, 3, dtype=torch.float64),
            W_q=normal(3, 2, dtype=torch.float64), W_k=normal(3, 2, dtype=torch.float64), W_v=normal(3, 3, dtype=torch.float64),
            grad=["state", "inputs", "W_q", "W_k", "W_v"],
        ),
    ],
    variants=[_linear, _one_product_for_both],
    mistakes=[
        Mistake(_query_from_the_inputs, "Your query comes from the inputs. It is the state that asks."),
        Mistake(_everything_from_the_state, "Your keys and values come from the state. The dictionary is built from the inputs; the state only asks."),
        Mistake(_roles_swapped, "You have the roles swapped: the state asks (query), the inputs answer (key and value)."),
        Mistake(_value_from_the_state, "Your value comes from the state. What is carried away comes from the inputs, as the keys do."),
        Mistake(_key_first, "Your three results are right and in another order. Return query, key, value."),
        Mistake(_value_before_key, "You return the value before the key, or use one's map for the other. The order is query, key, value."),
        Mistake(_transposed, "Your maps are transposed. The rows of `W_q` belong to the numbers of the state: `state @ W_q`."),
        Mistake(_one_map_for_both, "Keys and values go through the same map. What is matched and what is carried away may differ: the value has `W_v`."),
        Mistake(_value_not_projected, "Your values are the inputs as they are. Take of them what is to be carried away, with `W_v`."),
        Mistake(_value_from_the_key, "Your values are computed from the keys. Both come from the inputs, each by its own map."),
        Mistake(_query_scaled, "You divide the query by the root of its width. That belongs to the lookup, not to the projection."),
        Mistake(_query_only_learns, "The numbers are right, but no gradient reaches the inputs: something cut the graph (detach, no_grad)."),
    ],
    points=2,
)  # fmt: skip
