"""What every metric accepts: logits or probabilities with labels, examined and cut into blocks of rows.

The rules that all metrics share:

- `outputs` are logits (N, K) of any floating type, where -inf marks an impossible class, or with `from_logits=False`
  probabilities. Which of the two is never guessed from the values.
- `labels` are class indices (N,), or soft labels (N, K), whose rows are distributions over the classes.
- Everything is computed in float64: no rounding but that of the outputs themselves. Counts are integers, exact beyond
  2^24 rows. (Apple's MPS has no float64: move outputs and labels to the CPU first.)
- The prediction is the class of the largest output, the first of them on a tie; its confidence is its probability.
- Results carry no gradient.
- With `ignore_index`, rows with that label are left out; without it, such a label is out of range.

Large inputs are worked on in blocks of rows, so that no float64 copy of the whole is made.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, get_args

import torch
from jaxtyping import Bool, Float, Float64, Int, Int64
from torch import Tensor

from smoothkit.metrics.scan import Scan, scan

Labels = Int[Tensor, " rows"] | Float[Tensor, "rows classes"]

BLOCK_ENTRIES = 1 << 20
"""Entries of a block: few enough for a processor's cache, enough for calls to cost little."""

DEVICE_BLOCK_ENTRIES = 1 << 24
"""The same on a device, where calls cost more and 128 MiB of float64 little."""

TOLERANCE = {torch.float16: 2e-2, torch.bfloat16: 2e-2}
"""How far the sum of a distribution may be from 1 by its type; 1e-3 for the others. What rounding makes is far less."""


@dataclass(frozen=True, eq=False)
class Block:
    """Some rows of outputs with their labels, and what follows from them, computed when it is asked for."""

    outputs: Float[Tensor, "rows classes"]
    labels: Labels
    """int64 indices, or float64 distributions."""
    from_logits: bool

    @cached_property
    def log_probs(self) -> Float64[Tensor, "rows classes"]:
        """Log-probabilities in nats; -inf for an impossible class."""
        outputs = self.outputs.double()
        return outputs.log_softmax(dim=1) if self.from_logits else outputs.log()

    @cached_property
    def probs(self) -> Float64[Tensor, "rows classes"]:
        """Probabilities."""
        return self.log_probs.exp() if self.from_logits else self.outputs.double()

    @cached_property
    def log_scores(self) -> Float64[Tensor, "rows classes"]:
        """Logits, or of probabilities their logarithm, which are logits too."""
        return self.outputs.double() if self.from_logits else self.log_probs

    @cached_property
    def scan(self) -> Scan:
        """What one look at every output tells."""
        return scan(self.outputs, self.from_logits)

    @property
    def predictions(self) -> Int64[Tensor, " rows"]:
        """The predicted classes."""
        return self.scan.classes

    @cached_property
    def confidence(self) -> Float64[Tensor, " rows"]:
        """The probabilities of the predicted classes."""
        if self.from_logits:
            return self.probs.amax(dim=1)
        # A softmax in half precision may exceed 1 by its rounding.
        return self.scan.largest.double().clamp(max=1.0)

    @cached_property
    def classes(self) -> Int64[Tensor, " rows"]:
        """The labelled classes: of a soft label the most probable one, the first of them on a tie."""
        return self.labels if self.labels.ndim == 1 else self.labels.argmax(dim=1)

    @cached_property
    def correctness(self) -> Float64[Tensor, " rows"]:
        """The probability that the prediction is right, given the label: 0 or 1 for a class index."""
        return self.label_mass(self.predictions)

    def label_mass(self, classes: Int64[Tensor, " rows"]) -> Float64[Tensor, " rows"]:
        """The probability that the label gives to one class per row."""
        if self.labels.ndim == 1:
            return (self.labels == classes).double()
        # A mixture of labels may exceed 1 by its rounding.
        return self.labels.gather(1, classes[:, None]).squeeze(1).clamp(max=1.0)

    def expected(self, values: Float64[Tensor, "rows classes"]) -> Float64[Tensor, " rows"]:
        """The mean of `values` under each row's label: the labelled class's value for a class index.

        A class to which a soft label gives no mass costs nothing, whatever its value.
        """
        if self.labels.ndim == 1:
            return values.gather(1, self.labels[:, None]).squeeze(1)
        return torch.where(self.labels != 0, self.labels * values, 0.0).sum(dim=1)


