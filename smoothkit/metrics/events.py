"""Events: predicted probabilities, and whether what they were given to came true.

Calibration and selective prediction compare the two and know nothing of classes. A classifier yields events in several
ways: that its prediction is right (`top_label`), that one class is the label (`one_class`), or any other that a caller
makes of its probabilities.
"""

from collections.abc import Iterable
from typing import NamedTuple

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from smoothkit.metrics.boundary import Labels, blocks


class Events(NamedTuple):
    """One entry per row, in float64."""

    confidence: Float64[Tensor, " rows"]
    """The probability that was given to the event, 0 to 1."""
    correctness: Float64[Tensor, " rows"]
    """1 where it came true, 0 where not; under soft labels, the probability that the label gives to it."""

    @classmethod
    def joined(cls, parts: Iterable[tuple[Float64[Tensor, " _"], Float64[Tensor, " _"]]]) -> "Events":
        """The events of all parts, one part after the other."""
        return cls(*(torch.cat(column) for column in zip(*parts, strict=True)))


def top_label(
    outputs: Float[Tensor, "rows classes"],
    labels: Labels,
    *,
    metric: str = "top_label",
    from_logits: bool = True,
    ignore_index: int | None = None,
) -> Events:
    """The events that the predicted class is right. `smoothkit.metrics.boundary` has the rules and errors.

    >>> top_label(torch.tensor([[0.75, 0.25], [0.5, 0.5]]), torch.tensor([0, 1]), from_logits=False)
    Events(confidence=tensor([0.7500, 0.5000], dtype=torch.float64), correctness=tensor([1., 0.], dtype=torch.float64))
    """
    return Events.joined(
        (block.confidence, block.correctness)
        for block in blocks(metric, outputs, labels, from_logits=from_logits, ignore_index=ignore_index)
    )


def one_class(
    outputs: Float[Tensor, "rows classes"],
    labels: Labels,
    index: int,
    *,
    metric: str = "one_class",
    from_logits: bool = True,
    ignore_index: int | None = None,
) -> Events:
    """The events that the label is the class `index`: its predicted probability against its mass in the label.

    Raises:
        ValueError: `index` is no class, or as `smoothkit.metrics.boundary` says.
    """
    if not 0 <= index < outputs.shape[-1]:
        raise ValueError(f"{metric}: the class must lie in 0..{outputs.shape[-1] - 1}, got {index}")
    return Events.joined(
        (block.probs[:, index].clamp(max=1.0), block.label_mass(torch.full_like(block.classes, index)))
        for block in blocks(metric, outputs, labels, from_logits=from_logits, ignore_index=ignore_index)
    )


def check_events(metric: str, confidence: Float64[Tensor, " rows"], correctness: Float64[Tensor, " rows"]) -> None:
    """Refuse events that are none.

    Raises:
        ValueError: naming `metric`: a column is no float64 tensor, there are no events, the shapes differ, or a value
            is NaN or lies outside 0 to 1.
    """
    _check_columns(metric, confidence=confidence, correctness=correctness)
    _check_probabilities(metric, "confidence", confidence)
    _check_probabilities(metric, "correctness", correctness)


def check_scored(metric: str, score: Float64[Tensor, " rows"], correctness: Float64[Tensor, " rows"]) -> None:
    """The same where any score orders the events, and not a probability.

    Raises:
        ValueError: as `check_events`, but of a score only for NaN.
    """
    _check_columns(metric, score=score, correctness=correctness)
    _check_probabilities(metric, "correctness", correctness)
    if bool(score.isnan().any()):
        raise ValueError(f"{metric}: {int(score.isnan().sum())} of {len(score)} scores are NaN")


def _check_columns(metric: str, **columns: Tensor) -> None:
    for name, values in columns.items():
        # In anything narrower, sums over many rows lose digits that nobody misses.
        found = values.dtype if isinstance(values, Tensor) else type(values).__name__
        if found != torch.float64:
            mend = ".double()" if isinstance(values, Tensor) else "torch.as_tensor(...).double()"
            raise ValueError(f"{metric}: {name} must be a float64 tensor, got {found}; {mend} makes it one")
    first, second = columns.values()
    if first.shape != second.shape or first.dim() != 1:
        raise ValueError(
            f"{metric}: {' and '.join(columns)} must have the same shape (events,), got {tuple(first.shape)} and "
            f"{tuple(second.shape)}"
        )
    if first.numel() == 0:
        raise ValueError(f"{metric}: there are no events; give at least one")


def _check_probabilities(metric: str, name: str, values: Float64[Tensor, " rows"]) -> None:
    # NaN fails both comparisons, so it is caught as well.
    if not bool(((values >= 0) & (values <= 1)).all()):
        raise ValueError(
            f"{metric}: {name} must lie in 0..1, got {values.amin().item()}..{values.amax().item()}; logits go "
            "through top_label or one_class first"
        )
