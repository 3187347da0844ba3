"""Formulas of smoothing in other fields, and what they say of what is said."""

from dataclasses import replace
from types import ModuleType

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.testing import assert_close

from smoothkit.claims.claim import Evidence
from smoothkit.targets import ConfidencePenalty, LabelSmoothing, OneHot
from smoothkit_principles.claims.elsewhere import CLAIM, discriminator, leakage, policy, pseudo_labels
from tests.plugins.principles.altered import Altered
from tests.plugins.principles.judged import judged

VERDICTS = {
    "unsure": "false",
    "damping": "true",
    "turns": "true",
    "capped": "true",
    "optimal discriminator": "true",
    "no data": "false",
    "saturating": "false",
    "not saturating": "true for one-sided",
    "improvement": "true",
    "entropy bonus": "false",
    "weighted": "false",
    "gradient distance": "true for all",
    "gradient distance of others": "true for others",
    "only negative entry": "true for one-hot",
    "hidden": "false",
}


def changed(part: ModuleType) -> dict[str, str]:
    """The verdicts on the statements of one part that are not what they should be."""
    measures = {
        pseudo_labels: lambda lab: pseudo_labels.measure(),
        discriminator: lambda lab: discriminator.measure(),
        policy: lambda lab: policy.measure(lab.generator("policy")),
        leakage: lambda lab: leakage.measure(lab.generator("leakage")),
    }
    claim = replace(
        CLAIM,
        statements=part.STATEMENTS,
        measure=lambda lab: Evidence(values=measures[part](lab), figures={}),
    )
    return {key: found for key, found in judged(claim, seeds=1).items() if found != VERDICTS[key]}


def test_verdicts():
    assert judged(CLAIM) == VERDICTS


# --- self-training ----------------------------------------------------------------------------------------------------


def test_the_convention_decides_the_damping(monkeypatch):
    monkeypatch.setattr(pseudo_labels, "LabelSmoothing", lambda k, alpha, _: LabelSmoothing(k, alpha, "others"))
    assert changed(pseudo_labels) == {"damping": "false"}


def test_a_smoother_that_does_nothing_never_turns(monkeypatch):
    monkeypatch.setattr(pseudo_labels, "LabelSmoothing", lambda k, *_: OneHot(k))
    assert changed(pseudo_labels) == {"damping": "false", "turns": "false"}


def test_exchanged_confidences_are_noticed(monkeypatch):
    ratios = pseudo_labels.ratios
    monkeypatch.setattr(pseudo_labels, "ratios", lambda confidences: ratios(1 - confidences))
    assert changed(pseudo_labels) == {"unsure": "true", "damping": "false", "turns": "false"}


def test_the_ratio_is_nothing_at_the_cap():
    cap = 1 - pseudo_labels.ALPHA + pseudo_labels.ALPHA / pseudo_labels.CLASSES
    found = pseudo_labels.ratios(torch.tensor([cap, 0.99], dtype=torch.float64))
    assert_close(found, torch.tensor([0.0, -8.0], dtype=torch.float64), rtol=0, atol=1e-9)


# --- adversarial ------------------------------------------------------------------------------------------------------


def test_smoothed_fakes_have_another_discriminator(monkeypatch):
    monkeypatch.setitem(discriminator.LABELS, "one-sided", (0.9, 0.1))
    found = changed(discriminator)
    assert set(found) == {"optimal discriminator", "no data", "not saturating"}
    assert found["optimal discriminator"] == found["not saturating"] == "false"
    assert found["no data"] == "true"


def test_another_cap_is_noticed(monkeypatch):
    monkeypatch.setitem(discriminator.LABELS, "one-sided", (0.8, 0.0))
    assert changed(discriminator) == {"capped": "false", "optimal discriminator": "false"}


def test_gains_under_a_wrong_name_are_noticed(monkeypatch):
    gain = discriminator.gain

    def exchanged(kind, ratio, *, saturating):
        return gain("none" if kind == "one-sided" else "one-sided", ratio, saturating=saturating)

    monkeypatch.setattr(discriminator, "gain", exchanged)
    assert changed(discriminator) == {"saturating": "true", "not saturating": "true"}


@pytest.mark.parametrize("kind", list(discriminator.LABELS))
def test_the_best_discriminator_is_that_of_the_formula(kind):
    real, fake = discriminator.LABELS[kind]
    found = discriminator.optimal_logits(kind, discriminator.RATIOS).sigmoid()
    expected = (real * discriminator.RATIOS + fake) / (discriminator.RATIOS + 1)
    assert_close(found, expected, rtol=1e-6, atol=1e-12)


def test_gains_are_those_of_the_closed_forms():
    """Not saturating: 1/(1 + r) with or without one-sided smoothing; saturating without: r/(1 + r)."""
    for ratio in (1e-4, 1e-2, 1.0, 1e2):
        for kind in ("none", "one-sided"):
            assert discriminator.gain(kind, ratio, saturating=False) == pytest.approx(1 / (1 + ratio), rel=1e-4)
        assert discriminator.gain("none", ratio, saturating=True) == pytest.approx(ratio / (1 + ratio), rel=1e-4)
    assert discriminator.gain("two-sided", 1e-4, saturating=False) == pytest.approx(8.0e-4, rel=0.01)


# --- reinforcement ----------------------------------------------------------------------------------------------------


