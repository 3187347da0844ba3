"""Elements, axes and ticks of a drawing. Colours are left to the page's style sheet, by classes."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from smoothkit.report.legibility import printable
from smoothkit.report.numbers import MINUS

CHARACTER = 6.1
"""Average width of a character of a drawing's text, whose size is 11."""
CURVES = 7
"""Curves that are told apart by colour; the style sheet has `.c0` to `.c6`."""


def text(value: object) -> str:
    """`value` as HTML text; control characters, such as colours of a terminal, are dropped."""
    return escape(printable(str(value)))


def element(name: str, content: str = "", **attributes: object) -> str:
    """One element; `class_` and `text_anchor` become `class` and `text-anchor`, None is left out.

    >>> element("line", x1=0.26, y2=3.0, class_="grid")
    '<line x1="0.3" y2="3" class="grid"/>'
    """
    parts = (
        f' {key.strip("_").replace("_", "-")}="{brief(value) if isinstance(value, float) else text(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return f"<{name}{''.join(parts)}" + (f">{content}</{name}>" if content else "/>")


def brief(value: float) -> str:
    """A coordinate with one decimal at most."""
    return f"{value:.1f}".removesuffix(".0")


def drawing(width: float, height: float, parts: Iterable[str], description: str) -> str:
    """The whole picture. Its description is all that a screen reader says of it."""
    return element(
        "svg",
        "".join(parts),
        viewBox=f"0 0 {brief(width)} {brief(height)}",
        width=width,
        height=height,
        role="img",
        aria_label=description,
    )


def label(words: str, x: float, y: float, class_: str | None = None, **attributes: object) -> str:
    """Words at a place."""
    return element("text", text(words), x=x, y=y, class_=class_, **attributes)


@dataclass(frozen=True)
class Scale:
    """From values to places: `low` lies at `start`, `high` at `end`."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The place of a value."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self, most: int = 5) -> list[float]:
        """Round values within the scale, `most` of them or fewer, but at least two where that is possible.

        >>> Scale(0.0, 0.93, 0.0, 100.0).ticks()
        [0.0, 0.2, 0.4, 0.6, 0.8]
        """
        rough = (self.high - self.low) / most
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [round(place * step, 12) for place in range(first, last + 1)]


def tick_texts(ticks: Sequence[float]) -> list[str]:
    """The ticks with as many decimals as the step between them takes; thousands as k where all are.

    >>> tick_texts([0.0, 0.25, 0.5]), tick_texts([0.0, 5000.0, 10000.0]), tick_texts([-1.0, 0.0])
    (['0.00', '0.25', '0.50'], ['0', '5k', '10k'], ['−1', '0'])
    """
    if any(abs(tick) >= 10_000 for tick in ticks) and all(tick % 1000 == 0 for tick in ticks):
        return [f"{tick / 1000:.0f}k".replace("-", MINUS) if tick else "0" for tick in ticks]
    if any(0 < abs(tick) < 1e-4 or abs(tick) >= 1e6 for tick in ticks):
        return [f"{tick:.2g}".replace("-", MINUS) for tick in ticks]
    places = next(places for places in range(14) if places == 13 or all(round(tick, places) == tick for tick in ticks))
    return [f"{tick:.{places}f}".replace("-", MINUS) for tick in ticks]


def grid(x: Scale, y: Scale) -> list[str]:
    """Lines at the ticks of both axes; `y` starts at the bottom."""
    upright = [element("line", x1=x(tick), x2=x(tick), y1=y.start, y2=y.end, class_="grid") for tick in x.ticks()]
    level = [element("line", x1=x.start, x2=x.end, y1=y(tick), y2=y(tick), class_="grid") for tick in y.ticks()]
    return upright + level


def ticks_below(x: Scale, bottom: float, name: str) -> list[str]:
    """The ticks of an axis and its name, below `bottom`."""
    marks = [
        label(words, x(tick), bottom + 14, text_anchor="middle")
        for tick, words in zip(x.ticks(), tick_texts(x.ticks()), strict=True)
    ]
    return [*marks, label(name, (x.start + x.end) / 2, bottom + 30, "name", text_anchor="middle")]


def ticks_beside(y: Scale, left: float, name: str) -> list[str]:
    """The ticks of an upright axis to the left of `left`, and its name at the edge of the picture."""
    marks = [
        label(words, left - 5, y(tick) + 4, text_anchor="end")
        for tick, words in zip(y.ticks(), tick_texts(y.ticks()), strict=True)
    ]
    return [*marks, upright_name(name, (y.start + y.end) / 2)] if name else marks


def upright_name(name: str, middle: float) -> str:
    """The name of an upright axis, at the left edge of the picture."""
    return label(name, 11.0, middle, "name", text_anchor="middle", transform=f"rotate(-90 11 {brief(middle)})")


def path(points: Iterable[tuple[float, float] | None], *, closed: bool = False) -> str:
    """The data of a path through points; None is a gap.

    >>> path([(0.0, 1.0), (2.0, 1.5), None, (3.0, 1.0)])
    'M0 1L2 1.5M3 1'
    """
    words, move = [], True
    for point in points:
        if point is not None:
            words.append(f"{'M' if move else 'L'}{brief(point[0])} {brief(point[1])}")
        move = point is None
    return "".join(words) + ("Z" if closed and words else "")
