"""The metrics that a scenario file asks for, of logits and labels."""

import math
from collections.abc import Sequence

from torch import Tensor

from smoothkit.metrics import Metric
from smoothkit.metrics.temperature import NoBestTemperature, fit_temperature
from smoothkit.scenario import Result
from smoothkit.tables import MetricConfig


def measure(metrics: Sequence[MetricConfig], logits: Tensor, labels: Tensor, suffix: str = "") -> Result:
    """Each metric under its name with the suffix, with its interval and its rows if it has any."""
    chosen: dict[str, Metric] = {f"{metric.name}{suffix}": metric for metric in (each.build() for each in metrics)}
    intervals = {name: metric.interval(logits, labels) for name, metric in chosen.items()}
    return Result(
        scalars={name: metric.function(logits, labels).item() for name, metric in chosen.items()},
        better={name: metric.better for name, metric in chosen.items() if metric.better},
        intervals={name: (each.low, each.high) for name, each in intervals.items() if each and each.is_defined},
        rows={name: metric.rows(logits, labels).tolist() for name, metric in chosen.items() if metric.rows},
    )


def fitted_temperature(logits: Tensor, labels: Tensor) -> float:
    """The temperature that fits the validation part best; NaN where none is best.

    None is where every prediction there is right (the colder, the better), or where they are no better than chance.
    """
    try:
        return fit_temperature(logits, labels).temperature
    except NoBestTemperature:
        return math.nan
