"""How much an attention computes, and how much it moves, counted from its sizes."""

import math

import torch

from ..exercise import Case, Draw, Exercise, Mistakes, replacing


def attention_traffic(Tq, Tk, Dk, Dv, rows=None):
    """Operations, and bytes read or written (float32), of one attention: two whole numbers.

    Operations are the multiplications and additions of the two products: 2 Tq Tk (Dk + Dv). Whole (rows=None), query,
    key and value are read once, scores and weights are each written and read, the context is written. In blocks of
    `rows` queries, query and context are moved once, every block reads all keys and values again, and no scores or
    weights are moved.
    """
    operations = 2 * Tq * Tk * (Dk + Dv)
    blocks = 1 if rows is None else math.ceil(Tq / rows)
    numbers = Tq * (Dk + Dv) + blocks * Tk * (Dk + Dv)
    if rows is None:
        numbers += 4 * Tq * Tk
    return operations, 4 * numbers


def both_products(Tq, Tk, Dk, Dv, rows):
    return 2 * Tq * Tk * (Dk + Dv)

def rounded_up(Tq, Tk, rows):
    return math.ceil(Tq / rows)

def queries(Tq, Dk, blocks):
    return Tq * Dk

def keys(Tk, Dk, blocks):
    return blocks * Tk * Dk

def values(Tk, Dv, blocks):
    return blocks * Tk * Dv

def contexts(Tq, Dk, Dv, blocks):
    return Tq * Dv

def whole_only(Tq, Tk, rows):
    return 4 * Tq * Tk if rows is None else 0

def operations_first(operations, moved):
    return operations, moved

def in_steps(
    Tq, Tk, Dk, Dv, rows=None, operations=both_products, count=rounded_up, query=queries, key=keys, value=values,
    context=contexts, pairs=whole_only, each=4, answer=operations_first,
):
    blocks = 1 if rows is None else count(Tq, Tk, rows)
    numbers = query(Tq, Dk, blocks) + key(Tk, Dk, blocks) + value(Tk, Dv, blocks) + context(Tq, Dk, Dv, blocks)
    return answer(operations(Tq, Tk, Dk, Dv, rows), each * (numbers + pairs(Tq, Tk, rows)))


# Right, and written differently

