"""Intervals of one model's measures: closed forms, SciPy, and the bootstrap of rows that bins stand in for."""

import math

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from smoothkit.metrics.bins import Reliability, equal_mass_edges, reliability_of
from smoothkit.metrics.calibration import confidence_gap_of, debiased_squared_error_of
from smoothkit.metrics.events import top_label
from smoothkit.metrics.intervals import (
    confidence_gap_interval_of,
    confidence_gap_p_value_of,
    debiased_squared_error_interval_of,
    gap_variance_of,
    mean_interval,
    resampled_bins,
    share_interval,
    wilson_bounds,
)


def generator():
    return np.random.default_rng(0)


def events(confidence, correctness):
    return torch.tensor(confidence, dtype=torch.float64), torch.tensor(correctness, dtype=torch.float64)


def nothing() -> Reliability:
    zeros = torch.zeros(3, dtype=torch.float64)
    edges = torch.tensor([0.0, 0.3, 0.6, 1.0]).double()
    return Reliability(
        edges=edges,
        counts=zeros.long(),
        confidence_sum=zeros,
        correctness_sum=zeros,
        confidence_square_sum=zeros,
        product_sum=zeros,
        correctness_square_sum=zeros,
    )


@settings(deadline=None)
@given(st.integers(2, 20))
def test_mean_interval_is_scipys(rows):
    values = np.random.default_rng(rows).normal(size=rows)
    expected = scipy.stats.ttest_1samp(values, 0).confidence_interval(0.95)
    interval = mean_interval(torch.from_numpy(values))
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_one_row_has_a_mean_and_no_bounds():
    interval = mean_interval(torch.tensor([2.0]).double())
    assert interval.estimate == 2.0
    assert not interval.is_defined


def test_no_rows_are_refused():
    with pytest.raises(ValueError, match="no rows"):
        mean_interval(torch.empty(0).double())


@settings(deadline=None)
@given(st.integers(1, 200), st.data())
def test_wilson_bounds_are_scipys(trials, data):
    successes = data.draw(st.integers(0, trials))
    expected = scipy.stats.binomtest(successes, trials).proportion_ci(0.95, "wilson")
    low, high = wilson_bounds(torch.tensor([float(successes)]).double(), torch.tensor([trials]))
    assert (float(low), float(high)) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_wilson_bounds_end_at_a_share_of_0_or_1():
    # By rounding alone a certain and always right model was shown to be over-confident.
    trials = torch.arange(1, 200)
    low, _ = wilson_bounds(torch.zeros(199).double(), trials)
    _, high = wilson_bounds(trials.double(), trials)
    assert (low == 0).all()
    assert (high == 1).all()


def test_wilson_bounds_without_trials_are_a_gap():
    low, high = wilson_bounds(torch.zeros(2).double(), torch.tensor([0, 4]))
    assert low.isnan().tolist() == [True, False]
    assert high.isnan().tolist() == [True, False]
    assert math.isnan(share_interval(0.0, 0).estimate)


def test_signed_gap_and_its_interval(overconfident):
    confidence, correctness = top_label(*overconfident)
    bins = reliability_of(confidence, correctness)
    differences = (confidence - correctness).numpy()
    expected = scipy.stats.ttest_1samp(differences, 0).confidence_interval(0.95)
    interval = confidence_gap_interval_of(bins)
    assert interval.estimate == pytest.approx(0.1006541562, abs=1e-10)
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high), abs=1e-10)
    assert float(gap_variance_of(bins)) == pytest.approx(differences.var(ddof=1), abs=1e-12)


def test_signed_gap_under_soft_labels():
    noise = generator()
    confidence, correctness = torch.from_numpy(noise.uniform(size=40)), torch.from_numpy(noise.uniform(size=40))
    expected = scipy.stats.ttest_1samp((confidence - correctness).numpy(), 0).confidence_interval(0.95)
    interval = confidence_gap_interval_of(reliability_of(confidence, correctness))
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high), abs=1e-10)


@pytest.mark.parametrize("outcome", [0.0, 1.0])
def test_where_all_come_out_alike_the_gap_is_as_uncertain_as_the_accuracy(outcome):
    interval = confidence_gap_interval_of(reliability_of(*events([0.9] * 10, [outcome] * 10)))
    accuracy = share_interval(10 * outcome, 10)
    assert interval.estimate == pytest.approx(0.9 - outcome)
    assert (interval.low, interval.high) == pytest.approx((0.9 - accuracy.high, 0.9 - accuracy.low))
    assert interval.high - interval.low > 0.2


def test_no_events_have_no_interval():
    for interval in (
        confidence_gap_interval_of(nothing()),
        debiased_squared_error_interval_of(nothing(), generator()),
    ):
        assert all(map(math.isnan, interval[:3]))
        assert not interval.excludes(0.0)


