"""What a trained policy is judged by: the scalars of a run's result, and what they are called."""

from dataclasses import dataclass

from smoothkit.scenario import Better


@dataclass(frozen=True)
class Quantity:
    """A scalar of a run's result."""

    name: str
    heading: str
    """Above a column of a table."""
    words: str
    """In a sentence."""
    better: Better | None
    places: int
    percent: bool = False
    """Whether it is a share, to be shown in per cent."""


COLLAPSED = 0.05
"""Entropy below which a policy counts as collapsed, as a share of log K."""

ENOUGH = 0.2
"""Largest shortfall with which the greedy policy counts as having solved an environment whose optimum is known."""

RETURN_GREEDY = Quantity("return_greedy", "greedy", "return of the greedy policy", "higher", 3)
RETURN_SAMPLED = Quantity("return_sampled", "sampled", "return of the sampled policy", "higher", 3)
RETURN_DESMOOTHED = Quantity("return_desmoothed", "de-smoothed", "return of the de-smoothed policy", "higher", 3)
"""Of the sampled policy without the share of u that its target mixed in; the sampled return where it mixed in none."""
OPTIMUM = Quantity("optimum", "optimum", "best return there is", None, 3)
"""Where tables tell it; it may need to know how many steps are left, as `exact.optimum.optimal_return` does."""
SHORTFALL_GREEDY = Quantity("shortfall_greedy", "short, greedy %", "shortfall of the greedy policy", "lower", 1, True)
"""(J* - J) / |J*|: 0 for the optimum, 1 for a return of 0 where the optimum is positive. Only with tables."""
SHORTFALL_SAMPLED = Quantity(
    "shortfall_sampled", "short, sampled %", "shortfall of the sampled policy", "lower", 1, True
)
SOLVED = Quantity("solved", "solved %", "solved", "higher", 0, True)
"""1 or 0: whether the greedy return reaches `evaluate.solved`; by default a shortfall of 20 % at most, or without
tables the return that the environment is registered with. NaN where there is none of these."""
ENTROPY = Quantity("entropy", "entropy %", "entropy of the policy", None, 1, True)
"""As a share of log K, the mean over the states that the sampled policy visits."""
MIN_PROBABILITY = Quantity("min_probability", "rarest action", "smallest probability of an action", None, 5)
"""The 1 % quantile over the states that the sampled policy visits."""
COVERAGE = Quantity("coverage", "coverage %", "share of reachable states seen in training", "higher", 1, True)
"""Of states in which there is something to do. Only with tables."""
VISITATION_ENTROPY = Quantity("visitation_entropy", "visits %", "entropy of the states seen in training", None, 1, True)
"""As a share of the logarithm of the number of reachable states. Only with tables."""
PREMATURE = Quantity("premature", "premature %", "collapsed without having solved it", "lower", 0, True)
"""1 or 0: entropy below 5 % of log K, and not solved. NaN where `solved` is."""
COLLAPSED_SHARE = Quantity("collapsed_share", "collapsed %", "share of visits to collapsed states", None, 1, True)
"""The share of the sampled policy's time in states where its entropy is below 5 % of log K."""
TIMESTEPS_TO_SOLVED = Quantity("timesteps_to_solved", "steps", "timesteps until solved", "lower", 0)
"""The first measurement of the greedy policy that counts as solved; where none is made during training, the first mean
of 100 of its own episodes that does. NaN if none does, which is a censored time."""
AREA_UNDER_CURVE = Quantity("area_under_curve", "area", "mean return over training", "higher", 3)
"""Of the sampled policy, measured during training or by its own episodes, along straight lines from one to the next."""
SAMPLING_COST = Quantity("sampling_cost", "cost", "greedy less sampled return", "lower", 3)

QUANTITIES = (
    RETURN_GREEDY,
    RETURN_SAMPLED,
    RETURN_DESMOOTHED,
    OPTIMUM,
    SHORTFALL_GREEDY,
    SHORTFALL_SAMPLED,
    SOLVED,
    ENTROPY,
    MIN_PROBABILITY,
    COVERAGE,
    VISITATION_ENTROPY,
    PREMATURE,
    COLLAPSED_SHARE,
    TIMESTEPS_TO_SOLVED,
    AREA_UNDER_CURVE,
    SAMPLING_COST,
)
"""All of them, in the order in which results hold them; without tables some are absent."""

BETTER: dict[str, Better] = {each.name: each.better for each in QUANTITIES if each.better is not None}

HEADLINE = tuple(
    each.name
    for each in (RETURN_GREEDY, RETURN_SAMPLED, RETURN_DESMOOTHED, SHORTFALL_SAMPLED, SOLVED, ENTROPY, COVERAGE)
)
