"""The gradient is (sum of t) p - t; p - t is right only where the target sums to 1."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.testing import assert_close

from smoothkit.targets import LabelSmoothing, OneHot
from smoothkit_principles.claims import gradient
from smoothkit_principles.claims.gradient import CLAIM, gradient_of, logit_gradient, targets, true_class_figure
from tests.plugins.principles.judged import judged


def test_verdicts():
    assert judged(CLAIM) == {"usual": "true for smoothed and signed", "general": "true"}


@pytest.mark.parametrize("factor", [-1.0, 0.9])
def test_another_sign_or_factor_is_false(factor, monkeypatch):
    monkeypatch.setattr(gradient, "gradient_of", lambda logits, target: factor * gradient_of(logits, target))
    assert judged(CLAIM) == {"usual": "false", "general": "false"}


def test_the_targets_are_what_they_are_called():
    made = targets(torch.Generator().manual_seed(0))
    sums = {kind: target.sum(dim=1) for kind, target in made.items()}
    for kind, total in (("smoothed", 1.0), ("unnormalised", 2.0), ("signed", 1.0)):
        assert_close(sums[kind], torch.full_like(sums[kind], total))
    assert [bool((target < 0).any()) for target in made.values()] == [False, False, True]


@given(st.floats(0, 1, allow_subnormal=False), st.sampled_from(["all", "others"]), st.integers(2, 12))
def test_both_ways_to_the_gradient_agree(alpha, convention, num_classes):
    target = LabelSmoothing(num_classes, alpha, convention)
    logits = torch.randn(5, num_classes, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(5) % num_classes
    dense = target.distribution(labels).double()
    assert_close(logit_gradient(target, logits, labels), gradient_of(logits, dense), rtol=0, atol=1e-6)


def test_the_gradient_of_each_row_is_its_own():
    logits = torch.randn(4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    labels = torch.tensor([0, 1, 2, 0])
    together = logit_gradient(OneHot(3), logits, labels)
    apart = torch.cat([logit_gradient(OneHot(3), logits[row : row + 1], labels[row : row + 1]) for row in range(4)])
    assert_close(together, apart)


def test_the_picture_turns_at_the_mass_of_the_target():
    figure = true_class_figure()
    zeros = {}
    for name in ("all", "others"):
        before = max(p for p, slope in zip(figure.x[name], figure.y[name], strict=True) if slope < 0)
        zeros[name] = before
    # 1 - alpha + alpha/K and 1 - alpha; the grid has steps of 0.01.
    assert zeros == {"all": pytest.approx(0.8, abs=0.011), "others": pytest.approx(0.7, abs=0.011)}
    assert max(figure.y["one-hot"]) < 0
