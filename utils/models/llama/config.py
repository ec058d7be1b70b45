"""config.json: the sizes of a published model, and what would be silently wrong if it were not refused."""

import json
from pathlib import Path
from typing import Any

from ..positions import BASE
from .architecture import Architecture, Slowed


def read_json(path: Path) -> dict[str, Any]:
    """What the file says. Raises FileNotFoundError, or ValueError if it is no JSON of names and values."""
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing")
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is no JSON ({error})") from None
    if not isinstance(settings, dict):
        raise ValueError(f"{path} is JSON, but not of names and values")
    return settings


def read_config(path: Path) -> Architecture:
    """The architecture that a config.json describes; what it leaves out is as in the library `transformers`.

    Raises ValueError, with the setting, for what is not implemented here or does not fit together.
    """
    settings = read_json(path)
    rope = settings.get("rope_scaling") or settings.get("rope_parameters") or {}  # the older name and the newer
    if not isinstance(rope, dict) or any(isinstance(value, dict) for value in rope.values()):
        raise ValueError(f"{path}: the settings of rotary must be one value for each name, got {json.dumps(rope)}")
    kind = rope.get("rope_type", rope.get("type", "default"))
    part = rope.get("partial_rotary_factor", settings.get("partial_rotary_factor"))
    for name, found, *known in (
        ("model_type", settings.get("model_type"), "llama"),
        ("architectures", settings.get("architectures"), ["LlamaForCausalLM"], None),
        ("hidden_act", settings.get("hidden_act", "silu"), "silu"),
        ("rope_type", kind, "default", "llama3"),
        ("partial_rotary_factor", part, 1, None),
        ("sliding_window", settings.get("sliding_window"), None),
        ("quantization_config", settings.get("quantization_config"), None),
    ):
        if found not in known:
            implemented = " or ".join(map(json.dumps, known))
            raise ValueError(f'{path} has "{name}": {json.dumps(found)}, and only {implemented} is implemented here')

    def size(name: str, default: int | None = None) -> int:
        return int(_positive(path, settings, name, default, int))

    d_model, heads, context = size("hidden_size"), size("num_attention_heads"), size("max_position_embeddings", 2048)
    key_heads, d_k = size("num_key_value_heads", heads), size("head_dim", d_model // heads)
    if heads % key_heads:
        raise ValueError(f"{path}: {heads} query heads do not divide into {key_heads} key heads")
    if d_k % 2:
        raise ValueError(f"{path}: rotary turns pairs of columns, and a head has {d_k}")
    return Architecture(
        vocabulary=size("vocab_size"),
        d_model=d_model,
        d_hidden=size("intermediate_size"),
        layers=size("num_hidden_layers"),
        heads=heads,
        key_heads=key_heads,
        d_k=d_k,
        context=context,
        epsilon=_positive(path, settings, "rms_norm_eps", 1e-6),
        base=_positive(path, settings | rope, "rope_theta", BASE),
        slowed=_slowed(path, rope | settings, context) if kind == "llama3" else None,
        tied=bool(settings.get("tie_word_embeddings")),
        attention_bias=bool(settings.get("attention_bias")),
        mlp_bias=bool(settings.get("mlp_bias")),
    )


def _slowed(path: Path, rope: dict[str, Any], context: int) -> Slowed:
    factor, few, many = (_positive(path, rope, name) for name in ("factor", "low_freq_factor", "high_freq_factor"))
    if few >= many:
        raise ValueError(f"{path}: low_freq_factor {few} must be below high_freq_factor {many}")
    return Slowed(factor, few, many, int(_positive(path, rope, "original_max_position_embeddings", context, int)))


def _positive(
    path: Path, settings: dict[str, Any], name: str, default: float | None = None, kind: type = float
) -> float:
    """The number of this name. Raises ValueError if it is not one above zero, or not a whole one where it should be."""
    found = default if settings.get(name) is None else settings[name]
    allowed = int if kind is int else int | float
    if not isinstance(found, allowed) or isinstance(found, bool) or not found > 0:
        what = "a whole number" if kind is int else "a number"
        raise ValueError(f'{path}: "{name}" must be {what} above zero, got {json.dumps(found)}')
    return found
