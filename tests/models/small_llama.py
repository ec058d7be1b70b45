"""A small Llama, and its folder as it is downloaded."""

import json

import torch
from safetensors.torch import load_file, save_file

from utils.models import llama
from utils.models.llama.files import published

SLOWED = {"factor": 4.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8}
CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "vocab_size": 23,
    "hidden_size": 16,
    "intermediate_size": 20,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 32,
    "rms_norm_eps": 1e-5,
    "rope_theta": 100.0,
    "rope_scaling": {"rope_type": "llama3"} | SLOWED,
}
ARCHITECTURE = llama.Architecture(
    vocabulary=23, d_model=16, d_hidden=20, layers=2, heads=4, key_heads=2, d_k=4, context=32, epsilon=1e-5, base=100.0,
    slowed=llama.Slowed(4.0, 1.0, 4.0, 8),
)  # fmt: skip


def drawn(architecture=ARCHITECTURE, seed=0):
    """A model with every parameter drawn, so that no two of them are alike."""
    model, generator = llama.Llama(architecture), torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) / parameter.size(-1) ** 0.5)
    return model


def tensors(model):
    return {published(name): parameter.detach() for name, parameter in model.named_parameters()}


def downloaded(folder):
    """Write the folder: a config, one file of weights, no tokenizer."""
    config(folder)
    save_file(tensors(drawn()), folder / "model.safetensors")


def config(folder, **settings):
    (folder / "config.json").write_text(json.dumps(CONFIG | settings))


def sharded(folder):
    """The same with three shards and their index; the index."""
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    where = {name: f"model-0000{1 + place % 3}-of-00003.safetensors" for place, name in enumerate(weights)}
    for shard in {*where.values()}:
        save_file({name: tensor for name, tensor in weights.items() if where[name] == shard}, folder / shard)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": where}))
    return where
