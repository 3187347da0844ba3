"""What a target accepts: logits and labels of fitting shapes, rows to ignore, weights of the classes."""

from typing import ClassVar, Literal, get_args

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from smoothkit.targets.loss.functional import certain, cleared, compute_dtype, label_weight
from smoothkit.targets.options import check_choice
from smoothkit.targets.rows import LabelRows, Rows, Scale

WeightMode = Literal["sample", "torch"]
Reduction = Literal["none", "mean", "sum"]


class Boundary(nn.Module):
    """The part of a :class:`~smoothkit.targets.base.Target` that turns what it is called with into rows."""

    index_labels_only: ClassVar[bool] = False
    """Whether labels must be indices, because the rule is about the one class that the label names."""

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
        check_choice("weight_mode", weight_mode, get_args(WeightMode))
        if weight_mode == "torch" and self.num_labels != num_classes:
            raise ValueError(
                f"weight_mode is 'torch' with {self.num_labels} labels for {num_classes} classes; torch has no such "
                "case, use weight_mode='sample'"
            )

    def rows(
        self, logits: Tensor | None, labels: Tensor, *, teacher: Tensor | None = None, index: Tensor | None = None
    ) -> Rows:
        """The batch as rows; ValueError where tensors do not fit together."""
        if logits is not None:
            self._check_logits("logits", logits)
        self._check_labels(labels, logits)
        checked, ignored = self.label_rows(labels)
        if teacher is not None:
            self._check_logits("teacher", teacher)
            if len(teacher) != len(labels) or teacher.shape[2:] != row_shape(labels)[1:]:
                raise ValueError(
                    f"teacher has shape {tuple(teacher.shape)}; expected one line of {self.num_classes} logits for "
                    f"each label of shape {row_shape(labels)}"
                )
        if index is not None and tuple(index.shape) != row_shape(labels):
            raise ValueError(f"index has shape {tuple(index.shape)}; expected that of the labels, {row_shape(labels)}")
        return Rows(
            checked,
            None if logits is None else class_rows(logits),
            ignored,
            teacher=None if teacher is None else class_rows(teacher.detach()),
            index=None if index is None else index.reshape(-1),
        )

    def weighted(self, rows: Rows, weight: Tensor | None, reduction: Reduction) -> tuple[Rows, Scale]:
        """The rows with what ``weight_mode`` puts into the target, and what each row's loss is multiplied by."""
        if weight is None:
            return rows, self.row_scale(rows, None, reduction)
        weight = self.checked_weight(weight, rows.logits)
        scale = self.row_scale(rows, label_weight(rows.labels, weight), reduction)
        return rows._replace(class_weight=weight) if self.weight_mode == "torch" else rows, scale

    def row_scale(self, rows: Rows, counts: Float[Tensor, " rows"] | None, reduction: Reduction) -> Scale:
        """What each row's loss is multiplied by, for rows that count as often as ``counts`` says, or once each."""
        check_choice("reduction", reduction, get_args(Reduction))
        size, dtype = max(len(rows.labels), 1), compute_dtype(rows.logits)
        # In torch's mode the weight is inside the loss already.
        scale = counts if counts is not None and self.weight_mode == "sample" else 1.0
        if reduction != "mean":
            return scale
        if counts is not None and rows.soft and self.weight_mode == "torch":
            return 1 / size  # torch's mean over soft labels counts rows, ignored ones too
        if counts is None:
            # In the logits' precision: a whole number would be turned into a float32.
            return 1 / size if rows.ignored is None else 1 / (~rows.ignored).sum().clamp(min=1).to(dtype)
        total = cleared(counts, rows.ignored).sum()
        return scale / total.masked_fill(total == 0, 1)

    def checked_weight(self, weight: Tensor, logits: Tensor | None) -> Float[Tensor, " labels"]:
        """The weights in at least float32; ValueError unless there is one for each label."""
        if tuple(weight.shape) != (self.num_labels,):
            raise ValueError(
                f"weight has shape {tuple(weight.shape)}; expected ({self.num_labels},), one number for each label"
            )
        return weight.to(compute_dtype(logits))

    def label_rows(self, labels: Tensor) -> tuple[LabelRows, Bool[Tensor, " rows"] | None]:
        """One label per row, and which rows to ignore; an index to be ignored is replaced by 0."""
        if labels.is_floating_point():
            rows = class_rows(labels).to(compute_dtype(labels))
            # Reading all labels costs a good part of the loss. Mostly a column will do, or else the sums of the rows.
            if certain((rows[:, 0] != 0).all()) or certain((rows.sum(dim=-1) != 0).all()):
                return rows, None
            ignored = (rows == 0).all(dim=-1)
            return rows, None if certain(~ignored.any()) else ignored
        index = labels.reshape(-1).long()
        ignored = index == self.ignore_index
        if certain(~ignored.any()):
            ignored = None
        else:
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

    def _check_logits(self, name: str, logits: Tensor) -> None:
        verb = "have" if name == "logits" else "has"
        if not logits.is_floating_point():
            raise ValueError(f"{name} {verb} dtype {logits.dtype}; expected a floating one")
        if logits.ndim < 2 or logits.shape[1] != self.num_classes:
            raise ValueError(
                f"{name} {verb} shape {tuple(logits.shape)}; expected (N, {self.num_classes}) "
                f"or (N, {self.num_classes}, ...) for {self.num_classes} classes"
            )

    def _check_labels(self, labels: Tensor, logits: Tensor | None) -> None:
        if labels.dtype == torch.bool or labels.is_complex():
            raise ValueError(f"labels have dtype {labels.dtype}; expected integers (indices) or floats (distributions)")
        soft = labels.is_floating_point()
        if soft and self.index_labels_only:
            raise ValueError(
                f"labels have dtype {labels.dtype}; {type(self).__name__} is about the one class that a label names: "
                "expected integers (for mixup and CutMix mix the losses: smoothkit.targets.mix)"
            )
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


def class_rows(tensor: Float[Tensor, "batch channels *spatial"]) -> Float[Tensor, "rows channels"]:
    """The tensor with dimension 1 last and all others as rows."""
    return tensor if tensor.ndim == 2 else tensor.movedim(1, -1).reshape(-1, tensor.shape[1])


def row_shape(labels: Tensor) -> tuple[int, ...]:
    """The shape of one number per row: that of index labels."""
    return (labels.shape[0], *labels.shape[2:]) if labels.is_floating_point() else tuple(labels.shape)
