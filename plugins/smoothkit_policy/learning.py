"""What records tell of a training as a whole: when the environment was solved, and the mean return on the way."""

from collections.abc import Callable, Sequence
from math import isfinite, nan

import numpy as np

from smoothkit_policy.acting import Manner
from smoothkit_policy.progress import PREFIX

Points = Sequence[tuple[int, float]]
"""Timesteps and values, in the order of time."""
History = Callable[[str], Points]
"""What was recorded under a tag, as `Run.history` gives it."""

OF_EPISODES = ("charts/episodic_return", "rollout/ep_rew_mean")
"""Tags of the mean return of training's own episodes, under either name."""


def measured_returns(history: History, manner: Manner) -> Points:
    """The returns that were measured during training in this manner of acting; none where nothing was measured."""
    return _finite(history(f"{PREFIX}/return_{manner}"))


def episode_returns(history: History) -> Points:
    """The mean return of the last hundred episodes that training itself played, in which actions are sampled."""
    return _finite(next(filter(None, map(history, OF_EPISODES)), ()))


def returns_over_training(history: History, manner: Manner) -> Points:
    """`measured_returns`; where there are none, `episode_returns`, whatever the manner.

    For numbers that need some return of the training, as when a goal was reached. A curve that bears the name of a
    manner has the measured ones alone.
    """
    return measured_returns(history, manner) or episode_returns(history)


def first_reached(points: Points, goal: float | None) -> float:
    """The timesteps of the first value that is at least `goal`; NaN where none is, or where there is no goal.

    >>> first_reached([(10, 0.5), (20, 0.9), (30, 0.8)], 0.8)
    20.0
    """
    return next((float(step) for step, value in points if goal is not None and value >= goal), nan)


def mean_over_time(points: Points) -> float:
    """The mean of values that lie on straight lines between points, from the first to the last; NaN without points.

    >>> mean_over_time([(0, 0.0), (10, 1.0), (30, 1.0)])
    0.8333333333333334
    """
    if len(points) < 2:
        return points[0][1] if points else nan
    steps, values = np.array(points, dtype=np.float64).T
    return float(np.trapezoid(values, steps) / (steps[-1] - steps[0]))


def _finite(points: Points) -> Points:
    return [(step, value) for step, value in points if isfinite(value)]
