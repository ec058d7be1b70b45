"""A folder with a published Llama in it: what must be there, and into which parameters it goes."""

import dataclasses
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from tokenizers import Tokenizer

from .architecture import Llama
from .config import read_config, read_json

WHOLE, INDEX = "model.safetensors", "model.safetensors.index.json"
PICKLES = {".bin", ".pth", ".pt"}
NUMBERS = {"F32", "F16", "BF16"}
PUBLISHED = {  # the course's name of a part: its name in the files
    "embedding": "model.embed_tokens",
    "norm_1": "input_layernorm",
    "attention.W_q": "self_attn.q_proj",
    "attention.W_k": "self_attn.k_proj",
    "attention.W_v": "self_attn.v_proj",
    "attention.W_o": "self_attn.o_proj",
    "norm_2": "post_attention_layernorm",
    "gate": "mlp.gate_proj",
    "up": "mlp.up_proj",
    "down": "mlp.down_proj",
    "norm": "model.norm",
    "head": "lm_head",
}
COMPUTED = "rotary_emb.inv_freq"  # older files hold what follows from the config
Shapes = Mapping[str, tuple[int, ...]]


def load(folder: str | Path, dtype: torch.dtype = torch.float32) -> tuple[Llama, Tokenizer | None]:
    """The model and the tokenizer in a folder that you have downloaded, as Llamas are published on Hugging Face.

    It reads config.json, the weights (model.safetensors, or the shards that model.safetensors.index.json names) and
    tokenizer.json; where that one is not there, the tokenizer is None. Nothing is downloaded, and no pickle is opened,
    since a pickle can run code. `tokenizer.encode(text).ids` are tokens, `tokenizer.decode(ids)` is their text.

    The model is on the CPU, in the dtype, whatever that of the files. Each tensor goes from its file straight into its
    parameter, so that the weights are held once: a billion of them take 4 GB in float32, 2 GB in bfloat16. (The file
    being read is mapped: the system shows its pages as used, and takes them back when it needs them.)
    Raises FileNotFoundError for a file that is missing, and ValueError for one that is broken, for an architecture that
    is not implemented here, and for tensors that do not fit it, all of it before memory is taken for the weights.
    """
    folder = Path(folder)
    architecture = read_config(folder / "config.json")
    files = _files(folder)
    found = {name: shape for path in files for name, shape in _shapes(path)}
    if published("head.weight") in found:  # it counts, even if the config says that the embedding is the head
        architecture = dataclasses.replace(architecture, tied=False)
    with torch.device("meta"):  # shapes that take no memory
        model = Llama(architecture).to(dtype)
    _compare(found, {published(name): tuple(parameter.shape) for name, parameter in model.named_parameters()}, folder)
    tokenizer = _tokenizer(folder / "tokenizer.json")

    model.to_empty(device="cpu")
    if architecture.tied:
        model.head.weight = model.embedding.weight  # to_empty has made two of them
    parameters = {published(name): parameter for name, parameter in model.named_parameters()}
    for path in files:
        with _opened(path) as file, torch.no_grad():
            for name in parameters.keys() & set(file.keys()):
                parameters[name].copy_(file.get_tensor(name))
    return model, tokenizer


def published(name: str) -> str:
    """The name in the files of the parameter with this name: of blocks.2.up.weight, model.layers.2.mlp.up_proj.weight.

    The rows of W_q and W_k are there in the order in which `turned` pairs them, one of the first half of a head with
    one of the second. (Meta's own files, consolidated.00.pth and so on, have the pairs side by side.)
    """
    block, part, kind = re.fullmatch(r"(?:blocks\.(\d+)\.)?(.+)\.(\w+)", name).groups()  # type: ignore[union-attr]
    return f"{'' if block is None else f'model.layers.{block}.'}{PUBLISHED[part]}.{kind}"


def _files(folder: Path) -> list[Path]:
    """The files with the weights."""
    if (folder / WHOLE).exists():
        return [folder / WHOLE]
    if (folder / INDEX).exists():
        shards = read_json(folder / INDEX).get("weight_map")
        if not isinstance(shards, dict) or not all(isinstance(shard, str) for shard in shards.values()):
            raise ValueError(f"{folder / INDEX} has no weight_map from tensors to files")
        for shard in sorted({*shards.values()}):
            if not (folder / shard).exists():
                raise FileNotFoundError(f"{folder / shard} is missing, which {INDEX} names")
        return [folder / shard for shard in sorted({*shards.values()})]
    pickles = sorted(path.name for path in folder.iterdir() if path.suffix in PICKLES)
    if pickles:
        raise ValueError(f"{folder} has its weights in a pickle, {pickles[0]}, and only safetensors are read")
    raise FileNotFoundError(f"{folder} has neither {WHOLE} nor {INDEX}")


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """The safetensors file; it has checked that its header and its length agree."""
    try:
        with safe_open(str(path), "pt") as file:
            yield file
    except SafetensorError as error:
        raise ValueError(f"{path} is no safetensors file, or a part of one ({error})") from None


def _shapes(path: Path) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The names and shapes of the tensors in the file."""
    with _opened(path) as file:
        for name in file.keys():
            tensor = file.get_slice(name)
            if tensor.get_dtype() not in NUMBERS:
                known = ", ".join(sorted(NUMBERS))
                raise ValueError(f"{path}: the tensor {name} is {tensor.get_dtype()}, and only {known} are read")
            if not name.endswith(COMPUTED):
                yield name, tuple(tensor.get_shape())


def _compare(found: Shapes, wanted: Shapes, folder: Path) -> None:
    for names, complaint in (
        (wanted.keys() - found.keys(), "lacks the tensor"),
        (found.keys() - wanted.keys(), "has a tensor that its config has no place for,"),
    ):
        if names:
            raise ValueError(f"{folder} {complaint} {_first(names)}")
    for name, shape in wanted.items():
        if found[name] != shape:
            raise ValueError(f"{folder}: the tensor {name} is {found[name]}, and by the config it should be {shape}")


def _first(names: Collection[str]) -> str:
    return min(names) + (f", and {len(names) - 1} more" if len(names) > 1 else "")


def _tokenizer(path: Path) -> Tokenizer | None:
    if not path.exists():
        return None
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # the library has no narrower one
        raise ValueError(f"{path} is no tokenizer, or a broken one ({error})") from None
