"""Who may look where, when nobody may look ahead nor far back."""

import numpy as np
import torch

from ..exercise import Case, Exercise, Mistakes
from .causal_mask import drawn


def sliding_window(queries, keys, window):
    """A mask (Tq, Tk), True = may attend: each query sees the `window` keys up to its own place, itself included.

    The last query sees the last key. queries and keys are whole numbers, Tq and Tk, with Tq no more than Tk.
    """
    places = torch.arange(keys - queries, keys)[:, None]  # (Tq, 1): of the queries, among the keys
    behind = places - torch.arange(keys)  # (Tq, Tk); below zero: ahead
    return (behind >= 0) & (behind < window)


def behind(queries, keys):
    return torch.arange(keys - queries, keys)[:, None] - torch.arange(keys)

def behind_from_the_top(queries, keys):
    return torch.arange(queries)[:, None] - torch.arange(keys)


# Right, and written differently

def two_triangles(queries, keys, window):
    last = torch.ones(queries, keys, dtype=torch.bool).tril(keys - queries)
    return last & ~last.tril(keys - queries - window)

def row_by_row(queries, keys, window):
    mask = torch.zeros((queries, keys), dtype=torch.bool)
    for i in range(queries):
        own = keys - queries + i
        mask[i, max(0, own - window + 1) : own + 1] = True
    return mask

def with_numpy(queries, keys, window):
    ones = np.ones((queries, keys))
    return torch.from_numpy(np.tril(ones, keys - queries) - np.tril(ones, keys - queries - window) > 0)

def last_rows_of_a_square(queries, keys, window):
    square = torch.tensor([[i - window < j <= i for j in range(keys)] for i in range(keys)])
    return square[keys - queries :]


# Wrong

mistakes = Mistakes()

def kept_where(condition, places=behind):
    """A mask that is True where condition(how far behind, window) is."""
    return lambda queries, keys, window: condition(places(queries, keys), window)

mistakes.add("one_too_many", kept_where(lambda far, window: (far >= 0) & (far <= window)),
    "Your window holds one key too many. The query's own place is one of the `window` keys.")
mistakes.add("one_too_few", kept_where(lambda far, window: (far >= 0) & (far < window - 1)),
    "Your window holds one key too few: there should be `window` of them, the query's own place included.")
mistakes.add("without_itself", kept_where(lambda far, window: (far > 0) & (far <= window)),
    "Your queries see the `window` keys before their own place. That place is the last of the window, and is seen.")
mistakes.add("without_itself_and_one_too_few", kept_where(lambda far, window: (far > 0) & (far < window)),
    "Your queries do not see their own place. It is one of the `window` keys, and no secret to them.")
mistakes.add("one_ahead", kept_where(lambda far, window: (far >= -1) & (far < window)),
    "Your queries see one place too far. The key right after a query's own place is the answer it has to predict.")
mistakes.add("window_moved_ahead", kept_where(lambda far, window: (far >= -1) & (far < window - 1)),
    "Your windows end one place too late, at the key after the query's own, which is the answer it has to predict.")
mistakes.add("from_the_first_key",
    kept_where(lambda far, window: (far >= 0) & (far < window), behind_from_the_top),
    "Your first query stands at the first key. When there are more keys than queries, the queries are the last places of the text: the last query should see the last key.")
mistakes.add("from_the_first_key_one_too_many",
    kept_where(lambda far, window: (far >= 0) & (far <= window), behind_from_the_top),
    "Your first query stands at the first key, however many keys there are, and your window holds one key too many. Begin with the last query: which key does it see?")
mistakes.add("lower_end_from_the_first_key",
    lambda Tq, Tk, window: (behind(Tq, Tk) >= 0) & (behind_from_the_top(Tq, Tk) < window),
    "Your windows end at the right place and begin at a wrong one: as if the first query stood at the first key. Both ends move by the same number of places.")
mistakes.add("upper_end_from_the_first_key",
    lambda Tq, Tk, window: (behind_from_the_top(Tq, Tk) >= 0) & (behind(Tq, Tk) < window),
    "Your windows begin at the right place and end at a wrong one: as if the first query stood at the first key. Both ends move by the same number of places.")
