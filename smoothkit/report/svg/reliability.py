"""Reliability diagrams: accuracy against confidence, over a histogram of confidence."""

from collections.abc import Iterator
from typing import NamedTuple

from smoothkit.files import finite
from smoothkit.report.describe import calibration_lines, describe_reliability
from smoothkit.report.figures import ReliabilityFigure
from smoothkit.report.svg.canvas import Scale, drawing, element, grid, label, ticks_below, ticks_beside

WIDTH, HEIGHT = 330.0, 424.0
LEFT, SIDE, TOP = 50.0, 270.0, 40.0
"""The diagram is a square of this side."""
GAP, HISTOGRAM = 12.0, 62.0


class Bin(NamedTuple):
    """One bin that holds samples."""

    left: float
    right: float
    rows: int
    confidence: float
    accuracy: float
    low: float | None
    high: float | None


def draw_reliability(figure: ReliabilityFigure) -> str:
    """Accuracy as a bar over each bin, and at the bin's mean confidence the way from there to the diagonal.

    That way is red where the model is over-confident and blue where it is under-confident; whiskers are the intervals
    of accuracy. Empty bins stay empty. In the histogram the dotted line is mean confidence, the solid one accuracy.
    """
    x = Scale(figure.edges[0], figure.edges[-1], LEFT, LEFT + SIDE)
    y = Scale(0.0, 1.0, TOP + SIDE, TOP)
    bins = list(bins_of(figure))
    parts = [*grid(x, y), *ticks_beside(y, LEFT, "accuracy"), *(_bar(one, one.accuracy, x, y, "bar") for one in bins)]
    parts.append(element("line", x1=x(0.0), y1=y(0.0), x2=x(1.0), y2=y(1.0), class_="ideal"))
    for one in bins:
        parts += _gap(one, x, y)
    parts += [*_text_box(figure), *_histogram(figure, bins, x)]
    return drawing(WIDTH, HEIGHT, parts, describe_reliability(figure))


def bins_of(figure: ReliabilityFigure) -> Iterator[Bin]:
    """The bins that hold samples."""
    nothing = (None,) * len(figure.counts)
    columns = (
        figure.edges[:-1],
        figure.edges[1:],
        figure.counts,
        *finite([figure.confidence, figure.accuracy, figure.low or nothing, figure.high or nothing]),
    )
    for left, right, count, confidence, accuracy, low, high in zip(*columns, strict=True):
        if count and confidence is not None and accuracy is not None:
            yield Bin(left, right, count, confidence, accuracy, low, high)


def _bar(one: Bin, value: float, x: Scale, y: Scale, kind: str) -> str:
    """A bar over the whole bin, from 0 to `value`."""
    left, width = x(one.left) + 0.5, max(x(one.right) - x(one.left) - 1, 0.5)
    return element("rect", x=left, y=y(value), width=width, height=y(0.0) - y(value), class_=kind)


def _gap(one: Bin, x: Scale, y: Scale) -> list[str]:
    """The gap, the whisker and the point, at the bin's mean confidence."""
    at = x(one.confidence)
    half = min(0.25 * (x(one.right) - x(one.left)), 7.0)
    high, low = sorted((y(one.confidence), y(one.accuracy)))
    kind = "over" if one.confidence > one.accuracy else "under"
    parts = [element("rect", x=at - half, y=high, width=2 * half, height=low - high, class_=kind)]
    if one.low is not None and one.high is not None:
        parts.append(element("path", d=_whisker(at, y(one.low), y(one.high)), class_="whisker"))
    parts.append(element("circle", cx=at, cy=y(one.accuracy), r=2.6, class_="point"))
    return parts


def _whisker(at: float, low: float, high: float) -> str:
    ends = "".join(f"M{at - 2.5:.1f} {end:.1f}H{at + 2.5:.1f}" for end in (low, high))
    return f"M{at:.1f} {low:.1f}V{high:.1f}{ends}"


def _text_box(figure: ReliabilityFigure) -> list[str]:
    """Above the diagram, where it hides nothing."""
    *lines, rows = calibration_lines(figure)
    return [
        *(label(line, LEFT, TOP - 25 + 15.0 * row, "value") for row, line in enumerate(lines)),
        label(rows, LEFT + SIDE, TOP - 25, "value", text_anchor="end"),
    ]


def _histogram(figure: ReliabilityFigure, bins: list[Bin], x: Scale) -> list[str]:
    """The share of samples in each bin, with mean confidence and accuracy as lines across it."""
    rows = sum(figure.counts)
    top = TOP + SIDE + GAP
    most = max((one.rows for one in bins), default=1) / max(rows, 1)
    y = Scale(0.0, most, top + HISTOGRAM, top)
    parts = [element("line", x1=x.start, x2=x.end, y1=y.start, y2=y.start, class_="axis")]
    parts += [_bar(one, one.rows / rows, x, y, "share") for one in bins]
    if bins:
        confidence = sum(one.rows * one.confidence for one in bins) / rows
        accuracy = sum(one.rows * one.accuracy for one in bins) / rows
        for value, kind in ((confidence, "mean-confidence"), (accuracy, "mean-accuracy")):
            parts.append(element("line", x1=x(value), x2=x(value), y1=y.start, y2=y.end, class_=kind))
    for tick, words in zip((0.0, most), ("0", f"{most:.0%}"), strict=True):
        parts.append(label(words, x.start - 5, y(tick) + (8 if tick else 0), text_anchor="end"))
    return [*parts, *ticks_below(x, y.start, "confidence")]
