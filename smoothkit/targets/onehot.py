"""One-hot targets: the labels themselves."""

import torch
from jaxtyping import Float
from torch import Tensor

from smoothkit.targets.base import WeightMode
from smoothkit.targets.loss.forms import Form, label_form
from smoothkit.targets.matrix import MatrixTarget
from smoothkit.targets.rows import Rows


class OneHot(MatrixTarget):
    """Hard labels: t = e_y, the plain cross-entropy.

    Soft labels are taken as they are. The loss -log p_y has no minimum at finite logits: the optimal margin is
    infinite, and training keeps pushing the logits apart. Equals nn.CrossEntropyLoss without smoothing.

    >>> OneHot(num_classes=10)
    OneHot(num_classes=10, true_mass=1, margin=inf)
    """

    def __init__(self, num_classes: int, *, ignore_index: int = -100, weight_mode: WeightMode = "sample"):
        super().__init__(num_classes, ignore_index=ignore_index, weight_mode=weight_mode)

    def target_rows(self, rows: Rows) -> Form | Float[Tensor, "rows classes"]:
        """All mass on the label; soft labels as they are."""
        return label_form(rows, self.num_classes)

    def matrix(self) -> Float[Tensor, "classes classes"]:
        """The identity."""
        return torch.eye(self.num_classes)

    def true_mass(self) -> Float[Tensor, " classes"]:
        """One for each label."""
        return torch.ones(self.num_classes)

    def margin(self) -> Float[Tensor, " classes"]:
        """Infinite for each label."""
        return torch.full((self.num_classes,), torch.inf)
