"""Groups in fairlearn's form: metrics that its MetricFrame takes, that frame itself, and a table in its layout.

A MetricFrame knows rows by what is true and what is predicted. Here what is predicted is the confidence in a
prediction, and what is true is whether that prediction was right: `y_true` 0 or 1, `y_pred` 0 to 1.
"""

import csv
import io
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import ArrayLike
from torch import Tensor

from smoothkit.errors import UserError
from smoothkit.metrics import (
    Reliability,
    aurc_of,
    calibration_error_of,
    confidence_gap_of,
    debiased_squared_error_of,
    equal_mass_edges,
    equal_width_edges,
    excess_aurc_of,
    null_calibration_error_of,
    reliability_of,
    score_decomposition_of,
    top_label,
)
from smoothkit.metrics.bins import BINS
from smoothkit.metrics.boundary import Labels, check_choice
from smoothkit.metrics.calibration import Binning
from smoothkit.metrics.events import Events
from smoothkit.metrics.groups import group_names
from smoothkit.metrics.scores import brier_rows, nll_rows, row_scores
from smoothkit_fairness.names import GROUP_QUANTITIES, Stage, of_group

FILE = "by_group.csv"
"""The table of a run, in its folder."""

Edges = Sequence[float] | None
"""Boundaries of bins, rising from 0 to 1; None for 15 bins of equal width. Groups must share theirs to be compared."""


def accuracy(y_true: ArrayLike, y_pred: ArrayLike) -> float:
    """The share of right predictions, 0 to 1."""
    return float(_events(y_true, y_pred).correctness.mean())


def confidence(y_true: ArrayLike, y_pred: ArrayLike) -> float:
    """The mean confidence, 0 to 1."""
    return float(_events(y_true, y_pred).confidence.mean())


def signed_gap(y_true: ArrayLike, y_pred: ArrayLike) -> float:
    """Mean confidence minus accuracy, -1 to 1: positive is over-confident."""
    return float(confidence_gap_of(reliability_of(*_events(y_true, y_pred))))


def debiased_squared_error(y_true: ArrayLike, y_pred: ArrayLike, *, edges: Edges = None) -> float:
    """The squared calibration error less what chance adds to it: see `smoothkit.metrics.debiased_squared_error_of`."""
    return float(debiased_squared_error_of(_bins(y_true, y_pred, edges)))


def expected_calibration_error(y_true: ArrayLike, y_pred: ArrayLike, *, edges: Edges = None) -> float:
    """The plug-in calibration error (ECE), 0 to 1: biased upward, and most so in small groups."""
    return float(calibration_error_of(_bins(y_true, y_pred, edges)))


def null_calibration_error(y_true: ArrayLike, y_pred: ArrayLike, *, edges: Edges = None) -> float:
    """About the ECE that a calibrated model would show with as many rows: to be read beside it."""
    return float(null_calibration_error_of(_bins(y_true, y_pred, edges)))


def miscalibration(y_true: ArrayLike, y_pred: ArrayLike) -> float:
    """What the Brier score of the events would gain by isotonic recalibration (CORP), 0 or more."""
    return float(score_decomposition_of(*_events(y_true, y_pred)).miscalibration)


def aurc(y_true: ArrayLike, y_pred: ArrayLike) -> float:
    """The area under the risk-coverage curve, 0 to 1."""
    return float(aurc_of(*_events(y_true, y_pred)))


def excess_aurc(y_true: ArrayLike, y_pred: ArrayLike) -> float:
    """The same less that of the best order of the rows, 0 to 1."""
    return float(excess_aurc_of(*_events(y_true, y_pred)))


def mean_of_rows(y_true: ArrayLike, y_pred: ArrayLike, *, rows: ArrayLike) -> float:
    """The mean of any value per row, which fairlearn cuts to the group as a sample parameter."""
    return float(np.mean(np.asarray(rows, dtype=np.float64)))


