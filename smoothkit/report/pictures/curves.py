"""Curves, with their bands."""

from matplotlib.figure import Figure as Picture

from smoothkit.report.figures import CurvesFigure
from smoothkit.report.pictures.style import blank, frame, layout_engine, line


def draw_curves(figure: CurvesFigure) -> Picture:
    """Curves told apart by colour and dash, so that they stay apart in grey print."""
    picture = Picture(figsize=(4.8, 3.2), layout=layout_engine())
    axes = picture.add_subplot()
    for index, (name, y) in enumerate(figure.y.items()):
        look = line(index, single=len(y) == 1)
        axes.plot(blank(figure.x[name]), blank(y), label=name, **look)
        if name in figure.low and name in figure.high:
            low, high = blank(figure.low[name]), blank(figure.high[name])
            axes.fill_between(figure.x[name], low, high, color=look["color"], alpha=0.15, linewidth=0)
    frame(axes, figure.title, figure.x_label, figure.y_label)
    return picture
