"""Power of the paired t test, against published sample sizes, SciPy's noncentral t, and simulation."""

import math

import numpy as np
import pytest
import scipy.integrate
import scipy.special
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from smoothkit.statistics import detectable_difference, detectable_gap, paired_p_value, paired_power, pairs_needed

efforts = st.integers(2, 60)


@pytest.mark.parametrize(("effect", "pairs"), [(0.2, 199), (0.5, 34), (0.8, 15)])
def test_published_sample_sizes(effect, pairs):
    # Cohen's small, medium and large effect at 5 % and 80 %: G*Power's sample sizes for matched pairs.
    assert pairs_needed(effect, 1.0) == pairs


@given(efforts, st.floats(0, 3))
def test_power_is_the_chance_of_a_shifted_normal_over_a_chi(pairs, effect):
    # |Z + shift| > t * s, where s is the estimated deviation: for a given s a normal tail, then averaged over s.
    shift, critical = effect * math.sqrt(pairs), scipy.stats.t.ppf(0.975, pairs - 1)
    deviation = scipy.stats.chi(pairs - 1, scale=1 / math.sqrt(pairs - 1))

    def found(s):
        tails = scipy.special.ndtr(shift - critical * s) + scipy.special.ndtr(-shift - critical * s)
        return tails * deviation.pdf(s)

    expected, _ = scipy.integrate.quad(found, 0, deviation.ppf(1 - 1e-13), limit=200)
    assert paired_power(effect, 1.0, pairs) == pytest.approx(expected, abs=1e-7)


@given(efforts, st.floats(0.01, 100))
def test_what_is_detectable_is_found_with_the_power_asked_for(pairs, deviation):
    difference = detectable_difference(deviation, pairs)
    assert paired_power(difference, deviation, pairs) == pytest.approx(0.8, abs=1e-6)


@given(st.floats(0.1, 5))
def test_one_pair_fewer_would_not_do(effect):
    pairs = pairs_needed(effect, 1.0)
    assert paired_power(effect, 1.0, pairs) >= 0.8
    assert pairs == 2 or paired_power(effect, 1.0, pairs - 1) < 0.8


def test_a_difference_that_takes_nearly_a_billion_pairs():
    # So many pairs are the normal law's (z(0.975) + z(0.8))^2 / effect^2.
    expected = (scipy.special.ndtri([0.975, 0.8]).sum() / 1e-4) ** 2
    assert pairs_needed(1e-4, 1.0) == pytest.approx(expected, rel=1e-5)
    assert expected > 2**29


def test_without_a_difference_the_power_is_the_level():
    assert paired_power(0.0, 1.0, 5) == pytest.approx(0.05, abs=1e-12)


def test_many_pairs_tend_to_the_normal_law():
    assert detectable_difference(1.0, 100_000) * math.sqrt(100_000) == pytest.approx(2.801585, abs=1e-4)


def test_simulated_studies_find_what_they_should():
    noise = np.random.default_rng(0)
    difference = detectable_difference(1.0, 5)
    found = [paired_p_value(noise.normal(difference, size=5).tolist()) < 0.05 for _ in range(1000)]
    assert np.mean(found) == pytest.approx(0.8, abs=0.04)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [(50, 0.184), (100, 0.130), (150, 0.106), (300, 0.075), (600, 0.053), (1000, 0.041), (2500, 0.026), (5000, 0.018)],
)
def test_detectable_gap_of_groups(rows, expected):
    # An over-confident model whose confidence minus correctness has the variance 0.195 (0.1954, more exactly).
    assert detectable_gap((0.1954, 0.1954), (10 * rows, rows)) == pytest.approx(expected, abs=6e-4)


def test_an_empty_group_detects_nothing():
    assert detectable_gap((0.2, 0.2), (100, 0)) == math.inf


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: paired_power(1.0, 1.0, 1), "at least 2 pairs"),
        (lambda: paired_power(1.0, 0.0, 5), "deviation"),
        (lambda: detectable_difference(0.0, 5), "deviation"),
        (lambda: pairs_needed(0.0, 1.0), "difference of 0"),
        (lambda: pairs_needed(1e-9, 1.0), "more than"),
        (lambda: pairs_needed(8.8e-5, 1.0), "more than"),
        (lambda: paired_power(math.nan, 1.0, 5), "difference must be a finite number, got nan"),
        (lambda: paired_power(math.inf, 1.0, 5), "difference must be a finite number, got inf"),
        (lambda: paired_power(1.0, math.inf, 5), "deviation of the differences must be finite and above 0, got inf"),
        (lambda: pairs_needed(math.nan, 1.0), "finite number"),
        (lambda: pairs_needed(1.0, math.nan), "finite and above 0"),
        (lambda: detectable_difference(math.inf, 5), "finite and above 0"),
    ],
)
def test_senseless_questions_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