METRICS: dict[str, Callable[..., float]] = {
    "accuracy": accuracy,
    "confidence": confidence,
    "gap": signed_gap,
    "squared_error": debiased_squared_error,
    "miscalibration": miscalibration,
    "ece": expected_calibration_error,
    "ece_null": null_calibration_error,
    "nll": mean_of_rows,
    "brier": mean_of_rows,
    "aurc": aurc,
    "excess_aurc": excess_aurc,
}
"""What measures each of `smoothkit_fairness.names.GROUP_QUANTITIES`."""

BINNED = ("squared_error", "ece", "ece_null")


def metric_frame(
    logits: Float[Tensor, "rows classes"],
    labels: Labels,
    groups: Int[Tensor, " rows"],
    names: Sequence[str],
    *,
    metrics: Sequence[str] = GROUP_QUANTITIES,
    bins: int = BINS,
    binning: Binning = "mass",
) -> Any:
    """A `fairlearn.metrics.MetricFrame` of the groups: `by_group`, `overall`, `difference()`, `ratio()` and the rest.

    Its columns are `metrics`, some of `smoothkit_fairness.names.GROUP_QUANTITIES`; bins are shared by all groups. It
    knows the groups that have rows, and measures those of a single row too.

    Raises:
        UserError: fairlearn is not installed.
        ValueError: there is no such metric or binning, ids do not fit the names, or as `smoothkit.metrics.boundary`
            says.
    """
    frames = _fairlearn_metrics()
    check_choice("metric_frame", "binning", binning, Binning)
    if unknown := [metric for metric in metrics if metric not in METRICS]:
        raise ValueError(f"metric_frame: there is no metric {unknown[0]!r}; there are {', '.join(METRICS)}")
    events = top_label(logits, labels, metric="metric_frame")
    known = group_names(groups, names)
    shared = equal_mass_edges(events.confidence, bins) if binning == "mass" else equal_width_edges(bins)
    losses = {"nll": nll_rows, "brier": brier_rows}
    return frames.MetricFrame(
        metrics={
            name: partial(METRICS[name], edges=shared.tolist()) if name in BINNED else METRICS[name] for name in metrics
        },
        y_true=events.correctness.numpy(),
        y_pred=events.confidence.numpy(),
        sensitive_features={"group": [known[index] for index in groups.tolist()]},
        sample_params={
            name: {"rows": row_scores("metric_frame", losses[name], logits, labels).numpy()}
            for name in metrics
            if name in losses
        },
    )


def table_by_group(names: Sequence[str], scalars: Mapping[str, float], stages: Sequence[Stage]) -> str:
    """A run's scalars as `MetricFrame.by_group.to_csv()` writes them: a line per group, a column per quantity.

    `rows` comes first; quantities of a stage have its name behind theirs. What is undefined is left empty.
    """
    columns: list[tuple[str, Stage]] = [(quantity, stage) for stage in stages for quantity in GROUP_QUANTITIES]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["group", "rows", *(f"{quantity}{stage}" for quantity, stage in columns)])
    for name in names:
        values = (scalars[of_group(quantity, name, stage)] for quantity, stage in columns)
        rows = int(scalars[of_group("rows", name)])
        writer.writerow([name, rows, *("" if math.isnan(value) else repr(value) for value in values)])
    return text.getvalue()


def _events(y_true: ArrayLike, y_pred: ArrayLike) -> Events:
    """The events in float64; copies, since a slice may be read-only."""
    correctness, confidence = (torch.tensor(np.asarray(column, dtype=np.float64)) for column in (y_true, y_pred))
    return Events(confidence=confidence, correctness=correctness)


def _bins(y_true: ArrayLike, y_pred: ArrayLike, edges: Edges) -> Reliability:
    given = None if edges is None else torch.tensor(edges, dtype=torch.float64)
    return reliability_of(*_events(y_true, y_pred), edges=given)


def _fairlearn_metrics() -> Any:
    try:
        import fairlearn.metrics
    except ImportError as error:
        raise UserError("a MetricFrame needs fairlearn; install it with: pip install 'smoothkit[fairlearn]'") from error
    return fairlearn.metrics
