"""The calibration error in fairlearn's MetricFrame, with the bootstrap that the frame brings itself.

The call is `MetricFrame(metrics={"ECE": ...}, y_true=correctness, y_pred=confidence, sensitive_features=group,
n_boot=resamples, ci_quantiles=[0.025, 0.975])`. What it gives on the difference of groups is
`difference_ci(method="between_groups")`, quantiles of the largest minus the smallest error: never below 0, so such an
interval excludes 0 whatever the data. The reading of a frame that is most favourable to it is to call a gap only where
the intervals of `by_group_ci` do not overlap. Both are methods here.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike

from smoothkit.metrics.bins import BINS, equal_width_edges
from smoothkit.statistics import Interval
from smoothkit.statistics.interval import TAILS
from smoothkit_fairness.null.laws import Sample

NAME = "ECE"
INNER_EDGES = equal_width_edges(BINS).numpy()[1:-1]


def groups_apart(first: Sample, second: Sample, generator: np.random.Generator, resamples: int) -> bool:
    """Whether the intervals of both groups' errors have nothing in common."""
    low, high = (bound[NAME] for bound in _frame((first, second), generator, resamples).by_group_ci)
    return bool(low.max() > high.min())


def difference_shown(first: Sample, second: Sample, generator: np.random.Generator, resamples: int) -> bool:
    """Whether the interval of the difference between groups excludes 0."""
    low, high = (
        float(bound[NAME])
        for bound in _frame((first, second), generator, resamples).difference_ci(method="between_groups")
    )
    return not low <= 0 <= high


def signed_gap(first: Sample, second: Sample) -> float:
    """The second group's error minus the first's."""
    errors = _frame((first, second)).by_group[NAME]
    return float(errors.loc[1] - errors.loc[0])


def difference(first: Sample, second: Sample) -> float:
    """The difference as the frame reports it, the larger error minus the smaller."""
    return float(_frame((first, second)).difference(method="between_groups")[NAME])


def interval(group: Sample, generator: np.random.Generator, resamples: int) -> Interval:
    """One group's error with the frame's interval."""
    frame = _frame((group,), generator, resamples)
    low, high = (float(bound[NAME].loc[0]) for bound in frame.by_group_ci)
    return Interval(float(frame.by_group[NAME].loc[0]), low, high, "MetricFrame.by_group_ci")


def _error(correctness: ArrayLike, confidence: ArrayLike) -> float:
    """`plug_in.error` as fairlearn calls a metric, with columns of its frame."""
    # In numpy: a frame asks hundreds of times for the error of a few rows, each time of other ones.
    residuals = np.asarray(confidence, dtype=np.float64) - np.asarray(correctness, dtype=np.float64)
    gaps = np.bincount(np.searchsorted(INNER_EDGES, confidence), residuals, BINS)
    return float(np.abs(gaps).sum() / len(residuals))


def _frame(groups: Sequence[Sample], generator: np.random.Generator | None = None, resamples: int | None = None) -> Any:
    """The MetricFrame of groups 0, 1, …; with intervals if there are resamples."""
    # Imported here, since it may be missing.
    from fairlearn.metrics import MetricFrame

    return MetricFrame(
        metrics={NAME: _error},
        y_true=torch.cat([group.correctness for group in groups]).numpy(),
        y_pred=torch.cat([group.confidence for group in groups]).numpy(),
        sensitive_features=np.repeat(np.arange(len(groups)), [len(group.confidence) for group in groups]),
        n_boot=resamples,
        ci_quantiles=list(TAILS) if resamples else None,
        random_state=int(generator.integers(2**31)) if generator else None,
    )
