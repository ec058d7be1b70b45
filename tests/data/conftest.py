"""A cache of its own for each test, and names that take no time."""

import pytest
from quick_names import numbers_module, spelled


@pytest.fixture(autouse=True)
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def named(monkeypatch):
    """The numbers that num2words, or rather its quick stand-in, was asked for."""
    asked = []
    monkeypatch.setattr(
        numbers_module, "num2words", lambda number, lang: asked.append((lang, number)) or spelled(number)
    )
    return asked
