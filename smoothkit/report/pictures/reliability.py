"""Reliability diagrams, of all samples or of groups."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Picture

from smoothkit.report.describe import calibration_lines
from smoothkit.report.figures import GroupReliabilityFigure, ReliabilityFigure
from smoothkit.report.pictures.style import INK, blank, layout_engine

BAR, SHARE, OVER, UNDER = "#dbe3ec", "#8590a0", "#d5493d", "#2f7fc1"
MOST_ACROSS = 4
"""Groups beside each other."""


def draw_reliability(figure: ReliabilityFigure) -> Picture:
    """Accuracy per bin of confidence, its gap to the mean confidence, and how many samples each bin holds.

    Gaps are red where the model is over-confident and blue where it is under-confident; whiskers are the intervals of
    accuracy. In the histogram the dotted line is mean confidence, the solid one accuracy.
    """
    picture = Picture(figsize=(3.6, 4.8), layout=layout_engine())
    upper, lower = picture.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    upper.set(ylabel="accuracy")
    _diagram(upper, figure, figure.title)
    _histogram(lower, figure)
    lower.set(xlabel="confidence", ylabel="share")
    return picture


def draw_groups(figure: GroupReliabilityFigure) -> Picture:
    """A diagram per group, beside each other, on the same axes."""
    columns = max(min(len(figure.groups), MOST_ACROSS), 1)
    rows = max(-(-len(figure.groups) // columns), 1)
    picture = Picture(figsize=(2.6 * columns + 0.4, 3.2 * rows + 0.4), layout=layout_engine())
    picture.suptitle(figure.title, fontsize=10)
    grid = picture.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for axes in grid.flat[len(figure.groups) :]:
        axes.set_axis_off()
    for axes, (name, group) in zip(grid.flat, figure.groups.items(), strict=False):
        _diagram(axes, group, name)
    picture.supxlabel("confidence", fontsize=9)
    picture.supylabel("accuracy", fontsize=9)
    return picture


def _diagram(axes: Axes, figure: ReliabilityFigure, title: str) -> None:
    edges = np.array(figure.edges)
    left, width = edges[:-1], np.diff(edges)
    accuracy, confidence = blank(figure.accuracy), blank(figure.confidence)
    axes.bar(left, accuracy, width=width, align="edge", color=BAR, edgecolor="white", linewidth=0.6)
    axes.plot([0, 1], [0, 1], color="#57606a", linewidth=0.9, linestyle="--")
    colours = np.where(confidence > accuracy, OVER, UNDER)
    axes.bar(confidence, confidence - accuracy, bottom=accuracy, width=0.5 * width, color=colours, alpha=0.85)
    if figure.low is not None and figure.high is not None:
        axes.vlines(confidence, blank(figure.low), blank(figure.high), color=INK, linewidth=0.8)
    axes.plot(confidence, accuracy, "o", color=INK, markersize=2.5)
    axes.set(ylim=(0, 1.02), xlim=(float(edges[0]), float(edges[-1])))
    # The numbers stand above the diagram, where they hide nothing.
    axes.set_title("\n".join([title, *calibration_lines(figure)]), loc="left", fontsize=8)


def _histogram(axes: Axes, figure: ReliabilityFigure) -> None:
    edges, counts = np.array(figure.edges), np.array(figure.counts, dtype=float)
    shares = counts / max(counts.sum(), 1)
    axes.bar(edges[:-1], shares, width=np.diff(edges), align="edge", color=SHARE, edgecolor="white", linewidth=0.6)
    for values, dash in ((figure.confidence, ":"), (figure.accuracy, "-")):
        if counts.any():
            axes.axvline(float(np.nansum(shares * blank(values))), color=INK, linewidth=1.2, linestyle=dash)
