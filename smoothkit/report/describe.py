"""What pictures show, in words and numbers, for readers who cannot see them."""

import math
from collections.abc import Sequence

from smoothkit.files import finite
from smoothkit.report.figures import CurvesFigure, IntervalsFigure, MatrixFigure, ReliabilityFigure
from smoothkit.report.numbers import MINUS, count, decimals, number

MOST_ROWS_SAID = 12
"""Rows of a matrix, or lines of a forest plot, that are told one by one."""


def say(value: float | None) -> str:
    """A number with three significant digits.

    >>> say(0.12345), say(-2.0), say(12345.0), say(None)
    ('0.123', '−2', '12345', 'not defined')
    """
    if value is None or not math.isfinite(value):
        return "not defined"
    value += 0.0  # no negative zero
    text = f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return text.replace("-", MINUS)


def describe_curve(figure: CurvesFigure, name: str) -> str:
    """Where a curve begins, ends, and is lowest and highest."""
    x, y = figure.x[name], figure.y[name]
    points = {
        place: value
        for place, (_, value) in enumerate(zip(x, y, strict=True))
        if value is not None and math.isfinite(value)
    }
    if not points:
        return f"{name}: no values"
    first, last = min(points), max(points)
    begin = f"{say(y[first])} at {figure.x_label} {say(x[first])}"
    if first == last:
        return f"{name}: {begin}"
    band = ""
    if name in figure.low and name in figure.high:
        band = f" ({say(figure.low[name][last])} to {say(figure.high[name][last])})"
    lowest, highest = say(min(points.values())), say(max(points.values()))
    return f"{name}: from {begin} to {say(y[last])}{band} at {say(x[last])}, lowest {lowest}, highest {highest}"


def describe_marks(figure: CurvesFigure) -> str:
    """What is marked and where, as a sentence to follow others; nothing where nothing is."""
    marks = [f"{words} at {say(at)}" for words, at in marks_of(figure).items()]
    return f". Marked on {figure.x_label or 'the axis below'}: {'; '.join(marks)}" if marks else ""


def marks_of(figure: CurvesFigure) -> dict[str, float]:
    """The marks that have a place."""
    return {words: at for words, at in figure.marks.items() if math.isfinite(at)}


def calibration_lines(figure: ReliabilityFigure) -> list[str]:
    """Calibration error, signed gap and number of rows, as they stand in a reliability diagram.

    What the figure does not carry is computed from its bins: the mean of the bins' gaps, weighted by their counts.
    """
    rows = sum(figure.counts)
    confidences, accuracies = finite([figure.confidence, figure.accuracy])
    gaps = [
        (number, confidence - accuracy)
        for number, confidence, accuracy in zip(figure.counts, confidences, accuracies, strict=True)
        if number and confidence is not None and accuracy is not None
    ]
    if not gaps:
        return [f"n {rows}"]
    ece = sum(number * abs(gap) for number, gap in gaps) / rows if figure.ece is None else figure.ece
    gap = sum(number * gap for number, gap in gaps) / rows if figure.gap is None else figure.gap
    null = "" if figure.null_ece is None else f" (null {figure.null_ece:.3f})"
    interval = ""
    if figure.gap_low is not None and figure.gap_high is not None:
        interval = f" [{_signed(figure.gap_low)}, {_signed(figure.gap_high)}]"
    return [f"ECE {ece:.3f}{null}", f"gap {_signed(gap)}{interval}", f"n {rows}"]


def _signed(value: float) -> str:
    return number(round(value, 3), 3, signed=True)


def describe_reliability(figure: ReliabilityFigure) -> str:
    """The numbers of the text box, then each bin that holds samples."""
    bins = [
        f"{say(left)} to {say(right)}: {count(number, 'sample')}, confidence {say(confidence)}, "
        f"accuracy {say(accuracy)}"
        for left, right, number, confidence, accuracy in zip(
            figure.edges[:-1], figure.edges[1:], figure.counts, figure.confidence, figure.accuracy, strict=True
        )
        if number
    ]
    return f"{figure.title}. {', '.join(calibration_lines(figure))}. {'; '.join(bins) or 'No samples'}"


def describe_matrix(figure: MatrixFigure) -> str:
    """The entries of a small matrix row by row; of a large one, its diagonal and its largest other entry."""
    size = f"{len(figure.rows)} by {len(figure.columns)}, {figure.row_label} in rows, {figure.column_label} in columns"
    if len(figure.rows) <= MOST_ROWS_SAID and len(figure.columns) <= MOST_ROWS_SAID:
        rows = (f"{name}: {', '.join(map(say, row))}" for name, row in zip(figure.rows, figure.values, strict=True))
        return f"{figure.title}. {size}. {'; '.join(rows)}"
    entries = [
        (value, row, column)
        for row, values in enumerate(figure.values)
        for column, value in enumerate(values)
        if value is not None and math.isfinite(value)
    ]
    diagonal = [value for value, row, column in entries if row == column]
    others = [entry for entry in entries if entry[1] != entry[2]]
    return f"{figure.title}. {size}. {_describe_diagonal(diagonal)}{_describe_largest(figure, others)}"


def _describe_diagonal(values: Sequence[float]) -> str:
    if not values:
        return "No entry on the diagonal is defined. "
    return f"Diagonal from {say(min(values))} to {say(max(values))}, mean {say(sum(values) / len(values))}. "


def _describe_largest(figure: MatrixFigure, others: Sequence[tuple[float, int, int]]) -> str:
    if not others:
        return ""
    value, row, column = max(others)
    mean = sum(entry[0] for entry in others) / len(others)
    names = f"{figure.rows[row]} and {figure.columns[column]}"
    return f"Other entries: mean {say(mean)}, largest {say(value)}, for {names}."


def describe_intervals(figure: IntervalsFigure) -> str:
    """Every estimate with its interval and its number of rows."""
    lines = [
        f"{name}: {numbers}, {count(rows, 'row')}"
        for name, numbers, rows in zip(figure.names, interval_texts(figure), figure.counts, strict=True)
    ]
    return f"{figure.title}. {figure.x_label}. {'; '.join(lines) or 'No estimates'}"


def interval_texts(figure: IntervalsFigure) -> list[str]:
    """Every estimate with its interval, all with the same decimals."""
    estimates, lows, highs = finite([figure.estimates, figure.low, figure.high])
    lines = list(zip(estimates, lows, highs, strict=True))
    places = decimals(
        ((high - low) / 2 for _, low, high in lines if low is not None and high is not None), figure.estimates
    )
    return [_interval_text(*line, places) for line in lines]


def _interval_text(estimate: float | None, low: float | None, high: float | None, places: int) -> str:
    if estimate is None:
        return "not defined"
    text = number(estimate, places, signed=True)
    if low is None or high is None:
        return text
    return f"{text} [{number(low, places, signed=True)}, {number(high, places, signed=True)}]"
