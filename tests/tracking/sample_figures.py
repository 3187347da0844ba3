"""One figure of every kind, and figures in which little or nothing is defined."""

import math

from smoothkit.report.figures import (
    CurvesFigure,
    Figure,
    GroupReliabilityFigure,
    IntervalsFigure,
    MatrixFigure,
    ReliabilityFigure,
)
from tests.tracking.two_runs import matrix, reliability

Values = tuple[float | None, ...]
NONE: Values = (None, None)


def table(*values: Values) -> MatrixFigure:
    """A matrix of these rows."""
    names = tuple(map(str, range(len(values[0])))) if values else ()
    rows = names[: len(values)]
    return MatrixFigure(title="m", values=values, rows=rows, columns=names, row_label="label", column_label="target")


def forest(estimates: Values, low: Values, high: Values) -> IntervalsFigure:
    """A forest plot of groups called 0, 1, …"""
    names = tuple(map(str, range(len(estimates))))
    counts = tuple(range(len(estimates)))
    return IntervalsFigure(
        title="i", names=names, estimates=estimates, low=low, high=high, counts=counts, x_label="gap"
    )


def curve(
    x: tuple[float, ...], y: Values, marks: dict[str, float] | None = None, **bands: dict[str, Values]
) -> CurvesFigure:
    """One curve, called a."""
    return CurvesFigure(title="c", x_label="x", y_label="y", x={"a": x}, y={"a": y}, marks=marks or {}, **bands)


FIGURES: dict[str, list[Figure]] = {
    "all kinds": [
        matrix(100),
        reliability(100, low=(None, 0.7), high=(None, 0.85)),
        GroupReliabilityFigure(title="g", groups={"a": reliability(10), "b": reliability(20)}),
        forest((0.1, None), (0.0, None), (0.2, None)),
        curve((0.0, 1.0), (2.0, 3.0), {"m": 0.5}, low={"a": (1.0, 2.0)}, high={"a": (3.0, 4.0)}),
    ],
    "degenerate": [
        table(NONE),
        table((-1.5,)),
        ReliabilityFigure(title="r", edges=(0.0, 0.5, 1.0), counts=(0, 0), confidence=NONE, accuracy=NONE),
        forest((None,), (None,), (None,)),
        curve((3.0,), (2.0,), {"": 3.0, "nowhere": math.nan, "far": -1e9}),
        curve((3.0, 4.0), (None, 1.0), low={"a": NONE}, high={"a": NONE}),
    ],
    "empty": [
        table(),
        GroupReliabilityFigure(title="g", groups={}),
        forest((), (), ()),
        CurvesFigure(title="c", x_label="x", y_label="y", x={}, y={}),
        curve((0.0, 1.0), NONE),
    ],
}
