"""The usual report: the calibration error as it is, with a bootstrap of each group's rows."""

import numpy as np
import torch
from jaxtyping import Float64

from smoothkit.metrics import calibration_error_of, equal_width_edges
from smoothkit.metrics.bins import BINS, bins_of
from smoothkit.statistics import Interval, bootstrap, function_of_sums, percentile_interval
from smoothkit_fairness.null.laws import Sample

Replicates = Float64[np.ndarray, " resamples"]


def error(group: Sample) -> float:
    """The expected calibration error, 0 to 1."""
    return float(calibration_error_of(group.bins))


def gap(first: Sample, second: Sample) -> float:
    """The second group's error minus the first's."""
    return error(second) - error(first)


def replicates(group: Sample, generator: np.random.Generator, resamples: int) -> Replicates:
    """The error in bootstrap samples of the rows."""
    rows = len(group.confidence)
    # What a row adds to its bin is confidence minus correctness; the error is the sum of the bins' absolute sums, by n.
    residuals = torch.zeros(rows, BINS, dtype=torch.float64)
    residuals[torch.arange(rows), bins_of(group.confidence, equal_width_edges(BINS))] = (
        group.confidence - group.correctness
    )
    statistic = function_of_sums(residuals.numpy(), lambda sums: np.abs(sums).sum(axis=1) / rows)
    return bootstrap(statistic, rows, generator, resamples)


def percentile(group: Sample, generator: np.random.Generator, resamples: int) -> Interval:
    """The central 95 % of the replicates of one group's error."""
    return percentile_interval(error(group), replicates(group, generator, resamples))


def basic(group: Sample, generator: np.random.Generator, resamples: int) -> Interval:
    """The same, reflected at the estimate."""
    return reflected(percentile(group, generator, resamples))


def percentile_shown(first: Sample, second: Sample, generator: np.random.Generator, resamples: int) -> bool:
    """Whether the percentile interval of the errors' difference excludes 0."""
    return _difference(first, second, generator, resamples).excludes(0.0)


def basic_shown(first: Sample, second: Sample, generator: np.random.Generator, resamples: int) -> bool:
    """Whether the basic interval of the errors' difference excludes 0."""
    return reflected(_difference(first, second, generator, resamples)).excludes(0.0)


def reflected(interval: Interval) -> Interval:
    """The basic bootstrap interval that belongs to a percentile interval: its reflection at the estimate.

    >>> reflected(Interval(0.5, 0.375, 1.0, "percentile bootstrap"))[1:]
    (0.0, 0.625, 'basic bootstrap')
    """
    estimate, low, high, _ = interval
    return Interval(estimate, 2 * estimate - high, 2 * estimate - low, "basic bootstrap")


def _difference(first: Sample, second: Sample, generator: np.random.Generator, resamples: int) -> Interval:
    drawn = [replicates(group, generator, resamples) for group in (first, second)]
    return percentile_interval(gap(first, second), drawn[1] - drawn[0])
