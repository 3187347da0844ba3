"""Pictures of a GAN, as data: its samples in the plane, its images over time, what its discriminator says.

matplotlib is imported where one is drawn, not where a result that holds one is read.
"""

from smoothkit_gan.figures.histogram import HistogramFigure
from smoothkit_gan.figures.images import ImagesFigure
from smoothkit_gan.figures.moments import MomentsFigure
from smoothkit_gan.figures.samples import SamplesFigure

__all__ = ["HistogramFigure", "ImagesFigure", "MomentsFigure", "SamplesFigure"]
