"""The mean of a table of seeds and rows, both of which are samples."""

import math

import numpy as np
from jaxtyping import Float64

from smoothkit.statistics.interval import Interval, student_interval


def crossed_mean_interval(values: Float64[np.ndarray, "seeds rows"]) -> Interval:
    """The mean over seeds and rows with a 95 % interval that holds for other seeds and other rows.

    Every seed is measured on the same rows, so errors do not average out over seeds: a hard row is hard for all. In
    the two-way model value = mean + seed + row + rest the variance of the mean is (MS_seed + MS_row - MS_rest) / (S N),
    without bias (mean squares of the analysis of variance), here at least as large as what the seeds or the rows show
    alone; its degrees of freedom are Satterthwaite's. With one seed it is the t interval over rows, and speaks of this
    seed only; with one row that over seeds; with one value there are no bounds.

    >>> interval = crossed_mean_interval(np.array([[1.0, 2.0, 3.0]]))
    >>> round(interval.low, 4), round(interval.high, 4)
    (-0.4841, 4.4841)
    """
    seeds, rows = values.shape
    mean = float(values.mean())
    by_seed, by_row = values.mean(axis=1) - mean, values.mean(axis=0) - mean
    seed_part = float(by_seed @ by_seed) / (seeds - 1) / seeds if seeds > 1 else 0.0
    row_part = float(by_row @ by_row) / (rows - 1) / rows if rows > 1 else 0.0
    both = seed_part + row_part
    if seeds > 1 and rows > 1:
        rest = values - mean - by_seed[:, None] - by_row
        both -= float(np.square(rest).sum()) / ((seeds - 1) * (rows - 1)) / (seeds * rows)
    variance = max(both, seed_part, row_part)
    uncertainty = seed_part**2 / max(seeds - 1, 1) + row_part**2 / max(rows - 1, 1)
    freedom = variance**2 / uncertainty if uncertainty > 0 else float(max(seeds, rows) - 1)
    return student_interval(mean, math.sqrt(variance), freedom, "t over seeds and rows" if seeds > 1 else "t over rows")
