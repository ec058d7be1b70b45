"""Figures are tested by what they draw."""

import pytest
import torch
from matplotlib.colors import to_rgb
from matplotlib.text import Text

from utils import data, plots

WORDS, KEY, VALUE = data.small_dictionary()


def heights(ax):
    return torch.tensor([bar.get_height() for bar in ax.patches], dtype=torch.float32)


def test_the_small_dictionary_lies_on_a_circle_of_radius_one():
    assert len(WORDS) == 6
    assert torch.allclose(KEY.norm(dim=-1), torch.ones(6))
    assert VALUE.shape == (6, 3) and bool(((VALUE >= 0) & (VALUE <= 1)).all())


def test_bars_have_the_weights_as_heights_and_the_values_as_colours():
    weights = torch.tensor([0.5, 0.25, 0.25])
    ax = plots.bars(weights.requires_grad_(), WORDS[:3], VALUE[:3])
    assert torch.allclose(heights(ax), weights)
    assert to_rgb(ax.patches[0].get_facecolor()) == pytest.approx(VALUE[0].tolist())
    assert [text.get_text() for text in ax.texts] == [".50", ".25", ".25"]


def test_colder_weights_are_sharper():
    axes = plots.weights_by_temperature(KEY, KEY[0], [0.1, 1, 10], WORDS)
    tops = [heights(ax).max() for ax in axes]
    assert tops == sorted(tops, reverse=True)
    assert [ax.get_title() for ax in axes] == ["temperature 0.1", "temperature 1", "temperature 10"]


