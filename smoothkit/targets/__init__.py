"""Target distributions: each is a drop-in for ``nn.CrossEntropyLoss`` that can also show its target.

This package imports nothing else of smoothkit, so it works alone in any training loop.
"""

from smoothkit.targets.base import Target
from smoothkit.targets.learned import LabelSmoothingPP
from smoothkit.targets.matrix import ClassMatrix, MatrixTarget
from smoothkit.targets.onehot import OneHot
from smoothkit.targets.online import OnlineLabelSmoothing
from smoothkit.targets.uniform import LabelSmoothing

__all__ = [
    "ClassMatrix",
    "LabelSmoothing",
    "LabelSmoothingPP",
    "MatrixTarget",
    "OneHot",
    "OnlineLabelSmoothing",
    "Target",
]
