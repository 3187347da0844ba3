"""Pictures: real files, the same every time, whatever the numbers and the user's settings."""

# ruff: noqa: RUF001  (minus signs and dashes are what a reader sees)

import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure as Picture

from smoothkit.report.figures import CurvesFigure, Figure, MatrixFigure, ReliabilityFigure, UnreadableFigure
from smoothkit.report.heat import NEGATIVE, POSITIVE
from smoothkit.report.pictures import draw, png, themed_svg
from smoothkit.report.pictures.style import INK

from .conftest import FIGURES as ONE_OF_EACH
from .conftest import RELIABILITY


def matrix(values, names=None) -> MatrixFigure:
    values = np.asarray(values, dtype=float)
    rows, columns = ([f"{i}" for i in range(size)] for size in values.shape)
    return MatrixFigure(
        title="matrix",
        values=tuple(map(tuple, values.tolist())),
        rows=tuple(names or rows),
        columns=tuple(names or columns),
        row_label="label",
        column_label="class",
    )


FIGURES = {
    **ONE_OF_EACH,
    "matrix": matrix([[0.9, 0.1], [0.2, 0.8]], ["real", "fake"]),
    "curves": CurvesFigure(
        title="Risk", x_label="coverage", y_label="risk", x={"a": (0.0, 0.5, 1.0)}, y={"a": (0.0, float("nan"), 0.1)}
    ),
}

HARD_CASES = {
    **FIGURES,
    "all missing": matrix(np.full((3, 3), np.nan)),
    "infinite": matrix([[np.inf, 0.5], [-np.inf, 0.5]]),
    "negative": matrix([[1.3, -0.3], [-0.3, 1.3]]),
    "zero": matrix(np.zeros((2, 2))),
    "one entry": matrix([[1.0]]),
    "not square": matrix(np.full((4, 2), 0.5)),
    "a hundred classes": matrix(np.eye(100), [f"a class with a long name, number {i}" for i in range(100)]),
    "dollar names": matrix(np.eye(2), ["$x_{$", "a < b & c"]),
    "empty bins": ReliabilityFigure(
        title="", edges=(0.0, 0.5, 1.0), counts=(0, 0), confidence=(None, None), accuracy=(None, None)
    ),
    "one point": CurvesFigure(title="", x_label="", y_label="", x={"a": (1.0,)}, y={"a": (2.0,)}),
    "no curve": CurvesFigure(title="", x_label="", y_label="", x={}, y={}),
}


@pytest.mark.parametrize("name", HARD_CASES)
def test_every_figure_becomes_a_png_and_an_svg(name):
    picture = draw(HARD_CASES[name])
    assert png(picture).startswith(b"\x89PNG\r\n\x1a\n")
    assert ET.fromstring(themed_svg(picture)).tag == "{http://www.w3.org/2000/svg}svg"


@pytest.mark.parametrize("figure", FIGURES.values(), ids=FIGURES)
def test_same_figure_same_bytes(figure):
    one, other = draw(figure), draw(figure)
    assert png(one) == png(other)
    assert themed_svg(one) == themed_svg(other)


def test_users_settings_neither_reach_the_picture_nor_are_changed():
    figure = FIGURES["matrix"]
    expected = png(draw(figure)), themed_svg(draw(figure))
    with matplotlib.rc_context({"font.size": 20, "axes.facecolor": "red", "savefig.dpi": 30, "svg.hashsalt": "other"}):
        before = dict(matplotlib.rcParams)
        assert (png(draw(figure)), themed_svg(draw(figure))) == expected
        assert dict(matplotlib.rcParams) == before


