"""Forest plots: estimates with their intervals below each other."""

from smoothkit.files import finite
from smoothkit.report.describe import describe_intervals, interval_texts
from smoothkit.report.figures import IntervalsFigure
from smoothkit.report.legibility import shorten
from smoothkit.report.svg.canvas import CHARACTER, Scale, drawing, element, label, tick_texts
from smoothkit.report.table import span

PLOT, ROW, TOP = 240.0, 22.0, 20.0
LONGEST_NAME = 22


def draw_intervals(figure: IntervalsFigure) -> str:
    """A row per estimate: its name, its number of rows, its interval on a common scale, and the numbers.

    An interval that leaves the reference out is coloured: red above it, blue below it.
    """
    columns = finite([figure.estimates, figure.low, figure.high])
    lines = list(zip(figure.names, *columns, figure.counts, strict=True))
    numbers = interval_texts(figure)
    left = CHARACTER * min(max(map(len, figure.names), default=0), LONGEST_NAME) + 10
    sizes = CHARACTER * max((len(str(line[4])) for line in lines), default=1) + 26
    x = _scale(figure, left + sizes)
    bottom = TOP + ROW * len(lines)
    parts = [label("n", left + sizes - 14, TOP - 7, "name", text_anchor="end"), *_axis(figure, x, bottom)]
    for row, ((name, estimate, low, high, count), words) in enumerate(zip(lines, numbers, strict=True)):
        y = TOP + ROW * (row + 0.5)
        parts.append(label(shorten(name, LONGEST_NAME), left - 4, y + 4, text_anchor="end"))
        parts.append(label(str(count), left + sizes - 14, y + 4, text_anchor="end"))
        parts += _interval(estimate, low, high, x, y, figure.reference)
        parts.append(label(words, x.end + 10, y + 4, "value"))
    width = x.end + 16 + CHARACTER * max(map(len, numbers), default=0)
    return drawing(width, bottom + 38, parts, describe_intervals(figure))


def _scale(figure: IntervalsFigure, start: float) -> Scale:
    values = [
        value for group in finite([figure.estimates, figure.low, figure.high]) for value in group if value is not None
    ]
    low, high = span([figure.reference, *values])
    margin = 0.04 * (high - low)
    return Scale(low - margin, high + margin, start, start + PLOT)


def _axis(figure: IntervalsFigure, x: Scale, bottom: float) -> list[str]:
    parts = [element("line", x1=x.start, x2=x.end, y1=bottom, y2=bottom, class_="axis")]
    for tick, words in zip(x.ticks(), tick_texts(x.ticks()), strict=True):
        parts.append(element("line", x1=x(tick), x2=x(tick), y1=TOP, y2=bottom, class_="grid"))
        parts.append(label(words, x(tick), bottom + 14, text_anchor="middle"))
    at = x(figure.reference)
    parts.append(element("line", x1=at, x2=at, y1=TOP, y2=bottom, class_="ideal"))
    parts.append(label(figure.x_label, (x.start + x.end) / 2, bottom + 30, "name", text_anchor="middle"))
    return parts


def _interval(
    estimate: float | None, low: float | None, high: float | None, x: Scale, y: float, reference: float
) -> list[str]:
    if estimate is None:
        return []
    kind = ""
    parts = []
    if low is not None and high is not None:
        kind = " above" if low > reference else " below" if high < reference else ""
        ends = "".join(f"M{x(end):.1f} {y - 4:.1f}V{y + 4:.1f}" for end in (low, high))
        parts.append(element("path", d=f"M{x(low):.1f} {y:.1f}H{x(high):.1f}{ends}", class_=f"interval{kind}"))
    return [*parts, element("circle", cx=x(estimate), cy=y, r=4, class_=f"estimate{kind}")]
