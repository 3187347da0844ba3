"""The trials of one method: what it says of simulated groups, study after study."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from smoothkit.run import Run
from smoothkit.seeding import derived_seed
from smoothkit.statistics import Interval
from smoothkit_fairness.null.cells import CELLS, Cell, Kind, scalar_of
from smoothkit_fairness.null.config import ExperimentConfig, NullConfig
from smoothkit_fairness.null.laws import Sample, law_of, truth_of
from smoothkit_fairness.null.methods import Method, method_of


class Outcomes:
    """What every trial came to, by the scalar that it is summed up in: 1 or 0 for yes or no, or the reported gap."""

    def __init__(self, trials: int):
        self.trials = trials
        self.values: dict[str, Tensor] = {}

    def put(self, trial: int, found: Mapping[str, float]) -> None:
        """Keep the values of a trial, the first of which is number 1."""
        for name, value in found.items():
            if name not in self.values:
                self.values[name] = torch.full((self.trials,), torch.nan, dtype=torch.float64)
            self.values[name][trial - 1] = value

    def state_dict(self) -> dict[str, Any]:
        """The values, for a checkpoint."""
        return dict(self.values)

    def load_state_dict(self, state_dict: Mapping[str, Tensor], /) -> None:
        """Go on with these values."""
        self.values = {name: values.clone() for name, values in state_dict.items()}


def train(config: NullConfig, run: Run) -> Outcomes:
    """Try the method in every cell; a step is one trial of each.

    Raises:
        UserError: the method's package is not installed.
    """
    method, outcomes = method_of(config.experiment.method), Outcomes(config.experiment.trials)
    run.track(outcomes=outcomes)
    for step in run.steps(config.experiment.trials):
        found = {
            **dict(_alarms(method, config.experiment, run.seed, step)),
            **dict(_coverage(method, config.experiment, run.seed, step)),
            **dict(_bias(method, run.seed, step)),
        }
        outcomes.put(step, found)
        alarms = [value for name, value in found.items() if name.startswith("false_alarms/")]
        run.log(step, false_alarms=sum(alarms) / len(alarms))
    return outcomes


def groups_of(cell: Cell, seed: int, trial: int, models: int = 1) -> list[Sample]:
    """The groups of one trial of a cell: the same for every method, and for a run that goes on from a checkpoint.

    What a method sees of further models is drawn apart, so that the first is what others see of one.
    """
    generator = np.random.default_rng(derived_seed(seed, cell.name, trial))
    others = np.random.default_rng(derived_seed(seed, f"further models of {cell.name}", trial))
    return [law_of(cell.law).study(rows, generator, models, others) for rows in cell.rows]


def covers(interval: Interval, truth: float) -> bool:
    """Whether the interval holds the truth; one without bounds holds nothing.

    >>> covers(Interval(0.2, 0.1, 0.3, "by hand"), 0.3), covers(Interval(0.2, float("nan"), 0.3, "by hand"), 0.2)
    (True, False)
    """
    return interval.is_defined and not interval.excludes(truth)


def _noise(kind: Kind, cell: Cell, seed: int, trial: int) -> np.random.Generator:
    """What a method resamples with, apart from what the groups are drawn with."""
    return np.random.default_rng(derived_seed(seed, f"resamples of {scalar_of(kind, cell)}", trial))


def _alarms(method: Method, settings: ExperimentConfig, seed: int, trial: int) -> Iterator[tuple[str, float]]:
    for cell in CELLS["false_alarms"]:
        first, second = groups_of(cell, seed, trial, method.models)
        noise = _noise("false_alarms", cell, seed, trial)
        yield scalar_of("false_alarms", cell), float(method.calls_gap(first, second, noise, settings.resamples))


def _coverage(method: Method, settings: ExperimentConfig, seed: int, trial: int) -> Iterator[tuple[str, float]]:
    if method.interval is None or method.quantity is None:
        return
    for cell in CELLS["coverage"]:
        (group,) = groups_of(cell, seed, trial)
        interval = method.interval(group, _noise("coverage", cell, seed, trial), settings.resamples)
        yield scalar_of("coverage", cell), float(covers(interval, truth_of(cell.law, method.quantity)))


def _bias(method: Method, seed: int, trial: int) -> Iterator[tuple[str, float]]:
    if method.gap is None:
        return
    for cell in CELLS["bias"]:
        yield scalar_of("bias", cell), method.gap(*groups_of(cell, seed, trial))