def test_the_other_regulariser_would_be_an_entropy_bonus(monkeypatch):
    bonus = ConfidencePenalty(policy.ACTIONS, 1.0)

    def gradient(logits):
        labels = torch.zeros(len(logits), dtype=torch.int64)
        return policy.logit_gradient(bonus, logits, labels) - policy.logit_gradient(
            OneHot(policy.ACTIONS), logits, labels
        )

    monkeypatch.setattr(policy, "gradient_of_divergence", gradient)
    assert changed(policy) == {"improvement": "false"}


def test_a_smoother_that_is_an_entropy_bonus_is_noticed(monkeypatch):
    kept = 1 - policy.ALPHA
    penalised = ConfidencePenalty(policy.ACTIONS, policy.ALPHA / kept)
    bonus = Altered(policy.ACTIONS, lambda logits, labels: kept * penalised(logits, labels, reduction="none"))
    monkeypatch.setattr(policy, "LabelSmoothing", lambda *_: bonus)
    monkeypatch.setattr(policy, "kept_share", lambda *_: 0.0)
    assert changed(policy) == {"improvement": "false", "entropy bonus": "true"}


def test_weights_of_another_mean_are_noticed(monkeypatch):
    monkeypatch.setattr(policy, "advantages", lambda pi, generator: torch.ones_like(pi))
    assert changed(policy) == {"weighted": "true"}


def test_the_sign_of_the_advantage_matters(monkeypatch):
    improved = policy.improved
    monkeypatch.setattr(policy, "improved", lambda pi, taken, advantage: improved(pi, taken, abs(advantage)))
    assert changed(policy) == {"improvement": "true for A > 0"}


def test_a_step_along_the_advantage_is_a_distribution():
    pi = torch.tensor([[0.7, 0.1, 0.1, 0.1]], dtype=torch.float64)
    taken = torch.tensor([[0.0, 1.0, 0.0, 0.0]], dtype=torch.float64)
    for advantage in (1.0, -1.0):
        moved = policy.improved(pi, taken, advantage)
        assert moved.sum().item() == pytest.approx(1)
        assert ((moved - pi)[0, 1] > 0) == (advantage > 0)


def test_advantages_without_a_baseline_would_regularise(monkeypatch):
    """The regulariser is lost since advantages have mean 0; weights of mean 1 keep all of it."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(policy.STATES, policy.ACTIONS, dtype=torch.float64, generator=generator)
    to_uniform = policy.gradient_of_divergence(logits)
    assert policy.kept_share(logits, to_uniform, generator) < 1e-12
    monkeypatch.setattr(policy, "advantages", lambda pi, generator: torch.ones_like(pi))
    assert policy.kept_share(logits, to_uniform, generator) == pytest.approx(1)


# --- federated --------------------------------------------------------------------------------------------------------


def test_exchanged_conventions_exchange_the_distances(monkeypatch):
    one_hot, first, second = leakage.kinds().values()
    monkeypatch.setattr(leakage, "kinds", lambda: {"one-hot": one_hot, "all": second, "others": first})
    assert changed(leakage) == {"gradient distance": "true for others", "gradient distance of others": "true for all"}


def test_targets_under_wrong_names_are_noticed(monkeypatch):
    one_hot, _, others = leakage.kinds().values()
    monkeypatch.setattr(leakage, "kinds", lambda: {"one-hot": others, "all": one_hot, "others": others})
    assert changed(leakage) == {"gradient distance": "false", "only negative entry": "true for all"}


def test_an_attacker_who_takes_p_for_t_finds_less(monkeypatch):
    monkeypatch.setattr(leakage, "known_prediction", lambda weights, biases, weight, bias: (biases + 0).argmax(dim=1))
    assert changed(leakage) == {"hidden": "true"}


@given(st.floats(0, 0.9, allow_subnormal=False), st.integers(0, 2**32))
def test_the_attacker_finds_features_prediction_and_label(alpha, seed):
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(20, 6, dtype=torch.float64, generator=generator)
    weight = torch.randn(4, 6, dtype=torch.float64, generator=generator)
    bias = torch.randn(4, dtype=torch.float64, generator=generator)
    labels = torch.randint(4, (20,), generator=generator)
    gradients = leakage.layer_gradients(LabelSmoothing(4, alpha), features, weight, bias, labels)
    assert torch.equal(leakage.known_prediction(*gradients, weight, bias), labels)


def test_gradients_of_a_layer_are_those_of_one_sample_at_a_time():
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(3, 6, dtype=torch.float64, generator=generator)
    weight = torch.randn(4, 6, dtype=torch.float64, generator=generator).requires_grad_()
    bias = torch.randn(4, dtype=torch.float64, generator=generator).requires_grad_()
    labels, target = torch.tensor([2, 0, 3]), LabelSmoothing(4, 0.1)
    weights, biases = leakage.layer_gradients(target, features, weight.detach(), bias.detach(), labels)
    for row in range(3):
        loss = target(features[row : row + 1] @ weight.T + bias, labels[row : row + 1])
        of_weight, of_bias = torch.autograd.grad(loss, (weight, bias))
        assert_close(weights[row], of_weight)
        assert_close(biases[row], of_bias)


def test_the_picture_shows_attacks_that_fail_and_one_that_does_not():
    found = leakage.figure(torch.Generator().manual_seed(0)).y
    assert min(found["knows p"]) == 1
    assert found["only negative entry"][0] > 0.9 > 0.1 > found["only negative entry"][2]
    assert found["smallest entry"][0] > 0.9 > found["smallest entry"][2]
