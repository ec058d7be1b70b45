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

    ("put", key, value), ("get", key), ("len of", "the table"), ("go on with", "another table"), ("put and get", n,
    "keys") to store n keys, read them all, and say whether that compared few of them, ("look at", "its parts") for
    what it is made of, and ("look at", "its buckets") for whether they are as many as they were. A table that holds
    what was put into another one answers nothing else.
    """
    if _share(attempt(buckets), attempt(buckets)):
        return ["an entry of another table"]
    table = attempt(buckets)
    lists = _lists(table)
    answers: list[Any] = []
    for action, *arguments in steps:
        if action == "go on with":
            table = attempt(buckets)
        elif action == "put":
            table.put(*arguments)
        elif action == "len of":
            answers.append(len(table))
        elif action == "get":
            answers.append(_get(table, *arguments))
        elif action == "put and get":
            answers.append(_compare(table, arguments[0]))
        elif arguments == ["its buckets"]:
            answers.append(_grown(buckets, lists, _lists(table)))
        else:
            answers.append(_made_of(table))
    return answers


def _share(one: Any, other: Any) -> bool:
    try:
        one.put("a key of the first", "a value of the first")
        return bool(other.get("a key of the first") == "a value of the first")
    except Exception:  # what else is wrong, the steps will show
        return False


def _get(table: Any, key: Any) -> Any:
    try:
        found = table.get(key)
        return f"{type(found).__name__}, returned and not raised" if isinstance(found, Exception) else found
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
                return "far more than one comparison each"
    return "about one comparison each"


def _made_of(table: Any) -> str:
    parts = [table, *_attributes(table).values()]
    parts += [inner for part in parts if isinstance(part, list) for inner in part]
    return "a dict or a set" if any(isinstance(part, dict | set) for part in parts) else "lists"


def _grown(buckets: int, before: dict[str, int], after: dict[str, int]) -> str:
    """A list of pairs may grow; one that had as many entries as there are buckets is the buckets."""
    grown = any(before[name] == buckets != after.get(name, buckets) for name in before)
    return "other buckets than it was given" if grown else "as many buckets as it was given"


def _lists(table: Any) -> dict[str, int]:
    """How long each list is that the table holds, by the attribute's name."""
    return {name: len(part) for name, part in _attributes(table).items() if isinstance(part, list)}


def _attributes(table: Any) -> dict[str, Any]:
    slots = [name for kind in type(table).__mro__ for name in getattr(kind, "__slots__", ())]
    return {**getattr(table, "__dict__", {}), **{name: getattr(table, name, None) for name in slots}}
