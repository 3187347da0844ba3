"""What each method says of two groups."""

from typing import get_args

import numpy as np
import pytest
import torch

from smoothkit.errors import UserError
from smoothkit_fairness.null import metric_frame, netcal_error, plug_in
from smoothkit_fairness.null.config import MethodName
from smoothkit_fairness.null.laws import Sample, law_of
from smoothkit_fairness.null.methods import METHODS, method_of
from smoothkit_fairness.null.trials import covers


def draw(law, rows, seed=0, models=5):
    return law_of(law).study(rows, np.random.default_rng(seed), models, np.random.default_rng(seed + 1000))


@pytest.fixture
def method(request):
    """The method of that name; skipped where its package is missing."""
    found = METHODS[request.param]
    if found.package:
        pytest.importorskip(found.package)
    return found


RESAMPLES = 20
"""Few: a MetricFrame takes ten milliseconds for each."""

every_method = pytest.mark.parametrize("method", METHODS, indirect=True)


def test_every_method_of_the_file_is_one():
    assert set(METHODS) == set(get_args(MethodName))


@every_method
def test_every_method_sees_what_is_there(method):
    right, wrong = draw("calibrated", 800), draw("calibrated", 400, 1)
    # Predictions of the second group come true half as often as those of the first.
    half = torch.arange(400) % 2
    wrong = Sample(wrong.confidence, wrong.correctness * half, tuple(each * half for each in wrong.retrained))
    assert method.calls_gap(right, wrong, np.random.default_rng(0), RESAMPLES)
    if method.gap:
        assert method.gap(right, wrong) > 0.1


@pytest.mark.parametrize("method", [name for name in METHODS if METHODS[name].interval], indirect=True)
def test_intervals_hold_the_estimate_and_depend_on_what_is_drawn(method):
    group = draw("strong", 300)
    interval = method.interval(group, np.random.default_rng(0), RESAMPLES)
    assert covers(interval, interval.estimate)
    again, other = (method.interval(group, np.random.default_rng(seed), RESAMPLES) for seed in (0, 1))
    assert again == interval
    assert (other == interval) == (method.quantity == "signed gap")


@pytest.mark.parametrize("name", ["debiased square", "percentile bootstrap", "basic bootstrap"])
def test_the_number_of_resamples_counts(name):
    found = [METHODS[name].interval(draw("mild", 150), np.random.default_rng(0), resamples) for resamples in (100, 200)]
    assert found[0].estimate == found[1].estimate
    assert found[0].low != found[1].low


def test_the_bootstrap_is_that_of_rows():
    group = draw("mild", 200)
    drawn = np.random.default_rng(5).integers(200, size=(100, 200))
    by_hand = [plug_in.error(Sample(group.confidence[rows], group.correctness[rows])) for rows in torch.tensor(drawn)]
    np.testing.assert_allclose(plug_in.replicates(group, np.random.default_rng(5), 100), by_hand, atol=1e-12)


def test_the_basic_bootstrap_mirrors_the_percentiles():
    group = draw("mild", 200)
    percentile, basic = (each(group, np.random.default_rng(0), 100) for each in (plug_in.percentile, plug_in.basic))
    assert basic.low + percentile.high == pytest.approx(2 * percentile.estimate)
    assert basic.high + percentile.low == pytest.approx(2 * percentile.estimate)


def test_packages_compute_the_same_error():
    pytest.importorskip("fairlearn")
    first, second = draw("mild", 900), draw("mild", 150, 1)
    assert metric_frame.signed_gap(first, second) == pytest.approx(plug_in.gap(first, second), abs=1e-12)
    assert metric_frame.difference(first, second) == pytest.approx(abs(plug_in.gap(first, second)), abs=1e-12)
    assert metric_frame.difference(second, first) == pytest.approx(abs(plug_in.gap(first, second)), abs=1e-12)
    assert metric_frame.interval(first, np.random.default_rng(0), RESAMPLES).estimate == pytest.approx(
        plug_in.error(first)
    )


def test_netcal_computes_the_same_error():
    pytest.importorskip("netcal")
    first, second = draw("mild", 900), draw("mild", 150, 1)
    assert netcal_error.gap(first, second) == pytest.approx(plug_in.gap(first, second), abs=1e-12)
    here, there = (
        each(second, np.random.default_rng(3), 100) for each in (plug_in.percentile, netcal_error.percentile)
    )
    assert there[:3] == pytest.approx(here[:3], abs=1e-12)


def test_an_unsigned_difference_is_always_called():
    pytest.importorskip("fairlearn")
    group = draw("calibrated", 300)
    assert metric_frame.difference_shown(group, draw("calibrated", 300, 1), np.random.default_rng(0), RESAMPLES)
    assert not metric_frame.groups_apart(group, group, np.random.default_rng(0), RESAMPLES)


def test_a_verdict_on_a_study_needs_all_of_its_models():
    right, wrong = draw("calibrated", 800), draw("calibrated", 400, 1)
    none = torch.zeros(400, dtype=torch.float64)
    one_of_two = [Sample(right.confidence, right.correctness, right.retrained[:1])]
    one_of_two.append(Sample(wrong.confidence, none, wrong.retrained[:1]))
    both = [*one_of_two[:1], Sample(wrong.confidence, none, (none,))]
    calls = [
        METHODS["study verdict"].calls_gap(*groups, np.random.default_rng(0), 100) for groups in (one_of_two, both)
    ]
    assert calls == [False, True]


def test_a_missing_package_is_named_with_the_mend(monkeypatch):
    monkeypatch.setattr("smoothkit_fairness.null.methods.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"'netcal' needs the package netcal.*`pip install netcal`, or leave"):
        method_of("netcal")
    assert method_of("signed gap") is METHODS["signed gap"]
