"""The focal loss of detectors: one sigmoid for each class, none, one or several of which are right."""

from typing import Annotated, ClassVar

from annotated_types import Ge, Interval
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import logsigmoid

from smoothkit.targets.base import Family, Target
from smoothkit.targets.boundary import Reduction, class_rows
from smoothkit.targets.loss.forms import Form, label_form
from smoothkit.targets.loss.functional import compute_dtype, masked_classes
from smoothkit.targets.rows import LabelRows, Rows, Scale
from smoothkit.targets.weighted import power


class SigmoidFocal(Target):
    """Focal loss on K sigmoids, one class against the rest each, as detectors have it.

    loss = sum_k a_k (1 - q_k)^gamma c_k,  p_k = sigmoid(z_k),  c_k = -y_k log p_k - (1 - y_k) log(1 - p_k),
    q_k = y_k p_k + (1 - y_k)(1 - p_k),  a_k = alpha y_k + (1 - alpha)(1 - y_k)

    gamma  at least 0; 0 is the binary cross-entropy
    alpha  in [0, 1]: the weight of what a label names, 1 - alpha that of the rest; -1 for no weights, all a_k = 1

    An index label is a one-hot y. A soft label is y itself, each entry in [0, 1]: several classes may be 1, and a row
    of zeros, background, is a label like any other and not an ignored row. The mean is over rows; detectors divide by
    the number of rows that hold an object instead: take the sum. A class weight multiplies the terms of its class, and
    the mean still counts rows, as in torch's binary cross-entropy.

    A masked class, z_k = -inf, adds nothing; where all classes that a label names are masked, the loss is infinite.
    Probabilities are those of sigmoids, so metrics that take a softmax of the logits do not describe them. The paper
    starts the bias of the last layer at -log(99), p = 0.01, lest the many zeros swamp the first steps. The focal loss
    of a softmax is "focal".

    Source: Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017 (arXiv 1708.02002), equation 5, with the
    gamma and alpha that did best there.

    >>> import torch
    >>> SigmoidFocal(2, gamma=2.0, alpha=0.5)(torch.zeros(1, 2), torch.tensor([1])).mul(4).exp()
    tensor(2.)
    """

    family: ClassVar[Family] = "weight"

    def __init__(
        self,
        num_classes: int,
        gamma: Annotated[float, Ge(0)] = 2.0,
        alpha: Annotated[float, Interval(ge=-1, le=1)] = 0.25,
        *,
        ignore_index: int = -100,
    ):
        super().__init__(num_classes, ignore_index=ignore_index)
        self.gamma = gamma
        self.alpha = alpha
        self.check_options()

    def check_options(self) -> None:
        """As for every target; and -1 is the only negative alpha."""
        super().check_options()
        if -1 < self.alpha < 0:
            raise ValueError(f"alpha is {self.alpha!r}; expected a number from 0 to 1, or -1 for no weights")

    def target_rows(self, rows: Rows) -> Form | Float[Tensor, "rows classes"]:
        """The labels as they are, one number for each sigmoid."""
        return label_form(rows, self.num_classes)

    def row_loss(self, rows: Rows) -> Float[Tensor, " rows"]:
        """The sum over the classes."""
        logits = rows.given_logits().to(compute_dtype(rows.given_logits()))
        form = self.target_rows(rows)
        labels = form.to(logits.dtype) if isinstance(form, Tensor) else form.dense(logits.dtype)
        masked = masked_classes(logits)
        if masked is not None:
            logits = logits.masked_fill(masked, 0)
        losses = self._terms(logits, labels)
        if rows.class_weight is not None:
            losses = losses * rows.class_weight
        if masked is None:
            return losses.sum(dim=-1)
        nothing_left = (labels.masked_fill(masked, 0) == 0).all(dim=-1) & (labels != 0).any(dim=-1)
        return losses.masked_fill(masked, 0).sum(dim=-1).masked_fill(nothing_left, float("inf"))

    def _terms(
        self, logits: Float[Tensor, "rows classes"], labels: Float[Tensor, "rows classes"]
    ) -> Float[Tensor, "rows classes"]:
        """The loss of each sigmoid."""
        other = 1 - labels
        cross = -(labels * logsigmoid(logits) + other * logsigmoid(-logits))
        # A sum of two shares, since 1 - q would round to 0 for a good prediction.
        miss = labels * (-logits).sigmoid() + other * logits.sigmoid()
        losses = power(miss.flatten(), self.gamma).view_as(miss) * cross
        return losses if self.alpha < 0 else losses * (self.alpha * labels + (1 - self.alpha) * other)

    def weighted(self, rows: Rows, weight: Tensor | None, reduction: Reduction) -> tuple[Rows, Scale]:
        """A class weight belongs to the terms of its class: a row of zeros has no label to be weighted by."""
        scale = self.row_scale(rows, None, reduction)
        if weight is None:
            return rows, scale
        return rows._replace(class_weight=self.checked_weight(weight, rows.logits)), scale

    def label_rows(self, labels: Tensor) -> tuple[LabelRows, Bool[Tensor, " rows"] | None]:
        """As for every target, save that a row of zeros is not to be ignored."""
        if labels.is_floating_point():
            return class_rows(labels).to(compute_dtype(labels)), None
        return super().label_rows(labels)
