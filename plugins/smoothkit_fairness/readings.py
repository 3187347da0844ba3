"""What the runs of a study measured: the scalars and rows of each variant over its seeds, by group and by pair."""

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Float64

from smoothkit.conclusion import Findings
from smoothkit.metrics.bins import bins_of, equal_mass_edges, equal_width_edges
from smoothkit.metrics.calibration import Binning
from smoothkit.scenario import Result, ScenarioConfig
from smoothkit.statistics import LEVEL, CrossedMean, crossed_difference, crossed_mean
from smoothkit_fairness.config import EvaluateConfig, FairnessConfig
from smoothkit_fairness.names import Stage, of_group, of_pair

LARGEST = 1e100
"""Values beyond this count as not finite: their squares and sums are to be floats."""

NOISE = 1e-9
"""Differences below this are arithmetic's."""

RARE = 5
"""Fewer right predictions than this, or fewer wrong ones, do not show how a group's rows vary."""

RowQuantity = Literal["gap", "accuracy", "confidence", "ece", "squared_error"]

ROWS_OF: Mapping[str, RowQuantity] = {
    "ece_difference": "ece",
    "matched_ece_difference": "ece",
    "squared_error_difference": "squared_error",
}
"""What differences of calibration errors are means of."""

Rows = Float64[np.ndarray, "seeds rows"]

OtherRows = Float64[np.ndarray, "seeds other_rows"]

ErrorRows = dict[tuple[RowQuantity, str], Float64[np.ndarray, " rows"]]
"""By quantity and group."""


class Pair(NamedTuple):
    """Two groups; a difference is the second's value minus the first's."""

    first: str
    second: str

    def __str__(self) -> str:
        return f"{self.second} vs {self.first}"


# Compared by identity: results hold arrays.
@dataclass(frozen=True, eq=False)
class Variant:
    """One variant's results, of at least one seed."""

    name: str
    config: ScenarioConfig
    results: Mapping[int, Result]
    """By seed, in ascending order."""

    @cached_property
    def groups(self) -> tuple[str, ...]:
        """The groups that any seed has measured, in the order of the data set."""
        start = of_group("gap", "")
        names = (name for result in self.results.values() for name in result.scalars if name.startswith(start))
        return tuple(dict.fromkeys(name.removeprefix(start) for name in names))

    @cached_property
    def pairs(self) -> tuple[Pair, ...]:
        """Every two groups, in the order in which the results compare them."""
        known = {name for result in self.results.values() for name in result.scalars}
        pairs = (Pair(*two) for two in itertools.combinations(self.groups, 2))
        return tuple(
            Pair(second, first)
            if of_pair("gap_difference", second, first) in known
            and of_pair("gap_difference", first, second) not in known
            else Pair(first, second)
            for first, second in pairs
        )

    def values(self, name: str) -> dict[int, float]:
        """One scalar by seed, where it is finite."""
        found = {seed: result.scalars.get(name, math.nan) for seed, result in self.results.items()}
        return {seed: float(value) for seed, value in found.items() if abs(value) < LARGEST}

    def mean(self, name: str) -> float:
        """One scalar on average over seeds; NaN where no seed has it."""
        values = list(self.values(name).values())
        return float(np.mean(values)) if values else math.nan

    def mean_of_all(self, name: str) -> float:
        """The mean where every seed has the scalar, NaN elsewhere: which seeds lack one is not chance."""
        return self.mean(name) if len(self.values(name)) == len(self.results) else math.nan

    def deviation(self, name: str) -> float:
        """One scalar's standard deviation over seeds; NaN for fewer than two."""
        values = list(self.values(name).values())
        return float(np.std(values, ddof=1)) if len(values) > 1 else math.nan

    def size(self, group: str) -> int:
        """Test rows of a group."""
        count = self.mean(of_group("rows", group))
        return round(count) if math.isfinite(count) else 0

    def rows(self, quantity: RowQuantity, group: str, stage: Stage, seeds: Sequence[int]) -> Rows | None:
        """What a group's value is the mean of; None unless all these seeds have it, finite, for equally many rows.

        Rows of calibration errors are known as the file asks only.
        """
        if quantity == "confidence":
            gap, right = (self.rows(each, group, stage, seeds) for each in ("gap", "accuracy"))
            return None if gap is None or right is None or gap.shape != right.shape else gap + right
        if quantity in ("ece", "squared_error"):
            return None if stage else _table([self._error_rows[seed].get((quantity, group)) for seed in seeds])
        # Temperature does not change what is predicted.
        name = of_group(quantity, group, "" if quantity == "accuracy" else stage)
        return _table([self.results[seed].rows.get(name) for seed in seeds])

    @cached_property
    def _error_rows(self) -> dict[int, ErrorRows]:
        """By seed the rows whose means are the groups' calibration errors."""
        found: dict[int, ErrorRows] = {}
        for seed in self.results:
            gaps = {group: self.rows("gap", group, "", [seed]) for group in self.groups}
            confidences = {group: self.rows("confidence", group, "", [seed]) for group in self.groups}
            both = {
                group: (gap[0], confidence[0])
                for group, gap in gaps.items()
                if gap is not None and (confidence := confidences[group]) is not None
            }
            found[seed] = _error_rows_of(both, self._evaluate.bins, self._evaluate.binning)
        return found

    @property
    def _evaluate(self) -> EvaluateConfig:
        return self.config.evaluate if isinstance(self.config, FairnessConfig) else EvaluateConfig()

    def gap(self, group: str, stage: Stage = "") -> CrossedMean:
        """A group's signed gap for other seeds and other rows; over seeds only where there are no rows."""
        rows = self.rows("gap", group, stage, [*self.results])
        if rows is None:
            return over_seeds(self.values(of_group("gap", group, stage)).values())
        return crossed_mean(rows, self._least_variance(group, rows.shape[1]))

    def gap_difference(self, pair: Pair, stage: Stage = "") -> CrossedMean:
        """The difference of two groups' signed gaps, likewise."""
        first, second = (self.rows("gap", group, stage, [*self.results]) for group in pair)
        if first is None or second is None:
            return over_seeds(self.values(of_pair("gap_difference", *pair, stage)).values())
        return self._difference(pair, first, second)

    def error_difference(self, pair: Pair, quantity: str) -> CrossedMean:
        """The difference of two groups' calibration errors, one of `ROWS_OF`, likewise.

        All seeds are measured on the same rows, so that what these rows add to one group's error does not average out
        over seeds: an interval over seeds alone would take chance for certain.
        """
        values = self.values(of_pair(quantity, *pair))
        first, second = (
            (self.rows(ROWS_OF[quantity], group, "", [*values]) for group in pair) if values else (None, None)
        )
        if first is None or second is None:
            return over_seeds(values.values())
        return self._difference(pair, first, levelled(first, second, [*values.values()]))

    def _difference(self, pair: Pair, first: Rows, second: OtherRows) -> CrossedMean:
        least = [self._least_variance(group, rows.shape[1]) for group, rows in zip(pair, (first, second), strict=True)]
        return crossed_difference(first, second, (least[0], least[1]))

    def _least_variance(self, group: str, rows: int) -> float:
        """What one row of a group varies by at least, where hardly any prediction is right, or wrong.

        Rows that are all right do not show that the next might be wrong. It is the variance of Agresti and Coull's
        share (The American Statistician 52, 1998), which adds two right and two wrong ones.
        """
        right = rows * self.mean(of_group("accuracy", group))
        if min(right, rows - right) >= RARE or math.isnan(right):
            return 0.0
        share = (right + 2) / (rows + 4)
        return max(share * (1 - share), 0.0)


