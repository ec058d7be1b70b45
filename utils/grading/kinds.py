"""All that a student is told of an exercise, beside the sentence of a known mistake: one of a fixed list.

Words and numbers of a submission's own could carry what it saw of the hidden cases.
"""

from enum import Enum


class Kind(Enum):
    """What became of an exercise: a few words for the teacher's page, a sentence for the student."""

    def __init__(self, words: str, sentence: str):
        self.words, self.sentence = words, sentence

    PASSED = "passed", "All cases agree."
    BLANK = "not attempted", "Nothing here yet: `raise NotImplementedError` still stands in its place."
    UNFINISHED = "unfinished", "Not finished: a `raise NotImplementedError` still stands in it."
    KNOWN = "known mistake", "A known mistake."  # its own sentence takes the place of this one
    MISSING = "no cell defines it", "No cell of the notebook defines it."
    UNREAD = "too long to be read", "Its cell is longer than any that is read."
    SYNTAX = "not Python", "Its cell is not Python: there is a syntax error in it."
    CELL_RAISED = "its cell raised an error", "Its cell raised an error before it was defined."
    CELL_STOPPED = "its cell met the time limit", "Its cell did not come to an end in time."
    CELL_ENDED = "its cell ended the process", "Its cell ended the process that ran it."
    UNDEFINED = "something else is defined", "Its cell defines no such function or class."
    BORROWED = "uses utils", "It uses the course's `utils`, and an answer stands on its own: write that part yourself."
    RAISED = "raised an error", "It raised an error."
    STOPPED = "met the time limit", "It was still running when its time was up."
    NO_TIME = "no time was left", "Exercises above it had used up the whole notebook's time."
    ENDED = "ended the process", "It ended its own process instead of answering."
    TOO_LARGE = "an answer too large", "Its answer is far too large."
    NO_ANSWER = "no answer", "What it answered is no answer."
    CHANGED = "changes an input", "It changes an input."
    NONE = "returns None", "It returns None."
    OTHER = "another answer", "Its answer is not the course's."
    TYPE = "not a tensor", "Its answer is not a tensor."
    SHAPE = "another shape", "Its answer has another shape than the course's."
    DTYPE = "another type of numbers", "Its answer holds another type of numbers than the course's."
    GRADIENT = "a wrong gradient", "The values are right, a gradient is not."
    NOT_FINITE = "NaN or infinity", "Its answer has NaN or infinity where the course's has a number."
    VALUES = "other values", "Its answer has other values than the course's."


NOT_ATTEMPTED = (Kind.BLANK, Kind.UNFINISHED)
TIME_LIMIT = (Kind.CELL_STOPPED, Kind.STOPPED)
