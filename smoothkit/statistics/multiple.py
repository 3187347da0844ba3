"""Several comparisons at once: what their p-values are worth together."""

from collections.abc import Sequence

import numpy as np


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjusted p-values, in the order given: reject those at or below the level of the whole family.

    The i-th smallest of m becomes max over j <= i of (m - j + 1) p_(j), at most 1. The chance of any false rejection
    stays at the level whatever the dependence between the tests, and never are fewer rejected than by Bonferroni
    (Holm, Scandinavian Journal of Statistics 6, 1979). Raises ValueError for a value outside 0..1.

    >>> [round(p, 6) for p in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    given = np.asarray(p_values, dtype=np.float64)
    if not ((given >= 0) & (given <= 1)).all():
        raise ValueError(f"holm: p-values must lie in 0..1, got {list(p_values)}; leave out those that are undefined")
    order = given.argsort(kind="stable")
    remaining = np.arange(len(given), 0, -1)
    adjusted = np.empty_like(given)
    adjusted[order] = np.maximum.accumulate(remaining * given[order]).clip(max=1)
    return adjusted.tolist()
