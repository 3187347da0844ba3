"""What one stage of a run shows of each group, of each pair of groups, and of how far groups are apart."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import get_args

import numpy as np
import torch
from jaxtyping import Float, Float64, Int, Int64
from torch import Tensor

from smoothkit.metrics import (
    Events,
    GroupCalibration,
    GroupComparison,
    Grouped,
    Reliability,
    aurc_of,
    bins_by_group,
    calibration_by_group,
    calibration_error_of,
    compare_groups,
    mean_interval,
    score_decomposition_of,
    share_interval,
)
from smoothkit.metrics.boundary import Labels, blocks
from smoothkit.metrics.calibration import Binning
from smoothkit.metrics.groups import Against
from smoothkit.metrics.metric import SEED
from smoothkit.metrics.scores import brier_rows, nll_rows
from smoothkit.scenario import Better, Result
from smoothkit.statistics import Interval
from smoothkit_fairness.names import AGGREGATED, GROUP_QUANTITIES, PAIR_QUANTITIES, Stage, of_all, of_group, of_pair

LEAST_ROWS = 2
"""Rows below which nothing is said of a group: a single one is right or wrong, and sets any two groups apart."""

BETTER: dict[str, Better] = {
    "accuracy": "higher",
    "squared_error": "lower",
    "nll": "lower",
    "brier": "lower",
    "aurc": "lower",
    "excess_aurc": "lower",
}
"""The direction of quantities of a group that have one; a signed gap is best at 0, and an ECE depends on size."""

OF_ROWS = ("gap", "accuracy", "nll", "brier")
"""Quantities that are means over rows, and so are kept row by row."""


@dataclass(frozen=True, kw_only=True, eq=False)
class GroupedRows:
    """The rows of a part at one stage: what is measured of each, and whose it is."""

    stage: Stage
    names: tuple[str, ...]
    """The groups' names, by id."""
    groups: Int[Tensor, " rows"]
    """Group ids."""
    events: Events
    """Confidence in the prediction, and whether it is right."""
    nll: Float64[Tensor, " rows"]
    """Negative log-likelihood of each row, in nats."""
    brier: Float64[Tensor, " rows"]
    """Squared distance of prediction and label."""
    bins: Mapping[str, Reliability]
    """The events of each group, in bins that all share."""

    @cached_property
    def known(self) -> dict[str, Int64[Tensor, " own"]]:
        """Which rows are a group's, in order, for each group that has enough of them."""
        chosen = {name: (self.groups == index).nonzero().squeeze(1) for index, name in enumerate(self.names)}
        return {name: rows for name, rows in chosen.items() if len(rows) >= LEAST_ROWS}

    @cached_property
    def columns(self) -> dict[str, Float64[Tensor, " rows"]]:
        """The confidence of each row, and of `OF_ROWS` what they are means of."""
        confidence, correctness = self.events
        return {
            "confidence": confidence,
            "gap": confidence - correctness,
            "accuracy": correctness,
            "nll": self.nll,
            "brier": self.brier,
        }

    # Picking the rows of a group takes longer than most of what is computed of them.
    @cached_property
    def own(self) -> dict[str, dict[str, Float64[Tensor, " own"]]]:
        """The columns of each of these groups."""
        return {
            name: {quantity: column.index_select(0, rows) for quantity, column in self.columns.items()}
            for name, rows in self.known.items()
        }

    @property
    def known_bins(self) -> dict[str, Reliability]:
        """The bins of the groups that have enough rows."""
        return {name: self.bins[name] for name in self.known}

    @property
    def all_bins(self) -> Reliability:
        """The bins of all rows together."""
        groups = list(self.bins.values())
        # Side by side each group has edges of its own, but they are all the same.
        return replace(Reliability.stacked(groups), edges=groups[0].edges).summed()


def grouped_rows(
    logits: Float[Tensor, "rows classes"],
    labels: Labels,
    groups: Int[Tensor, " rows"],
    names: Sequence[str],
    *,
    stage: Stage = "",
    bins: int,
    binning: Binning,
) -> GroupedRows:
    """Measure every row; bins of equal mass are those of all groups together.

    Raises:
        ValueError: an id is not one of the names', or as `smoothkit.metrics.boundary` says.
    """
    # One pass: what a block's probabilities cost is then paid once.
    parts = (
        (block.confidence, block.correctness, nll_rows(block), brier_rows(block))
        for block in blocks("by_group", logits, labels)
    )
    confidence, correctness, nll, brier = (torch.cat(column) for column in zip(*parts, strict=True))
    return GroupedRows(
        stage=stage,
        names=tuple(names),
        groups=groups,
        events=Events(confidence, correctness),
        nll=nll,
        brier=brier,
        bins=bins_by_group(confidence, correctness, groups, names=names, bins=bins, binning=binning),
    )


