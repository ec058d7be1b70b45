"""How an attempt is used when its arguments are not plain data: it is built and called, and its answers are data.

A probe knows nothing of the reference, so that it can run where the reference must not be seen.
"""

import functools

import torch
from torch import Tensor

FUNCTIONS = {
    "sum of squares": lambda x: (x**2).sum(),
    "sum of cubes": lambda x: (x**3).sum(),
    "one number": lambda x: x[0, 0] * x[1, 1] - x[0, 1] ** 2,
    "ramps": lambda x: x.relu().sum(),
    "a sine and a product": lambda x: torch.sin(3 * x).sum() + x.prod(),
}


def numerical_gradient(attempt, function: str, x: Tensor, **step) -> Tensor:
    """The attempt's slope of one of FUNCTIONS."""
    return attempt(FUNCTIONS[function], x, **step)


class CountedKey:
    """A key that counts how often it is compared, and whose hash spreads evenly."""

    comparisons = 0

    def __init__(self, number: int):
        self.number = number

    def __hash__(self) -> int:
        return self.number

    def __eq__(self, other) -> bool:
        CountedKey.comparisons += 1
        return isinstance(other, CountedKey) and self.number == other.number

    def __repr__(self) -> str:
        return f"key {self.number}"


def hash_table(attempt, buckets: int, steps: list[tuple]) -> list:
    """The answers to the steps, one each, of a table with so many buckets.

    ("put", key, value), ("get", key), ("len",), ("new table",) to go on with another one, ("compare", n) to store
    n keys, read them all, and say whether that compared few of them, and ("made of",).
    """
    table, answers = attempt(buckets), []
    for action, *arguments in steps:
        if action == "new table":
            table = attempt(buckets)
        elif action == "put":
            table.put(*arguments)
        elif action == "len":
            answers.append(len(table))
        elif action == "get":
            answers.append(_get(table, *arguments))
        elif action == "compare":
            answers.append(_compare(table, *arguments))
        else:
            answers.append(_made_of(table))
    return answers


def _get(table, key):
    try:
        return table.get(key)
    except KeyError as error:
        named = any(argument is key or str(key) in str(argument) for argument in error.args)
        return "KeyError" if named else "KeyError without the key"


def _compare(table, entries: int) -> str:
    actions = [lambda key, number: table.put(key, number), lambda key, number: table.get(key)]
    for act in actions:
        CountedKey.comparisons = 0
        for number in range(entries):
            act(CountedKey(number), number)
            if CountedKey.comparisons > 3 * entries:
                return "far more comparisons than entries"
    return "few comparisons"


def _made_of(table) -> str:
    parts = [table, *getattr(table, "__dict__", {}).values()]
    parts += [inner for part in parts if isinstance(part, list) for inner in part]
    return "a dict or a set" if any(isinstance(part, dict | set) for part in parts) else "lists"


def _gru_cell(weights: dict[str, Tensor]):
    """torch.nn.GRUCell with these weights, by its own names for them."""
    width, inputs = weights["weight_hh"].size(1), weights["weight_ih"].size(1)
    cell = torch.nn.GRUCell(inputs, width, device="meta")  # without numbers: it draws none
    return lambda *arguments, **named: torch.func.functional_call(cell, weights, arguments, named)


CELLS = {
    "linear": lambda W_x, W_h, b: lambda input, hx: input @ W_x + hx @ W_h + b,  # PyTorch's names for the two
    "tanh": lambda W_x, W_h, b: lambda input, hx: torch.tanh(input @ W_x + hx @ W_h + b),
    "GRU": lambda **weights: _gru_cell(weights),
}


def _reader(cell, width: int):
    """A model that reads x (B, T, D) with the cell, from zeros, and gives its last state (B, width)."""

    def model(x: Tensor) -> Tensor:
        state = x.new_zeros(len(x), width)
        for step in x.unbind(1):
            state = cell(step, state)
        return state

    return model


def _gru_network(**weights: Tensor):
    weights = {name: weight.clone().requires_grad_() for name, weight in weights.items()}  # as a trained model's are
    return _reader(_gru_cell(weights), weights["weight_hh"].size(1))


