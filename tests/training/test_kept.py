"""A language model that is kept for a later chapter."""

import platformdirs
import pytest
import torch

from utils.models import LanguageModel
from utils.training import kept, presets

SMALL = presets.Preset(width=16, heads=2, layers=1, context=8, batch=4, steps=3, rate=1e-2)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setitem(presets.PRESETS, "small", SMALL)
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda *_, **__: str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def trained(monkeypatch):
    """How often a model was trained."""
    calls = []
    whole = presets.Preset.train

    def counted(self, *arguments, **named):
        calls.append(self)
        return whole(self, *arguments, **named)

    monkeypatch.setattr(presets.Preset, "train", counted)
    return calls


def alike(one, other):
    return all(map(torch.equal, one.state_dict().values(), other.state_dict().values()))


def test_the_first_call_trains_and_the_second_reads(trained):
    first, second = kept.text_model("small"), kept.text_model("small")
    assert len(trained) == 1 and alike(first, second) and not second.training


def test_what_another_chapter_has_kept_is_read(trained):
    model = SMALL.build(LanguageModel)
    kept.keep(model, "small")
    assert alike(kept.text_model("small"), model.to(kept.device())) and trained == []


def test_another_preset_does_not_read_it(trained, monkeypatch):
    kept.keep(SMALL.build(LanguageModel), "small")
    monkeypatch.setitem(presets.PRESETS, "small", presets.Preset(**{**vars(SMALL), "steps": 4}))
    kept.text_model("small")
    assert len(trained) == 1


@pytest.mark.parametrize("spoilt", [b"", b"no numbers at all", None])
def test_what_cannot_be_read_or_does_not_fit_is_trained_anew(folder, trained, spoilt):
    kept.keep(SMALL.build(LanguageModel), "small")
    (file,) = folder.iterdir()
    if spoilt is None:
        kept.keep(torch.nn.Linear(2, 3), "small")
    else:
        file.write_bytes(spoilt)
    kept.text_model("small")
    assert len(trained) == 1 and alike(kept.text_model("small"), kept.text_model("small"))


def test_where_nothing_can_be_written_nothing_is_kept_and_nothing_fails(folder, trained):
    folder.write_text("a file where a folder should be")
    kept.text_model("small")
    kept.text_model("small")
    assert len(trained) == 2
