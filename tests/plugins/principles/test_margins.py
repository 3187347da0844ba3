"""Smoothing makes margins smaller and more alike, and features collapse in some respects, not in all."""

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from smoothkit.metrics import margins as nearest_margins
from smoothkit.metrics.collapse import neural_collapse
from smoothkit.report.numbers import listed
from smoothkit.targets import LabelSmoothing
from smoothkit_principles.claims import margins
from smoothkit_principles.claims.margins import (
    CLAIM,
    OPTIMA,
    above_mean,
    distribution_figure,
    last_features,
    scatter,
    statistics,
)
from smoothkit_principles.lab import Lab
from smoothkit_principles.networks import outputs
from tests.plugins.principles.digit_networks import BRIEF, exchanged, networks
from tests.plugins.principles.judged import judged

STURDY = {
    "smaller": "true",
    "alike": "true",
    "relative": "true",
    "together": "true for all and others",
    "nearest": "false",
    "reached": "false",
    "tighter": "true",
    "apart": "false",
}
"""Verdicts that do not need all epochs; whether margins pass the optimum does."""
NEARER = [f"{key} of {name}" for key in ("NC1", "NC2 lengths", "NC2 angles") for name in ("all", "others")]
"""What of neural collapse is nearer with smoothing."""


@pytest.fixture(autouse=True)
def already_trained(request, monkeypatch):
    if "slow" not in request.keywords:
        monkeypatch.setattr(margins, "trained", lambda lab: networks(lab.seed))


def test_verdicts():
    found = judged(CLAIM, 3, BRIEF)
    assert {key: found[key] for key in STURDY} == STURDY
    # The self-duality of NC3 is farther off with smoothing, and so not every part of collapse is nearer.
    assert found["collapse"].startswith(f"true for {listed(NEARER)};")


@pytest.mark.slow
def test_verdicts_at_the_default_settings():
    expected = STURDY | {
        "passed": "true",
        "collapse": f"true for {listed(NEARER)}; false for NC3 of all and NC3 of others; "
        "not shown for 1 - NC4 of all and 1 - NC4 of others",
    }
    assert judged(CLAIM, 8) == expected


def test_networks_under_wrong_names_are_noticed(monkeypatch):
    monkeypatch.setattr(margins, "trained", lambda lab: exchanged(lab.seed))
    found = judged(CLAIM, 3, BRIEF)
    changed = {
        "smaller": "false",
        "alike": "false",
        "relative": "false",
        "together": "true for one-hot",
        "reached": "false",
        "tighter": "false",
        "apart": "true",
    }
    assert {key: found[key] for key in changed} == changed
    assert found["collapse"].startswith("true for NC3")


@pytest.mark.parametrize("convention", ["all", "others"])
def test_a_margin_is_near_one_optimum_only(convention, monkeypatch):
    # Two networks for each of three seeds, so that seeds differ.
    spread = iter((-0.002, -0.001, 0.0, 0.001, 0.002, 0.003))

    def near(logits, labels):
        return torch.full_like(labels, OPTIMA[convention], dtype=torch.float64) + next(spread)

    monkeypatch.setattr(margins, "above_mean", near)
    assert judged(CLAIM, 3, BRIEF)["reached"] == f"true for {convention}"


def test_margins_over_the_nearest_class_that_reach_the_optimum_are_noticed(monkeypatch):
    spread = iter(range(100))

    def near(logits, labels):
        return torch.full_like(labels, OPTIMA["all"], dtype=torch.float64) + 1e-4 * next(spread)

    monkeypatch.setattr(margins, "margins", near)
    assert judged(CLAIM, 3, BRIEF)["nearest"] == "true for all"


def test_another_sign_of_the_margin_is_noticed(monkeypatch):
    lab = Lab(BRIEF, 0)
    assert margins.measure(lab).values["reached/all"] == pytest.approx(OPTIMA["all"], abs=0.2)
    monkeypatch.setattr(margins, "above_mean", lambda logits, labels: -above_mean(logits, labels))
    found = judged(CLAIM, 3, BRIEF)
    assert (found["reached"], found["passed"]) == ("false", "false")


@pytest.mark.parametrize("convention", ["all", "others"])
def test_the_optima_are_those_of_the_targets(convention):
    assert OPTIMA[convention] == pytest.approx(LabelSmoothing(10, 0.1, convention).margin()[0].item(), rel=1e-6)


def test_the_optimum_has_the_same_margin_both_ways():
    # At the lowest loss the wrong classes are alike, so their mean is their largest.
    label = torch.tensor([3])
    logits = LabelSmoothing(10, 0.1).distribution(label).double().log()
    assert above_mean(logits, label).item() == pytest.approx(OPTIMA["all"], rel=1e-6)
    assert nearest_margins(logits, label).item() == pytest.approx(OPTIMA["all"], rel=1e-6)


def test_the_mean_leaves_the_true_class_out():
    assert above_mean(torch.tensor([[1.0, 3.0, 8.0], [1.0, 3.0, 8.0]]), torch.tensor([2, 0])).tolist() == [6.0, -4.5]


def test_the_last_layer_reads_the_features():
    lab, network = Lab(BRIEF, 0), networks(0)["all"]
    features, labels, head = last_features(network, lab)
    logits, same = outputs(network.model, lab.data, lab.data.train)
    assert_close(head(features).detach(), logits)
    assert_close(labels, same)
    assert features.shape == (1437, 128)


def test_scatter_adds_up_to_the_variance():
    generator = torch.Generator().manual_seed(0)
    features, labels = torch.randn(60, 4, generator=generator), torch.arange(60) % 3
    within, between = scatter(features, labels)
    # The law of total variance, for classes of equal size.
    assert within + between == pytest.approx(np.var(features.double().numpy(), axis=0).sum())
    assert scatter(3 * features, labels) == pytest.approx((9 * within, 9 * between))


def test_statistics_at_a_simplex():
    simplex = torch.eye(4) - 1 / 4
    found = statistics(neural_collapse(simplex.repeat(2, 1), torch.arange(4).repeat(2), 2 * simplex))
    assert found == pytest.approx({"NC1": 0, "NC2 lengths": 0, "NC2 angles": 0, "NC3": 0, "1 - NC4": 0}, abs=1e-6)


def test_the_picture_shows_every_share_of_margins():
    figure = distribution_figure(networks(0))
    for name, network in networks(0).items():
        curve = [value for value in figure.y[name] if value is not None]
        assert len(curve) == len(figure.x[name])
        assert curve == sorted(curve)
        # Where the curve crosses 0 is the share of samples that are wrong.
        wrong = 1 - network.epochs[-1].accuracy
        negative = sum(value < 0 for value in curve) / len(curve)
        assert negative == pytest.approx(wrong, abs=0.011)
