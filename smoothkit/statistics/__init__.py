"""Statistics of comparisons: paired over seeds, corrected for their number, robust to outliers, honest about power.

Everything here is NumPy and SciPy: importable without torch.
"""

from smoothkit.statistics.crossed import CrossedMean, crossed_difference, crossed_mean, crossed_mean_interval
from smoothkit.statistics.interval import CONFIDENCE, LEVEL, Interval, student_interval, student_p_value
from smoothkit.statistics.multiple import holm
from smoothkit.statistics.paired import deviation, paired_bootstrap_interval, paired_interval, paired_p_value
from smoothkit.statistics.power import detectable_difference, detectable_gap, paired_power, pairs_needed
from smoothkit.statistics.resampling import (
    bootstrap,
    function_of_sums,
    log_odds_interval,
    percentile_interval,
    recentred_interval,
    row_weights,
    two_level_bootstrap,
)
from smoothkit.statistics.robust import (
    interquartile_mean,
    interquartile_mean_interval,
    performance_profile,
    probability_of_improvement,
    probability_of_improvement_interval,
    stratified_interval,
)
from smoothkit.statistics.survival import Survival, kaplan_meier

__all__ = [
    "CONFIDENCE",
    "LEVEL",
    "CrossedMean",
    "Interval",
    "Survival",
    "bootstrap",
    "crossed_difference",
    "crossed_mean",
    "crossed_mean_interval",
    "detectable_difference",
    "detectable_gap",
    "deviation",
    "function_of_sums",
    "holm",
    "interquartile_mean",
    "interquartile_mean_interval",
    "kaplan_meier",
    "log_odds_interval",
    "paired_bootstrap_interval",
    "paired_interval",
    "paired_p_value",
    "paired_power",
    "pairs_needed",
    "percentile_interval",
    "performance_profile",
    "probability_of_improvement",
    "probability_of_improvement_interval",
    "recentred_interval",
    "row_weights",
    "stratified_interval",
    "student_interval",
    "student_p_value",
    "two_level_bootstrap",
]
