"""One model against another on the same rows: differencing row by row removes what makes a row hard for both."""

from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float64
from scipy.sparse import csr_array
from torch import Tensor

from smoothkit.metrics.bins import BINS, Reliability, bins_of, equal_mass_edges
from smoothkit.metrics.boundary import check_choice
from smoothkit.metrics.calibration import debiased_squared_error_of
from smoothkit.metrics.events import Events, check_events
from smoothkit.metrics.weighted_ranks import weighted_aurc
from smoothkit.statistics import Interval, crossed_mean_interval, recentred_interval, two_level_bootstrap
from smoothkit.statistics.resampling import RESAMPLES, Replicates, Statistic, function_of_sums

MeanMeasure = Literal["accuracy", "confidence", "confidence_gap", "brier"]
Measure = Literal[MeanMeasure, "aurc", "debiased_squared_error"]
"""What two models are compared by: means over rows, or measures of all rows together."""

_ROW_VALUES: dict[MeanMeasure, Callable[[Events], Float64[Tensor, " rows"]]] = {
    "accuracy": lambda events: events.correctness,
    "confidence": lambda events: events.confidence,
    "confidence_gap": lambda events: events.confidence - events.correctness,
    "brier": lambda events: (events.confidence - events.correctness).square(),
}
_SUMS = tuple(field.name for field in fields(Reliability) if field.name != "edges")


def paired_difference(
    first: Sequence[Events],
    second: Sequence[Events],
    measure: Measure,
    generator: np.random.Generator,
    *,
    bins: int = BINS,
    resamples: int = RESAMPLES,
) -> Interval:
    """The measure of `first` minus that of `second`, on average over seeds, with its 95 % interval.

    One set of events per seed, all on the same rows in the same order; seed i of one model is paired with seed i of the
    other. With one seed the interval is over rows; with several it is over rows and seeds, so that it speaks of the
    method and not of these training runs. Means take `paired_mean_difference`. "aurc" and "debiased_squared_error"
    resample rows jointly for both models, and seeds as the outer level; the squared error is that in equal-mass bins of
    all confidences together, the same for both models. "brier" is that of the events, (confidence - correctness)^2.

    Raises:
        ValueError: `measure` is none of these, the models have different numbers of seeds or rows, or a value lies
            outside 0..1.
    """
    check_choice("paired_difference", "measure", measure, Measure)
    _check(first, second)
    if measure != "aurc" and measure != "debiased_squared_error":
        values = [torch.stack([_ROW_VALUES[measure](events) for events in seeds]) for seeds in (first, second)]
        return paired_mean_difference(*values)
    if measure == "aurc":
        statistics = [_difference(weighted_aurc(*one), weighted_aurc(*other)) for one, other in _pairs(first, second)]
    else:
        edges = equal_mass_edges(torch.cat([events.confidence for events in (*first, *second)]), bins)
        statistics = [_squared_error_difference(one, other, edges) for one, other in _pairs(first, second)]
    rows = len(first[0].confidence)
    everything = np.ones((1, rows), dtype=np.int64)
    estimate = float(np.mean([statistic(everything)[0] for statistic in statistics]))
    return recentred_interval(estimate, two_level_bootstrap(statistics, rows, generator, resamples))


def paired_mean_difference(
    first: Float64[Tensor, "seeds rows"], second: Float64[Tensor, "other_seeds other_rows"]
) -> Interval:
    """The mean of any value per row (a loss, a score), `first` minus `second`, over rows and seeds.

    `smoothkit.statistics.crossed_mean_interval` of the differences. Raises ValueError for shapes that differ.

    >>> rows = torch.tensor([[0.25, 0.5, 1.0]]).double()
    >>> paired_mean_difference(rows + 0.125, rows).estimate
    0.125
    """
    if first.shape != second.shape:
        raise ValueError(
            f"paired_mean_difference: both models must have the same seeds and rows, got the shapes "
            f"{tuple(first.shape)} and {tuple(second.shape)}"
        )
    return crossed_mean_interval((first - second).cpu().numpy())


def _squared_error_difference(first: Events, second: Events, edges: Float64[Tensor, " edges"]) -> Statistic:
    """The debiased squared error of one model minus that of the other, as a function of how often each row counts."""
    size = len(edges) - 1

    def difference(sums: Float64[np.ndarray, "resamples quantities"]) -> Replicates:
        by_quantity = torch.from_numpy(sums).view(len(sums), 2, len(_SUMS), size).unbind(dim=2)
        found = dict(zip(_SUMS, by_quantity, strict=True))
        errors = debiased_squared_error_of(
            Reliability(edges=edges, **{**found, "counts": found["counts"].round().long()})
        )
        return (errors[:, 0] - errors[:, 1]).numpy()

    return function_of_sums(_contributions((first, second), edges), difference)


def _contributions(models: Sequence[Events], edges: Float64[Tensor, " edges"]) -> csr_array:
    """What each row adds to every sum of its bin, for each of the models: columns (model, sum, bin)."""
    size = len(edges) - 1
    offsets = torch.arange(len(_SUMS)) * size
    columns, entries = [], []
    for number, (confidence, correctness) in enumerate(models):
        sums = {
            "counts": torch.ones_like(confidence),
            "confidence_sum": confidence,
            "correctness_sum": correctness,
            "confidence_square_sum": confidence.square(),
            "product_sum": confidence * correctness,
            "correctness_square_sum": correctness.square(),
        }
        columns.append(bins_of(confidence, edges).cpu()[:, None] + offsets + number * len(_SUMS) * size)
        entries.append(torch.stack([sums[name] for name in _SUMS], dim=1).cpu())
    column, entry = torch.cat(columns, dim=1), torch.cat(entries, dim=1)
    rows, width = entry.shape
    starts = np.arange(0, rows * width + 1, width)
    return csr_array(
        (entry.flatten().numpy(), column.flatten().numpy(), starts), shape=(rows, len(models) * len(_SUMS) * size)
    )


def _difference(first: Statistic, second: Statistic) -> Statistic:
    return lambda weights: first(weights) - second(weights)


def _pairs(first: Sequence[Events], second: Sequence[Events]) -> list[tuple[Events, Events]]:
    return list(zip(first, second, strict=True))


def _check(first: Sequence[Events], second: Sequence[Events]) -> None:
    if isinstance(first, Events) or isinstance(second, Events):
        raise ValueError(
            "paired_difference: give each model a list of events, one for each seed, got events themselves"
        )
    if not first or len(first) != len(second):
        raise ValueError(
            f"paired_difference: both models must have the same seeds, at least one, got {len(first)} and {len(second)}"
        )
    rows = sorted({len(events.confidence) for events in (*first, *second)})
    if len(rows) > 1:
        raise ValueError(f"paired_difference: all events must be of the same rows, got {rows} of them")
    for events in (*first, *second):
        check_events("paired_difference", *events)
