"""Measures of a classifier: pure functions of logits and labels, and the same by name.

`functional` states the rules that all of them share; `catalogue` holds the ready Metric objects.
"""

from smoothkit.metrics.calibration import Reliability, bin_edges, reliability_of
from smoothkit.metrics.functional import (
    ConfidenceByOutcome,
    accuracy,
    brier,
    confidence_by_outcome,
    confidence_gap,
    confidence_right,
    confidence_wrong,
    expected_calibration_error,
    margin_mean,
    margin_variance,
    margins,
    nll,
    reliability,
)
from smoothkit.metrics.metric import Metric

__all__ = [
    "ConfidenceByOutcome",
    "Metric",
    "Reliability",
    "accuracy",
    "bin_edges",
    "brier",
    "confidence_by_outcome",
    "confidence_gap",
    "confidence_right",
    "confidence_wrong",
    "expected_calibration_error",
    "margin_mean",
    "margin_variance",
    "margins",
    "nll",
    "reliability",
    "reliability_of",
]
