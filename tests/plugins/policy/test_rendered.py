"""Episodes as environments draw themselves."""

import os

import numpy as np
import pytest
import torch

from smoothkit_policy.config import EnvironmentConfig
from smoothkit_policy.evaluate import evaluate
from smoothkit_policy.exact.optimum import optimal_policy
from smoothkit_policy.rendered import DRIVER, Film, greedy_episode, off_screen
from tests.plugins.policy.given import given_trained
from tests.plugins.trainings import Silent

CPU = torch.device("cpu")


def film(environment, chances, number=4):
    policy = given_trained(environment, chances).policy
    with off_screen():
        return greedy_episode(environment, policy, 0, CPU, number)


def test_the_best_way_over_the_lake_is_six_steps():
    lake = EnvironmentConfig(id="FrozenLake-v1", options={"is_slippery": False})
    found = film(lake, optimal_policy(given_trained(lake, [[1.0]]).tables))
    assert found.rewards == [0, 0, 0, 0, 0, 1]
    assert sorted(found.frames) == [0, 1, 2, 3, 4, 5, 6]
    assert len({frame.tobytes() for frame in found.frames.values()}) == 7


def test_the_corridor_is_shown_under_its_last_law():
    corridor = EnvironmentConfig()
    found = film(corridor, optimal_policy(given_trained(corridor, [[1.0]]).tables))
    assert sum(found.rewards) == pytest.approx(1)


def test_a_long_episode_is_thinned_evenly_with_its_end():
    kept = Film(4)
    for _ in range(100):
        if kept.is_due:
            kept.add(np.zeros((2, 2, 3), np.uint8))
        kept.rewards.append(0.0)
    kept.add(np.zeros((2, 2, 3), np.uint8))
    *regular, last = sorted(kept.frames)
    assert last == 100
    assert regular == list(range(0, 100, kept.stride))
    assert 4 <= len(kept.frames) <= 9


def test_what_is_no_picture_is_said():
    with pytest.raises(ValueError, match=r"draws list, and no array of bytes"):
        Film(4).add([1, 2])


def test_no_screen_is_looked_for_only_meanwhile(monkeypatch):
    monkeypatch.delenv(DRIVER, raising=False)
    with off_screen():
        assert os.environ[DRIVER] == "dummy"
    assert DRIVER not in os.environ
    monkeypatch.setenv(DRIVER, "x11")
    with off_screen():
        assert os.environ[DRIVER] == "x11"


@pytest.fixture
def result(configure, make_runs):
    """Of a given policy and its run's watcher."""

    def result(chances, *overrides):
        config, watcher = configure(*overrides), Silent()
        (run,) = make_runs(config, (0,), watcher=watcher)
        return evaluate(config, run, given_trained(config.environment, chances)), watcher.notes

    return result


def test_a_strip_is_among_the_figures_if_asked_for(result):
    found, notes = result(torch.full((6, 4), 0.25), "evaluate.strip=3")
    assert found.figures["episode"].steps == (0, 3, 6)
    assert notes == []


def test_what_cannot_be_rendered_is_noted_and_costs_nothing(result, monkeypatch):
    monkeypatch.setattr(Film, "add", lambda film, picture: 1 / 0)
    found, notes = result(torch.full((6, 4), 0.25), "evaluate.strip=3")
    assert "episode" not in found.figures
    assert found.scalars["return_sampled"] > 0
    assert notes == ["evaluate.strip: no pictures, smoothkit/SwitchingCorridor-v0 cannot be rendered: division by zero"]
