"""Figures on their way to the Targets tab: strict JSON, of which nothing that can be seen is lost."""

import json
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smoothkit.report.figures import CurvesFigure, Figure, MatrixFigure, figure_from_json
from smoothkit.report.legibility import MOST_CLASSES
from smoothkit.tracking.figure_summary import MOST_POINTS, figure_summary, shown
from smoothkit.tracking.tab import PLUGIN_NAME
from tests.tracking.two_runs import matrix, reliability


def text_of(figure: Figure) -> str:
    (value,) = figure_summary("validation/x", figure).value
    return value.tensor.string_val[0].decode()


def curves(x, y, **bands) -> CurvesFigure:
    return CurvesFigure(title="c", x_label="x", y_label="y", x={"a": x}, y={"a": y}, **bands)


@pytest.mark.parametrize("figure", [matrix(30), reliability(20, ece=0.5), curves((0.0, 1.0), (0.5, None))])
def test_a_figure_comes_back(figure):
    (value,) = figure_summary("validation/x", figure).value
    assert value.metadata.plugin_data.plugin_name == PLUGIN_NAME
    assert value.metadata.plugin_data.content == figure.kind.encode()
    assert value.tag == "_targets_/validation/x"
    back = figure_from_json(json.loads(text_of(figure)))
    assert type(back) is type(figure)
    assert json.loads(text_of(back)) == json.loads(text_of(figure))


@given(st.floats())
def test_numbers_keep_six_digits_and_json_is_strict(value):
    def refuse(name):
        raise AssertionError(name)

    (_, stored) = json.loads(text_of(curves((0.0, 1.0), (0.0, value))), parse_constant=refuse)["y"]["a"]
    if abs(value) < float("inf"):
        assert stored == pytest.approx(value, rel=5e-6, abs=0)
    else:
        assert stored is None


def test_steps_on_an_axis_stay_whole():
    assert shown(curves((1234567.0, 1234568.0), (0.0, 1.0)))["x"]["a"] == [1234567.0, 1234568.0]


def test_a_large_matrix_is_cut_and_says_so():
    names = tuple(f"class {number}" for number in range(MOST_CLASSES + 50))
    values = tuple(tuple(float(row * 1000 + column) for column in range(len(names))) for row in range(3))
    data = shown(MatrixFigure(title="C", values=values, rows=names[:3], columns=names, row_label="", column_label=""))
    assert data["full_shape"] == [3, MOST_CLASSES + 50]
    assert len(data["rows"]) == len(data["values"]) == 3
    assert {len(row) for row in data["values"]} == {len(data["columns"])} == {MOST_CLASSES}
    assert data["values"][2][99] == 2099.0
    assert "full_shape" not in shown(matrix(10))


@pytest.mark.parametrize("length", [MOST_POINTS - 1, MOST_POINTS, MOST_POINTS + 1, 10 * MOST_POINTS])
def test_a_long_curve_keeps_its_ends_and_its_points(length):
    x = tuple(float(at) for at in range(length))
    data = shown(curves(x, tuple(2 * at for at in x), low={"a": x}, high={"a": x}))
    kept = data["x"]["a"]
    assert len(kept) == min(length, MOST_POINTS)
    assert (kept[0], kept[-1]) == (0.0, length - 1.0)
    assert kept == sorted(set(kept))
    assert data["y"]["a"] == [2 * at for at in kept]
    assert data["low"]["a"] == data["high"]["a"] == kept


@dataclass(frozen=True, kw_only=True)
class Waterfall(Figure):
    """A plugin's own kind."""

    heights: tuple[float, ...]

    def describe(self) -> str:
        return f"{len(self.heights)} heights"


def test_a_kind_of_a_plugin_comes_as_its_description():
    data = json.loads(text_of(Waterfall(title="Fall", heights=(1.0, 2.0))))
    assert data == {"kind": Waterfall.kind, "title": "Fall", "description": "2 heights"}


class Unspeakable(Waterfall):
    """One whose description fails."""

    def describe(self) -> str:
        return f"{max(self.heights)} at most"


def test_a_description_that_fails_says_so_in_its_place():
    data = json.loads(text_of(Unspeakable(title="Fall", heights=())))
    assert data["title"] == "Fall"
    assert data["description"].startswith("cannot be described: ValueError: max() ")