@pytest.mark.parametrize(
    ("confidence", "correctness", "estimate"),
    [
        ([0.9, 0.92, 0.7, 0.72], [1.0, 1.0, 1.0, 1.0], (0.09**2 + 0.29**2) / 2),
        ([0.1, 0.12, 0.3], [0.0, 0.0, 0.0], 0.11**2),
        ([0.7], [1.0], math.nan),
        ([0.1, 0.9], [1.0, 0.0], math.nan),
    ],
)
def test_debiased_square_of_events_that_come_out_alike_has_no_bounds(confidence, correctness, estimate):
    interval = debiased_squared_error_interval_of(reliability_of(*events(confidence, correctness), 5), generator())
    assert interval.estimate == pytest.approx(estimate, abs=1e-12, nan_ok=True)
    assert not interval.is_defined


@settings(deadline=None)
@given(st.integers(1, 60), st.floats(0, 1), st.booleans())
def test_the_gaps_p_value_and_interval_agree_where_all_come_out_alike(rows, confidence, right):
    bins = reliability_of(*events([confidence] * rows, [float(right)] * rows))
    assert (confidence_gap_p_value_of(bins) < 0.05) == confidence_gap_interval_of(bins).excludes(0.0)


def test_the_gaps_p_value_is_scipys(overconfident):
    confidence, correctness = top_label(*overconfident)
    confidence, correctness = confidence[:100] - 0.05, correctness[:100]
    expected = scipy.stats.ttest_1samp((confidence - correctness).numpy(), 0).pvalue
    assert 1e-4 < expected < 0.9
    assert confidence_gap_p_value_of(reliability_of(confidence, correctness)) == pytest.approx(expected, abs=1e-9)
    assert math.isnan(confidence_gap_p_value_of(nothing()))
    assert math.isnan(confidence_gap_p_value_of(reliability_of(*events([0.7], [0.4]))))


def test_debiased_square_by_equal_width_and_equal_mass(overconfident):
    confidence, correctness = top_label(*overconfident)
    for edges, root in ((None, 0.110943213255), (equal_mass_edges(confidence), 0.114573885147)):
        bins = reliability_of(confidence, correctness, edges=edges)
        interval = debiased_squared_error_interval_of(bins, generator())
        assert interval.estimate == pytest.approx(root**2, abs=1e-11)
        assert 0.004 < interval.low < interval.estimate < interval.high < 0.022


def test_debiased_square_of_exact_fractions(sixteenths):
    bins = reliability_of(*top_label(*sixteenths), bins=5)
    interval = debiased_squared_error_interval_of(bins, generator())
    assert interval.estimate == pytest.approx(0.086996318169**2, abs=1e-12)


def rows_of(entropy, rows=800, soft=False):
    noise = np.random.default_rng(entropy)
    confidence = noise.uniform(0.3, 1.0, size=rows)
    correctness = (noise.uniform(size=rows) < confidence - 0.1).astype(float)
    if soft:
        correctness = 0.2 + 0.5 * correctness + 0.2 * noise.uniform(size=rows)
    return torch.from_numpy(confidence), torch.from_numpy(correctness)


@pytest.mark.parametrize("soft", [False, True])
def test_resampled_bins_vary_as_resampled_rows_do(soft):
    confidence, correctness = rows_of(1, soft=soft)
    noise = generator()
    by_bins = resampled_bins(reliability_of(confidence, correctness), noise, 3000)
    chosen = [torch.from_numpy(noise.integers(800, size=800)) for _ in range(600)]
    by_rows = [reliability_of(confidence[rows], correctness[rows]) for rows in chosen]
    for measure in (debiased_squared_error_of, confidence_gap_of):
        found = measure(by_bins)
        expected = torch.stack([measure(bins) for bins in by_rows])
        spread = float(expected.std())
        # Bins hold confidence at its mean, so the gap's own spread is what correctness alone gives: a little more.
        assert float(found.mean() - expected.mean()) == pytest.approx(0, abs=0.2 * spread)
        assert float(found.std()) == pytest.approx(spread, rel=0.12)


def test_resampled_soft_labels_that_are_indices_are_the_same():
    hard = reliability_of(*rows_of(1))
    found, again = (resampled_bins(hard, generator(), 50) for _ in range(2))
    assert torch.equal(found.correctness_sum, again.correctness_sum)
    assert torch.allclose(found.correctness_sum, found.correctness_sum.round(), atol=1e-9)
    assert torch.allclose(found.correctness_square_sum, found.correctness_sum, atol=1e-9)
    assert (found.total == 800).all()


def test_interval_does_not_depend_on_the_order_of_rows():
    confidence, correctness = rows_of(1)
    order = torch.randperm(800, generator=torch.Generator().manual_seed(0))
    one, other = (
        debiased_squared_error_interval_of(bins, generator())
        for bins in (reliability_of(confidence, correctness), reliability_of(confidence[order], correctness[order]))
    )
    assert one[:3] == pytest.approx(other[:3], abs=1e-12)
