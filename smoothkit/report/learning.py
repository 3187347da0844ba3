"""Learning curves: how what was logged went on over training, per variant, over its seeds."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure as Picture

from smoothkit.report.pictures import frame, layout_engine, line, style

MOST_POINTS = 200
"""Points of a drawn curve; longer records are averaged over equal stretches of training."""

Rows = Sequence[Mapping[str, Any]]
"""A run's `metrics.jsonl`."""


@dataclass(frozen=True, kw_only=True)
class Band:
    """Mean over seeds with the range they span, at each step that any of them recorded."""

    steps: tuple[float, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


def bands(runs: Mapping[str, Iterable[Rows]]) -> dict[str, dict[str, Band]]:
    """Bands by tag, then by variant, from each variant's runs. Values that are not finite (None) are left out.

    Where runs stopped at different steps, the mean is over those that got there.

    >>> runs = {"LS": [[{"step": 1, "train/loss": 2.0}], [{"step": 1, "train/loss": 4.0}]]}
    >>> bands(runs)["train/loss"]["LS"]
    Band(steps=(1.0,), mean=(3.0,), low=(2.0,), high=(4.0,))
    """
    found: dict[str, dict[str, Band]] = {}
    for variant, rows_by_seed in runs.items():
        seeds = [_curves(rows) for rows in rows_by_seed]
        for tag in dict.fromkeys(tag for curves in seeds for tag in curves):
            found.setdefault(tag, {})[variant] = _band([curves[tag] for curves in seeds if tag in curves])
    return found


def _curves(rows: Rows) -> dict[str, list[tuple[float, float]]]:
    """(step, value) pairs by tag."""
    curves: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        for tag, value in row.items():
            if tag != "step" and value is not None and math.isfinite(value):
                curves.setdefault(tag, []).append((float(row["step"]), float(value)))
    return curves


def _band(curves: Sequence[Sequence[tuple[float, float]]]) -> Band:
    steps = np.unique([step for curve in curves for step, _ in curve])
    values = np.full((len(curves), len(steps)), np.nan)
    for row, curve in zip(values, curves, strict=True):
        at, value = zip(*curve, strict=True)
        row[np.searchsorted(steps, at)] = value
    if len(steps) > MOST_POINTS:
        steps, values = _thin(steps, values)
    return Band(
        steps=tuple(steps.tolist()),
        mean=tuple(np.nanmean(values, axis=0).tolist()),
        low=tuple(np.nanmin(values, axis=0).tolist()),
        high=tuple(np.nanmax(values, axis=0).tolist()),
    )


def _thin(steps: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Average each seed over `MOST_POINTS` equal stretches, so that the range stays that of seeds and not of noise."""
    parts = np.array_split(np.arange(len(steps)), MOST_POINTS)
    thinned = np.full((len(values), len(parts)), np.nan)
    for place, part in enumerate(parts):
        seen = np.isfinite(values[:, part]).any(axis=1)
        thinned[seen, place] = np.nanmean(values[np.ix_(seen, part)], axis=1)
    return np.array([steps[part].mean() for part in parts]), thinned


def draw_bands(tag: str, by_variant: Mapping[str, Band]) -> Picture:
    """One tag's curves, all variants together: the mean as a line, the range over seeds as a shade."""
    with style():
        picture = Picture(figsize=(4.4, 2.9), layout=layout_engine())
        axes = picture.add_subplot()
        for index, (variant, band) in enumerate(by_variant.items()):
            look = line(index, single=len(band.steps) == 1)
            axes.plot(band.steps, band.mean, label=variant, **look)
            axes.fill_between(band.steps, band.low, band.high, color=look["color"], alpha=0.15, linewidth=0)
        frame(axes, tag, "step", "")
        return picture
