"""A policy as a matrix."""

import gymnasium
import pytest
import torch

from smoothkit_policy.environments.tables import tables_of
from smoothkit_policy.figures.policy import policy_figure
from tests.plugins.figures import assert_drawn, assert_light, assert_stored


@pytest.fixture(scope="module")
def lake():
    return tables_of(gymnasium.make("FrozenLake-v1"), 100)


def test_it_shows_each_state_in_which_there_is_something_to_do(lake):
    policy = torch.rand(16, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    figure = policy_figure(lake, policy)
    assert figure.rows == tuple(map(str, [0, 1, 2, 3, 4, 6, 8, 9, 10, 13, 14]))
    assert figure.columns == ("0", "1", "2", "3")
    assert figure.values[5] == pytest.approx(policy[6].tolist(), abs=1e-4)


def test_it_is_stored_and_drawn(lake):
    figure = policy_figure(lake, torch.full((16, 4), 0.25, dtype=torch.float64))
    assert_stored(figure)
    assert_drawn(figure)


def test_of_many_states_there_is_none():
    taxi = tables_of(gymnasium.make("Taxi-v4"), 200)
    assert policy_figure(taxi, torch.full((500, 6), 1 / 6, dtype=torch.float64)) is None


def test_reading_it_loads_no_matplotlib():
    assert_light("smoothkit_policy.figures.policy")
