"""What the chapters learn from: made here, seeded, offline; or two text files of your own."""

from .associative_recall import associative_recall
from .contexts import HiddenContexts, Shelves
from .corpora import END, PAD, START, UNKNOWN, Corpus, Pair, Vocabulary
from .dates import dates
from .digits import digits, pictures
from .number_names import number_names
from .recall import recall
from .sentence_files import pairs_from_files, tokens
from .six_words import small_dictionary
from .source_code import SourceCode, source_code, windows
from .table_questions import table_questions

__all__ = [
    "END",
    "PAD",
    "START",
    "UNKNOWN",
    "Corpus",
    "HiddenContexts",
    "Pair",
    "Shelves",
    "SourceCode",
    "Vocabulary",
    "associative_recall",
    "dates",
    "digits",
    "number_names",
    "pairs_from_files",
    "pictures",
    "recall",
    "small_dictionary",
    "source_code",
    "table_questions",
    "tokens",
    "windows",
]
