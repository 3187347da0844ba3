"""Intervals of smooth functions of means by the delta method: from how far each row moves the estimate."""

import math
from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float64
from scipy.special import expit, logit
from torch import Tensor

from smoothkit.statistics import Interval, student_interval

Scale = Literal["identity", "log", "artanh", "log-odds"]
"""On which scale the interval is symmetric: as it is, for what is above 0, between -1 and 1, or between 0 and 1."""


class _Link(NamedTuple):
    """A scale: the open range that it is for, the way there, the slope of that way, and the way back."""

    lowest: float
    highest: float
    there: Callable[[float], float]
    slope: Callable[[float], float]
    back: Callable[[float], float]


_LINKS: dict[Scale, _Link] = {
    "identity": _Link(-math.inf, math.inf, float, lambda _: 1.0, float),
    "log": _Link(0.0, math.inf, math.log, lambda value: 1 / value, math.exp),
    "artanh": _Link(-1.0, 1.0, math.atanh, lambda value: 1 / (1 - value**2), math.tanh),
    "log-odds": _Link(0.0, 1.0, logit, lambda value: 1 / (value * (1 - value)), expit),
}


def linearised_interval(
    estimate: float,
    influences: Float64[Tensor, " rows"],
    freedom: float | None = None,
    *,
    scale: Scale = "identity",
    method: str = "delta method",
) -> Interval:
    """The interval of an estimate whose error is, to first order, the mean of its rows' `influences`.

    The influence of a row is the derivative of the estimate by its weight, times the number of rows: of a mean it is
    the row less the mean, and the interval Student's. `freedom` is the number of rows less one, unless given. There are
    no bounds where no row moves the estimate: such rows show no spread.

    >>> interval = linearised_interval(2.0, torch.tensor([-1.0, 0.0, 1.0]).double())
    >>> round(interval.low, 4), round(interval.high, 4)
    (-0.4841, 4.4841)
    """
    rows, link = len(influences), _LINKS[scale]
    freedom = rows - 1.0 if freedom is None else freedom
    error = float(influences.square().sum().sqrt()) / rows * math.sqrt((freedom + 1) / freedom) if freedom > 0 else 0.0
    inside = link.lowest < estimate < link.highest
    if not (inside and math.isfinite(error) and error > abs(estimate) * torch.finfo(torch.float64).eps):
        return Interval(estimate, math.nan, math.nan, method)
    low, high = student_interval(link.there(estimate), error * link.slope(estimate), freedom, method)[1:3]
    return Interval(estimate, float(link.back(low)), float(link.back(high)), method)


def satterthwaite_freedom(influences: Float64[Tensor, " rows"]) -> float:
    """The degrees of freedom of the influences' variance, which few rows determine if few move the estimate far.

    They are twice its square over its own variance: 2 / (sum i^4 / (sum i^2)^2 - 1 / N), at most N - 1. Of normal
    influences they are about N, and of a share with k of very many rows about 2 k. NaN where no row moves the estimate.
    Source: Satterthwaite, Biometrics Bulletin 2 (1946), with the fourth moment in place of a normal law.

    >>> rare = torch.tensor([1.0] * 3 + [0.0] * 997).double()
    >>> round(satterthwaite_freedom(rare - rare.mean()), 2)
    6.05
    """
    squares = influences.square()
    excess = float(squares.square().sum() / squares.sum().square()) - 1 / len(influences)
    most = len(influences) - 1.0
    # Influences of one size have a variance without error; rounding may take the excess below 0.
    return most if excess * most <= 2 else 2 / excess


def quotient_interval(numerators: Float64[Tensor, " rows"], denominators: Float64[Tensor, " rows"]) -> Interval:
    """The quotient of two sums over independent rows, such as a mean over the rows that are mistakes.

    Where denominators are 0 or 1 it is Student's interval over the rows with 1; in general the degrees of freedom are
    (sum d)^2 / sum d^2 - 1. NaN throughout where the denominators sum to 0.

    >>> interval = quotient_interval(torch.tensor([1.0, 0.0, 2.0, 3.0]).double(), torch.tensor([1.0, 0, 1, 1]).double())
    >>> round(interval.low, 4), interval.estimate, round(interval.high, 4)
    (-0.4841, 2.0, 4.4841)
    """
    total = denominators.sum()
    estimate = numerators.sum() / total
    influences = len(numerators) * (numerators - estimate * denominators) / total
    return linearised_interval(float(estimate), influences, effective_rows(denominators) - 1)


def effective_rows(weights: Float64[Tensor, " rows"]) -> float:
    """How many rows of equal weight vary as these: (sum w)^2 / sum w^2 (Kish); NaN where all weights are 0."""
    return float(weights.sum().square() / weights.square().sum())


def variance_interval(values: Float64[Tensor, " rows"]) -> Interval:
    """The variance of independent rows around their mean (divided by N), on the scale of its logarithm.

    It asks nothing of the law of the rows but a fourth moment, unlike the interval by chi-squared.
    """
    deviations = (values - values.mean()).square()
    estimate = deviations.mean()
    return linearised_interval(float(estimate), deviations - estimate, scale="log")
