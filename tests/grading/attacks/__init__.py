"""Programs that go for marks in every way but the exercise's: their softmax is wrong, and none may earn a point.

The name says what is tried; the source stands in the cell of the exercise `softmax`.
"""

from .at_the_call import AT_THE_CALL
from .at_the_cell import AT_THE_CELL
from .forged import FORGED
from .wrong import WRONG

ATTACKS = {name: f"{source}\n{WRONG if 'def softmax' not in source else ''}" for name, source in AT_THE_CELL.items()}
ATTACKS |= AT_THE_CALL | FORGED
