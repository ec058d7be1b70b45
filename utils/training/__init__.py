"""How the course trains: one loop for all chapters, several seeds side by side, a file to go on from, presets."""

from .checkpoints import Checkpoint
from .loop import device, train
from .seeds import Seeds

__all__ = ["Checkpoint", "Seeds", "device", "train"]
