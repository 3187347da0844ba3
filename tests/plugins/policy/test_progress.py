"""What is measured during training."""

import pytest
import torch

from smoothkit_policy.exact.optimum import optimal_policy
from smoothkit_policy.exact.returns import expected_return
from smoothkit_policy.openness import openness
from smoothkit_policy.progress import record_progress
from tests.plugins.policy.given import given_trained


def policies(members, states=6, actions=4):
    source = torch.Generator().manual_seed(0)
    return torch.randn(members, states, actions, generator=source, dtype=torch.float64).mul(2).softmax(-1)


@pytest.fixture
def measured(configure, make_runs):
    """Runs of members with these policies, after a measurement at step 64."""

    def measured(chances, *overrides, watcher=None):
        config = configure(*overrides)
        runs = make_runs(config, tuple(range(len(chances))), watcher=watcher)
        trained = [given_trained(config.environment, own) for own in chances]
        record_progress(runs.configs, runs, 64, trained)
        return runs, trained

    return measured


def test_every_member_has_its_own_exact_returns(measured):
    chances = policies(3)
    runs, trained = measured(chances)
    for run, own, each in zip(runs, chances, trained, strict=True):
        greedy = torch.nn.functional.one_hot(own.argmax(1), 4).double()
        for name, policy in (("greedy", greedy), ("sampled", own)):
            ((step, value),) = run.history(f"eval/return_{name}")
            assert step == 64
            assert value == pytest.approx(float(expected_return(each.tables, policy)), abs=1e-12)


def test_returns_are_those_of_the_last_law(measured):
    (run,), (trained,) = measured(policies(1))
    tables = trained.tables
    for phase, expected in ((0, 1 / 3), (1, 1.0)):
        (run,), _ = measured(optimal_policy(tables, phase)[None])
        assert run.history("eval/return_greedy")[0][1] == pytest.approx(expected)


def test_the_corridor_is_visited_evenly(measured):
    chances = policies(2)
    runs, _ = measured(chances)
    for run, own in zip(runs, chances, strict=True):
        expected = float(openness(own, torch.ones(6, dtype=torch.float64)).entropy)
        assert run.history("eval/entropy")[0][1] == pytest.approx(expected, abs=1e-12)


def test_the_first_seed_shows_its_policy(measured):
    from tests.plugins.trainings import Silent

    watcher = Silent()
    chances = policies(3)
    measured(chances, "run.seeds=3", watcher=watcher)
    ((step, shown),) = watcher.shown
    assert step == 64
    assert shown["eval/policy"].values[0] == pytest.approx(chances[0, 0].tolist(), abs=1e-4)


CART = ("environment.id=CartPole-v1", "environment.mode=sync", "environment.num_envs=2")


def test_without_tables_episodes_are_played_if_asked_for(measured):
    (quiet,), _ = measured(torch.tensor([[[0.5, 0.5]]]), *CART)
    assert quiet.history("eval/return_greedy") == []
    (run,), _ = measured(torch.tensor([[[0.6, 0.4]]]), *CART, "evaluate.episodes_during_training=3")
    # Pushing to one side topples the pole in about nine steps.
    assert 8 <= run.history("eval/return_greedy")[0][1] <= 11
    assert run.history("eval/return_sampled")[0][1] > 8
    assert run.history("eval/entropy")[0][1] == pytest.approx(0.971, abs=1e-3)
