"""The confidence penalty: predictions of low entropy cost extra."""

from typing import Annotated, ClassVar

import torch
from annotated_types import Ge
from jaxtyping import Float
from torch import Tensor

from smoothkit.targets.base import Family, Target, WeightMode
from smoothkit.targets.loss.forms import Form, as_form, label_form
from smoothkit.targets.loss.functional import label_weight, log_softmax, masked_classes
from smoothkit.targets.rows import Rows


class ConfidencePenalty(Target):
    """Confidence penalty: the cross-entropy to the label less beta times the entropy of the prediction.

    loss = -log p_y - beta H(p) for each sample, H in nats. Its gradient is that of the signed target
    t = e_y - beta p (log p + H(p)), which sums to one and is what distribution() returns; it depends on the logits.

    beta  at least 0. 0.1 in the released MbLS configurations, which average the penalty over the classes too: divide by
          K to get theirs (0.001 at K = 100).

    It is no label smoothing: that adds KL(u || p), whose gradient stays as predictions get sure, while that of -H(p)
    fades. Soft labels are taken as they are; classes masked out have no part in H. With weight_mode="torch" the penalty
    of a row has the weight of its label.

    Source: Pereyra et al., "Regularizing Neural Networks by Penalizing Confident Output Distributions", 2017 (arXiv
    1701.06548). The released code of MbLS differs: beside the mean over classes it computes log(p + eps).

    >>> ConfidencePenalty(4, beta=1.0)(torch.zeros(1, 4), torch.tensor([2]))
    tensor(0.)
    """

    family: ClassVar[Family] = "signed"

    def __init__(
        self,
        num_classes: int,
        beta: Annotated[float, Ge(0)] = 0.1,
        *,
        ignore_index: int = -100,
        weight_mode: WeightMode = "sample",
    ):
        super().__init__(num_classes, ignore_index=ignore_index, weight_mode=weight_mode)
        self.beta = beta
        self.check_options()

    def target_rows(self, rows: Rows) -> Form | Float[Tensor, "rows classes"]:
        """The signed target with the gradient of the loss."""
        log_probs = log_softmax(rows.given_logits().detach())
        return dense_labels(rows, log_probs) - self.beta * entropy_descent(log_probs)

    def row_loss(self, rows: Rows) -> Float[Tensor, " rows"]:
        """``-log p_y - beta H(p)``."""
        logits = rows.given_logits()
        labels = label_form(rows, self.num_classes)
        penalty = self.beta * entropy(log_softmax(logits))
        if rows.class_weight is not None:
            penalty = penalty * label_weight(rows.labels, rows.class_weight)
        return as_form(labels).cross_entropy(logits, rows.class_weight) - penalty


def entropy(log_probs: Float[Tensor, "rows classes"]) -> Float[Tensor, " rows"]:
    """The entropy of each row in nats; masked classes add nothing.

    >>> entropy(torch.tensor([[0.0, 0.0, -torch.inf]]).log_softmax(dim=1)).exp()
    tensor([2.])
    """
    return -(log_probs.exp() * _finite(log_probs)).sum(dim=-1)


def entropy_descent(log_probs: Float[Tensor, "rows classes"]) -> Float[Tensor, "rows classes"]:
    """The gradient of ``-H`` with respect to the logits, ``p (log p + H)``; each row sums to zero."""
    return log_probs.exp() * (_finite(log_probs) + entropy(log_probs).unsqueeze(1))


def dense_labels(rows: Rows, log_probs: Float[Tensor, "rows classes"]) -> Float[Tensor, "rows classes"]:
    """The labels as distributions, in the precision of the predictions."""
    if rows.soft:
        return rows.labels.to(log_probs.dtype)
    return torch.zeros_like(log_probs).scatter(1, rows.labels.unsqueeze(1), 1.0)


def _finite(log_probs: Float[Tensor, "rows classes"]) -> Float[Tensor, "rows classes"]:
    masked = masked_classes(log_probs)
    # Zero in place of -inf: 0 * -inf would be NaN.
    return log_probs if masked is None else log_probs.masked_fill(masked, 0)
