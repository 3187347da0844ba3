"""The loss of a whole batch, by the cheapest path that gives the right number.

Every path obeys one law: the gradient with respect to a row of logits is ``sum(t) softmax(logits) - t``. The plain one,
:mod:`smoothkit.targets.loss.functional`, is the reference, and serves whatever the others do not: masked classes,
gradients through the target, ``torch.func``, ``torch.compile``.
"""

from functools import lru_cache
from math import isfinite

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from smoothkit.targets.loss.blocked import NARROW
from smoothkit.targets.loss.cpu import cpu_cross_entropy
from smoothkit.targets.loss.forms import Form, MatrixRows, Uniform
from smoothkit.targets.loss.functional import NO_INDEX, cleared, is_traced, widened
from smoothkit.targets.loss.kernels import available, fused_cross_entropy
from smoothkit.targets.rows import Scale, is_learned

QUICK_SIZE = 2**17
"""Logits in a batch up to which checks cost a good part of the loss."""
FEW_ROWS = 256
"""Rows up to which torch's own loss for hard labels is the fastest, few classes or not."""
MOST_TABLED = 256
"""Classes up to which a table of all uniform targets is kept."""


def quick_mean(logits: Float[Tensor, "rows classes"], target: Form) -> Float[Tensor, ""]:
    """The mean loss of a small batch of plain logits on a CPU.

    Nothing else is checked: a label out of range raises, and a masked class may give a result that is not finite.
    """
    rows, classes = logits.shape
    hard = isinstance(target, Uniform) and target.true_mass == 1 and target.other_mass == 0
    if hard and (rows <= FEW_ROWS or classes >= NARROW):
        return F.cross_entropy(logits, target[0], ignore_index=NO_INDEX)
    if target.requires_grad:
        return F.cross_entropy(logits, target.dense(logits.dtype))
    if isinstance(target, Uniform) and target.num_classes <= MOST_TABLED:
        table = _table(target.num_classes, target.true_mass, target.other_mass, logits.dtype)
        target = MatrixRows(target.labels, table)
    return cpu_cross_entropy(logits, target, 1 / max(rows, 1))


@lru_cache(maxsize=8)
def _table(
    num_classes: int, true_mass: float, other_mass: float, dtype: torch.dtype
) -> Float[Tensor, "classes classes"]:
    """The targets of all labels: taking rows from it is quicker than writing them."""
    return Uniform(torch.arange(num_classes, device="cpu"), true_mass, other_mass, num_classes).dense(dtype)


def row_cross_entropy(
    logits: Float[Tensor, "rows classes"], target: Form, class_weight: Float[Tensor, " classes"] | None = None
) -> Float[Tensor, " rows"]:
    """The cross-entropy of each row."""
    if class_weight is None and not target.requires_grad and available(logits):
        return fused_cross_entropy(logits, target)
    return target.cross_entropy(logits, class_weight)


def total_cross_entropy(
    logits: Float[Tensor, "rows classes"],
    target: Form,
    scale: Scale,
    ignored: Bool[Tensor, " rows"] | None = None,
    class_weight: Float[Tensor, " classes"] | None = None,
) -> Float[Tensor, ""]:
    """The sum of ``scale`` times the cross-entropy of each row that is not ignored."""
    constant = class_weight is None and not target.requires_grad and not is_learned(scale)
    if constant and available(logits):
        return fused_cross_entropy(logits, target, scale, ignored).sum()
    if constant and is_plain(logits):
        total = cpu_cross_entropy(widened(logits), target, held_scale(scale, ignored))
        if isfinite(total.item()):
            return total
    losses = row_cross_entropy(logits, target, class_weight)
    return (cleared(losses, ignored) * scale).sum()


def held_scale(scale: Scale, ignored: Bool[Tensor, " rows"] | None) -> Scale:
    """The scale with zeros for rows to ignore; a plain number where all rows share one."""
    if ignored is not None:
        # In float64, because a number would be cut to float32 here.
        return torch.where(ignored, 0.0, torch.as_tensor(scale, dtype=torch.float64, device=ignored.device))
    return scale.item() if isinstance(scale, Tensor) and scale.ndim == 0 else scale


def is_plain(logits: Tensor) -> bool:
    """Whether these are numbers in memory, which can be looked at for free: no GPU, trace or transform."""
    return logits.device.type == "cpu" and not is_traced(logits)
