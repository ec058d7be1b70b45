"""The widgets' kernel side; what they do under the mouse is tested in tests/browser."""

import json
import re

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
import traitlets
from rings import attention_ring, ring_sum

from utils import data
from utils.widgets import Alignment, HeadViews, SliderBars, SoftLookup, TrainingSteps

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


def training_steps(**other):
    """Three records of four slots among two contexts; `other` replaces a part."""
    parts = {
        "steps": [0, 10, 20],
        "keys": torch.arange(24.0).reshape(3, 4, 2),
        "contexts": torch.tensor([[3.0, 0.0], [0.0, 3.0]]),
        "values": torch.linspace(-0.5, 1.5, 36).reshape(3, 4, 3),
        "targets": torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]),
        "losses": torch.tensor([1.0, 0.1, 0.01]),
    }
    return TrainingSteps(**parts | other)


def test_the_browser_is_given_every_record():
    state = training_steps().get_state()
    assert (state["steps"], state["record"]) == ([0, 10, 20], 0)
    assert state["places"][2][1] == [18.0, 19.0]  # record 2, slot 1
    assert state["contexts"] == [[3.0, 0.0], [0.0, 3.0]]
    assert state["losses"] == pytest.approx([1.0, 0.1, 0.01])


def test_colours_beyond_the_screens_are_clamped_and_the_tensors_left_alone():
    values = torch.tensor([-0.5, 0.5, 1.5]).expand(3, 4, 3).contiguous()
    state = training_steps(values=values, targets=2 * torch.ones(2, 3)).get_state()
    assert state["colours"][0][0] == [0.0, 0.5, 1.0]
    assert state["targets"] == [[1.0, 1.0, 1.0]] * 2
    assert values.min() == -0.5


def test_what_is_still_being_trained_can_be_drawn():
    figure = training_steps(keys=torch.zeros(3, 4, 2, requires_grad=True), steps=range(3))
    assert (figure.places[0][0], figure.steps) == ([0.0, 0.0], [0, 1, 2])


def test_the_record_can_be_read_set_and_watched():
    figure, seen = training_steps(), []
    figure.observe(lambda change: seen.append(change.new), "record")
    figure.set_state({"record": 2})  # as the browser does
    figure.record = 1
    assert seen == [2, 1]


@pytest.mark.parametrize("record", [-1, 3, 0.5, "last"])
def test_a_record_that_there_is_not_is_refused(record):
    figure = training_steps()
    with pytest.raises(traitlets.TraitError, match="record"):
        figure.record = record
    assert figure.record == 0


@pytest.mark.parametrize(
    ("other", "named"),
    [
        ({"keys": torch.zeros(2, 4, 2)}, r"3 steps .* got \(2, 4, 2\), \(3, 4, 3\) and \(3,\)"),
        ({"keys": torch.zeros(3, 4, 16)}, r"keys \(3, M, 2\), .* got \(3, 4, 16\)"),
        ({"keys": torch.zeros(3)}, r"got \(3,\), \(3, 4, 3\) and \(3,\)"),
        ({"values": torch.zeros(3, 5, 3)}, r"got \(3, 4, 2\), \(3, 5, 3\)"),
        ({"losses": torch.zeros(3, 1)}, r"and \(3, 1\)"),
        ({"losses": torch.tensor(0.1)}, r"and \(\)"),
        ({"steps": []}, r"0 steps \(at least one\)"),
        ({"contexts": torch.zeros(3, 2)}, r"contexts \(C, 2\) and targets \(C, 3\) .* got \(3, 2\) and \(2, 3\)"),
        ({"contexts": torch.zeros(2, 16)}, r"got \(2, 16\) and \(2, 3\)"),
        ({"targets": torch.zeros(3)}, r"got \(2, 2\) and \(3,\)"),
        ({"losses": torch.tensor([1.0, torch.inf, torch.nan])}, "losses have to be finite numbers"),
        ({"keys": torch.full((3, 4, 2), torch.nan)}, "keys have to be finite numbers"),
    ],
)
def test_records_that_do_not_fit_are_named(other, named):
    with pytest.raises(ValueError, match=named):
        training_steps(**other)


