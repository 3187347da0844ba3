"""Marks on curves: their words lie on nothing else, their lines stand where they say, and words say it too."""

import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smoothkit.report.figures import CurvesFigure, figure_from_json
from smoothkit.report.folder import read_study
from smoothkit.report.html.figures import study_figures
from smoothkit.report.marks import GAP, LONGEST, place_words, width_of
from smoothkit.report.pictures import draw
from smoothkit.report.svg.curves import scales
from smoothkit.report.svg.panels import panels
from smoothkit.tracking.figure_summary import shown

from .test_page import with_figure

LEFT, RIGHT, CHARACTER = 4.0, 416.0, 6.3


def curves(marks: dict[str, float], names: tuple[str, ...] = ("one", "two")) -> CurvesFigure:
    return CurvesFigure(
        title="Gap against alpha",
        x_label="alpha",
        y_label="gap",
        x=dict.fromkeys(names, (0.0, 0.2, 0.4)),
        y={name: (0.1 * place, 0.0, -0.1) for place, name in enumerate(names)},
        marks=marks,
    )


FOUR = curves(
    {"the sign flips for two": 0.12, "beyond this the other group is worse": 0.2, "least": 0.22, "validation's": 0.39}
)


def placed_apart(words) -> bool:
    """Whether no words meet others of their row, nor a line that goes higher, and all are within the picture."""
    for one in words:
        if not LEFT - 1e-9 <= one.left <= one.right <= RIGHT + 1e-9:
            return False
        for other in words:
            beside = other.right <= one.left - GAP + 1e-9 or other.left >= one.right + GAP - 1e-9
            if other is not one and other.row == one.row and not beside:
                return False
            if other.row > one.row and one.left < other.at < one.right:
                return False
    return True


short = st.text(st.characters(categories=["Ll", "Nd"], max_codepoint=0x24F), min_size=1, max_size=10)
places = st.floats(LEFT, RIGHT)


@given(st.dictionaries(short, places, max_size=4))
def test_up_to_four_short_ones_stand_whole_and_apart(marks):
    words = place_words(marks, LEFT, RIGHT, CHARACTER)
    assert sorted((one.text, one.at) for one in words) == sorted(marks.items())
    assert placed_apart(words)
    assert {one.row for one in words} == set(range(len({one.row for one in words})))


@given(st.dictionaries(st.text(max_size=80), places, max_size=4))
def test_long_ones_are_cut_and_never_lost(marks):
    words = place_words(marks, LEFT, RIGHT, CHARACTER)
    assert sorted(one.at for one in words) == sorted(marks.values())
    assert all(len(one.text) <= LONGEST for one in words)
    assert all(one.right - one.left == pytest.approx(width_of(one.text, CHARACTER)) for one in words)


def test_words_stand_beside_their_line_where_there_is_room():
    (one,) = place_words({"here": 100.0}, LEFT, RIGHT, CHARACTER)
    assert one.anchor == (103.0, "start")
    (one,) = place_words({"here": 410.0}, LEFT, RIGHT, CHARACTER)
    assert one.anchor == (407.0, "end")


def test_two_at_one_place_and_two_that_shorten_alike_are_both_there():
    words = place_words({"first": 416.0, "second": 416.0}, LEFT, RIGHT, CHARACTER)
    assert sorted(one.text for one in words) == ["first", "second"]
    assert placed_apart(words)
    alike = {"a" * 50 + middle + "b" * 50: 200.0 for middle in "xy"}
    assert len(place_words(alike, LEFT, RIGHT, CHARACTER)) == 2


# --- in drawings ------------------------------------------------------------------------------------------------------


def lines_of(root: ET.Element) -> list[float]:
    return [float(line.get("x1", "nan")) for line in root.iter("line") if line.get("class") == "mark"]


def drawn(figure: CurvesFigure) -> list[ET.Element]:
    return [ET.fromstring(f"<div>{panel.picture}</div>") for panel in panels(figure, "figure")]


def test_a_line_stands_where_the_axis_says_and_ends_above_the_picture():
    (root,) = drawn(FOUR)
    x, y = scales(FOUR)
    assert sorted(lines_of(root)) == pytest.approx([x(at) for at in FOUR.marks.values()], abs=0.06)
    for line in root.iter("line"):
        if line.get("class") == "mark":
            assert float(line.get("y1", "nan")) == pytest.approx(y.start, abs=0.06)
            assert float(line.get("y2", "nan")) < y.end
    texts = [text.text for text in root.iter("text")]
    assert set(FOUR.marks) <= set(texts)


def test_a_mark_changes_the_picture_by_its_rows_alone():
    (plain,), (marked,) = drawn(curves({})), drawn(curves({"here": 0.2}))
    assert lines_of(plain) == []
    heights = [float(next(iter(root.iter("svg"))).get("height", "nan")) for root in (plain, marked)]
    assert heights[1] - heights[0] == 14.0


