"""The memory that is a sum of outer products."""

import torch
from torch import tensor

from utils.attention import reference

from ..exercise import Case, Exercise, Mistakes, normal

# Right, and written differently

def sum_of_outer_products(key, value):
    memory = torch.zeros(key.size(-1), value.size(-1), dtype=key.dtype)
    for k, v in zip(key, value, strict=True):
        memory = memory + torch.outer(k, v)
    return memory

def with_einsum(key, value):
    return torch.einsum("jk,jv->kv", key, value)


# Wrong

mistakes = Mistakes()

mistakes.add("transposed", lambda key, value: value.mT @ key,
    "Your memory is (Dv, Dk). It is read by `query @ memory`, so the width of the keys comes first.")
mistakes.add("mean", lambda key, value: key.mT @ value / len(key),
    "You divide by the number of pairs. The memory is the sum of the outer products, and each pair is written in full.")
mistakes.add("last_pair_only", lambda key, value: torch.outer(key[-1], value[-1]),
    "Each pair overwrites the one before. Add its outer product to what is there.")
mistakes.add("first_pair_only", lambda key, value: torch.outer(key[0], value[0]),
    "Only the first pair is in your memory: is there a `return` inside the loop?")
mistakes.add("outer_of_sums", lambda key, value: torch.outer(key.sum(0), value.sum(0)),
    "You sum first and multiply then, so every key is tied to every value. Multiply pair by pair, then sum.")
mistakes.add("least_squares", lambda key, value: torch.linalg.pinv(key) @ value,
    "This is the least-squares memory, which looks at all keys together. Here each pair is simply added; the chapter compares the two.")
mistakes.add("normalised_keys", lambda key, value: key.mT / key.norm(dim=-1) @ value,
    "You scale the keys to length one before writing. Write them as they are.")
mistakes.add("written_without_gradient", lambda key, value: key.detach().mT @ value.detach(),
    "The values are right, but no gradient reaches `key` and `value`: detach, item or numpy cut the graph.")
mistakes.add("keys_against_keys", lambda key, value: key.mT @ key,
    "You multiply keys with keys. Each key should be tied to its value.")
mistakes.add("not_summed", lambda key, value: key[:, :, None] * value[:, None, :],
    "You have a matrix for each pair. The memory is one matrix: their sum over the pairs.")
mistakes.add("pairs_by_pairs", lambda key, value: key @ value.mT,
    "`key @ value.mT` multiplies along the widths. The sum runs over the pairs, which are the rows of both: swap the axes of the other one.")
mistakes.add("nothing_turned", lambda key, value: key @ value,
    "`key @ value` multiplies the widths of the keys with the pairs. The sum runs over the pairs, so `key` needs its axes swapped.")
mistakes.add("number_by_number", lambda key, value: key * value,
    "`*` multiplies number by number. Each number of a key meets each number of its value: an outer product, or a matrix product for all pairs.")
mistakes.add("outer_of_matrices", lambda key, value: torch.outer(key, value),
    "`torch.outer` takes one key and one value, (Dk,) and (Dv,). Sum its results over the pairs, or find the one product that does both.")
mistakes.add("divided_by_root_of_width", lambda key, value: key.mT @ value / key.size(-1) ** 0.5,
    "You divide by the square root of the width. The memory is the plain sum of the outer products.")
mistakes.add("keys_as_weights", lambda key, value: key.mT.softmax(-1) @ value,
    "You put the keys through a softmax. A linear memory is a lookup without one.")
mistakes.add("read_at_once", lambda key, value: key @ (key.mT @ value),
    "You have read the memory with its own keys already. The memory itself is wanted, (Dk, Dv).")

@mistakes.program("Your sum starts from 32-bit zeros, so 64-bit keys lose half of their digits. `torch.zeros(…, dtype=key.dtype)`.")
def zeros_of_32_bits(key, value):
    memory = torch.zeros(key.size(-1), value.size(-1))
    for k, v in zip(key, value, strict=True):
        memory += torch.outer(k, v)
    return memory


BOTH = ["key", "value"]
exercise = Exercise(
    reference=reference.linear_memory,
    cases=[
        Case("two pairs by hand",
            key=tensor([[1.0, 0.0], [0.0, 2.0]]), value=tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])),
        Case("more pairs than widths", key=normal(7, 3), value=normal(7, 4), grad=BOTH),
        Case("64-bit numbers",
            key=normal(5, 3, dtype=torch.float64), value=normal(5, 2, dtype=torch.float64), grad=BOTH),
        Case("fewer pairs than widths", key=normal(2, 5), value=normal(2, 3)),
        Case("square", key=normal(4, 4), value=normal(4, 4)),
        Case("one pair", key=normal(1, 2), value=normal(1, 3)),
    ],
    variants=[sum_of_outer_products, with_einsum],
    mistakes=mistakes,
    points=1,
)
