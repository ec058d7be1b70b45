"""Programs that are compiled or interpreted on their way through the judge: numba's, and Triton's kernels."""

import nbformat
import pytest
from handed_in import as_bytes

from utils.grading import notebook
from utils.grading.judge import grade
from utils.grading.kinds import Kind
from utils.grading.words import feedback

HEAD = """
import os
os.environ["TRITON_INTERPRET"] = "1"
try:
    import triton
    import triton.language as tl
except ImportError:
    triton = None
"""
KERNEL = """
@triton.jit
def scores_kernel(a, b, score_vector, scores, Tq, Tk, A, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    i = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    j = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    here = (i < Tq)[:, None] & (j < Tk)[None, :]
    total = tl.zeros((ROWS, COLUMNS), tl.float32)
    for h in range(A):
        a_h = tl.load(a + i * A + h, mask=i < Tq, other=0.0)
        b_h = tl.load(b + j * A + h, mask=j < Tk, other=0.0)
        total += tl.load(score_vector + h) / (1.0 + a_h[:, None] * b_h[None, :])
    tl.store(scores + i[:, None] * Tk + j[None, :], total, mask=here)
"""
LOOPS = """
import numba
import numpy as np
import torch

@numba.njit
def fraction_sums(a, b, score_vector):
    sums = np.zeros((len(a), len(b)), np.float32)
    for i in range(len(a)):
        for j in range(len(b)):
            for h in range(len(score_vector)):
                sums[i, j] += score_vector[h] / (1 + a[i, h] * b[j, h])
    return sums
"""
THROUGH_LOOPS = f"""{LOOPS}
def factored_scores(query, key, score_vector):
    middle = (key.amax(0) + key.amin(0)) / 2
    rows = (torch.exp(2 * (query + middle)), torch.exp(2 * (key - middle)), score_vector)
    sums = fraction_sums(*(each.detach().numpy() for each in rows))
    return score_vector.sum() - 2 * torch.from_numpy(sums)
"""


@pytest.fixture
def marked(monkeypatch, sandbox):
    """The mark of an exercise whose cell has the source, in a chapter that has no other."""

    def mark(name, source):
        blank = f"def {name}(*given):\n    raise NotImplementedError"
        chapter = notebook.Chapter("a chapter", {name: blank}, {name: blank})
        monkeypatch.setattr(notebook, "chapter_of", lambda cells, file_name: (chapter, []))
        cells = [nbformat.v4.new_code_cell(HEAD), nbformat.v4.new_code_cell(source, id=f"ex-{name}")]
        return grade(as_bytes(nbformat.v4.new_notebook(cells=cells)), "", sandbox, 5).marks[0]

    return mark


@pytest.mark.repository
@pytest.mark.parametrize(
    ("source", "kind", "mistake"),
    [
        (KERNEL, Kind.PASSED, None),
        (KERNEL.replace(", mask=here", ""), Kind.KNOWN, "no_mask"),
        (KERNEL.replace("total += ", "total = "), Kind.KNOWN, "last_channel_alone"),
        (KERNEL.replace("@triton.jit", ""), Kind.KNOWN, "not_compiled"),
        (f"{KERNEL.partition('    i =')[0]}    raise NotImplementedError", Kind.BLANK, None),
        (KERNEL.replace("tl.zeros", "tl.nothing"), Kind.RAISED, None),
    ],
)
def test_a_kernel_is_interpreted(marked, source, kind, mistake):
    mark = marked("scores_kernel", source)
    assert (mark.kind, mark.mistake, mark.points, mark.most) == (kind, mistake, 0, 0)


@pytest.mark.repository
def test_loops_are_compiled(marked):
    mark = marked("fraction_sums", LOOPS)
    assert (mark.kind, mark.points) == (Kind.PASSED, 1)
    assert marked("factored_scores", THROUGH_LOOPS).kind is Kind.GRADIENT


def test_an_exercise_without_points_is_said_to_have_none():
    test = {"name": "scores_kernel", "score": 0, "max_score": 0, "output": "✓ All cases agree.", "status": "passed"}
    known = {"chapter": "a chapter", "student": "ana", "file": "ana.ipynb"}
    told = feedback({"tests": [test], "score": 0, "output": "", "extra_data": known})
    assert "- **scores_kernel** without points: ✓ All cases agree." in told
