"""Any figure as a picture, and a picture as a file."""

import io

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as Picture

from smoothkit.report.figures import (
    CurvesFigure,
    Figure,
    GroupReliabilityFigure,
    IntervalsFigure,
    MatrixFigure,
    ReliabilityFigure,
    UnreadableFigure,
)
from smoothkit.report.pictures.curves import draw_curves
from smoothkit.report.pictures.intervals import draw_intervals
from smoothkit.report.pictures.matrix import draw_matrix
from smoothkit.report.pictures.reliability import draw_groups, draw_reliability
from smoothkit.report.pictures.style import DARK_INK, INK, style


def draw(figure: Figure) -> Picture:
    """The picture of any figure; a plugin's own kind draws itself. Values that are not finite are left blank.

    Raises:
        ValueError: the figure could not be read.
        NotImplementedError: a plugin's figure does not draw itself.
    """
    with style():
        match figure:
            case MatrixFigure():
                return draw_matrix(figure)
            case ReliabilityFigure():
                return draw_reliability(figure)
            case GroupReliabilityFigure():
                return draw_groups(figure)
            case IntervalsFigure():
                return draw_intervals(figure)
            case CurvesFigure():
                return draw_curves(figure)
            case UnreadableFigure():
                raise ValueError(figure.reason)
        return figure.draw()


def png(picture: Picture) -> bytes:
    """The picture as a PNG file."""
    stream = io.BytesIO()
    with style():
        FigureCanvasAgg(picture).print_png(stream, metadata={"Software": None})
    return stream.getvalue()


def themed_svg(picture: Picture) -> str:
    """The picture as an SVG document on no paper, whose ink is light where the reader's page is dark."""
    stream = io.StringIO()
    with style():
        picture.savefig(stream, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    theme = f"svg{{color:{INK}}}@media (prefers-color-scheme:dark){{svg{{color:{DARK_INK}}}}}"
    return stream.getvalue().replace(INK, "currentColor").replace("<defs>", f"<style>{theme}</style><defs>", 1)
