"""What is cached is made once, is whole or not there, and is never another's."""

import contextlib
import json
import os
import resource
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest
from quick_names import numbers_module, spelled

from utils import data
from utils.data.cache import cached

ROOT = Path(__file__).parents[2]


def files(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_names_are_made_once_and_then_read(named, empty_cache):
    first = data.number_names("fr", train=60)
    assert Counter(lang for lang, _ in named).keys() == {"en", "fr"}
    assert len(files(empty_cache)) == 2 and all(path.suffix == ".json" for path in files(empty_cache))
    named.clear()
    second = data.number_names("fr", train=60)
    assert named == [] and (first.train, first.test) == (second.train, second.test)


@pytest.mark.parametrize("damage", [b"", b'["null", "ei', b"\x00\x00", b"\xff\xfe", b"null", b"[]", b'["null"]'])
def test_a_damaged_file_is_made_again(damage, named, empty_cache):
    whole = data.number_names("fr", train=60)
    before = [path.read_bytes() for path in files(empty_cache)]
    for path in files(empty_cache):
        path.write_bytes(damage)
    assert data.number_names("fr", train=60).train == whole.train
    assert [path.read_bytes() for path in files(empty_cache)] == before


@pytest.mark.parametrize("seeds", [("0", 0), (None, None)], ids=str)
def test_a_number_never_gets_the_cached_name_of_another(seeds, named):
    for seed in seeds:
        for pair in data.number_names("fr", train=50, seed=seed).train:
            assert pair.target == (spelled(pair.about),)


def test_a_later_recipe_does_not_meet_the_names_of_an_earlier_one(named, monkeypatch):
    data.number_names("fr", train=50)
    monkeypatch.setattr(numbers_module, "TEST_OTHERWISE", 90)
    corpus = data.number_names("fr", train=50)
    assert all(pair.target == (spelled(pair.about),) for pair in corpus.test)


def test_what_cannot_be_kept_is_made_each_time(named, empty_cache, monkeypatch):
    (empty_cache / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(empty_cache / "file"))
    first = data.number_names("fr", train=60)
    count = len(named)
    assert data.number_names("fr", train=60).train == first.train
    assert len(named) == 2 * count > 0 and files(empty_cache) == [empty_cache / "file"]


def test_no_draft_is_left_when_a_folder_is_in_the_way(empty_cache):
    cached("words", list)
    (path,) = files(empty_cache)
    path.unlink()
    path.mkdir()
    assert cached("words", lambda: ["a"]) == ["a"]
    assert files(empty_cache) == []


def test_no_draft_is_left_when_the_disk_is_full(empty_cache):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    words = ["word"] * 100_000
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        found = cached("words", lambda: words)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert found == words and files(empty_cache) == []


def test_no_draft_is_left_when_writing_is_interrupted(empty_cache, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        cached("words", list)
    assert files(empty_cache) == []


def test_an_error_while_building_reaches_the_caller_and_keeps_nothing(empty_cache):
    with pytest.raises(ZeroDivisionError):
        cached("words", lambda: 1 / 0)
    assert files(empty_cache) == []
    assert cached("words", lambda: ["a"]) == ["a"]


def test_a_reader_never_sees_half_a_file(empty_cache):
    words = ["word"] * 300_000
    cached("words", lambda: words)
    (path,) = files(empty_cache)

    def write():
        for _ in range(4):
            path.unlink(missing_ok=True)
            cached("words", lambda: words)

    writers = [threading.Thread(target=write) for _ in range(2)]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        with contextlib.suppress(FileNotFoundError):
            assert path.stat().st_size == len(json.dumps(words))


def test_processes_that_start_together_agree_and_leave_a_whole_file(empty_cache):
    script = """
import sys, time, types
package = types.ModuleType("utils.data")  # without its __init__, which imports torch: it would take seconds
package.__path__ = ["utils/data"]
sys.modules["utils.data"] = package
from utils.data.cache import cached
print("ready", flush=True)
sys.stdin.readline()
found = cached("words", lambda: time.sleep(0.1) or ["word"] * 100_000)
print(len(found), set(found))
"""
    options = dict(cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    processes = [subprocess.Popen([sys.executable, "-c", script], **options) for _ in range(4)]
    assert [process.stdout.readline() for process in processes] == ["ready\n"] * 4
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    assert [process.communicate()[0] for process in processes] == ["100000 {'word'}\n"] * 4
    (path,) = files(empty_cache)
    assert json.loads(path.read_text()) == ["word"] * 100_000
