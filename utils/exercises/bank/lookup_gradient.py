"""The slope of a soft lookup, by formula."""

import math

import torch
from torch import float64, tensor

from utils.attention import reference

from ..exercise import Case, Exercise, Mistakes, normal, replacing
from . import wrong_weights as wrong


def weights_of(query, key, temperature=1.0):
    return (key @ query / temperature).softmax(-1)

def covariance(weights, key, value):
    return (weights[:, None] * (value - weights @ value)).mT @ key

def over_temperature(covariance, temperature):
    return covariance / temperature

def in_steps(query, key, value, temperature=1.0, weigh=weights_of, covary=covariance, answer=over_temperature):
    return answer(covary(weigh(query, key, temperature), key, value), temperature)


# Right, and written differently

def by_backpropagation(query, key, value, temperature=1.0):
    def context(q):
        return reference.soft_lookup(q[None], key, value, temperature)[0]

    return torch.autograd.functional.jacobian(context, query)

def sum_of_outer_products(query, key, value, temperature=1.0):
    weights = weights_of(query, key, temperature)
    context, mean_key = weights @ value, weights @ key
    products = [w * torch.outer(v - context, k - mean_key) for w, k, v in zip(weights, key, value, strict=True)]
    return sum(products) / temperature

def mean_of_products_less_product_of_means(query, key, value, temperature=1.0):
    weights = weights_of(query, key, temperature)
    mean_of_products = torch.einsum("j,jv,jk->vk", weights, value, key)
    return (mean_of_products - torch.outer(weights @ value, weights @ key)) / temperature


# Wrong

but = replacing(in_steps)
mistakes = Mistakes()

mistakes.add("no_temperature_in_front", but(answer=lambda covariance, temperature: covariance),
    "Your weights know the temperature, the slope in front of them does not: the scores are divided by it, so their derivative is too.")
mistakes.add("times_temperature", but(answer=lambda covariance, temperature: covariance * temperature),
    "You multiply by the temperature. The scores are divided by it, so their derivative is too.")
mistakes.add("temperature_in_front_only", but(weigh=lambda query, key, temperature: weights_of(query, key)),
    "The temperature stands in front of your sum, and your weights ignore it: the scores inside the softmax are divided by it too.")
mistakes.add("not_weighted", but(covary=lambda weights, key, value: (value - weights @ value).mT @ key),
    "You centre the values and then add them up as if all counted the same. Each should count by its weight.")
mistakes.add("temperature_ignored", lambda query, key, value, temperature=1.0: in_steps(query, key, value),
    "You compute at temperature 1, whatever the caller asks for.")
mistakes.add("transposed", but(answer=lambda covariance, temperature: covariance.mT / temperature),
    "Your result is (Dk, Dv). A gradient of a context (Dv,) by a query (Dk,) has a row for each number of the context.")
mistakes.add("not_centred", but(covary=lambda weights, key, value: (weights[:, None] * value).mT @ key),
    "This is the weighted mean of the products. Subtract the mean first: a change moves weight from one key to another, it adds none.")
mistakes.add("unweighted", but(covary=lambda weights, key, value: (value - value.mean(0)).mT @ key / len(key)),
    "Every key counts the same in your covariance. Each should count by its weight.")

@mistakes.program("You subtract the plain mean. The centre is the weighted mean, which is the context.")
def centred_at_plain_mean(query, key, value, temperature=1.0):
    weights = weights_of(query, key, temperature)
    return (weights[:, None] * (value - value.mean(0))).mT @ (key - key.mean(0)) / temperature

@mistakes.program("You divide like a sample covariance, by one less than the number of keys. The weights already sum to one.")
def sample_covariance(query, key, value, temperature=1.0):
    return in_steps(query, key, value, temperature) * len(key) / max(len(key) - 1, 1)

mistakes.add("of_the_weights", but(covary=lambda weights, key, value: weights[:, None] * (key - weights @ key)),
    "This is how the weights change, (Tk, Dk). The context is made of values: one more product with them.")
mistakes.add("overflows", but(weigh=lambda query, key, temperature: wrong.overflows(key @ query / temperature)),
    "Large scores overflow to infinity, and infinity over infinity is NaN. Take your stable `softmax`.")
mistakes.add("opposite_sign", but(answer=lambda covariance, temperature: -covariance / temperature),
    "The sign is turned: a query that moves towards a key should pull the context towards its value.")

mistakes.add("values_centred_at_plain_mean",
    but(covary=lambda weights, key, value: (weights[:, None] * (value - value.mean(0))).mT @ key),
    "You subtract the plain mean of the values. The centre is the weighted mean, which is the context.")
mistakes.add("each_weight_alone",
    but(covary=lambda weights, key, value: ((weights * (1 - weights))[:, None] * value).mT @ key),
    "You let each weight move with its own score alone. They share one vote: what one gains the others give up, which is why the average is subtracted.")
mistakes.add("product_of_means",
    but(covary=lambda weights, key, value: torch.outer(weights @ value, weights @ key)),
    "This is the product of two means. Wanted is the weighted mean of products, of values from which the context was subtracted.")
mistakes.add("uncentred_and_transposed",
    but(covary=lambda weights, key, value: key.mT @ (weights[:, None] * value)),
    "Your result is (Dk, Dv), and the values are not centred yet: subtract the context first, then a row for each number of the context.")
mistakes.add("root_of_the_temperature", but(answer=lambda covariance, temperature: covariance / math.sqrt(temperature)),
    "You divide by the root of the temperature. The scores are divided by the temperature itself, so their derivative is too.")
mistakes.add("divided_twice", but(answer=lambda covariance, temperature: covariance / temperature**2),
    "You divide by the temperature twice in front of the sum. The scores are divided by it once, so their derivative is too.")


exercise = Exercise(
    reference=reference.lookup_gradient,
    cases=[
        Case("two keys by hand",
            query=tensor([math.log(3), 0.0]), key=tensor([[1.0, 0.0], [0.0, 1.0]]), value=tensor([[1.0], [3.0]])),
        Case("warmer", query=normal(3), key=normal(5, 3), value=normal(5, 4), temperature=2.0),
        Case("64-bit numbers",
            query=normal(3, dtype=float64), key=normal(5, 3, dtype=float64), value=normal(5, 2, dtype=float64)),
        Case("cooler", query=normal(4, scale=0.4), key=normal(6, 4), value=normal(6, 2), temperature=0.5),
        Case("as many keys as widths", query=normal(3), key=normal(3, 3), value=normal(3, 3)),
        Case("scores of a few hundred",
            query=tensor([200.0, 0.0]), key=tensor([[1.0, 0.2], [1.0, -0.4], [-1.0, 0.0]]), value=normal(3, 2)),
        Case("a single key", query=normal(2), key=normal(1, 2), value=normal(1, 3)),
    ],
    variants=[by_backpropagation, sum_of_outer_products, mean_of_products_less_product_of_means],
    mistakes=mistakes,
    points=3,
)
