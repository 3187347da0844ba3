"""A study's rounds, as its results hold them: what was measured after each, over the seeds of a variant."""

import math
import statistics
from typing import NamedTuple

from smoothkit.scenario import Result
from smoothkit_selftrain.figures.rounds import RoundsFigure
from smoothkit_selftrain.quantities import RIGHT_OF_SELECTED, Quantity
from smoothkit_selftrain.study.comparison import Seeds, value_of


def rounds_of(result: Result) -> RoundsFigure:
    """What a result says of its rounds.

    Raises:
        ValueError: it says nothing of them; an older version wrote it.
    """
    figure = result.figures.get("rounds")
    if not isinstance(figure, RoundsFigure):
        raise ValueError("a result has no rounds that can be read: another version of the scenario wrote it")
    return figure


def first_round(seeds: Seeds) -> int:
    """The round whose end the first pseudo-labels are from: 1 where there was no round 0."""
    return rounds_of(next(iter(seeds.values()))).rounds[0]


def series(result: Result, quantity: Quantity) -> list[float]:
    """A quantity after each round; NaN where it is not defined."""
    return [math.nan if value is None else value for value in rounds_of(result).values[quantity.name]]


def mean_series(seeds: Seeds, quantity: Quantity) -> dict[int, float]:
    """By round, the mean over the seeds in which the quantity is defined; NaN where there is none."""
    columns = zip(*(series(result, quantity) for result in seeds.values()), strict=True)
    rounds = rounds_of(next(iter(seeds.values()))).rounds
    kept = [[value for value in column if math.isfinite(value)] for column in columns]
    return {round: statistics.fmean(own) if own else math.nan for round, own in zip(rounds, kept, strict=True)}


class SelectedErrors(NamedTuple):
    """The share of errors among selected pseudo-labels, at first and at the end: means over seeds."""

    first: float
    last: float

    @property
    def amplification(self) -> float:
        """The last as a multiple of the first; NaN where that is 0.

        Of the means over seeds, because single seeds that begin without an error have no such number.
        """
        return self.last / self.first if self.first > 0 else math.nan


def selected_errors(seeds: Seeds) -> SelectedErrors | None:
    """Over the seeds that select something both times; None where there is none."""
    both = [(series(result, RIGHT_OF_SELECTED)[0], value_of(result, RIGHT_OF_SELECTED)) for result in seeds.values()]
    kept = [(1 - first, 1 - last) for first, last in both if math.isfinite(first + last)]
    return SelectedErrors(*map(statistics.fmean, zip(*kept, strict=True))) if kept else None
