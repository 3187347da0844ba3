"""The calibration error as netcal computes it, with a percentile bootstrap of each group's rows.

The call is `ECE(bins=15).measure(confidence, correctness)`: the event is that the prediction is right, which netcal
takes for a binary problem, so that no group can have too few classes for it. netcal brings no intervals of its own.
"""

from typing import Any

import numpy as np

from smoothkit.metrics.bins import BINS
from smoothkit.statistics import Interval, percentile_interval
from smoothkit_fairness.null.laws import Sample
from smoothkit_fairness.null.plug_in import Replicates


def error(group: Sample) -> float:
    """The expected calibration error, 0 to 1."""
    return float(_measure()(group.confidence.numpy(), group.correctness.numpy()))


def gap(first: Sample, second: Sample) -> float:
    """The second group's error minus the first's."""
    return error(second) - error(first)


def percentile(group: Sample, generator: np.random.Generator, resamples: int) -> Interval:
    """The central 95 % of the replicates of one group's error."""
    return percentile_interval(error(group), _replicates(group, generator, resamples))


def percentile_shown(first: Sample, second: Sample, generator: np.random.Generator, resamples: int) -> bool:
    """Whether the percentile interval of the errors' difference excludes 0."""
    drawn = [_replicates(group, generator, resamples) for group in (first, second)]
    return percentile_interval(gap(first, second), drawn[1] - drawn[0]).excludes(0.0)


def _replicates(group: Sample, generator: np.random.Generator, resamples: int) -> Replicates:
    measure, confidence, correctness = _measure(), group.confidence.numpy(), group.correctness.numpy()
    drawn = generator.integers(len(confidence), size=(resamples, len(confidence)))
    return np.array([measure(confidence[rows], correctness[rows]) for rows in drawn])


def _measure() -> Any:
    # Imported here, because it takes a second and one method in nine needs it; and it may be missing.
    from netcal.metrics import ECE  # pyright: ignore[reportMissingImports]

    return ECE(bins=BINS).measure
