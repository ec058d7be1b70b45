"""What a reader sees: signs and sentences; and that nothing an attempt does gets past the check."""

import math
import re
import time

import nbformat
import numpy as np
import pytest
import torch
from nbclient import NotebookClient
from seeing import PAGES, contrast

from utils import exercises
from utils.attention import reference
from utils.checks import COLOURS, Feedback, check
from utils.models import split_heads


@pytest.fixture
def said(capsys):
    return lambda: capsys.readouterr().out


def generator(scores, dim=-1):
    yield scores


async def coroutine(scores, dim=-1):
    return scores


def needs_no_arguments():
    return None


def recursive(scores, dim=-1):
    return recursive(scores, dim)


def raises(error):
    def attempt(scores, dim=-1):
        raise error

    return attempt


class Unprintable:
    def __repr__(self):
        raise RuntimeError("no words")

    __eq__ = __bool__ = __len__ = __repr__

    __hash__ = None


class Lying(torch.Tensor):
    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        raise RuntimeError("a tensor that does not cooperate")


class UnprintableError(Exception):
    def __str__(self):
        raise RuntimeError("no words")


RETURNED = {
    "nothing": None,
    "a number": 3,
    "a list": [[1.0]],
    "an array": np.ones(3),
    "a tuple": (torch.ones(3),),
    "an integer tensor": torch.ones(3, dtype=torch.long),
    "a boolean tensor": torch.ones(3, dtype=torch.bool),
    "a complex tensor": torch.ones(3, dtype=torch.complex64),
    "NaN": torch.full((3,), math.nan),
    "infinity": torch.full((3,), math.inf),
    "an empty tensor": torch.empty(0),
    "a tensor that needs grad": torch.ones(3, requires_grad=True),
    "a sparse tensor": torch.ones(3).to_sparse(),
    "a meta tensor": torch.ones(3, device="meta"),
    "a parameter": torch.nn.Parameter(torch.ones(3)),
    "an object without words": Unprintable(),
    "a tensor that does not cooperate": torch.ones(3).as_subclass(Lying),
    "a class": dict,
}
RAISED = [
    ValueError("no"),
    SystemExit(1),
    KeyboardInterrupt(),
    GeneratorExit(),
    StopIteration(),
    UnprintableError(),
    MemoryError(),
    NotImplementedError("softmax_lastdim_kernel_impl not implemented for 'Long'"),
]


@pytest.mark.parametrize("value", RETURNED.values(), ids=RETURNED)
def test_whatever_is_returned_the_check_answers(value, said):
    assert check("softmax", lambda scores, dim=-1: value) is reference.softmax
    assert said().startswith("✗ softmax: ")


@pytest.mark.parametrize("error", RAISED, ids=lambda error: type(error).__name__)
def test_whatever_is_raised_the_check_answers(error, said):
    assert check("softmax", raises(error)) is reference.softmax
    assert type(error).__name__ in said()


@pytest.mark.parametrize(
    "attempt", [None, 3, "softmax", torch.ones(3), torch.nn.Softmax, Unprintable()], ids=lambda a: type(a).__name__
)
def test_what_is_not_a_function_is_refused_kindly(attempt, said):
    assert check("softmax", attempt) is reference.softmax
    assert "Pass the function softmax itself" in said()


@pytest.mark.parametrize("attempt", [generator, coroutine, needs_no_arguments, recursive], ids=lambda a: a.__name__)
@pytest.mark.filterwarnings("ignore:coroutine")
def test_odd_functions_fail_without_harm(attempt, said):
    assert check("softmax", attempt) is reference.softmax
    assert said().startswith("✗ softmax: ")


def test_a_class_is_wanted_where_the_exercise_is_a_class(said):
    check("HashTable", lambda buckets: None)
    assert "Pass the class HashTable itself" in said()


def test_a_function_that_passes_is_kept(said):
    def mine(scores, dim=-1):
        return scores.softmax(dim)

    assert check("softmax", mine) is mine
    assert said().startswith("✓ softmax")


def test_renamed_arguments_do_no_harm():
    assert exercises.get("softmax").assess(lambda e, dim=-1: e.softmax(dim)).passed


def test_the_courses_own_version_is_no_success(said):
    failed = check("softmax", lambda scores, dim=-1: scores)
    said()
    assert check("softmax", failed) is failed
    assert said().startswith("○ softmax: This is the course's own")


def test_two_mistakes_at_once_are_told_one_at_a_time():
    def softmax(scores, dim=-1):  # the axis is lost and the maximum is not subtracted
        exps = torch.exp(scores)
        return exps / exps.sum(dim)

    verdict = exercises.get("softmax").assess(softmax)
    assert (verdict.mistake, verdict.case) == ("axis_lost_without_maximum", "two rows by hand")


def test_an_unknown_mistake_shows_the_smallest_case_that_fails():
    verdict = exercises.get("softmax").assess(lambda scores, dim=-1: scores.softmax(dim) + 0.125)
    evidence = dict(verdict.evidence)
    assert verdict.mistake is None
    assert verdict.case == "three scores by hand"
    assert verdict.message == "Your result should sum to 1 along dim 0; it sums to 1.375 there."
    assert evidence["expected"] == "[0.125, 0.25 , 0.625]"
    assert evidence["yours"] == "[0.25 , 0.375, 0.75 ]"


