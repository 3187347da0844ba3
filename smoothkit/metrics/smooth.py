"""Smooth calibration error: the gap between correctness and confidence, averaged with a kernel instead of over bins.

With N events of confidence f and correctness y, the smoothed gap at t is g(t) = mean of K(t, f)(y - f), and the error
at bandwidth sigma is the integral of |g(t)| over t. It never rises with sigma and is never below the absolute
confidence gap. Its own bandwidth is the one at which error and bandwidth are equal, so the number needs no tuning.
Source: Blasiok and Nakkiran, "Smooth ECE", ICLR 2024 (arXiv 2309.12236).

Kernels:

- "reflected": a Gaussian in confidence, reflected at 0 and 1. The bandwidth is a probability. The paper's own.
- "logit": a Gaussian in log odds; the bandwidth is in logits. It resolves confidences near 0 and 1. Those nearer to 0
  or 1 than 2^-52 count as that.
- "relplot": "reflected" as relplot 1.0.3 discretises it, for comparison with published numbers alone. Events within
  0.001 of 0 or 1 lose up to half of their weight, the kernel ends at distance 1/2, and the error is normalised by what
  is left; where most probabilities are near 0 it comes out up to a fifth too large (tests/metrics/test_smooth.py). Its
  bandwidth is the smallest multiple of 2^-10 that is above its error, found by bisection.

Computation: events are split linearly between the two nearest nodes of a grid of step h, and the kernel is applied by a
fast Fourier transform: reflection makes the cosines its eigenfunctions, with the factors exp(-(sigma k pi)^2 / 2). With
D the mean of |y - f|, splitting moves the error by at most D h^2 / 8 times the integral of |K''|, which is
0.121 D (h / sigma)^2, and summing |g| over the nodes in place of the integral by at most twice that. Together that is
0.363 D (h / sigma)^2, where h is 2^-17 for "reflected", and for "logit" 2^-17 times the span of the logits with a
margin of 8 bandwidths at each end (8 D where the bandwidth is to be found). For sigma of 0.01 and more, "reflected" is
right to 2.2e-7.
"""

import functools
import math
from collections.abc import Callable
from typing import Literal

import torch
from jaxtyping import Float, Float64
from torch import Tensor
from torch.nn import functional as F

from smoothkit.metrics.boundary import Labels, check_choice
from smoothkit.metrics.events import check_events, top_label

Kernel = Literal["reflected", "logit", "relplot"]

INTERVALS = 1 << 17
"""Grid steps."""


def smooth_calibration_error_of(
    confidence: Float64[Tensor, " rows"],
    correctness: Float64[Tensor, " rows"],
    bandwidth: float | None = None,
    *,
    kernel: Kernel = "reflected",
) -> Float64[Tensor, ""]:
    """The smooth calibration error of events, 0 to 1, at a given bandwidth or at its own, where the two are equal.

    The module says what it is and how near to it the computation comes. Its own bandwidth is found to 1e-12; one below
    4 grid steps is out of reach, and then the error at 4 grid steps is given, which is at most those (3.1e-5 for
    "reflected"). O(N + grid), no sort.

    Raises:
        ValueError: there are no events, a value is NaN or lies outside 0..1, or the bandwidth is below 4 grid steps.

    >>> confidence, correctness = torch.tensor([0.75, 0.75]).double(), torch.tensor([1.0, 0.0]).double()
    >>> smooth_calibration_error_of(confidence, correctness)
    tensor(0.2500, dtype=torch.float64)
    """
    check_choice("smooth_calibration_error", "kernel", kernel, Kernel)
    check_events("smooth_calibration_error", confidence, correctness)
    residual = (correctness - confidence) / len(confidence)
    if kernel == "relplot":
        _check_bandwidth(bandwidth, 1 / 1024)
        return _relplot_error(confidence, residual, bandwidth)
    reach = float(residual.abs().sum()) if bandwidth is None else bandwidth
    position, low, high = _span(confidence, kernel, reach)
    finest = 4 / INTERVALS * (high - low)
    _check_bandwidth(bandwidth, finest)
    if high == low:
        return residual.new_zeros(())
    error_at = _error_by_bandwidth((position - low) / (high - low), residual)
    if bandwidth is not None:
        return error_at(bandwidth / (high - low))
    # No error is below the absolute confidence gap, so that the bandwidth that equals its error is not either.
    lowest = max(finest, abs(float(residual.sum())))
    return _fixed_point(lambda sigma: error_at(sigma / (high - low)), lowest, reach)


def smooth_calibration_error(
    outputs: Float[Tensor, "rows classes"],
    labels: Labels,
    bandwidth: float | None = None,
    *,
    kernel: Kernel = "reflected",
    from_logits: bool = True,
    ignore_index: int | None = None,
) -> Float64[Tensor, ""]:
    """`smooth_calibration_error_of` for the events that the predicted class is right."""
    events = top_label(
        outputs, labels, metric="smooth_calibration_error", from_logits=from_logits, ignore_index=ignore_index
    )
    return smooth_calibration_error_of(events.confidence, events.correctness, bandwidth, kernel=kernel)


def _check_bandwidth(bandwidth: float | None, finest: float) -> None:
    if bandwidth is not None and not finest <= bandwidth < math.inf:
        raise ValueError(f"smooth_calibration_error: bandwidth must be at least {finest:.2g}, got {bandwidth}")


