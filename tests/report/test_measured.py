"""Figures hold the numbers of what was measured."""

import pytest
import torch

from smoothkit import metrics
from smoothkit.metrics import Events
from smoothkit.report import measured


def events(rows: int, seed: int = 0) -> Events:
    """Calibrated events."""
    generator = torch.Generator().manual_seed(seed)
    confidence, chance = torch.rand(2, rows, generator=generator, dtype=torch.float64)
    return Events(confidence, (chance < confidence).double())


def test_a_reliability_figure_says_what_its_bins_say():
    bins = metrics.reliability_of(torch.tensor([0.75, 0.75, 1.0]).double(), torch.tensor([1.0, 0.0, 1.0]).double(), 4)
    figure = measured.reliability_figure("Title", bins)
    assert figure.edges == (0, 0.25, 0.5, 0.75, 1)
    assert figure.counts == (0, 0, 2, 1)
    assert figure.confidence == (None, None, 0.75, 1.0)
    assert figure.accuracy == (None, None, 0.5, 1.0)
    assert figure.ece == pytest.approx(1 / 6)
    assert figure.gap == pytest.approx(2.5 / 3 - 2 / 3)
    # Wilson's interval for 1 of 2, and for 1 of 1, whose upper end is 1.
    assert (figure.low[2], figure.high[2]) == pytest.approx((0.0945, 0.9055), abs=1e-4)
    assert (figure.low[3], figure.high[3]) == pytest.approx((0.2065, 1.0), abs=1e-4)
    assert figure.low[0] is figure.high[0] is None
    assert figure.gap_low < figure.gap < figure.gap_high


def test_groups_share_their_bins_and_the_largest_comes_first():
    confidence, correctness = events(90)
    group = torch.tensor([0] * 20 + [1] * 70)
    bins = metrics.bins_by_group(confidence, correctness, group, names=("few", "many", "none"))
    diagrams = measured.group_reliability_figure("By group", bins).groups
    assert {name: sum(diagram.counts) for name, diagram in diagrams.items()} == {"few": 20, "many": 70, "none": 0}
    assert len({diagram.edges for diagram in diagrams.values()}) == 1
    forest = measured.gaps_figure("Gaps", bins)
    assert (forest.names, forest.counts) == (("many", "few", "none"), (70, 20, 0))
    assert forest.estimates[0] == pytest.approx(float((confidence - correctness)[20:].mean()))
    assert forest.estimates[2] is forest.low[2] is None
    assert forest.low[0] < forest.estimates[0] < forest.high[0]


def test_a_risk_coverage_curve_begins_with_a_tenth_and_ends_with_the_error_rate():
    found = events(1000)
    figure = measured.risk_coverage_figure("Selective", {"by confidence": found})
    x, y = figure.x["by confidence"], figure.y["by confidence"]
    assert len(x) == measured.MOST_POINTS
    assert (x[0], x[-1]) == (0.1, 1.0)
    assert y[-1] == pytest.approx(1 - float(found.correctness.mean()))
    best = found.correctness[found.confidence.argsort(descending=True)[:100]]
    assert y[0] == pytest.approx(1 - float(best.mean()))
    low, high = figure.low["by confidence"], figure.high["by confidence"]
    assert all(a < b < c for a, b, c in zip(low, y, high, strict=True))


def test_a_large_matrix_is_cut_and_says_so():
    names = [str(index) for index in range(150)]
    figure = measured.matrix_figure("T", torch.eye(150), names)
    assert figure.title == "T (first 100 of 150 classes)"
    assert (len(figure.values), len(figure.values[0]), len(figure.rows)) == (100, 100, 100)
    undefined = measured.matrix_figure("T", torch.tensor([[1.0, float("nan")]] * 2), ["a", "b"])
    assert undefined.values == ((1.0, None), (1.0, None))
