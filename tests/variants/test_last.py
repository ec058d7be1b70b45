"""A correct program that is not the course's own drives the rest of its chapter just as well: the last variants."""

import pytest
from chapter import NAMES, assert_runs_on_variants


@pytest.mark.parametrize("chapter", NAMES)
def test_a_chapter_runs_on_the_last_variants(chapter):
    assert_runs_on_variants(chapter, -1)
