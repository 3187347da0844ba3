"""Groups in fairlearn's form, against fairlearn itself."""

import io
import math
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from fairlearn.metrics import MetricFrame

from smoothkit.errors import UserError
from smoothkit.metrics import bins_by_group, calibration_error_of, equal_mass_edges, metric_by_group, top_label
from smoothkit_fairness import frame
from smoothkit_fairness.by_group import grouped_rows, measure_by_group
from smoothkit_fairness.names import GROUP_QUANTITIES, of_group

OF_EVENTS = {name: function for name, function in frame.METRICS.items() if function is not frame.mean_of_rows}


def events(rows=600, seed=0):
    """Confidences between 1/2 and 1, and whether the predictions are right: somewhat less often than they say."""
    stream = np.random.default_rng(seed)
    confidence = stream.uniform(0.5, 1, rows)
    return (stream.uniform(size=rows) < confidence**1.3).astype(float), confidence


def classifier(rows=600, classes=4, seed=0):
    stream = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(rows, classes, generator=stream)
    labels = torch.multinomial((logits / 1.5).softmax(1), 1, generator=stream).squeeze(1)
    return logits, labels, torch.randint(3, (rows,), generator=stream)


def assert_same(found, ours, name):
    """A column of fairlearn's frame says what `smoothkit.metrics.groups` says."""
    assert list(found.by_group[name]) == pytest.approx(list(ours.by_group.values()), abs=1e-12)
    assert found.overall[name] == pytest.approx(ours.overall, abs=1e-12)
    assert found.group_max()[name] == pytest.approx(ours.group_max, abs=1e-12)
    assert found.group_min()[name] == pytest.approx(ours.group_min, abs=1e-12)
    for method in ("between_groups", "to_overall"):
        assert found.difference(method=method)[name] == pytest.approx(ours.difference(method), abs=1e-12)
        # fairlearn divides numbers of different sign too, which has no meaning.
        if min(ours.overall, ours.group_min) > 0:
            assert found.ratio(method=method)[name] == pytest.approx(ours.ratio(method), abs=1e-12)


@pytest.mark.parametrize("name", OF_EVENTS)
@pytest.mark.parametrize("count", [2, 5])
def test_each_metric_in_a_frame_is_itself_by_group(name, count):
    y_true, y_pred = events()
    groups = np.random.default_rng(1).integers(count, size=len(y_true))
    found = MetricFrame(metrics=OF_EVENTS, y_true=y_true, y_pred=y_pred, sensitive_features=groups)
    ours = metric_by_group(
        lambda *columns: torch.tensor(OF_EVENTS[name](*columns), dtype=torch.float64),
        torch.from_numpy(groups),
        torch.from_numpy(y_true),
        torch.from_numpy(y_pred),
    )
    assert_same(found, ours, name)


def test_groups_may_be_intersections():
    y_true, y_pred = events()
    stream = np.random.default_rng(2)
    table = pd.DataFrame({"sex": stream.choice(["F", "M"], 600), "age": stream.choice(["old", "young", "mid"], 600)})
    found = MetricFrame(metrics=OF_EVENTS, y_true=y_true, y_pred=y_pred, sensitive_features=table)
    pairs = list(zip(table["sex"], table["age"], strict=True))
    known = sorted(set(pairs))
    assert len(known) == 6
    for name, function in OF_EVENTS.items():
        ours = metric_by_group(
            lambda *columns, of=function: torch.tensor(of(*columns), dtype=torch.float64),
            torch.tensor([known.index(pair) for pair in pairs]),
            torch.from_numpy(y_true),
            torch.from_numpy(y_pred),
        )
        assert list(found.by_group.index) == known
        assert_same(found, ours, name)


def test_metrics_take_lists_and_read_only_arrays():
    assert frame.signed_gap([1, 0], [0.75, 0.75]) == 0.25
    assert frame.accuracy(pd.Series([1, 0, 0, 1]), pd.Series([0.5] * 4)) == 0.5
    right, half = np.ones(2), np.full(2, 0.5)
    right.flags.writeable = half.flags.writeable = False
    assert frame.expected_calibration_error(right, half) == 0.5
    assert frame.confidence(right, half) == 0.5


def test_what_is_no_event_is_refused():
    with pytest.raises(ValueError, match=r"reliability: confidence must lie in 0\.\.1"):
        frame.signed_gap([1, 0], [2.0, 0.5])
    with pytest.raises(ValueError, match=r"reliability: correctness must lie in 0\.\.1"):
        frame.expected_calibration_error([3, 0], [1.0, 0.5])


