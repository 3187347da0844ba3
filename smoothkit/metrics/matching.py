"""Comparing bins of events at equal size, or at equal confidence, by drawing from them without replacement."""

import math
from dataclasses import fields

import numpy as np
from jaxtyping import Float64, Int64

from smoothkit.metrics.bins import Reliability
from smoothkit.metrics.calibration import calibration_error_of

DRAWS = 200


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
    sum over bins of n1 n2 / (n1 + n2) times the squared difference of the groups' gaps, which also sees groups that
    are equally wrong in opposite directions. Smallest value 1 / (permutations + 1). Bins that hold one group only say
    nothing; if all do, the p-value is 1.
    """
    if min(int(first.total), int(second.total)) == 0:
        return math.nan
    counts = np.stack([first.counts.cpu().numpy(), second.counts.cpu().numpy()])
    shared = (counts > 0).all(axis=0)
    weights = np.where(shared, counts.prod(axis=0) / np.maximum(counts.sum(axis=0), 1), 0.0)
    gaps = [(bins.accuracy - bins.confidence).nan_to_num(nan=0.0).cpu().numpy() for bins in (first, second)]
    observed = float(weights @ (gaps[1] - gaps[0]) ** 2)
    both = _united(first, second)
    drawn = np.broadcast_to(counts[1], (permutations, len(weights)))
    inside = drawn_accuracy(both, drawn, generator)
    mean = both.accuracy.nan_to_num(nan=0.0).cpu().numpy()
    # What the second group gets the first one lacks: d = inside - outside = (inside - mean) n / n1.
    differences = (inside - mean) * counts.sum(axis=0) / np.maximum(counts[0], 1)
    permuted = differences**2 @ weights
    # Rounding must not decide between values that are equal.
    return float((1 + (permuted >= observed * (1 - 1e-9)).sum()) / (permutations + 1))


def drawn_accuracy(
    bins: Reliability, drawn: Int64[np.ndarray, "draws bins"], generator: np.random.Generator
) -> Float64[np.ndarray, "draws bins"]:
    """The accuracy of so many events drawn from each bin without replacement; the bin's own where none is drawn.

    Hypergeometric for labels that are indices. Under soft labels the number of right events is rounded and the
    deviation scaled to the variance that correctness has in the bin.
    """
    counts = np.broadcast_to(bins.counts.cpu().numpy(), drawn.shape)
    right = np.broadcast_to(bins.correctness_sum.round().cpu().numpy().astype(np.int64), drawn.shape)
    mean = bins.accuracy.nan_to_num(nan=0.0).cpu().numpy()
    share = right[0] / np.maximum(counts[0], 1)
    spread = share * (1 - share)
    scale = np.sqrt(
        np.divide(bins.variance.nan_to_num().cpu().numpy(), spread, out=np.zeros_like(mean), where=spread > 0)
    )
    hits = generator.hypergeometric(right, counts - right, drawn)
    found = np.divide(hits, drawn, out=np.broadcast_to(share, drawn.shape).copy(), where=drawn > 0)
    return mean + scale * (found - share)


def _united(first: Reliability, second: Reliability) -> Reliability:
    """The bins of both sets of events together."""
    names = (field.name for field in fields(Reliability) if field.name != "edges")
    return Reliability(edges=first.edges, **{name: getattr(first, name) + getattr(second, name) for name in names})