def alignment():
    return Alignment(["sixty", "three"], ["drei", "und", "sechzig"], torch.tensor([[0, 1], [0.5, 0.5], [1, 0]]))


def test_the_browser_is_given_both_sentences_and_the_weights():
    state = alignment().get_state()
    assert (state["source"], state["target"]) == (["sixty", "three"], ["drei", "und", "sechzig"])
    assert (state["weights"], state["selected"]) == ([[0.0, 1.0], [0.5, 0.5], [1.0, 0.0]], -1)


def test_the_selected_word_can_be_read_set_and_watched():
    figure, seen = alignment(), []
    figure.observe(lambda change: seen.append(change.new), "selected")
    figure.set_state({"selected": 2})  # as the browser does
    figure.selected = -1
    assert seen == [2, -1]


@pytest.mark.parametrize("selected", [-2, 3, "und"])
def test_a_word_that_there_is_not_is_refused(selected):
    figure = alignment()
    with pytest.raises(traitlets.TraitError, match="selected"):
        figure.selected = selected
    assert figure.selected == -1


@pytest.mark.parametrize("shape", [(2, 3), (3, 3), (1, 3, 2), ()])
def test_weights_that_do_not_fit_are_named(shape):
    named = rf"3 target words and 2 source words need weights \(3, 2\), got {re.escape(str(shape))}"
    with pytest.raises(ValueError, match=named):
        Alignment(["sixty", "three"], ["drei", "und", "sechzig"], torch.zeros(shape))


def slider_bars(**other):
    """Three steps of two bars in one panel; `other` replaces a part."""
    parts = {"steps": ["d = 1", "d = 2", "d = 3"], "panels": {"soft": torch.full((3, 2), 0.5)}, "bars": ["a", "b"]}
    return SliderBars(**parts | other)


