"""Events of a classifier."""

import math

import pytest
import torch
from jaxtyping import config

from smoothkit import metrics
from smoothkit.metrics import one_class, reliability_of, top_label

PROBS = torch.tensor([[0.5, 0.25, 0.25], [0.125, 0.125, 0.75], [0.25, 0.375, 0.375]])


def test_the_predicted_class_is_the_first_of_the_largest():
    events = top_label(PROBS, torch.tensor([0, 0, 1]), from_logits=False)
    assert events.confidence.tolist() == [0.5, 0.75, 0.375]
    assert events.correctness.tolist() == [1, 0, 1]
    events = top_label(PROBS.double().log(), torch.tensor([0, 0, 2]))
    assert events.confidence.tolist() == pytest.approx([0.5, 0.75, 0.375], abs=1e-15)
    assert events.correctness.tolist() == [1, 0, 0]


def test_a_soft_label_gives_the_event_its_probability():
    labels = torch.tensor([[0.5, 0.5, 0.0], [0.0, 0.25, 0.75], [1.0, 0.0, 0.0]])
    assert top_label(PROBS, labels, from_logits=False).correctness.tolist() == [0.5, 0.75, 0.0]
    assert one_class(PROBS, labels, 1, from_logits=False).correctness.tolist() == [0.5, 0.25, 0.0]


def test_one_class_against_the_rest():
    events = one_class(PROBS, torch.tensor([2, 1, 2]), 2, from_logits=False)
    assert events.confidence.tolist() == [0.25, 0.75, 0.375]
    assert events.correctness.tolist() == [1, 0, 1]
    kept = one_class(PROBS, torch.tensor([2, 1, 2]), 2, from_logits=False, ignore_index=1)
    assert kept.confidence.tolist() == [0.25, 0.375]


def test_prediction_is_taken_from_the_logits_where_softmax_saturates():
    logits = torch.tensor([[1000.0, 1000.0 + 1e-10, 0.0]], dtype=torch.float64)
    events = top_label(logits, torch.tensor([1]))
    assert (events.confidence.item(), events.correctness.item()) == (pytest.approx(0.5), 1)


@pytest.mark.parametrize("index", [-1, 3])
def test_a_class_that_is_none_is_refused(index):
    with pytest.raises(ValueError, match=rf"one_class: the class must lie in 0\.\.2, got {index}"):
        one_class(PROBS, torch.tensor([0, 0, 0]), index)


@pytest.mark.parametrize("value", [-0.25, 1.5, math.nan])
@pytest.mark.parametrize("place", [0, 1])
def test_values_that_are_no_probabilities_are_refused(value, place):
    events = [torch.tensor([0.5, 0.5]).double(), torch.tensor([0.0, 1.0]).double()]
    events[place][1] = value
    name = ("confidence", "correctness")[place]
    with pytest.raises(ValueError, match=rf"reliability: {name} must lie in 0\.\.1, got .*(nan|{value}).*logits go"):
        reliability_of(*events)


def test_no_events_are_refused():
    with pytest.raises(ValueError, match="reliability: there are no events"):
        reliability_of(torch.empty(0).double(), torch.empty(0).double())


def test_shapes_that_differ_are_refused():
    config.update("jaxtyping_disable", True)  # Its own check, which only tests have, would answer first.
    try:
        with pytest.raises(ValueError, match=r"must have the same shape \(events,\), got \(2,\) and \(3,\)"):
            reliability_of(torch.zeros(2).double(), torch.zeros(3).double())
    finally:
        config.update("jaxtyping_disable", False)


OF_EVENTS = {
    "reliability": metrics.reliability_of,
    "smooth_calibration_error": metrics.smooth_calibration_error_of,
    "kuiper": metrics.kuiper_of,
    "spiegelhalter": metrics.spiegelhalter_of,
    "score_decomposition": metrics.score_decomposition_of,
    "aurc": metrics.aurc_of,
    "augrc": metrics.augrc_of,
    "failure_auroc": metrics.failure_auroc_of,
    "risk_coverage": metrics.risk_coverage_of,
}


@pytest.mark.parametrize("name", OF_EVENTS)
def test_what_is_no_float64_tensor_is_refused_before_digits_are_lost(name, without_shape_checks):
    first, second = torch.tensor([0.5, 0.75]).double(), torch.tensor([0.0, 1.0]).double()
    column = "score" if name in ("aurc", "augrc", "failure_auroc", "risk_coverage") else "confidence"
    for given, message in (
        ((first.float(), second), rf"{column} must be a float64 tensor, got torch\.float32; \.double\(\) makes it one"),
        ((first, second.bool()), r"correctness must be a float64 tensor, got torch\.bool"),
        ((first.numpy(), second.numpy()), rf"{column} must be a float64 tensor, got ndarray; torch\.as_tensor"),
    ):
        with pytest.raises(ValueError, match=rf"^{name}: {message}"):
            OF_EVENTS[name](*given)


def test_a_score_may_be_anything_but_its_correctness_is_named_as_such():
    score, correctness = torch.tensor([-3.0, 7.0]).double(), torch.tensor([0.0, 1.5]).double()
    with pytest.raises(ValueError, match=r"^aurc: correctness must lie in 0\.\.1"):
        metrics.aurc_of(score, correctness)
