"""What a later chapter needs of an earlier one."""

from .bahdanau import BahdanauAttention, UniformAttention
from .encoder_decoder import EncoderDecoder, attention_decoder_step, fixed_context_step
from .multi_head import MultiHeadAttention, merge_heads, split_heads
from .positions import rotary, sinusoidal_positions

__all__ = [
    "BahdanauAttention",
    "EncoderDecoder",
    "MultiHeadAttention",
    "UniformAttention",
    "attention_decoder_step",
    "fixed_context_step",
    "merge_heads",
    "rotary",
    "sinusoidal_positions",
    "split_heads",
]
