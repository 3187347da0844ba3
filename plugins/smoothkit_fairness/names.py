"""What the scalars of a run are called, for those who write them and those who read them.

A scalar of a group is `quantity/group`, one of a pair `quantity/second vs first`: the second group's value minus the
first's, in the order of the data set's groups, which is by size in the training part, the largest first. A quantity is
followed by its stage where temperature scaling was applied beside what the file asks for.
"""

from typing import Literal

Stage = Literal["", "_scaled", "_scaled_by_group"]
"""As the file asks; after one temperature for all; after a temperature for each group."""

GROUP_QUANTITIES = (
    "accuracy",
    "confidence",
    "gap",
    "squared_error",
    "miscalibration",
    "ece",
    "ece_null",
    "nll",
    "brier",
    "aurc",
    "excess_aurc",
)
"""Of each group: the share of right predictions; mean confidence; confidence minus accuracy; the debiased squared
calibration error; CORP's miscalibration; the expected calibration error, and that of a calibrated model with as many
rows; proper scores; selective prediction."""

PAIR_QUANTITIES = (
    "gap_difference",
    "gap_difference_p",
    "squared_error_difference",
    "ece_difference",
    "matched_ece_difference",
    "same_curve_p",
    "detectable_gap",
)
"""Of each pair: the difference of signed gaps with its p-value; that of the debiased squared errors; of the errors as
they are, biased by size; of those at equal size; the permutation p-value of one calibration curve for both; the
smallest difference of signed gaps that groups of these sizes can be expected to show. p-values are corrected for the
number of pairs (Holm)."""


AGGREGATED = ("accuracy", "gap", "ece", "nll", "brier")
"""Quantities for which there is a distance over all groups."""


def of_group(quantity: str, group: str, stage: Stage = "") -> str:
    """The scalar of one group.

    >>> of_group("gap", "Female", "_scaled")
    'gap_scaled/Female'
    """
    return f"{quantity}{stage}/{group}"


def of_pair(quantity: str, first: str, second: str, stage: Stage = "") -> str:
    """The scalar of a pair: of the second group against the first.

    >>> of_pair("gap_difference", "Male", "Female")
    'gap_difference/Female vs Male'
    """
    return f"{quantity}{stage}/{second} vs {first}"


def of_all(quantity: str, against: Literal["between_groups", "to_overall"], stage: Stage = "") -> str:
    """The scalar of how far all groups are apart in a quantity, or from all rows together, in fairlearn's words.

    >>> of_all("ece", "between_groups", "_scaled")
    'ece_between_groups_scaled'
    """
    return f"{quantity}_{against}{stage}"
