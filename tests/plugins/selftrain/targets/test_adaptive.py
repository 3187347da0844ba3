"""Adaptive smoothing: its formula in plain Python, its limits, and the targets that it is a case of."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.testing import assert_close

from smoothkit import plugins
from smoothkit.scenario import TargetConfig
from smoothkit.targets import InstanceSmoothing, LabelSmoothing, OneHot
from smoothkit_selftrain.targets.adaptive import AdaptiveSmoothing, doubt

fractions = st.floats(0, 1, allow_subnormal=False)
powers = st.floats(0, 6, allow_subnormal=False)
sizes = st.tuples(st.integers(1, 6), st.integers(2, 8))


def made(rows, classes, seed=0):
    """A teacher's logits and the labels that it would give."""
    generator = torch.Generator().manual_seed(seed)
    teacher = 2 * torch.randn(rows, classes, generator=generator, dtype=torch.float64)
    return teacher, teacher.argmax(dim=1)


@given(sizes, fractions, powers, st.integers(0, 99))
def test_the_target_is_its_formula(size, amplitude, power, seed):
    teacher, _ = made(*size, seed)
    rows, classes = size
    labels = torch.randint(classes, (rows,), generator=torch.Generator().manual_seed(seed + 1))
    found = AdaptiveSmoothing(classes, amplitude, power).distribution(labels, teacher=teacher)
    for logits, label, row in zip(teacher.tolist(), labels.tolist(), found, strict=True):
        total = sum(math.exp(value) for value in logits)
        s = min((1 - math.exp(logits[label]) / total) * classes / (classes - 1), 1.0)
        a = amplitude * s**power
        expected = [a / classes + (1 - a if k == label else 0.0) for k in range(classes)]
        assert_close(row, torch.tensor(expected))


def test_a_sure_teacher_leaves_the_label_alone_and_an_even_one_spreads_the_amplitude():
    teacher, label = torch.tensor([[200.0, 0.0, 0.0], [0.0, 0.0, 0.0], [-9.0, 9.0, 0.0]]), torch.tensor([0, 0, 0])
    found = AdaptiveSmoothing(3, amplitude=0.6).distribution(label, teacher=teacher)
    assert_close(found, torch.tensor([[1.0, 0.0, 0.0], [0.6, 0.2, 0.2], [0.6, 0.2, 0.2]]))


def test_the_doubt_of_a_sure_teacher_is_not_rounded_to_nothing():
    logits = torch.tensor([[40.0, 0.0, 0.0]])
    assert doubt(logits, torch.tensor([0]), 3).item() == pytest.approx(3 * math.exp(-40.0), rel=1e-5)


@given(sizes, fractions, st.integers(0, 99))
def test_a_power_of_zero_is_label_smoothing(size, amplitude, seed):
    teacher, labels = made(*size, seed)
    found = AdaptiveSmoothing(size[1], amplitude, power=0.0).distribution(labels, teacher=teacher)
    assert_close(found.float(), LabelSmoothing(size[1], amplitude).distribution(labels))


@given(sizes, fractions, st.integers(0, 99))
def test_a_power_of_one_is_instance_smoothing(size, amplitude, seed):
    teacher, labels = made(*size, seed)
    found = AdaptiveSmoothing(size[1], amplitude, power=1.0).distribution(labels, teacher=teacher)
    assert_close(found, InstanceSmoothing(size[1], amplitude, "v11").distribution(labels, teacher=teacher))


def test_an_amplitude_of_zero_is_the_label():
    teacher, labels = made(6, 4)
    found = AdaptiveSmoothing(4, amplitude=0.0).distribution(labels, teacher=teacher)
    assert_close(found.float(), OneHot(4).distribution(labels))


@given(sizes, fractions, powers, st.integers(0, 99))
def test_a_soft_label_is_smoothed_by_the_doubt_of_its_most_probable_class(size, amplitude, power, seed):
    teacher, classes = made(*size, seed)
    target, soft = AdaptiveSmoothing(size[1], amplitude, power), (2 * teacher).softmax(dim=1)
    a = (amplitude * doubt(teacher, classes, size[1]) ** power).unsqueeze(1)
    assert_close(target.distribution(soft, teacher=teacher), (1 - a) * soft + a / size[1])


def test_a_soft_label_of_half_a_sum_has_half_the_target():
    teacher, _ = made(6, 4)
    target, soft = AdaptiveSmoothing(4), (2 * teacher).softmax(dim=1)
    assert_close(target.distribution(soft / 2, teacher=teacher), target.distribution(soft, teacher=teacher) / 2)


def test_the_surer_the_teacher_the_more_mass_stays():
    confidence = torch.linspace(0.25, 1, 40, dtype=torch.float64).unsqueeze(1)
    teacher = torch.cat([confidence, (1 - confidence).expand(40, 3) / 3], dim=1).log()
    found = AdaptiveSmoothing(4).distribution(torch.zeros(40, dtype=torch.int64), teacher=teacher)
    assert (found[:, 0].diff() > 0).all()


def test_no_gradient_reaches_the_teacher():
    teacher, labels = made(6, 4)
    teacher.requires_grad_()
    logits = torch.zeros(6, 4, dtype=torch.float64, requires_grad=True)
    AdaptiveSmoothing(4)(logits, labels, teacher=teacher).backward()
    assert teacher.grad is None
    assert logits.grad is not None


def test_a_class_masked_in_the_student_is_masked_in_the_teacher():
    teacher = torch.tensor([[2.0, 1.0, 5.0]])
    logits = torch.tensor([[0.0, 0.0, -torch.inf]])
    a = (1 - torch.tensor([2.0, 1.0]).softmax(dim=0)[0]) * 3 / 2
    found = AdaptiveSmoothing(3, power=1.0).distribution(torch.tensor([0]), logits, teacher=teacher)
    assert_close(found[0, 0], 1 - a + a / 3)


def test_without_a_teacher_it_says_what_it_needs():
    with pytest.raises(ValueError, match="give teacher="):
        AdaptiveSmoothing(3)(torch.zeros(1, 3), torch.tensor([0]))


@pytest.mark.parametrize(("option", "value"), [("amplitude", 1.5), ("amplitude", -0.1), ("power", -1.0)])
def test_options_out_of_range_are_refused(option, value):
    with pytest.raises(ValueError, match=f"{option} is {value}"):
        AdaptiveSmoothing(3, **{option: value})


def test_it_is_registered_under_its_name():
    config = TargetConfig.model_validate({"name": "adaptive-ls", "amplitude": 0.5, "power": 3.0})
    target = config.build(num_classes=7, num_samples=None)
    assert isinstance(target, AdaptiveSmoothing)
    assert (target.num_classes, target.amplitude, target.power) == (7, 0.5, 3.0)
    assert plugins.host().registry.get("targets", "adaptive-ls")
