"""Working windows: the coefficients of a method at which almost every seed ends well, and how sure their number is."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64

from smoothkit.statistics import percentile_interval, row_weights
from smoothkit.statistics.interval import Interval
from smoothkit_policy.quantities import SHORTFALL_SAMPLED, SOLVED
from smoothkit_policy.study.scores import of_method
from smoothkit_policy.study.sweep import Group, Method

LEAST_SOLVED = 0.95
"""Share of seeds that have solved the environment, from which on a coefficient works."""
LARGEST_SHORTFALL = 0.15
"""Mean shortfall of the sampled policy up to which it works; asked for only where the optimum is known."""
ROUNDING = 1e-9
"""By which a mean may miss either of them: that of equal numbers is not always the same number."""
RESAMPLES = 2000

Grid = Float64[np.ndarray, "seeds coefs"]


@dataclass(frozen=True)
class Window:
    """The longest stretch of neighbouring coefficients that work."""

    coefficients: tuple[float, ...]
    """Ascending; empty where none works."""
    tried: tuple[float, ...]
    """All coefficients, ascending."""
    working: tuple[float, ...]
    """All that work, in the stretch or not."""

    @property
    def width(self) -> float:
        """Largest over smallest coefficient: 1 for a single one, 0 for none."""
        return self.coefficients[-1] / self.coefficients[0] if self.coefficients else 0.0

    @property
    def of(self) -> int:
        """How many were tried."""
        return len(self.tried)

    @property
    def is_open(self) -> bool:
        """Whether an end of the grid works: what lies beyond may work too, and nobody tried."""
        return bool(self.working) and (self.working[0] == self.tried[0] or self.working[-1] == self.tried[-1])


def window_of(group: Group, method: Method) -> Window:
    """The window over all seeds."""
    solved, shortfall = _readings(group, method)
    everything = np.ones((1, len(solved)))
    works = _works(solved, shortfall, everything)[0]
    coefficients = list(method.variants)
    lengths = _run_lengths(works[None])[0]
    end = int(lengths.argmax()) + 1
    return Window(
        tuple(coefficients[end - int(lengths.max()) : end]) if works.any() else (),
        tuple(coefficients),
        tuple(coef for coef, is_working in zip(coefficients, works, strict=True) if is_working),
    )


def difference_in_length(group: Group, method: Method, other: Method) -> Interval:
    """How many more neighbouring coefficients work than of the other method, with a 95 % interval over resampled seeds.

    Both are resampled by the same seeds. Where a coefficient is at the edge of working, the number varies with them.
    """
    drawn = row_weights(len(group.seeds), RESAMPLES, np.random.default_rng(0)).astype(np.float64)
    weights = np.concatenate([np.ones((1, len(group.seeds))), drawn])
    differences = (_lengths(group, method, weights) - _lengths(group, other, weights)).astype(np.float64)
    return percentile_interval(float(differences[0]), differences[1:], "bootstrap over seeds")


def seeds_agree(group: Group, method: Method, other: Method) -> bool:
    """Whether each seed by itself shows the same difference in length, and all of them together."""
    count = len(group.seeds)
    weights = np.concatenate([np.ones((1, count)), np.eye(count)])
    differences = _lengths(group, method, weights) - _lengths(group, other, weights)
    return bool((differences == differences[0]).all())


def _lengths(
    group: Group, method: Method, weights: Float64[np.ndarray, "resamples seeds"]
) -> Int64[np.ndarray, " resamples"]:
    """Of the longest stretch that works, in each resample."""
    return _run_lengths(_works(*_readings(group, method), weights)).max(axis=1)


def _readings(group: Group, method: Method) -> tuple[Grid, Grid]:
    return of_method(group, method, SOLVED), of_method(group, method, SHORTFALL_SAMPLED)


def _works(
    solved: Grid, shortfall: Grid, weights: Float64[np.ndarray, "resamples seeds"]
) -> Bool[np.ndarray, "resamples coefs"]:
    """Whether each coefficient works in each resample; never where no seed of it tells."""
    rate, short = _weighted_mean(solved, weights), _weighted_mean(shortfall, weights)
    is_short = short > LARGEST_SHORTFALL + ROUNDING
    return (rate >= LEAST_SOLVED - ROUNDING) & (~is_short & np.isfinite(short) | np.isnan(shortfall).all(axis=0))


def _weighted_mean(
    values: Grid, weights: Float64[np.ndarray, "resamples seeds"]
) -> Float64[np.ndarray, "resamples coefs"]:
    """Over the seeds that have a number; NaN where none has."""
    known = np.isfinite(values)
    sums, counts = weights @ np.where(known, values, 0.0), weights @ known.astype(np.float64)
    return np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)


def _run_lengths(works: Bool[np.ndarray, "resamples coefs"]) -> Int64[np.ndarray, "resamples coefs"]:
    """How many neighbouring coefficients work, up to and with each."""
    lengths = np.zeros(works.shape, dtype=np.int64)
    for place in range(works.shape[1]):
        before = lengths[:, place - 1] if place else 0
        lengths[:, place] = np.where(works[:, place], before + 1, 0)
    return lengths
