"""Which pseudo-labels are learned from: the rules of `select.rule`, each of which says it of every member by itself."""

from abc import ABC, abstractmethod

import torch
from jaxtyping import Bool
from torch import Tensor, nn

from smoothkit_selftrain.labelling.beliefs import Beliefs

Selected = Bool[Tensor, "members batch"]


class Rule(nn.Module, ABC):
    """A rule of selection. What it remembers of past batches lies in buffers, with the members along the first axis."""

    @abstractmethod
    def of_all(self, beliefs: Beliefs) -> Selected:
        """What of the whole set is selected, by nothing but the set itself."""

    def of_batch(self, beliefs: Beliefs) -> Selected:
        """What of a batch is selected, after its statistics were taken in; by default as if it were the whole set."""
        return self.of_all(beliefs)

    def begin_anew(self) -> None:
        """Forget past batches; most rules remember none."""


class All(Rule):
    """Everything."""

    def of_all(self, beliefs: Beliefs) -> Selected:
        """True for each."""
        return torch.ones_like(beliefs.confidence, dtype=torch.bool)


class Fixed(Rule):
    """Those whose confidence reaches the threshold.

    Source: Sohn et al., "FixMatch", NeurIPS 2020 (arXiv 2001.07685).
    """

    def __init__(self, threshold: float):
        super().__init__()
        self.threshold = threshold

    def of_all(self, beliefs: Beliefs) -> Selected:
        """Confidence of at least the threshold."""
        return beliefs.confidence >= self.threshold