def _span(
    confidence: Float64[Tensor, " rows"], kernel: Kernel, reach: float
) -> tuple[Float64[Tensor, " rows"], float, float]:
    """Where the kernel sees the events, and the ends between which it is to be applied."""
    if kernel == "reflected":
        return confidence, 0.0, 1.0
    position = confidence.clamp(2.0**-52, 1 - 2.0**-52).logit()
    # At 8 deviations from all events, what a reflection there brings back is below 1e-14.
    return position, float(position.amin()) - 8 * reach, float(position.amax()) + 8 * reach


def _error_by_bandwidth(
    position: Float64[Tensor, " rows"], residual: Float64[Tensor, " rows"]
) -> Callable[[float], Float64[Tensor, ""]]:
    """The error as a function of the bandwidth, for residuals at positions in 0..1 with reflection at both ends."""
    mass = split_on_grid(position, residual, INTERVALS)
    # The even continuation has twice the mass at its two ends, where a node is its own mirror image.
    mirrored = torch.cat([2 * mass[:1], mass[1:-1], 2 * mass[-1:], mass[1:-1].flip(0)])
    spectrum = torch.fft.rfft(mirrored)
    frequencies = math.pi * torch.arange(len(spectrum), dtype=torch.float64, device=mass.device)

    def error_at(sigma: float) -> Float64[Tensor, ""]:
        # Beyond 9 deviations a factor is below 3e-18, and its exponential would take long to underflow.
        count = math.ceil(9 / (math.pi * sigma)) + 1
        damped = spectrum[:count] * torch.exp(-(sigma * frequencies[:count]).square() / 2)
        # Half of the continuation's sum is the trapezoidal rule on 0..1.
        return torch.fft.irfft(damped, n=len(mirrored)).abs().sum() / 2

    return error_at


def _fixed_point(error_at: Callable[[float], Float64[Tensor, ""]], low: float, high: float) -> Float64[Tensor, ""]:
    """The one bandwidth that equals its error: the error falls, and at `high`, the mean of |y - f|, is not above it."""
    # The search asks again for the error at both the end it begins with and the root it ends with.
    error_at = functools.cache(error_at)
    if low >= high or float(error_at(low)) <= low:
        return error_at(low)
    # Importing SciPy's optimisers takes longer than the search, and most processes do not come here.
    from scipy.optimize import root_scalar

    found = root_scalar(lambda sigma: min(float(error_at(sigma)), high) - sigma, bracket=(low, high), xtol=1e-12)
    return error_at(found.root)


def split_on_grid(
    position: Float64[Tensor, " rows"], mass: Float64[Tensor, " rows"], intervals: int
) -> Float64[Tensor, " nodes"]:
    """Put each row's mass on the two nodes of a grid on 0..1 next to its position, so that its mean stays there."""
    steps = position * intervals
    below = steps.long().clamp(max=intervals - 1)
    share = steps - below
    nodes = torch.zeros(intervals + 1, dtype=torch.float64, device=mass.device)
    return nodes.index_add_(0, below, mass * (1 - share)).index_add_(0, below + 1, mass * share)


RELPLOT_STEP = 1e-3
RELPLOT_REGULARISER = 1e-4


def _relplot_error(
    confidence: Float64[Tensor, " rows"], residual: Float64[Tensor, " rows"], bandwidth: float | None
) -> Float64[Tensor, ""]:
    """The error as relplot discretises it, re-derived from its answers to single events (not from its code)."""
    intervals = round(1 / RELPLOT_STEP)
    gaps = split_on_grid(confidence, residual, intervals)
    shares = split_on_grid(confidence, torch.full_like(confidence, 1 / len(confidence)), intervals)

    def error_at(sigma: float) -> Float64[Tensor, ""]:
        smoothed = _relplot_smoothed(torch.stack([gaps, shares]), sigma)
        return smoothed[0].abs().mean() / (smoothed[1].mean() + RELPLOT_REGULARISER / len(confidence))

    if bandwidth is not None:
        return error_at(bandwidth)
    low, high = 0, 1024
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if float(error_at(middle / 1024)) < middle / 1024 else (middle, high)
    return error_at(high / 1024)


def _relplot_smoothed(nodes: Float64[Tensor, "measures nodes"], sigma: float) -> Float64[Tensor, "measures points"]:
    """Smooth with a Gaussian cut off at 1/2, mirrored without doubling the end nodes, and read off at even points."""
    last = nodes.shape[1] - 1
    reach = last // 2
    distance = torch.arange(-reach, reach + 1, dtype=torch.float64, device=nodes.device) / last
    weights = torch.exp(-(distance / sigma).square() / 2) / (sigma * math.sqrt(2 * math.pi))
    mirrored = F.pad(nodes, (reach, reach), mode="reflect")
    smoothed = F.conv1d(mirrored[:, None], weights[None, None]).squeeze(1)
    points = torch.linspace(0, last, max(200, int(10 / sigma)), dtype=torch.float64, device=nodes.device)
    below = points.long().clamp(max=last - 1)
    return torch.lerp(smoothed[:, below], smoothed[:, below + 1], points - below)
