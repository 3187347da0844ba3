"""What the losses share that weigh each sample by the probability of its label: that probability, with care."""

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from smoothkit.targets.base import Family, Target
from smoothkit.targets.loss.forms import Form, label_form
from smoothkit.targets.loss.functional import (
    cleared,
    index_cross_entropy,
    label_weight,
    log_softmax,
    masked_classes,
    soft_cross_entropy,
)
from smoothkit.targets.rows import Rows


class WeightTarget(Target):
    """A loss that is a function of p_y: its gradient is g(p_y) (p - e_y), that of the cross-entropy with a weight.

    The target is the label itself. A subclass gives ``row_loss``, for soft labels too unless it refuses them.
    """

    family: ClassVar[Family] = "weight"

    def target_rows(self, rows: Rows) -> Form | Float[Tensor, "rows classes"]:
        """The labels as they are."""
        return label_form(rows, self.num_classes)


def surprise(rows: Rows) -> Float[Tensor, " rows"]:
    """``-log p_y`` for index labels, 0 for rows to be ignored."""
    losses = index_cross_entropy(rows.given_logits(), rows.labels)
    # The placeholder of an ignored row may name a masked class, and NaN would come of inf in what follows.
    return cleared(losses, rows.ignored)


def cross_and_miss(rows: Rows) -> tuple[Float[Tensor, " rows"], Float[Tensor, " rows"]]:
    """The cross-entropy to the label, with class weights, and ``1 - p_t``, where ``p_t = sum_k s_k p_k`` for label s.

    ``1 - p_t`` is exact to rounding for p_t near 1, where the subtraction would leave nothing.
    """
    if rows.soft:
        log_probs = log_softmax(rows.given_logits())
        miss = -(allowed_labels(rows, log_probs) * log_probs.expm1()).sum(dim=-1)
        return soft_cross_entropy(rows.given_logits(), rows.labels, rows.class_weight), miss
    losses = surprise(rows)
    return weighted(losses, rows), -(-losses).expm1()


def weighted(losses: Float[Tensor, " rows"], rows: Rows) -> Float[Tensor, " rows"]:
    """The losses times the class weight of each row's label, if there is one."""
    return losses if rows.class_weight is None else losses * label_weight(rows.labels, rows.class_weight)


def allowed_labels(rows: Rows, log_probs: Float[Tensor, "rows classes"]) -> Float[Tensor, "rows classes"]:
    """Soft labels conditioned on the classes that are not masked: zero on the others, of the same total."""
    labels = rows.labels.to(log_probs.dtype)
    masked = masked_classes(log_probs)
    if masked is None:
        return labels
    kept = labels.masked_fill(masked, 0)
    remaining = kept.sum(dim=-1, keepdim=True)
    return kept * (labels.sum(dim=-1, keepdim=True) / remaining.masked_fill(remaining == 0, 1))


def power(base: Float[Tensor, " rows"], exponent: Float[Tensor, " rows"] | float) -> Float[Tensor, " rows"]:
    """``base ** exponent`` for a base of at least 0, without the infinite derivative at 0.

    >>> x = torch.zeros(1, requires_grad=True)
    >>> torch.autograd.grad(power(x, 0.5).sum(), x)
    (tensor([0.]),)
    """
    return base.clamp(min=torch.finfo(base.dtype).tiny).pow(exponent)
