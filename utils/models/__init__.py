"""What a later chapter needs of an earlier one."""

from .bahdanau import BahdanauAttention, UniformAttention
from .encoder_decoder import EncoderDecoder, attention_decoder_step, fixed_context_step

__all__ = [
    "BahdanauAttention",
    "EncoderDecoder",
    "UniformAttention",
    "attention_decoder_step",
    "fixed_context_step",
]
