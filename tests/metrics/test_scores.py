"""The laws of scores, and other libraries' word for them."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, brier_score_loss, log_loss, top_k_accuracy_score
from torch.nn import functional as F

from smoothkit import metrics
from tests.metrics.classifiers import classifier, classifiers

few_examples = settings(max_examples=25, deadline=None)


@few_examples
@given(classifiers)
def test_scikit_learn_agrees(data):
    logits, labels = data
    probabilities, classes = logits.softmax(1).numpy(), range(logits.shape[1])
    assert float(metrics.accuracy(logits, labels)) == pytest.approx(accuracy_score(labels, logits.argmax(1)))
    brier = brier_score_loss(labels, probabilities, labels=list(classes), scale_by_half=False)
    assert float(metrics.brier(logits, labels)) == pytest.approx(brier, abs=1e-12)
    if len(classes) > 2:
        top = top_k_accuracy_score(labels, logits.numpy(), k=2, labels=list(classes))
        assert float(metrics.top_k_accuracy(logits, labels, k=2)) == pytest.approx(top, abs=1e-12)
    if probabilities.min() > 1e-15:  # scikit-learn clips smaller probabilities.
        nll = log_loss(labels, probabilities, labels=list(classes))
        assert float(metrics.nll(logits, labels)) == pytest.approx(nll, rel=1e-10)


@few_examples
@given(classifiers)
def test_torch_agrees_on_the_cross_entropy_to_soft_labels(data):
    logits, _ = data
    labels = classifier(*logits.shape, seed=1, scale=1.0)[0].softmax(dim=1)
    assert float(metrics.nll(logits, labels)) == pytest.approx(float(F.cross_entropy(logits, labels)), rel=1e-12)


@few_examples
@given(classifiers, st.floats(-100, 100))
def test_a_constant_added_to_all_logits_changes_nothing(data, shift):
    logits, labels = data
    for function in (metrics.nll, metrics.brier, metrics.confidence_right, metrics.confidence_wrong):
        expected = float(function(logits, labels))
        assert float(function(logits + shift, labels)) == pytest.approx(expected, rel=1e-9, abs=1e-9, nan_ok=True)


@few_examples
@given(st.integers(2, 50))
def test_uniform_predictions_have_closed_forms(classes):
    logits, labels = torch.zeros(4, classes), torch.zeros(4, dtype=torch.int64)
    assert float(metrics.nll(logits, labels)) == pytest.approx(math.log(classes))
    assert float(metrics.brier(logits, labels)) == pytest.approx(1 - 1 / classes)
    assert float(metrics.confidence_gap(logits, labels)) == pytest.approx(1 / classes - 1)


def test_nll_is_infinite_where_the_label_was_ruled_out():
    assert metrics.nll(torch.tensor([[0.0, -math.inf]]), torch.tensor([1])) == math.inf
    assert metrics.nll(torch.tensor([[1.0, 0.0]]), torch.tensor([1]), from_logits=False) == math.inf
    # A class without mass in a soft label costs nothing, ruled out or not.
    assert metrics.nll(torch.tensor([[0.0, -math.inf]]), torch.tensor([[1.0, 0.0]])) == 0


@few_examples
@given(classifiers)
def test_soft_scores_are_smallest_when_the_prediction_is_the_label(data):
    logits, _ = data
    labels = logits.softmax(1)
    entropy = -(labels * logits.log_softmax(1)).sum(1).mean()
    assert float(metrics.brier(logits, labels)) == pytest.approx(0, abs=1e-12)
    assert float(metrics.nll(logits, labels)) == pytest.approx(float(entropy), abs=1e-12)
    assert float(metrics.nll(logits.flip(1), labels)) >= float(entropy) - 1e-12


# Top k.


@few_examples
@given(classifiers)
def test_more_places_are_never_worse_and_all_places_are_enough(data):
    logits, labels = data
    shares = [float(metrics.top_k_accuracy(logits, labels, k=k)) for k in range(1, logits.shape[1] + 1)]
    assert shares[0] == float(metrics.accuracy(logits, labels))
    assert shares == sorted(shares)
    assert shares[-1] == 1


@pytest.mark.parametrize(("k", "right"), [(1, [0]), (2, [0, 1]), (3, [0, 1, 2]), (4, [0, 1, 2, 3])])
def test_of_equal_outputs_the_first_classes_come_first(k, right):
    logits = torch.zeros(1, 4)
    found = [label for label in range(4) if metrics.top_k_accuracy(logits, torch.tensor([label]), k=k) == 1]
    assert found == right


@pytest.mark.parametrize("k", [0, 4])
def test_more_places_than_classes_are_refused(k):
    from jaxtyping import config

    config.update("jaxtyping_disable", True)
    try:
        with pytest.raises(ValueError, match=rf"top_k_accuracy: k must lie in 1\.\.3, .*, got {k}"):
            metrics.top_k_accuracy(torch.zeros(1, 3), torch.tensor([0]), k=k)
    finally:
        config.update("jaxtyping_disable", False)


# Confidence by outcome.


@few_examples
@given(classifiers)
def test_confidences_of_right_and_wrong_predictions_mix_to_the_mean(data):
    confidence = float(data[0].softmax(1).amax(1).mean())
    share = float(metrics.accuracy(*data))
    assert float(metrics.confidence_gap(*data)) == pytest.approx(confidence - share, abs=1e-12)
    right, wrong = metrics.confidence_by_outcome(*data)
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


def test_a_soft_label_counts_as_its_most_probable_class():
    logits = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    labels = torch.tensor([[0.6, 0.4], [0.4, 0.6], [0.5, 0.5]])
    assert float(metrics.accuracy(logits, labels)) == pytest.approx(1 / 3)
