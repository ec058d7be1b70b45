"""The library shares a model's maps out among two processes, and the model stays the function that it is."""

import pytest
import torch
from small_llama import ARCHITECTURE
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, parallelize_module

from utils.models import LanguageModel
from utils.models.llama import Llama
from utils.processes import launch
from utils.processes.launching import end

COLUMNS = ["attention.W_q", "attention.W_k", "attention.W_v", "gate", "up"]
ROWS = ["attention.W_o", "down"]


@pytest.fixture(scope="module", autouse=True)
def processes():
    yield
    end()


@pytest.mark.parametrize("build", [lambda: LanguageModel(23, 16, 4, 2, 32), lambda: Llama(ARCHITECTURE)])
def test_heads_that_are_shared_out_are_the_models_heads(build):
    model, generator = build(), torch.Generator().manual_seed(0)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3, generator=generator)

    def shared_out(model, group):
        tokens = torch.randint(23, (3, 32))
        whole = model(tokens).detach()
        plan = dict.fromkeys(COLUMNS, ColwiseParallel()) | dict.fromkeys(ROWS, RowwiseParallel())
        for block in model.blocks:
            parts = {name: style for name, style in plan.items() if hasattr(block, name.split(".")[0])}
            parallelize_module(block, init_device_mesh("cpu", (group.size(),)), parts)
        return whole, model(tokens).detach(), model.blocks[0].attention.W_q.weight.to_local().shape

    for whole, found, part in launch(shared_out, model):
        torch.testing.assert_close(found, whole, rtol=0, atol=1e-6 * whole.abs().max().item())
        assert part == (8, 16)  # of (16, 16)
