"""Symmetric noise is smoothing in expectation, and negative smoothing its inverse; networks are another matter."""

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from smoothkit.claims.claim import Evidence
from smoothkit.data.label_noise import symmetric_noise
from smoothkit.targets import LabelSmoothing
from smoothkit_principles.claims import label_noise
from smoothkit_principles.claims.label_noise import (
    CLAIM,
    CLASSES,
    RATES,
    as_all,
    in_expectation,
    networks,
    noise,
    undoing,
    wrong_learned,
)
from smoothkit_principles.lab import Lab
from smoothkit_principles.networks import TrainedNetwork
from tests.plugins.principles.brief_labs import brief_lab, judged_briefly
from tests.plugins.principles.judged import judged

EXPECTED = {
    "noise": "true for others",
    "noise of all": "true for all",
    "twice": "true for all",
    "undone": "true",
    "corrected": "true for negative and forward",
    "unbounded": "false",
}
FORMULAS = replace(
    CLAIM,
    statements=tuple(statement for statement in CLAIM.statements if statement.key in EXPECTED),
    measure=lambda lab: Evidence(values=in_expectation(lab)),
)
"""The part of the claim that needs no network."""


def changed() -> dict[str, str]:
    """The verdicts on the formulas that are not what they should be."""
    return {key: found for key, found in judged(FORMULAS, seeds=1).items() if found != EXPECTED[key]}


def test_formulas():
    assert changed() == {}


def test_exchanged_conventions_exchange_the_verdicts(monkeypatch):
    other = {"all": "others", "others": "all"}
    monkeypatch.setattr(
        label_noise, "LabelSmoothing", lambda classes, alpha, key: LabelSmoothing(classes, alpha, other[key])
    )
    assert changed() == {"noise": "true for all", "noise of all": "true for others", "twice": "true for others"}


def test_labels_drawn_from_all_classes_exchange_the_verdicts(monkeypatch):
    def redrawn(rate):
        return (1 - rate) * torch.eye(CLASSES, dtype=torch.float64) + rate / CLASSES

    monkeypatch.setattr(label_noise, "noise", redrawn)
    found = changed()
    assert (found["noise"], found["noise of all"], found["undone"]) == ("true for all", "false", "false")


@pytest.mark.parametrize(
    "wrong", [pytest.param(lambda rate: -undoing(rate), id="the other sign"), pytest.param(as_all, id="smoothing")]
)
def test_only_one_alpha_undoes_the_noise(wrong, monkeypatch):
    monkeypatch.setattr(label_noise, "undoing", lambda rate: min(wrong(rate), 1.0))
    # Targets without a negative entry bound the loss.
    assert changed() == {"undone": "false", "corrected": "true for forward", "unbounded": "true"}


def test_noise_is_that_of_the_data():
    labels = torch.arange(CLASSES).repeat(20000)
    for rate in RATES.values():
        seen = symmetric_noise(labels, rate, CLASSES, torch.Generator().manual_seed(0))
        counts = torch.zeros(CLASSES, CLASSES, dtype=torch.float64).index_put_(
            (labels, seen), torch.ones(len(labels), dtype=torch.float64), accumulate=True
        )
        assert_close(counts / 20000, noise(rate), rtol=0, atol=0.02)


def test_the_inverse_of_the_noise():
    for rate in RATES.values():
        inverse = noise(rate).inverse()
        alpha = undoing(rate)
        assert inverse[0, 0].item() == pytest.approx(1 - alpha + alpha / CLASSES)
        assert inverse[0, 1].item() == pytest.approx(alpha / CLASSES)


def test_networks_that_learned_wrong_labels():
    found = judged_briefly(CLAIM)
    assert {key: found[key] for key in EXPECTED} == EXPECTED
    for key in ("helps", "memory"):
        assert "alpha = 0.5 at 60 % wrong" in found[key] or found[key] == "true"
    assert found["negative better"] in ("false", "not shown")
    assert found["kept"] in ("false", "true for 20 % wrong")


@pytest.mark.slow
def test_networks_at_the_default_settings():
    found = judged(CLAIM, 8)
    assert found["helps"] == "true"
    assert found["memory"] == "true"
    assert found["negative helps"] == "true for 60 % wrong"
    assert found["negative better"].startswith("false for alpha = 0.1 at 20 % wrong")
    assert found["kept"] == "false"


def test_networks_under_wrong_names_are_noticed(monkeypatch):
    names = {"one-hot": "alpha = 0.5", "alpha = 0.1": "one-hot", "alpha = 0.5": "one-hot", "negative": "alpha = 0.5"}

    def exchanged(lab, rate):
        found = networks(lab, rate)
        return {name: found[other] for name, other in names.items()}

    monkeypatch.setattr(label_noise, "networks", exchanged)
    found = judged_briefly(CLAIM)
    assert found["helps"] in ("false", "not shown")
    assert found["memory"] in ("false", "not shown")
    assert found["negative helps"] == "false"
    assert "alpha = 0.5 at 60 % wrong" in found["negative better"] or found["negative better"] == "true"


def test_logits_that_grow_without_smoothing_only_are_noticed(monkeypatch):
    def exchanged(lab, rate):
        found = networks(lab, rate)
        return found | {"one-hot": found["negative"], "negative": found["one-hot"]}

    monkeypatch.setattr(label_noise, "networks", exchanged)
    assert judged_briefly(CLAIM)["kept"] in ("true", "true for 60 % wrong")


def test_the_share_of_wrong_labels_that_is_predicted():
    lab = brief_lab(0)
    three = lab.fresh_network()
    for parameter in three.parameters():
        nn.init.zeros_(parameter)
    nn.init.ones_(three.get_parameter("layers.3.bias")[3])
    clean, noisy = lab.data.train.labels, lab.noisy(0.2).train.labels
    model = TrainedNetwork(three, LabelSmoothing(CLASSES), (), torch.zeros(0, CLASSES), torch.zeros(0).long())
    expected = (noisy[noisy != clean] == 3).double().mean().item()
    assert wrong_learned(model, lab, 0.2) == pytest.approx(expected)
    assert 0.05 < expected < 0.2


def test_networks_have_the_options_that_they_are_named_after():
    found = networks(brief_lab(0), 0.6)
    assert found["alpha = 0.5"].target.options()["alpha"] == 0.5
    assert found["negative"].target.options()["alpha"] == pytest.approx(-2)
    assert {len(network.epochs) for network in found.values()} == {16}
    # The labels that they learn are the same wrong ones, those that are tested are right.
    assert torch.equal(Lab(brief_lab(0).config, 0).data.test.labels, found["one-hot"].labels)
