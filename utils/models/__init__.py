"""What a later chapter needs of an earlier one."""

from .bahdanau import BahdanauAttention, UniformAttention
from .deep_network import (
    DeepNetwork,
    DepthReader,
    InputReader,
    StateReader,
    attend_to_input,
    table_accuracy,
    table_loss,
    value_loss,
)
from .encoder_decoder import EncoderDecoder, attention_decoder_step, fixed_context_step, translation_loss
from .known_needs import KnownNeeds
from .multi_head import MultiHeadAttention, merge_heads, split_heads
from .positions import rotary, sinusoidal_positions
from .transformer import (
    LanguageModel,
    SelfAttention,
    TransformerBlock,
    attention_weights,
    next_token_loss,
    sample,
    text_loss,
)

__all__ = [
    "BahdanauAttention",
    "DeepNetwork",
    "DepthReader",
    "EncoderDecoder",
    "InputReader",
    "KnownNeeds",
    "LanguageModel",
    "MultiHeadAttention",
    "SelfAttention",
    "StateReader",
    "TransformerBlock",
    "UniformAttention",
    "attend_to_input",
    "attention_decoder_step",
    "attention_weights",
    "fixed_context_step",
    "merge_heads",
    "next_token_loss",
    "rotary",
    "sample",
    "sinusoidal_positions",
    "split_heads",
    "table_accuracy",
    "table_loss",
    "value_loss",
    "text_loss",
    "translation_loss",
]
