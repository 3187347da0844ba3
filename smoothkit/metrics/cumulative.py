"""Calibration without bins: how far confidence and correctness, added up in order of confidence, drift apart.

With the N events in order of confidence, C(k) is the sum over the first k of (correctness - confidence), divided by
N, and C(0) = 0. If events come true with the probability that they were given, C is a random walk: in units of the
standard deviation of its end, sqrt(sum p (1 - p)) / N, it goes to Brownian motion on 0..1, whose range and maximum have
known laws. Source: Arrieta-Ibarra, Gujral, Tannen, Tygert, Xu, "Metrics of calibration for probabilistic predictions",
JMLR 23 (2022); the laws are Feller's (Annals of Mathematical Statistics 22, 1951) and re-derived here.

C is looked at only where a run of equal confidences ends, as the order inside a run means nothing. That leaves out some
points of the walk, so with many ties the p-values are larger than the level they state, never smaller. The same holds
under soft labels, whose correctness varies by p (1 - p) at most.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from smoothkit.metrics.boundary import Labels
from smoothkit.metrics.events import check_events, top_label
from smoothkit.metrics.ties import tied_runs


class CumulativeTest(NamedTuple):
    """A distance of the walk C, and how surprising it would be if the events were calibrated."""

    statistic: Float64[Tensor, ""]
    """The distance, 0 to 1, in units of probability."""
    sigmas: Float64[Tensor, ""]
    """The distance in standard deviations of the calibrated walk's end; infinite where that walk could not move."""
    p_value: Float64[Tensor, ""]
    """The probability of this distance or more under calibration, for large N."""


class ZTest(NamedTuple):
    """A statistic that is standard normal if the events are calibrated, for large N."""

    z: Float64[Tensor, ""]
    p_value: Float64[Tensor, ""]
    """Two-sided."""


def kuiper_of(confidence: Float64[Tensor, " rows"], correctness: Float64[Tensor, " rows"]) -> CumulativeTest:
    """The range of the walk, max C - min C: Kuiper's distance, or ECCE-R.

    It is the largest |sum of (correctness - confidence)| / N over any interval of confidences, so at least the absolute
    confidence gap, and needs no bins. Where no event was uncertain, all confidences 0 or 1, a distance above 0 is
    infinitely many sigmas with p = 0, and a distance of 0 is none with p = 1.

    Raises:
        ValueError: there are no events, or a value is NaN or lies outside 0..1.

    >>> kuiper_of(torch.tensor([0.5, 0.5, 0.75]).double(), torch.tensor([1.0, 0.0, 0.0]).double()).statistic
    tensor(0.2500, dtype=torch.float64)
    """
    walk, deviation = _walk("kuiper", confidence, correctness)
    return _test(walk.amax() - walk.amin(), deviation, brownian_range_survival)


def kolmogorov_smirnov_of(
    confidence: Float64[Tensor, " rows"], correctness: Float64[Tensor, " rows"]
) -> CumulativeTest:
    """The largest distance of the walk from 0, max |C|: Kolmogorov and Smirnov's distance, or ECCE-MAD.

    At least the absolute confidence gap, at most Kuiper's distance and at least half of it. Raises as `kuiper_of` does.

    >>> kolmogorov_smirnov_of(torch.tensor([0.5, 0.5, 0.75]).double(), torch.tensor([1.0, 0.0, 0.0]).double()).statistic
    tensor(0.2500, dtype=torch.float64)
    """
    walk, deviation = _walk("kolmogorov_smirnov", confidence, correctness)
    return _test(walk.abs().amax(), deviation, brownian_maximum_survival)


def spiegelhalter_of(confidence: Float64[Tensor, " rows"], correctness: Float64[Tensor, " rows"]) -> ZTest:
    """Spiegelhalter's test of the Brier score: is it what calibrated confidences would give?

    z = sum (y - p)(1 - 2p) / sqrt(sum (1 - 2p)^2 p (1 - p)), positive where the Brier score is worse than expected. It
    sees nothing at p = 1/2. Where the variance is 0, because every confidence is 0, 1/2 or 1, z is 0 with p = 1, or
    infinite with p = 0 if an event went against certainty. Source: Spiegelhalter, Statistics in Medicine 5 (1986).
    Raises as `kuiper_of` does.

    >>> spiegelhalter_of(torch.tensor([0.9, 0.9]).double(), torch.tensor([1.0, 0.0]).double()).z
    tensor(1.8856, dtype=torch.float64)
    """
    check_events("spiegelhalter", confidence, correctness)
    runs = tied_runs(confidence, correctness)
    lean = 1 - 2 * runs.scores
    excess = (lean * (runs.correctness_sum - runs.counts * runs.scores)).sum()
    deviation = (lean.square() * runs.scores * (1 - runs.scores) * runs.counts).sum().sqrt()
    z = _ratio(excess, deviation)
    return ZTest(z, torch.special.erfc(z.abs() / math.sqrt(2)))