def test_edges_move_the_bins():
    y_true, y_pred = events()
    metrics = (frame.expected_calibration_error, frame.debiased_squared_error, frame.null_calibration_error)
    for metric in metrics:
        assert metric(y_true, y_pred, edges=[0.0, 0.75, 1.0]) != metric(y_true, y_pred)


@pytest.mark.parametrize("binning", ["mass", "width"])
@pytest.mark.parametrize("classes", [2, 10])
def test_the_frame_has_the_scalars_of_a_run(binning, classes):
    logits, labels, groups = classifier(classes=classes)
    found = frame.metric_frame(logits, labels, groups, ("a", "b", "c"), bins=10, binning=binning)
    assert isinstance(found, MetricFrame)
    rows = grouped_rows(logits, labels, groups, ("a", "b", "c"), bins=10, binning=binning)
    scalars = measure_by_group(rows, 100).scalars
    assert list(found.by_group.columns) == list(GROUP_QUANTITIES)
    assert found.by_group.index.name == "group"
    for quantity in GROUP_QUANTITIES:
        by_group = {name: scalars[of_group(quantity, name)] for name in "abc"}
        assert dict(found.by_group[quantity]) == pytest.approx(by_group, abs=1e-12)
    for quantity in ("accuracy", "gap", "ece", "nll", "brier"):
        for method in ("between_groups", "to_overall"):
            ours = scalars[f"{quantity}_{method}"]
            assert found.difference(method=method)[quantity] == pytest.approx(ours, abs=1e-12)


def test_the_frame_has_what_is_asked_for():
    logits, labels, groups = classifier()
    found = frame.metric_frame(logits, labels, groups, ("a", "b", "c"), metrics=("ece", "nll"), bins=7)
    assert list(found.by_group.columns) == ["ece", "nll"]
    shared = bins_by_group(*top_label(logits, labels), groups, names=("a", "b", "c"), bins=7, binning="mass")
    for name, bins in shared.items():
        assert torch.equal(bins.edges, equal_mass_edges(top_label(logits, labels).confidence, 7))
        assert found.by_group["ece"][name] == pytest.approx(float(calibration_error_of(bins)), abs=1e-12)


def test_a_metric_that_there_is_not_is_refused():
    with pytest.raises(ValueError, match=r"metric_frame: there is no metric 'acc'; there are accuracy, "):
        frame.metric_frame(*classifier(), ("a", "b", "c"), metrics=("acc",))
    assert set(frame.METRICS) == set(GROUP_QUANTITIES)


def test_without_fairlearn_the_error_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "fairlearn.metrics", None)
    with pytest.raises(UserError, match=r"needs fairlearn; install it with: pip install 'smoothkit\[fairlearn\]'"):
        frame.metric_frame(*classifier(), ("a", "b", "c"))


def test_the_table_is_laid_out_as_that_of_a_frame():
    logits, labels, groups = classifier()
    scalars = dict(measure_by_group(grouped_rows(logits, labels, groups, "abc", bins=15, binning="mass"), 100).scalars)
    sizes = torch.bincount(groups).tolist()
    scalars |= {of_group("rows", name): float(size) for name, size in zip("abc", sizes, strict=True)}
    table = pd.read_csv(io.StringIO(frame.table_by_group("abc", scalars, [""])), index_col="group")
    theirs = frame.metric_frame(logits, labels, groups, "abc").by_group
    assert table.pop("rows").tolist() == sizes
    pd.testing.assert_frame_equal(table, theirs, check_exact=False, atol=1e-12, rtol=0)


def test_the_table_has_a_column_for_each_stage_and_nothing_where_there_is_nothing():
    stages = ("", "_scaled")
    names = ("one, two", "empty")
    scalars = {
        **{of_group("rows", name): float(size) for size, name in enumerate(names)},
        **{
            of_group(quantity, name, stage): math.nan if name == "empty" else 0.1 + len(stage)
            for quantity in GROUP_QUANTITIES
            for name in names
            for stage in stages
        },
    }
    text = frame.table_by_group(names, scalars, stages)
    table = pd.read_csv(io.StringIO(text), index_col="group")
    expected = ["rows", *GROUP_QUANTITIES, *(f"{quantity}_scaled" for quantity in GROUP_QUANTITIES)]
    assert list(table.columns) == expected
    assert table.loc["one, two", "gap_scaled"] == 7.1
    assert table.loc["empty"].drop("rows").isna().all()
    assert text.splitlines()[2] == "empty,1" + "," * 2 * len(GROUP_QUANTITIES)
