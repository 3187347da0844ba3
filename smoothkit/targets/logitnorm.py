"""LogitNorm: the loss sees the direction of the logits and not their length."""

from typing import Annotated

import torch
from annotated_types import Gt
from jaxtyping import Float
from torch import Tensor

from smoothkit.targets.base import Target, WeightMode
from smoothkit.targets.loss.forms import Form, label_form
from smoothkit.targets.loss.functional import compute_dtype, masked_classes
from smoothkit.targets.rows import Rows

SMALLEST = 1e-7
"""Added to each norm, as in the released code: it bounds the gradient at small logits."""


def unit_rows(logits: Float[Tensor, "rows classes"]) -> Float[Tensor, "rows classes"]:
    """Each row divided by its norm; masked classes have no part in it and stay masked.

    >>> unit_rows(torch.tensor([[3.0, 4.0, -torch.inf]]))
    tensor([[0.6000, 0.8000,   -inf]])
    """
    logits = logits.to(compute_dtype(logits))
    masked = masked_classes(logits)
    kept = logits if masked is None else logits.masked_fill(masked, 0)
    # The square of a large logit would overflow: lengths are measured in units of the largest entry.
    largest = kept.detach().abs().amax(dim=-1, keepdim=True)
    unit = largest.masked_fill(largest == 0, 1)
    norm = unit * torch.linalg.vector_norm(kept / unit, dim=-1, keepdim=True)
    normed = kept / (norm + SMALLEST)
    return normed if masked is None else normed.masked_fill(masked, -torch.inf)


class LogitNorm(Target):
    """LogitNorm: the cross-entropy of logits scaled to one length.

    loss = -log softmax(z / (tau |z|))_y, with the Euclidean norm |z|

    tau   above 0: the temperature, which fixes the length 1/tau of all logits

    The length has no influence on the loss, so training cannot lower it by longer logits. It is bounded from
    below by log(1 + (K - 1) exp(-sqrt(K/(K - 1))/tau)), where all wrong logits are equal. Unlike in other losses a
    constant added to all logits matters. Predictions and accuracy are those of z; the probabilities that were trained
    are those of z/(tau |z|), and softmax(z) is not calibrated by this loss. The norm is taken over the classes that
    are not masked.

    Source: Wei et al., "Mitigating Neural Network Overconfidence with Logit Normalization", ICML 2022 (arXiv
    2205.09310); tau = 0.04 for CIFAR-10. The released class has tau = 1 by default and its command 0.01; as there, 1e-7
    is added to the norm.
    """

    family = "penalty"

    def __init__(
        self,
        num_classes: int,
        tau: Annotated[float, Gt(0)] = 0.04,
        *,
        ignore_index: int = -100,
        weight_mode: WeightMode = "sample",
    ):
        super().__init__(num_classes, ignore_index=ignore_index, weight_mode=weight_mode)
        self.tau = tau
        self.check_options()

    def target_rows(self, rows: Rows) -> Form | Float[Tensor, "rows classes"]:
        """The labels themselves."""
        return label_form(rows, self.num_classes)

    def row_loss(self, rows: Rows) -> Float[Tensor, " rows"]:
        """The cross-entropy of the scaled logits."""
        return super().row_loss(rows._replace(logits=unit_rows(rows.given_logits()) / self.tau))
