"""What records tell of a training as a whole."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smoothkit_policy.learning import (
    episode_returns,
    first_reached,
    mean_over_time,
    measured_returns,
    returns_over_training,
)

POINTS = st.lists(
    st.tuples(st.integers(0, 10_000), st.floats(-10.0, 10.0, allow_subnormal=False)),
    min_size=2,
    unique_by=lambda point: point[0],
).map(sorted)


def records(**tags):
    points = {tag.replace("__", "/"): points for tag, points in tags.items()}
    return lambda tag: points.get(tag, [])


@given(POINTS)
def test_the_mean_over_time_is_that_of_a_fine_grid(points):
    steps, values = zip(*points, strict=True)
    middles = (np.arange(200_000) + 0.5) / 200_000
    fine = np.interp(steps[0] + middles * (steps[-1] - steps[0]), steps, values)
    assert mean_over_time(points) == pytest.approx(fine.mean(), abs=2e-3)


@given(POINTS, st.floats(-10.0, 10.0, allow_subnormal=False))
def test_nothing_before_reaches_the_goal(points, goal):
    reached = first_reached(points, goal)
    assert not any(value >= goal for step, value in points if not step >= reached)
    assert math.isnan(reached) or dict(points)[int(reached)] >= goal


def test_a_goal_is_reached_by_what_equals_it():
    assert first_reached([(10, 0.5), (20, 0.8)], 0.8) == 20


def test_one_point_is_its_own_mean_and_none_has_none():
    assert mean_over_time([(5, 2.0)]) == 2.0
    assert math.isnan(mean_over_time([]))
    assert math.isnan(first_reached([(5, 2.0)], None))


def test_what_was_measured_is_told_apart_from_the_episodes_of_training():
    both = records(eval__return_greedy=[(1, 1.0)], charts__episodic_return=[(1, 2.0)])
    assert measured_returns(both, "greedy") == [(1, 1.0)]
    assert measured_returns(both, "sampled") == []
    assert episode_returns(both) == [(1, 2.0)]
    assert episode_returns(records(eval__return_sampled=[(1, 1.0)])) == []


@pytest.mark.parametrize("tag", ["charts__episodic_return", "rollout__ep_rew_mean"])
def test_without_measurements_a_goal_is_reached_by_the_episodes_of_training(tag):
    training = records(**{tag: [(10, 0.5), (20, 0.9)]})
    assert first_reached(returns_over_training(training, "greedy"), 0.8) == 20
    measured = records(**{tag: [(10, 0.5), (20, 0.9)]}, eval__return_greedy=[(30, 0.9)])
    assert first_reached(returns_over_training(measured, "greedy"), 0.8) == 30


def test_measured_returns_are_preferred_to_those_of_training():
    both = records(eval__return_greedy=[(1, 1.0)], charts__episodic_return=[(1, 2.0)])
    assert returns_over_training(both, "greedy") == [(1, 1.0)]
    assert returns_over_training(both, "sampled") == [(1, 2.0)]
    assert returns_over_training(records(rollout__ep_rew_mean=[(1, 3.0)]), "sampled") == [(1, 3.0)]


def test_records_that_are_no_numbers_are_left_out():
    assert returns_over_training(records(charts__episodic_return=[(1, math.nan), (2, 1.0)]), "greedy") == [(2, 1.0)]
    unknown = records(eval__return_greedy=[(1, math.nan)], charts__episodic_return=[(2, 1.0)])
    assert measured_returns(unknown, "greedy") == []
    assert returns_over_training(unknown, "greedy") == [(2, 1.0)]
