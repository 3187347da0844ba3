"""The laws of the metrics, and other libraries' word for them."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import config
from sklearn.metrics import accuracy_score, brier_score_loss, log_loss
from torch.nn import functional as F

from smoothkit import metrics
from smoothkit.metrics import catalogue

REGISTERED = [entry for entry in vars(catalogue).values() if isinstance(entry, metrics.Metric)]
FUNCTIONS = [entry.function for entry in REGISTERED]

few_examples = settings(max_examples=25, deadline=None)
every_metric = pytest.mark.parametrize("function", FUNCTIONS, ids=[entry.name for entry in REGISTERED])


def classifier(rows: int, classes: int, seed: int = 0, scale: float = 2.0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = scale * torch.randn(rows, classes, generator=generator, dtype=torch.float64)
    return logits, torch.randint(classes, (rows,), generator=generator)


def soft_labels(rows: int, classes: int, seed: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rows, classes, generator=generator, dtype=torch.float64).softmax(dim=1)


classifiers = st.builds(
    classifier,
    rows=st.integers(1, 60),
    classes=st.integers(2, 12),
    seed=st.integers(0, 2**31),
    scale=st.floats(0.01, 100),
)


@pytest.fixture
def without_shape_checks():
    """The checks of production: jaxtyping's own, which only tests have, would answer first."""
    config.update("jaxtyping_disable", True)
    yield
    config.update("jaxtyping_disable", False)


# Independent libraries.


@few_examples
@given(classifiers)
def test_scikit_learn_agrees(data):
    logits, labels = data
    probabilities, classes = logits.softmax(1).numpy(), range(logits.shape[1])
    assert float(metrics.accuracy(logits, labels)) == pytest.approx(accuracy_score(labels, logits.argmax(1)))
    brier = brier_score_loss(labels, probabilities, labels=list(classes), scale_by_half=False)
    assert float(metrics.brier(logits, labels)) == pytest.approx(brier, abs=1e-12)
    if probabilities.min() > 1e-15:  # scikit-learn clips smaller probabilities.
        nll = log_loss(labels, probabilities, labels=list(classes))
        assert float(metrics.nll(logits, labels)) == pytest.approx(nll, rel=1e-10)


@few_examples
@given(classifiers)
def test_torchmetrics_agrees_in_single_precision(data):
    # It closes its bins on the left, which makes a difference only on an edge; and it keeps confidence 1 in a bin of
    # its own, so rows that saturate in single precision are left out.
    import torchmetrics.functional.classification as torchmetrics

    logits, labels = data
    keep = logits.float().softmax(1).amax(1) < 1
    if not keep.any():
        return
    logits, labels = logits[keep], labels[keep]
    classes = logits.shape[1]
    error = torchmetrics.multiclass_calibration_error(logits.softmax(1), labels, classes, n_bins=15)
    assert float(metrics.expected_calibration_error(logits, labels)) == pytest.approx(float(error), abs=2e-6)
    accuracy = torchmetrics.multiclass_accuracy(logits, labels, classes, average="micro")
    assert float(metrics.accuracy(logits, labels)) == pytest.approx(float(accuracy), abs=1e-6)


@few_examples
@given(classifiers)
def test_torch_agrees_on_the_cross_entropy_to_soft_labels(data):
    logits, _ = data
    labels = soft_labels(*logits.shape)
    assert float(metrics.nll(logits, labels)) == pytest.approx(float(F.cross_entropy(logits, labels)), rel=1e-12)


# Laws that all metrics share.


@every_metric
@few_examples
@given(data=classifiers, seed=st.integers(0, 2**31))
def test_the_order_of_rows_does_not_matter(function, data, seed):
    logits, labels = data
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    expected = float(function(logits, labels))
    assert float(function(logits[order], labels[order])) == pytest.approx(expected, rel=1e-12, abs=1e-12, nan_ok=True)


@every_metric
@few_examples
@given(data=classifiers)
def test_a_one_hot_distribution_counts_as_its_class(function, data):
    logits, labels = data
    one_hot = F.one_hot(labels, logits.shape[1]).double()
    expected = float(function(logits, labels))
    assert float(function(logits, one_hot)) == pytest.approx(expected, rel=1e-12, abs=1e-12, nan_ok=True)


