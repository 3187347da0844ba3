"""Training: resumed to the bit in the middle of a rollout, the same again, and what it records."""

import math

import pytest
import torch

from smoothkit.errors import TrainingError
from smoothkit_policy.algorithms import ppo
from smoothkit_policy.records import SB3
from smoothkit_policy.train import is_due, number_of_steps, train

ALGORITHMS = {
    "ppo": ("algorithm.name=ppo",),
    "a2c": ("algorithm.name=a2c", "train.optimizer=rmsprop"),
    "awr": ("algorithm.name=awr", "target.name=ls", "target.alpha=0.1"),
    "mpo": ("algorithm.name=mpo", "target.name=ls", "target.alpha=0.1"),
}
ENVIRONMENTS = {
    "tables": (),
    "sync": ("environment.id=CartPole-v1", "environment.mode=sync"),
    "native": ("environment.id=CartPole-v1", "environment.mode=native"),
}
NORMALISED = ("environment.normalize_observations=true", "environment.normalize_rewards=true")


def assert_same(one, other):
    """Two trainings came to the same: weights, checkpoints and records, to the bit."""
    for member in range(len(one.trained)):
        assert torch.equal(one.weights(member), other.weights(member))
        assert one.runs[member]._history.rows == other.runs[member]._history.rows


@pytest.mark.parametrize("algorithm", list(ALGORITHMS))
def test_a_run_that_stopped_within_a_rollout_goes_on_as_if_it_had_not(algorithm, learn, learned, tmp_path):
    overrides = (*ALGORITHMS[algorithm], "algorithm.num_steps=8", "exploration.term=none")
    whole = learned(*overrides, seeds=(0, 1))
    parted = learn(*overrides, seeds=(0, 1), stop_after=21, directory=tmp_path / "parted")
    assert_same(whole, parted)


@pytest.mark.parametrize("environment", ["sync", "native"])
def test_environments_go_on_in_the_middle_of_their_episodes(environment, learn, tmp_path):
    overrides = (*ENVIRONMENTS[environment], *NORMALISED)
    whole = learn(*overrides, directory=tmp_path / "whole")
    parted = learn(*overrides, stop_after=19, directory=tmp_path / "parted")
    assert_same(whole, parted)


def test_the_same_seed_gives_the_same_numbers(learn, learned, tmp_path):
    again = learn(directory=tmp_path / "again")
    assert_same(learned(), again)
    assert not torch.equal(learned().weights(), learn(seeds=(1,), directory=tmp_path / "other").weights())


def test_two_threads_give_the_numbers_of_one(learn, tmp_path, monkeypatch):
    one = learn(directory=tmp_path / "one")
    torch.set_num_threads(2)
    two = learn(directory=tmp_path / "two")
    assert_same(one, two)


def test_an_agent_learns_which_way_to_go(learned):
    """An easy one: the first half of the corridor's life, before its rewards are exchanged."""
    overrides = ("train.total_timesteps=6144", "environment.options.switch_after=100000", "run.log_every=64")
    done = learned(*overrides)
    returns = done.runs[0].history("charts/episodic_return")
    assert returns[-1][1] > 0.8 > returns[0][1]


def test_a_rollout_may_be_the_last_whole_one(configure):
    assert number_of_steps(configure("train.total_timesteps=170")) == 40
    assert [step for step in range(8, 72, 8) if is_due(step, 8, 20)] == [24, 40, 64]


def test_records_have_the_names_that_are_asked_for(learned):
    cleanrl, sb3 = learned(), learned("evaluate.tags=sb3")
    ours, theirs = ({tag for _, row in done.runs[0]._history.rows for tag in row} for done in (cleanrl, sb3))
    assert {"charts/episodic_return", "losses/policy_loss", "policy/entropy_norm", "losses/approx_kl"} <= ours
    assert {SB3.get(tag, tag) for tag in ours} - {"losses/entropy"} | {"train/entropy_loss"} == theirs
    errors = [done.runs[0].history(tag) for done, tag in ((cleanrl, "losses/value_loss"), (sb3, "train/value_loss"))]
    assert [2 * value for _, value in errors[0]] == pytest.approx([value for _, value in errors[1]])
    entropy = cleanrl.runs[0].history("policy/entropy")
    assert [(step, -value) for step, value in entropy] == sb3.runs[0].history("train/entropy_loss")
    assert all(0 <= value <= math.log(4) + 1e-6 for _, value in entropy)
    assert [step for step, _ in entropy] == [32, 64, 96, 128, 160]


def test_the_coefficient_that_is_applied_is_recorded(learned):
    done = learned("exploration.term=entropy", "exploration.coef=0.5", "exploration.schedule=linear")
    found = [value for _, value in done.runs[0].history("policy/exploration_coef")]
    assert found == pytest.approx([0.5, 0.4, 0.3, 0.2, 0.1])


def test_a_law_that_training_never_meets_is_told_of(learned):
    (sentence,) = learned().watcher.notes
    assert sentence.startswith("the environment changes after 1280 steps of each copy, and training has 40: ")
    assert learned("environment.options.switch_after=20").watcher.notes == []


def test_what_acts_and_what_learns_has_one_coefficient(make_agents, monkeypatch):
    """A mixture that ends between two rollouts: the chances of actions are those that they were drawn by."""
    schedule = "{shape='step',values=[1.0,0.01],at=[0.5]}"
    agents = make_agents(
        "exploration.term=mix", "exploration.coef=0.9", f"exploration.schedule={schedule}", rollout=False
    )
    seen = []
    original = ppo.of_actions
    monkeypatch.setattr(
        ppo, "of_actions", lambda own, batch: seen.append(own.exploration.coef.item()) or original(own, batch)
    )
    acted = []
    behaviour = type(agents.exploration).behaviour

    def noted(exploration, log_probs):
        if log_probs.shape[1] == 4:
            acted.append(exploration.coef.item())
        return behaviour(exploration, log_probs)

    monkeypatch.setattr(type(agents.exploration), "behaviour", noted)
    train(agents.config, agents.runs)
    assert seen == pytest.approx([0.9, 0.9, 0.9, 0.009, 0.009])
    assert acted == pytest.approx([coef for coef in seen for _ in range(8)])


def test_visits_count_every_step_of_training(learned):
    done = learned()
    assert done.trained[0].visits.sum() == 160


def test_weights_that_are_not_finite_end_the_run_and_leave_no_checkpoint(learn, tmp_path):
    with pytest.raises(TrainingError, match=r"seed 0: the weights are not finite after step 8; lower train\.lr"):
        learn("train.lr=1e38", "train.max_grad_norm=1e30", "algorithm.update_epochs=9")
    assert not (tmp_path / "seed-0" / "checkpoint").exists()