def test_a_heatmap_has_a_number_in_each_cell():
    ax = plots.heatmap(torch.tensor([[1.0, 0.0], [0.25, -0.5]]), ["a", "b"], ["x", "y"])
    assert [text.get_text() for text in ax.texts] == ["1", "0", ".25", "-.50"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("key", "query")


def test_curves_are_named_at_their_ends_and_scaled():
    ax = plots.curves([1, 10, 100], {"one": [1, 2, 3], "two": [3, 2, 1]}, "x", "y", log="x")
    assert {text.get_text(): text.xy for text in ax.texts} == {"one": (100, 3), "two": (100, 1)}
    assert (ax.get_xscale(), ax.get_yscale(), ax.figure.legends) == ("log", "linear", [])
    levels = plots.curves([1, 2], {"one": [0.2, 0.9]}, "x", "y", chance=0.125, levels={"most": 0.5}, ylim=(0, 1))
    assert [line.get_label() for line in levels.lines] == ["one", "chance", "most"]
    assert [line.get_ydata()[0] for line in levels.lines[1:]] == [0.125, 0.5]
    assert levels.get_ylim() == (0, 1)


def test_names_that_would_lie_on_each_other_are_moved_apart_in_the_order_of_their_lines():
    ends = {"low": 0.5, "high": 0.502, "middle": 0.501}
    ax = plots.curves([0, 1], {name: [0, end] for name, end in ends.items()}, "x", "y", ylim=(0, 1))
    ax.figure.draw_without_rendering()
    boxes = {text.get_text(): Text.get_window_extent(text) for text in ax.texts}  # without its leader
    assert boxes["low"].y1 <= boxes["middle"].y0 and boxes["middle"].y1 <= boxes["high"].y0


@pytest.mark.parametrize(
    "lines",
    [
        {"a name that is longer than there is room for it": [0, 1], "short": [1, 0]},
        {"leaves the axes": [0.5, 9.0], "stays": [0.5, 0.2]},
        {f"line {i}": [0, 0.5] for i in range(6)},
    ],
    ids=["long", "outside", "crowded"],
)
def test_where_names_at_the_ends_do_not_fit_they_stand_below_the_axes(lines):
    ax = plots.curves([0, 1], lines, "x", "y", chance=0.5, ylim=(0, 1))
    assert [text.get_text() for text in ax.figure.legends[0].get_texts()] == [*lines, "chance"] and not ax.texts
    ax.figure.draw_without_rendering()
    assert ax.figure.legends[0].get_window_extent().y1 <= ax.get_window_extent().y0


def test_more_lines_than_can_be_told_apart_are_refused():
    with pytest.raises(ValueError, match="1 to 6 lines can be told apart, got 7"):
        plots.curves([0, 1], {str(i): [0, i] for i in range(7)}, "x", "y")


def test_the_plane_shows_what_a_lookup_gives():
    left, middle, right = plots.plane(WORDS, KEY, VALUE, torch.tensor([0.2, 1.0]), 0.3)
    weights = (KEY @ torch.tensor([0.2, 1.0]) / 0.3).softmax(0)
    assert torch.allclose(heights(middle), weights)
    assert to_rgb(right.patches[0].get_facecolor()) == pytest.approx((weights @ VALUE).tolist(), abs=1e-6)
    assert {text.get_text() for text in left.texts} == {*WORDS, "query"}


def test_colour_fields_show_each_lookup_where_it_was_asked():
    axes = plots.colour_fields({"right half": lambda q: (q[:, :1] > 0).float().expand(-1, 3)}, WORDS, KEY)
    picture = axes[0].images[0].get_array()
    assert picture[:, 0].max() == 0 and picture[:, -1].min() == 1
    upper = plots.colour_fields({"upper half": lambda q: (q[:, 1:] > 0).float().expand(-1, 3)}, WORDS, KEY)[0].images[0]
    assert upper.get_array()[-1].min() == 1 and upper.origin == "lower"


def test_a_sweep_has_a_strip_for_each_lookup():
    angles = torch.linspace(0, 360, 10)
    ax = plots.sweep(angles, {"a": torch.zeros(10, 3), "b": torch.ones(10, 3)}, {"lemon": 127.0})
    assert [image.get_array().max() for image in ax.images] == [0, 1]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["lemon\n127°"]


def test_entries_and_regression_draw_what_they_are_given():
    assert plots.entries(WORDS, VALUE).images[0].get_array().shape == (1, 6, 3)
    both = plots.entries(WORDS, torch.stack([VALUE, VALUE / 2]), ["own", "half"])
    assert both.images[0].get_array().shape == (2, 6, 3)
    assert [label.get_text() for label in both.get_yticklabels()] == ["own", "half"]
    with pytest.raises(ValueError, match="1 names do not fit 2 rows"):
        plots.entries(WORDS, torch.stack([VALUE, VALUE]), ["own"])
    x = torch.linspace(0, 1, 5)
    axes = plots.regression(x, x, x, {"flat": torch.zeros(5), "line": x}, truth=x)
    assert [ax.get_title() for ax in axes] == ["flat", "line"]
    assert axes[0].lines[-1].get_ydata().max() == 0


def test_seeds_have_a_bar_for_the_mean_and_a_point_each():
    ax = plots.seeds({"one": torch.tensor([0.2, 0.4]), "two": torch.tensor([1.0, 1.0])}, "right", chance=0.125)
    assert [bar.get_width() for bar in ax.patches] == pytest.approx([0.3, 1.0])
    assert ax.collections[0].get_offsets()[:, 0].tolist() == pytest.approx([0.2, 0.4])
    assert [label.get_text() for label in ax.get_yticklabels()] == ["one", "two"]
    assert ax.lines[0].get_xdata()[0] == 0.125


def test_scattered_points_stand_where_they_are_and_no_two_entries_look_alike():
    points = {str(i): (torch.tensor([i / 10]), torch.tensor([1 - i / 10])) for i in range(10)}
    ax = plots.scatter(points, "probe", "right")
    places = [one.get_offsets()[0].tolist() for one in ax.collections]
    assert places == [pytest.approx([i / 10, 1 - i / 10]) for i in range(10)]
    looks = {(tuple(one.get_facecolor()[0]), one.get_paths()[0].vertices.tobytes()) for one in ax.collections}
    assert len(looks) == 10
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [*points]
    for wrong in ({}, {str(i): (torch.zeros(1), torch.zeros(1)) for i in range(100)}):
        with pytest.raises(ValueError, match=f"got {len(wrong)}"):
            plots.scatter(wrong, "probe", "right")


def test_a_roof_bends_at_its_ridge_and_points_stand_where_they_are():
    ax = plots.roofline({"mine": 4.0, "another": 300.0}, {"slow": (2.0, 0.25), "fast": (100.0, 0.9)})
    for line, ridge in zip(ax.lines, (4.0, 300.0), strict=True):
        x, y = line.get_xdata(), line.get_ydata()
        assert x[1] == ridge and y[1] == y[2] == 1
        assert y[0] == pytest.approx(x[0] / ridge)  # below it a share that grows with the operations per byte
    assert [one.get_offsets()[0].tolist() for one in ax.collections] == [[2.0, 0.25], [100.0, 0.9]]
    (legend,) = ax.figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["mine", "another", "slow", "fast"]
    for ridges in ({}, {str(i): 1.0 for i in range(9)}):
        with pytest.raises(ValueError, match=f"got {len(ridges)} and 0"):
            plots.roofline(ridges, {})


def test_keys_in_the_plane_point_where_they_are_in_the_colour_of_their_value():
    moments = {"start": (torch.zeros(2, 2), torch.zeros(2, 3)), "end": (torch.tensor([[4.0, 0], [0, -2]]), VALUE[:2])}
    start, end = plots.keys_in_plane(moments, KEY, VALUE)
    rings, dots = end.collections
    assert torch.tensor(rings.get_offsets()).float().allclose(KEY)
    assert dots.get_offsets().tolist() == [[4.0, 0.0], [0.0, -2.0]]
    assert dots.get_facecolor()[0, :3] == pytest.approx(VALUE[0].numpy())
    assert start.get_xlim() == end.get_xlim() and end.get_xlim()[1] > 4


def test_an_encoder_decoder_is_drawn_through_one_vector_or_by_its_weights():
    narrow = plots.encoder_decoder(["sixty", "three"], ["drei", "und", "sechzig"])
    assert "one vector" in [text.get_text() for text in narrow.texts]
    weights = torch.tensor([[0.0, 1.0], [0.5, 0.5], [1.0, 0.0]])
    wide = plots.encoder_decoder(["sixty", "three"], ["drei", "und", "sechzig"], weights)
    assert [text.get_text() for text in wide.texts] == ["sixty", "three", "drei", "und", "sechzig"]
    drawn = sorted(line.get_linewidth() for line in wide.lines)
    assert drawn[-2:] == [6, 6] and drawn.count(3) == 2  # two weights of one, two of a half


def test_lines_of_sight_are_as_thick_as_the_weights():
    weights = torch.tensor([[1.0, 0.0], [0.25, 0.75]])
    left, right = plots.lookups(["a", "b"], {"one": weights, "two": weights.flip(0)})
    assert [line.get_linewidth() for line in left.lines] == [6.0, 0.0, 1.5, 4.5]
    assert [line.get_xdata().tolist() for line in right.lines] == [[0, 0], [1, 0], [0, 1], [1, 1]]  # from key to query
    assert (left.get_title(), right.get_title()) == ("one", "two")


def test_a_grid_of_bars_has_a_row_for_each_name():
    grid = plots.bar_grid({f"d = {d}": {"soft": torch.tensor([0.5, 0.5]), "hard": torch.eye(2)[0]} for d in (1, 2, 3)})
    assert grid.shape == (2, 3)
    assert torch.equal(heights(grid[1, 2]), torch.tensor([1.0, 0.0]))
    assert (grid[0, 2].get_title(), grid[1, 0].get_ylabel()) == ("d = 3", "hard")


def test_a_matrix_has_its_zero_in_the_middle_of_the_colours():
    ax = plots.matrix(torch.tensor([[1.0, -3.0], [0.0, 2.0]], requires_grad=True), "x", "y")
    assert ax.images[0].get_clim() == (-3.0, 3.0)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("x", "y")


def test_a_transformers_stream_has_two_branches_in_each_block():
    drawn = [text.get_text() for text in plots.residual_stream(layers=3).texts]
    assert [drawn.count(part) for part in ("attention", "MLP", "norm", "+")] == [3, 3, 6, 6]
    assert {"block 1", "block 2", "block 3"} <= set(drawn)


def test_pictures_stand_in_a_column_for_each_entry():
    signs = torch.randn(2, 64).sign()
    grid = plots.pictures({"stored": signs, "asked": 0.5 * signs, "answer": -signs})
    assert grid.shape == (2, 3) and [ax.get_title() for ax in grid[0]] == ["stored", "asked", "answer"]
    assert torch.equal(torch.tensor(grid[1, 1].images[0].get_array()), 0.5 * signs[1].view(8, 8))
    assert grid[0, 0].images[0].get_clim() == (-1, 1)


def test_attention_maps_show_each_matrix_below_its_title():
    weights = torch.tensor([[1.0, 0.0], [0.3, 0.7]], requires_grad=True)
    left, right = plots.attention_maps({"one": weights, "two": weights.flip(0)}, ["a", "b"])
    assert (left.get_title(), right.get_title()) == ("one", "two")
    assert torch.tensor(left.images[0].get_array()).equal(weights.detach()) and left.images[0].get_clim() == (0, 1)
    assert [label.get_text() for label in right.get_yticklabels()] == ["a", "b"]


def test_patches_are_as_dark_as_their_weight_and_where_they_belong():
    pictures, weights = torch.rand(2, 8, 8), torch.zeros(2, 16)
    weights[0, 5], weights[1, 15] = 1, 1
    rows = plots.patches_seen(pictures, weights, ["one", "two"])
    assert [ax.get_title() for ax in rows[0]] == ["one", "two"]
    assert torch.tensor(rows[1, 0].images[0].get_array()).nonzero().tolist() == [[2, 2], [2, 3], [3, 2], [3, 3]]
    assert torch.tensor(rows[1, 1].images[0].get_array())[6:, 6:].all()


def test_a_deep_network_has_its_layers_and_the_question_at_one_of_them():
    ax = plots.deep_network(depth=5, asked_at=3)
    words = [text.get_text() for text in ax.texts]
    assert [f"layer {n}" in words for n in range(1, 7)] == [True] * 5 + [False]
    boxes = [patch.get_y() for patch in ax.patches]
    assert len({*boxes}) == 6 and [bottom for bottom in {*boxes} if boxes.count(bottom) == 2] == [3]  # blue over paper


def test_the_same_word_twice_is_two_bars():
    ax = plots.bars(torch.tensor([0.2, 0.3, -0.5]), ["the", "cat", "the"])
    assert [bar.get_x() for bar in ax.patches] == pytest.approx([-0.4, 0.6, 1.6])
    assert [label.get_text() for label in ax.get_xticklabels()] == ["the", "cat", "the"] and ax.get_ylim()[0] < -0.5


def test_weights_that_are_no_numbers_are_written_so():
    ax = plots.heatmap(torch.tensor([[torch.nan, 0.5], [torch.inf, 1.0]]), ["a", "b"], ["x", "y"])
    assert [text.get_text() for text in ax.texts] == ["nan", ".50", "inf", "1"]


def test_a_matrix_that_its_names_do_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"1 queries and 3 keys do not name a matrix \(2, 2\)"):
        plots.heatmap(torch.zeros(2, 2), ["a"], ["x", "y", "z"])


