"""Text that every machine has: the source of Python's standard library, as bytes."""

import hashlib
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Generator, Tensor

LEFT_OUT = {"site-packages", "dist-packages", "test", "tests", "idlelib"}
ONE_HELD_OUT_OF = 20
ENOUGH = 100  # files; a whole library has several hundred


class SourceCode(NamedTuple):
    """The bytes to learn from and those of the files held out, each one tensor (N,) of uint8."""

    train: Tensor
    held_out: Tensor


def source_code(folder: Path | None = None) -> SourceCode:
    """The Python files of the standard library that runs this, one after the other; without its tests.

    About one file in twenty is held out, chosen by its path, so that a file is on the same side on every machine.
    What is in the files depends on the version of Python. Raises FileNotFoundError where the source is not there.
    """
    root = folder or Path(sysconfig.get_path("stdlib"))
    found = [path.relative_to(root) for path in root.rglob("*.py")]
    files = sorted(path.as_posix() for path in found if not LEFT_OUT.intersection(path.parts))
    if len(files) < ENOUGH:
        raise FileNotFoundError(
            f"the source of Python's standard library should be in {root}, and {len(files)} Python files are there. "
            f"Some builds of Python leave it out; one from python.org or conda has it"
        )
    sides = {True: bytearray(), False: bytearray()}
    for path in files:
        sides[_is_held_out(path)] += (root / path).read_bytes() + b"\n"
    return SourceCode(*(torch.frombuffer(sides[side], dtype=torch.uint8) for side in (False, True)))


def _is_held_out(path: str) -> bool:
    return int(hashlib.sha1(path.encode()).hexdigest(), 16) % ONE_HELD_OUT_OF == 0


def windows(text: Tensor, length: int, size: int, seed: int = 0) -> Iterator[tuple[Tensor]]:
    """Batches (size, length) of stretches of the text (N,), from anywhere in it, without end; drawn from the seed.

    Raises ValueError for a text that is shorter than one stretch.
    """
    if len(text) < length:
        raise ValueError(f"a text of {len(text)} bytes has no stretch of {length}")
    return _windows(text, length, size, Generator().manual_seed(seed))


def _windows(text: Tensor, length: int, size: int, generator: Generator) -> Iterator[tuple[Tensor]]:
    while True:
        starts = torch.randint(len(text) - length + 1, (size, 1), generator=generator)
        yield (text[starts + torch.arange(length)].long(),)  # (size, length)
