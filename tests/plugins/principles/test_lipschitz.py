"""Smoothing makes the loss less steep in the logits, and no less curved."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from smoothkit.targets import ConfidencePenalty, LabelSmoothing, OneHot
from smoothkit_principles.claims import lipschitz
from smoothkit_principles.claims.lipschitz import ALPHA, CLAIM, CLASSES, STEEPEST, kinds, largest_gradient
from tests.plugins.principles.altered import Altered
from tests.plugins.principles.judged import judged


def test_verdicts():
    assert judged(CLAIM) == {"smaller": "true", "constant": "true", "flatter": "false", "hessian": "true"}


def test_exchanged_conventions_are_noticed(monkeypatch):
    one_hot, first, second = kinds().values()
    monkeypatch.setattr(lipschitz, "kinds", lambda: {"one-hot": one_hot, "all": second, "others": first})
    assert judged(CLAIM)["constant"] == "true for one-hot"


def test_negative_smoothing_is_steeper(monkeypatch):
    steep = LabelSmoothing(CLASSES, ALPHA, "all")
    monkeypatch.setattr(steep, "masses", lambda: (1.1, -0.1 / 9))
    monkeypatch.setattr(lipschitz, "kinds", lambda: kinds() | {"all": steep})
    found = judged(CLAIM)
    assert found["smaller"] == "true for others"
    assert found["constant"] == "true for one-hot and others"


def test_a_loss_that_is_no_cross_entropy_to_a_target_has_another_hessian(monkeypatch):
    """A bonus for entropy flattens the loss where predictions are sure of themselves, and bends it elsewhere."""
    made = kinds() | {"all": ConfidencePenalty(CLASSES, ALPHA)}
    monkeypatch.setattr(lipschitz, "kinds", lambda: made)
    assert judged(CLAIM)["hessian"] == "true for one-hot and others"


def test_a_smaller_loss_is_flatter(monkeypatch):
    made = kinds()
    smaller = Altered(CLASSES, lambda logits, labels: 0.9 * made["all"](logits, labels, reduction="none"))
    monkeypatch.setattr(lipschitz, "kinds", lambda: made | {"all": smaller})
    found = judged(CLAIM, seeds=1)
    assert found["flatter"] == "true for all"
    assert found["hessian"] == found["constant"] == "true for one-hot and others"


@pytest.mark.parametrize("kind", list(STEEPEST))
@given(seed=st.integers(0, 2**32), spread=st.floats(0.01, 100))
def test_no_logits_are_steeper_than_the_constant(kind, seed, spread):
    logits = spread * torch.randn(50, CLASSES, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    assert largest_gradient(kinds()[kind], logits) <= STEEPEST[kind] + 1e-12


def test_one_hot_is_the_square_root_of_two():
    sure = 100 * torch.eye(CLASSES, dtype=torch.float64)
    assert largest_gradient(OneHot(CLASSES), sure) == pytest.approx(2**0.5)
