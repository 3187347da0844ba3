"""A metric by group: fairlearn's numbers, and groups that cannot be measured."""

import inspect
import math

import numpy as np
import pytest
import torch

from smoothkit.metrics.bins import reliability_of
from smoothkit.metrics.calibration import calibration_error_of
from smoothkit.metrics.events import top_label
from smoothkit.metrics.groups import Grouped, metric_by_group
from smoothkit.metrics.intervals import mean_interval


@pytest.fixture(scope="module")
def groups():
    stream = np.random.RandomState(12345)
    stream.standard_normal((2000, 10))
    stream.random_sample(2000)
    return torch.from_numpy(np.digitize(stream.random_sample(2000), [0.80, 0.95]))


def gap(confidence, correctness):
    return (confidence - correctness).mean()


def error(confidence, correctness):
    return calibration_error_of(reliability_of(confidence, correctness))


# By fairlearn's MetricFrame on the same rows; its ECE difference, 0.0342386, to the digits of the groups' values.
@pytest.mark.parametrize(
    ("metric", "by_group", "between", "to_overall"),
    [
        (gap, (0.1007681180, 0.1184389813, 0.0477723282), 0.0706666532, 0.0528818280),
        (error, (0.107147410801, 0.118438981330, 0.084200382991), 0.034238598339, 0.018318286347),
    ],
)
def test_golden_differences(overconfident, groups, metric, by_group, between, to_overall):
    found = metric_by_group(metric, groups, *top_label(*overconfident))
    assert tuple(found.by_group.values()) == pytest.approx(by_group, abs=1e-10)
    assert found.difference() == pytest.approx(between, abs=1e-10)
    assert found.difference("to_overall") == pytest.approx(to_overall, abs=1e-10)
    assert found.group_max == pytest.approx(by_group[1], abs=1e-10)
    assert found.group_min == pytest.approx(by_group[2], abs=1e-10)
    assert found.ratio() == pytest.approx(by_group[2] / by_group[1], abs=1e-9)
    overall = found.overall
    assert found.ratio("to_overall") == pytest.approx(
        min(min(value / overall, overall / value) for value in by_group), abs=1e-9
    )
    assert not found.notes


def test_exact_gaps(sixteenths):
    groups = torch.tensor([0, 0, 0, 0, 1, 1, 1, 1])
    found = metric_by_group(gap, groups, *top_label(*sixteenths), names=("first", "last"))
    assert found.by_group == pytest.approx({"first": -0.140625, "last": -0.015625})


def test_an_empty_group_is_a_named_gap():
    found = metric_by_group(torch.mean, torch.tensor([0, 2]), torch.tensor([1.0, 3.0]), names=("a", "b", "c"))
    assert math.isnan(found.by_group["b"])
    assert found.notes == {"b": "no rows"}
    assert found.difference() == 2.0
    assert found.ratio() == pytest.approx(1 / 3)


def test_a_group_that_the_metric_refuses_is_a_named_gap():
    def picky(values):
        if len(values) < 2:
            raise ValueError("picky: two rows at least")
        return values.mean() if values.std() else torch.tensor(torch.nan)

    found = metric_by_group(picky, torch.tensor([0, 1, 1, 2, 2]), torch.tensor([1.0, 2.0, 4.0, 5.0, 5.0]))
    assert found.notes == {"0": "picky: two rows at least", "2": "not defined on its rows"}
    assert found.group_max == found.group_min == 3.0


def test_without_any_value_there_is_no_difference():
    found = Grouped(overall=1.0, by_group={"a": math.nan})
    assert math.isnan(found.difference())
    assert math.isnan(found.difference("to_overall"))
    assert math.isnan(found.ratio())
    assert math.isnan(found.ratio("to_overall"))


def test_a_ratio_of_different_signs_means_nothing():
    found = Grouped(overall=0.1, by_group={"a": 0.2, "b": -0.1})
    assert math.isnan(found.ratio())
    assert math.isnan(found.ratio("to_overall"))


@pytest.mark.parametrize("method", ["difference", "ratio"])
def test_distances_that_there_are_not_are_refused(method):
    found = Grouped(overall=0.5, by_group={"a": 0.6, "b": 0.3})
    with pytest.raises(ValueError, match=f"{method}: method must be one of between_groups, to_overall, got 'between'"):
        # Beartype would be first to refuse it.
        inspect.unwrap(getattr(Grouped, method))(found, "between")


def test_intervals_are_those_of_each_groups_rows(overconfident, groups):
    def interval(confidence, correctness):
        return mean_interval(confidence - correctness)

    columns = top_label(*overconfident)
    found = metric_by_group(gap, groups, *columns, names=("a", "b", "c", "none"), interval=interval)
    for index, name in enumerate("abc"):
        assert found.intervals[name] == interval(*(column[groups == index] for column in columns))
        assert found.intervals[name].estimate == pytest.approx(found.by_group[name], abs=1e-12)
    assert math.isnan(found.intervals["none"].estimate)
    assert not found.intervals["none"].is_defined
    assert metric_by_group(gap, groups, *columns).intervals == {}


def test_negative_gaps_have_a_ratio_below_one():
    assert Grouped(overall=-0.3, by_group={"a": -0.2, "b": -0.4}).ratio() == 0.5


@pytest.mark.parametrize(
    ("ids", "names", "message"),
    [
        ([0, 3], ("a", "b"), r"ids must lie in 0\.\.1, got 0\.\.3"),
        ([-1, 0], None, "ids must lie"),
        ([0, 1], ("a", "a"), "names must differ"),
        ([0], None, "1 ids for 2 rows"),
        ([], None, "no rows"),
    ],
)
def test_ids_that_do_not_fit_are_refused(ids, names, message):
    with pytest.raises(ValueError, match=message):
        metric_by_group(torch.mean, torch.tensor(ids, dtype=torch.int64), torch.tensor([1.0, 2.0]), names=names)
