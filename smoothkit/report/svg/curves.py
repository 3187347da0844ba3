"""Curves with bands, on common axes."""

import math
from collections.abc import Mapping, Sequence

from smoothkit.report.describe import describe_curve
from smoothkit.report.figures import CurvesFigure
from smoothkit.report.svg.canvas import Scale, drawing, element, grid, path, ticks_below, ticks_beside
from smoothkit.report.table import span

WIDTH, HEIGHT = 420.0, 260.0
LEFT, RIGHT, TOP, BOTTOM = 54.0, 10.0, 8.0, 36.0


def draw_curves(figure: CurvesFigure) -> str:
    """All curves of the figure together, which are seven at most: each has a colour and a dash of its own."""
    x, y = scales(figure)
    parts = _axes(figure, x, y)
    parts += [_band(figure, name, x, y, place) for place, name in enumerate(figure.y)]
    parts += [_line(figure, name, x, y, f"curve c{place}") for place, name in enumerate(figure.y)]
    words = ". ".join(describe_curve(figure, name) for name in figure.y)
    return drawing(WIDTH, HEIGHT, parts, f"{figure.title}. {words}")


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
        element("use", href=f"#{identifier}"),
        _band(figure, name, x, y, 0),
        _line(figure, name, x, y, "curve c0"),
    ]
    return drawing(WIDTH, HEIGHT, parts, f"{figure.title}. {describe_curve(figure, name)}")


def scales(figure: CurvesFigure) -> tuple[Scale, Scale]:
    """Axes that hold all curves and bands."""
    across = _finite(figure.x)
    up = [value for group in (figure.y, figure.low, figure.high) for value in _finite(group)]
    left, right = span(across or [0.0, 1.0])
    low, high = span(up or [0.0, 1.0])
    margin = 0.03 * (high - low)
    return Scale(left, right, LEFT, WIDTH - RIGHT), Scale(low - margin, high + margin, HEIGHT - BOTTOM, TOP)


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
