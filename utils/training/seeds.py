"""The same model from several seeds, trained side by side."""

import copy
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

Named = dict[str, Tensor]


class Seeds(nn.Module):
    """The same model from several seeds, side by side: parameters, inputs and outputs have a first axis for the seed.

    `build()` makes one of the models, after the seed was set. Training all takes little longer than training one, if
    torch.vmap can run the model; what it cannot (nn.GRU, a loop that writes into a tensor, .item()) runs one seed after
    the other.
    """

    def __init__(self, build: Callable[[], nn.Module], seeds: Sequence[int] = range(5)):
        super().__init__()
        built = []
        with torch.random.fork_rng():  # the notebook's own numbers go on as they were
            for seed in seeds:
                torch.manual_seed(seed)
                built.append(build())
        stacked, buffers = torch.func.stack_module_state(built)
        self.seeds = list(seeds)
        self._one = [built[0]]  # in a list: its own parameters are not to be trained
        self._together = True
        self._names, self._buffer_names = list(stacked), list(buffers)
        for i, buffer in enumerate(buffers.values()):
            # numbered, for a buffer's name may hold no dot
            self.register_buffer(f"buffer_{i}", buffer)
        self.stacked = nn.ParameterList(nn.Parameter(x, requires_grad=x.requires_grad) for x in stacked.values())

    def forward(self, *inputs: Tensor) -> Tensor | tuple[Tensor, ...]:
        """The output of each seed's model for its own inputs, (S, …) each; a tuple if the model returns one."""
        parameters, buffers = self._state()

        def one(parameters: Named, buffers: Named, *inputs: Tensor) -> Any:
            return torch.func.functional_call(self._one[0], (parameters, buffers), inputs)

        if self._together:
            try:
                # different: dropout draws for each seed by itself
                return torch.vmap(one, randomness="different")(parameters, buffers, *inputs)
            except RuntimeError:  # either vmap's, or the model's own, which is raised again below
                self._together = False
        outputs = []
        for i in range(len(self.seeds)):
            own, own_buffers = ({name: tensor[i] for name, tensor in each.items()} for each in (parameters, buffers))
            outputs.append(one(own, own_buffers, *(x[i] for x in inputs)))
        if isinstance(outputs[0], tuple):
            return tuple(torch.stack(each) for each in zip(*outputs, strict=True))
        return torch.stack(outputs)

    def train(self, mode: bool = True) -> "Seeds":
        """As a module's, for the models side by side too."""
        self._one[0].train(mode)
        return super().train(mode)

    def _state(self) -> tuple[Named, Named]:
        buffers = (getattr(self, f"buffer_{i}") for i in range(len(self._buffer_names)))
        return dict(zip(self._names, self.stacked, strict=True)), dict(zip(self._buffer_names, buffers, strict=True))

    def model(self, seed: int) -> nn.Module:
        """A copy of one seed's model as it is now."""
        place, (parameters, buffers) = self.seeds.index(seed), self._state()
        one = copy.deepcopy(self._one[0])
        own = [*one.named_parameters(), *one.named_buffers()]
        for name, tensor in own:
            # the data only: parameters that are shared stay shared
            tensor.data = (parameters | buffers)[name][place].detach().clone()
        return one