def test_the_axis_reaches_to_a_mark_beyond_the_curves():
    figure = curves({"far": 0.8})
    x, _ = scales(figure)
    (root,) = drawn(figure)
    assert lines_of(root) == pytest.approx([x.end])
    assert (x.low, x.high) == (0.0, 0.8)


def test_the_description_says_what_is_marked():
    (root,) = drawn(FOUR)
    label = next(iter(root.iter("svg"))).get("aria-label", "")
    assert label.endswith(
        ". Marked on alpha: the sign flips for two at 0.12; beyond this the other group is worse at 0.2; "
        "least at 0.22; validation's at 0.39"
    )
    (plain,) = drawn(curves({}))
    assert "Marked" not in next(iter(plain.iter("svg"))).get("aria-label", "")


def test_curves_with_a_picture_each_are_marked_each():
    roots = drawn(curves({"here": 0.2}, tuple("abcdefghi")))
    assert len(roots) == 9
    for root in roots:
        assert len(lines_of(root)) == 1
        assert any("Marked on alpha: here at 0.2" in svg.get("aria-label", "") for svg in root.iter("svg"))


@pytest.mark.parametrize("place", [float("nan"), float("inf")])
def test_a_mark_without_a_place_is_left_out(place):
    figure = curves({"nowhere": place, "here": 0.1})
    (root,) = drawn(figure)
    assert len(lines_of(root)) == 1
    assert "nowhere" not in ET.tostring(root, encoding="unicode")
    assert len(draw(figure).axes[0].texts) == 2  # a line up and the words
    assert shown(figure)["marks"] == {"nowhere": None, "here": 0.1}


@pytest.mark.parametrize(("place", "pictures"), [(0.1, [""]), (0.2, ["hard, seed 0", "LS, seed 0"])])
def test_only_curves_with_the_same_marks_share_a_picture(make_study, place, pictures):
    directory = make_study()
    with_figure(directory, "gap", curves({"here": 0.1}, ("one",)).to_json(), "hard")
    with_figure(directory, "gap", curves({"here": place}, ("one",)).to_json(), "ls")
    figures = study_figures(read_study(directory))["gap"]
    assert list(figures) == pictures
    first = next(iter(figures.values()))
    assert isinstance(first, CurvesFigure)
    assert first.marks == {"here": 0.1}


def test_figures_of_before_there_were_marks_have_none():
    data = FOUR.to_json()
    assert figure_from_json(data) == FOUR
    del data["marks"]
    old = figure_from_json(data)
    assert isinstance(old, CurvesFigure)
    assert old.marks == {}


def test_long_curves_keep_their_marks_for_the_tab():
    x = tuple(float(at) for at in range(1000))
    figure = replace(curves({"here": 1 / 3}), x={"a": x}, y={"a": x})
    assert shown(figure)["marks"] == {"here": 0.333333}
    assert len(shown(figure)["x"]["a"]) == 400


# --- in pictures ------------------------------------------------------------------------------------------------------

CROWD = curves({f"explanation number {place}": 0.385 + 0.005 * place for place in range(4)})


@pytest.mark.parametrize("figure", [FOUR, CROWD, curves({"in the middle": 0.2}), curves({"far": 0.9})])
def test_in_a_picture_words_lie_on_nothing_else(figure):
    picture = draw(figure)
    picture.draw_without_rendering()
    (axes,) = picture.axes
    words = [text for text in axes.texts if text.get_text()]
    assert len(words) == len(figure.marks)
    boxes = {text.get_text(): text.get_window_extent() for text in words}
    boxes |= {"the title": axes.title.get_window_extent(), "the axes": axes.get_window_extent()}
    paper = picture.bbox
    for name, box in boxes.items():
        assert box.x0 >= paper.x0 - 1, name
        assert box.x1 <= paper.x1 + 1, name
        assert box.y1 <= paper.y1 + 1, name
        for other, its in boxes.items():
            assert other == name or not box.padded(-1).overlaps(its.padded(-1)), (name, other)
    # The key's paper is drawn over the lines.
    assert axes.get_legend().get_frame_on()


def test_in_a_picture_lines_stand_at_their_places_and_the_key_names_the_curves_alone():
    (axes,) = draw(FOUR).axes
    lines = [line for line in axes.lines if len(line.get_xdata()) == 2]  # pyright: ignore[reportArgumentType]
    assert [line.get_xdata()[0] for line in lines] == list(FOUR.marks.values())  # pyright: ignore
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["one", "two"]
    assert draw(curves({"here": 0.1}, ("one",))).axes[0].get_legend() is None
