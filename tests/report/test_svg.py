"""Drawings for the page: well-formed, true to the numbers, and described by them."""

# ruff: noqa: RUF001  (minus signs are what a reader sees)

import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smoothkit.report.describe import describe_curve
from smoothkit.report.figures import (
    CurvesFigure,
    Figure,
    GroupReliabilityFigure,
    IntervalsFigure,
    MatrixFigure,
    ReliabilityFigure,
)
from smoothkit.report.svg.canvas import Scale, tick_texts
from smoothkit.report.svg.panels import key, panels
from smoothkit.report.svg.strip import draw_strip
from smoothkit.report.table import Strip

from .conftest import FIGURES, RELIABILITY


def drawn(figure: Figure) -> ET.Element:
    (panel,) = panels(figure, "figure")
    return ET.fromstring(panel.picture)


def of_class(root: ET.Element, name: str) -> list[ET.Element]:
    return [element for element in root.iter() if name in element.get("class", "").split()]


def number(element: ET.Element, name: str) -> float:
    return float(element.get(name, "nan"))


def words(root: ET.Element) -> list[str]:
    return [element.text or "" for element in root.iter("text")]


def matrix(values, names=None) -> MatrixFigure:
    values = np.asarray(values, dtype=float)
    rows, columns = ([f"{place}" for place in range(size)] for size in values.shape)
    return MatrixFigure(
        title="matrix",
        values=tuple(map(tuple, values.tolist())),
        rows=tuple(names or rows),
        columns=tuple(names or columns),
        row_label="label",
        column_label="class",
    )


def curves(count: int) -> CurvesFigure:
    names = [f"curve {place}" for place in range(count)]
    return CurvesFigure(
        title="Curves",
        x_label="step",
        y_label="loss",
        x={name: (0.0, 1.0, 2.0) for name in names},
        y={name: (float(place), None, 1.0) for place, name in enumerate(names)},
    )


HARD_CASES: dict[str, Figure] = {
    **FIGURES,
    "all missing": matrix(np.full((3, 3), np.nan)),
    "infinite": matrix([[np.inf, 0.5], [-np.inf, 0.5]]),
    "one entry": matrix([[1.0]]),
    "not square": matrix(np.full((4, 2), 0.5)),
    "a hundred classes": matrix(np.eye(100), [f"a class with a long name, number {place}" for place in range(100)]),
    "a hundred classes, some missing, some negative": matrix(np.where(np.eye(100) > 0, np.nan, -0.1)),
    "hostile names": matrix(np.eye(2), ["$x_{$", "a < b & c\x1b[31m\x00 \"'"]),
    "empty bins": ReliabilityFigure(
        title="", edges=(0.0, 0.5, 1.0), counts=(0, 0), confidence=(None, None), accuracy=(None, None)
    ),
    "one point": CurvesFigure(title="", x_label="", y_label="", x={"a": (1.0,)}, y={"a": (2.0,)}),
    "no curve": CurvesFigure(title="", x_label="", y_label="", x={}, y={}),
    "no value": CurvesFigure(title="", x_label="", y_label="", x={"a": (1.0,)}, y={"a": (None,)}),
    "too many curves": curves(9),
    "no groups": GroupReliabilityFigure(title="", groups={}),
    "no estimates": IntervalsFigure(title="", names=(), estimates=(), low=(), high=(), counts=(), x_label=""),
    "infinite estimates": IntervalsFigure(
        title="",
        names=("a", "b"),
        estimates=(0.5, float("nan")),
        low=(float("-inf"), 0.0),
        high=(1e308, 1.0),
        counts=(3, 4),
        x_label="",
    ),
    "bins that are not finite": ReliabilityFigure(
        title="", edges=(0.0, 0.5, 1.0), counts=(1, 2), confidence=(float("nan"), 0.7), accuracy=(0.5, float("inf"))
    ),
    "estimates without intervals": IntervalsFigure(
        title="", names=("a",), estimates=(0.5,), low=(None,), high=(None,), counts=(3,), x_label="", reference=0.5
    ),
}


@pytest.mark.parametrize("name", HARD_CASES)
def test_every_figure_becomes_drawings_with_a_description(name):
    for panel in panels(HARD_CASES[name], "figure"):
        for root in ET.fromstring(f"<div>{panel.picture}</div>"):
            assert root.tag == "svg"
            assert root.get("aria-hidden") == "true" or (root.get("role") == "img" and root.get("aria-label"))
        assert "nan" not in re.sub(r'aria-label="[^"]*"', "", panel.picture)
    ET.fromstring(f"<div>{''.join(sign for sign, _ in key(HARD_CASES[name]))}</div>")


