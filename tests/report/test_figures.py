"""Figures: stored and read back, of every kind, of older results and of plugins that are here or not."""

import json
import sys
from dataclasses import dataclass

import pytest

from smoothkit.report.figures import (
    KINDS,
    CurvesFigure,
    Figure,
    ReliabilityFigure,
    UnreadableFigure,
    figure_from_json,
)
from smoothkit.scenario import Result

from .conftest import FIGURES


@dataclass(frozen=True, kw_only=True)
class Waterfall(Figure):
    kind = "waterfall"
    falls: tuple[float, ...]


def stored(figure: Figure) -> dict:
    return json.loads(json.dumps(figure.to_json(), allow_nan=False))


@pytest.mark.parametrize("figure", FIGURES.values(), ids=FIGURES)
def test_reading_gives_what_was_stored(figure):
    assert figure_from_json(stored(figure)) == figure


def test_every_kind_is_tested():
    assert {figure.kind for figure in FIGURES.values()} == set(KINDS)


def test_results_of_older_versions_lack_the_newer_fields():
    old = {
        "kind": "reliability",
        "title": "Reliability",
        "edges": [0.0, 0.5, 1.0],
        "counts": [0, 40],
        "confidence": [None, 0.8],
        "accuracy": [None, 0.75],
    }
    figure = figure_from_json(old)
    assert isinstance(figure, ReliabilityFigure)
    assert (figure.low, figure.ece, figure.null_ece, figure.gap_high) == (None, None, None, None)
    curves = figure_from_json({"kind": "curves", "title": "", "x_label": "", "y_label": "", "x": {}, "y": {}})
    assert isinstance(curves, CurvesFigure)
    assert curves.low == curves.high == {}


def test_a_plugins_class_is_stored_by_its_place_and_found_again():
    figure = Waterfall(title="Loss", falls=(1.0, 0.5))
    assert stored(figure)["kind"] == f"{__name__}:Waterfall"
    assert figure_from_json(stored(figure)) == figure
    assert figure.describe() == "Loss"
    with pytest.raises(NotImplementedError, match="Waterfall has no draw"):
        figure.draw()


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("radar", "no plugin here provides the figure 'radar'"),
        ("gone.figures:Radar", "no plugin here provides the figure 'gone.figures:Radar': install or load"),
        (f"{__name__}:Gone", "no plugin here provides"),
        ("json:JSONDecoder", "json:JSONDecoder is no Figure"),
        ("smoothkit_supervised.nowhere:Radar", "no plugin here provides"),
        ("matrix", "what is stored does not fit the figure 'matrix': values: Field required; rows: Field required"),
        ("", "no plugin here provides"),
    ],
)
def test_what_cannot_be_read_says_why_and_is_kept(kind, reason):
    data = {"kind": kind, "title": "Radar", "spokes": [1, 2]}
    figure = figure_from_json(data)
    assert isinstance(figure, UnreadableFigure)
    assert reason in figure.reason
    assert figure.title == "Radar"
    assert figure.to_json() == data


def test_a_result_has_no_foreign_module_imported():
    assert "this" not in sys.modules
    assert isinstance(figure_from_json({"kind": "this:Figure", "title": ""}), UnreadableFigure)
    assert "this" not in sys.modules


def test_an_unreadable_figure_leaves_the_rest_of_a_result_alone():
    data = Result(scalars={"accuracy": 0.5}, figures=FIGURES).to_json()
    data["figures"]["radar"] = {"kind": "gone:Radar", "title": "", "spokes": []}
    found = Result.from_json(json.loads(json.dumps(data)))
    assert {name: found.figures[name] for name in FIGURES} == FIGURES
    assert json.loads(json.dumps(found.to_json())) == json.loads(json.dumps(data))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"values": [["0.9"]]}, "values.0.0: Input should be a valid number"),
        ({"values": None}, "values: Input should be a valid"),
        ({"rows": {"a": 1}}, "rows: Input should be a valid"),
        ({"title": 3}, "title: Input should be a valid string"),
    ],
)
def test_fields_of_another_type_do_not_get_into_a_figure(change, reason):
    figure = figure_from_json(stored(FIGURES["target_matrix"]) | change)
    assert isinstance(figure, UnreadableFigure)
    assert f"does not fit the figure 'matrix': {reason}" in figure.reason


def test_what_a_newer_version_adds_is_left_out():
    figure = FIGURES["reliability"]
    assert figure_from_json(stored(figure) | {"sharpness": 0.5}) == figure
