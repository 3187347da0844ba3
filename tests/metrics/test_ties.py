"""Rows of equal scores become one entry."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from smoothkit.metrics.ties import tied_runs

values = st.sampled_from([-np.inf, -1.0, -0.0, 0.0, 0.5, np.inf]) | st.floats(-2, 2)


@settings(deadline=None)
@given(st.lists(st.tuples(values, st.integers(0, 4).map(lambda quarter: quarter / 4)), min_size=1, max_size=30))
def test_runs_are_numpys_unique_values(pairs):
    scores, correctness = (np.array(part) for part in zip(*pairs, strict=True))
    runs = tied_runs(torch.from_numpy(scores), torch.from_numpy(correctness))
    expected, run_of, counts = np.unique(scores, return_inverse=True, return_counts=True)
    np.testing.assert_array_equal(runs.scores.numpy(), expected)
    np.testing.assert_array_equal(runs.counts.numpy(), counts)
    np.testing.assert_array_equal(runs.correctness_sum.numpy(), np.bincount(run_of, correctness))


def test_rows_of_a_graph_leave_it():
    scores = torch.tensor([0.5, 0.25], dtype=torch.float64, requires_grad=True)
    assert not tied_runs(scores, scores * 2).correctness_sum.requires_grad
