"""Differences of signed gaps: SciPy's Welch test, and groups that are all right or have one row."""

import math

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from smoothkit.metrics.bins import reliability_of
from smoothkit.metrics.events import top_label
from smoothkit.metrics.gap_difference import detectable_gap_of, gap_difference_interval_of, gap_difference_p_value_of


def events(confidence, correctness):
    return reliability_of(torch.tensor(confidence, dtype=torch.float64), torch.tensor(correctness, dtype=torch.float64))


def test_gap_difference_is_welchs(overconfident):
    confidence, correctness = top_label(*overconfident)
    differences = [(confidence - correctness)[rows].numpy() for rows in (slice(100), slice(100, 2000))]
    expected = scipy.stats.ttest_ind(*differences, equal_var=False)
    bounds = expected.confidence_interval(0.95)
    groups = [reliability_of(confidence[rows], correctness[rows]) for rows in (slice(100, 2000), slice(100))]
    interval = gap_difference_interval_of(*groups)
    assert (interval.low, interval.high) == pytest.approx((bounds.low, bounds.high), abs=1e-9)
    assert gap_difference_p_value_of(*groups) == pytest.approx(expected.pvalue, abs=1e-9)


def test_detectable_gap_is_published(overconfident):
    # The variance of confidence minus correctness is 0.19191 per row.
    bins = reliability_of(*top_label(*overconfident))
    assert detectable_gap_of(bins, bins) == pytest.approx(2.801585 * math.sqrt(2 * 0.19191 / 2000), abs=1e-6)


def test_a_group_of_one_row_says_nothing_of_the_spread():
    # 2.801585 sqrt(v (1 / n + 1)), with the variance v of the other group's rows.
    one, few = events([0.7], [1.0]), events([0.6, 0.7, 0.8, 0.9, 0.5], [1.0, 0.0, 1.0, 1.0, 0.0])
    assert detectable_gap_of(few, one) == pytest.approx(1.456, abs=5e-4)
    two = events([0.6, 0.7], [1.0, 0.0])
    assert detectable_gap_of(one, two) == pytest.approx(2.801585 * math.sqrt(0.605 * 1.5), abs=1e-5)
    assert detectable_gap_of(two, one) == pytest.approx(2.669, abs=5e-4)
    assert detectable_gap_of(one, one) == math.inf


groups = st.builds(
    lambda rows, chance, entropy: events(
        np.random.default_rng(entropy).uniform(0.5, 1, size=rows).tolist(),
        (np.random.default_rng(entropy + 1).uniform(size=rows) < chance).astype(float).tolist(),
    ),
    st.integers(1, 40),
    st.sampled_from([0.0, 0.5, 0.95, 1.0]),
    st.integers(0, 10_000),
)


@settings(deadline=None)
@given(groups, groups)
def test_p_value_and_interval_agree(first, second):
    interval, p_value = gap_difference_interval_of(first, second), gap_difference_p_value_of(first, second)
    assert math.isnan(p_value) == (not interval.is_defined)
    assert (p_value < 0.05) == interval.excludes(0.0)
    assert gap_difference_p_value_of(second, first) == pytest.approx(p_value, abs=1e-12, nan_ok=True)