def test_drawing_chooses_no_backend():
    code = (
        "import sys; from smoothkit.report.figures import CurvesFigure; from smoothkit.report.pictures import *;"
        "png(draw(CurvesFigure(title='', x_label='', y_label='', x={}, y={})));"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def cell_texts(figure: MatrixFigure) -> list[str]:
    return [text.get_text() for text in draw(figure).axes[0].texts]


def test_entries_are_written_up_to_twelve_classes():
    assert len(cell_texts(matrix(np.eye(12)))) == 144
    assert cell_texts(matrix(np.eye(13))) == []


def test_missing_entries_are_marked():
    assert cell_texts(matrix([[np.nan, 1.0]])) == ["–", "1"]


def test_probabilities_share_one_scale_so_that_variants_compare():
    scales = [draw(matrix(np.full((10, 10), top))).axes[0].images[0].norm for top in (0.2, 0.9)]
    assert [(scale.vmin, scale.vmax) for scale in scales] == [(-1, 1), (-1, 1)]
    # As documented: 0.1 / K lies a tenth of the way from 0, in the middle, to 1.
    assert scales[0](0.01) == pytest.approx(0.55)
    assert scales[0](-0.01) == pytest.approx(0.45)


def test_positive_entries_are_blue_and_negative_ones_orange():
    image = draw(matrix([[1.0, -1.0], [0.0, -0.01]])).axes[0].images[0]
    colours = image.cmap(image.norm(image.get_array()))
    assert [to_hex(colour) for colour in colours[0]] == [POSITIVE, NEGATIVE]
    red, green, blue, _ = colours[1][1]
    assert 1 > red > green > blue > 0.8
    assert np.allclose(colours[1][0], 1.0, atol=0.01)


@pytest.mark.parametrize("values", [np.eye(10) * 0.9, -np.eye(5), np.eye(3) * 25 - 3, np.full((4, 4), 0.5)])
def test_the_scale_beside_a_matrix_names_entries_that_do_not_lie_on_each_other(values):
    bar = draw(matrix(values)).axes[1]
    low, high = bar.get_ylim()
    assert (low < 0) == bool((values < 0).any())
    assert high == max(1.0, np.abs(values).max())
    ticks = [tick for tick in bar.get_yticks() if low <= tick <= high]
    power = 1 / (1 + np.log10(values.shape[1]))
    places = np.sign(ticks) * np.abs(np.array(ticks) / high) ** power
    assert {0.0, high} <= set(ticks)
    assert np.diff(places).min() > 0.06 * (2 if low < 0 else 1)


def test_long_names_are_cut_in_their_middle_as_on_the_page():
    names = ["a golden retriever 17", "a golden retriever 18"]
    labels = [label.get_text() for label in draw(matrix(np.eye(2), names)).axes[0].get_yticklabels()]
    assert labels == ["a golden…ever 17", "a golden…ever 18"]


def test_reliability_states_the_calibration_error_of_its_bins():
    title = draw(RELIABILITY).axes[0].get_title(loc="left")
    assert title == "Reliability\nECE 0.200 (null 0.050)\ngap +0.100 [−0.050, +0.250]\nn 40"


def test_groups_have_a_diagram_each_and_no_empty_ones():
    picture = draw(FIGURES["groups"])
    assert [axes.get_title(loc="left").split("\n")[0] for axes in picture.axes] == ["one", "two"]
    five = replace(FIGURES["groups"], groups={f"group {place}": RELIABILITY for place in range(5)})
    assert sum(axes.axison for axes in draw(five).axes) == 5


def test_curves_have_bands_where_there_are_any():
    assert len(draw(FIGURES["risk"]).axes[0].collections) == 1
    assert len(draw(FIGURES["curves"]).axes[0].collections) == 0


def test_ink_follows_the_theme_and_text_stays_text():
    drawing = themed_svg(draw(FIGURES["gaps"]))
    assert "currentColor" in drawing
    assert INK in drawing.partition("</style>")[0]
    assert INK not in drawing.partition("</style>")[2]
    assert "nobody (n 0)</text>" in drawing


def test_first_curves_differ_in_colour_and_dash():
    names = "abcd"
    figure = CurvesFigure(
        title="", x_label="", y_label="", x={n: (0.0, 1.0) for n in names}, y={n: (0.0, 1.0) for n in names}
    )
    lines = draw(figure).axes[0].lines
    assert len({to_hex(line.get_color()) for line in lines}) == len({line.get_linestyle() for line in lines}) == 4


def test_a_plugins_figure_draws_itself_in_the_house_style():
    class Own(Figure):
        def draw(self):
            picture = Picture()
            picture.add_subplot().set_title(self.title)
            return picture

    (axes,) = draw(Own(title="$x")).axes
    assert (axes.get_title(), axes.spines["top"].get_visible()) == ("$x", False)


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(NotImplementedError, match="Figure has no draw"):
        draw(Figure(title="bare"))
    with pytest.raises(ValueError, match="no plugin"):
        draw(UnreadableFigure(title="", reason="no plugin", data={}))
