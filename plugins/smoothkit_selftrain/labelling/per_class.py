"""A threshold for each class, lower for classes that are seldom predicted with confidence (FlexMatch)."""

import torch
from jaxtyping import Float32, Int64
from torch import Tensor

from smoothkit_selftrain.labelling.beliefs import Beliefs
from smoothkit_selftrain.labelling.selection import Rule, Selected

NEVER = -1
"""In place of a class: the sample has not been predicted with confidence yet."""


def flexible_thresholds(
    latest: Int64[Tensor, "members samples"], num_classes: int, threshold: float
) -> Float32[Tensor, "members classes"]:
    """The threshold of each class, from the class of each sample's latest confident prediction, or -1 without any.

    threshold M(beta_c),  M(x) = x/(2 - x),  beta_c = n_c / max(max_k n_k, n_none)

    n_c counts the samples of class c, n_none those without a class: as long as most have none, thresholds are low.

    >>> flexible_thresholds(torch.tensor([[0, 0, 0, 1, -1, -1]]), 2, 0.9)
    tensor([[0.9000, 0.1800]])
    """
    counts = latest.new_zeros(len(latest), num_classes + 1)
    counts = counts.scatter_add(1, latest - NEVER, torch.ones_like(latest)).float()
    beta = counts[:, 1:] / counts.max(dim=1, keepdim=True).values
    return threshold * beta / (2 - beta)


class PerClass(Rule):
    """FlexMatch: confidence reaches the threshold of its class, which is lower the fewer samples are that class's.

    A batch is judged by thresholds from before it; then each of its predictions whose confidence reaches `threshold`
    itself becomes the latest one of its sample. So at the very first step all thresholds are 0. The whole set is judged
    by its own predictions.

    Source: Zhang et al., "FlexMatch", NeurIPS 2021 (arXiv 2110.08263), with its warm-up and its convex M. There a
    confident prediction lies above the threshold; in the released code and here it may lie at it, too.
    """

    latest: Tensor

    def __init__(self, threshold: float, members: int, samples: int, num_classes: int):
        super().__init__()
        self.threshold = threshold
        self.num_classes = num_classes
        self.register_buffer("latest", torch.full((members, samples), NEVER))

    def of_batch(self, beliefs: Beliefs) -> Selected:
        """By thresholds from the past, which then take the batch in."""
        selected = self._reached(beliefs, self.latest)
        # The largest class wins where a batch has a sample twice, whatever the order.
        news = torch.full_like(self.latest, NEVER).scatter_reduce(1, beliefs.index, self._confident(beliefs), "amax")
        self.latest.copy_(torch.where(news == NEVER, self.latest, news))
        return selected

    def of_all(self, beliefs: Beliefs) -> Selected:
        """By thresholds from the set itself."""
        return self._reached(beliefs, self._confident(beliefs))

    def begin_anew(self) -> None:
        """No sample has been predicted with confidence."""
        self.latest.fill_(NEVER)

    def _confident(self, beliefs: Beliefs) -> Int64[Tensor, "members batch"]:
        """The classes of confident predictions, and -1 for the others."""
        return torch.where(beliefs.confidence >= self.threshold, beliefs.classes, NEVER)

    def _reached(self, beliefs: Beliefs, latest: Int64[Tensor, "members samples"]) -> Selected:
        thresholds = flexible_thresholds(latest, self.num_classes, self.threshold)
        return beliefs.confidence >= thresholds.gather(1, beliefs.classes)
