"""Curves with bands, on common axes."""

import math
from collections.abc import Mapping, Sequence

from smoothkit.report.describe import describe_curve, describe_marks, marks_of
from smoothkit.report.figures import CurvesFigure
from smoothkit.report.marks import Words, place_words
from smoothkit.report.svg.canvas import CHARACTER, Scale, drawing, element, grid, label, path, ticks_below, ticks_beside
from smoothkit.report.table import span

WIDTH, HEIGHT = 420.0, 260.0
LEFT, RIGHT, TOP, BOTTOM = 54.0, 14.0, 8.0, 36.0
ROW = 14.0
"""Height of a row of words above the picture."""


def draw_curves(figure: CurvesFigure) -> str:
    """All curves of the figure together, which are seven at most: each has a colour and a dash of its own."""
    x, y = scales(figure)
    parts = [*_axes(figure, x, y), *_marks(_words(figure, x), y)]
    parts += [_band(figure, name, x, y, place) for place, name in enumerate(figure.y)]
    parts += [_line(figure, name, x, y, f"curve c{place}") for place, name in enumerate(figure.y)]
    words = ". ".join(describe_curve(figure, name) for name in figure.y)
    return drawing(WIDTH, y.start + BOTTOM, parts, f"{figure.title}. {words}{describe_marks(figure)}")


def draw_context(figure: CurvesFigure, identifier: str) -> str:
    """All curves in grey, drawn once and shown nowhere, for `draw_one` to lie on top of."""
    x, y = scales(figure)
    lines = "".join(_line(figure, name, x, y, None) for name in figure.y)
    group = element("g", lines or " ", id=identifier, class_="others")
    return f'<svg width="0" height="0" class="unseen" aria-hidden="true"><defs>{group}</defs></svg>'


def draw_one(figure: CurvesFigure, name: str, identifier: str) -> str:
    """One curve with its band, over all the others in grey."""
    x, y = scales(figure)
    parts = [
        *_axes(figure, x, y),
        *_marks(_words(figure, x), y),
        element("use", href=f"#{identifier}"),
        _band(figure, name, x, y, 0),
        _line(figure, name, x, y, "curve c0"),
    ]
    words = f"{figure.title}. {describe_curve(figure, name)}{describe_marks(figure)}"
    return drawing(WIDTH, y.start + BOTTOM, parts, words)


def scales(figure: CurvesFigure) -> tuple[Scale, Scale]:
    """Axes that hold all curves, bands and marks, below the words of these."""
    across = [*_finite(figure.x), *marks_of(figure).values()]
    up = [value for group in (figure.y, figure.low, figure.high) for value in _finite(group)]
    left, right = span(across or [0.0, 1.0])
    low, high = span(up or [0.0, 1.0])
    margin = 0.03 * (high - low)
    x = Scale(left, right, LEFT, WIDTH - RIGHT)
    above = ROW * (1 + max((words.row for words in _words(figure, x)), default=-1))
    return x, Scale(low - margin, high + margin, HEIGHT - BOTTOM + above, TOP + above)


def _words(figure: CurvesFigure, x: Scale) -> list[Words]:
    places = {words: x(at) for words, at in marks_of(figure).items()}
    return place_words(places, 4.0, WIDTH - 4.0, 1.04 * CHARACTER)


def _marks(placed: Sequence[Words], y: Scale) -> list[str]:
    """Upright lines from the axis up to their words, above the picture."""
    parts = []
    for words in placed:
        top = y.end - ROW * words.row
        parts.append(element("line", x1=words.at, x2=words.at, y1=y.start, y2=top - 2, class_="mark"))
        at, anchor = words.anchor
        parts.append(label(words.text, at, top - 6, text_anchor=anchor))
    return parts


def _axes(figure: CurvesFigure, x: Scale, y: Scale) -> list[str]:
    return [*grid(x, y), *ticks_below(x, y.start, figure.x_label), *ticks_beside(y, x.start, figure.y_label)]


def _finite(groups: Mapping[str, Sequence[float | None]]) -> list[float]:
    return [value for values in groups.values() for value in values if value is not None and math.isfinite(value)]


def _points(xs: Sequence[float], ys: Sequence[float | None], x: Scale, y: Scale) -> list[tuple[float, float] | None]:
    return [
        (x(at), y(value)) if value is not None and math.isfinite(value) else None
        for at, value in zip(xs, ys, strict=True)
    ]


def _line(figure: CurvesFigure, name: str, x: Scale, y: Scale, class_: str | None) -> str:
    points = _points(figure.x[name], figure.y[name], x, y)
    seen = [point for point in points if point is not None]
    if len(seen) == 1:
        return element("circle", cx=seen[0][0], cy=seen[0][1], r=3, class_=f"{class_ or ''} dot".strip())
    return element("path", d=path(points), class_=class_) if seen else ""


def _band(figure: CurvesFigure, name: str, x: Scale, y: Scale, place: int) -> str:
    if name not in figure.low or name not in figure.high:
        return ""
    upper = _points(figure.x[name], figure.high[name], x, y)
    lower = _points(figure.x[name], figure.low[name], x, y)
    both = [(one, other) for one, other in zip(upper, lower, strict=True) if one is not None and other is not None]
    outline = [one for one, _ in both] + [other for _, other in reversed(both)]
    return element("path", d=path(outline, closed=True), class_=f"band c{place}")
