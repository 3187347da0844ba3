"""How methods at their best coefficients compare: mean differences over seeds, corrected for all that are looked at."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from smoothkit.statistics import LEVEL, Interval, holm, paired_interval, paired_p_value
from smoothkit_policy.study.picks import Halves, Pick, halves_of, pick
from smoothkit_policy.study.scores import Scale, Values, scale_of
from smoothkit_policy.study.sweep import Group, Method

FEWEST = 3
"""Pairs without which nothing is said."""

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class Gain:
    """A mean difference of paired seeds."""

    interval: Interval
    """By Student's t over seeds."""
    seeds: int
    p_holm: float | None
    """Corrected; None where the differences have no spread to measure them by."""

    @property
    def sign(self) -> int:
        """1 where it is shown to be above 0, -1 below, 0 where no difference is shown."""
        if self.p_holm is None or self.p_holm >= LEVEL:
            return 0
        return 1 if self.interval.estimate > 0 else -1


@dataclass(frozen=True)
class Contest:
    """The methods of a group at the coefficients that half of the seeds pick, as the other half measures them."""

    group: Group
    scale: Scale
    halves: Halves
    picks: Mapping[str, Pick]
    """By method, in the order of the file."""


def contest_of(group: Group) -> Contest:
    """The contest of one environment."""
    scale, halves = scale_of(group), halves_of(group.seeds)
    return Contest(group, scale, halves, {method.name: pick(group, method, scale, halves) for method in group.methods})


def rival_of(group: Group, method: Method) -> Method | None:
    """The sweep of the entropy bonus that a sweep is held against: that with its schedule, if there is one."""
    bonuses = [each for each in group.sweeps if each.exploration.term == "entropy" and not each.exploration.adaptive]
    if method not in group.sweeps or method in bonuses:
        return None
    alike = [each for each in bonuses if each.exploration.schedule == method.exploration.schedule]
    return next(iter([*alike, *bonuses]), None)


def gains(pairs: Mapping[Key, tuple[Values, Values]]) -> dict[Key, Gain]:
    """How far the first values of each pair are above the second, seed by seed, judged together by Holm's method.

    Pairs with fewer than three seeds that both have are left out.
    """
    differences = {key: own - other for key, (own, other) in pairs.items()}
    known = {key: each[np.isfinite(each)].tolist() for key, each in differences.items()}
    kept = {key: values for key, values in known.items() if len(values) >= FEWEST}
    found = {key: Gain(paired_interval(each), len(each), paired_p_value(each)) for key, each in kept.items()}
    tested = {key: gain.p_holm for key, gain in found.items() if gain.p_holm is not None}
    for key, corrected in zip(tested, holm(list(tested.values())), strict=True):
        found[key] = replace(found[key], p_holm=corrected)
    return found


def over_rivals(contests: Mapping[str, Contest]) -> dict[tuple[str, str], Gain]:
    """By environment and method, how far its peak is above that of its rival."""
    return gains(
        {
            (title, method.name): (contest.picks[method.name].sampled, contest.picks[rival.name].sampled)
            for title, contest in contests.items()
            for method in contest.group.methods
            if (rival := rival_of(contest.group, method)) is not None
        }
    )


def over_nothing(contests: Mapping[str, Contest]) -> dict[tuple[str, str], Gain]:
    """By environment and method, how far its peak is above the variant that all are compared with."""
    pairs: dict[tuple[str, str], tuple[Values, Values]] = {}
    for title, contest in contests.items():
        group = contest.group
        if group.without is None:
            continue
        reference = contest.scale.sampled(group.results[group.without], contest.halves.measuring)
        for name, chosen in contest.picks.items():
            if chosen.variant != group.without:
                pairs[title, name] = (chosen.sampled, reference)
    return gains(pairs)
