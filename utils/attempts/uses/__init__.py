"""How an attempt is used when its arguments are not plain data: it is built and called, and its answers are data.

A use is a function (attempt, **inputs) in one of these modules. It knows nothing of the reference, so that it can run
where the reference must not be seen.
"""

from . import (
    caches,
    decoding,
    experiments,
    functions,
    groups,
    hash_tables,
    kernels,
    knock_outs,
    layers,
    lookups,
    metered,
    modules,
    partials,
    recurrent,
    sampling,
    transformers,
)

__all__ = [
    "caches",
    "decoding",
    "experiments",
    "functions",
    "groups",
    "hash_tables",
    "kernels",
    "knock_outs",
    "layers",
    "lookups",
    "metered",
    "modules",
    "partials",
    "recurrent",
    "sampling",
    "transformers",
]
