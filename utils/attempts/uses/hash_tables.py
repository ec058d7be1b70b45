"""A hash table, asked step by step."""

from collections.abc import Callable
from typing import Any


class CountedKey:
    """A key that counts how often it is compared, and whose hash spreads evenly."""

    comparisons = 0

    def __init__(self, number: int):
        self.number = number

    def __hash__(self) -> int:
        return self.number

    def __eq__(self, other: object) -> bool:
        CountedKey.comparisons += 1
        return isinstance(other, CountedKey) and self.number == other.number

    def __repr__(self) -> str:
        return f"key {self.number}"


def hash_table(attempt: Callable, buckets: int, steps: list[tuple]) -> list:
    """The answers to the steps, one each, of a table with so many buckets.

    ("put", key, value), ("get", key), ("len",), ("new table",) to go on with another one, ("compare", n) to store
    n keys, read them all, and say whether that compared few of them, and ("made of",).
    """
    table = attempt(buckets)
    answers: list[Any] = []
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


def _get(table: Any, key: Any) -> Any:
    try:
        return table.get(key)
    except KeyError as error:
        named = any(argument is key or str(key) in str(argument) for argument in error.args)
        return "KeyError" if named else "KeyError without the key"


def _compare(table: Any, entries: int) -> str:
    actions = [lambda key, number: table.put(key, number), lambda key, number: table.get(key)]
    for act in actions:
        CountedKey.comparisons = 0
        for number in range(entries):
            act(CountedKey(number), number)
            if CountedKey.comparisons > 3 * entries:
                return "far more comparisons than entries"
    return "few comparisons"


def _made_of(table: Any) -> str:
    slots = [name for kind in type(table).__mro__ for name in getattr(kind, "__slots__", ())]
    parts = [table, *getattr(table, "__dict__", {}).values(), *(getattr(table, name, None) for name in slots)]
    parts += [inner for part in parts if isinstance(part, list) for inner in part]
    return "a dict or a set" if any(isinstance(part, dict | set) for part in parts) else "lists"
