"""The figure in which a slider over training steps moves the keys."""

from collections.abc import Sequence

import traitlets
from matplotlib.figure import Figure
from torch import Tensor, tensor

from utils import plots
from utils.plots.style import figure_of

from .live import LiveFigure


class TrainingSteps(LiveFigure):
    """Where a dictionary's keys are in a plane, record after record, among the places that ask; beside them the loss.

    steps: R recorded step numbers, keys (R, M, 2) and values (R, M, 3) of the M slots at each of them, losses (R,),
    contexts (C, 2) where the queries come from, targets (C, 3) the colours wanted there.
    `record`, an index into steps, can be read and set from the kernel; the browser reports it when a move or Play ends.
    Raises ValueError if the shapes do not fit, traitlets.TraitError for a record that there is not.
    """

    files = "training_steps"

    steps = traitlets.List(traitlets.Int()).tag(sync=True)
    places: traitlets.List[list] = traitlets.List().tag(sync=True)  # `keys` is taken by ipywidgets
    colours: traitlets.List[list] = traitlets.List().tag(sync=True)
    contexts = traitlets.List(traitlets.List(traitlets.Float())).tag(sync=True)
    targets = traitlets.List(traitlets.List(traitlets.Float())).tag(sync=True)
    losses = traitlets.List(traitlets.Float()).tag(sync=True)
    record = traitlets.Int(0).tag(sync=True)

    def __init__(
        self, steps: Sequence[int], keys: Tensor, contexts: Tensor, values: Tensor, targets: Tensor, losses: Tensor
    ):
        records, slots, places = len(steps), keys.shape[1:2].numel(), contexts.shape[:1].numel()
        if not (
            records > 0
            and keys.shape == (records, slots, 2)
            and values.shape == (records, slots, 3)
            and losses.shape == (records,)
        ):
            raise ValueError(
                f"{records} steps (at least one) need keys ({records}, M, 2), values ({records}, M, 3) "
                f"and losses ({records},), got {tuple(keys.shape)}, {tuple(values.shape)} and {tuple(losses.shape)}"
            )
        if not (contexts.shape == (places, 2) and targets.shape == (places, 3)):
            raise ValueError(
                f"contexts (C, 2) and targets (C, 3) are needed, got {tuple(contexts.shape)} and {tuple(targets.shape)}"
            )
        for name, numbers in [("keys", keys), ("values", values), ("losses", losses)]:
            if not numbers.isfinite().all():
                raise ValueError(f"{name} have to be finite numbers; some are not (has the training diverged?)")
        super().__init__(
            steps=[int(step) for step in steps],
            places=keys.tolist(),
            colours=values.clamp(0, 1).tolist(),
            contexts=contexts.tolist(),
            targets=targets.clamp(0, 1).tolist(),
            losses=losses.tolist(),
        )

    def picture(self) -> Figure:
        moments = {f"step {self.steps[r]}": (tensor(self.places[r]), tensor(self.colours[r])) for r in (0, -1)}
        return figure_of(plots.keys_in_plane(moments, tensor(self.contexts), tensor(self.targets))[0])

    @traitlets.validate("record")
    def _is_recorded(self, proposal: traitlets.Bunch) -> int:
        if not 0 <= proposal.value < len(self.steps):
            raise traitlets.TraitError(f"record {proposal.value} is not among the {len(self.steps)} records, from 0")
        return proposal.value
