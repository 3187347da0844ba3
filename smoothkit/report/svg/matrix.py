"""Matrices as heat maps that pale into the page, light or dark."""

import base64
import math
import struct
import zlib
from collections.abc import Sequence

from smoothkit.report.describe import describe_matrix
from smoothkit.report.figures import MatrixFigure
from smoothkit.report.heat import STRONG, bound_of, entry, power_of
from smoothkit.report.legibility import LARGEST_ANNOTATED, LONGEST_NAME, named_ticks, shorten
from smoothkit.report.svg.canvas import CHARACTER, brief, drawing, element, label, upright_name

CELL, LARGE, TOP = 34.0, 330.0, 6.0
"""Sides of a cell that is written into, and of a matrix whose cells are not; room above it."""


def draw_matrix(figure: MatrixFigure, identifier: str) -> str:
    """A heat map, of more than twelve classes as an image with a pixel per entry.

    `identifier` names what is in it, and is used once on a page.
    """
    if {len(row) for row in figure.values} != {len(figure.columns)} or len(figure.values) != len(figure.rows):
        raise ValueError(f"the matrix does not have {len(figure.rows)} rows of {len(figure.columns)} entries")
    largest = max(len(figure.rows), len(figure.columns))
    cell = CELL if largest <= LARGEST_ANNOTATED else LARGE / largest
    left = 32 + CHARACTER * min(max(map(len, figure.rows)), LONGEST_NAME)
    width, height = cell * len(figure.columns), cell * len(figure.rows)
    cells = _cells(figure, left, cell) if largest <= LARGEST_ANNOTATED else _image(figure, left, cell, identifier)
    names, below = _names(figure, left, cell)
    parts = [
        *cells,
        *names,
        upright_name(figure.row_label, height / 2),
        label(figure.column_label, left + width / 2, height + below, "name", text_anchor="middle"),
    ]
    bottom = height + below + 8
    if largest > LARGEST_ANNOTATED:
        parts += _legend(figure, left, bottom)
        bottom += 34
    # Names of small cells are higher than the cells, so the first one rises above the matrix.
    body = element("g", "".join(parts), transform=f"translate(0 {brief(TOP)})")
    return drawing(max(left + width + 10, left + 150), bottom + TOP, [body], describe_matrix(figure))


def _strengths(figure: MatrixFigure) -> list[list[float | None]]:
    """Every entry's place between 0 and the bound, with its sign."""
    power, bound = power_of(len(figure.columns)), bound_of(value for row in figure.values for value in row)
    return [
        [
            math.copysign((abs(value) / bound) ** power, value) if value is not None and math.isfinite(value) else None
            for value in row
        ]
        for row in figure.values
    ]


def _cells(figure: MatrixFigure, left: float, cell: float) -> list[str]:
    parts = []
    for row, strengths in enumerate(_strengths(figure)):
        for column, strength in enumerate(strengths):
            value = figure.values[row][column]
            x, y = left + column * cell, row * cell
            kind = "undefined" if strength is None else "positive" if strength >= 0 else "negative"
            shade = None if strength is None else f"{abs(strength):.3f}"
            parts.append(element("rect", x=x, y=y, width=cell - 1, height=cell - 1, class_=kind, fill_opacity=shade))
            ink = "entry strong" if strength is not None and abs(strength) >= STRONG else "entry"
            words = entry(math.nan if value is None else value)
            parts.append(label(words, x + cell / 2 - 0.5, y + cell / 2 + 3.5, ink, text_anchor="middle"))
    return parts


def _image(figure: MatrixFigure, left: float, cell: float, identifier: str) -> list[str]:
    """Colours laid through masks of a grey pixel per entry: one for each sign, and one for what is not defined."""
    strengths = _strengths(figure)
    layers = {
        "positive": [[max(s or 0.0, 0.0) for s in row] for row in strengths],
        "negative": [[max(-(s or 0.0), 0.0) for s in row] for row in strengths],
        "undefined": [[float(s is None) for s in row] for row in strengths],
    }
    box = {"x": left, "y": 0, "width": cell * len(figure.columns), "height": cell * len(figure.rows)}
    parts = []
    for kind, grey in layers.items():
        if any(map(any, grey)):
            image = element("image", **box, href=_png(grey), preserveAspectRatio="none", class_="pixels")
            name = f"{identifier}-{kind}"
            parts.append(element("mask", image, **box, id=name, maskUnits="userSpaceOnUse"))
            parts.append(element("rect", **box, class_=kind, mask=f"url(#{name})"))
    return [*parts, element("rect", **box, class_="outline")]


def _png(grey: Sequence[Sequence[float]]) -> str:
    """Greys from 0 to 1 as a PNG file of eight bits a pixel, in an address."""
    rows = b"".join(b"\0" + bytes(round(255 * value) for value in row) for row in grey)
    header = struct.pack(">IIBBBBB", len(grey[0]), len(grey), 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    file = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )
    return "data:image/png;base64," + base64.b64encode(file).decode()


def _names(figure: MatrixFigure, left: float, cell: float) -> tuple[list[str], float]:
    """The classes along both axes, and how far below the matrix the columns' label stands."""
    parts = []
    for row in named_ticks(len(figure.rows)):
        y = (row + 0.5) * cell + 4
        parts.append(label(shorten(figure.rows[row]), left - 6, y, text_anchor="end"))
    shown = named_ticks(len(figure.columns))
    texts = {column: shorten(figure.columns[column]) for column in shown}
    longest, below = max(map(len, texts.values())), len(figure.rows) * cell
    upright = longest * CHARACTER > cell * shown.step - 3
    for column, words in texts.items():
        x = left + (column + 0.5) * cell
        if upright:
            turn = f"rotate(-90 {brief(x + 4)} {brief(below + 6)})"
            parts.append(label(words, x + 4, below + 6, text_anchor="end", transform=turn))
        else:
            parts.append(label(words, x, below + 14, text_anchor="middle"))
    return parts, (longest * CHARACTER if upright else 12.0) + 28


def _legend(figure: MatrixFigure, left: float, top: float) -> list[str]:
    """The scale of the colours, with the entries that a few strengths stand for."""
    power, bound = power_of(len(figure.columns)), bound_of(value for row in figure.values for value in row)
    strengths = [strength for row in _strengths(figure) for strength in row]
    negative = any(strength is not None and strength < 0 for strength in strengths)
    parts = []
    for place, strength in enumerate([*((-1.0, -0.5) if negative else ()), 0.0, 0.25, 0.5, 0.75, 1.0]):
        x = left + 44 * place
        kind = "negative" if strength < 0 else "positive"
        value = math.copysign(bound * abs(strength) ** (1 / power), strength)
        parts.append(element("rect", x=x, y=top, width=40, height=9, class_="outline"))
        parts.append(element("rect", x=x, y=top, width=40, height=9, class_=kind, fill_opacity=f"{abs(strength):.2f}"))
        parts.append(label(entry(value), x + 20, top + 22, text_anchor="middle"))
    if None in strengths:
        x = left + 44 * (7 if negative else 5)
        parts.append(element("rect", x=x, y=top, width=60, height=9, class_="undefined"))
        parts.append(label("not defined", x + 30, top + 22, text_anchor="middle"))
    return parts
