"""The rules that all metrics of classes and confidences share: what they accept, and what they refuse."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from smoothkit import metrics
from smoothkit.metrics import boundary
from tests.metrics.classifiers import classifier, classifiers

METRICS = {
    "accuracy": metrics.accuracy,
    "top_k_accuracy": lambda z, y, **options: metrics.top_k_accuracy(z, y, k=2, **options),
    "nll": metrics.nll,
    "brier": metrics.brier,
    "confidence_by_outcome": lambda z, y, **options: torch.stack(metrics.confidence_by_outcome(z, y, **options)),
    "expected_calibration_error": metrics.expected_calibration_error,
    "equal mass": lambda z, y, **options: metrics.expected_calibration_error(z, y, binning="mass", **options),
    "debiased_calibration_error": metrics.debiased_calibration_error,
    "confidence_gap": metrics.confidence_gap,
    "classwise_calibration_error": metrics.classwise_calibration_error,
    "classwise equal mass": lambda z, y, **options: metrics.classwise_calibration_error(
        z, y, binning="mass", **options
    ),
}
LOGITS_ONLY = {
    "margin_mean": metrics.margin_mean,
    "margin_variance": metrics.margin_variance,
    "confidence_right": metrics.confidence_right,
    "confidence_wrong": metrics.confidence_wrong,
}
few_examples = settings(max_examples=10, deadline=None)
every_metric = pytest.mark.parametrize("function", (METRICS | LOGITS_ONLY).values(), ids=METRICS | LOGITS_ONLY)
metrics_of_either = pytest.mark.parametrize("function", METRICS.values(), ids=METRICS)


def same(value: torch.Tensor, expected: torch.Tensor, tolerance: float = 1e-12) -> None:
    torch.testing.assert_close(value, expected, rtol=tolerance, atol=tolerance, equal_nan=True)


# What is accepted.


@every_metric
@few_examples
@given(data=classifiers, seed=st.integers(0, 2**31))
def test_the_order_of_rows_does_not_matter(function, data, seed):
    logits, labels = data
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    # A root magnifies rounding near 0.
    same(function(logits[order], labels[order]).square(), function(logits, labels).square(), 1e-11)


@every_metric
@few_examples
@given(data=classifiers)
def test_a_one_hot_distribution_counts_as_its_class(function, data):
    logits, labels = data
    one_hot = F.one_hot(labels, logits.shape[1]).double()
    same(function(logits, one_hot).square(), function(logits, labels).square(), 1e-11)


@metrics_of_either
@few_examples
@given(data=classifiers, soft=st.booleans())
def test_probabilities_give_what_their_logits_give(function, data, soft):
    logits, labels = data
    labels = logits.flip(1).softmax(dim=1) if soft else labels
    probs = logits.softmax(dim=1)
    if probs.log().isfinite().all():  # A logit of -1000 is possible, a probability of 0 is not.
        same(function(probs, labels, from_logits=False).square(), function(logits, labels).square(), 1e-9)


@metrics_of_either
@few_examples
@given(data=classifiers, ignored=st.sampled_from([-100, -1, 0, 1]))
def test_ignored_rows_are_rows_that_are_not_there(function, data, ignored):
    logits, labels = data
    logits, labels = torch.cat([logits, logits[:1]]), torch.cat([labels, 1 - labels[:1].clamp(max=1)])
    kept = labels != ignored
    if ignored < 0:
        labels = torch.where(torch.arange(len(labels)) % 3 == 1, ignored, labels)
        kept = labels != ignored
        logits[~kept] = math.nan  # Nobody looks at them.
    if kept.any():
        same(function(logits, labels, ignore_index=ignored), function(logits[kept], labels[kept]))


def test_all_rows_ignored_is_no_result():
    with pytest.raises(ValueError, match="nll: all 2 rows have the label -1, which is ignored"):
        metrics.nll(torch.zeros(2, 3), torch.tensor([-1, -1]), ignore_index=-1)


@metrics_of_either
@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("from_logits", [True, False])
def test_blocks_do_not_matter(function, soft, from_logits, monkeypatch):
    logits, labels = classifier(57, 5)
    outputs = logits if from_logits else logits.softmax(dim=1)
    labels = logits.flip(0).softmax(dim=1) if soft else labels
    expected = function(outputs, labels, from_logits=from_logits)
    for entries in (1, 20, 57):
        monkeypatch.setattr(boundary, "BLOCK_ENTRIES", entries)
        same(function(outputs, labels, from_logits=from_logits), expected)


@every_metric
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_results_are_float64_whatever_the_precision_of_the_logits(function, dtype):
    logits, labels = classifier(50, 5)
    result = function(logits.to(dtype), labels.int())
    assert result.dtype == torch.float64
    assert torch.equal(result, function(logits.to(dtype).double(), labels))


@metrics_of_either
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_probabilities_of_low_precision_are_distributions(function, dtype):
    logits, labels = classifier(200, 100, scale=5.0)
    assert function(logits.softmax(dim=1).to(dtype), labels, from_logits=False).nan_to_num().ge(0).all()


def test_a_soft_label_that_rounding_took_beyond_1_is_one():
    labels = torch.tensor([[1.0000001, 0.0], [0.0, 1.0]])
    events = metrics.top_label(torch.tensor([[2.0, 0.0], [0.0, 2.0]]), labels)
    assert events.correctness.tolist() == [1.0, 1.0]
    assert float(metrics.reliability_of(*events).correctness_sum.sum()) == 2


@every_metric
def test_huge_logits_overflow_nowhere(function):
    logits = torch.tensor([[3e38, -3e38, 0.0], [0.0, 3e38, -3e38], [0.0, 3e38, -3e38]])
    assert function(logits, torch.tensor([0, 1, 0])).isfinite().all()


@every_metric
def test_outputs_that_require_a_gradient_are_accepted(function):
    logits, labels = classifier(20, 4)
    same(function(logits.requires_grad_(), labels).detach(), function(logits.detach(), labels))


# What is refused.


@every_metric
def test_no_rows_are_refused(function):
    with pytest.raises(ValueError, match=r"^\w+: outputs must have the shape \(rows, classes\), both at least 1"):
        function(torch.empty(0, 3), torch.empty(0, dtype=torch.int64))


@every_metric
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_rows_without_a_softmax_are_refused(function, value):
    logits, labels = classifier(6, 3)
    logits[4, 1] = value
    seen = rf"the first is row 4, with the label {labels[4]} and the outputs' entries .*{value}"
    with pytest.raises(ValueError, match=rf"^\w+: in 1 row logits hold NaN or \+inf, or nothing but -inf; {seen}"):
        function(logits, labels)


@every_metric
def test_rows_without_a_possible_class_are_refused(function):
    logits, labels = classifier(6, 3)
    logits[2:4] = -math.inf
    with pytest.raises(ValueError, match=r"in 2 rows logits hold .* the first is row 2,"):
        function(logits, labels)


@metrics_of_either
@pytest.mark.parametrize("row", [[0.5, 0.6, 0.0], [1.1, -0.1, 0.0], [math.nan, 0.5, 0.5], [2.0, -1.0, 0.5]])
def test_rows_that_are_no_distribution_are_refused(function, row):
    probs = torch.full((5, 3), 1 / 3)
    probs[3] = torch.tensor(row)
    message = r"^\w+: in 1 row probabilities are no distributions: .*logits take from_logits=True\); the first is row 3"
    with pytest.raises(ValueError, match=message):
        function(probs, torch.zeros(5, dtype=torch.int64), from_logits=False)


@every_metric
@pytest.mark.parametrize("label", [-1, -100, 3])
def test_labels_outside_the_classes_are_refused(function, label):
    message = rf"^\w+: in 1 row labels lie outside 0\.\.2 .*ignore_index\); the first is row 1, with the label {label} "
    with pytest.raises(ValueError, match=message):
        function(torch.zeros(2, 3), torch.tensor([0, label]))


@every_metric
@pytest.mark.parametrize("row", [[0.5, 0.6, 0.0], [1.1, -0.1, 0.0], [math.nan, 0.5, 0.5]])
def test_soft_labels_that_are_no_distributions_are_refused(function, row):
    labels = torch.tensor([[0.2, 0.3, 0.5], row])
    with pytest.raises(ValueError, match=r"^\w+: in 1 row soft labels are no distributions: .*first is row 1.*label's"):
        function(torch.zeros(2, 3), labels)


def test_faults_are_counted_and_placed_over_all_blocks(monkeypatch):
    monkeypatch.setattr(boundary, "BLOCK_ENTRIES", 6)
    logits, labels = classifier(20, 3)
    labels[7], labels[19], labels[2], logits[18, 0] = 3, -5, -1, math.nan
    message = r"in 2 rows labels lie outside 0\.\.2 .*; in 1 row logits hold .*; the first is row 7, with the label 3 "
    with pytest.raises(ValueError, match=message):
        metrics.nll(logits, labels, ignore_index=-1)


@every_metric
@pytest.mark.parametrize(
    "labels",
    [torch.zeros(3, dtype=torch.int64), torch.zeros(2), torch.zeros(2, 4), torch.zeros(2, 3, dtype=torch.int64)],
)
def test_shapes_that_do_not_match_are_refused(function, labels, without_shape_checks):
    with pytest.raises(
        ValueError, match=r"\w+: labels must be class indices \(N,\) or floating distributions \(N, K\)"
    ):
        function(torch.zeros(2, 3), labels)


@pytest.mark.parametrize(("name", "value"), [("norm", "l3"), ("binning", "masses"), ("closed", "both")])
def test_an_unknown_choice_names_the_known_ones(name, value, without_shape_checks):
    with pytest.raises(ValueError, match=rf"^\w+: {name} must be one of \w+, \w+.*, got '{value}'"):
        metrics.expected_calibration_error(*classifier(5, 3), **{name: value})


@pytest.mark.parametrize("name", ["accuracy", "nll", "brier", "expected_calibration_error", "confidence_gap"])
def test_the_error_names_the_metric(name):
    with pytest.raises(ValueError, match=f"^{name}: "):
        getattr(metrics, name)(torch.empty(0, 3), torch.empty(0, dtype=torch.int64))
