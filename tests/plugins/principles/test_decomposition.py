"""Smoothing adds KL(u || p), which keeps its pull where that of the entropy bonus is gone."""

from math import log

import pytest
import torch
from torch.testing import assert_close

from smoothkit.targets import ConfidencePenalty, LabelSmoothing, OneHot
from smoothkit.targets.confidence_penalty import entropy, entropy_descent
from smoothkit_principles.claims import decomposition
from smoothkit_principles.claims.decomposition import CLAIM, CLASSES, divergence, kl_pull, pulls
from tests.plugins.principles.altered import Altered
from tests.plugins.principles.judged import judged


def test_verdicts():
    # By so many seeds the spread of random logits leaves nothing open.
    assert judged(CLAIM, 6) == {
        "textbook": "false",
        "constant": "true for all",
        "exact": "true for all",
        "converted": "true for others",
        "bonus": "false",
        "limit": "true",
        "pull": "true",
    }


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(lambda logits: -divergence(logits), id="the other sign"),
        pytest.param(lambda logits: -entropy(logits.log_softmax(dim=1)), id="the entropy bonus"),
    ],
)
def test_another_regulariser_makes_no_sum(wrong, monkeypatch):
    monkeypatch.setattr(decomposition, "divergence", wrong)
    found = judged(CLAIM, seeds=1)
    assert {found[key] for key in ("textbook", "constant", "exact", "converted")} == {"false"}


def test_a_divergence_with_the_constant_in_it_is_noticed(monkeypatch):
    monkeypatch.setattr(decomposition, "divergence", lambda logits: divergence(logits) + log(CLASSES))
    found = judged(CLAIM, seeds=1)
    assert (found["textbook"], found["constant"]) == ("true for all", "true for all")
    assert (found["exact"], found["converted"]) == ("false", "false")


def test_exchanged_conventions_exchange_the_verdicts(monkeypatch):
    other = {"all": "others", "others": "all"}
    monkeypatch.setattr(
        decomposition, "LabelSmoothing", lambda classes, alpha, key: LabelSmoothing(classes, alpha, other[key])
    )
    found = judged(CLAIM)
    assert found["exact"] == "true for others"
    assert found["converted"] == "true for all"
    assert found["pull"] == "false"


def test_a_bonus_that_is_the_divergence_is_noticed(monkeypatch):
    def penalised(classes, weight):
        plain = OneHot(classes)
        return Altered(
            classes, lambda logits, labels: plain(logits, labels, reduction="none") + weight * divergence(logits)
        )

    monkeypatch.setattr(decomposition, "ConfidencePenalty", penalised)
    found = judged(CLAIM, seeds=1)
    assert (found["bonus"], found["limit"]) == ("true", "true")


def test_a_bonus_twice_as_large_is_noticed(monkeypatch):
    monkeypatch.setattr(
        decomposition, "ConfidencePenalty", lambda classes, weight: ConfidencePenalty(classes, 2 * weight)
    )
    assert judged(CLAIM, seeds=1)["limit"] == "false"


def test_pulls_are_those_of_the_formulas():
    margins = torch.tensor([0.5, 3.0, 12.0], dtype=torch.float64)
    logits = torch.zeros(3, CLASSES, dtype=torch.float64)
    logits[:, 0] = margins
    found = pulls(margins)
    assert_close(found["KL(u || p)"], (logits.softmax(dim=1) - 1 / CLASSES).norm(dim=1), rtol=0, atol=1e-12)
    assert_close(found["-H(p)"], entropy_descent(logits.log_softmax(dim=1)).norm(dim=1), rtol=0, atol=1e-12)
    assert found["KL(u || p)"].tolist() == pytest.approx([kl_pull(margin) for margin in margins.tolist()])


def test_numbers_at_large_margins():
    """0.948 against 0.0043 at margin 10; 0.949 against 4e-7 at margin 20."""
    found = pulls(torch.tensor([10.0, 20.0], dtype=torch.float64))
    assert found["KL(u || p)"].tolist() == pytest.approx([0.948, 0.949], abs=5e-4)
    assert found["-H(p)"].tolist() == pytest.approx([0.0043, 4e-7], rel=0.05)
