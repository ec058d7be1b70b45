"""What a told figure is: a sentence of a chapter, the experiment behind it, and what has to come out."""

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

SOLUTIONS = Path(__file__).parents[2] / "solutions"
Range = tuple[float, float]  # the lowest and the highest value that the sentence allows
Measured = Mapping[str, float | Sequence[float]]  # one number for each name, or one for each seed


@dataclass(frozen=True)
class Figure:
    """A sentence that stands word for word in a chapter, "07" say, and its experiment.

    It takes about so many `seconds` on a CPU, of which one core is used. `expected` has a range for each of its names.
    """

    chapter: str
    sentence: str
    seconds: int
    expected: dict[str, Range]
    experiment: Callable[[], Measured]

    @property
    def name(self) -> str:
        return self.experiment.__name__

    def run(self) -> list[tuple[str, list[float], Range, bool]]:
        """Each of the expected names with its values, its range, and whether all values lie in it.

        Raises ValueError if the experiment measures something else than what is expected.
        """
        measured, rows = self.experiment(), []
        if measured.keys() != self.expected.keys():
            raise ValueError(f"{self.name} measures {', '.join(measured)}; expected are {', '.join(self.expected)}")
        for name, (low, high) in self.expected.items():
            value = measured[name]
            values = [float(each) for each in (value if isinstance(value, Sequence) else [value])]
            rows.append((name, values, (low, high), bool(values) and all(low <= each <= high for each in values)))
        return rows


FIGURES: dict[str, Figure] = {}  # by name


def told(chapter: str, sentence: str, seconds: int, expected: dict[str, Range]) -> Callable[[Callable], Callable]:
    """Enter the experiment that follows among FIGURES, under its own name. Raises ValueError if that is taken."""

    def enter(experiment: Callable[[], Measured]) -> Callable[[], Measured]:
        figure = Figure(chapter, sentence, seconds, expected, experiment)
        if figure.name in FIGURES:
            raise ValueError(f"two told figures are called {figure.name}")
        FIGURES[figure.name] = figure
        return experiment

    return enter


def defined_in(chapter: str, *assigned: str) -> Any:
    """What the chapter imports and defines, and of its variables those that are named; nothing else of it is run.

    A figure uses the chapter's own functions, so it measures what the text talks about. Their global names are those of
    the module that is returned: after `module.seeds = [3, 4, 5]` they use these seeds. Raises LookupError for a
    variable that is not assigned in the chapter.
    """
    (path,) = SOLUTIONS.glob(f"{chapter}_*.py")
    kept: list[ast.stmt] = []
    missing = set(assigned)
    for statement in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(statement, ast.Assign | ast.AugAssign):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            names = {target.id for target in targets if isinstance(target, ast.Name)}
            missing -= names
            if names & set(assigned):
                kept.append(statement)
        elif isinstance(statement, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef):
            kept.append(statement)
    if missing:
        raise LookupError(f"{path.name} assigns no {', '.join(sorted(missing))}")
    module = ModuleType(f"chapter_{chapter}")
    exec(compile(ast.Module(kept, []), str(path), "exec"), module.__dict__)
    return module
