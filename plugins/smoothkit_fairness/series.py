"""Variants that differ in alpha alone, and where along alpha a sign changes."""

import itertools
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from smoothkit.config import dump
from smoothkit.scenario import ScenarioConfig, TargetConfig
from smoothkit.statistics import LEVEL, CrossedMean
from smoothkit_fairness.config import FairnessConfig
from smoothkit_fairness.names import of_pair
from smoothkit_fairness.readings import Pair, Variant, shows

HARD = "onehot"

MATCHED = "matched_ece_difference"

CONVENTIONS = {
    "all": "alpha is spread over all classes, the true one included (convention “all”)",
    "others": "alpha is spread over the classes other than the true one (convention “others”)",
}


@dataclass(frozen=True)
class AlphaSeries:
    """At least two variants in ascending order of alpha."""

    alphas: tuple[float, ...]
    variants: tuple[Variant, ...]
    target: str
    """The target's registered name."""
    convention: str | None
    """What alpha is a share of, for targets that have more than one answer."""

    def label(self, variant: Variant) -> str:
        """A variant by its alpha; hard labels by their name, for they have none."""
        alpha = self.alphas[self.variants.index(variant)]
        return f"“{variant.name}”" if variant.config.target.name == HARD else f"alpha = {alpha:g}"

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups of all variants, in the order of the first."""
        return tuple(
            group for group in self.variants[0].groups if all(group in each.groups for each in self.variants[1:])
        )

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """The pairs of all variants."""
        return tuple(pair for pair in self.variants[0].pairs if all(pair in each.pairs for each in self.variants[1:]))


class Crossing(NamedTuple):
    """Where a value changes sign along alpha, between two alphas on a straight line."""

    at: float
    before: float
    after: float
    rising: bool

    def __str__(self) -> str:
        return f"alpha = {self.at:.2g} (interpolated between {self.before:g} and {self.after:g})"


def alpha_series(variants: Sequence[Variant]) -> list[AlphaSeries]:
    """The series among the variants; hard labels stand at alpha = 0 of every target that has them there.

    Variants belong together whose configurations are one but for alpha. An alpha that a schedule changes has no place
    in a series.
    """
    found: dict[str, dict[float, Variant]] = {}
    for variant in variants:
        target = variant.config.target
        alpha = target.options.get("alpha")
        if isinstance(alpha, int | float) and "alpha" not in (target.schedule or {}):
            found.setdefault(_all_but_alpha(variant.config), {}).setdefault(float(alpha), variant)
    series = []
    for by_alpha in found.values():
        some = next(iter(by_alpha.values())).config
        hard = next((each for each in variants if _is_hard_version(each.config, some)), None)
        if hard is not None and 0.0 not in by_alpha and _is_hard_at_zero(some.target):
            by_alpha[0.0] = hard
        if len(by_alpha) > 1:
            alphas = tuple(sorted(by_alpha))
            convention = some.target.options.get("convention")
            series.append(AlphaSeries(alphas, tuple(by_alpha[each] for each in alphas), some.target.name, convention))
    return series


def gap_crossings(series: AlphaSeries) -> dict[str, list[Crossing]]:
    """Where the groups' signed gaps change sign, at 5 % for all groups together."""
    level = LEVEL / max(len(series.groups), 1)
    return {
        group: crossings(series.alphas, [each.gap(group) for each in series.variants], level) for group in series.groups
    }


def difference_crossings(series: AlphaSeries, pairs: Sequence[Pair]) -> dict[Pair, list[Crossing]]:
    """Where the differences of the signed gaps change sign, at 5 % for all these pairs together."""
    level = LEVEL / max(len(pairs), 1)
    return {
        pair: crossings(series.alphas, [each.gap_difference(pair) for each in series.variants], level) for pair in pairs
    }


def error_crossings(series: AlphaSeries, pairs: Sequence[Pair]) -> dict[Pair, list[Crossing]]:
    """Where the group with the larger calibration error changes, at 5 % for all these pairs together.

    Only debiased errors say so: of two groups as well calibrated the smaller has the larger ECE, and of two as large
    the one whose predictions are less certain.
    """
    level = LEVEL / max(len(pairs), 1)
    return {
        pair: crossings(
            series.alphas, [each.error_difference(pair, "squared_error_difference") for each in series.variants], level
        )
        for pair in pairs
    }


def crossings(alphas: Sequence[float], means: Sequence[CrossedMean], level: float = LEVEL) -> list[Crossing]:
    """Where the values change sign, between two alphas at which they are shown to have opposite signs at a level.

    Estimates that chance may have put on either side of 0 change nothing. Between the two, the place is that of the one
    pair of neighbours with opposite signs, or on the line between the two themselves where there are more such pairs.
    """
    known = [(alpha, mean) for alpha, mean in zip(alphas, means, strict=True) if math.isfinite(mean.estimate)]
    shown = [place for place, (_, mean) in enumerate(known) if shows(mean, level)]
    found = []
    for start, end in itertools.pairwise(shown):
        if (known[start][1].estimate > 0) == (known[end][1].estimate > 0):
            continue
        turns = [
            place for place in range(start, end) if (known[place][1].estimate > 0) != (known[place + 1][1].estimate > 0)
        ]
        ends = (turns[0], turns[0] + 1) if len(turns) == 1 else (start, end)
        (left, low), (right, high) = (known[place] for place in ends)
        share = low.estimate / (low.estimate - high.estimate)
        found.append(Crossing(left + share * (right - left), left, right, high.estimate > low.estimate))
    return found


def ece_quantity(variants: Sequence[Variant], pair: Pair) -> str:
    """The difference of expected calibration errors to speak of: that at equal size, where all variants have it."""
    has_it = all(variant.values(of_pair(MATCHED, *pair)) for variant in variants)
    return MATCHED if has_it else "ece_difference"


def _all_but_alpha(config: ScenarioConfig) -> str:
    written = dump(config)
    options = {name: value for name, value in config.target.options.items() if name != "alpha"}
    target = {"name": config.target.name, **options, "schedule": written.get("target", {}).get("schedule")}
    return json.dumps({**written, "target": target}, sort_keys=True, default=str)


def tempered(hard: Variant, variants: Sequence[Variant]) -> Variant | None:
    """The variant that is a given one but for being measured after temperature scaling."""
    for each in variants:
        one, other = ({**dump(variant.config), "evaluate": None} for variant in (hard, each))
        if one == other and is_tempered(each) and not is_tempered(hard):
            return each
    return None


def is_tempered(variant: Variant) -> bool:
    """Whether logits are divided by a temperature before anything is measured."""
    return isinstance(variant.config, FairnessConfig) and variant.config.evaluate.temperature != "none"


def _is_hard_version(config: ScenarioConfig, smoothed: ScenarioConfig) -> bool:
    """Whether two configurations are one but for the target, which is hard labels in the first."""
    if config.target.name != HARD or config.target.schedule or smoothed.target.schedule:
        return False
    one, other = ({**dump(each), "target": None} for each in (config, smoothed))
    return one == other


def _is_hard_at_zero(target: TargetConfig) -> bool:
    """Whether a target without its alpha is hard labels: label smoothing is, not everything with an alpha."""
    try:
        matrix = TargetConfig.model_validate({"name": target.name, **target.options, "alpha": 0.0}).build(num_classes=3)
        return matrix.matrix().tolist() == [[float(row == column) for column in range(3)] for row in range(3)]
    except Exception:
        # A target that cannot be built from a number of classes alone, or has no matrix, cannot be asked.
        return False
