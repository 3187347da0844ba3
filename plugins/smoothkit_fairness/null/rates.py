"""What the trials of a method come to: rates and means with their Monte-Carlo intervals."""

from collections.abc import Mapping

from torch import Tensor

from smoothkit.metrics import mean_interval, share_interval
from smoothkit.run import Run
from smoothkit.scenario import Result
from smoothkit.statistics import Interval
from smoothkit_fairness.null.cells import CELLS, Cell, Kind, scalar_of
from smoothkit_fairness.null.config import NullConfig
from smoothkit_fairness.null.trials import Outcomes

TRIALS = "trials"
WORST: dict[Kind, str] = {
    "false_alarms": "worst_false_alarms",
    "coverage": "lowest_coverage",
    "bias": "largest_bias",
}
"""The scalar of the cell where a method does worst."""


def evaluate(config: NullConfig, run: Run, outcomes: Outcomes) -> Result:
    """The rate or mean of every cell with its 95 % interval for other trials, and the worst cell of each kind."""
    intervals = {name: _interval(name, values) for name, values in outcomes.values.items()}
    scalars = {name: interval.estimate for name, interval in intervals.items()}
    worst = {WORST[kind]: scalars[scalar_of(kind, cell)] for kind, cell in worst_cells(scalars).items()}
    if "largest_bias" in worst:
        worst["largest_bias"] = abs(worst["largest_bias"])
    return Result(
        scalars={**worst, TRIALS: float(outcomes.trials), **scalars},
        better={"worst_false_alarms": "lower", "lowest_coverage": "higher", "largest_bias": "lower"},
        headline=tuple(worst),
        intervals={name: (each.low, each.high) for name, each in intervals.items() if each.is_defined},
    )


def worst_cells(scalars: Mapping[str, float]) -> dict[Kind, Cell]:
    """For each kind that was measured, the cell of most false alarms, of lowest coverage, of largest absolute bias."""
    badness = {"false_alarms": lambda rate: rate, "coverage": lambda rate: -rate, "bias": abs}
    return {
        kind: max(cells, key=lambda cell: badness[kind](scalars[scalar_of(kind, cell)]))
        for kind, cells in CELLS.items()
        if scalar_of(kind, cells[0]) in scalars
    }


def _interval(name: str, values: Tensor) -> Interval:
    return mean_interval(values) if name.startswith("bias/") else share_interval(float(values.sum()), len(values))
