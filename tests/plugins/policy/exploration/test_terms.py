"""The terms of a population: each member's as if it were alone, and the same as their formulas."""

import pytest
import torch
from torch.testing import assert_close

from smoothkit_policy.config import AdaptiveConfig, ExplorationConfig
from smoothkit_policy.exploration.entropy import entropy_gradient, entropy_penalty
from smoothkit_policy.exploration.kl_uniform import kl_uniform_gradient, kl_uniform_penalty
from smoothkit_policy.exploration.naive import naive_gradient, policy_gradient
from smoothkit_policy.exploration.terms import Exploration, family

CPU = torch.device("cpu")
ACTIONS = 3
PENALTIES = (
    ExplorationConfig(term="none"),
    ExplorationConfig(term="entropy", coef=0.5),
    ExplorationConfig(term="kl_uniform", coef=0.25),
    ExplorationConfig(term="symmetric_kl", coef=2.0),
)


def rows(members, count=7, seed=0):
    """Log-probabilities, actions and advantages."""
    generator = torch.Generator().manual_seed(seed)
    log_probs = torch.randn(members, count, ACTIONS, generator=generator).log_softmax(-1)
    actions = torch.randint(ACTIONS, (members, count), generator=generator)
    return log_probs, actions, torch.randn(members, count, generator=generator)


def added(exploration, log_probs, weights):
    d_logits = torch.ones_like(log_probs)
    exploration.add_gradient(d_logits, log_probs, weights)
    return d_logits - 1


def test_members_of_one_family_each_add_their_own_penalty():
    log_probs, _, _ = rows(4)
    weights = torch.rand(4, 7, generator=torch.Generator().manual_seed(1))
    forward, reverse = kl_uniform_gradient(log_probs), entropy_gradient(log_probs)
    expected = torch.stack([0 * forward[0], 0.5 * reverse[1], 0.25 * forward[2], forward[3] + reverse[3]])
    assert_close(added(Exploration(PENALTIES, ACTIONS, CPU), log_probs, weights), expected * weights.unsqueeze(-1))


def test_a_member_among_others_has_the_gradient_that_it_has_alone():
    log_probs, _, _ = rows(4)
    weights = torch.full((4, 7), 1 / 7)
    together = added(Exploration(PENALTIES, ACTIONS, CPU), log_probs, weights)
    for at, config in enumerate(PENALTIES):
        one = slice(at, at + 1)
        assert_close(together[one], added(Exploration([config], ACTIONS, CPU), log_probs[one], weights[one]))


def test_penalties_are_recorded_without_their_coefficients():
    log_probs, _, _ = rows(4)
    found = Exploration(PENALTIES, ACTIONS, CPU).penalty(log_probs)
    forward, reverse = kl_uniform_penalty(log_probs), entropy_penalty(log_probs)
    assert_close(found, torch.stack([0 * forward[0], reverse[1], forward[2], (forward[3] + reverse[3]) / 2]))


def test_probabilities_that_are_known_already_change_nothing():
    log_probs, _, _ = rows(4)
    exploration, weights = Exploration(PENALTIES, ACTIONS, CPU), torch.ones(4, 7)
    d_logits = torch.ones_like(log_probs)
    exploration.add_gradient(d_logits, log_probs, weights, log_probs.exp())
    assert_close(d_logits - 1, added(exploration, log_probs, weights), rtol=0.0, atol=0.0)


def test_rows_without_weight_add_nothing():
    log_probs, _, _ = rows(1)
    weights = torch.tensor([[1.0, 0, 1, 1, 0, 1, 1]])
    found = added(Exploration(PENALTIES[2:3], ACTIONS, CPU), log_probs, weights)
    assert not found[:, [1, 4]].any()
    assert found[:, 0].any()


@pytest.mark.parametrize("term", ["smoothed_target", "mix", "maxent", "naive_label_smoothing"])
def test_terms_that_act_elsewhere_add_nothing_to_the_loss(term):
    exploration = Exploration([ExplorationConfig(term=term, coef=0.5)], ACTIONS, CPU)
    log_probs, _, _ = rows(1)
    assert not added(exploration, log_probs, torch.ones(1, 7)).any()
    assert not exploration.penalty(log_probs).any()
    assert exploration.term_family == family(term) == term


def test_a_smoothed_target_is_the_policy_gradient_and_the_term_kl_uniform():
    log_probs, actions, advantages = rows(2)
    configs = [
        ExplorationConfig(term="smoothed_target", coef=c, improvement_step=s) for c, s in ((0.1, 0.01), (1, 0.02))
    ]
    gradient, clipped = Exploration(configs, ACTIONS, CPU).target_gradient(log_probs, actions, advantages)
    assert not clipped.any()
    same = [ExplorationConfig(term="kl_uniform", coef=config.coef) for config in configs]
    penalty = added(Exploration(same, ACTIONS, CPU), log_probs, torch.ones(2, 7))
    plain = advantages.unsqueeze(-1) * policy_gradient(log_probs, actions)
    assert_close(gradient, plain + penalty, rtol=1e-4, atol=1e-4)


