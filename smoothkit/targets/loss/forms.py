"""The forms that the targets of a batch can have, from nothing but two numbers to a full row for each sample.

A form knows its cross-entropy. What it knows beside is what the fast paths need: the dense rows of a block, the dot
product with them, and their totals.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from smoothkit.targets.loss.functional import (
    index_cross_entropy,
    soft_cross_entropy,
    sparse_cross_entropy,
    uniform_cross_entropy,
)
from smoothkit.targets.rows import Rows


class Uniform(NamedTuple):
    """One mass on the label, another on each other class; each row sums to one."""

    labels: Int[Tensor, " rows"]
    true_mass: float
    other_mass: float
    num_classes: int

    def dense(self, dtype: torch.dtype = torch.float32) -> Float[Tensor, "rows classes"]:
        """The rows in full."""
        rows = torch.full((len(self.labels), self.num_classes), self.other_mass, dtype=dtype, device=self.labels.device)
        return rows.scatter(1, self.labels.unsqueeze(1), self.true_mass)  # in place would fail inside torch.func.vmap

    def cross_entropy(
        self, logits: Float[Tensor, "rows classes"], class_weight: Float[Tensor, " classes"] | None = None
    ) -> Float[Tensor, " rows"]:
        """The loss of each row."""
        if self.other_mass == 0 and self.true_mass == 1:
            return index_cross_entropy(logits, self.labels, class_weight)
        return uniform_cross_entropy(logits, self.labels, self.true_mass, self.other_mass, class_weight)

    @property
    def requires_grad(self) -> bool:
        """Whether anything is to be learned through the target."""
        return False


class Sparse(NamedTuple):
    """A few classes of each row with a mass of their own, and ``rest`` on every class beside: entries add up.

    A class may be named twice; masses may be negative. Row i sums to ``masses[i].sum() + num_classes * rest[i]``.
    """

    classes: Int[Tensor, "rows few"]
    masses: Float[Tensor, "rows few"]
    rest: Float[Tensor, " rows"] | float
    """Mass added to every class of the row."""
    num_classes: int

    def dense(self, dtype: torch.dtype = torch.float32) -> Float[Tensor, "rows classes"]:
        """The rows in full."""
        shape = (len(self.classes), self.num_classes)
        if isinstance(self.rest, Tensor):
            rows = self.rest.to(dtype).unsqueeze(1).expand(shape)
        else:
            rows = torch.full(shape, self.rest, dtype=dtype, device=self.classes.device)
        return rows.scatter_add(1, self.classes, self.masses.to(dtype))

    def cross_entropy(
        self, logits: Float[Tensor, "rows classes"], class_weight: Float[Tensor, " classes"] | None = None
    ) -> Float[Tensor, " rows"]:
        """The loss of each row."""
        return sparse_cross_entropy(logits, self.classes, self.masses, self.rest, class_weight)

    @property
    def requires_grad(self) -> bool:
        """Whether anything is to be learned through the target."""
        return self.masses.requires_grad or (isinstance(self.rest, Tensor) and self.rest.requires_grad)


class MatrixRows(NamedTuple):
    """The row of a class matrix that each label names."""

    labels: Int[Tensor, " rows"]
    matrix: Float[Tensor, "labels classes"]

    def dense(self, dtype: torch.dtype | None = None) -> Float[Tensor, "rows classes"]:
        """The rows in full; an index outside the matrix raises, where ``M[y]`` would wrap negative ones around."""
        rows = self.matrix.index_select(0, self.labels)
        return rows if dtype is None else rows.to(dtype)

    def cross_entropy(
        self, logits: Float[Tensor, "rows classes"], class_weight: Float[Tensor, " classes"] | None = None
    ) -> Float[Tensor, " rows"]:
        """The loss of each row."""
        return soft_cross_entropy(logits, self.dense(), class_weight)

    @property
    def requires_grad(self) -> bool:
        """Whether anything is to be learned through the target."""
        return self.matrix.requires_grad


class Dense(NamedTuple):
    """A full row for each sample."""

    rows: Float[Tensor, "rows classes"]

    def dense(self, dtype: torch.dtype | None = None) -> Float[Tensor, "rows classes"]:
        """The rows themselves."""
        return self.rows if dtype is None else self.rows.to(dtype)

    def cross_entropy(
        self, logits: Float[Tensor, "rows classes"], class_weight: Float[Tensor, " classes"] | None = None
    ) -> Float[Tensor, " rows"]:
        """The loss of each row."""
        return soft_cross_entropy(logits, self.rows, class_weight)

    @property
    def requires_grad(self) -> bool:
        """Whether anything is to be learned through the target."""
        return self.rows.requires_grad


Form = Uniform | Sparse | MatrixRows | Dense
"""The targets of a batch, in the form that costs least."""


def label_form(rows: Rows, num_classes: int) -> Form | Float[Tensor, "rows classes"]:
    """The labels as they are: all mass on an index, soft labels unchanged."""
    return rows.labels if rows.soft else Uniform(rows.labels, 1.0, 0.0, num_classes)


def as_form(rows: Form | Float[Tensor, "rows classes"]) -> Form:
    """A form as it is, a tensor as dense rows."""
    return Dense(rows) if isinstance(rows, Tensor) else rows
