"""Times until something happens where some never saw it happen: Kaplan and Meier's estimate, and its quantiles.

A mean over those that got there says how fast the fast ones were, and improves when slow ones fail. Whoever was not
there when the watching ended is *censored*: all that is known is that the time is longer.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64
from scipy.special import ndtri

from smoothkit.statistics.interval import TAILS, Interval

METHOD = "Kaplan and Meier"
ROUNDING = 1e-12
"""Shares that differ by no more are one number."""

Events = Float64[np.ndarray, " events"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Survival:
    """How many have not got there yet, as a step function of time that falls at each of `times`."""

    times: Events
    """The distinct times at which any got there, ascending."""
    remaining: Events
    """The share that takes longer than each of them; 1 before the first."""
    low: Events
    high: Events
    """95 % bounds of that share, by Greenwood's error on the scale log(-log). A share of 0 has none: its bounds are 0,
    and the bound before it times the exact one of a share of which none of n was seen, 1 - 0.025^(1 / n)."""
    at_risk: Int64[np.ndarray, " events"]
    """How many were still watched, and not there, just before each of them."""

    def quantile(self, share: float = 0.5) -> Interval:
        """The first time by which `share` of all have got there, with its 95 % interval; inf where that is never seen.

        The interval holds every time at which the share that got there by then is not shown to be another one
        (Brookmeyer and Crowley, Biometrics 38, 1982): its upper bound is inf where too few got there to bound it.

        Raises:
            ValueError: `share` does not lie strictly between 0 and 1.
        """
        if not 0 < share < 1:
            raise ValueError(f"quantile: the share must lie between 0 and 1, got {share}; 0.5 is the median")
        left = 1 - share + ROUNDING
        estimate, low, high = (self._first(curve <= left) for curve in (self.remaining, self.low, self.high))
        return Interval(estimate, low, high, METHOD)

    def mean_until(self, end: float) -> float:
        """The mean of the times, cut at `end`: the area under the curve up to there, in the unit of the times.

        Raises:
            ValueError: `end` is not above 0.
        """
        if not end > 0:
            raise ValueError(f"mean_until: the end must be above 0, got {end}")
        edges = np.concatenate([[0.0], self.times[self.times < end], [end]])
        heights = np.concatenate([[1.0], self.remaining[self.times < end]])
        return float(np.diff(edges) @ heights)

    def _first(self, reached: Bool[np.ndarray, " events"]) -> float:
        return float(self.times[reached.argmax()]) if reached.any() else math.inf


def kaplan_meier(times: Float64[np.ndarray, " runs"], reached: Bool[np.ndarray, " runs"] | np.ndarray) -> Survival:
    """The product-limit estimate: the share that takes longer than t is the product over earlier times of 1 - d / n,
    where of n that were still watched d got there.

    `times` are above or at 0, of whatever unit; where `reached` is False, the time until which there was watching. Who
    is censored at a time at which others got there counts as watched at it. Kaplan and Meier, JASA 53 (1958).

    Raises:
        ValueError: there is no run, a time is not finite or negative, or the two have different lengths.

    >>> kaplan_meier(np.array([2.0, 3.0, 5.0, 5.0]), np.array([True, True, True, False])).remaining.tolist()
    [0.75, 0.5, 0.25]
    """
    if len(times) == 0 or len(times) != len(reached) or not (np.isfinite(times) & (times >= 0)).all():
        raise ValueError(
            f"kaplan_meier: there must be as many finite times from 0 up as entries of `reached`, got {len(reached)} "
            f"entries and {len(times)} times: {times.tolist()[:5]} …"
        )
    events, there = np.unique(times[reached], return_counts=True)
    at_risk = len(times) - np.searchsorted(np.sort(times), events)
    remaining = np.cumprod(1 - there / at_risk)
    # Where the last one got there the share is 0, whatever rounding says.
    left = at_risk - there
    some = left > 0
    remaining = np.where(some, remaining, 0.0)
    errors = np.sqrt(np.cumsum(there[some] / (at_risk[some] * left[some])))
    logs = np.log(remaining[some])
    bounds = np.exp(logs * np.exp(-np.outer(ndtri(TAILS), errors / logs)))
    low, high = bounds.min(axis=0), bounds.max(axis=0)
    if not some.all():
        low = np.append(low, 0.0)
        high = np.append(high, (high[-1] if len(high) else 1.0) * (1 - TAILS[0] ** (1 / at_risk[-1])))
    return Survival(times=events, remaining=remaining, low=low, high=high, at_risk=at_risk)
