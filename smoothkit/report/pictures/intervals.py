"""Forest plots."""

import numpy as np
from matplotlib.figure import Figure as Picture

from smoothkit.report.figures import IntervalsFigure
from smoothkit.report.pictures.style import PALETTE, blank, layout_engine


def draw_intervals(figure: IntervalsFigure) -> Picture:
    """Estimates with their intervals below each other, and the reference as a dashed line."""
    names = [f"{name} (n {count})" for name, count in zip(figure.names, figure.counts, strict=True)]
    width = 3.6 + 0.07 * max(map(len, names), default=0)
    picture = Picture(figsize=(width, 1.1 + 0.28 * len(names)), layout=layout_engine())
    axes = picture.add_subplot()
    rows = np.arange(len(names))
    axes.axvline(figure.reference, color="#57606a", linewidth=0.9, linestyle="--")
    axes.hlines(rows, blank(figure.low), blank(figure.high), color=PALETTE[0], linewidth=1.6)
    axes.plot(blank(figure.estimates), rows, "o", color=PALETTE[0], markersize=4.5)
    axes.set_yticks(rows, names)
    axes.set(title=figure.title, xlabel=figure.x_label, ylim=(len(rows) - 0.5, -0.5))
    axes.grid(axis="x", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    return picture
