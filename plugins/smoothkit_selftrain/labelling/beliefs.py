"""What a teacher says of a batch or of the whole set, and when: all that a rule of selection looks at."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float32, Int64
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Beliefs:
    """A teacher's distributions after alignment, with the members along the first axis of each tensor."""

    probs: Float32[Tensor, "members batch classes"]
    """The distributions."""
    confidence: Float32[Tensor, "members batch"]
    """The probability of the most probable class."""
    classes: Int64[Tensor, "members batch"]
    """The most probable class."""
    index: Int64[Tensor, "members batch"]
    """Which of the unlabelled samples each is."""
    progress: float
    """How far a schedule of the rule is, 0 to 1."""
    rounds_done: int
    """How many of the rounds after round 0 have ended."""
    kept: Bool[Tensor, "members batch"] | None = None
    """What keeps the label that it was selected with earlier, and counts as selected first; None for nothing."""


def beliefs_of(
    log_probs: Float32[Tensor, "members batch classes"],
    index: Int64[Tensor, "members batch"],
    progress: float,
    rounds_done: int,
    kept: Bool[Tensor, "members batch"] | None = None,
) -> Beliefs:
    """The beliefs of distributions whose logarithms are given."""
    top, classes = log_probs.max(dim=-1)
    return Beliefs(log_probs.exp(), top.exp(), classes, index, progress, rounds_done, kept)


def all_of(log_probs: Float32[Tensor, "members samples classes"]) -> Int64[Tensor, "members samples"]:
    """The index of a whole set: 0, 1, ... for each member."""
    members, samples, _ = log_probs.shape
    return torch.arange(samples, device=log_probs.device).expand(members, samples)
