"""One-hot targets: the labels themselves."""

import torch
from jaxtyping import Float
from torch import Tensor

from smoothkit.targets.base import Rows, WeightMode
from smoothkit.targets.functional import compute_dtype, index_cross_entropy
from smoothkit.targets.matrix import MatrixTarget


class OneHot(MatrixTarget):
    """Hard labels: t = e_y, the plain cross-entropy.

    Soft labels are taken as they are. The loss -log p_y has no minimum at finite logits: the optimal margin is
    infinite, and training keeps pushing the logits apart. Equals nn.CrossEntropyLoss without smoothing.

    >>> OneHot(num_classes=10)
    OneHot(num_classes=10, true_mass=1, margin=inf)
    """

    def __init__(self, num_classes: int, *, ignore_index: int = -100, weight_mode: WeightMode = "sample"):
        super().__init__(num_classes, ignore_index=ignore_index, weight_mode=weight_mode)

    def row_loss(
        self,
        logits: Float[Tensor, "rows classes"],
        labels: Rows,
        class_weight: Float[Tensor, " classes"] | None = None,
    ) -> Float[Tensor, " rows"]:
        """``-log p_y``; for soft labels the cross-entropy to them."""
        if labels.is_floating_point():
            return super().row_loss(logits, labels, class_weight)
        return index_cross_entropy(logits, labels, class_weight)

    def target_rows(
        self, labels: Rows, logits: Float[Tensor, "rows classes"] | None = None
    ) -> Float[Tensor, "rows classes"]:
        """The soft labels, or one-hot rows."""
        if labels.is_floating_point():
            return labels
        rows = torch.zeros(len(labels), self.num_classes, dtype=compute_dtype(logits), device=labels.device)
        return rows.scatter(1, labels.unsqueeze(1), 1.0)

    def matrix(self) -> Float[Tensor, "classes classes"]:
        """The identity."""
        return torch.eye(self.num_classes)

    def true_mass(self) -> Float[Tensor, " classes"]:
        """One for each label."""
        return torch.ones(self.num_classes)

    def margin(self) -> Float[Tensor, " classes"]:
        """Infinite for each label."""
        return torch.full((self.num_classes,), torch.inf)
