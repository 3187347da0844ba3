"""Measures of a classifier: pure functions of its outputs and the labels, and the same by name.

| subject | modules |
| --- | --- |
| what is accepted, and what follows from it | `boundary` (the rules that all share), `scan`, `events`, `bins`, `ties` |
| right and wrong, proper scores | `scores`, `margins` |
| calibration | `calibration`, `classwise`, `smooth`, `cumulative`, `isotonic`, `temperature` |
| selective prediction | `selective`, `selective_influences`, `selection_score` |
| ordered classes | `ordinal`, `kappa` |
| trees of classes | `hierarchy`, `hierarchical`, `height_rows`, `top_classes` |
| hybrids of two classes, features | `hybrid`, `collapse` |
| groups of samples | `groups` (any metric), `group_calibration`, `gap_difference`, `matching` |
| intervals | `intervals`, `linearised`, `rank_intervals`, `weighted_ranks`, `selective_intervals` |
| comparisons | `paired`; `smoothkit.statistics` beneath it |
| batch by batch | `streaming`, `sketch` |
| names for scenario files | `metric`, `catalogue` |
"""

from smoothkit.metrics.bins import Reliability, equal_mass_edges, equal_width_edges, reliability_of
from smoothkit.metrics.calibration import (
    BrierParts,
    Sides,
    average_calibration_error_of,
    brier_parts_of,
    calibration_error_of,
    confidence_gap,
    confidence_gap_of,
    debiased_calibration_error,
    debiased_calibration_error_of,
    debiased_squared_error_of,
    expected_calibration_error,
    null_calibration_error_of,
    reliability,
    sides_of,
)
from smoothkit.metrics.classwise import classwise_calibration_error, classwise_reliability
from smoothkit.metrics.collapse import NeuralCollapse, Simplex, neural_collapse
from smoothkit.metrics.cumulative import (
    CumulativeTest,
    ZTest,
    kolmogorov_smirnov,
    kolmogorov_smirnov_of,
    kuiper,
    kuiper_of,
    spiegelhalter,
    spiegelhalter_of,
)
from smoothkit.metrics.events import Events, one_class, top_label
from smoothkit.metrics.group_calibration import (
    GroupCalibration,
    GroupComparison,
    bins_by_group,
    calibration_by_group,
    compare_groups,
    worst_group,
)
from smoothkit.metrics.groups import Grouped, metric_by_group
from smoothkit.metrics.hierarchical import (
    HierarchicalErrors,
    HierarchicalF,
    average_distance,
    expected_height,
    hierarchical_errors,
    hierarchical_f,
    hierarchical_precision,
    mean_height,
    mistake_severity,
    near_decisions,
)
from smoothkit.metrics.hierarchy import Hierarchy, level_events
from smoothkit.metrics.hybrid import (
    HybridRows,
    hybrid_rows,
    kl_divergence,
    over_hybridisation_rate,
    pair_events,
    parent_imbalance,
    parent_mass,
    parents_accuracy,
    top_pair_events,
)
from smoothkit.metrics.intervals import (
    confidence_gap_interval_of,
    debiased_squared_error_interval_of,
    mean_interval,
    share_interval,
    wilson_bounds,
)
from smoothkit.metrics.isotonic import ScoreDecomposition, score_decomposition, score_decomposition_of
from smoothkit.metrics.kappa import weighted_kappa
from smoothkit.metrics.margins import margin_mean, margin_variance, margins
from smoothkit.metrics.metric import Metric
from smoothkit.metrics.ordinal import (
    average_absolute_error,
    confusion,
    cumulative_events,
    expected_absolute_error,
    maximum_absolute_error,
    mean_absolute_error,
    off_by_one_accuracy,
    ranked_probability_score,
    unimodal_share,
)
from smoothkit.metrics.paired import paired_difference, paired_mean_difference
from smoothkit.metrics.rank_intervals import aurc_interval_of
from smoothkit.metrics.scores import (
    ConfidenceByOutcome,
    accuracy,
    brier,
    confidence_by_outcome,
    confidence_right,
    confidence_wrong,
    nll,
    top_k_accuracy,
)
from smoothkit.metrics.selection_score import normalised_max_logit
from smoothkit.metrics.selective import (
    RiskCoverage,
    augrc,
    augrc_of,
    aurc,
    aurc_of,
    coverage_at_risk,
    coverage_at_risk_of,
    excess_aurc,
    excess_aurc_of,
    failure_auroc,
    failure_auroc_of,
    risk_at_coverage,
    risk_at_coverage_of,
    risk_coverage,
    risk_coverage_of,
)
from smoothkit.metrics.smooth import smooth_calibration_error, smooth_calibration_error_of
from smoothkit.metrics.temperature import NoBestTemperature, Temperature, after_temperature, fit_temperature

