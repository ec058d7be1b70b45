"""The class's page: what it counts, that it needs nothing else, and that foreign text stays text."""

import re

import pytest

from utils.grading import records
from utils.grading.class_page import page
from utils.grading.kinds import Kind
from utils.grading.marks import Mark, Marks

CHAPTER = "02_soft_lookup"


def record(student, *marks, file="x.ipynb", chapter=CHAPTER):
    known = {"student": student, "assignment": None, "file": file, "handed in": "", "sandboxed": True}
    return records.of_marks(Marks(chapter, marks, (), True), known)


def known_mistake(name, sentence, seconds=0.1):
    return Mark(name, 0, 2, Kind.KNOWN, "a_mistake", sentence, seconds)


def passed(name, seconds=0.1, points=2):
    return Mark(name, points, points, Kind.PASSED, seconds=seconds)


def text_of(html):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html.split("</style>")[1]))


@pytest.fixture
def html():
    return page(
        [
            record("Ana", passed("softmax", 0.1), passed("soft_lookup", 0.0, 3)),
            record("bo", known_mistake("softmax", "Divide by `exp`.", 0.3), Mark("soft_lookup", 0, 3, Kind.BLANK)),
            record(
                "cy", known_mistake("softmax", "Divide by `exp`."), Mark("soft_lookup", 0, 3, Kind.STOPPED, seconds=6)
            ),
            record("<b>dan</b>", Mark("softmax", 0, 2, Kind.VALUES), Mark("soft_lookup", 0, 3, Kind.VALUES)),
            records.not_graded("it is empty", {"student": "eve", "assignment": None, "file": "e.ipynb"}),
        ],
        {"fay": "nothing was handed in", "gus": "see gus.zip"},
    )


def test_what_a_class_got_wrong_is_counted(html):
    softmax, soft_lookup = text_of(html).split(" softmax ")[1].split(" students ")[0].split(" soft_lookup ")
    assert "✓ 25 % passed (1 of 4), ✗ 3 failed , ○ 0 not attempted" in softmax
    assert "2 × Divide by exp ." in softmax and "1 × no known mistake: other values" in softmax
    assert "0.1 s as a rule, 0.3 s at most; none met the time limit" in softmax
    assert "✓ 25 % passed (1 of 4), ✗ 2 failed , ○ 1 not attempted" in soft_lookup
    assert (
        "1 × no known mistake: met the time limit" in soft_lookup
        and "below 0.1 s as a rule, 6.0 s at most; 1 met the time limit" in soft_lookup
    )


def test_the_middle_of_the_class_is_told(html):
    assert "4 notebooks, graded with hidden cases; half of them have 0 points or more, of 5." in text_of(html)


def test_every_student_has_a_line(html):
    students = text_of(html).split(" students ")[1]
    assert re.search(r"&lt;b&gt;dan&lt;/b&gt; 0 / 5 ✗ ✗ Ana 5 / 5 ✓ ✓ bo 0 / 5 ✗ ○ cy 0 / 5 ✗ ✗", students)
    assert (
        "eve e.ipynb it is empty" in students and "nothing graded fay nothing was handed in gus see gus.zip" in students
    )


def test_the_page_needs_nothing_else(html):
    assert not re.search(r"(src|href)=|url\(|@import|<script|https?:", html)
    assert "default-src 'none'" in html


def test_several_files_of_a_student_are_told_apart():
    shown = text_of(page([record("ana", passed("softmax"), file=name) for name in ("a.ipynb", "b.ipynb")], {}))
    assert "ana a.ipynb 2 / 2" in shown and "ana b.ipynb 2 / 2" in shown


def test_each_chapter_has_its_part():
    shown = text_of(
        page([record("ana", passed("softmax")), record("ana", passed("double"), chapter="00_start_here")], {})
    )
    assert shown.index(" 00_start_here ") < shown.index(" double ") < shown.index(f" {CHAPTER} ")


def test_a_class_of_nobody_is_a_page():
    assert "nothing graded" in page([], {"ana": "nothing was handed in"})
