"""All that touches a learner's program: it is used as the course does, in limited time, and what it did is kept.

Knows no reference and no expected value, so that it can run where neither must be seen.
"""

from .borrowed import borrowed
from .outcome import Outcome, Raised, Returned, Stopped, Unanswered, run, torch_as_usual
from .usage import Usage

__all__ = ["Outcome", "Raised", "Returned", "Stopped", "Unanswered", "Usage", "borrowed", "run", "torch_as_usual"]
