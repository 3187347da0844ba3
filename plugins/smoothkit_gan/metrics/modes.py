"""Modes that a generator hits, misses and shrinks, where the true density is a mixture or a classifier names modes."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int64
from scipy import stats
from torch import Tensor

from smoothkit_gan.data.mixtures import Mixture

REACH = 3.0
"""Standard deviations within which a sample is of high quality, as in VEEGAN and PacGAN."""

WELL_HIT = 20
"""High-quality samples of a mode that is more than just touched."""


@dataclass(frozen=True)
class ModeStatistics:
    """What samples say of a mixture's modes. A sample is of high quality within 3 standard deviations of a mean."""

    modes: int
    """Modes with at least one high-quality sample: the published count, which one stray sample in 2,500 satisfies."""
    modes_20: int
    """Modes with at least 20."""
    high_quality: float
    """Share of samples that are of high quality. More than `reference` is no better: the modes are too narrow then."""
    reference: float
    """What that share is for the mixture itself, whose modes do not overlap: P(χ² ≤ 9) with one degree of freedom for
    each dimension, in two of them 1 - exp(-4.5) = 0.9889."""
    spread: float
    """Standard deviation within modes, of high-quality samples, over what the mixture itself has after the same cut.
    Ideally 1: below it modes are too narrow, which no other number here punishes. Deviations are from the mean of each
    mode's own samples, all modes and directions pooled; NaN where no mode has two samples."""
    reverse_kl: float
    """KL(share of each mode among high-quality samples ‖ uniform), in nats; NaN without such samples."""
    kl_floor: float
    """What `reverse_kl` is on average for as many samples of the mixture itself, which finite numbers keep above 0."""


def mode_statistics(points: Float[Tensor, "samples dims"], mixture: Mixture) -> ModeStatistics:
    """Count, place and shape of `points`, in the units of `mixture`.

    Source: A. Srivastava et al., VEEGAN, 2017 (arXiv 1705.07761), Z. Lin et al., PacGAN, 2018 (arXiv 1712.04086), for
    modes, quality and divergence; spread, reference and floor are ours.

    >>> one = Mixture(torch.zeros(1, 2, dtype=torch.float64), std=1.0)
    >>> found = mode_statistics(torch.tensor([[0.0, 1.0], [0.0, -1.0], [5.0, 0.0]]), one)
    >>> found.modes, round(found.high_quality, 3), round(found.reference, 4)
    (1, 0.667, 0.9889)
    """
    distances, nearest = mixture.nearest(points)
    near = distances <= REACH
    counts = torch.bincount(nearest[near], minlength=mixture.modes)
    total = int(counts.sum())
    return ModeStatistics(
        modes=int((counts > 0).sum()),
        modes_20=int((counts >= WELL_HIT).sum()),
        high_quality=total / len(points),
        reference=perfect_share(mixture),
        spread=_deviation(points[near], nearest[near], counts) / (mixture.std * cut_deviation(mixture.dims)),
        reverse_kl=reverse_kl(counts),
        kl_floor=kl_floor(total, mixture.modes),
    )


def perfect_share(mixture: Mixture) -> float:
    """The share of the mixture's own samples that are of high quality: P(χ² ≤ 9), a degree of freedom a dimension."""
    return float(stats.chi2.cdf(REACH**2, mixture.dims))


def cut_deviation(dims: int) -> float:
    """Standard deviation, in each direction, of a standard normal vector that is at most 3 long.

    E[χ²_d; χ²_d ≤ 9] = d P(χ²_{d+2} ≤ 9), so that its square is P(χ²_{d+2} ≤ 9) / P(χ²_d ≤ 9).

    >>> round(cut_deviation(2), 4)
    0.9744
    """
    return float(np.sqrt(stats.chi2.cdf(REACH**2, dims + 2) / stats.chi2.cdf(REACH**2, dims)))


def _deviation(
    points: Float[Tensor, "near dims"], modes: Int64[Tensor, " near"], counts: Int64[Tensor, " modes"]
) -> float:
    """Standard deviation of points about the mean of their own mode: a mode of n points gives n - 1 to the divisor."""
    freedom = int((counts - 1).clamp(min=0).sum()) * points.shape[1]
    if freedom == 0:
        return math.nan
    sums = torch.zeros(len(counts), points.shape[1], dtype=torch.float64, device=points.device)
    means = sums.index_add(0, modes, points.double()) / counts.clamp(min=1)[:, None]
    return ((points.double() - means[modes]).square().sum() / freedom).sqrt().item()


@dataclass(frozen=True)
class LabelStatistics:
    """What a classifier's labels of samples say of equally likely classes."""

    modes: int
    """Classes with at least one sample."""
    expected_modes: float
    """What that number is on average for as many uniformly drawn labels: K (1 - (1 - 1/K)^n)."""
    reverse_kl: float
    """KL(share of each class ‖ uniform), in nats."""
    kl_floor: float
    """What it is on average for as many uniformly drawn labels."""


def label_statistics(labels: Int64[Tensor, " samples"], modes: int) -> LabelStatistics:
    """How evenly `labels`, from 0 to `modes` - 1, are spread.

    >>> found = label_statistics(torch.tensor([0, 0, 1, 1]), 4)
    >>> found.modes, round(found.expected_modes, 4), round(found.reverse_kl, 4)  # ln 2
    (2, 2.7344, 0.6931)
    """
    counts = torch.bincount(labels, minlength=modes)
    return LabelStatistics(
        modes=int((counts > 0).sum()),
        expected_modes=modes * (1 - (1 - 1 / modes) ** len(labels)),
        reverse_kl=reverse_kl(counts),
        kl_floor=kl_floor(len(labels), modes),
    )


def reverse_kl(counts: Int64[Tensor, " modes"]) -> float:
    """KL(shares ‖ uniform) of `counts` in nats, from 0 (all equal) to log K (one of K modes); NaN if all are 0."""
    shares = counts.double() / counts.sum()
    return math.log(len(counts)) + torch.special.xlogy(shares, shares).sum().item()


def kl_floor(samples: int, modes: int) -> float:
    """The mean of `reverse_kl` over `samples` draws that are uniform over `modes`, exactly; NaN without samples.

    It is log K + K E[(c/n) log (c/n)] with c binomial(n, 1/K), about (K - 1) / 2n for many samples, and log K for one.

    >>> round(kl_floor(26_000, 1000), 4), round(kl_floor(1, 8), 4)
    (0.0193, 2.0794)
    """
    if samples == 0:
        return math.nan
    counts = np.arange(1, samples + 1)
    shares = counts / samples
    mean = stats.binom.pmf(counts, samples, 1 / modes) @ (shares * np.log(shares))
    # Rounding may leave less than 0 where one mode makes the sum vanish.
    return max(0.0, math.log(modes) + modes * float(mean))
