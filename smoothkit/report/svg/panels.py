"""Any figure as pictures for a page, with the key to their colours."""

import base64
from typing import NamedTuple

from smoothkit.report.figures import (
    CurvesFigure,
    Figure,
    GroupReliabilityFigure,
    IntervalsFigure,
    MatrixFigure,
    ReliabilityFigure,
    UnreadableFigure,
)
from smoothkit.report.legibility import LARGEST_ANNOTATED
from smoothkit.report.svg.canvas import CURVES, element, text
from smoothkit.report.svg.curves import draw_context, draw_curves, draw_one
from smoothkit.report.svg.intervals import draw_intervals
from smoothkit.report.svg.matrix import draw_matrix
from smoothkit.report.svg.reliability import draw_reliability


class Panel(NamedTuple):
    """One picture; its caption is empty where it is the only one of a figure."""

    caption: str
    picture: str
    wide: bool = False
    """Whether it takes more than a third of a wide page."""


class Key(NamedTuple):
    """One line of the key to the colours."""

    sign: str
    words: str


def panels(figure: Figure, identifier: str) -> list[Panel]:
    """The pictures of a figure; `identifier` names what they refer to, and is used once on a page.

    Curves that are too many to be told apart by colour get a picture each, over all the others in grey.

    Raises:
        Exception: whatever a plugin's `draw` raises, or ValueError where a figure's numbers do not fit together.
    """
    match figure:
        case MatrixFigure():
            return [Panel("", draw_matrix(figure, identifier), wide=len(figure.columns) > LARGEST_ANNOTATED)]
        case ReliabilityFigure():
            return [Panel("", draw_reliability(figure))]
        case GroupReliabilityFigure():
            return [Panel(name, draw_reliability(group)) for name, group in figure.groups.items()]
        case IntervalsFigure():
            return [Panel("", draw_intervals(figure), wide=True)]
        case CurvesFigure() if len(figure.y) <= CURVES:
            return [Panel("", draw_curves(figure))]
        case CurvesFigure():
            context = draw_context(figure, identifier)
            pictures = [draw_one(figure, name, identifier) for name in figure.y]
            pictures[0] = context + pictures[0]
            return [Panel(name, picture) for name, picture in zip(figure.y, pictures, strict=True)]
        case UnreadableFigure():
            raise ValueError(figure.reason)
    return [Panel("", foreign(figure))]


def foreign(figure: Figure) -> str:
    """The picture that a plugin's own figure draws, as an image: whatever its SVG holds stays inside."""
    from smoothkit.report.pictures import draw, themed_svg

    source = base64.b64encode(themed_svg(draw(figure)).encode()).decode()
    words = text(" ".join(figure.describe().split()))
    return f'<img src="data:image/svg+xml;base64,{source}" alt="{words}"/>'


def key(figure: Figure) -> list[Key]:
    """What the colours of a figure's pictures mean, where they do not say so themselves."""
    match figure:
        case CurvesFigure() if 1 < len(figure.y) <= CURVES:
            return [
                Key(_swatch("path", d="M0 6H28", class_=f"curve c{place}"), name) for place, name in enumerate(figure.y)
            ]
        case ReliabilityFigure() | GroupReliabilityFigure():
            groups = figure.groups.values() if isinstance(figure, GroupReliabilityFigure) else [figure]
            return _reliability_key(whiskers=any(group.low for group in groups))
        case IntervalsFigure():
            kinds = {"above": "above the reference", "below": "below it", "": "holding it"}
            return [
                Key(_swatch("path", d="M2 6H26M2 2V10M26 2V10", class_=f"interval {kind}".strip()), f"interval {words}")
                for kind, words in kinds.items()
            ]
    return []


def _reliability_key(*, whiskers: bool) -> list[Key]:
    box = {"x": 8, "y": 0, "width": 12, "height": 12}
    keys = [
        Key(_swatch("rect", **box, class_="bar"), "accuracy"),
        Key(_swatch("rect", **box, class_="over"), "over-confident by so much"),
        Key(_swatch("rect", **box, class_="under"), "under-confident by so much"),
        Key(_swatch("path", d="M14 0V12M11 0H17M11 12H17", class_="whisker"), "95 % interval of accuracy"),
        Key(_swatch("path", d="M0 6H28", class_="ideal"), "calibrated"),
        Key(_swatch("rect", **box, class_="share"), "share of samples"),
        Key(_swatch("path", d="M14 0V12", class_="mean-confidence"), "mean confidence"),
        Key(_swatch("path", d="M14 0V12", class_="mean-accuracy"), "accuracy over all"),
    ]
    return keys if whiskers else [*keys[:3], *keys[4:]]


def _swatch(name: str, **attributes: object) -> str:
    return element("svg", element(name, "", **attributes), width=28, height=12, aria_hidden="true", class_="swatch")