def test_names_wider_than_their_columns_are_turned():
    few = plots.heatmap(torch.rand(2, 2), ["a", "b"], ["tangerine", "plum"])
    many = plots.heatmap(torch.rand(2, 16), ["a", "b"], ["tangerine"] * 16)
    assert [ax.get_xticklabels()[0].get_rotation() for ax in (few, many)] == [0, 90]


def test_a_title_has_room_above_the_smallest_map():
    (ax,) = plots.attention_maps({"head 0 of layer 1": torch.rand(3, 3)}, list("abc"))
    figure = ax.get_figure()
    figure.draw_without_rendering()
    assert figure.bbox.x0 <= ax.title.get_window_extent().x0 and ax.title.get_window_extent().x1 <= figure.bbox.x1


def test_colours_beyond_the_screens_are_drawn_as_near_as_they_come():
    left = plots.plane(WORDS, KEY, 2 * VALUE - 0.5, torch.tensor([0.2, 1.0]))[0]
    assert to_rgb(left.collections[0].get_facecolor()[0]) == pytest.approx((2 * VALUE - 0.5).clamp(0, 1)[0].tolist())


def test_what_gradients_run_through_can_be_drawn():
    x = torch.rand(3, requires_grad=True)
    ax = plots.curves([1, 2, 3], {"whole": x, "one by one": list(x)}, "x", "y")
    assert [line.get_ydata().tolist() for line in ax.lines] == [pytest.approx(x.tolist())] * 2
    plots.regression(torch.arange(3), torch.arange(3), torch.arange(3), {"x": x})
    plots.keys_in_plane({"x": (x.expand(2, 3)[:, :2], x.expand(2, 3))}, KEY, VALUE)


