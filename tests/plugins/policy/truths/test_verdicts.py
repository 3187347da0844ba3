"""What the subjects come to, and what mistakes in them turn."""

import pytest
import torch

from smoothkit_policy.exploration.kl_uniform import kl_uniform_gradient
from smoothkit_policy.exploration.naive import policy_gradient
from smoothkit_policy.truths import (
    cloning,
    decomposition,
    directions,
    escape,
    fixed_points,
    improvement,
    mixing,
    naive,
    recovery,
    values,
)
from smoothkit_policy.truths.bench import Bench
from smoothkit_policy.truths.config import RecoveryConfig
from smoothkit_policy.truths.escape import escape_time, integrated_time
from tests.plugins.policy.truths.judged import FEW, judged


def but(found, **exceptions):
    """Every verdict is `true`, but for these, by key with underscores for spaces."""
    expected = {key.replace("_", " "): words for key, words in exceptions.items()}
    assert {key: words for key, words in found.items() if words != "true"} == expected


def test_a_smoothed_label_needs_its_factor():
    but(judged(decomposition.CLAIM), unscaled="false")


def test_directions_agree_near_the_middle_alone():
    but(judged(directions.CLAIM), same="true for near u", bounded="true for KL(pi || u)", explodes="false")


def test_two_names_for_one_direction_are_noticed(monkeypatch):
    monkeypatch.setitem(directions.GRADIENTS, directions.REVERSE, kl_uniform_gradient)
    found = judged(directions.CLAIM)
    assert found["same"] == "true"
    assert found["fades"] == "false"


def test_the_naive_label_regularises_nothing():
    but(
        judged(naive.CLAIM),
        regulariser="false",
        normalised="true for better states",
        clipped="false",
        bounded="true for A = 1",
    )


def test_a_regulariser_beside_the_advantage_would_be_noticed(monkeypatch):
    def beside(log_probs, actions, weights, advantages, alpha):
        plain = (weights * (1 - alpha)).unsqueeze(-1) * policy_gradient(log_probs, actions)
        return plain + alpha * kl_uniform_gradient(log_probs)

    monkeypatch.setattr(naive, "naive_gradient", beside)
    found = judged(naive.CLAIM)
    assert found["regulariser"] == "true"
    assert found["mean"] == "false"
    assert found["weight"] == "true for A = 1"


def test_the_smoothed_improvement_does():
    but(judged(improvement.CLAIM), label="false", often="true for step 0.01")


def test_a_wrong_alpha_is_noticed(monkeypatch):
    monkeypatch.setattr(improvement, "alpha_of", lambda coef, step: coef * step)
    found = judged(improvement.CLAIM)
    assert found["gradient"] == "false"


def test_mixing_is_seen_and_not_learned_from():
    but(judged(mixing.CLAIM), as_much="false", faster="false")


def test_fixed_points_and_their_price():
    but(judged(fixed_points.CLAIM), bias="false", alike="false")


def test_escape_times():
    near = "0.1, K = 2 and 0.1, K = 4"
    but(judged(escape.CLAIM), as_surely=f"true for {near}")


@pytest.mark.parametrize(
    ("share", "actions", "forward", "entropy"),
    [(1e-1, 2, 1.674, 2.547), (1e-6, 2, 13.53, 39315), (1e-3, 4, 7.287, 112.3), (1e-6, 4, 14.20, 54245)],
)
def test_times_are_these(share, actions, forward, entropy):
    for term, expected in (("kl_uniform", forward), ("entropy", entropy)):
        assert escape_time(term, share, actions) == pytest.approx(expected, rel=1e-3)
        assert integrated_time(term, share, actions) == pytest.approx(expected, rel=1e-3)


def test_a_closed_form_for_the_other_term_is_noticed(monkeypatch):
    monkeypatch.setattr(escape, "escape_time", lambda term, share, actions: escape_time("kl_uniform", share, actions))
    found = judged(escape.CLAIM)
    assert found["closed form of kl_uniform"] == "true"
    assert found["closed form of entropy"] == "false"


def test_values_contract_and_look_ahead():
    but(judged(values.CLAIM), one_step="false")


def test_clones_act_by_their_smoothing():
    but(judged(cloning.CLAIM, seeds=3), harmless="false")


def test_what_is_taken_off_has_to_be_what_was_mixed_in(monkeypatch):
    monkeypatch.setattr(cloning, "desmoothed", lambda policy, smoothing: policy)
    assert judged(cloning.CLAIM)["taken off"] == "false"


def test_regularisers_bring_a_sure_policy_back_and_controls_do_not():
    found = judged(recovery.CLAIM, seeds=3)
    assert found["kl_uniform"] == found["smoothed_target"] == "true"
    assert found["price"] == "false"
    # Of policies that are alike to the last digit, because no other arm was ever drawn, nothing is said.
    assert found["others"].startswith("false for mix 0.1")
    assert found["entropy"].startswith("true for entropy 0.1 from 1e-2 and entropy 0.5 from 1e-2")


def test_of_one_training_nothing_is_said():
    assert set(judged(recovery.CLAIM).values()) == {"not shown"}


def test_draws_are_a_seeds_own():
    first, again = (naive.CLAIM.measure(Bench(FEW, 0)).values for _ in range(2))
    assert first == again
    other = naive.CLAIM.measure(Bench(FEW, 1)).values
    assert first["variance/alpha 0.1"] != other["variance/alpha 0.1"]


def test_a_kind_learns_what_its_term_says():
    """Over many draws the mean step of the bandit is the gradient of what it is to earn, less its penalty."""
    drawn = Bench(RecoveryConfig(agents=2, batch_size=200_000, lr=1.0), 0)
    for kind, share, coef in (("none", 1.0, 0.0), ("kl_uniform 0.1", 1.0, 0.1), ("mix 0.1", 0.9, 0.0)):
        bandits = recovery.Bandits(drawn, kind, "1e-2")
        bandits.logits = torch.tensor([[0.5, 0.0, -0.5, 0.2]]).expand(2, -1).clone()
        policy = bandits.logits[0].softmax(0)
        bandits.step()
        worth = torch.tensor(recovery.WORTH)
        expected = share * policy * (worth - policy @ worth) - coef * (policy - 0.25)
        moved = bandits.logits - torch.tensor([0.5, 0.0, -0.5, 0.2])
        torch.testing.assert_close(moved, expected.expand(2, -1), atol=3e-3, rtol=0.0)