def test_the_browser_is_given_every_panel_and_the_level():
    state = slider_bars(panels={"soft": torch.full((3, 2), 0.5), "hard": torch.eye(3)[:, :2]}, level=0.1).get_state()
    assert (state["titles"], state["bars"], state["level"]) == (["soft", "hard"], ["a", "b"], 0.1)
    assert state["heights"][1] == [[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]
    assert slider_bars().get_state()["level"] is None


def test_the_sliders_place_can_be_read_set_and_watched():
    figure, seen = slider_bars(), []
    figure.observe(lambda change: seen.append(change.new), "record")
    figure.set_state({"record": 2})  # as the browser does
    figure.record = 1
    assert seen == [2, 1]


@pytest.mark.parametrize("record", [-1, 3, "d = 2"])
def test_a_step_that_there_is_not_is_refused(record):
    with pytest.raises(traitlets.TraitError, match="record"):
        slider_bars().record = record


@pytest.mark.parametrize(
    ("other", "named"),
    [
        ({"panels": {"soft": torch.zeros(2, 2)}}, r"need heights \(3, 2\), got \(2, 2\) for 'soft'"),
        ({"panels": {}}, "got 3, 0 and 2"),
        ({"steps": []}, "got 0, 1 and 2"),
        ({"panels": {"soft": torch.full((3, 2), 1.5)}}, "between 0 and 1; those of 'soft' do not"),
        ({"panels": {"soft": torch.full((3, 2), torch.nan)}}, "between 0 and 1"),
    ],
)
def test_bars_that_do_not_fit_are_named(other, named):
    with pytest.raises(ValueError, match=named):
        slider_bars(**other)


def test_heads_have_names_or_numbers():
    weights = torch.rand(2, 3, 3, requires_grad=True)
    numbered = HeadViews(["a", " ", "c"], weights).get_state()
    assert (numbered["titles"], numbered["selected"]) == (["head 0", "head 1"], -1)
    assert numbered["weights"] == weights.tolist()
    assert HeadViews(["a", " ", "c"], {"previous": weights[1]}).get_state()["titles"] == ["previous"]


@pytest.mark.parametrize("selected", [-2, 3, "a"])
def test_a_token_that_there_is_not_is_refused(selected):
    figure = HeadViews(["a", "b", "c"], torch.rand(1, 3, 3))
    with pytest.raises(traitlets.TraitError, match="selected"):
        figure.selected = selected
    assert figure.selected == -1


@pytest.mark.parametrize(
    ("tokens", "weights", "named"),
    [
        ("abc", torch.zeros(2, 3, 2), r"3 tokens need weights \(3, 3\), got \(3, 2\) for 'head 0'"),
        ("abc", torch.zeros(3, 3), r"got \(3,\) for 'head 0'"),
        ("abc", {}, "got 3 and 0"),
        ("", torch.zeros(1, 0, 0), "got 0 and 1"),
    ],
)
def test_heads_that_do_not_fit_are_named(tokens, weights, named):
    with pytest.raises(ValueError, match=named):
        HeadViews(list(tokens), weights)


FIGURES = {
    "SoftLookup": lambda: SoftLookup(WORDS, KEY, VALUE),
    "TrainingSteps": training_steps,
    "Alignment": alignment,
    "SliderBars": slider_bars,
    "HeadViews": lambda: HeadViews(["a", "</script>", "c"], torch.rand(2, 3, 3)),
    "RingSum": ring_sum,
    "RingAttention": attention_ring,
}


@pytest.mark.parametrize("build", FIGURES.values(), ids=FIGURES)
def test_what_stands_in_a_notebook_needs_no_kernel(build):
    """And nothing from the network: a picture, and a script with the figure's state."""
    figure = build()
    bundle, about = figure._repr_mimebundle_()
    assert {*bundle} == {"text/html", "image/png", "text/plain"} and about["image/png"]["alt"] == bundle["text/plain"]
    page = bundle["text/html"]
    assert page.count('<div class="still">') == page.count("<svg") == page.count("</script>") == 1
    assert re.findall(r'(?:src|href)="(?!data:|#)', page) == []
    state = json.loads(re.search(r"alive\(document.currentScript, \"\w+\", (.*)\);$", page, re.M)[1])
    whole = figure.get_state()
    for name, value in state.items():
        assert not name.startswith("_")
        assert value == whole[name] or np.allclose(value, whole[name], rtol=1e-6)
    assert {name for name in whole if not name.startswith("_")} - {"layout", "tabbable", "tooltip"} == {*state}
    assert plt.get_fignums() == []


def test_the_picture_is_of_the_figure_as_it_stands():
    figure = SoftLookup(WORDS, KEY, VALUE, query=(0.2, 1.0), temperature=0.3)
    figure.query = [1.0, 0.0]
    heights = [bar.get_height() for bar in figure.picture().axes[1].patches]
    assert heights == pytest.approx((KEY @ torch.tensor([1.0, 0.0]) / 0.3).softmax(0).tolist())
    plt.close("all")


def test_each_kind_is_drawn_by_its_own_script():
    scripts = [build()._esm for build in FIGURES.values()]
    assert len({*scripts}) == len(FIGURES) and all(script.count("function render(") == 1 for script in scripts)


def test_a_large_figure_has_a_picture_of_its_beginning():
    figure = HeadViews(["a"] * 300, torch.rand(9, 300, 300))
    picture = figure.picture()
    assert len(picture.axes) == 8 and picture.axes[0].images[0].get_array().shape == (48, 48)
    plt.close("all")


def test_a_picture_that_cannot_be_drawn_leaves_no_figure_behind(monkeypatch):
    figure = SoftLookup(WORDS, KEY, VALUE)
    monkeypatch.setattr("utils.widgets.live.mimebundle", lambda figure: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        figure._repr_mimebundle_()
    assert plt.get_fignums() == []
