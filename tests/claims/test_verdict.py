"""Verdicts follow from numbers: every relation, every number of seeds, and what leaves a statement open."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from smoothkit.claims.claim import Case, Statement
from smoothkit.claims.verdict import (
    FALSE,
    IN_PART,
    KINDS,
    NOT_SHOWN,
    TRUE,
    answers,
    holds,
    interval,
    kind,
    verdict,
)

# Not on a bound, where rounding decides.
finite = st.floats(-1e6, 1e6, allow_subnormal=False).filter(
    lambda value: min(abs(value - bound) for bound in (0.9, 1.0, 1.1)) > 1e-9
)


def case(relation, expected=1.0, within=0.1, key="all"):
    return Case(key=key, relation=relation, expected=expected, within=within)


@given(finite)
def test_one_number_is_judged_by_itself(value):
    assert holds(case("above"), [value]) is (value > 1)
    assert holds(case("below"), [value]) is (value < 1)
    assert holds(case("equals"), [value]) is (0.9 <= value <= 1.1)


@given(st.lists(st.floats(-100, 100, allow_subnormal=False).map(lambda value: round(value, 3)), min_size=2, max_size=8))
def test_seeds_are_judged_by_students_interval(values):
    low, high = interval(values)
    if len(set(values)) > 1:
        expected = stats.t.interval(0.95, len(values) - 1, sum(values) / len(values), stats.sem(values))
        assert (low, high) == pytest.approx(expected, rel=1e-9, abs=1e-9)
    else:
        assert (low, high) == (values[0], values[0])
        assume(values[0] != 1)
    assume(min(abs(low - 1), abs(high - 1)) > 1e-9)
    assert holds(case("above"), values) is (True if low > 1 else False if high <= 1 else None)
    assert holds(case("below"), values) is (True if high < 1 else False if low >= 1 else None)


@pytest.mark.parametrize("values", [[], [math.nan], [1.0, math.nan], [math.inf]])
def test_what_is_not_a_number_leaves_a_case_open(values):
    for relation in ("above", "below", "equals"):
        assert holds(case(relation), values) is None
        assert holds(case(relation), values, of_training=True) is None


def test_of_training_most_seeds_suffice():
    three = [2.0, 2.1, 2.2]
    assert holds(case("above"), three, of_training=True) is True
    assert holds(case("above"), [*three, math.nan, math.nan, math.nan], of_training=True) is True
    assert holds(case("above"), [*three, *4 * [math.nan]], of_training=True) is None
    assert holds(case("above"), [*three, math.nan]) is None, "a formula has no excuse"


@pytest.mark.parametrize("values", [[2.0], [2.0, 2.1], [2.0, 2.0, 2.0], [2.0, 2.1, math.nan]])
def test_too_few_or_equal_seeds_show_nothing_of_training(values):
    statement = Statement(key="big", text="It is big.", cases=(case("above"),), of_training=True)
    assert verdict(statement, {"big/all": values}) == NOT_SHOWN
    assert verdict(replace(statement, of_training=False), {"big/all": [2.0]}) == TRUE


def test_cases_of_pure_noise_are_not_picked_out():
    keys = [str(number) for number in range(20)]
    statement = Statement(
        key="big", text="It is big.", cases=tuple(case("above", 0.0, 0.0, key) for key in keys), of_training=True
    )
    noise = np.random.default_rng(0).normal(size=(20, 8))
    # Its mean is made as large as three standard errors, which alone passes, p being 0.02.
    noise[3] += 3 * noise[3].std(ddof=1) / 8**0.5 - noise[3].mean()
    values = {f"big/{key}": row.tolist() for key, row in zip(keys, noise, strict=True)}
    assert holds(statement.cases[3], values["big/3"], of_training=True) is True
    assert verdict(statement, values) == NOT_SHOWN
    # Were all cases like it, it would take all of them to be wrong.
    alike = dict.fromkeys(values, values["big/3"])
    assert verdict(statement, alike) == TRUE
    # What is beyond any doubt is picked out.
    assert verdict(statement, values | {"big/3": (noise[3] + 100).tolist()}).startswith(
        "true for 3; not shown for 0, 1, 2, 4"
    )


@given(st.lists(st.floats(0.001, 1), min_size=2, max_size=6))
def test_cases_that_differ_are_judged_by_holm(shifts):
    base = np.array([-1.0, 0.2, 0.8, -0.4, 0.4])
    keys = [str(number) for number in range(len(shifts))]
    statement = Statement(key="big", text="It is big.", cases=tuple(case("above", 0.0, 0.0, key) for key in keys))
    # The first lies far below: cases never agree.
    rows = [base - 10, *(base + 4 * shift for shift in shifts[1:])]
    p_values = [stats.ttest_1samp(row, 0).pvalue for row in rows]
    ordered, threshold = sorted(p_values), {}
    for rank, p in enumerate(ordered):
        if p >= 0.05 / (len(rows) - rank):
            break
        threshold[p] = True
    found = answers(statement, {f"big/{key}": row.tolist() for key, row in zip(keys, rows, strict=True)})
    assert [each is not None for each in found.values()] == [p in threshold for p in p_values]


@pytest.mark.parametrize(
    ("all_", "others", "expected"),
    [
        ([2.0], [2.0], TRUE),
        ([2.0], [0.0], "true for all"),
        ([0.0], [2.0], "true for others"),
        ([0.0], [0.0], FALSE),
        ([0.0], [0.0, 3.0], "false for all; not shown for others"),
        ([0.5, 1.4], [0.7, 1.4], NOT_SHOWN),
        ([2.0], [], "true for all; not shown for others"),
    ],
)
def test_a_statement_is_true_false_true_in_part_or_open(all_, others, expected):
    statement = Statement(key="big", text="It is big.", cases=(case("above"), case("above", key="others")))
    found = verdict(statement, {"big/all": all_, "big/others": others})
    assert found == expected
    assert kind(found) == (expected if expected in KINDS else FALSE if expected.startswith("false") else IN_PART)
