"""The language model that one chapter trains and a later one writes with: in the user's cache folder."""

import contextlib
import hashlib
import platform
from pathlib import Path
from typing import Any

import platformdirs
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import nn

from utils import data
from utils.models import LanguageModel
from utils.whole_files import whole_file

from .loop import device
from .presets import PRESETS


def keep(model: nn.Module, preset: str) -> None:
    """Keep a model that was trained as the preset says; where nothing can be written, nothing is kept."""
    numbers = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    with contextlib.suppress(OSError):
        path = _place(preset)
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as draft:
            draft.write(save(numbers))


def text_model(preset: str) -> LanguageModel:
    """The preset's LanguageModel of the course's source code: as it was kept, or else trained now, and kept.

    On the CPU or the GPU that there is. What is kept and does not fit, or cannot be read, is as if it were not there.
    """
    torch.manual_seed(0)
    model: Any = PRESETS[preset].build(LanguageModel)
    try:
        model.load_state_dict(load(_place(preset).read_bytes()))
    except (OSError, SafetensorError, RuntimeError):  # load_state_dict raises the last, for other names or shapes
        model.to(device())
        PRESETS[preset].train(model, data.source_code().train)
        keep(model, preset)
    model.to(device()).eval()
    return model


def _place(preset: str) -> Path:
    # what it has read is the standard library of this Python
    about = hashlib.sha256(f"{PRESETS[preset]} {platform.python_version()}".encode()).hexdigest()[:16]
    return Path(platformdirs.user_cache_dir("attention-course", appauthor=False)) / f"{preset}-{about}.safetensors"
