"""What every target is: a loss called like torch's cross-entropy, and the distribution behind it."""

from inspect import signature
from math import inf, isfinite
from typing import Annotated, Any, Literal, get_args

import torch
from annotated_types import Interval
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from smoothkit.targets.functional import certain, compute_dtype, label_weight, soft_cross_entropy

WeightMode = Literal["sample", "torch"]
Reduction = Literal["none", "mean", "sum"]
WEIGHT_MODES = get_args(WeightMode)
REDUCTIONS = get_args(Reduction)
Fraction = Annotated[float, Interval(ge=0, le=1)]
Rows = Int[Tensor, " rows"] | Float[Tensor, "rows labels"]
"""One label per row: an index, or a distribution over the label symbols."""


class Target(nn.Module):
    """A target distribution for a classifier, and the cross-entropy to it.

    ``loss = target(logits, labels)`` stands wherever ``nn.CrossEntropyLoss`` does. The class dimension is 1:
    logits have shape (N, K) or (N, K, d1, ...). Labels of an integer dtype are indices of shape (N, d1, ...); labels of
    a floating dtype are distributions of shape (N, K, d1, ...): the dtype decides, never the shape.

    Ignored rows. A label equal to ``ignore_index`` and a soft label whose entries are all zero take no part; with
    ``reduction="none"`` their loss is 0. A batch without any other row has loss 0 and gradient 0.

    Class weights. With ``weight_mode="sample"`` a row of label y counts ``w_y`` times (``labels @ w`` for a soft label)
    towards an unchanged target, and the mean divides by the sum of these counts. With ``weight_mode="torch"`` the
    numbers are those of ``nn.CrossEntropyLoss``, hard and soft: the weight also multiplies the smoothing mass, so it
    moves the optimum (pytorch#104776), and the mean over soft labels divides by the number of rows. Ignored rows and
    masked classes follow the rules given here in both modes; torch has no ignored soft label, gives NaN for a batch
    without a valid row, and inf where smoothing meets a masked class.

    Precision and masks. Losses are computed and returned in float32 for half-precision logits. A class whose logit is
    ``-inf`` carries no target mass: the target is conditioned on the other classes.

    To write a target, give :meth:`target_rows`; give :meth:`row_loss` too where the loss has a closed form, or where
    it is no cross-entropy to a target. State belongs in parameters and buffers, so that it is saved and moved.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        num_labels: int | None = None,
        ignore_index: int = -100,
        weight_mode: WeightMode = "sample",
    ):
        super().__init__()
        if num_classes < 2:
            raise ValueError(
                f"num_classes is {num_classes}; expected 2 or more (one logit z is two classes with the logits 0 and z)"
            )
        self.num_classes = num_classes
        self.num_labels = num_classes if num_labels is None else num_labels
        self.ignore_index = ignore_index
        self.weight_mode: WeightMode = weight_mode
        check_choice("weight_mode", weight_mode, WEIGHT_MODES)
        if weight_mode == "torch" and self.num_labels != num_classes:
            raise ValueError(
                f"weight_mode is 'torch' with {self.num_labels} labels for {num_classes} classes; torch has no such "
                "case, use weight_mode='sample'"
            )

    def target_rows(self, labels: Rows, logits: Float[Tensor, "rows classes"] | None) -> Float[Tensor, "rows classes"]:
        """The target of each row; linear in the label where that makes sense.

        Indices lie in the range of the labels. Rows to be ignored carry a placeholder and are cleared later.
        """
        raise NotImplementedError(f"{type(self).__name__} is not defined by a target distribution")

    def row_loss(
        self,
        logits: Float[Tensor, "rows classes"],
        labels: Rows,
        class_weight: Float[Tensor, " classes"] | None = None,
    ) -> Float[Tensor, " rows"]:
        """The loss of each row; by default the cross-entropy to :meth:`target_rows`.

        ``class_weight`` is given with ``weight_mode="torch"`` only, and multiplies the entries of the target.
        """
        return soft_cross_entropy(logits, self.target_rows(labels, logits), class_weight)

    def update(self, logits: Tensor, labels: Tensor) -> None:
        """Take the statistics of one training step; most targets need none."""

    def end_epoch(self) -> None:
        """Turn the statistics of an epoch into the target of the next; called once, by every process."""

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Optimiser groups for what the target learns; empty for a target without parameters."""
        return []

    # The public boundary takes any tensor, so that a wrong shape meets the errors below and not a type checker's.
    def forward(
        self, logits: Tensor, labels: Tensor, weight: Tensor | None = None, reduction: Reduction = "mean"
    ) -> Tensor:
        """The loss: a scalar, or of the shape of the index labels with ``reduction="none"``.

        Raises ValueError for shapes or dtypes that do not belong together, and for labels out of range on the CPU (on a
        GPU, reading them would stall the device; there the indexing itself fails).
        """
        check_choice("reduction", reduction, REDUCTIONS)
        logit_rows, label_rows, ignored = self.rows(logits, labels)
        weight = None if weight is None else self._checked_weight(weight, logits)
        per_entry = weight if self.weight_mode == "torch" else None
        losses = self.row_loss(logit_rows, label_rows, per_entry)
        counts = None if weight is None else label_weight(label_rows, weight).to(losses.dtype)
        if self.weight_mode == "sample" and counts is not None:
            losses = losses * counts
        losses = losses.masked_fill(ignored, 0)
        if reduction == "none":
            return losses.reshape(_row_shape(labels))
        if reduction == "sum":
            return losses.sum()
        if self.weight_mode == "torch" and label_rows.is_floating_point():
            return losses.sum() / max(len(losses), 1)
        if counts is None:
            return losses.sum() / (~ignored).sum().clamp(min=1)
        total = counts.masked_fill(ignored, 0).sum()
        return losses.sum() / total.masked_fill(total == 0, 1)

    def rows(self, logits: Tensor, labels: Tensor) -> tuple[Float[Tensor, "rows classes"], Rows, Bool[Tensor, " rows"]]:
        """Logits and labels as rows, and which rows to ignore (their index is 0); ValueError where they do not fit."""
        self._check_logits(logits)
        self._check_labels(labels, logits)
        return class_rows(logits), *self._label_rows(labels)

    def distribution(self, labels: Tensor, logits: Tensor | None = None) -> Tensor:
        """The target itself, with the classes in dimension 1 and without a graph; ignored labels have rows of zeros.

        ``logits`` are needed only by targets that depend on them.
        """
        if logits is None:
            self._check_labels(labels, None)
            logit_rows, (label_rows, ignored) = None, self._label_rows(labels)
        else:
            logit_rows, label_rows, ignored = self.rows(logits, labels)
        target = self.target_rows(label_rows, logit_rows).detach()
        target = target.to(compute_dtype(target, logits)).masked_fill(ignored.unsqueeze(1), 0)
        return target.reshape(*_row_shape(labels), self.num_classes).movedim(-1, 1)

    def options(self) -> dict[str, Any]:
        """What the constructor was given, as far as it was kept under that name, less the defaults common to all."""
        defaults = {"ignore_index": -100, "weight_mode": "sample"}
        names = [name for name in signature(type(self)).parameters if hasattr(self, name)]
        values = {name: getattr(self, name) for name in names}
        return {name: value for name, value in values.items() if name not in defaults or value != defaults[name]}

    def extra_repr(self) -> str:
        """The options, for ``repr``."""
        return ", ".join(f"{name}={value!r}" for name, value in self.options().items())

    def _label_rows(self, labels: Tensor) -> tuple[Rows, Bool[Tensor, " rows"]]:
        """One label per row, and which rows to ignore; an index to be ignored is replaced by 0."""
        if labels.is_floating_point():
            rows = class_rows(labels).to(compute_dtype(labels))
            return rows, (rows == 0).all(dim=-1)
        index = labels.reshape(-1).long()
        ignored = index == self.ignore_index
        index = index.masked_fill(ignored, 0)
        self._check_range(index)
        return index, ignored

    def _check_range(self, index: Int[Tensor, " rows"]) -> None:
        # On a GPU the answer could not be read for free, so it is not computed either.
        if index.numel() == 0 or index.device.type != "cpu":
            return
        low, high = index.aminmax()
        if certain((low < 0) | (high >= self.num_labels)):
            raise ValueError(
                f"labels hold {int(low if low < 0 else high)}; expected 0 to {self.num_labels - 1}, "
                f"or ignore_index {self.ignore_index} for rows to leave out"
            )

    def _check_logits(self, logits: Tensor) -> None:
        if not logits.is_floating_point():
            raise ValueError(f"logits have dtype {logits.dtype}; expected a floating one")
        if logits.ndim < 2 or logits.shape[1] != self.num_classes:
            raise ValueError(
                f"logits have shape {tuple(logits.shape)}; expected (N, {self.num_classes}) "
                f"or (N, {self.num_classes}, ...) for {self.num_classes} classes"
            )

    def _check_labels(self, labels: Tensor, logits: Tensor | None) -> None:
        if labels.dtype == torch.bool or labels.is_complex():
            raise ValueError(f"labels have dtype {labels.dtype}; expected integers (indices) or floats (distributions)")
        soft = labels.is_floating_point()
        if logits is not None:
            classes = (self.num_labels,) if soft else ()
            expected = (logits.shape[0], *classes, *logits.shape[2:])
            fits = tuple(labels.shape) == expected
        else:
            expected = ("N", self.num_labels, "...") if soft else ("N", "...")
            fits = labels.ndim >= 2 and labels.shape[1] == self.num_labels if soft else labels.ndim >= 1
        if not fits:
            raise ValueError(
                f"{'soft' if soft else 'index'} labels ({labels.dtype}) have shape {tuple(labels.shape)}; expected "
                f"({', '.join(map(str, expected))})"
                + ("" if logits is None else f" for logits of shape {tuple(logits.shape)}")
            )

    def _checked_weight(self, weight: Tensor, logits: Tensor) -> Float[Tensor, " labels"]:
        if tuple(weight.shape) != (self.num_labels,):
            raise ValueError(
                f"weight has shape {tuple(weight.shape)}; expected ({self.num_labels},), one number for each label, "
                f"for logits of shape {tuple(logits.shape)}"
            )
        return weight.to(compute_dtype(logits))


