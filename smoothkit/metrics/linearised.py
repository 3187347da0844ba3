"""Intervals of smooth functions of means by the delta method: from how far each row moves the estimate."""

import math
from typing import Literal

import torch
from jaxtyping import Float64
from torch import Tensor

from smoothkit.statistics import Interval, student_interval

Scale = Literal["identity", "log", "artanh"]
"""On which scale the interval is symmetric: as it is, for what is above 0, or for what lies between -1 and 1."""


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
    rows = len(influences)
    freedom = rows - 1.0 if freedom is None else freedom
    error = float(influences.square().sum().sqrt()) / rows * math.sqrt((freedom + 1) / freedom) if freedom > 0 else 0.0
    inside = {"identity": True, "log": estimate > 0, "artanh": -1 < estimate < 1}[scale]
    if not (inside and math.isfinite(error) and error > abs(estimate) * torch.finfo(torch.float64).eps):
        return Interval(estimate, math.nan, math.nan, method)
    if scale == "log":
        low, high = student_interval(math.log(estimate), error / estimate, freedom, method)[1:3]
        return Interval(estimate, math.exp(low), math.exp(high), method)
    if scale == "artanh":
        low, high = student_interval(math.atanh(estimate), error / (1 - estimate**2), freedom, method)[1:3]
        return Interval(estimate, math.tanh(low), math.tanh(high), method)
    return student_interval(estimate, error, freedom, method)


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
    effective = float(total.square() / denominators.square().sum())
    influences = len(numerators) * (numerators - estimate * denominators) / total
    return linearised_interval(float(estimate), influences, effective - 1)


def variance_interval(values: Float64[Tensor, " rows"]) -> Interval:
    """The variance of independent rows around their mean (divided by N), on the scale of its logarithm.

    It asks nothing of the law of the rows but a fourth moment, unlike the interval by chi-squared.
    """
    deviations = (values - values.mean()).square()
    estimate = deviations.mean()
    return linearised_interval(float(estimate), deviations - estimate, scale="log")
