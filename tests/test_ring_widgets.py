"""The ring's widgets: what the browser is given, what is refused, and the pictures."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
import traitlets
from rings import attention_ring, ring_attention, ring_sum

from utils.widgets import RingAttention, RingSum


def test_the_browser_is_given_what_was_sent_in_every_ring():
    state = ring_sum().get_state()
    assert (state["sizes"], state["ways"], state["ranks"], state["way"]) == (
        [3, 4],
        ["ring", "through rank 0"],
        4,
        "ring",
    )
    ring, through = (way[1] for way in state["runs"])  # of four ranks
    assert [sent / ring["size"] for sent in ring["busiest"]] == [0, 0.25, 0.5, 0.75, 1, 1.25, 1.5]
    assert [sent / through["size"] for sent in through["busiest"]] == [0, 1, 1, 1, 1, 2, 3]
    assert [1, 3, 0, ring["size"] / 4] in ring["transfers"]  # in round 1, rank 3 sends a chunk to rank 0
    assert [4, 0, 1, through["size"]] in through["transfers"]
    assert ring["held"][-1] == [[15] * 4] * 4


def test_the_browser_is_given_who_has_whose_keys_when():
    state = attention_ring().get_state()
    contiguous_run, zigzag_run = (order[0] for order in state["runs"])  # of two ranks
    assert contiguous_run == {
        "stretches": [[[0, 8]], [[8, 8]]],
        "owners": [[0, 1], [1, 0]],
        "pairs": [[36, 36], [0, 64]],
    }
    assert zigzag_run["stretches"] == [[[0, 4], [12, 4]], [[4, 8]]] and zigzag_run["pairs"] == [[36, 36], [32, 32]]


@pytest.mark.parametrize("build", [ring_sum, attention_ring])
def test_what_is_chosen_can_be_read_set_and_watched(build):
    figure, seen = build(), []
    name = {"RingSum": "way", "RingAttention": "order"}[type(figure).__name__]
    other = {"RingSum": "through rank 0", "RingAttention": "zigzag"}[type(figure).__name__]
    figure.observe(lambda change: seen.append(change.new), ["ranks", name, "step"])
    figure.set_state({"ranks": min(figure.sizes), name: other, "step": 3})  # as the browser does
    assert seen == [min(figure.sizes), other, 3]
    for wrong in ({"ranks": 5}, {name: "shortest"}, {"step": -1}, {"step": 99}):
        with pytest.raises(traitlets.TraitError, match=r"(5|'shortest'|-1|99) is none of \["):
            figure.set_trait(*wrong.popitem())


def test_rings_that_cannot_be_drawn_are_named():
    for build in (ring_sum, attention_ring):
        with pytest.raises(ValueError, match=r"2 to 8 ranks can be drawn, not \[2, 9\]"):
            build(ranks=[9, 2])
        with pytest.raises(ValueError, match="and a number of ranks are needed, got 2 and 0"):
            build(ranks=[])
    with pytest.raises(ValueError, match="a way to add up and a number of ranks are needed, got 0 and 7"):
        RingSum({})
    with pytest.raises(ValueError, match="does not return the sum"):
        RingSum({"none": lambda x, group: x})
    with pytest.raises(ValueError, match=r"'flat' has to give positions \(2, 8\), got \(16,\)"):
        RingAttention(ring_attention, {"flat": lambda length, ranks: torch.arange(length)}, [2], stretch=4)
    with pytest.raises(ValueError, match="a stretch has one position or more, got 0"):
        attention_ring(stretch=0)


def test_the_picture_of_a_sum_has_a_panel_for_each_step_and_the_bytes():
    axes = ring_sum().picture().axes
    complete = [ax.get_title() for ax in axes[:7]]
    assert complete == [f"step {step}: {max(0, 4 * (step - 2))} of 16 complete" for step in range(7)]
    copies = {line.get_label(): line.get_ydata()[-1] for line in axes[7].lines}
    assert copies == {"ring: 1.5": 1.5, "through rank 0: 3": 3}
    assert len(axes) == 8
    plt.close("all")


def test_the_picture_of_an_attention_shows_each_pair_in_its_step_and_who_is_idle():
    figure = attention_ring()
    figure.ranks = 2
    first, second, below, beside = figure.picture().axes
    share = np.ma.filled(first.images[0].get_array(), np.nan)
    assert np.isnan(share[np.triu_indices(16, 1)]).all() and np.isfinite(share[np.tril_indices(16)]).all()
    assert (share[12, 10], share[12, 3], share[3, 3]) == (0.5, 1, 0.5)
    assert below.get_title().startswith("1.47 times the ideal") and beside.get_title().startswith("1.00 times")
    hatched = [[bar.get_width() > 1e-9 for bar in ax.patches if bar.get_hatch()] for ax in (below, beside)]
    assert hatched == [[False, False, True, False], [False] * 4]  # in the second step, rank 0 of the contiguous order
    plt.close("all")
