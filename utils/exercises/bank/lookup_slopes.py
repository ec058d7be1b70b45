"""The slope of a soft lookup, by formula."""

import math

import torch
from torch import tensor

from utils.attention import reference

from ..exercise import Case, Exercise, Mistake, normal


def _weights(query, key, temperature=1.0):
    return (key @ query / temperature).softmax(-1)


def _by_backpropagation(query, key, value, temperature=1.0):
    def context(q):
        return reference.soft_lookup(q[None], key, value, temperature)[0]

    return torch.autograd.functional.jacobian(context, query)


def _sum_of_outer_products(query, key, value, temperature=1.0):
    weights = _weights(query, key, temperature)
    context, mean_key = weights @ value, weights @ key
    return (
        sum(w * torch.outer(v - context, k - mean_key) for w, k, v in zip(weights, key, value, strict=True))
        / temperature
    )


def _mean_of_products_less_product_of_means(query, key, value, temperature=1.0):
    weights = _weights(query, key, temperature)
    return (
        torch.einsum("j,jv,jk->vk", weights, value, key) - torch.outer(weights @ value, weights @ key)
    ) / temperature


def _no_temperature_in_front(query, key, value, temperature=1.0):
    return temperature * reference.lookup_gradient(query, key, value, temperature)


def _times_temperature(query, key, value, temperature=1.0):
    return temperature**2 * reference.lookup_gradient(query, key, value, temperature)


def _temperature_ignored(query, key, value, temperature=1.0):
    return reference.lookup_gradient(query, key, value)


def _transposed(query, key, value, temperature=1.0):
    return reference.lookup_gradient(query, key, value, temperature).mT


def _not_centred(query, key, value, temperature=1.0):
    return torch.einsum("j,jv,jk->vk", _weights(query, key, temperature), value, key) / temperature


def _unweighted(query, key, value, temperature=1.0):
    return (value - value.mean(0)).mT @ (key - key.mean(0)) / len(key) / temperature


def _not_weighted(query, key, value, temperature=1.0):
    return (value - _weights(query, key, temperature) @ value).mT @ key / temperature


def _temperature_in_front_only(query, key, value, temperature=1.0):
    return reference.lookup_gradient(query, key, value) / temperature


def _centred_at_plain_mean(query, key, value, temperature=1.0):
    weights = _weights(query, key, temperature)
    return torch.einsum("j,jv,jk->vk", weights, value - value.mean(0), key - key.mean(0)) / temperature


def _sample_covariance(query, key, value, temperature=1.0):
    return reference.lookup_gradient(query, key, value, temperature) * len(key) / max(len(key) - 1, 1)


def _of_the_weights(query, key, value, temperature=1.0):
    weights = _weights(query, key, temperature)
    return weights[:, None] * (key - weights @ key) / temperature


def _overflows(query, key, value, temperature=1.0):
    exps = torch.exp(key @ query / temperature)
    weights = exps / exps.sum()
    return (weights[:, None] * (value - weights @ value)).mT @ key / temperature


def _opposite_sign(query, key, value, temperature=1.0):
    return -reference.lookup_gradient(query, key, value, temperature)


lookup_gradient = Exercise(
    reference=reference.lookup_gradient,
    cases=[
        Case("two keys by hand", query=tensor([math.log(3), 0.0]), key=tensor([[1.0, 0.0], [0.0, 1.0]]), value=tensor([[1.0], [3.0]])),
        Case("warmer", query=normal(3), key=normal(5, 3), value=normal(5, 4), temperature=2.0),
        Case("64-bit numbers", query=normal(3, dtype=torch.float64), key=normal(5, 3, dtype=torch.float64), value=normal(5, 2, dtype=torch.float64)),
        Case("cooler", query=normal(4, scale=0.4), key=normal(6, 4), value=normal(6, 2), temperature=0.5),
        Case("as many keys as widths", query=normal(3), key=normal(3, 3), value=normal(3, 3)),
        Case("scores of a few hundred", query=tensor([200.0, 0.0]), key=tensor([[1.0, 0.2], [1.0, -0.4], [-1.0, 0.0]]), value=normal(3, 2)),
        Case("a single key", query=normal(2), key=normal(1, 2), value=normal(1, 3)),
    ],
    variants=[_by_backpropagation, _sum_of_outer_products, _mean_of_products_less_product_of_means],
    mistakes=[
        Mistake(_no_temperature_in_front, "Your weights know the temperature, the slope in front of them does not: the scores are divided by it, so their derivative is too."),
        Mistake(_times_temperature, "You multiply by the temperature. The scores are divided by it, so their derivative is too."),
        Mistake(_temperature_in_front_only, "The temperature stands in front of your sum, and your weights ignore it: the scores inside the softmax are divided by it too."),
        Mistake(_not_weighted, "You centre the values and then add them up as if all counted the same. Each should count by its weight."),
        Mistake(_temperature_ignored, "You compute at temperature 1, whatever the caller asks for."),
        Mistake(_transposed, "Your result is (Dk, Dv). A gradient of a context (Dv,) by a query (Dk,) has a row for each number of the context."),
        Mistake(_not_centred, "This is the weighted mean of the products. Subtract the mean first: a change moves weight from one key to another, it adds none."),
        Mistake(_unweighted, "Every key counts the same in your covariance. Each should count by its weight."),
        Mistake(_centred_at_plain_mean, "You subtract the plain mean. The centre is the weighted mean, which is the context."),
        Mistake(_sample_covariance, "You divide like a sample covariance, by one less than the number of keys. The weights already sum to one."),
        Mistake(_of_the_weights, "This is how the weights change, (Tk, Dk). The context is made of values: one more product with them."),
        Mistake(_overflows, "Large scores overflow to infinity, and infinity over infinity is NaN. Take your stable `softmax`."),
        Mistake(_opposite_sign, "The sign is turned: a query that moves towards a key should pull the context towards its value."),
    ],
    points=3,
)  # fmt: skip
