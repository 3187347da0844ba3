"""The house style of pictures, and what they have in common."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator

DPI = 150
INK, DARK_INK = "#1b1f24", "#e6e9ed"
"""What is written and drawn without a colour of its own, on light and on dark paper."""

# Colours that readers with any common colour vision tell apart (Okabe and Ito, 2008), yellow left out for contrast.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DASHES = ("-", "--", "-.", ":")

STYLE: dict[str, Any] = {
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), INK),
    "figure.dpi": DPI,
    "savefig.dpi": DPI,
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.labelsize": 9,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "lines.linewidth": 1.4,
    "text.parse_math": False,  # a dollar in a class name is a dollar
    "svg.hashsalt": "smoothkit",  # otherwise the identifiers within an SVG are random
    "svg.fonttype": "none",  # text stays text
}


@contextmanager
def style() -> Iterator[None]:
    """The house style, over matplotlib's own defaults."""
    with matplotlib.style.context(["default", STYLE]):
        yield


def layout_engine() -> ConstrainedLayoutEngine:
    """Keeps labels from overlapping, with room at the edges."""
    return ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08)


def blank(values: Sequence[float | None]) -> np.ndarray:
    """The values, with NaN where there is none."""
    return np.array([np.nan if value is None else value for value in values], dtype=float)


def line(index: int, *, single: bool = False) -> dict[str, Any]:
    """Colour and dash of curve number `index`, alike for no two of the first 28; a lone point is marked."""
    return {
        "color": PALETTE[index % len(PALETTE)],
        "linestyle": DASHES[index % len(DASHES)],
        "marker": "o" if single else None,
        "markersize": 4,
    }


def frame(axes: Axes, title: str, x_label: str, y_label: str) -> None:
    """Titles, a light grid, and a legend where there is something to tell apart."""
    axes.set(title=title, xlabel=x_label, ylabel=y_label)
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6))
    if len(axes.lines) > 1:
        axes.legend()
