"""The laws that every registered metric keeps, whatever it measures."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from smoothkit.builtin import METRICS
from smoothkit.metrics import Metric, catalogue

TREE = [[0, 1], [2, 3, 4], [5]]
OPTIONS = {"mistake_severity": {"tree": TREE}, "mean_height": {"tree": TREE}}


def build(name: str) -> Metric:
    found = getattr(catalogue, METRICS[name])
    return found if isinstance(found, Metric) else found(**OPTIONS.get(name, {}))


REGISTERED = {name: build(name) for name in METRICS}
every_metric = pytest.mark.parametrize("metric", REGISTERED.values(), ids=list(REGISTERED))
few_examples = settings(max_examples=10, deadline=None)


def classifier(rows: int, seed: int = 0, scale: float = 2.0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = scale * torch.randn(rows, 6, generator=generator, dtype=torch.float64)
    return logits, torch.randint(6, (rows,), generator=generator)


classifiers = st.builds(classifier, rows=st.integers(1, 60), seed=st.integers(0, 2**31), scale=st.floats(0.01, 30))


def test_a_metric_is_registered_under_its_own_name():
    names = {name: metric.name for name, metric in REGISTERED.items()}
    assert names == {name: name for name in METRICS} | {"top_k_accuracy": "top_5_accuracy"}


def test_what_has_no_best_direction_says_so():
    neither = {name for name, metric in REGISTERED.items() if metric.better is None}
    assert neither == {
        *("ece_null", "kuiper", "kuiper_p", "spiegelhalter_z", "spiegelhalter_p", "confidence_gap"),
        *("confidence_right", "confidence_wrong", "margin_mean", "margin_variance"),
    }


@every_metric
@few_examples
@given(data=classifiers, seed=st.integers(0, 2**31))
def test_the_order_of_rows_does_not_matter(metric, data, seed):
    logits, labels = data
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    expected = float(metric.function(logits, labels))
    found = float(metric.function(logits[order], labels[order]))
    assert found == pytest.approx(expected, rel=1e-11, abs=1e-11, nan_ok=True)


@every_metric
@few_examples
@given(data=classifiers)
def test_a_one_hot_distribution_counts_as_its_class(metric, data):
    logits, labels = data
    expected = float(metric.function(logits, labels))
    found = float(metric.function(logits, F.one_hot(labels, 6).double()))
    assert found == pytest.approx(expected, rel=1e-11, abs=1e-11, nan_ok=True)


@every_metric
@few_examples
@given(data=classifiers, shift=st.floats(-100, 100))
def test_a_constant_added_to_all_logits_changes_nothing(metric, data, shift):
    logits, labels = data
    expected = float(metric.function(logits, labels))
    assert float(metric.function(logits + shift, labels)) == pytest.approx(expected, rel=1e-7, abs=1e-7, nan_ok=True)


@every_metric
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_results_are_float64_scalars_whatever_the_precision_of_the_logits(metric, dtype):
    logits, labels = classifier(50)
    result = metric.function(logits.to(dtype), labels.int())
    assert (result.dtype, result.shape) == (torch.float64, ())
    # A test at the edge of its law loses digits to cancellation; all others are the same number.
    assert float(result) == pytest.approx(float(metric.function(logits.to(dtype).double(), labels)), rel=1e-12)


@every_metric
def test_half_an_interval_lies_on_each_side_of_the_value(metric):
    logits, labels = classifier(200, scale=1.0)
    interval = metric.interval(logits, labels)
    if interval is None:
        assert metric.rows is None
        return
    assert interval.estimate == pytest.approx(float(metric.function(logits, labels)), abs=1e-8)
    assert interval.low < interval.estimate < interval.high


@every_metric
def test_what_a_metric_is_the_mean_of_has_that_mean(metric):
    logits, labels = classifier(70)
    if metric.rows is not None:
        rows = metric.rows(logits, labels)
        assert rows.shape == (70,)
        assert float(rows.mean()) == pytest.approx(float(metric.function(logits, labels)), rel=1e-12)


@every_metric
def test_rows_without_a_softmax_are_refused(metric):
    logits, labels = classifier(6)
    logits[4, 1] = math.nan
    with pytest.raises(ValueError, match=r"^\w+: in 1 row "):
        metric.function(logits, labels)


@every_metric
def test_it_says_what_it_is(metric):
    assert len(metric.about.splitlines()[0]) > 20


def test_options_reach_the_measure():
    logits, _ = classifier(300, scale=1.5)
    # Calibrated up to chance, so that gaps have both signs and more bins show more of them.
    labels = torch.multinomial(logits.softmax(1), 1, generator=torch.Generator().manual_seed(0)).squeeze(1)
    for name, changed in {
        "ece": {"bins": 5},
        "ece_null": {"bins": 5},
        "rmsce_debiased": {"bins": 5},
        "smooth_ece": {"kernel": "logit"},
        "classwise_ece": {"norm": "max"},
        "miscalibration": {"score": "log"},
        "top_k_accuracy": {"k": 2},
        "risk_at_coverage": {"coverage": 0.3},
        "coverage_at_risk": {"risk": 0.9},
        "mae": {"decision": "median"},
        "kappa": {"weights": "linear"},
    }.items():
        usual, other = (getattr(catalogue, name)(**options) for options in ({}, changed))
        assert float(usual.function(logits, labels)) != float(other.function(logits, labels)), name
