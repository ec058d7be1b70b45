"""Queries, keys and values computed from a state and an input."""

import torch
from torch import tensor
from torch.nn import functional as F

from utils.attempts.uses import modules

from ..exercise import Case, Exercise, Mistakes, normal, replacing


def project_qkv(state, inputs, W_q, W_k, W_v):
    """query (..., Tq, Dk) from the state (..., Tq, Ds); key (..., Tk, Dk) and value (..., Tk, Dv) from the inputs.

    inputs (..., Tk, Di), W_q (Ds, Dk), W_k (Di, Dk), W_v (Di, Dv).
    """
    return state @ W_q, inputs @ W_k, inputs @ W_v


def of_state(state, inputs, W):
    return state @ W

def of_inputs(state, inputs, W):
    return inputs @ W

def all_three(query, key, value):
    return query, key, value

def in_steps(state, inputs, W_q, W_k, W_v, query=of_state, key=of_inputs, value=of_inputs, answer=all_three):
    return answer(query(state, inputs, W_q), key(state, inputs, W_k), value(state, inputs, W_v))


# Right, and written differently

def linear(state, inputs, W_q, W_k, W_v):
    return F.linear(state, W_q.mT), F.linear(inputs, W_k.mT), F.linear(inputs, W_v.mT)

def one_product_for_both(state, inputs, W_q, W_k, W_v):
    key, value = (inputs @ torch.cat([W_k, W_v], -1)).split([W_k.size(-1), W_v.size(-1)], -1)
    return torch.einsum("...i,ij->...j", state, W_q), key, value


# Wrong

but = replacing(in_steps)
mistakes = Mistakes()

mistakes.add("query_from_the_inputs", but(query=of_inputs),
    "Your query comes from the inputs. It is the state that asks.")
mistakes.add("everything_from_the_state", but(key=of_state, value=of_state),
    "Your keys and values come from the state. The dictionary is built from the inputs; the state only asks.")
mistakes.add("roles_swapped", but(query=of_inputs, key=of_state, value=of_state),
    "You have the roles swapped: the state asks (query), the inputs answer (key and value).")
mistakes.add("value_from_the_state", but(value=of_state),
    "Your value comes from the state. What is carried away comes from the inputs, as the keys do.")
mistakes.add("key_first", but(answer=lambda query, key, value: (key, value, query)),
    "Your three results are right and in another order. Return query, key, value.")
mistakes.add("value_before_key", but(answer=lambda query, key, value: (query, value, key)),
    "You return the value before the key, or use one's map for the other. The order is query, key, value.")
mistakes.add("transposed", lambda state, inputs, W_q, W_k, W_v: in_steps(state, inputs, W_q.mT, W_k.mT, W_v.mT),
    "Your maps are transposed. The rows of `W_q` belong to the numbers of the state: `state @ W_q`.")
mistakes.add("maps_first", lambda state, inputs, W_q, W_k, W_v: (W_q @ state, W_k @ inputs, W_v @ inputs),
    "You multiply from the wrong side: each *row* of `state` and of `inputs` is to be mapped, so they stand on the left, `state @ W_q`.")
mistakes.add("maps_first_transposed",
    lambda state, inputs, W_q, W_k, W_v: (W_q.mT @ state, W_k.mT @ inputs, W_v.mT @ inputs),
    "You multiply from the wrong side: each *row* of `state` and of `inputs` is to be mapped, so they stand on the left, and no map is transposed.")
mistakes.add("key_through_the_querys_map",
    lambda state, inputs, W_q, W_k, W_v: (state @ W_q, inputs @ W_q, inputs @ W_v),
    "Your keys go through the query's map, `W_q`. They have one of their own, `W_k`.")
mistakes.add("number_by_number", lambda state, inputs, W_q, W_k, W_v: (state * W_q, inputs * W_k, inputs * W_v),
    "You multiply number by number. A map is a matrix product, which `*` is not and `@` is.")
mistakes.add("everything_scaled",
    lambda *given: tuple(result / result.size(-1) ** 0.5 for result in project_qkv(*given)),
    "You divide by the root of the width. That belongs to the lookup, not to the projection.")
mistakes.add("query_and_key_scaled",
    but(query=lambda state, inputs, W_q: state @ W_q / W_q.size(-1) ** 0.25,
        key=lambda state, inputs, W_k: inputs @ W_k / W_k.size(-1) ** 0.25),
    "You scale the query and the key. That belongs to the lookup, not to the projection.")
mistakes.add("values_as_weights", but(value=lambda state, inputs, W_v: (inputs @ W_v).softmax(-1)),
    "Your values go through a softmax. It belongs to the lookup, where it makes weights of scores.")
mistakes.add("one_map_for_both", but(answer=lambda query, key, value: (query, key, key)),
    "Keys and values go through the same map. What is matched and what is carried away may differ: the value has `W_v`.")
mistakes.add("value_not_projected", but(value=lambda state, inputs, W_v: inputs),
    "Your values are the inputs as they are. Take of them what is to be carried away, with `W_v`.")
mistakes.add("value_from_the_key",
    lambda state, inputs, W_q, W_k, W_v: (state @ W_q, inputs @ W_k, inputs @ W_k @ W_v),
    "Your values are computed from the keys. Both come from the inputs, each by its own map.")
mistakes.add("query_scaled", but(query=lambda state, inputs, W_q: state @ W_q / W_q.size(-1) ** 0.5),
    "You divide the query by the root of its width. That belongs to the lookup, not to the projection.")
mistakes.add("query_only_learns", lambda state, inputs, *maps: in_steps(state, inputs.detach(), *maps),
    "The numbers are right, but no gradient reaches the inputs: something cut the graph (detach, no_grad).")


def given(state, inputs, Dk, Dv, dtype=torch.float32, **more):
    """State and inputs of these shapes, and maps that fit."""
    maps = {"W_q": (state[-1], Dk), "W_k": (inputs[-1], Dk), "W_v": (inputs[-1], Dv)}
    shapes = {"state": state, "inputs": inputs} | maps
    return {name: normal(*shape, dtype=dtype) for name, shape in shapes.items()} | more


ALL = {"joined": True, "grad": ["state", "inputs", "W_q", "W_k", "W_v"]}
exercise = Exercise(
    reference=project_qkv,
    use=modules.projections,
    cases=[
        Case("one state, one input, by hand",
            state=tensor([[2.0]]), inputs=tensor([[3.0]]),
            W_q=tensor([[10.0]]), W_k=tensor([[100.0]]), W_v=tensor([[1000.0]])),
        Case("all of one width", **given((4, 4), (4, 4), 4, 4)),
        Case("one state, several inputs", **given((1, 3), (5, 4), 2, 6)),
        Case("a batch", **given((3, 1, 5), (3, 4, 2), 3, 1)),
        Case("gradients", **given((2, 2, 3), (2, 4, 5), 4, 2), **ALL),
        Case("64-bit numbers", **given((2, 3), (4, 3), 2, 3, torch.float64), **ALL),
    ],
    variants=[linear, one_product_for_both],
    mistakes=mistakes,
    points=2,
)
