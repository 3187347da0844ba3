"""The rule and the weighting that the table `[select]` asks for."""

from math import isfinite

from smoothkit_selftrain.config import SelectConfig
from smoothkit_selftrain.labelling.per_class import PerClass
from smoothkit_selftrain.labelling.ranking import KBest, TopShare
from smoothkit_selftrain.labelling.selection import All, Fixed, Rule
from smoothkit_selftrain.labelling.self_adaptive import SelfAdaptive
from smoothkit_selftrain.labelling.weighting import GaussianWeights


def make_rule(select: SelectConfig, members: int, samples: int, num_classes: int) -> Rule:
    """The rule of `select.rule`, for so many members, unlabelled samples and classes.

    Raises:
        ValueError: the schedule of `select.share` leaves the range from 0 to 1.
    """
    if select.rule == "fixed":
        assert select.threshold is not None
        return Fixed(select.threshold)
    if select.rule == "per-class":
        assert select.threshold is not None
        return PerClass(select.threshold, members, samples, num_classes)
    if select.rule == "self-adaptive":
        return SelfAdaptive(select.decay, members, num_classes)
    if select.rule == "k-best":
        assert select.k_best is not None
        return KBest(select.k_best)
    return _top_share(select) if select.rule == "share" else All()


def make_weighting(select: SelectConfig, members: int, num_classes: int) -> GaussianWeights | None:
    """The weighting of `select.weights`; None where what is selected counts as one."""
    return GaussianWeights(select.decay, members, num_classes) if select.weights == "gaussian" else None


def _top_share(select: SelectConfig) -> TopShare:
    share = select.share
    assert share is not None
    if isinstance(share, float | int):
        return TopShare(lambda progress, rounds_done: share)
    schedule = share.build()
    for value in schedule.extremes():
        if not (isfinite(value) and 0 <= value <= 1):
            raise ValueError(f"select.share comes to {value:g} in its schedule: it is a share, from 0 to 1")
    return TopShare(schedule.value)