mistakes.add("moved_the_wrong_way",
    kept_where(lambda far, window: (far >= 0) & (far < window),
               lambda Tq, Tk: torch.arange(Tq)[:, None] - torch.arange(Tk) - (Tk - Tq)),
    "Your windows are moved the wrong way where there are more keys than queries: queries see too little, or nothing. The first query has Tk - Tq keys before it.")

@mistakes.program("Your rows are empty where the window would begin before the first key: a slice that begins below zero counts from the end. Begin at `max(0, …)`.")
def slices_from_below_zero(Tq, Tk, window):
    mask = torch.zeros(Tq, Tk, dtype=torch.bool)
    for i, own in enumerate(range(Tk - Tq, Tk)):
        mask[i, own - window + 1 : own + 1] = True
    return mask

mistakes.add("both_sides", kept_where(lambda far, window: far.abs() < window),
    "Your window reaches as far ahead as back. Nobody sees a later key.")
mistakes.add("both_sides_from_the_first_key",
    kept_where(lambda far, window: far.abs() < window, behind_from_the_top),
    "Your window reaches as far ahead as back, and the first query stands at the first key, however many keys there are. Nobody sees a later key, and the last query should see the last one.")
mistakes.add("both_sides_and_one_more", kept_where(lambda far, window: far.abs() <= window),
    "Your window reaches as far ahead as back, and one place too far. Nobody sees a later key, and the own place is one of the `window` keys.")
