"""The standard library's source as text, and stretches of it."""

import sysconfig
from pathlib import Path

import pytest
import torch

from utils import data

ROOT = Path(sysconfig.get_path("stdlib"))


def library(folder, files=200):
    """A folder that looks like a library: so many files, and some that are to be left out."""
    for i in range(files):
        (folder / f"part{i % 5}").mkdir(exist_ok=True)
        (folder / f"part{i % 5}" / f"module_{i}.py").write_bytes(f"# module {i}".encode())
    for left_out in ("test", "part0/tests", "site-packages/other", "idlelib"):
        (folder / left_out).mkdir(parents=True)
        (folder / left_out / "module.py").write_bytes(b"LEFT OUT")
    (folder / "notes.txt").write_bytes(b"LEFT OUT")
    return folder


def lines(text):
    return bytes(text.tolist()).decode().splitlines()


def test_every_file_is_on_one_side_whole_and_about_one_in_twenty_is_held_out(tmp_path):
    text = data.source_code(library(tmp_path))
    train, held_out = lines(text.train), lines(text.held_out)
    assert sorted(train + held_out) == sorted(f"# module {i}" for i in range(200))
    assert 3 <= len(held_out) <= 20


def test_the_side_depends_on_the_path_alone(tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    one, two = library(tmp_path / "one"), library(tmp_path / "two", files=400)
    held_out = set(lines(data.source_code(one).held_out))
    assert held_out == {line for line in lines(data.source_code(two).held_out) if int(line.split()[-1]) < 200}


def test_the_source_is_there_and_the_same_each_time():
    text, again = data.source_code(), data.source_code()
    assert torch.equal(text.train, again.train) and torch.equal(text.held_out, again.held_out)
    assert text.train.dtype == torch.uint8 and len(text.train) > 5e6 and len(text.held_out) > 1e5
    assert b"def " in bytes(text.held_out.tolist())
    heapq = (ROOT / "heapq.py").read_bytes()
    assert (heapq in bytes(text.train.tolist())) != (heapq in bytes(text.held_out.tolist()))


def test_a_library_without_its_source_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=f"{tmp_path}, and 0 Python files"):
        data.source_code(tmp_path)
    with pytest.raises(FileNotFoundError, match="50 Python files"):
        data.source_code(library(tmp_path, files=50))


def test_windows_are_stretches_of_the_text_from_everywhere():
    text = torch.arange(50, dtype=torch.uint8)
    batches = data.windows(text, 8, 16)
    starts = set()
    for _ in range(30):
        (batch,) = next(batches)
        assert batch.shape == (16, 8) and batch.dtype == torch.int64
        assert torch.equal(batch, batch[:, :1] + torch.arange(8))
        starts |= set(batch[:, 0].tolist())
    assert starts == set(range(43))


def test_windows_come_from_their_seed_and_leave_the_random_numbers_alone():
    text, state = torch.arange(200, dtype=torch.uint8), torch.get_rng_state()
    one, again, other = (next(data.windows(text, 5, 9, seed))[0] for seed in (3, 3, 4))
    assert torch.equal(one, again) and not torch.equal(one, other)
    assert torch.equal(torch.get_rng_state(), state)


def test_a_text_shorter_than_a_window_is_an_error_at_once():
    assert next(data.windows(torch.arange(5), 5, 2))[0].tolist() == [[0, 1, 2, 3, 4]] * 2
    with pytest.raises(ValueError, match="4 bytes has no stretch of 5"):
        data.windows(torch.arange(4), 5, 2)
