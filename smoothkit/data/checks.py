"""What images and labels must satisfy, checked once, when a data set is put together."""

import torch
from jaxtyping import Bool, Float32, Int64, Shaped
from torch import Tensor

from smoothkit.errors import DataError

SUM_TOLERANCE = 1e-4
"""How far a soft label's sum may be from 1: wide enough for probabilities that were rounded to four digits."""


def _first(mask: Bool[Tensor, " rows"]) -> int | None:
    """The index of the first true entry."""
    return int(mask.nonzero()[0]) if bool(mask.any()) else None


def check_lengths(images: int, labels: int, place: str) -> None:
    """Check that there is a sample, and a label for each.

    Raises:
        DataError: there is none, or the numbers differ.
    """
    if images != labels:
        raise DataError(f"{place}: {images} images but {labels} labels; expected one label for each image")
    if images == 0:
        raise DataError(f"{place}: there are no samples; expected at least one")


def check_images(images: Shaped[Tensor, "samples ..."], place: str) -> None:
    """Check that every value is finite.

    Raises:
        DataError: one is not; the first such sample is named.
    """
    if not images.is_floating_point():
        return
    # One sum per sample finds NaN and infinity without a mask as large as the data; opposite infinities give NaN.
    # A sum of finite numbers may overflow in float32, never in float64.
    sums = torch.stack([sample.sum(dtype=torch.float64) for sample in images.split(4096)])
    if bool(sums.isfinite().all()):
        return
    index = _first(~images.flatten(1).isfinite().all(1))
    if index is not None:
        values = images[index].flatten()
        value = values[~values.isfinite()][0].item()
        raise DataError(f"{place} images: sample {index} holds {value}; expected finite numbers: remove or repair it")


def check_labels(
    labels: Int64[Tensor, " labels"] | Float32[Tensor, "labels classes"], num_classes: int, place: str
) -> None:
    """Check that every label is one of the classes, or a distribution over them.

    Raises:
        DataError: one is not; the first is named.
    """
    if labels.ndim == 2:
        _check_soft(labels, num_classes, place)
        return
    index = _first((labels < 0) | (labels >= num_classes))
    if index is not None:
        raise DataError(
            f"{place} labels: sample {index} has label {int(labels[index])}; expected 0 to {num_classes - 1} "
            f"for {num_classes} classes"
        )


def _check_soft(labels: Float32[Tensor, "labels classes"], num_classes: int, place: str) -> None:
    if labels.shape[1] != num_classes:
        raise DataError(f"{place} labels: {labels.shape[1]} columns; expected {num_classes}, one for each class")
    index = _first(~labels.isfinite().all(1) | (labels < 0).any(1))
    if index is not None:
        row = labels[index]
        value = row[~(row.isfinite() & (row >= 0))][0].item()
        raise DataError(f"{place} labels: sample {index} holds {value}; expected probabilities, none of them negative")
    sums = labels.sum(1)
    index = _first((sums - 1).abs() > SUM_TOLERANCE)
    if index is not None:
        raise DataError(
            f"{place} labels: the probabilities of sample {index} sum to {sums[index].item():.6g}; expected 1: "
            "divide each row by its sum"
        )


def check_class_support(
    labels: Int64[Tensor, " labels"] | Float32[Tensor, "labels classes"], class_names: tuple[str, ...], place: str
) -> None:
    """Check that training sees every class.

    Raises:
        DataError: a class has no sample, or, with soft labels, no mass at all; it is named.
    """
    mass = labels.sum(0) if labels.ndim == 2 else torch.bincount(labels, minlength=len(class_names))
    index = _first(mass == 0)
    if index is not None:
        raise DataError(
            f"{place}: class {class_names[index]!r} (label {index}) has no sample in the training part; expected at "
            "least one of each class: train on more samples, hold out fewer, or leave the class out"
        )


def check_groups(groups: Int64[Tensor, " ids"] | None, group_names: tuple[str, ...], samples: int, place: str) -> None:
    """Check that every sample belongs to a named group, or none does and no group is named.

    Raises:
        DataError: ids and names do not belong together, or a name is given twice, is empty or holds a slash; the first
            offender is named.
    """
    if groups is None:
        if group_names:
            raise DataError(f"{place}: the groups {', '.join(group_names)} are named, but no sample has one")
        return
    if len(groups) != samples:
        raise DataError(f"{place}: {samples} samples but {len(groups)} groups; expected one group for each sample")
    if len(set(group_names)) < len(group_names):
        raise DataError(f"{place}: the names of the groups must differ, got {', '.join(group_names)}")
    if odd := [name for name in group_names if not name.strip() or "/" in name]:
        raise DataError(
            f"{place}: a group is called {odd[0]!r}; expected words without a slash, which tags are made of"
        )
    index = _first((groups < 0) | (groups >= len(group_names)))
    if index is not None:
        raise DataError(
            f"{place} groups: sample {index} has group {int(groups[index])}; expected 0 to {len(group_names) - 1}, "
            f"for {len(group_names)} named groups"
        )
