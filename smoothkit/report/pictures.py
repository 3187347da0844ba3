"""Figures drawn: a `Figure` of numbers becomes a picture, as PNG for TensorBoard or SVG for the report.

The same figure gives the same bytes. Nothing global is touched: no `pyplot`, no backend is chosen, and the style holds
only while a picture is drawn, whatever the user's own `matplotlibrc` says.
"""

import base64
import io
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import Colormap, Normalize, PowerNorm
from matplotlib.figure import Figure as Picture
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator

from smoothkit.report.figures import CurvesFigure, Figure, MatrixFigure, ReliabilityFigure
from smoothkit.report.numbers import MINUS, MISSING

DPI = 150
LARGEST_ANNOTATED = 12
"""Classes up to which every entry of a matrix is written into its cell."""
MOST_TICKS = 25
"""Names that an axis shows; of more classes, every second or third one and so on."""
LONGEST_NAME = 16
"""Characters of a class name that an axis shows."""

# Colours that readers with any common colour vision tell apart (Okabe and Ito, 2008), yellow left out for contrast.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DASHES = ("-", "--", "-.", ":")

STYLE: dict[str, Any] = {
    "figure.dpi": DPI,
    "savefig.dpi": DPI,
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.labelsize": 9,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "lines.linewidth": 1.4,
    "text.parse_math": False,  # a dollar in a class name is a dollar
    "svg.hashsalt": "smoothkit",  # otherwise the identifiers within an SVG are random
}


@contextmanager
def style() -> Iterator[None]:
    """The house style, over matplotlib's own defaults."""
    with matplotlib.style.context(["default", STYLE]):
        yield


def draw(figure: Figure) -> Picture:
    """The picture of any figure. Values that are not finite are left blank.

    Raises:
        TypeError: there is no picture for this class of figure.
    """
    with style():
        match figure:
            case MatrixFigure():
                return draw_matrix(figure)
            case ReliabilityFigure():
                return draw_reliability(figure)
            case CurvesFigure():
                return draw_curves(figure)
    raise TypeError(
        f"figures are matrices, reliability diagrams or curves; there is no picture of {type(figure).__name__}"
    )


def png(picture: Picture) -> bytes:
    """The picture as a PNG file."""
    stream = io.BytesIO()
    with style():
        FigureCanvasAgg(picture).print_png(stream, metadata={"Software": None})
    return stream.getvalue()


def svg(picture: Picture) -> str:
    """The picture as an SVG document; text is drawn as outlines, so that it looks alike without our fonts."""
    stream = io.StringIO()
    with style():
        picture.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    return stream.getvalue()


def data_uri(picture: Picture) -> str:
    """The picture as SVG within an address, for an `<img>` that needs no file."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg(picture).encode()).decode()


# --- Matrices --------------------------------------------------------------------------------------------------------


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


def layout_engine() -> ConstrainedLayoutEngine:
    """Keeps labels from overlapping, with room at the edges."""
    return ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08)


def _colour_scale(values: np.ma.MaskedArray) -> tuple[Normalize, Colormap]:
    finite = values.compressed()
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    if low < 0:
        bound = max(-low, high)
        return Normalize(-bound, bound), _colour_map("PuOr")
    power = 1 / (1 + math.log10(values.shape[1]))
    return PowerNorm(power, 0, max(high, 1)), _colour_map("cividis")


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


def entry(value: float) -> str:
    """A matrix entry in at most five characters: three decimals below 1, two significant digits above.

    >>> [entry(value) for value in (0.91, 0.0101, 0.00002, 0.0, 1.0, -0.25, float("nan"))]
    ['.91', '.01', '≈0', '0', '1', '−.25', '–']
    """
    if not math.isfinite(value):
        return MISSING
    if 0 < abs(value) < 0.0005:
        return "≈0"
    text = f"{value:.2g}" if abs(value) >= 1 else f"{value:.3f}".rstrip("0").rstrip(".")
    return text.replace("0.", ".", 1).replace("-", MINUS)


# --- Reliability -----------------------------------------------------------------------------------------------------


def draw_reliability(figure: ReliabilityFigure) -> Picture:
    """Accuracy per bin of confidence, its gap to the mean confidence, and how many samples each bin holds.

    Gaps below the diagonal are over-confidence, gaps above it under-confidence. The expected calibration error in the
    corner is that of these bins: the mean gap, weighted by counts.
    """
    picture = Picture(figsize=(3.6, 4.5), layout=layout_engine())
    upper, lower = picture.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    edges = np.array(figure.edges)
    left, width = edges[:-1], np.diff(edges)
    counts = np.array(figure.counts, dtype=float)
    accuracy, confidence = _blank(figure.accuracy), _blank(figure.confidence)
    bars: dict[str, Any] = {"width": width, "align": "edge", "linewidth": 0.6}
    upper.bar(left, accuracy, color="#BFE0F5", edgecolor="white", **bars)
    gap = {"facecolor": "#F8D5B8", "edgecolor": PALETTE[1], "hatch": "////", "label": "gap to confidence"}
    upper.bar(left, confidence - accuracy, bottom=accuracy, **gap, **bars)
    upper.hlines(accuracy, left, edges[1:], color=PALETTE[0], linewidth=2, label="accuracy")
    upper.plot([0, 1], [0, 1], color="#444444", linewidth=0.9, linestyle="--", label="calibrated")
    upper.set(title=figure.title, ylabel="accuracy", ylim=(0, 1.02), xlim=(float(edges[0]), float(edges[-1])))
    if total := counts.sum():
        error = float(np.nansum(counts * np.abs(accuracy - confidence)) / total)
        upper.text(0.97, 0.04, f"ECE {error:.3f}", transform=upper.transAxes, ha="right", bbox=_PAPER)
    lower.bar(left, counts / max(total, 1), color="#888888", edgecolor="white", **bars)
    lower.set(xlabel="confidence", ylabel="share of\nsamples")
    # Below the axes, since bars can fill every corner of them.
    picture.legend(loc="outside lower center", ncols=3, columnspacing=1.2, handlelength=1.6)
    return picture


_PAPER = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 2}


def _blank(values: Sequence[float | None]) -> np.ndarray:
    return np.array([np.nan if value is None else value for value in values], dtype=float)


# --- Curves ----------------------------------------------------------------------------------------------------------


def draw_curves(figure: CurvesFigure) -> Picture:
    """Curves told apart by colour and dash, so that they stay apart in grey print."""
    picture = Picture(figsize=(4.8, 3.2), layout=layout_engine())
    axes = picture.add_subplot()
    for index, (name, y) in enumerate(figure.y.items()):
        axes.plot(_blank(figure.x[name]), _blank(y), label=name, **line(index, single=len(y) == 1))
    frame(axes, figure.title, figure.x_label, figure.y_label)
    return picture


def line(index: int, *, single: bool = False) -> dict[str, Any]:
    """Colour and dash of curve number `index`, alike for no two of the first 28; a lone point is marked."""
    return {
        "color": PALETTE[index % len(PALETTE)],
        "linestyle": DASHES[index % len(DASHES)],
        "marker": "o" if single else None,
        "markersize": 4,
    }


def frame(axes: Axes, title: str, x_label: str, y_label: str) -> None:
    """Titles, a light grid, and a legend where there is something to tell apart."""
    axes.set(title=title, xlabel=x_label, ylabel=y_label)
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6))
    if len(axes.lines) > 1:
        axes.legend()
