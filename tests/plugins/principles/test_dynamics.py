"""Smoothing lowers the first gradients and raises the last ones; confidence stays below the mass of the true class."""

from dataclasses import replace
from math import exp

import pytest
import torch

from smoothkit.targets import LabelSmoothing, OneHot
from smoothkit_principles.claims import dynamics
from smoothkit_principles.claims.dynamics import CLAIM, compared, epoch_figure, pointwise, trained
from smoothkit_principles.config import NetworksConfig
from smoothkit_principles.lab import Lab
from smoothkit_principles.networks import Epoch
from tests.plugins.principles.digit_networks import BRIEF, exchanged, networks
from tests.plugins.principles.judged import judged

STURDY = {
    "confidence": "true",
    "capped": "true",
    "settled": "false",
    "gradient-early": "true",
    "weights": "true",
}
"""Verdicts that need neither many seeds nor all epochs; those on accuracy and the last gradient do."""


@pytest.fixture(autouse=True)
def already_trained(request, monkeypatch):
    if "slow" not in request.keywords:
        monkeypatch.setattr(dynamics, "trained", lambda lab: networks(lab.seed))


def test_verdicts():
    found = judged(CLAIM, 3, BRIEF)
    assert {key: found[key] for key in STURDY} == STURDY
    assert found["slower"] != "true"
    assert found["every"] != "true"
    assert found["most"].startswith("true")
    assert found["accuracy"] != "false"


@pytest.mark.slow
def test_verdicts_at_the_default_settings():
    assert judged(CLAIM, 8) == STURDY | {
        "slower": "not shown",
        "accuracy": "true",
        "every": "false",
        "most": "true",
        "gradient-late": "true",
    }


def test_networks_under_wrong_names_are_noticed(monkeypatch):
    monkeypatch.setattr(dynamics, "trained", lambda lab: exchanged(lab.seed))
    found = judged(CLAIM, 3, BRIEF)
    wrong = ("confidence", "every", "most", "capped", "gradient-early", "weights")
    assert {key: found[key] for key in wrong} == dict.fromkeys(wrong, "false")
    assert found["accuracy"] != "true"


def altered(monkeypatch, change):
    """Verdicts on networks whose smoothed ones, by name and seed, are what `change` makes of them."""

    def changed(lab):
        found = networks(lab.seed)
        return found | {name: change(found[name], found["one-hot"], lab.seed) for name in dynamics.SMOOTHED}

    monkeypatch.setattr(dynamics, "trained", changed)
    return judged(CLAIM, 3, BRIEF)


@pytest.mark.parametrize(("by", "slower", "accuracy"), [(-0.3, "true", "false"), (0.3, "false", "true")])
def test_another_accuracy_is_noticed(by, slower, accuracy, monkeypatch):
    def moved(network, plain, seed):
        return replace(network, epochs=tuple(replace(each, accuracy=each.accuracy + by) for each in network.epochs))

    found = altered(monkeypatch, moved)
    assert (found["slower"], found["accuracy"]) == (slower, accuracy)


@pytest.mark.parametrize(("factor", "verdict"), [(0.1, "false"), (10.0, "true")])
def test_another_last_gradient_is_noticed(factor, verdict, monkeypatch):
    def scaled(network, plain, seed):
        *before, last = network.epochs
        return replace(network, epochs=(*before, replace(last, gradient_norm=factor * last.gradient_norm)))

    assert altered(monkeypatch, scaled)["gradient-late"] == verdict


def test_confidence_that_is_lower_everywhere_is_noticed(monkeypatch):
    found = altered(monkeypatch, lambda network, plain, seed: replace(network, logits=0.1 * plain.logits))
    # All shares are 1, and equal seeds show nothing of training.
    assert (found["every"], found["most"]) == ("true", "not shown")


def test_samples_are_counted_one_by_one():
    plain = torch.tensor([[2.0, 0.0], [0.0, 1.0], [3.0, 0.0], [0.0, 0.0]])
    found = pointwise(torch.tensor([[1.0, 0.0], [0.0, 0.5], [2.0, 0.0], [0.0, 4.0]]), plain)
    assert found["most"] == 0.75
    assert found["every"] == pytest.approx(1 / (1 + exp(-4)) - 0.5)


@pytest.mark.parametrize(("confidence", "verdict"), [(0.905, "true"), (0.95, "false"), (0.86, "false")])
def test_confidence_is_held_against_the_mass_of_the_target(confidence, verdict, monkeypatch):
    def confident(lab):
        return {
            # Seeds differ, or they would show nothing.
            name: replace(
                network,
                epochs=tuple(replace(epoch, confidence=confidence + 1e-6 * lab.seed) for epoch in network.epochs),
            )
            for name, network in networks(lab.seed).items()
        }

    monkeypatch.setattr(dynamics, "trained", confident)
    found = judged(CLAIM, 3, BRIEF)
    assert found["settled"] == verdict
    # Confidence 0.905 exceeds 0.9, the mass by `others`, and not 0.91, that by `all`.
    assert found["capped"] == {0.905: "true for all", 0.95: "false", 0.86: "true"}[confidence]


def epoch(
    accuracy: float = 0.5, confidence: float = 0.5, gradient_norm: float = 1.0, weight_norm: float = 1.0
) -> Epoch:
    return Epoch(accuracy, confidence, 1.0, 1.0, gradient_norm, weight_norm)


def test_the_numbers_of_two_courses():
    plain = [epoch(), epoch(accuracy=0.6), epoch(accuracy=0.7), epoch(accuracy=0.8, confidence=0.9, gradient_norm=0.5)]
    smooth = [
        epoch(accuracy=0.2, gradient_norm=0.9),
        epoch(accuracy=0.6, confidence=0.45),
        epoch(accuracy=0.7, confidence=0.85),
        epoch(accuracy=0.9, confidence=0.8, gradient_norm=0.75, weight_norm=0.7),
    ]
    assert compared(tuple(smooth), tuple(plain)) == pytest.approx(
        {
            "slower": -0.1,
            "accuracy": 0.1,
            "confidence": 0.35,
            "capped": 0.85,
            "settled": 0.8,
            "gradient-early": 0.9,
            "gradient-late": 1.5,
            "weights": 0.7,
        }
    )


def test_each_network_has_its_target_and_is_trained_once():
    lab = Lab(NetworksConfig(epochs=1), 0)
    found = trained(lab)
    assert isinstance(found["one-hot"].target, OneHot)
    for name in ("all", "others"):
        target = found[name].target
        assert isinstance(target, LabelSmoothing)
        assert (target.convention, target.alpha) == (name, dynamics.ALPHA)
        assert dynamics.TRUE_MASS[name] == pytest.approx(target.true_mass()[0].item())
    again = trained(lab)
    assert all(again[name] is network for name, network in found.items())


def test_a_curve_has_a_point_for_every_epoch():
    figure = epoch_figure(networks(0), "Accuracy", "share", lambda found: found.accuracy)
    assert set(figure.y) == {"one-hot", "all", "others"}
    assert figure.x["all"] == tuple(map(float, range(1, BRIEF.epochs + 1)))
    assert figure.y["all"][-1] == networks(0)["all"].epochs[-1].accuracy
