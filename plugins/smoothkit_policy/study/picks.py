"""The best coefficient of a method: picked on half of the seeds, measured on the others.

The best of several is better than it is: what made it the best is partly luck. Seeds that had no part in the choice
have none of that luck.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from smoothkit_policy.study.scores import Scale, Values, mean_of
from smoothkit_policy.study.sweep import Group, Method

FEWEST = 4
"""Seeds from which on there are halves."""


@dataclass(frozen=True)
class Halves:
    """The seeds of a group in two parts."""

    picking: tuple[int, ...]
    measuring: tuple[int, ...]

    @property
    def are_apart(self) -> bool:
        """Whether there were enough seeds to divide."""
        return self.picking != self.measuring


@dataclass(frozen=True)
class Pick:
    """A method at its best coefficient."""

    method: Method
    coefficient: float
    variant: str
    sampled: Values
    """Returns of the seeds that measure, of the sampled policy."""
    greedy: Values
    """The same of the greedy policy."""


def halves_of(seeds: Sequence[int]) -> Halves:
    """The first half picks, the second measures; of fewer than four seeds all do both.

    >>> halves_of([0, 1, 2, 3, 4])
    Halves(picking=(0, 1), measuring=(2, 3, 4))
    """
    if len(seeds) < FEWEST:
        return Halves(tuple(seeds), tuple(seeds))
    half = len(seeds) // 2
    return Halves(tuple(seeds[:half]), tuple(seeds[half:]))


def pick(group: Group, method: Method, scale: Scale, halves: Halves) -> Pick:
    """The coefficient with the highest mean return of the sampled policy; of equals the smallest."""
    means = {
        coef: mean_of(scale.sampled(group.results[variant], halves.picking))
        for coef, variant in method.variants.items()
    }
    known = {coef: mean for coef, mean in means.items() if np.isfinite(mean)}
    best = max(known, key=lambda coef: known[coef]) if known else next(iter(method.variants))
    variant = method.variants[best]
    seeds = group.results[variant]
    return Pick(method, best, variant, scale.sampled(seeds, halves.measuring), scale.greedy(seeds, halves.measuring))
