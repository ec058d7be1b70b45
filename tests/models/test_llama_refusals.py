"""A folder that is no Llama, or not all of one, is refused in one sentence that names what is wrong."""

import json
import re

import pytest
import torch
from safetensors.torch import load_file, save_file
from small_llama import SLOWED, config, drawn, sharded, tensors

from utils.models import llama

NORM = "model.layers.1.input_layernorm.weight"


def resaved(folder, **changes):
    """The weights with some changed (dots in names as __), or without those that are None."""
    weights = load_file(folder / "model.safetensors")
    changed = {name.replace("__", "."): tensor for name, tensor in changes.items()}
    weights = {name: tensor for name, tensor in (weights | changed).items() if tensor is not None}
    save_file(weights, folder / "model.safetensors")


def refused(folder, error, sentence):
    """Loading the folder is refused with this sentence, in which … stands for the folder and * for anything."""
    with pytest.raises(error) as caught:
        llama.load(folder)
    pattern = re.escape(sentence).replace("…", re.escape(str(folder))).replace(r"\*", ".*")
    assert re.fullmatch(pattern, str(caught.value)), caught.value


@pytest.mark.parametrize(
    "name, value, only",
    [
        ("model_type", "mistral", '"llama"'),
        ("model_type", None, '"llama"'),
        ("architectures", ["LlamaForSequenceClassification"], '["LlamaForCausalLM"] or null'),
        ("hidden_act", "gelu", '"silu"'),
        ("sliding_window", 4096, "null"),
        ("quantization_config", {"quant_method": "gptq"}, "null"),
        ("partial_rotary_factor", 0.5, "1 or null"),
    ],
)
def test_another_architecture_is_refused_by_the_setting_that_makes_it_one(folder, name, value, only):
    config(folder, **{name: value})
    given = json.dumps(value)
    refused(folder, ValueError, f'…/config.json has "{name}": {given}, and only {only} is implemented here')


@pytest.mark.parametrize("older", [True, False])
@pytest.mark.parametrize("kind", ["yarn", "linear", "dynamic", "longrope"])
def test_other_positions_are_refused(folder, kind, older):
    config(folder, rope_scaling=None, rope_parameters={"rope_type": kind, "factor": 2.0, "rope_theta": 100.0})
    if older:
        config(folder, rope_scaling={"type": kind, "factor": 2.0})
    sentence = f'…/config.json has "rope_type": "{kind}", and only "default" or "llama3" is implemented here'
    refused(folder, ValueError, sentence)


@pytest.mark.parametrize(
    "settings, sentence",
    [
        ({"hidden_size": None}, '"hidden_size" must be a whole number above zero, got null'),
        ({"num_hidden_layers": 2.5}, '"num_hidden_layers" must be a whole number above zero, got 2.5'),
        ({"vocab_size": True}, '"vocab_size" must be a whole number above zero, got true'),
        ({"rms_norm_eps": 0}, '"rms_norm_eps" must be a number above zero, got 0'),
        ({"num_key_value_heads": 3}, "4 query heads do not divide into 3 key heads"),
        ({"head_dim": 5}, "rotary turns pairs of columns, and a head has 5"),
        ({"rope_scaling": {"rope_type": "llama3"}}, '"factor" must be a number above zero, got null'),
        (
            {"rope_scaling": {"rope_type": "llama3"} | SLOWED | {"low_freq_factor": 4.0}},
            "low_freq_factor 4.0 must be below high_freq_factor 4.0",
        ),
        ({"rope_scaling": "llama3"}, 'the settings of rotary must be one value for each name, got "llama3"'),
        (
            {"rope_scaling": {"full_attention": {"rope_type": "default"}}},
            'the settings of rotary must be one value for each name, got {"full_attention": {"rope_type": "default"}}',
        ),
    ],
)
def test_settings_that_make_no_sense_are_named(folder, settings, sentence):
    config(folder, **settings)
    refused(folder, ValueError, f"…/config.json: {sentence}")


def test_a_file_that_is_missing_is_named(folder):
    refused(folder / "nowhere", FileNotFoundError, "…/config.json is missing")
    where = sharded(folder)
    (folder / where[NORM]).unlink()
    refused(folder, FileNotFoundError, f"…/{where[NORM]} is missing, which model.safetensors.index.json names")
    (folder / "model.safetensors.index.json").unlink()
    refused(folder, FileNotFoundError, "… has neither model.safetensors nor model.safetensors.index.json")
    (folder / "config.json").unlink()
    refused(folder, FileNotFoundError, "…/config.json is missing")


