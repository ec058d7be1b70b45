"""The widgets' kernel side; what they do under the mouse is tested in test_browser.py."""

import pytest
import torch
import traitlets

from utils import data
from utils.widgets import SoftLookup

WORDS, KEY, VALUE = data.small_dictionary()


def test_what_the_browser_is_given():
    figure = SoftLookup(WORDS, KEY, VALUE, query=(1, 0), temperature=2)
    state = figure.get_state()
    assert state["words"] == WORDS
    assert torch.allclose(torch.tensor(state["places"]), KEY)
    assert torch.allclose(torch.tensor(state["colours"]), VALUE)
    assert (state["query"], state["temperature"]) == ([1.0, 0.0], 2.0)


def test_the_query_can_be_read_set_and_watched():
    figure, seen = SoftLookup(WORDS, KEY, VALUE), []
    figure.observe(lambda change: seen.append(change.new), "query")
    figure.set_state({"query": [0.5, -0.5]})  # as the browser does
    figure.query = [0.0, 1.0]
    assert seen == [[0.5, -0.5], [0.0, 1.0]]


@pytest.mark.parametrize(
    ("name", "value"), [("query", [1.0]), ("query", [1.0, 2.0, 3.0]), ("query", "up"), ("temperature", 0)]
)
def test_what_is_no_query_or_temperature_is_refused(name, value):
    figure = SoftLookup(WORDS, KEY, VALUE)
    with pytest.raises(traitlets.TraitError):
        setattr(figure, name, value)


def test_shapes_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match=r"6 words need keys \(6, 2\) and colours \(6, 3\), got \(5, 2\) and \(6, 3\)"):
        SoftLookup(WORDS, KEY[:5], VALUE)