def readings(findings: Findings) -> dict[str, Variant]:
    """The variants that have results, by name, in the order of the file."""
    return {
        name: Variant(name, config, {seed: by_seed[seed] for seed in sorted(by_seed)})
        for name, config in findings.configs.items()
        if (by_seed := findings.results.get(name))
    }


def levelled(first: Rows, second: OtherRows, differences: Sequence[float]) -> OtherRows:
    """The second table, moved so that its mean minus the first's is the given difference of each seed.

    A difference at equal size is not quite that of the rows' means, but varies with them.
    """
    return second + (np.array(differences) - (second.mean(axis=1) - first.mean(axis=1)))[:, None]


def shows(mean: CrossedMean, limit: float = LEVEL) -> bool:
    """Whether the value is shown to differ from 0; not where nothing varies, which few seeds do by chance."""
    return mean.error > 0 and abs(mean.estimate) > NOISE and mean.p_value <= limit


def over_seeds(values: Iterable[float]) -> CrossedMean:
    """The mean of a scalar for other seeds and these rows."""
    table = np.array(list(values), dtype=np.float64)[:, None]
    if not len(table):
        return CrossedMean(math.nan, math.nan, 0.0, "t over seeds")
    return crossed_mean(table)._replace(method="t over seeds")


def _table(columns: Sequence[np.ndarray | None]) -> Rows | None:
    """The rows of all seeds, if all have equally many and all are finite."""
    found = [np.asarray(() if values is None else values, dtype=np.float64) for values in columns]
    if len({len(values) for values in found}) != 1 or not found[0].size:
        return None
    table = np.stack(found)
    return table if (np.abs(table) < LARGEST).all() else None


def _error_rows_of(rows: Mapping[str, tuple[np.ndarray, np.ndarray]], bins: int, binning: Binning) -> ErrorRows:
    """From each group's gaps and confidences the rows of its calibration errors, in bins that all groups share.

    With d_b the mean gap in a row's bin, the rows of the expected calibration error, the sum of w_b |d_b|, are
    sign(d_b) gap; those of its square, the sum of w_b d_b^2, are 2 d_b gap - d_b^2: its mean plus each row's influence
    on it. Where bins are off by no more than chance these vary more than the errors do, and elsewhere as they do.
    """
    if not rows:
        return {}
    confidence = torch.from_numpy(np.concatenate([each for _, each in rows.values()]))
    edges = equal_mass_edges(confidence, bins) if binning == "mass" else equal_width_edges(bins)
    found: ErrorRows = {}
    for group, (gaps, own) in rows.items():
        places = bins_of(torch.from_numpy(own), edges).numpy()
        means = np.bincount(places, gaps, bins) / np.bincount(places, minlength=bins).clip(min=1)
        found["ece", group] = np.where(means[places] < 0, -gaps, gaps)
        found["squared_error", group] = 2 * means[places] * gaps - means[places] ** 2
    return found