def blocks(
    metric: str,
    outputs: Float[Tensor, "rows classes"],
    labels: Labels,
    *,
    from_logits: bool = True,
    ignore_index: int | None = None,
) -> Iterator[Block]:
    """All rows, in order, in blocks; those that `ignore_index` marks are left out.

    Raises:
        ValueError: there are no rows; shapes do not match; a label is outside 0 to K - 1 or no distribution; a row of
            logits for which softmax is undefined (NaN, +inf or nothing but -inf); a row of probabilities that hold NaN,
            lie outside 0 to 1 or do not sum to 1. The message names `metric`.
    """
    check_shapes(metric, outputs, labels)
    left = 0
    for rows in row_slices(outputs):
        found = examine(outputs[rows], labels[rows], from_logits, ignore_index)
        if bool(found.faulty.any()):
            raise ValueError(f"{metric}: {_all_faults(outputs, labels, from_logits, ignore_index)}")
        block = found.block
        if found.kept is not None and not bool(found.kept.all()):
            block = Block(block.outputs[found.kept], block.labels[found.kept], from_logits)
        left += len(block.outputs)
        if len(block.outputs):
            yield block
    if not left:
        raise ValueError(f"{metric}: all {len(outputs)} rows have the label {ignore_index}, which is ignored")


def row_slices(outputs: Float[Tensor, "rows classes"]) -> Iterator[slice]:
    """All rows, in order, in slices of about as many entries as a block has; they never split a row."""
    rows, classes = outputs.shape
    size = max(1, (BLOCK_ENTRIES if outputs.device.type == "cpu" else DEVICE_BLOCK_ENTRIES) // classes)
    return (slice(start, min(start + size, rows)) for start in range(0, rows, size))


def check_shapes(metric: str, outputs: Float[Tensor, "..."], labels: Tensor) -> None:
    """Refuse outputs that are not (N, K), both at least 1, and labels that are neither (N,) indices nor (N, K).

    Raises:
        ValueError: naming `metric` and both shapes.
    """
    if outputs.dim() != 2 or outputs.numel() == 0:
        raise ValueError(
            f"{metric}: outputs must have the shape (rows, classes), both at least 1, got {tuple(outputs.shape)}"
        )
    expected = outputs.shape if labels.is_floating_point() else outputs.shape[:1]
    if labels.shape != expected or labels.dtype == torch.bool:
        raise ValueError(
            f"{metric}: labels must be class indices (N,) or floating distributions (N, K) for outputs of the shape "
            f"{tuple(outputs.shape)}, got {labels.dtype} of the shape {tuple(labels.shape)}"
        )


class Examined(NamedTuple):
    """Rows that have been looked at; what was found is still on their device."""

    block: Block
    wrong_label: Bool[Tensor, " rows"]
    wrong_output: Bool[Tensor, " rows"]
    """Never true of an ignored row."""
    kept: Bool[Tensor, " rows"] | None
    """Which rows are not ignored; None if all are kept."""

    @property
    def faulty(self) -> Bool[Tensor, " rows"]:
        """Which rows have a fault of any kind."""
        return self.wrong_label | self.wrong_output

    @property
    def usable(self) -> Bool[Tensor, " rows"]:
        """Which rows count: those that are neither ignored nor faulty."""
        return ~self.faulty if self.kept is None else ~self.faulty & self.kept

    @property
    def faults(self) -> Int64[Tensor, " faults"]:
        """How many rows have each of the `FAULTS`."""
        labels, outputs = self.wrong_label.sum(), self.wrong_output.sum()
        none = torch.zeros_like(labels)
        soft, from_logits = self.block.labels.ndim == 2, self.block.from_logits
        of_labels = (none, labels) if soft else (labels, none)
        return torch.stack([*of_labels, *((outputs, none) if from_logits else (none, outputs))])


def examine(
    outputs: Float[Tensor, "rows classes"], labels: Labels, from_logits: bool, ignore_index: int | None
) -> Examined:
    """The rows as a block, which of them count, and their faults.

    Nothing is read back from the device. Label indices outside the classes are replaced by one inside.
    """
    outputs, labels = outputs.detach(), labels.detach()
    soft = labels.is_floating_point()
    if soft:
        wrong_label = ~are_distributions(labels.sum(dim=1), labels.amin(dim=1))
        labels, counts = labels.double(), None
    else:
        given, labels = labels.long(), labels.long().clamp(0, outputs.shape[1] - 1)
        wrong_label = given != labels
        counts = None if ignore_index is None else given != ignore_index
    block = Block(outputs, labels, from_logits)
    seen = block.scan
    good_output = seen.largest.isfinite() if from_logits else are_distributions(seen.sums, seen.smallest)
    wrong_output = ~good_output
    if counts is not None:
        wrong_label, wrong_output = wrong_label & counts, wrong_output & counts
    return Examined(block, wrong_label, wrong_output, counts)


FAULTS = (
    "labels lie outside 0..{last} (rows to leave out take ignore_index)",
    "soft labels are no distributions: entries in 0..1 that sum to 1",
    "logits hold NaN or +inf, or nothing but -inf",
    "probabilities are no distributions: entries in 0..1 that sum to 1 (logits take from_logits=True)",
)


def describe_faults(faults: Int64[Tensor, " faults"], num_classes: int) -> str:
    """In words: how many rows have each kind of fault, for an error message."""
    found = [
        f"in {number} {'row' if number == 1 else 'rows'} {message.format(last=num_classes - 1)}"
        for number, message in zip(faults.tolist(), FAULTS, strict=True)
        if number
    ]
    return "; ".join(found)


def _all_faults(
    outputs: Float[Tensor, "rows classes"], labels: Labels, from_logits: bool, ignore_index: int | None
) -> str:
    """The faults of all rows and the values of the first row that has any, for an error message."""
    faults = torch.zeros(len(FAULTS), dtype=torch.int64)
    first = None
    for rows in row_slices(outputs):
        found = examine(outputs[rows], labels[rows], from_logits, ignore_index)
        faults += found.faults.cpu()
        if first is None and bool(found.faulty.any()):
            first = rows.start + int(found.faulty.int().argmax())
    assert first is not None  # There is a fault, or nobody would have asked.
    label = labels[first]
    seen = f"label {label.item()}" if labels.ndim == 1 else f"label's {_range(label)}"
    return (
        f"{describe_faults(faults, outputs.shape[1])}; the first is row {first}, "
        f"with the {seen} and the outputs' {_range(outputs[first])}"
    )


def _range(row: Float[Tensor, " classes"]) -> str:
    """What a row holds, for an error message."""
    row = row.double()
    return f"entries {row.amin().item():.6g}..{row.amax().item():.6g}, sum {row.sum().item():.6g}"


def check_choice(metric: str, name: str, value: str, choices: object) -> None:
    """Refuse a `value` that is none of a Literal's `choices`.

    Raises:
        ValueError: naming `metric`, the argument and what it may be.
    """
    if value not in get_args(choices):
        raise ValueError(f"{metric}: {name} must be one of {', '.join(get_args(choices))}, got {value!r}")


def are_distributions(sums: Float[Tensor, " rows"], smallest: Float[Tensor, " rows"]) -> Bool[Tensor, " rows"]:
    """Which rows are distributions, up to rounding, by their sums and smallest entries."""
    # A row that holds NaN is none: it compares false. No entry can exceed a sum of entries that are not negative.
    return ((sums - 1).abs() <= TOLERANCE.get(sums.dtype, 1e-3)) & (smallest >= 0)
