"""Kuiper's and Kolmogorov-Smirnov distances and Spiegelhalter's z: golden values, laws of their distributions."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from torch import Tensor

from smoothkit.metrics.cumulative import (
    brownian_maximum_survival,
    brownian_range_survival,
    kolmogorov_smirnov,
    kolmogorov_smirnov_of,
    kuiper,
    kuiper_of,
    spiegelhalter,
    spiegelhalter_of,
)
from smoothkit.metrics.events import top_label

# Few values, so that ties are common; eighths, so that sums are exact.
eighths = st.integers(0, 8).map(lambda number: number / 8)
events = st.lists(st.tuples(eighths, st.booleans()), min_size=1, max_size=30)


def tensors(pairs: list[tuple[float, bool]]) -> tuple[Tensor, Tensor]:
    confidence, correctness = zip(*pairs, strict=True)
    return torch.tensor(confidence, dtype=torch.float64), torch.tensor(correctness, dtype=torch.float64)


def test_golden_values(overconfident):
    # MCGrad has the first, MAPIE the others; its sigmas differ from the quotient of sums by 2e-9 in relative terms.
    assert float(kuiper(*overconfident).statistic) == pytest.approx(0.102194126362, abs=1e-10)
    assert float(kuiper(*overconfident).sigmas) == pytest.approx(11.6756265245, abs=1e-7)
    assert float(kolmogorov_smirnov(*overconfident).sigmas) == pytest.approx(11.507249049, abs=1e-7)
    assert float(spiegelhalter(*overconfident).z) == pytest.approx(13.286571132, abs=1e-9)
    confidence = top_label(*overconfident).confidence
    deviation = float((confidence * (1 - confidence)).sum().sqrt()) / 2000
    assert float(kuiper(*overconfident).sigmas) == pytest.approx(0.102194126362 / deviation, abs=1e-9)


def test_golden_values_have_the_p_values_of_their_laws(overconfident):
    # So far out a single term is left: the walk goes beyond x on one side.
    assert float(kuiper(*overconfident).p_value) == pytest.approx(8 * norm.sf(11.6756265245), rel=1e-6)
    assert float(kolmogorov_smirnov(*overconfident).p_value) == pytest.approx(4 * norm.sf(11.507249049), rel=1e-6)
    assert float(spiegelhalter(*overconfident).p_value) == pytest.approx(2 * norm.sf(13.286571132), rel=1e-6)


@pytest.mark.parametrize("survival", [brownian_range_survival, brownian_maximum_survival])
def test_a_survival_function(survival):
    places = np.concatenate([np.linspace(0, 6, 601), [1 - 1e-9, 1 + 1e-9, 2 - 1e-9, 2 + 1e-9, 40, 1e6, math.inf]])
    values = np.array([survival(float(x)) for x in np.sort(places)])
    assert values[0] == 1
    assert values[-1] == 0
    # The two series meet without a step.
    assert (np.diff(values) <= 1e-13).all()
    assert np.abs(np.diff(values[:601])).max() < 0.02


def test_moments_of_range_and_maximum():
    # E range = 2 sqrt(2 / pi), E range^2 = 4 log 2 (Feller 1951); E max|B| = sqrt(pi / 2).
    x = np.linspace(0, 10, 2001)
    spread, largest = (
        np.array([survival(float(t)) for t in x]) for survival in (brownian_range_survival, brownian_maximum_survival)
    )
    assert np.trapezoid(spread, x) == pytest.approx(2 * math.sqrt(2 / math.pi), abs=1e-5)
    assert np.trapezoid(2 * x * spread, x) == pytest.approx(4 * math.log(2), abs=1e-5)
    assert np.trapezoid(largest, x) == pytest.approx(math.sqrt(math.pi / 2), abs=1e-5)


def uniform_p_values(trials: int, rows: int) -> np.ndarray:
    """The three p-values of calibrated events, for each of the trials."""
    generator = torch.Generator().manual_seed(0)
    found = []
    for _ in range(trials):
        confidence = torch.rand(rows, generator=generator, dtype=torch.float64)
        correctness = (torch.rand(rows, generator=generator, dtype=torch.float64) < confidence).double()
        tests = (kuiper_of, kolmogorov_smirnov_of, spiegelhalter_of)
        found.append([float(test(confidence, correctness).p_value) for test in tests])
    return np.array(found)


def test_calibrated_events_are_seldom_refused():
    # 5 % of 400 are 20; a binomial of that mean exceeds 40 once in 60,000 times, and is below 5 once in 200,000.
    refused = (uniform_p_values(400, 1000) < 0.05).sum(axis=0)
    assert (refused < 40).all()
    assert (refused > 5).all()


@pytest.mark.slow
def test_p_values_are_uniform():
    p_values = uniform_p_values(4000, 4000)
    for level in (0.01, 0.05, 0.2, 0.5, 0.8):
        error = 4 * math.sqrt(level * (1 - level) / 4000)
        # A walk of finitely many steps misses a little of the range of Brownian motion, so p is a little too large.
        assert ((p_values < level).mean(axis=0) < level + error).all()
        assert ((p_values < level).mean(axis=0) > level - error - 0.03).all()


def brute_walk(confidence: Tensor, correctness: Tensor) -> np.ndarray:
    points = [
        float((correctness - confidence)[confidence <= value].sum()) for value in sorted(set(confidence.tolist()))
    ]
    return np.array([0.0, *points]) / len(confidence)


@settings(deadline=None)
@given(events)
def test_range_and_maximum_of_the_walk_at_the_ends_of_ties(pairs):
    confidence, correctness = tensors(pairs)
    walk = brute_walk(confidence, correctness)
    assert float(kuiper_of(confidence, correctness).statistic) == np.ptp(walk)
    assert float(kolmogorov_smirnov_of(confidence, correctness).statistic) == np.abs(walk).max()


@settings(deadline=None)
@given(events)
def test_distances_bound_the_gap_and_each_other(pairs):
    confidence, correctness = tensors(pairs)
    gap = abs(float((confidence - correctness).mean()))
    spread = float(kuiper_of(confidence, correctness).statistic)
    largest = float(kolmogorov_smirnov_of(confidence, correctness).statistic)
    assert gap - 1e-15 <= largest <= spread <= 2 * largest
    assert spread <= 1


@settings(deadline=None)
@given(events, st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_no_bit(pairs, random):
    tests = (kuiper_of, kolmogorov_smirnov_of, spiegelhalter_of)
    before = [[float(part) for part in test(*tensors(pairs))] for test in tests]
    random.shuffle(pairs)
    assert [[float(part) for part in test(*tensors(pairs))] for test in tests] == before


def test_ties_are_added_up_before_they_are_looked_at():
    # One by one, ten right events before ten wrong ones would drift to 0.25 and back.
    confidence = torch.full((20,), 0.5, dtype=torch.float64)
    assert float(kuiper_of(confidence, torch.tensor([1.0] * 10 + [0.0] * 10).double()).statistic) == 0


def test_soft_correctness_is_a_repeated_event():
    soft = torch.tensor([0.6, 0.9]).double(), torch.tensor([0.5, 0.75]).double()
    confidence, correctness = (
        torch.tensor([0.6] * 4 + [0.9] * 4).double(),
        torch.tensor([1, 1, 0, 0, 1, 1, 1, 0]).double(),
    )
    for test in (kuiper_of, kolmogorov_smirnov_of):
        assert float(test(*soft).statistic) == pytest.approx(float(test(confidence, correctness).statistic), abs=1e-15)
    # Four times the rows are twice the evidence.
    assert 2 * float(spiegelhalter_of(*soft).z) == pytest.approx(float(spiegelhalter_of(confidence, correctness).z))


def test_certain_events():
    ends = torch.tensor([0.0, 1.0, 1.0], dtype=torch.float64)
    for test in (kuiper_of, kolmogorov_smirnov_of):
        assert [float(part) for part in test(ends, ends)] == [0, 0, 1]
        assert [float(part) for part in test(ends, 1 - ends)][1:] == [math.inf, 0]
    assert [float(part) for part in spiegelhalter_of(ends, ends)] == [0, 1]
    assert [float(part) for part in spiegelhalter_of(ends, 1 - ends)] == [math.inf, 0]
    halves = torch.full((3,), 0.5, dtype=torch.float64)
    assert [float(part) for part in spiegelhalter_of(halves, ends)] == [0, 1]


@settings(deadline=None)
@given(events)
def test_spiegelhalter_compares_the_brier_score_with_its_expectation(pairs):
    confidence, correctness = tensors(pairs)
    excess = float(((correctness - confidence) ** 2 - confidence * (1 - confidence)).sum())
    variance = float(((1 - 2 * confidence) ** 2 * confidence * (1 - confidence)).sum())
    if variance > 0:
        assert float(spiegelhalter_of(confidence, correctness).z) == pytest.approx(excess / math.sqrt(variance))


@pytest.mark.parametrize("test", [kuiper_of, kolmogorov_smirnov_of, spiegelhalter_of])
def test_refuses_events_that_are_none(test):
    one = torch.ones(1, dtype=torch.float64)
    for confidence, correctness in ((one[:0], one[:0]), (one * math.nan, one), (one, 2 * one)):
        with pytest.raises(ValueError, match=test.__name__.removesuffix("_of")):
            test(confidence, correctness)