__all__ = [
    "BrierParts",
    "ConfidenceByOutcome",
    "CumulativeTest",
    "Events",
    "GroupCalibration",
    "GroupComparison",
    "Grouped",
    "HierarchicalErrors",
    "HierarchicalF",
    "Hierarchy",
    "HybridRows",
    "Metric",
    "NeuralCollapse",
    "NoBestTemperature",
    "Reliability",
    "RiskCoverage",
    "ScoreDecomposition",
    "Sides",
    "Simplex",
    "Temperature",
    "ZTest",
    "accuracy",
    "after_temperature",
    "augrc",
    "augrc_of",
    "aurc",
    "aurc_interval_of",
    "aurc_of",
    "average_absolute_error",
    "average_calibration_error_of",
    "average_distance",
    "bins_by_group",
    "brier",
    "brier_parts_of",
    "calibration_by_group",
    "calibration_error_of",
    "classwise_calibration_error",
    "classwise_reliability",
    "compare_groups",
    "confidence_by_outcome",
    "confidence_gap",
    "confidence_gap_interval_of",
    "confidence_gap_of",
    "confidence_right",
    "confidence_wrong",
    "confusion",
    "coverage_at_risk",
    "coverage_at_risk_of",
    "cumulative_events",
    "debiased_calibration_error",
    "debiased_calibration_error_of",
    "debiased_squared_error_interval_of",
    "debiased_squared_error_of",
    "equal_mass_edges",
    "equal_width_edges",
    "excess_aurc",
    "excess_aurc_of",
    "expected_absolute_error",
    "expected_calibration_error",
    "expected_height",
    "failure_auroc",
    "failure_auroc_of",
    "fit_temperature",
    "hierarchical_errors",
    "hierarchical_f",
    "hierarchical_precision",
    "hybrid_rows",
    "kl_divergence",
    "kolmogorov_smirnov",
    "kolmogorov_smirnov_of",
    "kuiper",
    "kuiper_of",
    "level_events",
    "margin_mean",
    "margin_variance",
    "margins",
    "maximum_absolute_error",
    "mean_absolute_error",
    "mean_height",
    "mean_interval",
    "metric_by_group",
    "mistake_severity",
    "near_decisions",
    "neural_collapse",
    "nll",
    "normalised_max_logit",
    "null_calibration_error_of",
    "off_by_one_accuracy",
    "one_class",
    "over_hybridisation_rate",
    "pair_events",
    "paired_difference",
    "paired_mean_difference",
    "parent_imbalance",
    "parent_mass",
    "parents_accuracy",
    "ranked_probability_score",
    "reliability",
    "reliability_of",
    "risk_at_coverage",
    "risk_at_coverage_of",
    "risk_coverage",
    "risk_coverage_of",
    "score_decomposition",
    "score_decomposition_of",
    "share_interval",
    "sides_of",
    "smooth_calibration_error",
    "smooth_calibration_error_of",
    "spiegelhalter",
    "spiegelhalter_of",
    "top_k_accuracy",
    "top_label",
    "top_pair_events",
    "unimodal_share",
    "weighted_kappa",
    "wilson_bounds",
    "worst_group",
]
