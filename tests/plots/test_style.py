"""Who can read the pictures: colours measured on a light and a dark page, and as colour-blind readers see them."""

import itertools

import numpy as np
import pytest
from colorspacious import deltaE
from seeing import PAGES, contrast, over, seen

from utils.plots import colours, style

INK = {"JupyterLab, light": colours.INK, "JupyterLab, dark": "#ffffff"}  # in a dark page it is the text's colour
READERS = [None, "deuteranomaly", "protanomaly"]


def test_contrast_is_that_of_the_standard():
    assert contrast("black", "white") == pytest.approx(21)
    assert contrast("#767676", "white") == pytest.approx(4.54, abs=0.01)  # the lightest grey for text, as is well known


@pytest.mark.parametrize("page", PAGES)
def test_every_graphical_colour_stands_out_and_ink_can_be_read(page):
    assert {
        colour for colour in [*colours.RANKS, colours.BROWN, colours.GREY] if contrast(colour, PAGES[page]) < 3
    } == set()
    assert contrast(INK[page], PAGES[page]) > 4.5


@pytest.mark.parametrize("reader", READERS, ids=str)
def test_any_two_lines_can_be_told_apart(reader):
    lines = seen(colours.LINES, reader)
    distances = [deltaE(one, other, input_space="sRGB1") for one, other in itertools.combinations(lines, 2)]
    assert min(distances) >= 15
    assert deltaE(*seen([colours.BLUE, colours.BROWN], reader), input_space="sRGB1") >= 15
    assert len({*style.MARKERS}) == len({*map(str, style.DASHES)}) == len(colours.LINES)


def test_the_distance_finds_what_colour_blind_readers_confuse():
    usual = seen(["#2ca02c", "#d62728", "#1f77b4", "#9467bd"], "deuteranomaly")  # matplotlib's own
    assert deltaE(usual[0], usual[1], input_space="sRGB1") < 15 and deltaE(usual[2], usual[3], input_space="sRGB1") < 15


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("scale", [colours.shades(colours.BLUE), colours.signed_shades()], ids=["shades", "signed"])
def test_numbers_can_be_read_on_every_shade(page, scale):
    shares = np.abs(np.linspace(*((-1, 1) if scale.N > 256 else (0, 1)), scale.N))
    for share, shade in zip(shares, scale(range(scale.N)), strict=True):
        words = colours.words_on(share)
        assert contrast(INK[page] if words == colours.INK else words, over(PAGES[page], shade)) >= 4.5, (share, words)


def test_no_letter_is_smaller_than_nine_pixels():
    assert min(style.SMALL, style.NORMAL, style.LARGE, 0.7 * style.LARGE) * 100 / 72 >= 9  # an exponent is 0.7 as large


def test_no_figure_is_wider_than_a_cell():
    assert style.new_axes(40, 3).figure.get_figwidth() * 100 <= 914


@pytest.mark.parametrize(
    ("weight", "written"),
    [(1.0, "1"), (0.0, "0"), (0.25, ".25"), (0.004, "<.01"), (-0.001, ">-.01"), (-0.5, "-.50"), (-1.02, "-1.02")],
)
def test_numbers_are_short_and_none_that_is_above_zero_is_written_as_zero(weight, written):
    assert style.numbered(weight) == written
