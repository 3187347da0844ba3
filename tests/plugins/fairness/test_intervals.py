"""Numbers with as many decimals as they need: bounds that differ read differently, and 0 is 0 alone."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smoothkit.report.numbers import MINUS
from smoothkit.statistics import CrossedMean
from smoothkit_fairness.intervals import apart, fixed, interval_text, places_of


def mean(estimate, error):
    return CrossedMean(estimate, error, math.inf, "by hand")


@pytest.mark.parametrize(
    ("estimate", "error", "text"),
    [
        (0.02, 0.03, "[-0.039, +0.079]"),
        (0.0, 0.0001, "[-0.00020, +0.00020]"),
        (-0.0052, 0.0025, "[-0.0101, -0.0003]"),
        (0.2, 0.00005, "[+0.199902, +0.200098]"),
    ],
)
def test_intervals(estimate, error, text):
    assert interval_text(mean(estimate, error)).replace(MINUS, "-") == text


def test_without_bounds_there_is_no_interval():
    assert interval_text(CrossedMean(0.1, math.nan, 0.0, "none")) == ""


@given(st.floats(-1, 1), st.floats(1e-5, 1))
def test_an_interval_reads_as_leaving_0_out_just_where_it_does(estimate, error):
    found = mean(estimate, error)
    low, high = (float(bound.replace(MINUS, "-")) for bound in interval_text(found).strip("[]").split(", "))
    if abs(found.interval.low) > 1e-6 and abs(found.interval.high) > 1e-6:
        assert (low > 0 or high < 0) == found.interval.excludes(0.0)
    assert places_of(found) >= 3


@given(st.floats(0, 1), st.floats(0, 1))
def test_numbers_are_told_apart(one, other):
    if abs(one - other) > 2e-6:
        places = apart(one, other)
        assert fixed(one, places) != fixed(other, places)
        assert places == 3 or round(one, places - 1) == round(other, places - 1)
