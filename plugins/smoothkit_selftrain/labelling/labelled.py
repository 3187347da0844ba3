"""What becomes of a teacher's predictions: pseudo-labels with their confidence and their weight."""

from dataclasses import dataclass

from jaxtyping import Float32, Int64
from torch import Tensor


@dataclass(frozen=True, eq=False)
class PseudoLabels:
    """Labels of unlabelled samples, with the members along the first axis of each tensor."""

    labels: Int64[Tensor, "members batch"] | Float32[Tensor, "members batch classes"]
    """What a target is given: the most probable class, or the whole distribution, sharpened."""
    classes: Int64[Tensor, "members batch"]
    """The most probable class."""
    confidence: Float32[Tensor, "members batch"]
    """Its probability, before any sharpening: 1/K to 1."""
    weights: Float32[Tensor, "members batch"]
    """How much of each is learned from, 0 to 1; 0 for what is not selected."""
    logits: Float32[Tensor, "members batch classes"]
    """The logarithms of the teacher's distribution after alignment: what a target gets as `teacher`."""
