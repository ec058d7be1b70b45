"""Of a notebook's cells, what one exercise needs: its own, and the definitions that it uses, in an order that runs.

A chapter trains networks and draws figures; to call one function, none of that has to run.
"""

import ast
import symtable
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from IPython.core.inputtransformer2 import TransformerManager

STAR = "*"  # what `from module import *` binds: nobody knows, so everything is taken to need it


@dataclass(frozen=True)
class Statement:
    """One statement at the top level of a cell, the names it binds or changes, and the names it has to find."""

    code: ast.stmt
    binds: frozenset[str]
    needs: frozenset[str]


def program(cells: Sequence[tuple[Sequence[str], str]], exercise: str) -> Iterator[ast.stmt]:
    """The statements that define an exercise, each after those it needs.

    cells: the exercises that a cell answers, and its source. A name that is an exercise comes from the cell that
    answers it, other names from every statement that binds them. Cells that are not Python give nothing, except that
    the exercise's own raises SyntaxError.
    """
    own, binding = [], defaultdict(list)
    answered = {name for names, _ in cells for name in names}
    for names, source in cells:
        elsewhere = answered.difference(names)
        for statement in _statements(source, strict=exercise in names):
            binds = statement.binds - elsewhere
            if exercise in names and (binds or not statement.binds):
                own.append(statement)
            for bound in binds:
                binding[bound].append(statement)
    done = set()

    def with_needs(statement: Statement) -> Iterator[ast.stmt]:
        if id(statement) not in done:
            done.add(id(statement))
            for name in [STAR, *sorted(statement.needs)]:
                for other in binding[name]:
                    yield from with_needs(other)
            yield statement.code

    for statement in own:
        yield from with_needs(statement)


def _statements(source: str, strict: bool) -> list[Statement]:
    try:
        return [_described(code) for code in ast.parse(_without_magic(source)).body]
    except (SyntaxError, ValueError, RecursionError):
        if strict:
            raise
        return []


def _without_magic(source: str) -> str:
    """The cell with IPython's own lines (%magic, !shell, name?) turned into calls, as its kernel would."""
    try:
        ast.parse(source)
        return source
    except SyntaxError:
        return TransformerManager().transform_cell(source)


def _described(code: ast.stmt) -> Statement:
    if isinstance(code, ast.ImportFrom) and code.names[0].name == STAR:
        return Statement(code, frozenset({STAR}), frozenset())
    top = symtable.symtable(ast.unparse(code), "cell", "exec")
    binds = {symbol.get_name() for symbol in top.get_symbols() if symbol.is_assigned() or symbol.is_imported()}
    needs = {symbol.get_name() for symbol in top.get_symbols() if symbol.is_referenced()}
    for table in _inner(top):
        needs |= {symbol.get_name() for symbol in table.get_symbols() if symbol.is_global()}
        binds |= {symbol.get_name() for symbol in table.get_symbols() if symbol.is_declared_global()}
    return Statement(code, frozenset(binds | _changed(code)), frozenset(needs))


def _inner(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    for child in table.get_children():
        yield child
        yield from _inner(child)


def _changed(code: ast.stmt) -> set[str]:
    """Names whose content a statement sets: `table["a"] = 1`, `model.width = 2`."""
    targets = [
        node.value
        for node in ast.walk(code)
        if isinstance(node, ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Store)
    ]
    return {target.id for target in targets if isinstance(target, ast.Name)}
