"""Llama: the published language models whose architecture is LanguageModel's, with what has been added since.

model, tokenizer = llama.load("folder that you have downloaded")
"""

from .architecture import Architecture, Llama, Slowed, rotary_rates
from .files import load

__all__ = ["Architecture", "Llama", "Slowed", "load", "rotary_rates"]
