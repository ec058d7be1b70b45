"""What the chapters learn from: made here, seeded, offline."""

from .contexts import HiddenContexts, Shelves
from .corpora import END, PAD, START, Corpus, Pair, Vocabulary
from .dates import dates
from .number_names import number_names
from .recall import recall
from .six_words import small_dictionary

__all__ = [
    "END",
    "PAD",
    "START",
    "Corpus",
    "HiddenContexts",
    "Pair",
    "Shelves",
    "Vocabulary",
    "dates",
    "number_names",
    "recall",
    "small_dictionary",
]
