"""Pictures of self-training, as data: how sure pseudo-labels are and how right, and where errors go between rounds.

matplotlib is imported where one is drawn, not where a result that holds one is read.
"""

from smoothkit_selftrain.figures.confidence import ConfidenceFigure
from smoothkit_selftrain.figures.error_flow import ErrorFlowFigure
from smoothkit_selftrain.figures.rounds import RoundsFigure

__all__ = ["ConfidenceFigure", "ErrorFlowFigure", "RoundsFigure"]