@pytest.mark.parametrize("name", ["pytorch_model.bin", "consolidated.00.pth", "pytorch_model-00001-of-00002.bin"])
def test_a_pickle_is_not_opened(folder, name):
    (folder / "model.safetensors").rename(folder / name)
    refused(folder, ValueError, f"… has its weights in a pickle, {name}, and only safetensors are read")


@pytest.mark.parametrize("left", [0, 7, 100, 2000, -1])
def test_a_shard_that_is_cut_off_is_named(folder, left):
    where = sharded(folder)
    path = folder / where[NORM]
    path.write_bytes(path.read_bytes()[:left])
    refused(folder, ValueError, f"…/{where[NORM]} is no safetensors file, or a part of one (*)")


def test_a_pointer_in_place_of_a_file_is_no_weights(folder):
    (folder / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    refused(folder, ValueError, "…/model.safetensors is no safetensors file, or a part of one (*)")


def test_broken_json_is_named(folder):
    (folder / "tokenizer.json").write_text('{"version": "1.0"')
    refused(folder, ValueError, "…/tokenizer.json is no tokenizer, or a broken one (*)")
    sharded(folder)
    index = folder / "model.safetensors.index.json"
    index.write_text('{"metadata": {}}')
    refused(folder, ValueError, "…/model.safetensors.index.json has no weight_map from tensors to files")
    index.write_text("[]")
    refused(folder, ValueError, "…/model.safetensors.index.json is JSON, but not of names and values")
    (folder / "config.json").write_bytes(b"\xff{")
    refused(folder, ValueError, "…/config.json is no JSON (*)")


def test_tensors_that_are_missing_or_have_no_place_are_named(folder):
    resaved(folder, model__norm__weight=None)
    refused(folder, ValueError, "… lacks the tensor model.norm.weight")
    resaved(folder, lm_head__weight=None)
    refused(folder, ValueError, "… lacks the tensor lm_head.weight, and 1 more")
    save_file(tensors(drawn()), folder / "model.safetensors")
    resaved(folder, model__layers__0__self_attn__q_proj__bias=torch.zeros(16))
    sentence = "… has a tensor that its config has no place for, model.layers.0.self_attn.q_proj.bias"
    refused(folder, ValueError, sentence)
    config(folder, num_hidden_layers=1)
    refused(folder, ValueError, f"{sentence}, and 9 more")


def test_a_shape_that_does_not_fit_is_named_with_the_one_that_would(folder):
    resaved(folder, **{NORM.replace(".", "__"): torch.ones(15)})
    refused(folder, ValueError, f"…: the tensor {NORM} is (15,), and by the config it should be (16,)")
    save_file(tensors(drawn()), folder / "model.safetensors")
    config(folder, num_key_value_heads=1)
    name = "model.layers.0.self_attn.k_proj.weight"
    refused(folder, ValueError, f"…: the tensor {name} is (8, 16), and by the config it should be (4, 16)")


@pytest.mark.parametrize("dtype, name", [(torch.int8, "I8"), (torch.float8_e4m3fn, "F8_E4M3")])
def test_numbers_of_a_quantized_model_are_refused(folder, dtype, name):
    resaved(folder, **{NORM.replace(".", "__"): torch.ones(16).to(dtype)})
    sentence = f"…/model.safetensors: the tensor {NORM} is {name}, and only BF16, F16, F32 are read"
    refused(folder, ValueError, sentence)


def test_nothing_is_set_aside_for_a_folder_that_is_refused(folder, monkeypatch):
    (folder / "tokenizer.json").write_text("")
    resaved(folder, model__norm__weight=torch.ones(15))
    monkeypatch.setattr(torch.nn.Module, "to_empty", lambda *_, **__: pytest.fail("memory was taken"))
    refused(folder, ValueError, "…: the tensor model.norm.weight is (15,)*")
    resaved(folder, model__norm__weight=torch.ones(16))
    refused(folder, ValueError, "…/tokenizer.json is no tokenizer*")