@every_metric
@few_examples
@given(data=classifiers, shift=st.floats(-100, 100))
def test_a_constant_added_to_all_logits_changes_nothing(function, data, shift):
    logits, labels = data
    expected = float(function(logits, labels))
    assert float(function(logits + shift, labels)) == pytest.approx(expected, rel=1e-9, abs=1e-9, nan_ok=True)


@every_metric
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_results_are_float64_scalars_whatever_the_precision_of_the_logits(function, dtype):
    logits, labels = classifier(50, 5)
    result = function(logits.to(dtype), labels.int())
    assert (result.dtype, result.shape) == (torch.float64, ())
    assert float(result) == float(function(logits.to(dtype).double(), labels))


@every_metric
def test_an_impossible_class_is_no_harm(function):
    logits, _ = classifier(50, 5)
    logits[:, 2] = -math.inf
    expected = function(logits[:, [0, 1, 3, 4]], torch.tensor([0, 1]).repeat(25))
    assert float(function(logits, torch.tensor([0, 1]).repeat(25))) == pytest.approx(float(expected))
    q = F.one_hot(torch.tensor([0, 1]).repeat(25), 5).double()
    assert float(function(logits, q)) == pytest.approx(float(expected))


@every_metric
def test_huge_logits_overflow_nowhere(function):
    logits = torch.tensor([[3e38, -3e38, 0.0], [0.0, 3e38, -3e38], [0.0, 3e38, -3e38]])
    result = function(logits, torch.tensor([0, 1, 0]))
    assert result.isfinite()


@every_metric
def test_no_rows_are_refused(function):
    with pytest.raises(ValueError, match=r"\w+: logits must have the shape \(rows, classes\), both at least 1"):
        function(torch.empty(0, 3), torch.empty(0, dtype=torch.int64))


@every_metric
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_rows_without_a_softmax_are_refused(function, value):
    logits, labels = classifier(6, 3)
    logits[4, 1] = value
    with pytest.raises(ValueError, match=r"\w+: 1 of 6 rows of logits hold NaN or \+inf, or only -inf"):
        function(logits, labels)


@every_metric
def test_rows_without_a_possible_class_are_refused(function):
    logits, labels = classifier(6, 3)
    logits[2] = -math.inf
    with pytest.raises(ValueError, match="1 of 6 rows"):
        function(logits, labels)


@every_metric
@pytest.mark.parametrize(("label", "range_"), [(-1, r"-1\.\.0"), (3, r"0\.\.3")])
def test_labels_outside_the_classes_are_refused(function, label, range_):
    with pytest.raises(ValueError, match=rf"\w+: labels must lie in 0\.\.2, got {range_}"):
        function(torch.zeros(2, 3), torch.tensor([0, label]))


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


def test_the_error_names_the_metric():
    with pytest.raises(ValueError, match=r"^brier: "):
        metrics.brier(torch.empty(0, 3), torch.empty(0, dtype=torch.int64))


# Laws of one metric each.


@few_examples
@given(st.integers(2, 50))
def test_uniform_predictions_have_closed_forms(classes):
    logits, labels = torch.zeros(4, classes), torch.zeros(4, dtype=torch.int64)
    assert float(metrics.nll(logits, labels)) == pytest.approx(math.log(classes))
    assert float(metrics.brier(logits, labels)) == pytest.approx(1 - 1 / classes)
    assert float(metrics.confidence_gap(logits, labels)) == pytest.approx(1 / classes - 1)
    assert float(metrics.margin_mean(logits, labels)) == 0


def test_nll_is_infinite_where_the_label_was_ruled_out():
    assert metrics.nll(torch.tensor([[0.0, -math.inf]]), torch.tensor([1])) == math.inf


@few_examples
@given(classifiers)
def test_soft_scores_are_smallest_when_the_prediction_is_the_label(data):
    logits, _ = data
    labels = logits.softmax(1)
    entropy = -(labels * logits.log_softmax(1)).sum(1).mean()
    assert float(metrics.brier(logits, labels)) == pytest.approx(0, abs=1e-12)
    assert float(metrics.nll(logits, labels)) == pytest.approx(float(entropy), abs=1e-12)
    assert float(metrics.nll(logits.flip(1), labels)) >= float(entropy) - 1e-12


@few_examples
@given(classifiers)
def test_a_forecast_that_knows_the_law_is_calibrated_under_soft_labels(data):
    logits, _ = data
    assert float(metrics.expected_calibration_error(logits, logits.softmax(1))) == pytest.approx(0, abs=1e-12)
    assert float(metrics.confidence_gap(logits, logits.softmax(1))) == pytest.approx(0, abs=1e-12)