def product_by_product(Tq, Tk, Dk, Dv, rows=None):
    operations = Tq * Tk * 2 * Dk + Tq * 2 * Tk * Dv
    once = Tq * Dk + Tq * Dv
    dictionary = Tk * Dk + Tk * Dv
    if rows is None:
        return operations, 4 * (once + dictionary + 4 * Tq * Tk)
    return operations, 4 * (once + dictionary * -(-Tq // rows))

def block_by_block(Tq, Tk, Dk, Dv, rows=None):
    operations = numbers = 0
    for start in range(0, Tq, rows or Tq):
        here = min(rows or Tq, Tq - start)
        operations += 2 * here * Tk * Dk + 2 * here * Tk * Dv
        numbers += here * Dk + Tk * Dk + Tk * Dv + here * Dv
        if rows is None:
            numbers += 2 * here * Tk + 2 * here * Tk
    return operations, numbers * 4

def of_tensors(Tq, Tk, Dk, Dv, rows=None):
    sizes = {"query": (Tq, Dk), "key": (Tk, Dk), "value": (Tk, Dv), "context": (Tq, Dv), "scores": (Tq, Tk)}
    size = {name: torch.empty(shape, device="meta").nbytes for name, shape in sizes.items()}
    blocks, times = (1, 4) if rows is None else ((Tq + rows - 1) // rows, 0)
    moved = size["query"] + size["context"] + blocks * (size["key"] + size["value"]) + times * size["scores"]
    return 2 * math.prod(sizes["scores"]) * (Dk + Dv), moved


# Wrong

but = replacing(in_steps)
mistakes = Mistakes()

mistakes.add("multiplications_alone", but(operations=lambda Tq, Tk, Dk, Dv, rows: Tq * Tk * (Dk + Dv)),
    "Your operations are the multiplications alone. Each of them is followed by an addition: two operations.")
mistakes.add("first_product_alone", but(operations=lambda Tq, Tk, Dk, Dv, rows: 2 * Tq * Tk * Dk),
    "Your operations are those of query times key. The weights are multiplied with the values, too.")
mistakes.add("second_product_alone", but(operations=lambda Tq, Tk, Dk, Dv, rows: 2 * Tq * Tk * Dv),
    "Your operations are those of weights times value. The queries are multiplied with the keys, too.")
mistakes.add("an_addition_less",
    but(operations=lambda Tq, Tk, Dk, Dv, rows: Tq * Tk * (2 * Dk - 1) + Tq * Dv * (2 * Tk - 1)),
    "Your sums each have one addition less than they have products. It is usual, and here too, to count two operations for each product: 2 D for a sum of D of them.")
mistakes.add("an_addition_less_for_each_pair",
    but(operations=lambda Tq, Tk, Dk, Dv, rows: Tq * Tk * (2 * Dk - 1 + 2 * Dv - 1)),
    "Your sums each have one addition less than they have products. It is usual, and here too, to count two operations for each product: 2 D for a sum of D of them.")

def with_a_softmax(each):
    return but(operations=lambda Tq, Tk, Dk, Dv, rows: both_products(Tq, Tk, Dk, Dv, rows) + each * Tq * Tk)

for each in (1, 2):
    mistakes.add(f"softmax_counted_as_{each}", with_a_softmax(each),
        "Your operations count more than the two products: the softmax, or the division by the root. Theirs are few beside the products', and left out.")

mistakes.add("both_as_wide_as_keys", but(operations=lambda Tq, Tk, Dk, Dv, rows: 4 * Tq * Tk * Dk),
    "Your operations take both products to be as wide as the keys. The second one is as wide as the values.")
mistakes.add("widths_multiplied", but(operations=lambda Tq, Tk, Dk, Dv, rows: 2 * Tq * Tk * Dk * Dv),
    "Your operations multiply the two widths. One product comes after the other: their operations add up.")
mistakes.add("operations_of_one_block",
    but(operations=lambda Tq, Tk, Dk, Dv, rows: 2 * (Tq if rows is None else min(rows, Tq)) * Tk * (Dk + Dv)),
    "Your operations are those of one block. Blocks save none: every query still meets every key.")
mistakes.add("operations_of_padded_blocks",
    but(operations=lambda Tq, Tk, Dk, Dv, rows: 2 * (rows * math.ceil(Tq / rows) if rows else Tq) * Tk * (Dk + Dv)),
    "Your operations count the last block as if it were full. There are Tq queries in all, however they are divided.")
mistakes.add("operations_for_each_block",
    but(operations=lambda Tq, Tk, Dk, Dv, rows: 2 * Tq * Tk * (Dk + Dv) * (math.ceil(Tq / rows) if rows else 1)),
    "Your operations are counted anew for each block, and for all queries. A block computes its own queries alone.")
mistakes.add("numbers", but(each=1),
    "Your second result counts numbers. Bytes are asked for, and a float32 has four of them.")
mistakes.add("eight_bytes", but(each=8),
    "Your numbers have eight bytes, as those of 64 bits have. A float32 has four.")
mistakes.add("two_bytes", but(each=2),
    "Your numbers have two bytes, as those of 16 bits have. A float32 has four.")
mistakes.add("bits", but(each=32),
    "Your second result counts bits. A float32 has 32 of them, which are four bytes.")
mistakes.add("blocks_rounded_down", but(count=lambda Tq, Tk, rows: Tq // rows),
    "Your blocks are rounded down. The last one reads keys and values too, even if it is not full: round up.")
mistakes.add("one_block_too_many", but(count=lambda Tq, Tk, rows: Tq // rows + 1),
    "Your blocks are one too many where `rows` divides the queries. `math.ceil(Tq / rows)` rounds up only where something is left.")
@mistakes.program("Your program divides by `rows` where that is None, which says that there are no blocks. Ask first: `if rows is None`.")
def none_divided_by(Tq, Tk, Dk, Dv, rows=None):
    return in_steps(Tq, Tk, Dk, Dv, Tq / rows and rows)

mistakes.add("parts_of_blocks", but(count=lambda Tq, Tk, rows: Tq / rows),
    "Your last block counts by its share, and the bytes may be no whole number. It reads all keys and values, even if it is not full: round up.")
mistakes.add("parts_of_blocks_cut_off",
    but(count=lambda Tq, Tk, rows: Tq / rows, answer=lambda operations, moved: (operations, int(moved))),
    "Your last block counts by its share. It reads all keys and values, even if it is not full: round the number of blocks up.")
mistakes.add("rows_taken_for_blocks", but(count=lambda Tq, Tk, rows: rows),
    "Your number of blocks is `rows`. That is how many queries there are in one: how many blocks does that make?")
mistakes.add("blocks_of_keys", but(count=lambda Tq, Tk, rows: math.ceil(Tk / rows)),
    "Your blocks divide the keys. They are blocks of queries: divide Tq.")
@mistakes.program("Your blocks are of keys, and it is the queries that travel for each of them. They are blocks of `rows` queries, and each reads all keys and values.")
def queries_for_each_block_of_keys(Tq, Tk, Dk, Dv, rows=None):
    if rows is None:
        return in_steps(Tq, Tk, Dk, Dv)
    return in_steps(Tq, Tk, Dk, Dv)[0], 4 * (Dk + Dv) * (Tk + math.ceil(Tk / rows) * Tq)

mistakes.add("dictionary_read_once", but(key=lambda Tk, Dk, blocks: Tk * Dk, value=lambda Tk, Dv, blocks: Tk * Dv),
    "Your keys and values are read once in all. Every block of queries reads them again.")
mistakes.add("values_read_once", but(value=lambda Tk, Dv, blocks: Tk * Dv),
    "Your values are read once in all. Every block of queries reads them again, as it does the keys.")
mistakes.add("everything_for_each_block",
    but(query=lambda Tq, Dk, blocks: blocks * Tq * Dk, context=lambda Tq, Dk, Dv, blocks: blocks * Tq * Dv),
    "Your query and context are moved again for each block. A block reads its own queries and writes its own contexts, which makes each once in all.")

@mistakes.program("Your blocks read keys and values alone. Each reads its queries, too, and writes their contexts.")
def blocks_without_queries(Tq, Tk, Dk, Dv, rows=None):
    operations, moved = in_steps(Tq, Tk, Dk, Dv, rows)
    return operations, moved - (4 * Tq * (Dk + Dv) if rows else 0)

@mistakes.program("Your query and context are those of one block. All blocks together move every query, and every context, once.")
def query_of_one_block(Tq, Tk, Dk, Dv, rows=None):
    operations, moved = in_steps(Tq, Tk, Dk, Dv, rows)
    return operations, moved + (4 * (rows - Tq) * (Dk + Dv) if rows else 0)

@mistakes.program("Your last block reads and writes as many rows as a full one. In all there are Tq queries, and Tq contexts.")
def last_block_taken_as_full(Tq, Tk, Dk, Dv, rows=None):
    full = rows * math.ceil(Tq / rows) if rows else Tq
    return in_steps(Tq, Tk, Dk, Dv, rows)[0], in_steps(full, Tk, Dk, Dv, rows)[1]

@mistakes.program("Your last block counts as a full one, in operations and in bytes. In all there are Tq queries, however they are divided.")
def all_of_padded_blocks(Tq, Tk, Dk, Dv, rows=None):
    return in_steps(rows * math.ceil(Tq / rows) if rows else Tq, Tk, Dk, Dv, rows)

mistakes.add("rows_not_used", but(count=lambda Tq, Tk, rows: 1, pairs=lambda Tq, Tk, rows: 4 * Tq * Tk),
    "Your numbers are the same with blocks and without: `rows` is not used yet.")
mistakes.add("query_for_each_block", but(query=lambda Tq, Dk, blocks: blocks * Tq * Dk),
    "Your query is read again for each block. A block reads its own queries, which makes each once in all.")
mistakes.add("scores_in_blocks_too", but(pairs=lambda Tq, Tk, rows: 4 * Tq * Tk),
    "Your scores and weights are moved in blocks, too. There they stay where they are computed: nothing of them is written or read.")
mistakes.add("scores_of_a_block", but(pairs=lambda Tq, Tk, rows: 4 * Tk * (rows or Tq)),
    "Your count moves the scores and weights of a block. They stay where they are computed: nothing of them is written or read.")
mistakes.add("scores_of_each_block",
    but(pairs=lambda Tq, Tk, rows: 4 * Tk * (rows * math.ceil(Tq / rows) if rows else Tq)),
    "Your scores and weights are moved in blocks, too. There they stay where they are computed: nothing of them is written or read.")
mistakes.add("scores_moved_once", but(pairs=lambda Tq, Tk, rows: 2 * Tq * Tk if rows is None else 0),
    "Your count has scores and weights half as often as they are moved. Each of the two is written once and read once.")
mistakes.add("scores_moved_thrice", but(pairs=lambda Tq, Tk, rows: 3 * Tq * Tk if rows is None else 0),
    "Your count is one move of the scores or the weights short. Each of the two is written once and read once.")
mistakes.add("one_move_for_both", but(pairs=lambda Tq, Tk, rows: Tq * Tk if rows is None else 0),
    "Your count has one move for scores and weights together. Each of the two is written once and read once.")
mistakes.add("division_counted", but(pairs=lambda Tq, Tk, rows: 6 * Tq * Tk if rows is None else 0),
    "Your count has more moves than those of scores and weights: the division by the root, or another step between. Two tables are counted, the scores and the weights, each written once and read once.")
mistakes.add("scores_not_moved", but(pairs=lambda Tq, Tk, rows: 0),
    "Your count leaves out scores and weights. Without blocks, each of the two is written and read again.")
mistakes.add("context_not_written", but(context=lambda Tq, Dk, Dv, blocks: 0),
    "Your count leaves out the context. It has to be written.")
mistakes.add("context_as_wide_as_keys", but(context=lambda Tq, Dk, Dv, blocks: Tq * Dk),
    "Your context is as wide as the keys. It is made of values: (Tq, Dv).")
mistakes.add("context_and_product_as_wide_as_keys",
    but(operations=lambda Tq, Tk, Dk, Dv, rows: 4 * Tq * Tk * Dk, context=lambda Tq, Dk, Dv, blocks: Tq * Dk),
    "Your context, and the product that makes it, are as wide as the keys. They are as wide as the values.")
mistakes.add("query_not_read", but(query=lambda Tq, Dk, blocks: 0),
    "Your count leaves out the query. It has to be read.")
mistakes.add("context_moved_twice", but(context=lambda Tq, Dk, Dv, blocks: 2 * Tq * Dv),
    "Your context is moved twice. It is written, and nobody reads it here.")
@mistakes.program("Your values are as wide as the keys. They have a width of their own: (Tk, Dv).")
def values_as_wide_as_keys(Tq, Tk, Dk, Dv, rows=None):
    return in_steps(Tq, Tk, Dk, Dv, rows, value=lambda Tk, Dv, blocks: blocks * Tk * Dk)

mistakes.add("keys_not_read", but(key=lambda Tk, Dk, blocks: 0),
    "Your count leaves out the keys. They have to be read, as the values are.")
mistakes.add("values_not_read", but(value=lambda Tk, Dv, blocks: 0),
    "Your count leaves out the values. They have to be read, as the keys are.")
mistakes.add("bytes_first", but(answer=lambda operations, moved: (moved, operations)),
    "Your two results are in the other order. Return the operations first, then the bytes.")
mistakes.add("intensity", but(answer=lambda operations, moved: operations / moved),
    "Your result is the number of operations for each byte. Return the two, one beside the other: (operations, bytes).")


def whole(low, high):
    """A whole number, drawn."""
    return Draw(lambda generator: int(torch.randint(low, high, (), generator=generator)))

def sizes(rows=None, blocks=None, left=0):
    """Sizes that all differ, of so many full blocks and so many queries beside them."""

    def draw(generator):
        Tk, Dk, Dv = (int(torch.randint(*ends, (), generator=generator)) for ends in ((50, 99), (20, 29), (30, 39)))
        Tq = int(torch.randint(100, 150, (), generator=generator))
        if rows is None:
            return {"Tq": Tq, "Tk": Tk, "Dk": Dk, "Dv": Dv}
        return {"Tq": rows * blocks + left, "Tk": Tk, "Dk": Dk, "Dv": Dv, "rows": rows}

    return draw


exercise = Exercise(
    reference=attention_traffic,
    cases=[
        Case("two queries, three keys, all of width one", Tq=2, Tk=3, Dk=1, Dv=1),
        Case("two blocks of one query, three keys", Tq=2, Tk=3, Dk=1, Dv=1, rows=1),
        Case("all sizes differ", together=sizes()),
        Case("one query", Tq=1, Tk=whole(50, 99), Dk=8, Dv=5),
        Case("blocks that fit", together=sizes(7, 3)),
        Case("a last block that is not full", together=sizes(8, 3, left=3)),
        Case("one query in the last block", together=sizes(9, 5, left=1)),
        Case("a block for each query", together=sizes(1, 12)),
        Case("one block with everything in it", together=sizes(11, 1)),
        Case("a block with room for more", together=sizes(40, 0, left=14)),
        Case("four thousand positions, whole", Tq=4096, Tk=4096, Dk=64, Dv=64),
        Case("four thousand positions, in blocks", Tq=4096, Tk=4096, Dk=64, Dv=64, rows=whole(100, 250)),
    ],
    variants=[product_by_product, block_by_block, of_tensors],
    mistakes=mistakes,
    points=2,
)
