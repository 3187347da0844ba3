"""How long variants take until they have solved their environment, the seeds that never do included."""

import math

import numpy as np

from smoothkit.report.numbers import MISSING
from smoothkit.statistics import Survival, kaplan_meier
from smoothkit_policy.quantities import SOLVED, TIMESTEPS_TO_SOLVED
from smoothkit_policy.study.scores import values_of
from smoothkit_policy.study.sweep import Seeds


def survival_of(seeds: Seeds, horizon: int) -> Survival | None:
    """The share of seeds that has not solved it yet, by environment steps; None where nothing tells when it is solved.

    A seed without a time was watched until `horizon`, the steps that it was trained for.
    """
    order = [seed for seed in seeds if math.isfinite(seeds[seed].scalars.get(SOLVED.name, math.nan))]
    if not order:
        return None
    times = values_of(seeds, TIMESTEPS_TO_SOLVED, order)
    reached = np.isfinite(times)
    return kaplan_meier(np.where(reached, times, horizon), reached)


def time_until_solved(seeds: Seeds, horizon: int) -> str:
    """The median with its interval, where a bound that was never seen is said to be beyond the training."""
    survival = survival_of(seeds, horizon)
    if survival is None:
        return MISSING
    median = survival.quantile()
    bounds = "" if len(seeds) == 1 else f" [{_steps(median.low, horizon)}, {_steps(median.high, horizon)}]"
    return f"{_steps(median.estimate, horizon)}{bounds}" if math.isfinite(median.low) else f"> {horizon:,}"


def _steps(steps: float, horizon: int) -> str:
    return f"{steps:,.0f}" if math.isfinite(steps) else f"> {horizon:,}"