def kuiper(
    outputs: Float[Tensor, "rows classes"],
    labels: Labels,
    *,
    from_logits: bool = True,
    ignore_index: int | None = None,
) -> CumulativeTest:
    """Kuiper's test that the predicted class's confidence is calibrated: see `kuiper_of`."""
    events = top_label(outputs, labels, metric="kuiper", from_logits=from_logits, ignore_index=ignore_index)
    return kuiper_of(events.confidence, events.correctness)


def kolmogorov_smirnov(
    outputs: Float[Tensor, "rows classes"],
    labels: Labels,
    *,
    from_logits: bool = True,
    ignore_index: int | None = None,
) -> CumulativeTest:
    """The Kolmogorov-Smirnov test that this confidence is calibrated: see `kolmogorov_smirnov_of`."""
    events = top_label(outputs, labels, metric="kolmogorov_smirnov", from_logits=from_logits, ignore_index=ignore_index)
    return kolmogorov_smirnov_of(events.confidence, events.correctness)


def spiegelhalter(
    outputs: Float[Tensor, "rows classes"],
    labels: Labels,
    *,
    from_logits: bool = True,
    ignore_index: int | None = None,
) -> ZTest:
    """Spiegelhalter's test that the predicted class's confidence is calibrated: see `spiegelhalter_of`."""
    events = top_label(outputs, labels, metric="spiegelhalter", from_logits=from_logits, ignore_index=ignore_index)
    return spiegelhalter_of(events.confidence, events.correctness)


def brownian_range_survival(x: float) -> float:
    """P(max B - min B > x) for Brownian motion B on the times 0..1, for x from 0 to infinity.

    Two series for the same law, each used where it converges fast: 8 sum (-1)^(k-1) k Q(kx), Q the normal tail, and
    1 - 8 sum over odd m of (1 / (pi m)^2 + 1 / x^2) exp(-(pi m)^2 / (2 x^2)).

    >>> round(brownian_range_survival(2.0), 6)
    0.181494
    """
    if x <= 0:
        return 1.0
    if x > 2:
        return 8 * sum((-1) ** (k - 1) * k * _normal_tail(k * x) for k in range(1, 20))
    odd = [math.pi * m for m in range(1, 20, 2)]
    return 1 - 8 * sum((1 / a**2 + 1 / x**2) * math.exp(-(a**2) / (2 * x**2)) for a in odd)


def brownian_maximum_survival(x: float) -> float:
    """P(max |B| > x) for Brownian motion B on the times 0..1, for x from 0 to infinity.

    4 sum (-1)^k Q((2k+1) x), Q the normal tail, or 1 - (4 / pi) sum (-1)^k / (2k+1) exp(-(2k+1)^2 pi^2 / (8 x^2)).

    >>> round(brownian_maximum_survival(2.241403), 6)
    0.05
    """
    if x <= 0:
        return 1.0
    if x > 1:
        return 4 * sum((-1) ** k * _normal_tail((2 * k + 1) * x) for k in range(20))
    terms = ((-1) ** k / (2 * k + 1) * math.exp(-(((2 * k + 1) * math.pi / x) ** 2) / 8) for k in range(20))
    return 1 - 4 / math.pi * sum(terms)


def _walk(
    metric: str, confidence: Float64[Tensor, " rows"], correctness: Float64[Tensor, " rows"]
) -> tuple[Float64[Tensor, " steps"], Float64[Tensor, ""]]:
    """C at 0 and at the end of each run of equal confidences, and the standard deviation of its end."""
    check_events(metric, confidence, correctness)
    runs = tied_runs(confidence, correctness)
    drift = (runs.correctness_sum - runs.counts * runs.scores).cumsum(0)
    deviation = (runs.counts * runs.scores * (1 - runs.scores)).sum().sqrt()
    return torch.cat([drift.new_zeros(1), drift]) / len(confidence), deviation / len(confidence)


def _test(
    statistic: Float64[Tensor, ""], deviation: Float64[Tensor, ""], survival: Callable[[float], float]
) -> CumulativeTest:
    sigmas = _ratio(statistic, deviation)
    return CumulativeTest(statistic, sigmas, torch.full_like(sigmas, survival(float(sigmas))))


def _ratio(distance: Float64[Tensor, ""], deviation: Float64[Tensor, ""]) -> Float64[Tensor, ""]:
    """The distance in standard deviations: no distance is none of them, even where there is no deviation either."""
    return torch.where(distance == 0, 0.0, distance / deviation)


def _normal_tail(x: float) -> float:
    return math.erfc(x / math.sqrt(2)) / 2
