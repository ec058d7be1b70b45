"""What the chapters learn from: made here, seeded, offline."""

from .associative_recall import associative_recall
from .contexts import HiddenContexts, Shelves
from .corpora import END, PAD, START, Corpus, Pair, Vocabulary
from .dates import dates
from .digits import digits, pictures
from .number_names import german_number, number_names
from .recall import recall
from .six_words import small_dictionary
from .source_code import SourceCode, source_code, windows
from .table_questions import table_questions

__all__ = [
    "END",
    "PAD",
    "START",
    "Corpus",
    "HiddenContexts",
    "Pair",
    "Shelves",
    "SourceCode",
    "Vocabulary",
    "associative_recall",
    "dates",
    "digits",
    "german_number",
    "number_names",
    "pictures",
    "recall",
    "small_dictionary",
    "source_code",
    "table_questions",
    "windows",
]
