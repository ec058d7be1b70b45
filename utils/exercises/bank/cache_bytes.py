"""How much memory a model needs to remember what it has read, counted from its sizes."""

import torch

from ..exercise import Case, Exercise, Mistakes, replacing
from .causal_mask import drawn


def cache_bytes(layers, key_heads, d_head, tokens, batch=1, bytes_per_number=2, window=None):
    """Bytes of the keys and values that a model keeps for `batch` texts of `tokens` each.

    With a window, of each text's last `window` tokens only.
    """
    kept = tokens if window is None else min(tokens, window)
    return 2 * layers * key_heads * d_head * kept * batch * bytes_per_number


def at_most_the_window(tokens, window):
    return tokens if window is None else min(tokens, window)

def numbers_of_a_head(d_head):
    return 2 * d_head

def product(layers, key_heads, of_a_head, kept, batch, bytes_per_number):
    return layers * key_heads * of_a_head * kept * batch * bytes_per_number

def in_steps(
    layers, key_heads, d_head, tokens, batch=1, bytes_per_number=2, window=None, keep=at_most_the_window,
    a_head=numbers_of_a_head, all_of=product,
):
    return all_of(
        layers=layers, key_heads=key_heads, of_a_head=a_head(d_head), kept=keep(tokens, window), batch=batch,
        bytes_per_number=bytes_per_number,
    )


# Right, and written differently

def of_tensors(layers, key_heads, d_head, tokens, batch=1, bytes_per_number=2, window=None):
    if window is not None and window < tokens:
        tokens = window
    key = value = torch.empty(layers, batch, key_heads, tokens, d_head, device="meta")
    return float((key.numel() + value.numel()) * bytes_per_number)

def token_by_token(layers, key_heads, d_head, tokens, batch=1, bytes_per_number=2, window=None):
    one_token = sum(key_heads * d_head * bytes_per_number for _ in ("key", "value")) * layers
    kept = range(tokens)[-(window or tokens) :]
    return one_token * batch * len(kept)

def in_cases(layers, key_heads, d_head, tokens, batch=1, bytes_per_number=2, window=None):
    width = key_heads * d_head
    if not window or tokens <= window:
        return batch * tokens * width * layers * bytes_per_number * 2
    return batch * window * width * layers * bytes_per_number * 2

def less_what_is_dropped(layers, key_heads, d_head, tokens, batch=1, bytes_per_number=2, window=None):
    numbers = batch * layers * key_heads * (d_head + d_head)
    dropped = max(tokens - window, 0) if window is not None else 0
    return numbers * bytes_per_number * tokens - numbers * bytes_per_number * dropped


# Wrong

def taking(**known):
    """The product with these sizes, whatever is given."""
    return lambda **sizes: product(**sizes | known)

but = replacing(in_steps)
mistakes = Mistakes()

mistakes.add("keys_alone", but(a_head=lambda d_head: d_head),
    "Your count is half of what is kept. Each token has a key and a value, in every head.")
mistakes.add("query_too", but(a_head=lambda d_head: 3 * d_head),
    "Your count has queries in it, too. A query is used once, by its own token: keys and values are what later tokens need.")
mistakes.add("width_squared", but(a_head=lambda d_head: 2 * d_head**2),
    "Your count multiplies the width of a key by itself. A key has d_head numbers, and so has a value.")
mistakes.add("one_layer", but(all_of=taking(layers=1)),
    "Your count is that of one layer. Every layer has keys and values of its own.")
mistakes.add("one_head", but(all_of=taking(key_heads=1)),
    "Your count is that of one head. `d_head` is the width of one of them, and each has keys and values of its own.")
