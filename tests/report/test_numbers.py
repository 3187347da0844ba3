"""Numbers as text: as many digits as their spread supports, and no others."""

# ruff: noqa: RUF001  (minus signs and dashes are what a reader sees)

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smoothkit.report.numbers import decimals, mean_and_spread, number


@pytest.mark.parametrize(
    ("mean", "std", "places", "expected"),
    [
        (0.912345678, 1e-8, 9, "0.912346 ± 1e−08"),
        (0.912345678, 1e-5, 6, "0.912346 ± 0.000010"),
        (-0.0, 0.0, 2, "0.00 ± 0.00"),
        (0.0000123, 1e-8, 9, "0.000012 ± 1e−08"),
        (0.0000012, 1e-8, 9, "1.2e−06 ± 1e−08"),
    ],
)
def test_a_tight_spread_costs_the_mean_no_digits(mean, std, places, expected):
    assert mean_and_spread(mean, std, places) == expected


def test_what_is_not_finite_or_near_the_end_of_it_takes_no_decimals():
    assert decimals([math.inf, math.nan, 0.01], [1.0]) == 3
    assert decimals([1e308, 1.7e308], [1.0]) == 0
    assert decimals([], [1.5e308, -1.5e308, math.nan, math.inf]) == 0


@given(st.floats(-1e6, 1e6), st.integers(0, 12))
def test_no_number_is_a_negative_zero(value, places):
    text = number(value, places)
    assert not text.startswith("−") or any(digit in text for digit in "123456789")
