"""Strips: small pictures that stand in the cells of a table."""

from smoothkit.report.svg.canvas import Scale, brief, drawing, element
from smoothkit.report.table import Strip

WIDTH, HEIGHT, MARGIN = 88.0, 14.0, 4.0


def draw_strip(strip: Strip) -> str:
    """Points on a line, with the interval as a bar and the mark as a line across."""
    x = Scale(*strip.scale, MARGIN, WIDTH - MARGIN)
    middle = HEIGHT / 2
    parts = [element("line", x1=0, x2=WIDTH, y1=middle, y2=middle, class_="grid")]
    if strip.mark is not None:
        parts.append(element("line", x1=x(strip.mark), x2=x(strip.mark), y1=0, y2=HEIGHT, class_="mark"))
    if strip.interval:
        low, high = map(x, strip.interval)
        parts.append(element("line", x1=low, x2=high, y1=middle, y2=middle, class_="reach"))
    # Lines of no length with round ends: a tenth of the size of circles.
    dots = "".join(f"M{brief(x(point))} {brief(middle)}h0" for point in strip.points)
    parts.append(element("path", d=dots, class_="dots"))
    return drawing(WIDTH, HEIGHT, parts, strip.description)
