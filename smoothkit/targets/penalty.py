"""Penalties on the logits, added to the loss of any target."""

from abc import ABC, abstractmethod

from jaxtyping import Bool, Float
from torch import Tensor, nn

from smoothkit.targets.base import Family, Target
from smoothkit.targets.loss.forms import Form, as_form, label_form
from smoothkit.targets.loss.functional import cleared, compute_dtype, label_weight, masked_classes
from smoothkit.targets.loss.paths import total_cross_entropy
from smoothkit.targets.options import check_options
from smoothkit.targets.rows import Rows, Scale
from smoothkit.targets.wrapper import Wrapper


class Penalty(nn.Module, ABC):
    """A number for each row of logits, small where the logits are as they should be.

    ``target + penalty`` is a target with both losses. A subclass gives :meth:`row_penalty`; options are annotated
    and kept as a target's are, and its constructor ends with ``check_options()``.
    """

    @abstractmethod
    def row_penalty(self, rows: Rows) -> Float[Tensor, " rows"]:
        """The penalty of each row, in at least float32; ignored rows are cleared later."""

    def check_options(self) -> None:
        """Hold the options against the ranges of the constructor's annotations; ValueError outside them."""
        check_options(self)


class Penalised(Wrapper):
    """Another target's loss plus a penalty; what it says of distributions is the other target's.

    ``LabelSmoothing(10, 0.05) + MarginPenalty(alpha=0.1)`` makes one. A penalty counts as often as its row does:
    ignored rows have none, and class weights multiply it by the weight of the label.
    """

    def __init__(self, target: Target, penalty: Penalty):
        super().__init__(target)
        self.penalty = penalty

    @property
    def family(self) -> Family:  # pyright: ignore[reportIncompatibleVariableOverride]
        """A penalty, whatever the target inside is."""
        return "penalty"

    def row_loss(self, rows: Rows) -> Float[Tensor, " rows"]:
        """Both parts."""
        return self.target.row_loss(rows) + weighted_penalty(self.penalty.row_penalty(rows), rows)

    def total_loss(self, rows: Rows, scale: Scale) -> Float[Tensor, ""]:
        """Both parts; that of the target inside by its own cheapest path."""
        penalty = weighted_penalty(self.penalty.row_penalty(rows), rows)
        return self.target.total_loss(rows, scale) + (penalty * scale).sum()

    def quick_loss(self, rows: Rows) -> None:
        """No such way: it does not know which rows to ignore."""
        return


class PenalisedCrossEntropy(Target):
    """The cross-entropy to the labels plus a penalty on the logits: a subclass gives :meth:`row_penalty`."""

    family = "penalty"

    def row_penalty(self, rows: Rows) -> Float[Tensor, " rows"]:
        """The penalty of each row, in at least float32; ignored rows are cleared later."""
        raise NotImplementedError

    def target_rows(self, rows: Rows) -> Form | Float[Tensor, "rows classes"]:
        """The labels themselves."""
        return label_form(rows, self.num_classes)

    def row_loss(self, rows: Rows) -> Float[Tensor, " rows"]:
        """Both parts."""
        return super().row_loss(rows) + weighted_penalty(self.row_penalty(rows), rows)

    def total_loss(self, rows: Rows, scale: Scale) -> Float[Tensor, ""]:
        """Both parts, the cross-entropy by its cheapest path."""
        if type(self).row_loss is not PenalisedCrossEntropy.row_loss:
            return super().total_loss(rows, scale)
        target = as_form(self.target_rows(rows))
        loss = total_cross_entropy(rows.given_logits(), target, scale, rows.ignored, rows.class_weight)
        return loss + (weighted_penalty(self.row_penalty(rows), rows) * scale).sum()


def weighted_penalty(penalty: Float[Tensor, " rows"], rows: Rows) -> Float[Tensor, " rows"]:
    """The penalty of each row times the weight of its label, where the loss holds one; 0 where the row is ignored."""
    if rows.class_weight is not None:
        penalty = penalty * label_weight(rows.labels, rows.class_weight)
    return cleared(penalty, rows.ignored)


def logit_gaps(
    logits: Float[Tensor, "rows classes"], hold_largest: bool = False
) -> tuple[Float[Tensor, "rows classes"], Bool[Tensor, "rows classes"] | None]:
    """How far each logit is below the largest of its row, and which classes are masked: their gap is 0.

    ``hold_largest`` keeps the gradient from the largest logit.

    >>> import torch
    >>> logit_gaps(torch.tensor([[3.0, 1.0, -torch.inf]]))[0]
    tensor([[0., 2., 0.]])
    """
    logits = logits.to(compute_dtype(logits))
    largest = logits.amax(dim=-1, keepdim=True)
    largest = largest.detach() if hold_largest else largest
    masked = masked_classes(logits)
    if masked is None:
        return largest - logits, None
    return (largest - logits.masked_fill(masked, 0)).masked_fill(masked, 0), masked


def class_mean(
    terms: Float[Tensor, "rows classes"], masked: Bool[Tensor, "rows classes"] | None, without: int = 0
) -> Float[Tensor, " rows"]:
    """The mean over the classes that are not masked, less ``without`` of them whose terms are known to be 0."""
    if masked is None:
        return terms.sum(dim=-1) / (terms.shape[1] - without)
    count = (~masked).sum(dim=-1) - without
    return terms.masked_fill(masked, 0).sum(dim=-1) / count.clamp(min=1)
