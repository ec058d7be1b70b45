"""Where the ranks of one start meet, and none that have died.

torchrun's agent keeps one store for all its restarts. Ranks that it starts again find in it the addresses of those
before them, and wait half an hour for the dead (pytorch/pytorch issue 135712; seen with PyTorch 2.13). It counts its
restarts, but each machine's agent for itself, so the number does not tell one start from another.
"""

import os
import secrets
import time

import torch.distributed as dist
from torch.distributed import PrefixStore, Store, TCPStore  # type: ignore[attr-defined]  # they are there

LOOK = 0.01  # seconds between two looks for those who have come


def connect() -> None:
    """Connect with the other ranks: nccl between GPUs, gloo between processors."""
    if os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True":
        dist.init_process_group()
        return
    rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    store = TCPStore(os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]), is_master=False)
    dist.init_process_group(store=PrefixStore(met(store, rank, size), store), rank=rank, world_size=size)


def met(store: Store, rank: int, size: int) -> str:
    """A name that the ranks of this start alone know.

    Each leaves a word of its own, and the first rank answers every word it finds with the name. It may answer the word
    of one that has died; so it goes on until all have used the name.
    """
    if rank:
        word = secrets.token_hex()
        store.set(f"rank {rank}", word)
        name = store.get(f"to {word}").decode()
        store.set(f"{name}: rank {rank}", "")
        return name
    name = secrets.token_hex()
    missing = set(range(1, size))
    while missing:
        for other in missing:
            if store.check([f"rank {other}"]):
                store.set("to " + store.get(f"rank {other}").decode(), name)
        missing = {other for other in missing if not store.check([f"{name}: rank {other}"])}
        time.sleep(LOOK)
    return name