mistakes.add("around_itself", kept_where(lambda far, window: far.abs() <= window // 2),
    "Your window has the query's own place in its middle. It ends there: nobody sees a later key.")
mistakes.add("turned_round", kept_where(lambda far, window: (far < 0) | (far >= window)),
    "Your mask is True for what is hidden. In this course True means 'may attend'.")
mistakes.add("ahead", kept_where(lambda far, window: (far <= 0) & (far > -window)),
    "Your window holds the query's own place and the keys after it. It should hold those before.")
mistakes.add("ahead_from_the_first_key",
    kept_where(lambda far, window: (far <= 0) & (far > -window), behind_from_the_top),
    "Your window begins at place i of the keys and goes ahead. Query i stands at place Tk - Tq + i, and its window ends there.")
mistakes.add("no_window", kept_where(lambda far, window: far >= 0),
    "Your mask has no window: each query sees all keys before it. The last `window` are meant.")
mistakes.add("no_window_from_the_top", kept_where(lambda far, window: far >= 0, behind_from_the_top),
    "Your mask has no window, and its triangle begins at the first key. Each query sees the last `window` keys up to its own place, and the last query stands at the last key.")
mistakes.add("future_too", kept_where(lambda far, window: far < window),
    "Your later keys are not hidden. A window has two ends: nothing too far behind, and nothing ahead.")
mistakes.add("older_ones_alone", kept_where(lambda far, window: far >= window),
    "Your mask is True for the keys that have left the window, and hides those in it.")
mistakes.add("one_of_the_two", kept_where(lambda far, window: (far >= 0) | (far < window)),
    "Your two conditions are joined by 'or', and one of them always holds. A key is seen if both do: `&`.")
mistakes.add("joined_by_and", lambda Tq, Tk, window: behind(Tq, Tk) >= 0 and behind(Tq, Tk) < window,
    "Your program asks one question of a whole table, with `and`, `or`, `if`, or in one line as 0 <= far < window, and there is an answer for each pair. Let `&` join two comparisons, each in brackets of its own.")
mistakes.add("exactly_that_far", kept_where(lambda far, window: far == window - 1),
    "Your queries see one key each, the last one that is in reach. All up to their own place are meant.")
mistakes.add("own_place_alone", kept_where(lambda far, window: far == 0),
    "Your queries see their own place alone, whatever the window is.")
mistakes.add("in_blocks",
    lambda Tq, Tk, window: (behind(Tq, Tk) >= 0)
    & (torch.arange(Tk - Tq, Tk)[:, None] // window == torch.arange(Tk) // window),
    "Your text is cut into blocks of `window` places, and a query sees those of its own block. A window slides: it is `window` keys for every query, as far as there are so many.")
@mistakes.program("Your rows are rolled round: what leaves one at its beginning comes in again at its end. What would lie before the first key is nothing.")
def rolled_round(Tq, Tk, window):
    last = torch.arange(Tk) >= Tk - window
    return torch.stack([last.roll(i + 1 - Tq) for i in range(Tq)])

mistakes.add("one_window_for_all",
    lambda Tq, Tk, window: (behind(Tq, Tk) >= 0) & (torch.arange(Tk) >= Tk - window),
    "Your window stands still: all queries see the last `window` keys of the text, or fewer. Each query has a window that ends at its own place.")
mistakes.add("last_keys", lambda Tq, Tk, window: (torch.arange(Tk) >= Tk - window).expand(Tq, Tk),
    "Your rows are all the same: the last `window` keys of the text. Each query has a window that ends at its own place.")
mistakes.add("first_keys_kept", lambda Tq, Tk, window: (behind(Tq, Tk) >= 0) & (torch.arange(Tk) < window),
    "Your window stands still at the beginning of the text. Each query has a window that ends at its own place.")
mistakes.add("keys_by_queries", lambda Tq, Tk, window: sliding_window(Tq, Tk, window).mT,
    "Your mask has its axes swapped: a row for each query, a column for each key.")
mistakes.add("square", lambda Tq, Tk, window: sliding_window(Tk, Tk, window),
    "Your mask has a row for each key. It should have a row for each query, and there may be fewer of them.")
mistakes.add("square_of_queries", lambda Tq, Tk, window: sliding_window(Tq, Tq, window),
    "Your mask has a column for each query. It should have a column for each key, and there may be more of them.")
mistakes.add("queries_by_window", lambda Tq, Tk, window: torch.ones(Tq, window, dtype=torch.bool),
    "Your mask has a column for each place of the window. It should have one for each key: (Tq, Tk).")
mistakes.add("numbers", lambda Tq, Tk, window: sliding_window(Tq, Tk, window).float(),
    "Your mask holds the right pattern as numbers. A mask is boolean here: True and False.")
mistakes.add("whole_numbers", lambda Tq, Tk, window: sliding_window(Tq, Tk, window).long(),
    "Your mask holds the right pattern as ones and zeros. A mask is boolean here: `dtype=torch.bool`.")
mistakes.add("minus_infinity",
    lambda Tq, Tk, window: torch.zeros(Tq, Tk).masked_fill(~sliding_window(Tq, Tk, window), -torch.inf),
    "Your mask is one to be added to the scores, with minus infinity. Here a mask is boolean: True = may attend.")
mistakes.add("two_more_axes", lambda Tq, Tk, window: sliding_window(Tq, Tk, window)[None, None],
    "Your mask is right, with two axes too many. It spreads over batch and heads by itself.")


def sizes(queries, more_keys, window):
    """Each is drawn between two ends; so many more keys than queries."""

    def draw(generator):
        Tq, more, width = (drawn(generator, *ends) for ends in (queries, more_keys, window))
        return {"queries": Tq, "keys": Tq + more, "window": width}

    return draw


exercise = Exercise(
    reference=sliding_window,
    cases=[
        Case("four queries, four keys, a window of two", queries=4, keys=4, window=2),
        Case("the last two of five ask, with a window of three", queries=2, keys=5, window=3),
        Case("a window of one", together=sizes((4, 9), (2, 6), (1, 2))),
        Case("as many queries as keys", together=sizes((9, 15), (0, 1), (3, 6))),
        Case("a text that goes on", together=sizes((6, 10), (7, 12), (3, 5))),
        Case("a window longer than the queries are many", together=sizes((4, 7), (11, 17), (7, 10))),
        Case("a window that reaches beyond the text", together=sizes((6, 9), (2, 4), (20, 40))),
        Case("one query after many, as in generation", together=sizes((1, 2), (40, 90), (5, 30))),
        Case("one and one", queries=1, keys=1, window=3),
        Case("a longer text", together=sizes((30, 40), (50, 60), (15, 25))),
        Case("a longer text from its beginning", together=sizes((40, 60), (0, 1), (10, 20))),
    ],
    variants=[two_triangles, row_by_row, with_numpy, last_rows_of_a_square],
    mistakes=mistakes,
    points=1,
)
