"""The places of an exercise: its module in the bank, its name in the list, its cells in the source of a chapter."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
BANK = Path("utils") / "exercises" / "bank"
LIST = BANK / "__init__.py"

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
# What it is for, and what is asked.
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
    sources = sorted((root / "solutions").glob(f"{chapter}_*.py"))
    listed = _listed(root)
    if not name.isidentifier():
        raise ValueError(f"{name!r} is no name of a function or a class")
    if name in listed or (root / BANK / f"{name}.py").exists():
        raise ValueError(f"there is an exercise {name} already")
    if len(sources) != 1:
        raise ValueError(f"no chapter has the number {chapter!r}; give two digits, as in 02")
    source = sources[0]
    there = _exercises(source)
    kind, indent = (CLASS, 8) if name[0].isupper() else (FUNCTION, 4)
    parts = {"name": name, "number": f"{int(chapter)}.{len(there) + 1}", "title": name.replace("_", " ").capitalize()}
    marks = {"begin": f"# BEGIN SOLUTION\n{' ' * indent}", "end": f"\n{' ' * indent}# END SOLUTION"}
    module = MODULE.format(stub=kind.format(begin="", end="", **parts), **parts)
    cells = CELLS.format(stub=kind.format(**marks, **parts), **parts)

    earlier = [one for path in sorted((root / "solutions").glob("*.py")) if path <= source for one in _exercises(path)]
    place = 1 + max((listed.index(one) for one in earlier if one in listed), default=-1)
    names = "".join(f'    "{one}",\n' for one in [*listed[:place], name, *listed[place:]])
    text = (root / LIST).read_text(encoding="utf-8")
    text = re.sub(r"(NAMES = \[\n).*?(\])", rf"\g<1>{names}\g<2>", text, flags=re.S)
    (root / LIST).write_text(text, encoding="utf-8")
    (root / BANK / f"{name}.py").write_text(module, encoding="utf-8")
    source.write_text(source.read_text(encoding="utf-8").rstrip() + "\n" + cells, encoding="utf-8")
    return [BANK / f"{name}.py", LIST, source.relative_to(root)]


def missing(name: str, root: Path = ROOT) -> Iterator[str]:
    """A sentence for each place that the exercise has not got."""
    if not (root / BANK / f"{name}.py").exists():
        yield f"it has no module {BANK / name}.py"
    if name not in _listed(root):
        yield f"it is not in the list of {LIST}"
    if not any(name in _exercises(path) for path in (root / "solutions").glob("*.py")):
        yield f'no source in solutions/ has a cell marked exercise="{name}"'


def _listed(root: Path) -> list[str]:
    return re.findall(r'^    "(\w+)",$', (root / LIST).read_text(encoding="utf-8"), re.M)


def _exercises(source: Path) -> list[str]:
    return re.findall(r'^# %% .*\bexercise="(\w+)"', source.read_text(encoding="utf-8"), re.M)
