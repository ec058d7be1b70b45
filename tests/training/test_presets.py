"""The presets of the language model: plain data, and the way a GPU goes, tried in small on a CPU."""

import dataclasses
import functools
import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from utils import data, models
from utils.models import text_loss
from utils.training import presets
from utils.training.presets import PRESETS, bits_per_byte


def text(length=4000, kinds=6):
    return torch.randint(97, 97 + kinds, (length,), generator=torch.Generator().manual_seed(0)).to(torch.uint8)


def small(name):
    """The preset in everything but size: the same precision, compiled if it is."""
    return dataclasses.replace(PRESETS[name], width=8, heads=2, layers=2, context=12, batch=4, steps=4, warm_up=2)


@pytest.fixture
def any_compiler(monkeypatch):
    """torch.compile that traces as ever and leaves out the compiler, which not every machine has."""
    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend="eager"))


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_trains_in_small(name, any_compiler, capsys):
    torch.manual_seed(0)
    preset = small(name)
    model = preset.build()
    losses = preset.train(model, text())
    assert losses.shape == (4,) and losses.isfinite().all() and losses.dtype == torch.float32
    assert losses[0] == pytest.approx(math.log(256), rel=1e-3) and losses[-1] < losses[0]
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert ("compiled" in capsys.readouterr().out) == preset.compiled


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_goes_on_after_an_interruption(name, any_compiler, tmp_path):
    torch.manual_seed(0)
    preset, path = small(name), tmp_path / "training.pt"
    once, resumed = preset.build(), preset.build()
    resumed.load_state_dict(once.state_dict())
    losses = preset.train(once, text(), path=path)
    assert torch.equal(preset.train(resumed, text(), path=path), losses)
    with pytest.raises(ValueError, match="of another training: heads 2 there, 4 here"):
        dataclasses.replace(preset, heads=4).train(dataclasses.replace(preset, heads=4).build(), text(), path=path)
    with pytest.raises(ValueError, match="of another training"):
        dataclasses.replace(preset, width=16).train(dataclasses.replace(preset, width=16).build(), text(), path=path)


def test_lower_precision_is_used_and_gives_nearly_the_same():
    seen = []

    def loss(model, tokens):
        logits = model(tokens)
        seen.append(logits.dtype)
        return models.next_token_loss(logits, tokens)

    losses = {}
    for precision in ("float32", "bfloat16"):
        torch.manual_seed(0)
        preset = dataclasses.replace(small("cpu"), precision=precision)
        losses[precision] = preset.train(preset.build(), text(), loss)
    assert set(seen[:4]) == {torch.float32} and set(seen[4:]) == {torch.bfloat16}
    torch.testing.assert_close(losses["bfloat16"], losses["float32"], rtol=0.02, atol=0)


@pytest.mark.parametrize("name", PRESETS)
def test_the_sizes_fit_together(name):
    preset = PRESETS[name]
    with torch.device("meta"):
        model = preset.build()
    assert preset.width % (2 * preset.heads) == 0  # rotary needs heads of even width
    assert model.context == preset.context and len(model.blocks) == preset.layers
    assert getattr(torch, preset.precision).is_floating_point and preset.warm_up < preset.steps


def test_another_class_can_take_the_models_place():
    assert type(PRESETS["cpu"].build(lambda *sizes: nn.Linear(*sizes[:2]))) is nn.Linear


def test_bits_per_byte_are_the_mean_surprise_of_all_that_is_predicted():
    torch.manual_seed(0)
    model, some = models.LanguageModel(256, 8, 2, 1, 10), text(107)
    assert bits_per_byte(model, some, 10) == pytest.approx(8, rel=1e-6)
    nn.init.normal_(model.head.weight)
    stretches = some[:100].view(10, 10).long()
    nats = F.cross_entropy(model(stretches)[:, :-1].flatten(0, 1), stretches[:, 1:].flatten())
    for batch in (1, 3, 10, 64):
        assert bits_per_byte(model, some, 10, batch=batch) == pytest.approx(nats.item() / math.log(2), rel=1e-5)
    assert bits_per_byte(model, some, 10) == pytest.approx(text_loss(model, stretches).item() / math.log(2), rel=1e-5)


def test_the_command_trains_and_says_how_good_it_is(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(presets.PRESETS, "cpu", small("cpu"))
    monkeypatch.setattr(data, "source_code", lambda: data.SourceCode(text(), text(200)))
    presets.main(["cpu", "--steps", "3", "--checkpoint", str(tmp_path / "cpu.pt")])
    assert "bits per byte on the files held out" in capsys.readouterr().out and (tmp_path / "cpu.pt").exists()
    with pytest.raises(SystemExit, match="number of steps 3 there, 450 here"):
        presets.main(["cpu", "--steps", "450", "--checkpoint", str(tmp_path / "cpu.pt")])


@pytest.mark.parametrize("arguments", [["mainframe"], ["cpu", "--steps", "0"]])
def test_what_the_command_cannot_do_is_refused(arguments):
    with pytest.raises(SystemExit):
        presets.main(arguments)
