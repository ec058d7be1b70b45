"""What a student is told: what kind of thing is wrong, and no more than a few bits."""

import math
import re

import pytest
from handed_in import ROOT, as_bytes, handed_in

from utils import exercises
from utils.grading.judge import grade
from utils.grading.kinds import Kind

pytestmark = pytest.mark.repository

BANK = [exercises.get(name) for name in exercises.names()]
DEF = "def softmax(scores, dim=-1):\n"


@pytest.mark.parametrize(
    ("source", "kind"),
    {
        "a name that is missing": (f"{DEF}    return functional.softmax(scores, dim)", Kind.RAISED),
        "syntax": ("def softmax(scores)\n    return 1", Kind.SYNTAX),
        "indentation": ("def softmax(scores):\nreturn 1", Kind.SYNTAX),
        "a class in a function's place": ("class softmax:\n    pass", Kind.UNDEFINED),
        "a number in its place": ("softmax = 3", Kind.UNDEFINED),
        "a cell that fails": ("softmax = 1 / 0", Kind.CELL_RAISED),
        "a cell that goes on for ever": ("while True:\n    pass\nsoftmax = 3", Kind.CELL_STOPPED),
        "a cell that ends its process": ("import os\nos._exit(0)\nsoftmax = 3", Kind.CELL_ENDED),
        "a cell of a hundred thousand letters": (f"{DEF}    return scores.softmax(dim)\n#{'x' * 100_000}", Kind.UNREAD),
        "nothing": ("", Kind.UNDEFINED),
        "a blank": (f"{DEF}    raise NotImplementedError", Kind.BLANK),
        "a blank helper": (f"def helper():\n    raise NotImplementedError\n{DEF}    return helper()", Kind.RAISED),
        "an endless loop": (f"{DEF}    while True:\n        pass", Kind.STOPPED),
        "the end of its process": (f"{DEF}    import os\n    os._exit(0)", Kind.ENDED),
        "far too much": (f"{DEF}    return torch.zeros(20_000_000)", Kind.TOO_LARGE),
        "an input changed": (f"{DEF}    scores.data.zero_()\n    return torch.ones_like(scores)", Kind.CHANGED),
        "numpy": (f"{DEF}    return torch.softmax(scores, dim).detach().numpy()", Kind.TYPE),
        "another shape": (f"{DEF}    return torch.zeros(3, 1, 4)", Kind.SHAPE),
        "another type of numbers": (f"{DEF}    return torch.softmax(scores, dim).half() * 2", Kind.DTYPE),
        "NaN": (f"{DEF}    return scores * float('nan')", Kind.NOT_FINITE),
        "other values": (f"{DEF}    return torch.softmax(scores, dim) + 0.01", Kind.VALUES),
        "a gradient": (f"{DEF}    w = torch.softmax(scores, dim)\n    return 2 * w - w.detach()", Kind.GRADIENT),
        "the course's own": (f"from utils import models\n{DEF}    return models.softmax(scores, dim)", Kind.BORROWED),
        "imported inside": (f"{DEF}    from utils.models import softmax\n    return softmax(scores)", Kind.BORROWED),
        "imported whole": (f"import utils\n{DEF}    return utils.models.softmax(scores)", Kind.BORROWED),
        "a class of the course's own": ("from utils import models as m\nsoftmax = m.softmax", Kind.BORROWED),
    }.values(),
)  # fmt: skip
def test_a_student_reads_what_kind_of_thing_is_wrong(source, kind, sandbox):
    mark = grade(as_bytes(handed_in("02_soft_lookup", {"softmax": source})), "02_soft_lookup", sandbox, 5, 2).marks[0]
    assert (mark.kind, mark.points, mark.message) == (kind, 0, kind.sentence)


def test_an_exercise_that_no_cell_answers_is_said_to_be_missing(sandbox):
    work = handed_in("02_soft_lookup", folder="solutions")
    work.cells = [cell for cell in work.cells if cell.id != "ex-softmax"]
    assert grade(as_bytes(work), "", sandbox, 5).marks[0].kind is Kind.MISSING


def test_numbers_of_16_bits_work_where_nothing_can_be_asked_of_the_processor(sandbox):
    by_way_of = f"{DEF}    scores.half() * 2\n    scores.bfloat16() @ scores.bfloat16().mT if scores.dim() > 1 else 0\n"
    work = handed_in("02_soft_lookup", {"softmax": f"{by_way_of}    return scores.softmax(dim)"})
    assert grade(as_bytes(work), "", sandbox, 5).marks[0].points == 2


def test_what_feedback_can_tell_is_few_bits():
    """One of the kinds, or a known mistake's sentence, and whether a part of the points remains."""
    most = max(len(Kind) + len(exercise.mistakes) * (1 + (exercise.points_for_values > 0)) for exercise in BANK)
    page = (ROOT / "utils" / "grading" / "README.md").read_text(encoding="utf-8")
    told = int(re.search(r"at most (\d+) bits for each exercise", page)[1])
    assert told - 1 < math.log2(most) <= told
