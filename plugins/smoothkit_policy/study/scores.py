"""What results say of the seeds of a variant, as arrays: NaN where a seed has no result, or a result not the scalar."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

from smoothkit.metrics.intervals import share_interval
from smoothkit.statistics import Interval, interquartile_mean_interval, probability_of_improvement_interval
from smoothkit_policy.quantities import (
    OPTIMUM,
    RETURN_DESMOOTHED,
    RETURN_GREEDY,
    RETURN_SAMPLED,
    SHORTFALL_GREEDY,
    SHORTFALL_SAMPLED,
    Quantity,
)
from smoothkit_policy.study.sweep import Group, Method, Seeds

Values = Float64[np.ndarray, " seeds"]

NOTHING = Interval(math.nan, math.nan, math.nan, "nothing")


def values_of(seeds: Seeds, quantity: Quantity, order: Sequence[int]) -> Values:
    """The scalar of these seeds, in this order."""
    return np.array(
        [seeds[seed].scalars.get(quantity.name, math.nan) if seed in seeds else math.nan for seed in order],
        dtype=np.float64,
    )


class Scale(NamedTuple):
    """What returns are told in: percent of the optimum where it is known, else as they are."""

    is_share: bool

    @property
    def words(self) -> str:
        """Behind a number."""
        return " in % of the optimum" if self.is_share else ""

    def sampled(self, seeds: Seeds, order: Sequence[int]) -> Values:
        """Of the policy that samples its actions."""
        return self._of(seeds, order, SHORTFALL_SAMPLED, RETURN_SAMPLED)

    def greedy(self, seeds: Seeds, order: Sequence[int]) -> Values:
        """Of the policy that takes its most probable action."""
        return self._of(seeds, order, SHORTFALL_GREEDY, RETURN_GREEDY)

    def desmoothed(self, seeds: Seeds, order: Sequence[int]) -> Values:
        """Of the policy that samples its actions, without the share of u that its target mixed in."""
        returns = values_of(seeds, RETURN_DESMOOTHED, order)
        if not self.is_share:
            return returns
        optimum = values_of(seeds, OPTIMUM, order)
        return 100 * (1 - (optimum - returns) / np.abs(optimum))

    def _of(self, seeds: Seeds, order: Sequence[int], shortfall: Quantity, plain: Quantity) -> Values:
        if self.is_share:
            return 100 * (1 - values_of(seeds, shortfall, order))
        return values_of(seeds, plain, order)


def scale_of(group: Group) -> Scale:
    """Shares of the optimum where every variant has them."""
    return Scale(
        all(np.isfinite(values_of(seeds, SHORTFALL_SAMPLED, list(seeds))).all() for seeds in group.results.values())
    )


def of_method(group: Group, method: Method, quantity: Quantity) -> Float64[np.ndarray, "seeds coefs"]:
    """The scalar at each coefficient, in all seeds of the group."""
    return np.stack(
        [values_of(group.results[variant], quantity, group.seeds) for variant in method.variants.values()], axis=1
    )


def solved_share(values: Values) -> Interval:
    """The share of seeds that solved it, by Wilson; no number where none can tell."""
    known = values[np.isfinite(values)]
    return share_interval(float(known.sum()), len(known)) if len(known) else NOTHING


def middle(values: Values) -> Interval:
    """The interquartile mean over seeds with its bootstrap interval; no number where there is no seed."""
    known = values[np.isfinite(values)]
    return interquartile_mean_interval(known[:, None], np.random.default_rng(0)) if len(known) else NOTHING


def improvement(values: Values, reference: Values) -> Interval:
    """The chance that a seed is better than one of the reference; no number where either has none."""
    own, other = (each[np.isfinite(each)][:, None] for each in (values, reference))
    if not (len(own) and len(other)):
        return NOTHING
    return probability_of_improvement_interval(own, other, np.random.default_rng(0))


def mean_of(values: Values) -> float:
    """Over the seeds that have it; NaN where none has."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else math.nan
