"""Which variants form a series of alpha, and where along it a sign changes."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smoothkit.statistics.crossed import CrossedMean
from smoothkit_fairness.readings import readings
from smoothkit_fairness.series import alpha_series, crossings

from .studies import config, findings, smoothed, two_groups

RESULTS = two_groups(np.random.default_rng(0), (0.0, 0.1), (20, 10), 2)


def series_of(**configs):
    return alpha_series([*readings(findings(configs, dict.fromkeys(configs, RESULTS))).values()])


def names(series):
    return [tuple(variant.name for variant in each.variants) for each in series]


def sure(*estimates):
    return [CrossedMean(estimate, 1e-6, 4.0, "by hand") for estimate in estimates]


def test_variants_are_ordered_by_alpha_with_hard_labels_at_zero():
    (series,) = found = series_of(much=smoothed(0.2), hard=config(), little=smoothed(0.05))
    assert names(found) == [("hard", "little", "much")]
    assert series.alphas == (0.0, 0.05, 0.2)
    assert (series.target, series.convention) == ("ls", "all")
    assert [series.label(variant) for variant in series.variants] == ["“hard”", "alpha = 0.05", "alpha = 0.2"]


def test_what_differs_in_anything_else_is_another_series():
    scaled = config({"name": "ls", "alpha": 0.3, "convention": "all"}, temperature="overall")
    found = series_of(
        hard=config(), a=smoothed(0.1), b=smoothed(0.2), scaled=scaled, others=smoothed(0.1, convention="others")
    )
    assert names(found) == [("hard", "a", "b"), ("hard", "others")]
    assert series_of(hard=config(temperature="overall"), a=smoothed(0.1)) == []


def test_alpha_of_zero_stands_before_hard_labels():
    assert names(series_of(hard=config(), zero=smoothed(0.0), a=smoothed(0.1))) == [("zero", "a")]


def test_hard_labels_join_only_where_no_alpha_means_hard_labels():
    # Symmetric cross-entropy weighs its ordinary part by alpha: without it there are no hard labels left.
    weighed = [config({"name": "sce", "alpha": alpha}) for alpha in (0.1, 1.0)]
    assert names(series_of(hard=config(), a=weighed[0], b=weighed[1])) == [("a", "b")]
    assert series_of(hard=config(), a=weighed[0]) == []


def test_an_alpha_that_changes_during_training_has_no_place():
    shape = {"shape": "linear", "start": 0.2, "end": 0.0}
    moving = config({"name": "ls", "alpha": 0.1, "convention": "all", "schedule": {"alpha": shape}})
    assert names(series_of(hard=config(), a=moving, b=smoothed(0.2))) == [("hard", "b")]


def test_a_crossing_lies_on_the_line_between_its_neighbours():
    (found,) = crossings((0.0, 0.05, 0.1, 0.2), sure(0.056, 0.021, -0.011, -0.058))
    assert found.at == pytest.approx(0.05 + 0.05 * 0.021 / 0.032)
    assert (found.before, found.after, found.rising) == (0.05, 0.1, False)
    assert str(found) == "alpha = 0.083 (interpolated between 0.05 and 0.1)"


def test_a_curve_may_cross_twice():
    found = crossings((0.0, 1.0, 2.0), sure(-1.0, 1.0, -3.0))
    assert [(each.at, each.rising) for each in found] == [(0.5, True), (1.25, False)]


def test_estimates_that_chance_may_have_put_there_cross_nothing():
    unsure = [CrossedMean(estimate, 1.0, 4.0, "by hand") for estimate in (0.1, -0.1, 0.2)]
    assert crossings((0.0, 1.0, 2.0), unsure) == []
    assert crossings((0.0, 1.0, 2.0), [*sure(1.0), *unsure[1:]]) == []


def test_between_sure_signs_chance_may_cross_several_times():
    middle = [CrossedMean(estimate, 1.0, 4.0, "by hand") for estimate in (-0.1, 0.1)]
    (found,) = crossings((0.0, 1.0, 2.0, 3.0), [*sure(1.0), *middle, *sure(-1.0)])
    assert (found.at, found.before, found.after) == (1.5, 0.0, 3.0)


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=8), st.floats(0, 1))
def test_a_crossing_lies_between_its_ends(estimates, error):
    means = [CrossedMean(estimate, error, 4.0, "by hand") for estimate in estimates]
    for found in crossings([float(place) for place in range(len(means))], means):
        assert found.before <= found.at <= found.after
        assert found.before < found.after


def test_what_was_not_measured_is_passed_over():
    nothing = CrossedMean(math.nan, math.nan, 0.0, "by hand")
    (found,) = crossings((0.0, 1.0, 2.0), [*sure(1.0), nothing, *sure(-1.0)])
    assert found.at == 1.0