def test_a_name_is_text_whatever_it_holds():
    ax = plots.curves([1, 2], {"costs $5 to $6": [1, 2], "two\nlines": [2, 1], "": [3, 3]}, "x", "y", log="x")
    assert [text.get_text() for text in ax.texts] == [r"costs \$5 to \$6", "two lines"]
    plots.attention_maps({"$": torch.rand(2, 2)}, ["$ $", "$x_$"])[0].get_figure().draw_without_rendering()


def test_a_line_that_bears_the_name_of_a_level_keeps_it():
    ax = plots.curves([1, 2], {"chance": [1, 2]}, "x", "y", chance=0.5)
    assert [text.get_text() for text in ax.texts] == ["chance", "chance"]


def test_a_turned_pair_has_the_same_product_wherever_the_two_are_equally_far_apart():
    query, key, places = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 2.0]), [(2, 1), (5, 4), (5, 1)]
    titles = [ax.get_title().replace("\n", " ") for ax in plots.rotary_pair(query, key, places)]
    # query and key are a quarter turn apart, and the query is turned half a radian further for each position between
    near, far = (2 * torch.tensor(0.5 * apart).sin().item() for apart in (1, 4))
    assert titles == [
        f"query at 2, key at 1: product {near:.2f}",
        f"query at 5, key at 4: product {near:.2f}",
        f"query at 5, key at 1: product {far:.2f}",
    ]


def test_the_arc_of_a_turned_pair_lies_between_its_arrows():
    ax = plots.rotary_pair(torch.tensor([1.0, 0.0]), torch.tensor([1.0, 0.0]), [(3, 1)], step=0.5)[0]
    arc = min(ax.patches, key=lambda patch: patch.width)
    assert (arc.theta2 - arc.theta1) % 360 == pytest.approx(torch.rad2deg(torch.tensor(1.0)).item())
    assert [text.get_text() for text in ax.texts if text.get_text()] == ["query\nat 3", "key\nat 1"]
