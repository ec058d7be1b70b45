"""Who may look where, when nobody may look ahead."""

import torch

from utils.attention import reference

from ..exercise import Case, Draw, Exercise, Mistakes


def causal_mask(Tq, Tk):
    """A boolean mask (Tq, Tk), True = may attend: nobody sees a later key, and the last query sees all keys.

    There are at least as many keys as queries.
    """
    return reference.causal_mask(Tq, Tk)


# Right, and written differently

def compared(Tq, Tk):
    return torch.arange(Tk) <= torch.arange(Tk - Tq, Tk)[:, None]

def upper_inverted(Tq, Tk):
    return ~torch.triu(torch.ones(Tq, Tk), diagonal=Tk - Tq + 1).bool()

def row_by_row(Tq, Tk):
    rows = [[j <= i + Tk - Tq for j in range(Tk)] for i in range(Tq)]
    return torch.tensor(rows, dtype=torch.bool).reshape(Tq, Tk)

def last_rows(Tq, Tk):
    longest = max(Tq, Tk)
    return torch.ones(longest, longest, dtype=torch.bool).tril()[longest - Tq :, longest - Tk :]


# Wrong

def all_true(Tq, Tk):
    return torch.ones(Tq, Tk, dtype=torch.bool)

mistakes = Mistakes()

mistakes.add("inverted", lambda Tq, Tk: ~causal_mask(Tq, Tk),
    "Your mask is True for the keys ahead. In this course True means 'may attend'.")
mistakes.add("looks_ahead", lambda Tq, Tk: all_true(Tq, Tk).triu(Tk - Tq),
    "Your mask lets a query see itself and what comes after it. It should see what came before: the other triangle.")
mistakes.add("top_left", lambda Tq, Tk: all_true(Tq, Tk).tril(),
    "Your triangle starts in the top left corner. When there are more keys than queries, the queries are the last places of the sequence: the last query should see the last key.")
mistakes.add("top_left_inverted", lambda Tq, Tk: all_true(Tq, Tk).triu(1),
    "Your mask is True for the keys ahead, and its triangle starts in the top left corner. True means 'may attend', and the last query should see the last key.")
mistakes.add("shifted_the_wrong_way", lambda Tq, Tk: all_true(Tq, Tk).tril(Tq - Tk),
    "Your triangle is shifted the wrong way: with more keys than queries, even the first query has keys before it that it may see.")
mistakes.add("not_itself", lambda Tq, Tk: all_true(Tq, Tk).tril(Tk - Tq - 1),
    "Your queries do not see their own place. It is no secret to them: up to and including it.")
mistakes.add("one_ahead", lambda Tq, Tk: all_true(Tq, Tk).tril(Tk - Tq + 1),
    "Your queries see one place too far. The key right after a query's own place is the answer it has to predict.")
mistakes.add("one_ahead_in_the_top_left", lambda Tq, Tk: all_true(Tq, Tk).tril(1),
    "Your first query sees the key after its own place, which is the answer it has to predict, and your triangle starts in the top left corner, however many keys there are.")
mistakes.add("not_itself_in_the_top_left", lambda Tq, Tk: all_true(Tq, Tk).tril(-1),
    "Your queries do not see their own place, which is no secret to them, and your triangle starts in the top left corner, however many keys there are.")
mistakes.add("everything", all_true,
    "Your mask lets everybody see everything, later keys too.")
mistakes.add("own_place_only", lambda Tq, Tk: all_true(Tq, Tk).tril(Tk - Tq).triu(Tk - Tq),
    "Your queries see their own place and nothing before it.")
mistakes.add("keys_by_queries", lambda Tq, Tk: causal_mask(Tq, Tk).mT,
    "Your mask has its axes swapped: a row for each query, a column for each key.")
mistakes.add("square", lambda Tq, Tk: causal_mask(Tk, Tk),
    "Your mask has a row for each key. It should have a row for each query, and there may be fewer of them.")
mistakes.add("square_of_queries", lambda Tq, Tk: causal_mask(Tq, Tq),
    "Your mask has a column for each query. It should have a column for each key, and there may be more of them.")
mistakes.add("numbers", lambda Tq, Tk: causal_mask(Tq, Tk).float(),
    "Your mask holds the right pattern as numbers. A mask is boolean here: True and False.")
mistakes.add("whole_numbers", lambda Tq, Tk: causal_mask(Tq, Tk).long(),
    "Your mask holds the right pattern as ones and zeros. A mask is boolean here: `dtype=torch.bool`.")
mistakes.add("minus_infinity", lambda Tq, Tk: torch.zeros(Tq, Tk).masked_fill(~causal_mask(Tq, Tk), -torch.inf),
    "Your mask is one to be added to the scores, with minus infinity. Here a mask is boolean: True = may attend.")
mistakes.add("two_more_axes", lambda Tq, Tk: causal_mask(Tq, Tk)[None, None],
    "Your mask is right, with two axes too many. It spreads over batch and heads by itself.")


def drawn(generator, least, most):
    return int(torch.randint(least, most, (), generator=generator))

def more_keys(generator):
    Tq = drawn(generator, 2, 12)
    return {"Tq": Tq, "Tk": Tq + drawn(generator, 1, 12)}

def one_size(generator):
    return dict.fromkeys(["Tq", "Tk"], drawn(generator, 10, 40))


MANY = Draw(lambda generator: drawn(generator, 20, 200))
exercise = Exercise(
    reference=causal_mask,
    cases=[
        Case("three queries and three keys", Tq=3, Tk=3),
        Case("the last two of four ask", Tq=2, Tk=4),
        Case("one query after many keys, as in generation", Tq=1, Tk=7),
        Case("the last six of twenty ask", Tq=6, Tk=20),
        Case("one and one", Tq=1, Tk=1),
        Case("a longer sequence", Tq=9, Tk=9),
        Case("sizes that are drawn", together=more_keys),
        Case("other sizes that are drawn", together=more_keys),
        Case("as many queries as keys", together=one_size),
        Case("one query after many", Tq=1, Tk=MANY),
        Case("two queries after many", Tq=2, Tk=MANY),
        Case("ten queries after many", Tq=10, Tk=MANY),
    ],
    variants=[compared, upper_inverted, row_by_row, last_rows],
    mistakes=mistakes,
    points=1,
)