# --- Reliability ------------------------------------------------------------------------------------------------------


def test_reliability_writes_its_numbers():
    root = drawn(RELIABILITY)
    # Gap: (10 * 0.6 + 30 * 0.9) / 40 - (10 * 0.8 + 30 * 0.7) / 40; the ECE has the absolute gaps of the bins.
    assert {"ECE 0.200 (null 0.050)", "gap +0.100 [−0.050, +0.250]", "n 40"} <= set(words(root))
    label = root.get("aria-label")
    assert label is not None
    assert "0.5 to 0.75: 10 samples, confidence 0.6, accuracy 0.8" in label
    assert "0 to 0.5" not in label  # an empty bin


def test_stored_numbers_come_before_those_of_the_bins():
    root = drawn(replace(RELIABILITY, ece=0.123, null_ece=None, gap=-0.2, gap_low=None))
    assert {"ECE 0.123", "gap −0.200", "n 40"} <= set(words(root))


def test_a_gap_that_rounds_to_nothing_has_no_sign():
    root = drawn(replace(RELIABILITY, gap=-0.0001, gap_low=-0.0004, gap_high=0.0002))
    assert "gap 0.000 [0.000, 0.000]" in words(root)


def test_gaps_lie_between_accuracy_and_confidence_at_the_mean_confidence():
    root = drawn(RELIABILITY)
    (under,), (over,) = of_class(root, "under"), of_class(root, "over")
    left, bottom, side = 50.0, 310.0, 270.0
    for gap, confidence, accuracy in ((under, 0.6, 0.8), (over, 0.9, 0.7)):
        middle = number(gap, "x") + number(gap, "width") / 2
        assert middle == pytest.approx(left + side * confidence, abs=0.1)
        assert number(gap, "height") == pytest.approx(side * abs(confidence - accuracy), abs=0.1)
        assert number(gap, "y") == pytest.approx(bottom - side * max(confidence, accuracy), abs=0.1)


def test_empty_bins_stay_empty():
    root = drawn(RELIABILITY)
    for kind in ("bar", "share", "point", "whisker"):
        assert len(of_class(root, kind)) == 2
    assert min(number(bar, "x") for bar in of_class(root, "bar")) > 50 + 270 * 0.5


def test_whiskers_are_drawn_where_there_are_intervals():
    assert not of_class(drawn(replace(RELIABILITY, low=None, high=None)), "whisker")
    ways = [element.get("d", "") for element in of_class(drawn(RELIABILITY), "whisker")]
    assert ways[0].startswith(f"M{50 + 270 * 0.6:.1f} {310 - 270 * 0.49:.1f}V{310 - 270 * 0.94:.1f}")


def test_groups_are_pictures_on_the_same_axes():
    found = panels(FIGURES["groups"], "figure")
    assert [panel.caption for panel in found] == ["one", "two"]
    assert found[0].picture == found[1].picture


# --- Matrices ---------------------------------------------------------------------------------------------------------


def test_entries_are_written_up_to_twelve_classes():
    assert len(of_class(drawn(matrix(np.eye(12))), "entry")) == 144
    assert not of_class(drawn(matrix(np.eye(13))), "entry")


def test_missing_entries_are_marked():
    root = drawn(matrix([[np.nan, 1.0]]))
    assert [entry.text for entry in of_class(root, "entry")] == ["–", "1"]
    assert len(of_class(root, "undefined")) == 1


@pytest.mark.parametrize("top", [0.2, 0.9])
def test_probabilities_share_one_scale_so_that_variants_compare(top):
    values = np.full((10, 10), 0.01)
    values[0, 0] = top
    shades = [float(cell.get("fill-opacity", "nan")) for cell in of_class(drawn(matrix(values)), "positive")]
    # As documented: 0.1 / K lies a tenth of the way up.
    assert shades[1] == pytest.approx(0.1)
    assert shades[0] == pytest.approx(top**0.5, abs=1e-3)


def test_signs_have_colours_of_their_own():
    root = drawn(matrix([[1.5, -0.5], [-0.5, 1.5]]))
    assert (len(of_class(root, "positive")), len(of_class(root, "negative"))) == (2, 2)
    assert max(float(cell.get("fill-opacity", "nan")) for cell in of_class(root, "positive")) == 1.0


