"""Keeps what takes seconds to make in the user's cache folder, as JSON."""

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import platformdirs

from utils.whole_files import whole_file


def cached(name: str, build: Callable[[], Any], fits: Callable[[Any], bool] = lambda kept: True) -> Any:
    """What `build()` gave the first time it was called under this name; made of lists, strings and numbers.

    The name becomes a file's name, so it has to say all that the result depends on. A file appears whole or not at
    all, so another process may read or write it at the same time. Where nothing can be read that `fits`, or nothing can
    be kept, build() is called.
    """
    folder = Path(platformdirs.user_cache_dir("attention-course", appauthor=False))
    path = folder / f"{name}.json"
    with contextlib.suppress(OSError, ValueError):
        kept = json.loads(path.read_text(encoding="utf-8"))
        if fits(kept):
            return kept
    built = build()
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as draft:
            draft.write(json.dumps(built, ensure_ascii=False).encode())
    return built
