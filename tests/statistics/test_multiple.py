"""Holm's adjustment: a published example, the definition, and what must hold for any p-values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smoothkit.statistics import holm

p_values = st.lists(st.floats(0, 1), min_size=1, max_size=10)


def test_published_example():
    # The example in the documentation of pingouin.holm; statsmodels and R's p.adjust give the same.
    assert holm([0.50, 0.003, 0.32, 0.054, 0.0003]) == pytest.approx([0.64, 0.012, 0.64, 0.162, 0.0015], abs=1e-12)


def test_by_hand():
    # Ordered: .001 * 5, .007 * 4, .014 * 3, .031 * 2, .042 * 1, each at least the one before it.
    assert holm([0.042, 0.001, 0.031, 0.014, 0.007]) == pytest.approx([0.062, 0.005, 0.062, 0.042, 0.028], abs=1e-12)


def test_nothing_to_correct():
    assert holm([]) == []
    assert holm([0.04]) == [0.04]


@given(p_values)
def test_between_none_and_bonferroni(values):
    for raw, adjusted in zip(values, holm(values), strict=True):
        assert raw <= adjusted <= min(1, len(values) * raw)


@given(p_values)
def test_rejects_what_the_step_down_procedure_rejects(values):
    level, rejected = 0.05, 0
    for value in sorted(values):
        if value > level / (len(values) - rejected) * (1 + 1e-12):
            break
        rejected += 1
    assert sum(adjusted <= level * (1 + 1e-9) for adjusted in holm(values)) == pytest.approx(rejected, abs=0)


@given(st.permutations([0.5, 0.003, 0.32, 0.054, 0.0003]))
def test_order_does_not_matter(values):
    expected = {0.5: 0.64, 0.003: 0.012, 0.32: 0.64, 0.054: 0.162, 0.0003: 0.0015}
    assert holm(values) == pytest.approx([expected[value] for value in values], abs=1e-12)


@pytest.mark.parametrize("bad", [-0.1, 1.1, float("nan")])
def test_what_is_no_p_value_is_refused(bad):
    with pytest.raises(ValueError, match=r"p-values must lie in 0\.\.1"):
        holm([0.5, bad])
