"""The laws of every target, held against those of this plugin."""

import torch

from smoothkit.testing import TargetContract
from smoothkit_selftrain.targets.adaptive import AdaptiveSmoothing
from smoothkit_selftrain.targets.measured import MeasuredSmoothing


class TestAdaptiveSmoothing(TargetContract):
    def make(self):
        return AdaptiveSmoothing(5)


class TestAdaptiveSmoothingOfLowPower(TargetContract):
    def make(self):
        return AdaptiveSmoothing(5, amplitude=0.7, power=0.5)


class TestAdaptiveSmoothingTwoClasses(TargetContract):
    def make(self):
        return AdaptiveSmoothing(2)


class TestMeasuredSmoothingBeforeAMeasurement(TargetContract):
    def make(self):
        return MeasuredSmoothing(5)


def measured(target):
    """The target after a held-out set on which each class has other errors."""
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(60, target.num_classes, generator=generator)
    labels = torch.where(torch.rand(60, generator=generator) < 0.7, logits.argmax(dim=1), 2)
    target.end_validation(logits, labels)
    return target


class TestMeasuredSmoothing(TargetContract):
    def make(self):
        return measured(MeasuredSmoothing(5))


class TestMeasuredSmoothingPerClass(TargetContract):
    def make(self):
        return measured(MeasuredSmoothing(5, per_class=True))
