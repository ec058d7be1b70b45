"""Llama against the library `transformers`, on small models that the library has written."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from published_llamas import MODELS, SLOWED
from safetensors.torch import load_file

from utils.models import attention_weights, llama

ROOT = Path(__file__).parents[2]
BESIDE = ROOT / ".transformers"
PRESENT = BESIDE.is_dir() or importlib.util.find_spec("transformers") is not None
pytestmark = [
    pytest.mark.repository,
    pytest.mark.skipif(not PRESENT, reason="needs transformers: tests/models/transformers.txt says how to install it"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The models and their answers, from a process of the library's own that does not reach for a network."""
    folder = tmp_path_factory.mktemp("published")
    environment = os.environ | {"PYTHONPATH": str(BESIDE), "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, Path(__file__).with_name("published_llamas.py"), folder]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(params=MODELS)
def published(folder, request):
    """A model as we read it, and what it should answer."""
    with torch.no_grad():
        yield llama.load(folder / request.param)[0], load_file(folder / f"{request.param}.answers")


def near(found, expected, tolerance=1e-4):
    """As near, relative to the largest number."""
    assert found.shape == expected.shape and found.dtype == expected.dtype
    assert (found - expected).abs().max() <= tolerance * expected.abs().max()


def test_logits_are_the_librarys(published):
    model, expected = published
    near(model(expected["tokens"]), expected["logits"])


def test_attention_weights_are_the_librarys(published):
    model, expected = published
    near(torch.stack(attention_weights(model, expected["tokens"])), expected["weights"])


def test_a_text_written_with_caches_is_the_librarys_word_for_word(published):
    model, expected = published
    text, caches = expected["text"][:, :7], model.new_caches()
    new = text
    for _ in range(64):
        new = model(new, caches)[:, -1:].argmax(-1)  # (B, 1)
        text = torch.cat([text, new], 1)
    assert torch.equal(text, expected["text"])


def test_prompt_and_tokens_through_caches_give_the_logits_of_the_whole(published):
    model, expected = published
    tokens, caches = expected["tokens"], model.new_caches()
    parts = [model(part, caches) for part in tokens.split([23, 5, *[1] * 62], 1)]
    near(torch.cat(parts, 1), expected["logits"])


@pytest.mark.parametrize("name", MODELS)
def test_in_bfloat16_it_is_as_near_to_float32_as_the_library_is(folder, name):
    model, expected = llama.load(folder / name, torch.bfloat16)[0], load_file(folder / f"{name}.answers")
    assert {parameter.dtype for parameter in model.parameters()} == {torch.bfloat16}
    with torch.no_grad():
        ours = model(expected["tokens"]) - expected["logits"]
    theirs = expected["logits_in_bfloat16"] - expected["logits"]
    assert 0 < ours.square().mean() < 1.5 * theirs.square().mean()


def test_the_models_differ_in_what_they_are_named_for(folder):
    """So that each of these tests can fail: turns that are not slowed, for example, give other answers."""
    assert len(list((folder / "shards").glob("*.safetensors"))) > 3
    dtypes = [
        next(iter(load_file(folder / name / "model.safetensors").values())).dtype for name in ("tied", "bfloat16")
    ]
    assert dtypes == [torch.float32, torch.bfloat16]
    config = (folder / "older_config" / "config.json").read_text()
    assert '"rope_scaling"' in config and '"rope_parameters"' not in config and '"head_dim"' not in config
    model, expected = llama.load(folder / "slowed")[0], load_file(folder / "slowed.answers")
    assert expected["tokens"].size(1) > 2 * SLOWED["original_max_position_embeddings"]
    model.rates = llama.rotary_rates(12, 500_000.0)
    with torch.no_grad():
        assert not torch.isclose(model(expected["tokens"])[:, 32:], expected["logits"][:, 32:], rtol=0.01).all(-1).any()
