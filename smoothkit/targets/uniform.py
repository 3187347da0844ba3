"""Label smoothing: part of the mass spread evenly, in either of the two conventions in use."""

from math import inf, log
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from smoothkit.targets.base import Fraction, WeightMode
from smoothkit.targets.loss.forms import Form, Uniform
from smoothkit.targets.matrix import MatrixTarget
from smoothkit.targets.rows import Rows

Convention = Literal["all", "others"]


def uniform_masses(alpha: float, convention: Convention, num_classes: int) -> tuple[float, float]:
    """The mass of the true class and of each other class.

    ``all`` spreads alpha over every class, the true one included; ``others`` over the K - 1 others. They describe the
    same targets: ``others(alpha) == all(alpha K / (K - 1))``. With two classes the difference is a factor of two in
    alpha.

    >>> uniform_masses(0.5, "all", 2), uniform_masses(0.5, "others", 2)
    ((0.75, 0.25), (0.5, 0.5))
    """
    if convention == "others":
        return 1 - alpha, alpha / (num_classes - 1)
    return 1 - alpha + alpha / num_classes, alpha / num_classes


def uniform_rows(
    rows: Rows, true_mass: float, other_mass: float, num_classes: int
) -> Form | Float[Tensor, "rows classes"]:
    """One mass on the label and another on each other class; the same linear map of a soft label."""
    if rows.soft:
        return (true_mass - other_mass) * rows.labels + other_mass * rows.labels.sum(dim=-1, keepdim=True)
    return Uniform(rows.labels, true_mass, other_mass, num_classes)


class LabelSmoothing(MatrixTarget):
    """Label smoothing: the label keeps most of the mass, alpha is spread evenly.

    convention = "all":     t_y = 1 - alpha + alpha/K,  t_k = alpha/K        (Szegedy; torch, timm, Keras, optax)
    convention = "others":  t_y = 1 - alpha,            t_k = alpha/(K - 1)  (the start of LS++; many paper baselines)

    alpha in [0, 1]; K = num_classes. The two agree when alpha of "all" is K/(K - 1) times that of "others", so they
    differ visibly for few classes only: K = 10, alpha = 0.1 gives a true-class mass of 0.91 and 0.9.

    Soft labels s become (1 - alpha) s + alpha u ("all"), (1 - alpha) s + alpha (1 - s)/(K - 1) ("others"). Smoothing a
    label that is smooth already smooths twice.

    At the optimum every wrong class has the same logit, log(t_y / t_k) below the true one; the loss there is the
    entropy of t. The regulariser that "all" adds is KL(u || p), which keeps its gradient at large margins, and not the
    confidence penalty -H(p), which loses it.

    Source: Szegedy et al. 2016, "Rethinking the Inception Architecture for Computer Vision", section 7.

    >>> LabelSmoothing(num_classes=10, alpha=0.1)
    LabelSmoothing(num_classes=10, alpha=0.1, convention='all', true_mass=0.91, margin=4.511)
    """

    def __init__(
        self,
        num_classes: int,
        alpha: Fraction = 0.1,
        convention: Convention = "all",
        *,
        ignore_index: int = -100,
        weight_mode: WeightMode = "sample",
    ):
        super().__init__(num_classes, ignore_index=ignore_index, weight_mode=weight_mode)
        self.alpha = alpha
        self.convention: Convention = convention
        self.check_options()

    def masses(self) -> tuple[float, float]:
        """The mass of the true class and of each other class."""
        return uniform_masses(self.alpha, self.convention, self.num_classes)

    def target_rows(self, rows: Rows) -> Form | Float[Tensor, "rows classes"]:
        """``(t_y - t_k) label + t_k``, times the total of a soft label that does not sum to one."""
        return uniform_rows(rows, *self.masses(), self.num_classes)

    def matrix(self) -> Float[Tensor, "classes classes"]:
        """One mass on the diagonal, another everywhere else."""
        return Uniform(torch.arange(self.num_classes), *self.masses(), self.num_classes).dense()

    def true_mass(self) -> Float[Tensor, " classes"]:
        """The same for each label."""
        return torch.full((self.num_classes,), self.masses()[0])

    def margin(self) -> Float[Tensor, " classes"]:
        """The same for each label: ``log(t_y / t_k)``, which is ``log(1 + K (1 - alpha)/alpha)`` for ``all``."""
        true_mass, other_mass = self.masses()
        margin = log(true_mass) - log(other_mass) if true_mass and other_mass else (inf if true_mass else -inf)
        return torch.full((self.num_classes,), margin)
