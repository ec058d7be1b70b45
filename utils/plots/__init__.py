"""One function per picture, each returns its Axes. Tensors in, nothing shown or saved."""

from .measurements import curves, matrix, regression, roofline, scatter, seeds
from .networks import deep_network, encoder_decoder, residual_stream
from .rings import lockstep, ring_rounds
from .rotations import rotary_pair
from .weights import (
    attention_maps,
    bar_grid,
    bars,
    colour_fields,
    entries,
    heatmap,
    keys_in_plane,
    lookups,
    patches_seen,
    pictures,
    plane,
    sweep,
    weights_by_temperature,
)

__all__ = [
    "attention_maps",
    "bar_grid",
    "bars",
    "colour_fields",
    "curves",
    "deep_network",
    "encoder_decoder",
    "entries",
    "heatmap",
    "keys_in_plane",
    "lockstep",
    "lookups",
    "matrix",
    "patches_seen",
    "pictures",
    "plane",
    "regression",
    "residual_stream",
    "ring_rounds",
    "roofline",
    "rotary_pair",
    "scatter",
    "seeds",
    "sweep",
    "weights_by_temperature",
]
