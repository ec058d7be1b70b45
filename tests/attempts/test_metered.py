"""What a program makes on its way is seen: tensors of any kind that are too large, exponentials by any name."""

import pytest
import torch
from torch.nn import functional as F

from utils.attempts.uses import metered
from utils.attempts.uses.metered import TensorTooLarge, TooManyExponentials

Tq, Tk, D = 30, 40, 3


def tiled(program, **kind):
    query, key, value = (torch.randn(T, D, **kind) for T in (Tq, Tk, Tk))
    return metered.tiled_attention(lambda query, key, value, tile: program(query, key), query, key, value, 5)


TOO_LARGE = {
    "a product": lambda query, key: query @ key.mT,
    "all numbers of all pairs": lambda query, key: (query[:, None] * key).sum(-1),
    "tiles put together": lambda query, key: torch.cat([query @ some.mT for some in key.split(5)], -1),
    "a column of something larger": lambda query, key: torch.empty(Tq, Tk)[:, :5],
    "a mask": lambda query, key: torch.ones(Tq, Tk, dtype=torch.bool),
    "pytorch's own": lambda query, key: F.scaled_dot_product_attention(query, key, key),
}


@pytest.mark.parametrize("grad", [False, True])
@pytest.mark.parametrize("name", TOO_LARGE)
def test_a_tensor_for_all_pairs_is_refused(name, grad):
    with pytest.raises(TensorTooLarge, match="the scores of one tile are 30 × 5 = 150"):
        tiled(TOO_LARGE[name], requires_grad=grad)


@pytest.mark.parametrize(
    "program",
    [
        lambda query, key: query @ key[:35].mT,
        lambda query, key: torch.zeros(1).expand(Tq, Tk),
        lambda query, key: [query @ some.mT for some in key.split(5)],
        lambda query, key: torch.cat([query, query, key, key]),
    ],
)
def test_what_is_smaller_passes(program):
    tiled(program, requires_grad=True)


def test_few_pairs_may_have_a_tensor():
    query, key = torch.randn(4, 3), torch.randn(5, 3)
    metered.tiled_attention(lambda query, key, value, tile: query @ key.mT, query, key, key, 2)


PAIRS = {
    "tanh": lambda x: x.tanh(),
    "in place": lambda x: x.clone().exp_(),
    "sigmoid": torch.sigmoid,
    "log of a sigmoid": F.logsigmoid,
    "softplus": F.softplus,
    "softmax": lambda x: x.softmax(-1),
    "log of a softmax": lambda x: x.log_softmax(-1),
    "log of a sum": lambda x: x.logsumexp(-1),
    "two to the power": lambda x: 2**x,
    "a power of tensors": lambda x: torch.tensor(2.7) ** x,
    "exp2": torch.exp2,
    "expm1": torch.expm1,
    "expit": torch.special.expit,
    "cosh": torch.cosh,
    "several at once": lambda x: torch._foreach_exp([x, x]),
    "one by one": lambda x: [number.exp() for number in x.flatten()],
    "with what it is for": lambda x: torch.logaddexp(x, x),
    "into something": lambda x: torch.exp(x, out=torch.empty(0)),
}


@pytest.mark.parametrize("name", PAIRS)
def test_exponentials_are_counted_by_any_name(name):
    query, key = torch.randn(12, 2), torch.randn(14, 2)
    with pytest.raises(TooManyExponentials, match="query and key have 52"):
        metered.factored_scores(lambda query, key, vector: PAIRS[name](query[:, None] + key), query, key, key[0])


def test_as_many_as_four_for_each_number_pass():
    query, key = torch.randn(12, 2), torch.randn(14, 2)

    def program(query, key, vector):
        return [torch.exp(each) for each in (query, key) for _ in range(4)] + [(query[:, None] + key) ** 2]

    metered.factored_scores(program, query, key, key[0])
