"""Figures as pictures of matplotlib: PNG for TensorBoard, and whatever plugins draw themselves.

The same figure gives the same bytes. Nothing global is touched: no `pyplot`, no backend is chosen, and the style holds
only while a picture is drawn, whatever the user's own `matplotlibrc` says.
"""

from smoothkit.report.pictures.drawing import draw, png, themed_svg

__all__ = ["draw", "png", "themed_svg"]
