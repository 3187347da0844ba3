"""The laws that every registered metric keeps, whatever it measures."""

import math
from functools import partial
from importlib import import_module

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from smoothkit.builtin import METRICS
from smoothkit.metrics import Metric
from tests.metrics import classifiers as random_classifiers

TREE = [[0, 1], [2, 3, 4], [5]]
OF_A_TREE = ("level_ece", "mistake_severity", "mean_height", "average_distance", "hierarchical_precision")
WITHOUT_INTERVAL = {
    *("ece", "ece_null", "smooth_ece", "classwise_ece", "level_ece", "miscalibration"),  # biased by more than they vary
    *("kuiper", "kuiper_p", "spiegelhalter_z", "spiegelhalter_p"),  # tests: they have p-values instead
}


def build(name: str, **options: object) -> Metric:
    module, attribute = METRICS[name].split(":")
    found = getattr(import_module(f"smoothkit.metrics.catalogue.{module}"), attribute)
    tree = {"tree": TREE} if name in OF_A_TREE else {}
    return found if isinstance(found, Metric) else found(**tree, **options)


REGISTERED = {name: build(name) for name in METRICS}
every_metric = pytest.mark.parametrize("metric", REGISTERED.values(), ids=list(REGISTERED))
few_examples = settings(max_examples=10, deadline=None)


classifier = partial(random_classifiers.classifier, classes=6)
classifiers = st.builds(classifier, rows=st.integers(1, 60), seed=st.integers(0, 2**31), scale=st.floats(0.01, 30))


def test_a_metric_is_registered_under_its_own_name():
    names = {name: metric.name for name, metric in REGISTERED.items()}
    with_an_option = {
        "top_k_accuracy": "top_5_accuracy",
        "level_ece": "level_1_ece",
        "average_distance": "average_distance_at_5",
        "hierarchical_precision": "hierarchical_precision_at_5",
    }
    assert names == {name: name for name in METRICS} | with_an_option


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


def test_what_has_no_interval_is_known_by_name():
    logits, labels = classifier(60)
    assert {name for name, metric in REGISTERED.items() if metric.interval(logits, labels) is None} == WITHOUT_INTERVAL


with_interval = pytest.mark.parametrize("name", sorted(set(REGISTERED) - WITHOUT_INTERVAL))


def half_right(rows: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A classifier that is over-confident, but whose confidence tells right from wrong to some extent."""
    logits, _ = classifier(rows, scale=3.0)
    return logits, torch.multinomial((logits / 2).softmax(1), 1, generator=torch.Generator().manual_seed(1)).squeeze(1)


@with_interval
def test_an_interval_holds_the_value(name):
    logits, labels = half_right(400)
    metric = build(name, risk=0.3) if name == "coverage_at_risk" else REGISTERED[name]
    interval = metric.interval(logits, labels)
    assert interval.estimate == pytest.approx(float(metric.function(logits, labels)), abs=1e-8)
    assert interval.low < interval.estimate < interval.high


@with_interval
@few_examples
@given(data=classifiers)
def test_bounds_are_in_order_or_absent_and_a_one_hot_distribution_has_the_same(name, data):
    logits, labels = data
    low, high = REGISTERED[name].interval(logits, labels)[1:3]
    assert (math.isnan(low) and math.isnan(high)) or low <= high
    found = REGISTERED[name].interval(logits, F.one_hot(labels, 6).double())
    assert (found.low, found.high) == pytest.approx((low, high), rel=1e-7, abs=1e-9, nan_ok=True)


@with_interval
def test_rows_that_are_all_alike_give_no_certainty(name):
    logits = 4 * torch.eye(6).double()[torch.zeros(50, dtype=torch.int64)]
    interval = REGISTERED[name].interval(logits, torch.zeros(50, dtype=torch.int64))
    assert not interval.is_defined or interval.low < interval.high


def test_the_gap_of_predictions_that_are_all_right_is_as_uncertain_as_their_accuracy():
    logits = torch.eye(2).double()[torch.zeros(50, dtype=torch.int64)] * torch.linspace(3.9, 4.1, 50)[:, None]
    labels = torch.zeros(50, dtype=torch.int64)
    gap, accuracy = (REGISTERED[name].interval(logits, labels) for name in ("confidence_gap", "accuracy"))
    assert gap.high - gap.low == pytest.approx(accuracy.high - accuracy.low)


SELECTIVE = ("aurc", "excess_aurc", "augrc", "auroc_correct", "risk_at_coverage", "coverage_at_risk")


@pytest.mark.parametrize("name", SELECTIVE)
def test_the_score_may_be_the_normalised_logit(name):
    logits, labels = half_right(400)
    usual, other = build(name), build(name, score="normalised-max-logit")
    if name == "coverage_at_risk":
        usual, other = (build(name, risk=0.4, score=score) for score in ("confidence", "normalised-max-logit"))
    assert float(usual.function(logits, labels)) != float(other.function(logits, labels))
    interval = other.interval(logits, labels)
    assert interval.estimate == pytest.approx(float(other.function(logits, labels)))
    assert interval.low < interval.estimate < interval.high
    # It does not see the scale of a row, which confidence does.
    scales = torch.linspace(0.1, 10, 400)[:, None]
    assert float(other.function(logits * scales, labels)) == pytest.approx(float(other.function(logits, labels)))
    assert float(usual.function(logits * scales, labels)) != pytest.approx(float(usual.function(logits, labels)))


def test_a_level_of_the_tree_is_calibrated_as_its_groups():
    logits, labels = classifier(300)
    groups = torch.tensor([0, 0, 1, 1, 1, 2])
    masses = torch.zeros(300, 3).double().index_add_(1, groups, logits.softmax(1))
    expected = REGISTERED["ece"].function(masses.log(), groups[labels])
    assert float(build("level_ece").function(logits, labels)) == pytest.approx(float(expected))
    assert float(build("level_ece", level=0).function(logits, labels)) == pytest.approx(
        float(REGISTERED["ece"].function(logits, labels))
    )


@pytest.mark.parametrize("name", ["average_distance", "hierarchical_precision"])
def test_more_places_than_classes_are_refused_by_value_and_interval(name):
    metric = build(name, k=7)
    for measure in (metric.function, metric.interval):
        with pytest.raises(ValueError, match=rf"{name}: k must lie in 1\.\.6, .*, got 7"):
            measure(*classifier(9))


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
        "level_ece": {"level": 2, "binning": "mass"},
        "average_distance": {"over": "mistakes"},
        "hierarchical_precision": {"k": 2},
    }.items():
        usual, other = (build(name, **options) for options in ({}, changed))
        assert float(usual.function(logits, labels)) != float(other.function(logits, labels)), name
