"""The bins behind calibration error."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from smoothkit.metrics import bin_edges, reliability_of


@settings(deadline=None)
@given(st.integers(1, 200))
def test_every_edge_lies_in_the_bin_below_it(bins):
    edges = bin_edges(bins, torch.device("cpu"))
    counts = reliability_of(edges, torch.zeros(bins + 1, dtype=torch.float64), bins).counts
    assert edges[[0, -1]].tolist() == [0, 1]
    assert counts.tolist() == [2] + [1] * (bins - 1)


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=50), st.integers(1, 30))
def test_bins_hold_what_a_loop_over_the_definition_puts_there(predictions, bins):
    confidence, correctness = torch.tensor(predictions, dtype=torch.float64).T
    diagram = reliability_of(confidence, correctness, bins)
    for index in range(bins):
        lower, upper = index / bins, (index + 1) / bins
        members = [p for p in predictions if lower < p[0] <= upper or (index == 0 and p[0] == 0)]
        assert int(diagram.counts[index]) == len(members)
        for column, means in enumerate((diagram.confidence, diagram.accuracy)):
            expected = sum(member[column] for member in members) / len(members) if members else float("nan")
            assert float(means[index]) == pytest.approx(expected, rel=1e-12, abs=1e-15, nan_ok=True)


def test_counts_are_exact_beyond_what_single_precision_can_count():
    # 55 % of 2e7 equal predictions of confidence 0.55 are right: calibrated. Single-precision counts stop at 2^24.
    rows = 20_000_000
    correctness = torch.zeros(rows, dtype=torch.float64)
    correctness[: rows * 55 // 100] = 1
    diagram = reliability_of(torch.tensor(0.55, dtype=torch.float64).expand(rows), correctness, bins=15)
    assert int(diagram.counts.sum()) == rows
    assert float(diagram.expected_calibration_error) == pytest.approx(0, abs=1e-8)


def test_edges_can_be_drawn():
    diagram = reliability_of(torch.tensor([0.3]).double(), torch.tensor([1.0]).double(), bins=4)
    assert diagram.edges.tolist() == [0, 0.25, 0.5, 0.75, 1]


@pytest.mark.parametrize("bins", [0, -1])
def test_fewer_bins_than_one_are_refused(bins):
    with pytest.raises(ValueError, match=f"bins must be at least 1, got {bins}"):
        reliability_of(torch.ones(1).double(), torch.ones(1).double(), bins)