def class_rows(tensor: Float[Tensor, "batch channels *spatial"]) -> Float[Tensor, "rows channels"]:
    """The tensor with dimension 1 last and all others as rows."""
    return tensor if tensor.ndim == 2 else tensor.movedim(1, -1).reshape(-1, tensor.shape[1])


def _row_shape(labels: Tensor) -> tuple[int, ...]:
    """The shape of one number per row: that of index labels."""
    return (labels.shape[0], *labels.shape[2:]) if labels.is_floating_point() else tuple(labels.shape)


def check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    """ValueError unless the value is one of the choices."""
    if value not in choices:
        raise ValueError(f"{name} is {value!r}; expected one of {', '.join(map(repr, choices))}")


def check_range(name: str, value: float, low: float, high: float = inf) -> None:
    """ValueError unless the value is finite and lies in [low, high].

    >>> check_range("alpha", 1.5, 0.0, 1.0)
    Traceback (most recent call last):
    ValueError: alpha is 1.5; expected a number from 0 to 1
    """
    # True would pass for 1.0, as it does in torch (pytorch#134767).
    if isinstance(value, bool) or not (low <= value <= high and isfinite(value)):
        bounds = f"from {low:g} to {high:g}" if isfinite(high) else f"of at least {low:g}"
        raise ValueError(f"{name} is {value!r}; expected a number {bounds}")
