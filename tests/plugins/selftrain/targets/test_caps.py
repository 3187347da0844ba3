"""The cap of a target: closed forms, and what a model that minimises the loss comes to."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from smoothkit.targets import (
    Alternate,
    ClassWise,
    Cosine,
    Focal,
    KnowledgeDistillation,
    LabelSmoothing,
    LabelSmoothingPP,
    Linear,
    MaxSup,
    MbLS,
    NegativeSmoothing,
    OneHot,
    OnlineLabelSmoothing,
    Polyline,
    Scheduled,
    Step,
)
from smoothkit_selftrain.caps import cap_of
from smoothkit_selftrain.targets.adaptive import AdaptiveSmoothing
from smoothkit_selftrain.targets.measured import MeasuredSmoothing

alphas = st.floats(0, 1, allow_subnormal=False)
classes = st.integers(2, 12)


@given(alphas, classes)
def test_of_label_smoothing(alpha, k):
    assert cap_of(LabelSmoothing(k, alpha)) == pytest.approx(1 - alpha + alpha / k, abs=1e-6)
    assert cap_of(LabelSmoothing(k, alpha, "others")) == pytest.approx(max(1 - alpha, alpha / (k - 1)), abs=1e-6)


def test_of_targets_without_smoothing_and_with_less_than_none():
    assert cap_of(OneHot(4)) == 1
    assert cap_of(NegativeSmoothing(4, -0.3)) == 1


def test_of_a_target_that_begins_as_another_it_is_the_lesser():
    assert cap_of(NegativeSmoothing(4, 0.4, warmup=0.5)) == pytest.approx(0.7)


def test_of_several_rows_it_is_the_largest():
    assert cap_of(ClassWise(3, [0.3, 0.6, 0.9])) == pytest.approx(0.8)


def test_of_targets_that_learn_or_measure_it_is_of_now():
    assert cap_of(LabelSmoothingPP(4, 0.2)) == pytest.approx(0.8)
    assert cap_of(OnlineLabelSmoothing(4, 0.4)) == pytest.approx(0.7)
    target = MeasuredSmoothing(4)
    assert cap_of(target) == 1
    target.end_validation(torch.eye(4), torch.tensor([0, 1, 2, 0]))
    assert cap_of(target) == pytest.approx(0.75)


@pytest.mark.parametrize(
    "shape",
    [
        Linear(0.0, 0.3),
        Linear(0.3, 0.0),
        Cosine(0.1, 0.3),
        Step((0.0, 0.3, 0.1), at=(0.2, 0.6)),
        Polyline((0.1, 0.3, 0.0), at=(0.0, 0.5, 1.0)),
        Alternate((0.0, 0.3)),
    ],
    ids=lambda shape: shape.shape,
)
def test_of_a_schedule_it_is_the_least(shape):
    target = Scheduled(LabelSmoothing(10), alpha=shape)
    before = repr(target)
    assert cap_of(target) == pytest.approx(0.73)
    assert repr(target) == before


@pytest.mark.parametrize(
    "target",
    [
        KnowledgeDistillation(4),
        AdaptiveSmoothing(4),
        MaxSup(4),
        Focal(4),
        MbLS(4),
        Scheduled(KnowledgeDistillation(4), alpha=Linear(0.0, 0.9)),
    ],
    ids=lambda target: type(target).__name__,
)
def test_there_is_none_where_something_else_decides(target):
    assert cap_of(target) is None


def test_a_model_that_fits_the_target_comes_to_the_cap():
    target = LabelSmoothing(5, 0.3)
    logits = torch.zeros(5, 5, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([logits], max_iter=200, tolerance_grad=1e-10, line_search_fn="strong_wolfe")

    def loss():
        optimiser.zero_grad()
        value = target(logits, torch.arange(5), reduction="sum")
        value.backward()
        return value

    optimiser.step(loss)
    assert logits.softmax(dim=1).max().item() == pytest.approx(cap_of(target), abs=1e-6)
