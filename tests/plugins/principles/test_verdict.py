"""Verdicts follow from numbers: every relation, every number of seeds, and what leaves a statement open."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from smoothkit_principles.claim import Case, Statement
from smoothkit_principles.verdict import FALSE, IN_PART, KINDS, NOT_SHOWN, TRUE, holds, interval, kind, verdict

finite = st.floats(-1e6, 1e6)


def case(relation, expected=1.0, within=0.1, key="all"):
    return Case(key=key, relation=relation, expected=expected, within=within)


@given(finite)
def test_one_number_is_judged_by_itself(value):
    assert holds(case("above"), [value]) is (value > 1)
    assert holds(case("below"), [value]) is (value < 1)
    assert holds(case("equals"), [value]) is (0.9 <= value <= 1.1)


@given(st.lists(st.floats(-100, 100).map(lambda value: round(value, 3)), min_size=2, max_size=8))
def test_seeds_are_judged_by_students_interval(values):
    low, high = interval(values)
    if len(set(values)) > 1:
        expected = stats.t.interval(0.95, len(values) - 1, sum(values) / len(values), stats.sem(values))
        assert (low, high) == pytest.approx(expected, rel=1e-9, abs=1e-9)
    else:
        assert (low, high) == (values[0], values[0])
    assert holds(case("above"), values) is (True if low > 1 else False if high <= 1 else None)
    assert holds(case("below"), values) is (True if high < 1 else False if low >= 1 else None)


@pytest.mark.parametrize("values", [[], [math.nan], [1.0, math.nan], [math.inf]])
def test_what_is_not_a_number_leaves_a_case_open(values):
    assert all(holds(case(relation), values) is None for relation in ("above", "below", "equals"))


@pytest.mark.parametrize(
    ("all_", "others", "expected"),
    [
        ([2.0], [2.0], TRUE),
        ([2.0], [0.0], "true for all"),
        ([0.0], [2.0], "true for others"),
        ([0.0], [0.0], FALSE),
        ([0.0], [0.0, 3.0], NOT_SHOWN),
        ([0.5, 1.4], [0.7, 1.4], NOT_SHOWN),
        ([2.0], [], "true for all"),
    ],
)
def test_a_statement_is_true_false_true_in_part_or_open(all_, others, expected):
    statement = Statement(key="big", text="It is big.", cases=(case("above"), case("above", key="others")))
    found = verdict(statement, {"big/all": all_, "big/others": others})
    assert found == expected
    assert kind(found) == (expected if expected in KINDS else IN_PART)