def test_large_matrix_is_an_image_with_a_pixel_per_entry():
    import base64
    import io

    from matplotlib.image import imread

    root = drawn(matrix(np.eye(50) * 0.25 + 0.5))
    (image,) = root.iter("image")
    address = image.get("href", "")
    pixels = imread(io.BytesIO(base64.b64decode(address.removeprefix("data:image/png;base64,"))), format="png")
    power = 1 / (1 + np.log10(50))
    np.testing.assert_allclose(pixels, (np.eye(50) * 0.25 + 0.5) ** power, atol=1 / 255)
    assert "Diagonal from 0.75 to 0.75" in root.get("aria-label", "")


def test_matrix_of_another_shape_than_its_names_is_refused():
    with pytest.raises(ValueError, match="does not have 2 rows of 3 entries"):
        drawn(replace(matrix(np.eye(2)), columns=("a", "b", "c")))


# --- Curves and intervals ---------------------------------------------------------------------------------------------


def test_curves_of_up_to_seven_share_a_picture_and_more_have_their_own():
    assert len(panels(curves(7), "figure")) == 1
    assert [words for _, words in key(curves(7))] == [f"curve {place}" for place in range(7)]
    many = panels(curves(8), "figure")
    assert [panel.caption for panel in many] == [f"curve {place}" for place in range(8)]
    assert key(curves(8)) == []
    source = "".join(panel.picture for panel in many)
    assert source.count('id="figure"') == 1
    assert source.count('href="#figure"') == 8


def test_missing_points_are_gaps():
    (line,) = of_class(drawn(curves(1)), "curve")
    assert line.get("d", "").count("M") == 2


def test_curves_and_bands_say_where_they_begin_and_end():
    root = drawn(FIGURES["risk"])
    assert len(of_class(root, "band")) == 1
    label = "model: from 0 at coverage 0 to 0.1 (0.08 to 0.12) at 1, lowest 0, highest 0.1"
    assert label in root.get("aria-label", "")


def test_the_band_that_is_told_is_that_of_the_last_point_there_is():
    figure = CurvesFigure(
        title="",
        x_label="coverage",
        y_label="risk",
        x={"a": (0.0, 0.5, 1.0)},
        y={"a": (0.25, 0.5, None)},
        low={"a": (0.2, 0.4, 0.7)},
        high={"a": (0.3, 0.6, 0.9)},
    )
    assert describe_curve(figure, "a") == (
        "a: from 0.25 at coverage 0 to 0.5 (0.4 to 0.6) at 0.5, lowest 0.25, highest 0.5"
    )


def test_intervals_are_coloured_by_their_side_of_the_reference():
    root = drawn(FIGURES["gaps"])
    assert [element.get("class") for element in of_class(root, "interval")] == ["interval", "interval below"]
    assert {"one", "two", "nobody", "−0.200 [−0.250, −0.150]", "not defined", "400"} <= set(words(root))
    assert "one: +0.012 [−0.030, +0.050], 400 rows" in root.get("aria-label", "")


def test_strip_places_points_on_the_common_scale():
    strip = Strip(points=(0.0, 1.0), scale=(0.0, 2.0), mark=1.0, interval=(0.0, 2.0), description="two values")
    root = ET.fromstring(draw_strip(strip))
    assert root.get("aria-label") == "two values"
    (dots,) = of_class(root, "dots")
    assert dots.get("d") == "M4 7h0M44 7h0"
    (reach,) = of_class(root, "reach")
    assert (number(reach, "x1"), number(reach, "x2")) == (4.0, 84.0)


# --- Axes -------------------------------------------------------------------------------------------------------------

numbers = st.floats(-1e6, 1e6).filter(lambda value: value == 0 or abs(value) > 1e-6)


@given(numbers, st.floats(1e-6, 1e6))
def test_ticks_are_few_in_order_inside_and_told_apart(low, width):
    scale = Scale(low, low + width, 0.0, 100.0)
    if not scale.high > scale.low or width < 1e-9 * abs(low):
        return
    ticks = scale.ticks()
    assert 1 <= len(ticks) <= 7
    assert ticks == sorted(set(ticks))
    assert all(low - 1e-6 * width <= tick <= low + width * (1 + 1e-6) for tick in ticks)


@given(st.floats(-1000, 1000), st.floats(1e-3, 1e6))
def test_tick_texts_differ_where_ticks_do(low, width):
    ticks = Scale(low, low + width, 0.0, 100.0).ticks()
    texts = tick_texts(ticks)
    assert len(set(texts)) == len(ticks)
