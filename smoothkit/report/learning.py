"""Learning curves: how what was logged went on over training, per variant, over its seeds."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from jaxtyping import Float64

from smoothkit.report.figures import CurvesFigure
from smoothkit.report.recording import Curve

MOST_POINTS = 200
"""Points of a drawn curve; longer records are averaged over equal stretches of training."""

Curves = Mapping[str, Curve]
"""What one run logged, by tag."""


def learning_curves(runs: Mapping[str, Iterable[Curves]]) -> dict[str, CurvesFigure]:
    """A figure per tag with a curve per variant: the mean over its seeds, with the range they span as its band.

    Where runs stopped at different steps, the mean is over those that got there.

    >>> curve = lambda value: {"train/loss": Curve(np.array([1.0]), np.array([value]))}
    >>> figure = learning_curves({"LS": [curve(2.0), curve(4.0)]})["train/loss"]
    >>> figure.y["LS"], figure.low["LS"], figure.high["LS"]
    ((3.0,), (2.0,), (4.0,))
    """
    seeds = {variant: list(curves) for variant, curves in runs.items()}
    tags = dict.fromkeys(tag for curves in seeds.values() for by_tag in curves for tag in by_tag)
    return {
        tag: _figure(tag, {variant: [c[tag] for c in curves if tag in c] for variant, curves in seeds.items()})
        for tag in tags
    }


def _figure(tag: str, curves: Mapping[str, Sequence[Curve]]) -> CurvesFigure:
    drawn = {variant: _band(seeds) for variant, seeds in curves.items() if any(len(seed.steps) for seed in seeds)}
    several = {variant for variant in drawn if len(curves[variant]) > 1}
    steps, mean, low, high = (
        {variant: tuple(parts[place].tolist()) for variant, parts in drawn.items()} for place in range(4)
    )
    return CurvesFigure(
        title=tag,
        x_label="step",
        y_label="",
        x=steps,
        y=mean,
        low={variant: low[variant] for variant in several},
        high={variant: high[variant] for variant in several},
    )


Line = Float64[np.ndarray, " points"]


def _band(curves: Sequence[Curve]) -> tuple[Line, Line, Line, Line]:
    """Steps, and mean, lowest and highest value of the seeds at each."""
    steps = np.unique(np.concatenate([curve.steps for curve in curves]))
    values = np.full((len(curves), len(steps)), np.nan)
    for row, curve in zip(values, curves, strict=True):
        row[np.searchsorted(steps, curve.steps)] = curve.values
    if len(steps) > MOST_POINTS:
        steps, values = _thin(steps, values)
    return steps, np.nanmean(values, axis=0), np.nanmin(values, axis=0), np.nanmax(values, axis=0)


def _thin(
    steps: Line, values: Float64[np.ndarray, "seeds points"]
) -> tuple[Float64[np.ndarray, " fewer"], Float64[np.ndarray, "seeds fewer"]]:
    """Average each seed over `MOST_POINTS` equal stretches, so that the range stays that of seeds and not of noise."""
    starts = np.arange(MOST_POINTS) * len(steps) // MOST_POINTS
    seen = np.isfinite(values)
    counts = np.add.reduceat(seen, starts, axis=1, dtype=np.int64)
    sums = np.add.reduceat(np.where(seen, values, 0.0), starts, axis=1)
    means = np.full(sums.shape, np.nan)
    np.divide(sums, counts, out=means, where=counts > 0)
    return np.add.reduceat(steps, starts) / np.diff(starts, append=len(steps)), means
