"""Who may look where, when nobody may look ahead."""

import torch

from utils.attention import reference

from ..exercise import Case, Draw, Exercise, Mistake


def causal_mask(Tq, Tk):
    """A boolean mask (Tq, Tk), True = may attend: nobody sees a later key, and the last query sees all keys.

    There are at least as many keys as queries.
    """
    return reference.causal_mask(Tq, Tk)


def _compared(Tq, Tk):
    return torch.arange(Tk) <= torch.arange(Tk - Tq, Tk)[:, None]


def _upper_inverted(Tq, Tk):
    return ~torch.triu(torch.ones(Tq, Tk), diagonal=Tk - Tq + 1).bool()


def _row_by_row(Tq, Tk):
    rows = [[j <= i + Tk - Tq for j in range(Tk)] for i in range(Tq)]
    return torch.tensor(rows, dtype=torch.bool).reshape(Tq, Tk)


def _last_rows(Tq, Tk):
    longest = max(Tq, Tk)
    return torch.ones(longest, longest, dtype=torch.bool).tril()[longest - Tq :, longest - Tk :]


def _inverted(Tq, Tk):
    return ~causal_mask(Tq, Tk)


def _looks_ahead(Tq, Tk):
    return torch.ones(Tq, Tk, dtype=torch.bool).triu(Tk - Tq)


def _top_left(Tq, Tk):
    return torch.ones(Tq, Tk, dtype=torch.bool).tril()


def _top_left_inverted(Tq, Tk):
    return torch.ones(Tq, Tk, dtype=torch.bool).triu(1)


def _shifted_the_wrong_way(Tq, Tk):
    return torch.ones(Tq, Tk, dtype=torch.bool).tril(Tq - Tk)


def _not_itself(Tq, Tk):
    return torch.ones(Tq, Tk, dtype=torch.bool).tril(Tk - Tq - 1)


def _one_ahead(Tq, Tk):
    return torch.ones(Tq, Tk, dtype=torch.bool).tril(Tk - Tq + 1)


def _everything(Tq, Tk):
    return torch.ones(Tq, Tk, dtype=torch.bool)


def _own_place_only(Tq, Tk):
    return torch.ones(Tq, Tk, dtype=torch.bool).tril(Tk - Tq).triu(Tk - Tq)


def _keys_by_queries(Tq, Tk):
    return causal_mask(Tq, Tk).mT


def _square(Tq, Tk):
    return causal_mask(Tk, Tk)


def _square_of_queries(Tq, Tk):
    return causal_mask(Tq, Tq)


def _numbers(Tq, Tk):
    return torch.ones(Tq, Tk).tril(Tk - Tq)


def _whole_numbers(Tq, Tk):
    return torch.ones(Tq, Tk, dtype=torch.long).tril(Tk - Tq)


def _minus_infinity(Tq, Tk):
    return torch.zeros(Tq, Tk).masked_fill(~causal_mask(Tq, Tk), -torch.inf)


def _two_more_axes(Tq, Tk):
    return causal_mask(Tq, Tk)[None, None]


def _sizes(generator):
    Tq = int(torch.randint(2, 12, (), generator=generator))
    return {"Tq": Tq, "Tk": Tq + int(torch.randint(1, 12, (), generator=generator))}


MANY = Draw(lambda generator: int(torch.randint(20, 200, (), generator=generator)))


def _one_size(generator):
    size = int(torch.randint(10, 40, (), generator=generator))
    return {"Tq": size, "Tk": size}


causal_mask_of = Exercise(
    reference=causal_mask,
    cases=[
        Case("three queries and three keys", Tq=3, Tk=3),
        Case("the last two of four ask", Tq=2, Tk=4),
        Case("one query after many keys, as in generation", Tq=1, Tk=7),
        Case("the last six of twenty ask", Tq=6, Tk=20),
        Case("one and one", Tq=1, Tk=1),
        Case("a longer sequence", Tq=9, Tk=9),
        Case("sizes that are drawn", together=_sizes),
        Case("other sizes that are drawn", together=_sizes),
        Case("as many queries as keys", together=_one_size),
        Case("one query after many", Tq=1, Tk=MANY),
        Case("two queries after many", Tq=2, Tk=MANY),
        Case("ten queries after many", Tq=10, Tk=MANY),
    ],
    variants=[_compared, _upper_inverted, _row_by_row, _last_rows],
    mistakes=[
        Mistake(_inverted, "Your mask is True for the keys ahead. In this course True means 'may attend'."),
        Mistake(_looks_ahead, "Your mask lets a query see itself and what comes after it. It should see what came before: the other triangle."),
        Mistake(_top_left, "Your triangle starts in the top left corner. When there are more keys than queries, the queries are the last places of the sequence: the last query should see the last key."),
        Mistake(_top_left_inverted, "Your mask is True for the keys ahead, and its triangle starts in the top left corner. True means 'may attend', and the last query should see the last key."),
        Mistake(_shifted_the_wrong_way, "Your triangle is shifted the wrong way: with more keys than queries, even the first query has keys before it that it may see."),
        Mistake(_not_itself, "Your queries do not see their own place. It is no secret to them: up to and including it."),
        Mistake(_one_ahead, "Your queries see one place too far. The key right after a query's own place is the answer it has to predict."),
        Mistake(_everything, "Your mask lets everybody see everything, later keys too."),
        Mistake(_own_place_only, "Your queries see their own place and nothing before it."),
        Mistake(_keys_by_queries, "Your mask has its axes swapped: a row for each query, a column for each key."),
        Mistake(_square, "Your mask has a row for each key. It should have a row for each query, and there may be fewer of them."),
        Mistake(_square_of_queries, "Your mask has a column for each query. It should have a column for each key, and there may be more of them."),
        Mistake(_numbers, "Your mask holds the right pattern as numbers. A mask is boolean here: True and False."),
        Mistake(_whole_numbers, "Your mask holds the right pattern as ones and zeros. A mask is boolean here: `dtype=torch.bool`."),
        Mistake(_minus_infinity, "Your mask is one to be added to the scores, with minus infinity. Here a mask is boolean: True = may attend."),
        Mistake(_two_more_axes, "Your mask is right, with two axes too many. It spreads over batch and heads by itself."),
    ],
    points=1,
)  # fmt: skip
