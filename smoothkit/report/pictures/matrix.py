"""Matrices as heat maps."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import FuncNorm, LinearSegmentedColormap
from matplotlib.figure import Figure as Picture

from smoothkit.report.figures import MatrixFigure
from smoothkit.report.heat import NEGATIVE, POSITIVE, STRONG, bound_of, entry, power_of
from smoothkit.report.legibility import LARGEST_ANNOTATED, named_ticks, shorten
from smoothkit.report.pictures.style import layout_engine

COLOURS = LinearSegmentedColormap.from_list("signed", [NEGATIVE, "white", POSITIVE]).with_extremes(bad="#dddddd")
TICKS = (0.001, 0.01, 0.1, 0.25, 0.5, 1.0)
"""Entries that the scale beside the matrix names, besides 0 and the strongest."""
CHARACTER, TITLE_CHARACTER = 0.075, 0.09
"""Inches that a character takes on average, in tick labels and in titles."""
LEAST_GAP = 0.07
"""Ticks stand so far apart at least, as a share of the scale."""


def draw_matrix(figure: MatrixFigure) -> Picture:
    """A heat map in the colours and on the scale of `smoothkit.report.heat`, with every entry written if there is room.

    The scale beside it has a side for negative entries where there are any.
    """
    values = np.ma.masked_invalid(np.array(figure.values, dtype=float))
    rows, columns = values.shape
    annotated = max(rows, columns) <= LARGEST_ANNOTATED
    cell = 0.35 if annotated else 4.2 / max(rows, columns)  # inches
    width = max(3.2, columns * cell + 1.5)
    # Beside the cells there is a line of title, the ticks and their label; upright ticks and more title take more room.
    upright = _longest(figure.columns) * CHARACTER if _stand_upright(figure.columns, cell) else 0.0
    title_lines = math.ceil(len(figure.title) * TITLE_CHARACTER / width)
    height = max(2.4, rows * cell + 0.9 + upright + 0.2 * (title_lines - 1))
    picture = Picture(figsize=(width, height), layout=layout_engine())
    axes = picture.add_subplot()
    bound = bound_of(values.compressed())
    norm = _norm(power_of(columns), bound)
    image = axes.imshow(values, cmap=COLOURS, norm=norm, interpolation="nearest")
    axes.set(xlabel=figure.column_label, ylabel=figure.row_label)
    # Above the whole picture: a scale that is higher than the cells would lie on a title of the axes.
    picture.suptitle(figure.title, wrap=True, fontsize=10)
    axes.spines[:].set_visible(False)
    _name_ticks(axes, figure.columns, figure.rows, cell)
    if annotated:
        _annotate(axes, values, norm)
    signed = bool((values < 0).any())
    ticks = _scale_ticks(norm, bound, signed=signed)
    bar = picture.colorbar(image, ax=axes, shrink=0.85, aspect=28, pad=0.02, ticks=ticks)
    bar.set_ticks(ticks, labels=[entry(tick) for tick in ticks])
    bar.ax.set_ylim(-bound if signed else 0, bound)
    bar.outline.set_visible(False)  # pyright: ignore[reportCallIssue]
    return picture


def _norm(power: float, bound: float) -> FuncNorm:
    """From entries to colours: both signs have the same scale, with 0 in the middle."""

    def forward(entries: np.ndarray) -> np.ndarray:
        return np.sign(entries) * np.abs(entries / bound) ** power

    def inverse(strengths: np.ndarray) -> np.ndarray:
        return np.sign(strengths) * bound * np.abs(strengths) ** (1 / power)

    return FuncNorm((forward, inverse), -bound, bound)


def _scale_ticks(norm: FuncNorm, bound: float, *, signed: bool) -> list[float]:
    """Ticks on the scale, without those that would lie on top of 0 or of one nearer to the scale's end."""
    gap = LEAST_GAP * (2 if signed else 1)
    kept: list[float] = []
    last = 1 + gap
    for tick in sorted({*TICKS, bound}, reverse=True):
        strength = _strength(norm, tick)
        if last - strength >= gap <= strength:
            kept.append(tick)
            last = strength
    return [*(-tick for tick in kept if signed), 0.0, *reversed(kept)]


def _strength(norm: FuncNorm, value: float) -> float:
    """From -1 to 1."""
    return 2 * float(norm(value)) - 1


def _name_ticks(axes: Axes, columns: Sequence[str], rows: Sequence[str], cell: float) -> None:
    """Name at most 25 ticks per axis; names wider than their `cell` (in inches) stand upright."""
    for axis, names in ((axes.xaxis, columns), (axes.yaxis, rows)):
        shown = named_ticks(len(names))
        axis.set_ticks(list(shown), [shorten(names[index]) for index in shown])
    axes.tick_params(length=0)
    if _stand_upright(columns, cell):
        axes.tick_params(axis="x", labelrotation=90)


def _stand_upright(columns: Sequence[str], cell: float) -> bool:
    return _longest(columns) * CHARACTER > cell * named_ticks(len(columns)).step


def _longest(columns: Sequence[str]) -> int:
    """Characters of the longest name that is shown."""
    return max(len(shorten(columns[index])) for index in named_ticks(len(columns)))


def _annotate(axes: Axes, values: np.ma.MaskedArray, norm: FuncNorm) -> None:
    for (row, column), value in np.ndenumerate(values.filled(np.nan)):
        strong = math.isfinite(value) and abs(_strength(norm, value)) >= STRONG
        axes.text(column, row, entry(value), ha="center", va="center", fontsize=7, color="white" if strong else "black")