def test_a_mistake_that_explains_few_of_the_cases_is_not_named():
    """Wrong where a size is one; there it gives what joining the heads with the batch gives."""
    verdict = exercises.get("split_heads").assess(lambda x, heads: split_heads(x, heads).squeeze())
    assert (verdict.status, verdict.mistake) == ("failed", None)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda Tq, Tk: torch.ones(Tq, Tk, dtype=torch.int8).tril(Tk - Tq), "True and False of type torch.bool"),
        (lambda Tq, Tk: reference.causal_mask(Tq, Tk).flip(1), r"False at \[0, 0\], where True is expected"),
    ],
)
def test_a_wrong_mask_is_told_in_truth_values(wrong, words):
    assert re.search(words, exercises.get("causal_mask").assess(wrong).message)


def test_only_the_readers_own_lines_are_shown():
    def inner(scores):
        return torch.cat([scores, "text"])

    def softmax(scores, dim=-1):
        return inner(scores)

    yours = dict(exercises.get("softmax").assess(softmax).evidence)["yours"]
    lines = yours.splitlines()
    assert [line.split(": ")[0].split(", in ")[1] for line in lines[:-1]] == ["softmax", "inner"]
    assert "torch.cat([scores" in lines[1]
    assert lines[-1].startswith("TypeError: ")


def test_what_an_attempt_prints_is_shown_once_and_bounded(said):
    def softmax(scores, dim=-1):
        print("shape", tuple(scores.shape))
        print("x" * 10_000)
        return scores

    check("softmax", softmax)
    out = said()
    assert out.count("shape (3,)") == 1
    assert len(out) < 4000


def test_a_changed_input_is_named():
    def soft_lookup(query, key, value, temperature=1.0, mask=None):
        value.clamp_(min=0)
        return reference.soft_lookup(query, key, value, temperature, mask)

    assert "changes its input `value`" in exercises.get("soft_lookup").assess(soft_lookup).message


def becomes_uncooperative(tensor):
    tensor.__class__ = Lying


def becomes_double(tensor):
    if not tensor.requires_grad:
        tensor.data = tensor.data.double()


@pytest.mark.parametrize("becomes", [becomes_uncooperative, becomes_double], ids=lambda change: change.__name__)
def test_an_input_that_becomes_something_else_counts_as_changed(becomes):
    def linear_memory(key, value):
        memory = key.mT @ value
        becomes(key)
        return memory

    assert "changes its input `key`" in exercises.get("linear_memory").assess(linear_memory).message


def test_a_wrong_gradient_is_told_apart_from_a_wrong_value():
    def softmax(scores, dim=-1):
        weights = reference.softmax(scores, dim)
        return weights.detach() + 0.5 * (weights - weights.detach())

    message = exercises.get("softmax").assess(softmax).message
    assert (
        message
        == "The values are right; the gradient for `scores` is not. Every number of it is 0.5 times the expected one."
    )


def test_a_global_switch_in_an_attempt_does_not_outlive_it():
    def softmax(scores, dim=-1):
        torch.set_grad_enabled(False)
        return scores.softmax(dim)

    assert exercises.get("softmax").assess(softmax).status == "failed"
    assert torch.is_grad_enabled()
    assert exercises.get("softmax").assess(reference.softmax).passed


def test_a_notebooks_default_dtype_does_no_harm():
    torch.set_default_dtype(torch.float64)
    try:
        verdicts = [exercises.get(name).assess(exercises.get(name).reference, seed=1) for name in exercises.names()]
    finally:
        torch.set_default_dtype(torch.float32)
    assert [verdict.message for verdict in verdicts if not verdict.passed] == []


def test_an_unfinished_class_is_told_what_is_missing():
    class HashTable(exercises.get("HashTable").reference):
        def __len__(self):
            raise NotImplementedError

    verdict = exercises.get("HashTable").assess(HashTable)
    assert (verdict.status, verdict.message) == (
        "not attempted",
        "Not finished: `raise NotImplementedError` still stands in `__len__`.",
    )


def test_feedback_escapes_what_it_shows():
    verdict = exercises.get("softmax").assess(raises(ValueError("<script>alert(1)</script>")))
    page = Feedback("softmax", verdict)._repr_html_()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


@pytest.mark.parametrize("colour", COLOURS.values())
def test_a_sign_can_be_read_and_its_bar_stands_out_on_every_page(colour):
    assert contrast("white", colour) > 4.5
    assert min(contrast(colour, page) for page in PAGES.values()) > 3


def test_an_endless_attempt_is_stopped_in_a_notebooks_kernel(said):
    cells = [
        "from utils.checks import check",
        "def softmax(scores, dim=-1):\n    while True:\n        pass",
        'softmax = check("softmax", softmax)',
        "softmax.__module__",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
    start = time.monotonic()
    NotebookClient(notebook, timeout=60, kernel_name="python3", resources={"metadata": {"path": "."}}).execute()
    assert "Still running after 5 seconds" in notebook.cells[2].outputs[0]["data"]["text/plain"]
    assert notebook.cells[3].outputs[0]["data"]["text/plain"] == "'utils.attention.reference'"
    assert time.monotonic() - start < 50  # it came back at all; the limit itself is 5 s


def test_an_answer_stands_on_its_own(said):
    def split(x, heads):
        return split_heads(x, heads)

    assert check("split_heads", split) is split_heads
    assert "it uses `split_heads`, which is the course's own" in said()


softmax = reference.softmax  # as a check returns it that was not passed


def test_an_answer_may_use_an_earlier_one(said):
    def masked(scores, mask):
        shut = scores.masked_fill(~mask, -torch.inf).masked_fill(~mask.any(-1, keepdim=True), 0)
        return softmax(shut) * mask

    assert check("masked_softmax", masked) is masked, said()


def test_nbgraders_own_autograder_sees_a_failure(monkeypatch):
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    with pytest.raises(AssertionError, match="softmax: "):
        check("softmax", lambda scores, dim=-1: scores)
    check("softmax", lambda scores, dim=-1: scores.softmax(dim))