@few_examples
@given(classifiers, st.integers(1, 40))
def test_the_gap_is_a_lower_bound_of_the_calibration_error_and_equals_it_in_one_bin(data, bins):
    gap = abs(float(metrics.confidence_gap(*data)))
    assert gap <= float(metrics.expected_calibration_error(*data, bins=bins)) + 1e-12
    assert gap == pytest.approx(float(metrics.expected_calibration_error(*data, bins=1)), abs=1e-12)


@few_examples
@given(classifiers)
def test_the_gap_is_mean_confidence_minus_accuracy(data):
    confidence = float(data[0].softmax(1).amax(1).mean())
    assert float(metrics.confidence_gap(*data)) == pytest.approx(confidence - float(metrics.accuracy(*data)), abs=1e-12)
    right, wrong = metrics.confidence_by_outcome(*data)
    share = float(metrics.accuracy(*data))
    mixture = share * float(right.nan_to_num()) + (1 - share) * float(wrong.nan_to_num())
    assert mixture == pytest.approx(confidence, abs=1e-12)


def test_confidence_by_outcome_of_an_empty_side_is_nan():
    logits = torch.tensor([[1.0, 0.0]])
    confidence = math.e / (math.e + 1)
    right, wrong = metrics.confidence_by_outcome(logits, torch.tensor([0]))
    assert float(right) == pytest.approx(confidence)
    assert wrong.isnan()
    assert metrics.confidence_right(logits, torch.tensor([1])).isnan()
    assert float(metrics.confidence_wrong(logits, torch.tensor([1]))) == pytest.approx(confidence)


@few_examples
@given(classifiers)
def test_margins_by_definition(data):
    logits, labels = data
    margins = metrics.margins(logits, labels)
    for row, label, margin in zip(logits.tolist(), labels.tolist(), margins.tolist(), strict=True):
        assert margin == row[label] - max(row[:label] + row[label + 1 :])
    assert torch.equal(margins > 0, logits.argmax(1) == labels)
    assert float(metrics.margin_mean(logits, labels)) == pytest.approx(margins.numpy().mean())
    assert float(metrics.margin_variance(logits, labels)) == pytest.approx(margins.numpy().var())


def test_margins_keep_the_order_of_the_rows_and_are_zero_on_a_tie():
    logits = torch.tensor([[2.0, 2.0, 1.0], [5.0, 1.0, 0.0]])
    assert metrics.margins(logits, torch.tensor([1, 2])).tolist() == [0.0, -5.0]
    soft = torch.tensor([[0.2, 0.5, 0.3], [0.1, 0.1, 0.8]])
    assert metrics.margins(logits, soft).tolist() == [0.0, -5.0]


def test_one_class_has_no_margin():
    with pytest.raises(ValueError, match="margins: there must be at least 2 classes, got 1"):
        metrics.margins(torch.zeros(2, 1), torch.zeros(2, dtype=torch.int64))


def test_a_soft_label_is_right_as_often_as_it_says():
    logits, labels = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.6, 0.4]])
    confidence = math.e / (math.e + 1)
    assert float(metrics.accuracy(logits, labels)) == 1
    assert float(metrics.confidence_gap(logits, labels)) == pytest.approx(confidence - 0.6, abs=1e-7)
    assert float(metrics.expected_calibration_error(logits, labels)) == pytest.approx(confidence - 0.6, abs=1e-7)


def test_prediction_is_taken_from_the_logits_where_softmax_saturates():
    logits = torch.tensor([[1000.0, 1000.0 + 1e-10, 0.0]], dtype=torch.float64)
    assert float(metrics.accuracy(logits, torch.tensor([1]))) == 1
    assert float(metrics.confidence_gap(logits, torch.tensor([1]))) == pytest.approx(-0.5)


def test_the_catalogue_knows_each_metric_once():
    names = ["accuracy", "nll", "brier", "ece", "confidence_gap", "margin_mean", "margin_variance"]
    assert [entry.name for entry in REGISTERED] == [*names, "confidence_right", "confidence_wrong"]
    directions = {entry.name: entry.better for entry in REGISTERED if entry.better}
    assert directions == {"accuracy": "higher", "nll": "lower", "brier": "lower", "ece": "lower"}