mistakes.add("width_divided_by_the_heads",
    lambda layers, key_heads, d_head, *rest, **more: in_steps(layers, key_heads, d_head // key_heads, *rest, **more),
    "Your width is divided by the heads, as if it were that of the whole model. `d_head` is the width of one head already.")
mistakes.add("one_text", but(all_of=taking(batch=1)),
    "Your count is that of one text. Every text of the batch has keys and values of its own.")
@mistakes.program("Your window bounds all texts together. It is of each text that the last `window` tokens are kept: bound its tokens, then multiply by the batch.")
def one_window_for_all_texts(layers, key_heads, d_head, tokens, batch=1, bytes_per_number=2, window=None):
    return in_steps(layers, key_heads, d_head, tokens * batch, 1, bytes_per_number, window)

@mistakes.program("Your window is multiplied by the batch before it bounds the tokens. It bounds those of one text: multiply what is left of them.")
def window_for_each_text_in_one(layers, key_heads, d_head, tokens, batch=1, bytes_per_number=2, window=None):
    return in_steps(layers, key_heads, d_head, tokens, batch, bytes_per_number, window * batch if window else None)

mistakes.add("numbers", but(all_of=taking(bytes_per_number=1)),
    "Your result counts numbers. Each of them has `bytes_per_number` bytes.")
mistakes.add("always_two_bytes", but(all_of=taking(bytes_per_number=2)),
    "Your numbers have two bytes each, whatever `bytes_per_number` says.")
mistakes.add("always_four_bytes", but(all_of=taking(bytes_per_number=4)),
    "Your numbers have four bytes each, whatever `bytes_per_number` says.")
mistakes.add("bits", but(all_of=lambda **sizes: 8 * product(**sizes)),
    "Your result counts bits, eight for each byte. Bytes are asked for, and `bytes_per_number` says how many a number has.")
mistakes.add("divided_by_the_bytes", but(all_of=lambda **sizes: product(**sizes) / sizes["bytes_per_number"] ** 2),
    "Your count is divided by `bytes_per_number`. Numbers that take more bytes need more room: multiply.")
mistakes.add("bits_taken_for_bytes", but(all_of=lambda **sizes: product(**sizes) / 8),
    "Your count is divided by eight, as if numbers were measured in bits. `bytes_per_number` is in bytes already.")
mistakes.add("sizes_added", but(all_of=lambda layers, key_heads, of_a_head, kept, batch, bytes_per_number:
                                (layers + key_heads + of_a_head / 2) * 2 * kept * batch * bytes_per_number),
    "Your layers, heads and widths are added. Each layer has all heads, and each head so many numbers: multiply.")
mistakes.add("kibibytes", but(all_of=lambda **sizes: product(**sizes) / 1024),
    "Your result is in KiB, units of 1,024 bytes. Bytes are asked for.")
mistakes.add("mebibytes", but(all_of=lambda **sizes: product(**sizes) / 2**20),
    "Your result is in MiB, units of 1,048,576 bytes. Bytes are asked for.")
mistakes.add("gibibytes", but(all_of=lambda **sizes: product(**sizes) / 2**30),
    "Your result is in GiB. Bytes are asked for.")
mistakes.add("tokens_forgotten", but(keep=lambda tokens, window: 1),
    "Your count is that of one token. Each token of a text has keys and values of its own.")
mistakes.add("window_forgotten", but(keep=lambda tokens, window: tokens),
    "Your count does not change with the window. With one, no more than the last `window` tokens of a text are kept.")
mistakes.add("window_always_full", but(keep=lambda tokens, window: window or tokens),
    "Your window is always full. A text that is shorter than the window has fewer tokens to keep.")
mistakes.add("window_or_text_whichever_is_longer", but(keep=lambda tokens, window: max(tokens, window or 0)),
    "Your count takes the longer one of window and text. A window bounds what is kept: take the smaller one.")
mistakes.add("tokens_behind_the_window", but(keep=lambda tokens, window: max(tokens - window, 0) if window else tokens),
    "Your count is of the tokens that have left the window. Those inside it are kept.")
mistakes.add("window_for_keys_or_values_alone",
    but(keep=lambda tokens, window: (tokens + at_most_the_window(tokens, window)) / 2),
    "Your window bounds one of keys and values, and the other is kept of all tokens. A token that leaves takes both along.")
mistakes.add("remainder", but(keep=lambda tokens, window: tokens % window if window else tokens),
    "Your count of tokens is the remainder, tokens % window: that is where the next one goes, if places are used again. How many are kept once all of them are filled?")
mistakes.add("windows_in_the_text", but(keep=lambda tokens, window: tokens // window if window else tokens),
    "Your tokens are divided by the window. It bounds how many of them are kept: take the smaller one.")
mistakes.add("window_and_its_own", but(keep=lambda tokens, window: min(tokens, window + 1) if window else tokens),
    "Your window holds one token too many. The newest token counts as one of the `window` that are kept.")
mistakes.add("window_without_its_own", but(keep=lambda tokens, window: min(tokens, window - 1) if window else tokens),
    "Your window holds one token too few. `window` of them are kept, the newest one included.")
mistakes.add("window_is_all_there_is", but(keep=lambda tokens, window: min(tokens, window)),
    "Your `window` is used even where there is none: it is None then, and all tokens are kept.")
mistakes.add("windows_add_up", but(keep=lambda tokens, window: tokens + (window or 0)),
    "Your window is added to the tokens. It bounds how many of them are kept: take the smaller one.")
mistakes.add("nothing_without_a_window", but(keep=lambda tokens, window: min(tokens, window or 0)),
    "Your count is 0 without a window. Without one (None), all tokens are kept.")
mistakes.add("pairs_of_tokens", but(keep=lambda tokens, window: at_most_the_window(tokens, window) ** 2),
    "Your count grows with the square of the tokens, as scores do. Those are not kept: a key and a value for each token are.")


RANGES: dict[str, object] = {"layers": (3, 60), "key_heads": (5, 33), "d_head": (20, 129), "tokens": (500, 9000)}

def model(**more):
    """Sizes that are drawn; `more` names others: the ends of a range, or the number itself."""

    def draw(generator):
        chosen = {**RANGES, **more}
        return {
            name: drawn(generator, *ends) if isinstance(ends, tuple) else ends for name, ends in chosen.items()
        }

    return draw


exercise = Exercise(
    reference=cache_bytes,
    cases=[
        Case("two layers, three heads of width four, five tokens", layers=2, key_heads=3, d_head=4, tokens=5),
        Case("another model", together=model()),
        Case("seven texts", together=model(batch=7)),
        Case("one byte for a number", together=model(bytes_per_number=1)),
        Case("four bytes for a number", together=model(bytes_per_number=4)),
        Case("several texts, eight bytes for a number", together=model(batch=(3, 17), bytes_per_number=8)),
        Case("a window that is full", together=model(window=(40, 300))),
        Case("a window that is not full yet", together=model(tokens=(100, 900), window=(1000, 4000))),
        Case("a window as long as the text", together=model(tokens=640, window=640)),
        Case("a window of one token", together=model(window=1, batch=(3, 9))),
        Case("one token", together=model(tokens=1)),
        Case("eight billion parameters, 131,072 tokens", layers=32, key_heads=8, d_head=128, tokens=131072),
        Case("the same with a window of 4,096, for some texts",
            together=model(layers=32, key_heads=8, d_head=128, tokens=131072, window=4096, batch=(3, 100))),
    ],
    variants=[of_tensors, token_by_token, in_cases, less_what_is_dropped],
    mistakes=mistakes,
    points=1,
)  # fmt: skip