MODELS = {
    "only the last input": lambda: lambda x: x[:, -1],
    "mean of everything": lambda: lambda x: x.mean(1),
    "sum of squares": lambda: lambda x: (x**2).sum(1),
    "linear": lambda W: lambda x: torch.einsum("btd,tdk->bk", x, W),
    "tanh network": lambda W_x, W_h, b: _reader(CELLS["tanh"](W_x, W_h, b), len(b)),
    "GRU": _gru_network,
}


def gradient_by_distance(attempt, model: str, x: Tensor, **weights: Tensor):
    """The attempt's curve for one of MODELS, asked twice for the same x: the first time must leave nothing behind."""
    model = MODELS[model](**weights)
    attempt(model, x)
    curve = attempt(model, x)
    return "a curve that carries a graph" if isinstance(curve, Tensor) and curve.requires_grad else curve


def fixed_context_step(attempt, cell: str, y: Tensor, s: Tensor, context: Tensor, **weights: Tensor):
    """The attempt's next state with one of CELLS."""
    return attempt(y, s, context, CELLS[cell](**weights))


def _additive_attention(W_q: Tensor, W_k: Tensor, score_vector: Tensor):
    """Bahdanau's attention with these weights; mask (B, Tk) or (B, Tq, Tk), and zeros where nothing may be attended."""

    def attention(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        scores = torch.tanh((query @ W_q)[:, :, None] + (key @ W_k)[:, None]) @ score_vector  # (B, Tq, Tk)
        shares = torch.exp(scores - scores.amax(-1, keepdim=True))
        if mask is not None:
            shares = shares * (mask[:, None] if mask.dim() == 2 else mask)
        weights = shares / shares.sum(-1, keepdim=True).clamp(min=1e-30)
        return weights @ value, weights

    return attention


def attention_decoder_step(
    attempt,
    cell: str,
    y: Tensor,
    s: Tensor,
    encoder_states: Tensor,
    mask: Tensor,
    W_q: Tensor,
    W_k: Tensor,
    score_vector: Tensor,
    joined: bool = False,
    **weights: Tensor,
):
    """What the attempt returns with additive attention and one of CELLS; joined, all its numbers in one row."""
    results = attempt(y, s, encoder_states, mask, _additive_attention(W_q, W_k, score_vector), CELLS[cell](**weights))
    if not joined:
        return results
    if not isinstance(results, tuple) or len(results) != 3:
        raise TypeError(f"three tensors should be returned, as a tuple; it was {type(results).__name__}")
    return torch.cat([result.flatten() for result in results])


def _next_token(language, start: int, max_length: int):
    """A step function: prefixes (N, L) into log-probabilities (N, V) of the next token.

    language is a table of logits (M, V), of which all tokens of a prefix together choose the row; or the probabilities
    by hand, {tokens after start: [one per token]}, and after tokens that are not among them token 1 is certain.
    """

    table = None if isinstance(language, dict) else language.log_softmax(-1)

    def step(prefixes: Tensor) -> Tensor:
        if not isinstance(prefixes, Tensor) or prefixes.dim() != 2 or prefixes.dtype != torch.long:
            raise ValueError("step takes prefixes (N, L): a tensor of whole numbers, a row for each sequence")
        rows = prefixes.tolist()
        if any(row[:1] != [start] for row in rows):
            raise ValueError("step takes whole prefixes: each begins with `start`")
        if prefixes.size(1) > max_length:
            raise ValueError("step was asked to continue a sequence that has max_length tokens after `start` already")
        if table is not None:
            return table[[_hash(row) % len(table) for row in rows]]
        certain = [float(token == 1) for token in range(len(language[()]))]
        return torch.tensor([language.get(tuple(row[1:]), certain) for row in rows]).log()

    return step


def _hash(tokens: list[int]) -> int:
    return functools.reduce(lambda so_far, token: 31 * so_far + token + 1, tokens, 0)


def beam_search(attempt, language, start: int, end: int, width: int, max_length: int):
    """What the attempt writes in a language by hand, or a list of what it writes in each of several (K, M, V)."""
    if isinstance(language, dict):
        return attempt(_next_token(language, start, max_length), start, end, width, max_length)
    return [attempt(_next_token(table, start, max_length), start, end, width, max_length) for table in language]
