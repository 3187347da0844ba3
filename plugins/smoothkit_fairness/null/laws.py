"""Laws of predictions and of whether they come true, whose calibration is known exactly."""

import functools
from typing import Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor

from smoothkit.metrics import Reliability, calibration_error_of, confidence_gap_of, reliability_of

LawName = Literal["calibrated", "mild", "strong"]

TEMPERATURES: dict[LawName, float] = {"calibrated": 1.0, "mild": 1.117, "strong": 1.5}
"""What the logits are too large by. The expected calibration error is 0 but for rounding, 0.028 and 0.113."""

PREDICTIONS, CLASSES, SCALE = 100_000, 10, 4.0

Quantity = Literal["signed gap", "squared error", "ECE"]
"""What a method reports of a group, and the difference of what it reports of two."""


class Sample(NamedTuple):
    """The rows of one group."""

    confidence: Float64[Tensor, " rows"]
    correctness: Float64[Tensor, " rows"]

    @property
    def bins(self) -> Reliability:
        """The rows in the 15 bins of equal width that all groups share."""
        return reliability_of(self.confidence, self.correctness)


class Law(NamedTuple):
    """A finite population of predictions, from which rows are drawn with replacement: its truth is therefore exact."""

    confidence: Float64[np.ndarray, " predictions"]
    accuracy: Float64[np.ndarray, " predictions"]
    """The probability that each prediction is right."""

    def sample(self, rows: int, generator: np.random.Generator) -> Sample:
        """So many rows."""
        drawn = generator.integers(len(self.confidence), size=rows)
        right = generator.uniform(size=rows) < self.accuracy[drawn]
        return Sample(torch.from_numpy(self.confidence[drawn]), torch.from_numpy(right.astype(np.float64)))


# Every trial asks for it.
@functools.cache
def law_of(name: LawName) -> Law:
    """Predictions of ten classes with logits 4 N(0, 1), of labels that follow softmax(logits / temperature)."""
    logits = SCALE * np.random.default_rng(7).standard_normal((PREDICTIONS, CLASSES))
    stated, true = (
        torch.from_numpy(logits / temperature).softmax(dim=1).amax(dim=1).clamp(max=1.0).numpy()
        for temperature in (1.0, TEMPERATURES[name])
    )
    return Law(stated, true)


@functools.cache
def truth_of(name: LawName, quantity: Quantity) -> float:
    """What a method would report of the whole population, in the bins that samples have."""
    law = law_of(name)
    bins = reliability_of(torch.from_numpy(law.confidence), torch.from_numpy(law.accuracy))
    if quantity == "signed gap":
        return float(confidence_gap_of(bins))
    if quantity == "squared error":
        return float(calibration_error_of(bins, "l2").square())
    return float(calibration_error_of(bins))
