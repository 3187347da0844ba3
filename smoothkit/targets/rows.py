"""A batch as a loss sees it: one row for each sample, or for each pixel of each sample."""

from typing import NamedTuple

from jaxtyping import Bool, Float, Int
from torch import Tensor

LabelRows = Int[Tensor, " rows"] | Float[Tensor, "rows labels"]
"""One label per row: an index, or a distribution over the label symbols."""

Scale = Float[Tensor, "..."] | float
"""What the loss of each row is multiplied by: a number for all, or one for each."""


def is_learned(scale: Scale) -> bool:
    """Whether a gradient is wanted through the scale, as through class weights that are learned."""
    return isinstance(scale, Tensor) and scale.requires_grad


class Rows(NamedTuple):
    """What a target is computed from; every tensor has one entry, or one line, per row."""

    labels: LabelRows
    """Indices in the range of the labels (0 in a row to ignore), or distributions in at least float32."""
    logits: Float[Tensor, "rows classes"] | None = None
    """The model's; None where only the target itself is asked for."""
    ignored: Bool[Tensor, " rows"] | None = None
    """Rows that take no part; None where it is known that there are none."""
    class_weight: Float[Tensor, " classes"] | None = None
    """Multiplies the entries of the target; given with ``weight_mode="torch"`` only."""
    teacher: Float[Tensor, "rows classes"] | None = None
    """Logits of a second model for the same samples."""
    index: Int[Tensor, " rows"] | None = None  # pyright: ignore[reportIncompatibleMethodOverride]
    """Which sample of the training set each row is."""

    def given_logits(self) -> Float[Tensor, "rows classes"]:
        """The logits; ValueError where there are none, for targets that depend on them."""
        if self.logits is None:
            raise ValueError("this target depends on the prediction: give logits too")
        return self.logits

    def given_teacher(self) -> Float[Tensor, "rows classes"]:
        """The teacher's logits; ValueError where there are none."""
        if self.teacher is None:
            raise ValueError("this target follows a teacher: give teacher=, its logits for the same samples")
        return self.teacher

    def given_index(self) -> Int[Tensor, " rows"]:
        """The sample numbers; ValueError where there are none."""
        if self.index is None:
            raise ValueError("this target remembers samples: give index=, each sample's number in the training set")
        return self.index

    @property
    def soft(self) -> bool:
        """Whether labels are distributions."""
        return self.labels.is_floating_point()
