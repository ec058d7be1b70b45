"""Of a notebook's cells, what one exercise needs: its own, and the definitions that it uses, in an order that runs.

A chapter trains networks and draws figures; to call one function, none of that has to run.
"""

import ast
import symtable
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from IPython.core.inputtransformer2 import TransformerManager

ALWAYS = "*"  # what `from module import *` binds, and `from __future__`: everything is taken to need it
MAGICS = ("%%time", "%%timeit", "%%capture", "%%prun")  # cells of Python behind a first line that is none


@dataclass(frozen=True)
class Statement:
    """A statement at the top level of a cell: the names it binds, those whose content it changes, those it needs."""

    code: ast.stmt
    binds: frozenset[str]
    changes: frozenset[str]
    needs: frozenset[str]

    @property
    def imports(self) -> bool:
        return isinstance(self.code, ast.Import | ast.ImportFrom)


def everything(cells: Sequence[tuple[Sequence[str], str]], exercise: str, horizon: int) -> list[ast.stmt]:
    """The statements of all cells down to `horizon`, and of those that answer an exercise. Arguments as for program."""
    return [
        statement.code
        for i, (names, source) in enumerate(cells)
        if i <= horizon or names
        for statement in _statements(source, strict=exercise in names)
    ]


def program(cells: Sequence[tuple[Sequence[str], str]], exercise: str, horizon: int) -> list[ast.stmt]:
    """The statements that define an exercise, in the notebook's order: its own, and all that these need.

    cells: the exercises that a cell answers, and its source. A name that is an exercise comes from the cells that
    answer it; other names from the statements that bind and change them, down to the cell `horizon`, or below where
    none do above. Cells that are not Python give nothing, except that the exercise's own raise SyntaxError.
    """
    answered = {name for names, _ in cells for name in names}
    statements: list[Statement] = []
    own: list[int] = []
    makers: dict[str, list[tuple[int, int]]] = defaultdict(list)  # of a name, the (cell, place) of what makes it
    for i, (names, source) in enumerate(cells):
        elsewhere = answered.difference(names)
        for statement in _statements(source, strict=exercise in names):
            place = len(statements)
            statements.append(statement)
            binds = statement.binds - elsewhere
            # what this cell has of an exercise that others answer is left to those
            if exercise in names and (binds or not statement.binds):
                own.append(place)
            for name in binds | statement.changes:
                makers[name].append((i, place))
    # `torch.f(x)` looks like a change of torch; if it were one, each such line would be run
    imported = {name for statement in statements if statement.imports for name in statement.binds}

    def made_by(name: str) -> list[int]:
        made = [(i, p) for i, p in makers[name] if name in statements[p].binds or name not in imported]
        if name in answered:
            return [p for i, p in made if name in cells[i][0] or i <= horizon]
        return [p for i, p in made if i <= horizon] or [p for _, p in made]

    wanted: set[int] = set()
    todo = [*own, *made_by(exercise)]
    while todo:
        place = todo.pop()
        if place not in wanted:
            wanted.add(place)
            todo += [p for name in (ALWAYS, *statements[place].needs) for p in made_by(name)]
    return [statements[place].code for place in sorted(wanted)]


def _statements(source: str, strict: bool) -> list[Statement]:
    try:
        return [_described(code) for code in ast.parse(_without_magic(source), "the cell").body]
    except (SyntaxError, ValueError, RecursionError):
        if strict:
            raise
        return []


def _without_magic(source: str) -> str:
    """The cell with IPython's own lines (%magic, !shell, name?) turned into calls, as its kernel would."""
    if source.lstrip().startswith(MAGICS):
        source = source.lstrip().partition("\n")[2]
    try:
        ast.parse(source)
        return source
    except SyntaxError:
        return TransformerManager().transform_cell(source)


def _described(code: ast.stmt) -> Statement:
    if isinstance(code, ast.ImportFrom) and (code.module == "__future__" or code.names[0].name == "*"):
        return Statement(code, frozenset({ALWAYS}), frozenset(), frozenset())
    top = symtable.symtable(ast.unparse(code), "cell", "exec")
    binds = {symbol.get_name() for symbol in top.get_symbols() if symbol.is_assigned() or symbol.is_imported()}
    needs = {symbol.get_name() for symbol in top.get_symbols() if symbol.is_referenced()}
    for table in _inner(top):
        needs |= {symbol.get_name() for symbol in table.get_symbols() if symbol.is_global()}
        # `global a` in a function: who needs a needs the function
        binds |= {symbol.get_name() for symbol in table.get_symbols() if symbol.is_declared_global()}
    return Statement(code, frozenset(binds), frozenset(_changed(code)), frozenset(needs))


def _inner(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    for child in table.get_children():
        yield child
        yield from _inner(child)


def _changed(code: ast.stmt) -> set[str]:
    """Names whose content a statement changes: `table["a"] = 1`, `model.width = 2`, `names.append(3)`,
    `setattr(model, "width", 2)`, and what the decorators of a definition name."""
    if isinstance(code, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        within = [node for decorator in code.decorator_list for node in ast.walk(decorator)]
        return {node.id for node in within if isinstance(node, ast.Name)}
    parts = ast.Subscript | ast.Attribute
    stored = [n for n in ast.walk(code) if isinstance(n, parts) and isinstance(n.ctx, ast.Store)]
    calls = [n for n in ast.walk(code) if isinstance(n, ast.Call)]
    called = [call.func for call in calls if isinstance(call.func, ast.Attribute)]
    set_by_name = [call.args[0] for call in calls if call.args and _root(call.func) in ("setattr", "delattr")]
    return {name for node in stored + called + set_by_name if (name := _root(node))}


def _root(node: ast.expr) -> str | None:
    while isinstance(node, ast.Subscript | ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None
