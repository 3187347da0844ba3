"""Comparing bins of events at equal size, or at equal confidence, by drawing from them without replacement."""

import math
from dataclasses import fields

import numpy as np
import torch
from jaxtyping import Float64, Int64

from smoothkit.metrics.bins import Reliability
from smoothkit.metrics.calibration import calibration_error_of

DRAWS = 200

SAME = 1e-9
"""A sum of squares around the mean that is below this share of the sum of squares is rounding."""


def matched_calibration_error_of(
    bins: Reliability, rows: int, generator: np.random.Generator, draws: int = DRAWS
) -> float:
    """The ECE that a subsample of `rows` of the events shows, on average over `draws` subsamples.

    At equal size two groups of one law have the same bias, so the difference of their ECE has none; groups that are
    calibrated differently keep a part of it, since the bias depends on the error itself. Raises ValueError for more
    rows than there are.
    """
    total = int(bins.total)
    if not 1 <= rows <= total:
        raise ValueError(f"matched_calibration_error: rows must lie in 1..{total}, got {rows}")
    if rows == total:
        return float(calibration_error_of(bins))
    counts, confidence = bins.counts.cpu().numpy(), bins.confidence.nan_to_num(nan=0.0).cpu().numpy()
    drawn = generator.multivariate_hypergeometric(counts, rows, size=draws, method="marginals")
    gaps = confidence - drawn_accuracy(bins, drawn, generator)
    return float((drawn * np.abs(gaps)).sum(axis=1).mean()) / rows


def same_curve_p_value(
    first: Reliability, second: Reliability, generator: np.random.Generator, permutations: int = 1000
) -> float:
    """The p-value of the hypothesis that both groups have one law of correctness given confidence; NaN without rows.

    Within each bin the rows' groups are permuted, so groups may differ in how confident they are. The statistic is the
    sum over bins of n1 n2 / (n1 + n2) times the squared difference of the groups' accuracies, which also sees groups
    that are equally wrong in opposite directions. A group that is more confident inside a bin is expected to be more
    accurate there, by the slope that correctness has on confidence inside bins: that is taken off, and the slope's
    standard error is added to the permutations (analysis of covariance). Without it, groups of 30 000 rows whose
    confidences differ would seldom pass for one curve in 15 bins.

    Smallest value 1 / (permutations + 1). Bins that hold one group only say nothing; if all do, the p-value is 1.
    """
    if min(int(first.total), int(second.total)) == 0:
        return math.nan
    counts = np.stack([first.counts.cpu().numpy(), second.counts.cpu().numpy()])
    shared = (counts > 0).all(axis=0)
    weights = np.where(shared, counts.prod(axis=0) / np.maximum(counts.sum(axis=0), 1), 0.0)
    accuracy, confidence = (
        (getattr(second, name) - getattr(first, name)).nan_to_num(nan=0.0).cpu().numpy()
        for name in ("accuracy", "confidence")
    )
    slope, error = _slope(first, second)
    observed = float(weights @ (accuracy - slope * confidence) ** 2)
    both = _united(first, second)
    drawn = np.broadcast_to(counts[1], (permutations, len(weights)))
    inside = drawn_accuracy(both, drawn, generator)
    mean = both.accuracy.nan_to_num(nan=0.0).cpu().numpy()
    # What the second group gets the first one lacks: d = inside - outside = (inside - mean) n / n1.
    differences = (inside - mean) * counts.sum(axis=0) / np.maximum(counts[0], 1)
    differences += error * generator.standard_normal((permutations, 1)) * confidence
    permuted = differences**2 @ weights
    # Rounding must not decide between values that are equal.
    return float((1 + (permuted >= observed * (1 - 1e-9)).sum()) / (permutations + 1))


def drawn_accuracy(
    bins: Reliability, drawn: Int64[np.ndarray, "draws bins"], generator: np.random.Generator
) -> Float64[np.ndarray, "draws bins"]:
    """The accuracy of so many events drawn from each bin without replacement; the bin's own where none is drawn.

    Hypergeometric for labels that are indices. Under soft labels half of the bin's events stand for the right ones, and
    the deviation is scaled to the variance that correctness has in the bin.
    """
    counts = np.broadcast_to(bins.counts.cpu().numpy(), drawn.shape)
    hard = bins.correctness_square_sum == bins.correctness_sum
    right = torch.where(hard, bins.correctness_sum.round().long(), bins.counts // 2).cpu().numpy()
    right = np.broadcast_to(right, drawn.shape)
    mean = bins.accuracy.nan_to_num(nan=0.0).cpu().numpy()
    share = right[0] / np.maximum(counts[0], 1)
    spread = share * (1 - share)
    scale = np.sqrt(
        np.divide(bins.variance.nan_to_num().cpu().numpy(), spread, out=np.zeros_like(mean), where=spread > 0)
    )
    hits = generator.hypergeometric(right, counts - right, drawn)
    found = np.divide(hits, drawn, out=np.broadcast_to(share, drawn.shape).copy(), where=drawn > 0)
    return mean + scale * (found - share)


def _slope(*groups: Reliability) -> tuple[float, float]:
    """How much correctness rises with confidence inside the bins of each group, and its standard error.

    Least squares with a level for each bin of each group. 0 where either does not vary there.
    """
    cells = Reliability.stacked(groups)
    confidence, correctness = cells.confidence_sum, cells.correctness_sum
    freedom = int(cells.total.sum()) - int((cells.counts > 0).sum()) - 1
    squares, right_squares, products = (
        float((sums - one * other / cells.counts).nan_to_num(nan=0.0).sum())
        for sums, one, other in (
            (cells.confidence_square_sum, confidence, confidence),
            (cells.correctness_square_sum, correctness, correctness),
            (cells.product_sum, confidence, correctness),
        )
    )
    varies = squares > SAME * float(cells.confidence_square_sum.sum())
    if freedom < 1 or not varies or right_squares <= SAME * float(cells.correctness_square_sum.sum()):
        return 0.0, 0.0
    slope = products / squares
    return slope, math.sqrt(max(right_squares - slope * products, 0.0) / freedom / squares)


def _united(first: Reliability, second: Reliability) -> Reliability:
    """The bins of both sets of events together."""
    names = (field.name for field in fields(Reliability) if field.name != "edges")
    return Reliability(edges=first.edges, **{name: getattr(first, name) + getattr(second, name) for name in names})
