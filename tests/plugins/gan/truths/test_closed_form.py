"""The table finds the closed form; with other labels than it says, every statement turns."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.testing import assert_close

from smoothkit.targets import Binary
from smoothkit_gan.truths import closed_form
from smoothkit_gan.truths.closed_form import CLAIM, fitted
from smoothkit_gan.truths.labels import LABELS, Labels, optimal_logit
from tests.plugins.gan.truths.judged import judged


def test_verdicts():
    assert set(judged(CLAIM).values()) == {"true"}


def test_a_target_with_other_labels_is_noticed(monkeypatch):
    monkeypatch.setattr(Labels, "target", lambda self: Binary(real=self.real / 2 + 0.01, fake=0.01))
    found = judged(CLAIM)
    assert (found["optimum"], found["scaled"], found["equilibrium"]) == ("false", "false", "false")


def test_a_table_above_its_ceiling_is_noticed(monkeypatch):
    monkeypatch.setattr(closed_form, "fitted", lambda labels, ratio: fitted(labels, ratio) + 0.01)
    assert judged(CLAIM)["ceiling"] == "false"


def test_a_two_sided_label_in_place_of_a_one_sided_one_is_noticed(monkeypatch):
    monkeypatch.setattr(Labels, "target", lambda self: Binary(real=self.real, fake=1 - self.real))
    # Without smoothing both are the same, and so they are where two-sided labels were meant.
    same = "none, two-sided 0.1 and two-sided 0.25"
    found = judged(CLAIM)
    assert found["optimum"] == found["equilibrium"] == f"true for {same}"
    assert found["scaled"] == "false"


@given(
    real=st.floats(0.55, 1, allow_subnormal=False),
    fake=st.floats(0, 0.45, allow_subnormal=False),
    log_ratio=st.floats(-12, 12, allow_subnormal=False),
)
def test_the_logit_is_that_of_the_core(real, fake, log_ratio):
    at = torch.tensor([log_ratio], dtype=torch.float64)
    by_core = Binary(real=real, fake=fake).optimum(at.exp(), torch.ones_like(at))
    assert_close(optimal_logit(Labels(real, fake), at).sigmoid(), by_core, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_the_equilibrium_is_what_the_best_discriminator_says_there(labels):
    at = torch.zeros(1, dtype=torch.float64)
    assert optimal_logit(labels, at).sigmoid().item() == pytest.approx(labels.equilibrium, abs=1e-15)