def measure_by_group(rows: GroupedRows, resamples: int) -> Result:
    """The scalars of `smoothkit_fairness.names` at this stage, their intervals, and what they are means of.

    A group with fewer than `LEAST_ROWS` rows is NaN throughout, with all pairs that it is part of. Resamples are drawn
    from a generator of their own, alike for every run.
    """
    generator = np.random.default_rng(SEED)
    calibration = calibration_by_group(rows.known_bins, generator, resamples)
    pairs = compare_groups(rows.known_bins, generator, resamples)
    of_groups = {name: _group(rows, name, found) for name, found in calibration.items()}
    scalars = {
        **{
            of_group(quantity, name, rows.stage): of_groups[name][quantity] if name in of_groups else math.nan
            for name in rows.names
            for quantity in GROUP_QUANTITIES
        },
        **_pairs(rows, pairs, calibration),
        **_aggregates(rows, of_groups),
    }
    intervals = {**_group_intervals(rows, calibration), **_pair_intervals(rows, pairs)}
    return Result(
        scalars=scalars,
        better={of_group(quantity, name, rows.stage): BETTER[quantity] for name in rows.names for quantity in BETTER},
        intervals={name: (each.low, each.high) for name, each in intervals.items() if each.is_defined},
        rows={**_group_rows(rows), **_pair_rows(rows, pairs)},
    )


def gap_difference_rows(first: Float64[Tensor, " first"], second: Float64[Tensor, " second"]) -> Float64[Tensor, " _"]:
    """Values for the rows of the first group and then of the second, whose mean is the second group's mean minus the
    first's, and whose variance, divided by the number of rows, is that of the difference: the sum of each group's
    variance over its size.

    value_i = D + s_i (n / n_g) (d_i - mean_g), with s = -1 in the first group and 1 in the second: the difference plus
    each row's influence on it.
    """
    rows, means = len(first) + len(second), (first.mean(), second.mean())
    influences = torch.cat([(first - means[0]) * (-rows / len(first)), (second - means[1]) * (rows / len(second))])
    return influences.add_(means[1] - means[0])


def _group(rows: GroupedRows, name: str, found: GroupCalibration) -> dict[str, float]:
    """The quantities of one group."""
    own = rows.own[name]
    confidence, correctness = own["confidence"], own["accuracy"]
    area = float(aurc_of(confidence, correctness))
    return {
        "accuracy": found.accuracy,
        "confidence": found.confidence,
        "gap": found.gap.estimate,
        "squared_error": found.squared_error.estimate,
        "ece": found.ece,
        "ece_null": found.null_ece,
        "nll": float(own["nll"].mean()),
        "brier": float(own["brier"].mean()),
        "miscalibration": float(score_decomposition_of(confidence, correctness).miscalibration),
        "aurc": area,
        # As excess_aurc_of does, which would sort the rows by confidence once more.
        "excess_aurc": area - float(aurc_of(correctness, correctness)),
    }


def _pairs(
    rows: GroupedRows, pairs: Sequence[GroupComparison], calibration: Mapping[str, GroupCalibration]
) -> dict[str, float]:
    """The quantities of every pair, known or not."""
    found = {
        of_pair(quantity, pair.first, pair.second, rows.stage): value
        for pair in pairs
        for quantity, value in {
            "gap_difference": pair.gap.estimate,
            "gap_difference_p": pair.gap_p_holm,
            "squared_error_difference": pair.squared_error.estimate,
            "ece_difference": calibration[pair.second].ece - calibration[pair.first].ece,
            "matched_ece_difference": pair.matched_ece,
            "same_curve_p": pair.p_holm,
            "detectable_gap": pair.detectable,
        }.items()
    }
    every = (
        of_pair(quantity, first, second, rows.stage)
        for index, first in enumerate(rows.names)
        for second in rows.names[index + 1 :]
        for quantity in PAIR_QUANTITIES
    )
    return {name: found.get(name, math.nan) for name in every}


def _aggregates(rows: GroupedRows, of_groups: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """The largest distance of two groups, and of a group from all rows; both grow with noise."""
    overall = {quantity: float(column.mean()) for quantity, column in rows.columns.items()}
    overall["ece"] = float(calibration_error_of(rows.all_bins))
    grouped = {
        quantity: Grouped(
            overall=overall[quantity], by_group={name: found[quantity] for name, found in of_groups.items()}
        )
        for quantity in AGGREGATED
    }
    return {
        of_all(quantity, against, rows.stage): found.difference(against)
        for quantity, found in grouped.items()
        for against in get_args(Against)
    }


def _group_intervals(rows: GroupedRows, calibration: Mapping[str, GroupCalibration]) -> dict[str, Interval]:
    return {
        of_group(quantity, name, rows.stage): interval
        for name, found in calibration.items()
        for quantity, interval in {
            "gap": found.gap,
            "squared_error": found.squared_error,
            "accuracy": share_interval(float(rows.own[name]["accuracy"].sum()), found.rows),
            "nll": mean_interval(rows.own[name]["nll"]),
            "brier": mean_interval(rows.own[name]["brier"]),
        }.items()
    }


def _pair_intervals(rows: GroupedRows, pairs: Sequence[GroupComparison]) -> dict[str, Interval]:
    return {
        of_pair(quantity, pair.first, pair.second, rows.stage): interval
        for pair in pairs
        for quantity, interval in (("gap_difference", pair.gap), ("squared_error_difference", pair.squared_error))
    }


def _group_rows(rows: GroupedRows) -> dict[str, Float64[np.ndarray, " _"]]:
    return {
        of_group(quantity, name, rows.stage): own[quantity].numpy()
        for name, own in rows.own.items()
        for quantity in OF_ROWS
    }


def _pair_rows(rows: GroupedRows, pairs: Sequence[GroupComparison]) -> dict[str, Float64[np.ndarray, " _"]]:
    return {
        of_pair("gap_difference", pair.first, pair.second, rows.stage): gap_difference_rows(
            rows.own[pair.first]["gap"], rows.own[pair.second]["gap"]
        ).numpy()
        for pair in pairs
    }
