"""Figures of what was measured: reliability diagrams, risk-coverage curves, gaps of groups, class matrices."""

import math
from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float64
from torch import Tensor

from smoothkit.metrics import Events, Reliability, calibration_error_of, confidence_gap_of, null_calibration_error_of
from smoothkit.metrics.intervals import confidence_gap_interval_of, wilson_bounds
from smoothkit.metrics.selective import risk_coverage_of
from smoothkit.report.figures import (
    CurvesFigure,
    GroupReliabilityFigure,
    IntervalsFigure,
    MatrixFigure,
    ReliabilityFigure,
)
from smoothkit.report.legibility import MOST_CLASSES, kept_points
from smoothkit.report.numbers import known

LEAST_COVERAGE = 0.1
"""Where a risk-coverage curve begins."""

MOST_POINTS = 200
"""Points of a curve; a test set has thousands of coverages."""


def reliability_figure(title: str, bins: Reliability) -> ReliabilityFigure:
    """Accuracy against confidence with Wilson's intervals, the ECE beside that of chance, and the signed gap."""
    low, high = wilson_bounds(bins.correctness_sum, bins.counts)
    gap = confidence_gap_interval_of(bins)
    return ReliabilityFigure(
        title=title,
        edges=tuple(bins.edges.tolist()),
        counts=tuple(bins.counts.tolist()),
        confidence=_entries(bins.confidence),
        accuracy=_entries(bins.accuracy),
        low=_entries(low),
        high=_entries(high),
        ece=_entry(calibration_error_of(bins)),
        null_ece=_entry(null_calibration_error_of(bins)),
        gap=_entry(confidence_gap_of(bins)),
        gap_low=known(gap.low),
        gap_high=known(gap.high),
    )


def group_reliability_figure(title: str, bins: Mapping[str, Reliability]) -> GroupReliabilityFigure:
    """A reliability diagram per group, all in the same bins, as `smoothkit.metrics.bins_by_group` makes them."""
    return GroupReliabilityFigure(
        title=title, groups={name: reliability_figure(name, found) for name, found in bins.items()}
    )


def gaps_figure(title: str, bins: Mapping[str, Reliability]) -> IntervalsFigure:
    """The signed gap of each group with its interval, those with most rows first."""
    groups = sorted(bins.items(), key=lambda group: -int(group[1].total))
    gaps = [confidence_gap_interval_of(found) for _, found in groups]
    return IntervalsFigure(
        title=title,
        names=tuple(name for name, _ in groups),
        estimates=tuple(known(gap.estimate) for gap in gaps),
        low=tuple(known(gap.low) for gap in gaps),
        high=tuple(known(gap.high) for gap in gaps),
        counts=tuple(int(found.total) for _, found in groups),
        x_label="confidence minus accuracy",
    )


def risk_coverage_figure(title: str, curves: Mapping[str, Events]) -> CurvesFigure:
    """The share of wrong predictions among the most confident, against how many are kept; Wilson's bands.

    It begins with a tenth of the rows: of fewer, the bands say nothing and would take up the picture.
    """
    x, y, low, high = {}, {}, {}, {}
    for name, (confidence, correctness) in curves.items():
        curve = risk_coverage_of(confidence, correctness)
        lower, upper = wilson_bounds(curve.wrong, curve.accepted)
        shown = curve.coverage >= LEAST_COVERAGE
        coverage, risk, lower, upper = _thinned(
            *(column[shown] for column in (curve.coverage, curve.risk, lower, upper))
        )
        x[name], y[name] = tuple(coverage.tolist()), _entries(risk)
        low[name], high[name] = _entries(lower), _entries(upper)
    return CurvesFigure(
        title=title, x_label="coverage (share kept)", y_label="risk (share wrong)", x=x, y=y, low=low, high=high
    )


def matrix_figure(title: str, matrix: Tensor, names: Sequence[str]) -> MatrixFigure:
    """A class-by-class matrix with the true class in rows."""
    shown = tuple(names[:MOST_CLASSES])
    if len(shown) < len(names):
        title += f" (first {len(shown)} of {len(names)} classes)"
    values = matrix[: len(shown), : len(shown)].double().cpu()
    return MatrixFigure(
        title=title,
        values=tuple(_entries(row) for row in values),
        rows=shown,
        columns=shown,
        row_label="true class",
        column_label="class",
    )


def _thinned(*columns: Float64[Tensor, " points"]) -> list[Float64[Tensor, " kept"]]:
    """The columns at the points that are kept."""
    kept = kept_points(len(columns[0]), MOST_POINTS)
    points = torch.tensor(kept, dtype=torch.int64, device=columns[0].device)
    return [column[points] for column in columns]


def _entries(values: Float64[Tensor, " entries"]) -> tuple[float | None, ...]:
    # Spelled out, as a figure of a large test part has thousands of entries.
    return tuple(value if math.isfinite(value) else None for value in values.tolist())


def _entry(value: Float64[Tensor, ""]) -> float | None:
    return known(float(value))
