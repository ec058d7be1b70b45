"""The places of an exercise: its module in the bank, its name in the list, its cells in the source of a chapter."""

import builtins
import io
import keyword
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
BANK = Path("utils") / "exercises" / "bank"
LIST = BANK / "__init__.py"
LINE, SENTENCE = 120, 40  # columns; a string longer than that makes a line as long as it likes
TAKEN = {"check", "claim", "torch", "normal", "exercise", "mistakes", "Case", "Exercise", "Mistakes", *dir(builtins)}
UNTOUCHED = "What it is for, and what is asked."

MODULE = '''"""What {name} is, in one line."""

import torch

from ..exercise import Case, Exercise, Mistakes, normal


{stub}


# Right, and written differently: two programs or more, on their own feet


# Wrong

mistakes = Mistakes()

# mistakes.add("name_of_the_mistake", lambda x: -x,
#     "Your … What to look at next.")


exercise = Exercise(
    reference={name},
    cases=[
        Case("by hand", x=torch.tensor([1.0, 2.0])),
        Case("a batch", x=normal(2, 3)),
        Case("gradients", x=normal(2, 3), grad=["x"]),
        Case("64-bit numbers", x=normal(3, dtype=torch.float64), grad=["x"]),
    ],
    variants=[],
    mistakes=mistakes,
    points=1,
)
'''
CELLS = """
# %% [markdown]
# ### Exercise {number} · {title}  (5 minutes, about 2 lines)
# {untouched}
#
# <details><summary>Hint</summary>What to try.</details>

# %% exercise="{name}"
{stub}


# %%
{name} = check("{name}", {name})

# %% [markdown] tags=["solution"]
# Why it is written so.
"""
FUNCTION = '''def {name}(x):
    """What it gives, and its shape, from x (…)."""
    {begin}raise NotImplementedError{end}'''
CLASS = '''class {name}:
    """What it is, and what its methods take and give, with shapes."""

    def __init__(self):
        {begin}raise NotImplementedError{end}'''


def new(name: str, chapter: str, root: Path = ROOT) -> list[Path]:
    """Write the skeleton of each place; the paths of the files that were written, from the root.

    Raises ValueError for a name that is none or is taken, and for a chapter (two digits) that is not there.
    """
    _assert_free(name, root)
    sources = sorted((root / "solutions").glob(f"{chapter}_*.py")) if re.fullmatch("[0-9]{2}", chapter) else []
    if len(sources) != 1:
        raise ValueError(f"no chapter has the number {chapter!r}; give two digits, as in 02")
    source = sources[0]
    number = f"{int(chapter)}.{len(_exercises(source)) + 1}"
    kind, indent = (CLASS, " " * 8) if name[0].isupper() else (FUNCTION, " " * 4)
    blank = kind.format(name=name, begin="", end="")
    marked = kind.format(name=name, begin=f"# BEGIN SOLUTION\n{indent}", end=f"\n{indent}# END SOLUTION")
    title = name.replace("_", " ").capitalize()
    cells = CELLS.format(name=name, number=number, title=title, untouched=UNTOUCHED, stub=marked)

    _list(name, source, root)
    (root / BANK / f"{name}.py").write_text(MODULE.format(name=name, stub=blank), encoding="utf-8")
    source.write_text(source.read_text(encoding="utf-8").rstrip() + "\n" + cells, encoding="utf-8")
    return [BANK / f"{name}.py", LIST, source.relative_to(root)]


def _assert_free(name: str, root: Path) -> None:
    modules = {path.stem.lower(): path.name for path in (root / BANK).glob("*.py")}
    if not name.isidentifier() or keyword.iskeyword(name) or not any(map(str.isalpha, name)):
        raise ValueError(f"{name!r} is no name of a function or a class")
    if name in TAKEN:
        raise ValueError(f"{name!r} is the name of something else that is used beside an exercise")
    if name.lower() in modules:
        raise ValueError(f"{name!r} is taken: the bank has a module {modules[name.lower()]}")


def _list(name: str, source: Path, root: Path) -> None:
    """Write the name into the list, after the last exercise of its chapter or of those before."""
    text, listed = (root / LIST).read_text(encoding="utf-8"), _listed(root)
    chapters = [path for path in sorted((root / "solutions").glob("*.py")) if path <= source]
    earlier = {one for path in chapters for one in _exercises(path)}
    place = 1 + max((i for i, one in enumerate(listed) if one in earlier), default=-1)
    names = "".join(f'    "{one}",\n' for one in [*listed[:place], name, *listed[place:]])
    text = re.sub(r"(NAMES = \[\n).*?(\])", rf"\g<1>{names}\g<2>", text, flags=re.S)
    (root / LIST).write_text(text, encoding="utf-8")


def missing(name: str, root: Path = ROOT) -> Iterator[str]:
    """A sentence for each place that the exercise has not got, or that still is as it was begun."""
    module = root / BANK / f"{name}.py"
    if not module.exists():
        yield f"it has no module {BANK / name}.py"
    elif lines := long_lines(module.read_text(encoding="utf-8")):
        yield f"{BANK / name}.py has over {LINE} columns, and not for a sentence, in line {', '.join(map(str, lines))}"
    if name not in _listed(root):
        yield f"it is not in the list of {LIST}"
    sources = [path for path in (root / "solutions").glob("*.py") if name in _exercises(path)]
    if not sources:
        yield f'no source in solutions/ has a cell marked exercise="{name}"'
    for path in sources:
        above = path.read_text(encoding="utf-8").partition(f'exercise="{name}"')[0]
        if UNTOUCHED in above.rpartition("### Exercise")[2]:
            yield f"{path.relative_to(root)} has its cells as they were begun"


def long_lines(text: str) -> list[int]:
    """The numbers of the lines that are too long for something else than a sentence; none where it is no Python."""
    widths = dict(enumerate(map(len, text.splitlines()), 1))
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.STRING and len(token.string) > SENTENCE:
                widths[token.start[0]] -= len(token.string)
    except (SyntaxError, tokenize.TokenError):
        return []
    return [line for line, width in widths.items() if width > LINE]


def _listed(root: Path) -> list[str]:
    return re.findall(r'^    "(\w+)",$', (root / LIST).read_text(encoding="utf-8"), re.M)


def _exercises(source: Path) -> list[str]:
    return re.findall(r'^# %% .*\bexercise="(\w+)"', source.read_text(encoding="utf-8"), re.M)
