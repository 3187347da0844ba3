"""Matrices as heat maps."""

import math
from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, Normalize, PowerNorm
from matplotlib.figure import Figure as Picture

from smoothkit.report.figures import MatrixFigure
from smoothkit.report.heat import entry, power_of
from smoothkit.report.pictures.style import layout_engine

LARGEST_ANNOTATED = 12
"""Classes up to which every entry of a matrix is written into its cell."""
MOST_TICKS = 25
"""Names that an axis shows; of more classes, every second or third one and so on."""
LONGEST_NAME = 16
"""Characters of a class name that an axis shows."""


def draw_matrix(figure: MatrixFigure) -> Picture:
    """A heat map, with every entry written out up to 12 classes.

    Target matrices differ in small entries beside a diagonal near 1, which a linear colour scale shows as one colour.
    The scale is therefore a power of the value, chosen by the number K of columns alone (pictures of several variants
    compare by colour): 0.1 / K lies a tenth of the way up. Matrices with negative entries get a diverging scale.
    """
    values = np.ma.masked_invalid(np.array(figure.values, dtype=float))
    rows, columns = values.shape
    cell = 0.35 if max(rows, columns) <= LARGEST_ANNOTATED else 4.2 / max(rows, columns)  # inches
    width, height = max(3.2, columns * cell + 1.5), max(2.4, rows * cell + 0.9)
    picture = Picture(figsize=(width, height), layout=layout_engine())
    axes = picture.add_subplot()
    norm, colours = _colour_scale(values)
    image = axes.imshow(values, cmap=colours, norm=norm, interpolation="nearest")
    axes.set(xlabel=figure.column_label, ylabel=figure.row_label)
    axes.set_title(figure.title, wrap=True)
    axes.spines[:].set_visible(False)
    _name_ticks(axes, figure.columns, figure.rows, cell)
    if max(rows, columns) <= LARGEST_ANNOTATED:
        _annotate(axes, values, norm, colours)
    # Of the ticks that help with small entries, those that would lie on top of the 0 are left out.
    ticks = [0, *(tick for tick in (0.001, 0.01, 0.1, 0.25, 0.5, 1) if norm(tick) > 0.06)] if norm.vmax == 1 else None
    bar = picture.colorbar(image, ax=axes, shrink=0.85, aspect=28, pad=0.02, ticks=ticks, format="{x:g}")
    bar.outline.set_visible(False)  # pyright: ignore[reportCallIssue]
    return picture


def _colour_scale(values: np.ma.MaskedArray) -> tuple[Normalize, Colormap]:
    finite = values.compressed()
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    if low < 0:
        bound = max(-low, high)
        return Normalize(-bound, bound), _colour_map("PuOr")
    return PowerNorm(power_of(values.shape[1]), 0, max(high, 1)), _colour_map("cividis")


def _colour_map(name: str) -> Colormap:
    return matplotlib.colormaps[name].with_extremes(bad="#dddddd")


def _name_ticks(axes: Axes, columns: Sequence[str], rows: Sequence[str], cell: float) -> None:
    """Name at most 25 ticks per axis; names wider than their `cell` (in inches) stand upright."""
    for axis, names in ((axes.xaxis, columns), (axes.yaxis, rows)):
        shown = range(0, len(names), -(-len(names) // MOST_TICKS))
        axis.set_ticks(list(shown), [_shorten(names[index]) for index in shown])
    axes.tick_params(length=0)
    character = 0.075  # inches, on average, at the size of tick labels
    if max(map(len, columns)) * character > cell * -(-len(columns) // MOST_TICKS):
        axes.tick_params(axis="x", labelrotation=90)


def _shorten(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"


def _annotate(axes: Axes, values: np.ma.MaskedArray, norm: Normalize, colours: Colormap) -> None:
    for (row, column), value in np.ndenumerate(values.filled(np.nan)):
        red, green, blue, _ = colours(norm(value)) if math.isfinite(value) else (1.0, 1.0, 1.0, 1.0)
        ink = "black" if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.45 else "white"
        axes.text(column, row, entry(value), ha="center", va="center", fontsize=7, color=ink)
