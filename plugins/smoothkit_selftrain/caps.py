"""The cap of a target: the most that a model which fits it puts on a class. No threshold above it is ever reached."""

from copy import deepcopy
from itertools import product

import torch

from smoothkit.targets import Scheduled, Target

NO_CAP = frozenset({"weight", "penalty"})
"""Families whose optimum is not the distribution that they show: a penalty moves it, a weight may."""

ROUNDING = 1e-6
"""A cap that lies no further above a threshold is at it: caps are computed in single precision."""


def cap_of(target: Target) -> float | None:
    """The largest entry of the target of any class, at most 1: the least of those that a training goes through.

    That is the least over the bounds of schedules, and over the first and the last step.

    For label smoothing it is 1 - alpha + alpha/K, or 1 - alpha with convention "others". A target that learns or
    measures is asked as it stands now. None where there is no such number: where a teacher, the sample or the
    prediction decides, and where the optimum of the loss is not the distribution.

    >>> from smoothkit.targets import Linear, LabelSmoothing
    >>> round(cap_of(LabelSmoothing(10, alpha=0.1)), 6)
    0.91
    >>> round(cap_of(Scheduled(LabelSmoothing(10), alpha=Linear(0.0, 0.3))), 6)
    0.73
    """
    if target.needs or target.family in NO_CAP:
        return None
    trial = deepcopy(target)
    scheduled = [module for module in trial.modules() if isinstance(module, Scheduled)]
    settings = [(each.target, name, shape.extremes()) for each in scheduled for name, shape in each.schedules.items()]
    caps = []
    for progress, *values in product((0.0, 1.0), *(extremes for _, _, extremes in settings)):
        trial.set_progress(progress)
        for (inner, name, _), value in zip(settings, values, strict=True):
            setattr(inner, name, value)
            inner.check_options()
        caps.append(_largest_entry(trial))
    return None if None in caps else min(caps)


def is_starving(threshold: float, cap: float) -> bool:
    """Whether no model that stays below a cap reaches a threshold: nor does any that is at it, up to rounding.

    >>> is_starving(0.9, 0.91), is_starving(0.91, 0.91), is_starving(0.95, 0.91)
    (False, True, True)
    """
    return cap - threshold <= ROUNDING


def _largest_entry(target: Target) -> float | None:
    device = next((tensor.device for tensor in (*target.parameters(), *target.buffers())), None)
    try:
        rows = target.distribution(torch.arange(target.num_labels, device=device))
    except ValueError:
        return None  # It depends on the prediction, and none was given.
    return min(rows.max().item(), 1.0)
