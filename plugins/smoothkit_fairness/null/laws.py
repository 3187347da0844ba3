"""Laws of predictions and of whether they come true, whose calibration is known exactly."""

import functools
import math
from typing import Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Float64
from scipy.special import ndtr, ndtri
from torch import Tensor

from smoothkit.metrics import Reliability, calibration_error_of, confidence_gap_of, reliability_of

LawName = Literal["calibrated", "mild", "strong"]

TEMPERATURES: dict[LawName, float] = {"calibrated": 1.0, "mild": 1.117, "strong": 1.5}
"""What the logits are too large by. The expected calibration error is 0 but for rounding, 0.028 and 0.113."""

PREDICTIONS, CLASSES, SCALE = 100_000, 10, 4.0

SHARED = 0.7
"""Of the variance of what makes a row hard, what all models of a study have in common."""

Quantity = Literal["signed gap", "squared error", "ECE"]
"""What a method reports of a group, and the difference of what it reports of two."""


class Sample(NamedTuple):
    """The rows of one group."""

    confidence: Float64[Tensor, " rows"]
    correctness: Float64[Tensor, " rows"]
    retrained: tuple[Float64[Tensor, " rows"], ...] = ()
    """The correctness of further models of the study on these rows, for the methods that look at more than one."""

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
        return self.study(rows, generator, 1, generator)

    def study(self, rows: int, generator: np.random.Generator, models: int, others: np.random.Generator) -> Sample:
        """So many rows, on which each of the models has the law by itself; the first is that of `sample`.

        Further models state the same confidences and are right or wrong by luck of their own, drawn from `others`, and
        by what makes a row hard for all: normal, with a correlation of `SHARED` between any two models.
        """
        drawn = generator.integers(len(self.confidence), size=rows)
        accuracy, luck = self.accuracy[drawn], generator.uniform(size=rows)
        right = [luck < accuracy]
        if models > 1:
            own = math.sqrt(1 - SHARED) * others.standard_normal((models, rows))
            # Given the first model's luck, what all have in common is normal again.
            hardness = SHARED * ndtri(luck) + math.sqrt(SHARED) * own[0]
            right += [ndtr(hardness + each) < accuracy for each in own[1:]]
        first, *retrained = (torch.from_numpy(each.astype(np.float64)) for each in right)
        return Sample(torch.from_numpy(self.confidence[drawn]), first, tuple(retrained))


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
