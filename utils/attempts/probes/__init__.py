"""How an attempt is used when its arguments are not plain data: it is built and called, and its answers are data.

A probe knows nothing of the reference, so that it can run where the reference must not be seen.
"""

from .decoding import beam_search
from .functions import numerical_gradient
from .hash_tables import hash_table
from .layers import attend_to_input, gradient_by_layer
from .lookups import lookup
from .modules import bahdanau_attention, module, precomputed_keys, projections, soft_dictionary, training_steps
from .recurrent import attention_decoder_step, fixed_context_step, gradient_by_distance
from .sampling import sampling
from .transformers import language_model, transformer

__all__ = [
    "attend_to_input",
    "attention_decoder_step",
    "bahdanau_attention",
    "beam_search",
    "fixed_context_step",
    "gradient_by_distance",
    "gradient_by_layer",
    "hash_table",
    "language_model",
    "lookup",
    "module",
    "numerical_gradient",
    "precomputed_keys",
    "projections",
    "sampling",
    "soft_dictionary",
    "training_steps",
    "transformer",
]