def test_naive_smoothing_has_each_members_own_alpha():
    log_probs, actions, advantages = rows(2)
    configs = [ExplorationConfig(term="naive_label_smoothing", coef=coef) for coef in (0.1, 0.3)]
    found = Exploration(configs, ACTIONS, CPU).naive_gradient(log_probs, actions, advantages, advantages)
    for at, alpha in enumerate((0.1, 0.3)):
        alone = naive_gradient(log_probs[at], actions[at], advantages[at], advantages[at], alpha)
        assert_close(found[at], alone)


def test_mixing_acts_by_a_mixture_whatever_the_axes_and_scales_its_gradient():
    exploration = Exploration([ExplorationConfig(term="mix", coef=e) for e in (0.2, 0.5)], ACTIONS, CPU)
    log_probs, actions, _ = rows(2)
    acting = exploration.behaviour(log_probs)
    expected = (
        torch.tensor([0.8, 0.5]).view(2, 1, 1) * log_probs.exp() + torch.tensor([0.2, 0.5]).view(2, 1, 1) / ACTIONS
    )
    assert_close(acting.exp(), expected)
    assert_close(exploration.behaviour(log_probs.unsqueeze(1)).squeeze(1), acting)
    chosen = actions.unsqueeze(-1)
    share = exploration.gradient_share(acting.gather(-1, chosen).squeeze(-1))
    left = torch.tensor([0.8, 0.5]).view(2, 1, 1) * log_probs.exp() / acting.exp()
    assert_close(share, left.gather(-1, chosen).squeeze(-1))


def test_others_act_by_their_policy():
    exploration = Exploration(PENALTIES, ACTIONS, CPU)
    log_probs, _, _ = rows(4)
    assert exploration.behaviour(log_probs) is log_probs
    assert exploration.gradient_share(log_probs[..., 0]) is None
    rewards = torch.ones(4, 2, 3)
    assert exploration.rewards(rewards, -rewards) is rewards


def test_maxent_adds_surprise_to_rewards():
    exploration = Exploration([ExplorationConfig(term="maxent", coef=c) for c in (0.5, 0.0)], ACTIONS, CPU)
    found = exploration.rewards(torch.ones(2, 2, 3), torch.full((2, 2, 3), -2.0))
    assert_close(found, torch.tensor([2.0, 1.0]).view(2, 1, 1).expand(2, 2, 3))


def test_schedules_are_shares_of_each_members_own_coefficient():
    configs = [
        ExplorationConfig(term="entropy", coef=0.4, schedule="linear"),
        ExplorationConfig(term="kl_uniform", coef=0.2),
        ExplorationConfig.model_validate(
            {
                "term": "kl_uniform",
                "coef": 2.0,
                "schedule": {"shape": "step", "values": [0.0, 0.5], "at": [0.5]},
            }
        ),
    ]
    exploration = Exploration(configs, ACTIONS, CPU)
    assert_close(exploration.coef, torch.tensor([0.4, 0.2, 0.0]))
    exploration.set_progress(0.75)
    assert_close(exploration.coef, torch.tensor([0.1, 0.2, 1.0]))
    log_probs, _, _ = rows(3)
    found = added(exploration, log_probs, torch.ones(3, 7))
    assert_close(found[2], kl_uniform_gradient(log_probs[2]))


def test_an_adaptive_member_moves_and_its_state_is_kept():
    bound = AdaptiveConfig(at_least=0.5)
    configs = [
        ExplorationConfig(term="kl_uniform", coef=0.1, adaptive=bound),
        ExplorationConfig(term="kl_uniform", coef=0.1, schedule="linear"),
    ]
    exploration = Exploration(configs, ACTIONS, CPU)
    assert exploration.adaptive
    sure = torch.tensor([30.0, 0.0, 0.0]).log_softmax(-1).expand(2, 4, ACTIONS)
    exploration.adapt(sure, torch.ones(2, 4))
    exploration.set_progress(0.5)
    assert exploration.coef[0] > 0.1
    assert_close(exploration.coef[1], torch.tensor(0.05))
    other = Exploration(configs, ACTIONS, CPU)
    other.load_state_dict({"coef": exploration.state_dict()["coef"].clone()})
    assert_close(other.coef, exploration.coef)
    log_probs, _, _ = rows(2)
    weights = torch.ones(2, 7)
    assert_close(added(other, log_probs, weights), added(exploration, log_probs, weights))


def test_terms_of_several_families_are_refused():
    configs = [ExplorationConfig(term="mix", coef=0.1), ExplorationConfig(term="entropy", coef=0.1)]
    with pytest.raises(ValueError, match=r"terms of the families \['mix', 'penalty'\] cannot be trained together"):
        Exploration(configs, ACTIONS, CPU)
