"""Writes small Llamas as the library `transformers` publishes them, and what it says that they answer.

python published_llamas.py FOLDER: into FOLDER, for each name below, a folder as a reader would have downloaded it, and
beside it NAME.answers with tokens, logits, attention weights, and a text that goes on from the tokens. It runs in a
process of its own, where the library is on the path; the list of models can be had without it.
"""

import json
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

SMALL = {
    "vocab_size": 101,
    "hidden_size": 48,
    "intermediate_size": 80,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "initializer_range": 0.25,  # as large as in a trained model: weights that are far from even
    "eos_token_id": None,
}
SLOWED = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}
# what differs from SMALL, and how it is saved
MODELS = {
    "two_heads_a_key": ({}, {}),
    "four_heads_a_key": ({"num_key_value_heads": 1}, {}),
    "a_key_each": ({"num_key_value_heads": 4, "rms_norm_eps": 1e-2}, {}),
    "tied": ({"tie_word_embeddings": True}, {}),
    "slowed": ({"rope_parameters": SLOWED | {"rope_theta": 500_000.0}}, {}),
    "shards": ({}, {"max_shard_size": "30KB"}),
    "bfloat16": ({"tie_word_embeddings": True, "num_key_value_heads": 1}, {"dtype": torch.bfloat16}),
    "float16": ({}, {"dtype": torch.float16, "max_shard_size": "60KB"}),
    "biases": ({"attention_bias": True, "mlp_bias": True}, {}),
    "wide_heads": ({"head_dim": 20, "rope_parameters": {"rope_type": "default", "rope_theta": 100.0}}, {}),
    "older_config": ({"rope_parameters": SLOWED | {"rope_theta": 1_000.0}}, {}),
}


def older(settings: dict) -> dict:
    """The settings as they were published with Llama 3.1."""
    rope = settings.pop("rope_parameters")
    settings.pop("head_dim")
    return settings | {"rope_theta": rope.pop("rope_theta"), "rope_scaling": rope, "torch_dtype": settings.pop("dtype")}


def write(folder: Path, differences: dict, saving: dict) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    model = LlamaForCausalLM(LlamaConfig(**SMALL | differences))
    with torch.no_grad():
        for parameter in model.parameters():  # norms are ones and biases zeros at the start
            if parameter.ndim == 1:
                parameter += 0.3 * torch.randn(parameter.shape)
    model.to(saving.get("dtype", torch.float32))
    model.save_pretrained(folder, max_shard_size=saving.get("max_shard_size", "50GB"))
    if folder.name == "older_config":
        path = folder / "config.json"
        path.write_text(json.dumps(older(json.loads(path.read_text()))))


def answers(folder: Path) -> dict[str, torch.Tensor]:
    from transformers import LlamaForCausalLM

    model = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    tokens = torch.randint(SMALL["vocab_size"], (2, 90))
    out = model(tokens, output_attentions=True)
    prompt = tokens[:, :7]
    text = model.generate(prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=64, do_sample=False)
    half = LlamaForCausalLM.from_pretrained(folder, dtype=torch.bfloat16, attn_implementation="eager").eval()
    return {
        "tokens": tokens,
        "logits": out.logits,
        "weights": torch.stack(out.attentions),  # (layers, B, heads, T, T)
        "text": text,
        "logits_in_bfloat16": half(tokens).logits,
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    for seed, (name, model) in enumerate(MODELS.items()):
        torch.manual_seed(seed)
        write(Path(sys.argv[1], name), *model)
        with torch.no_grad():
            save_file(answers(Path(sys.argv[1], name)), Path(sys.argv[1], f"{name}.answers"))
