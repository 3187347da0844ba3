"""Curves, with their bands and marks."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Picture

from smoothkit.report.describe import marks_of
from smoothkit.report.figures import CurvesFigure
from smoothkit.report.marks import place_words
from smoothkit.report.pictures.style import blank, frame, layout_engine, line

QUIET = "#57606a"
ACROSS, CHARACTER, ROW = 285.0, 4.5, 11.0
"""In points: the width of the axes, about; of a character; and the height of a row of words."""


def draw_curves(figure: CurvesFigure) -> Picture:
    """Curves told apart by colour and dash, so that they stay apart in grey print; marks have their words above."""
    picture = Picture(figsize=(4.8, 3.2), layout=layout_engine())
    axes = picture.add_subplot()
    for index, (name, y) in enumerate(figure.y.items()):
        look = line(index, single=len(y) == 1)
        axes.plot(blank(figure.x[name]), blank(y), label=name, **look)
        if name in figure.low and name in figure.high:
            low, high = blank(figure.low[name]), blank(figure.high[name])
            axes.fill_between(figure.x[name], low, high, color=look["color"], alpha=0.15, linewidth=0)
    frame(axes, figure.title, figure.x_label, figure.y_label)
    if marks := marks_of(figure):
        rows = _mark(axes, marks)
        axes.set_title(figure.title, pad=6 + ROW * rows)
        picture.set_size_inches(4.8, 3.2 + ROW * rows / 72)
    return picture


def _mark(axes: Axes, marks: dict[str, float]) -> int:
    """Draw the lines, and their words in rows above the axes; the number of rows."""
    for at in marks.values():
        axes.axvline(at, color=QUIET, linewidth=0.8, zorder=1)
    if legend := axes.get_legend():
        # There may be no corner without a line.
        legend.set_frame_on(True)
        legend.get_frame().set(edgecolor="none", alpha=0.9)
    left, right = axes.get_xlim()
    places = {words: (at - left) / (right - left) * ACROSS for words, at in marks.items()}
    placed = place_words(places, 0.0, ACROSS, CHARACTER)
    above: dict[str, Any] = {"xycoords": "axes fraction", "textcoords": "offset points"}
    for words in placed:
        rise = ROW * words.row
        line_up = {"arrowstyle": "-", "color": QUIET, "linewidth": 0.8, "shrinkA": 0, "shrinkB": 0}
        axes.annotate("", (words.at / ACROSS, 1), (0, rise + 1), **above, arrowprops=line_up)
        at, anchor = words.anchor
        side = "left" if anchor == "start" else "right"
        axes.annotate(words.text, (at / ACROSS, 1), (0, rise + 3), **above, fontsize=7.5, ha=side)
    return 1 + max(words.row for words in placed)
