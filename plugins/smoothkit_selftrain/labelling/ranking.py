"""Rules that select the most confident few: so many of them, or such a share."""

from collections.abc import Callable
from math import floor

import torch
from jaxtyping import Bool, Float32, Int64
from torch import Tensor

from smoothkit_selftrain.labelling.beliefs import Beliefs
from smoothkit_selftrain.labelling.selection import Rule, Selected


def most_confident(
    confidence: Float32[Tensor, "members batch"], index: Int64[Tensor, "members batch"], count: int
) -> Bool[Tensor, "members batch"]:
    """Whether each is among the `count` most confident of its member; of equals, those of lower `index` come first.

    >>> most_confident(torch.tensor([[0.5, 0.9, 0.5, 0.7]]), torch.tensor([[3, 1, 0, 2]]), 3)
    tensor([[False,  True,  True,  True]])
    """
    # Sorted by the number of the sample first, so that several processes, whose shares lie in another order, agree.
    by_index = index.argsort(dim=1, stable=True)
    by_rank = confidence.gather(1, by_index).argsort(dim=1, descending=True, stable=True)
    chosen = by_index.gather(1, by_rank)[:, :count]
    return torch.zeros_like(confidence, dtype=torch.bool).scatter(1, chosen, True)


class KBest(Rule):
    """The most confident of the whole set: `k_best` of them for round 1, twice as many for round 2, and so on.

    What keeps an earlier label is counted first, as with scikit-learn's SelfTrainingClassifier(criterion="k_best").
    """

    def __init__(self, k_best: int):
        super().__init__()
        self.k_best = k_best

    def of_all(self, beliefs: Beliefs) -> Selected:
        """The first k_best (rounds_done + 1)."""
        return _ranked(beliefs, self.k_best * (beliefs.rounds_done + 1))


class TopShare(Rule):
    """The most confident share, rounded to whole samples, of the whole set or of a batch.

    share  a function of the progress and of the rounds done, with values in [0, 1]

    Source: a share that grows over rounds is the curriculum of Cascante-Bonilla et al., "Curriculum Labeling", AAAI
    2021 (arXiv 2001.06001), which takes the best 20 %, 40 %, ... by percentiles of the confidence.
    """

    def __init__(self, share: Callable[[float, int], float]):
        super().__init__()
        self.share = share

    def of_all(self, beliefs: Beliefs) -> Selected:
        """The first share, rounded half up."""
        share = self.share(beliefs.progress, beliefs.rounds_done)
        return _ranked(beliefs, floor(share * beliefs.confidence.shape[1] + 0.5))


def _ranked(beliefs: Beliefs, count: int) -> Selected:
    confidence = beliefs.confidence
    if beliefs.kept is not None:
        confidence = confidence.masked_fill(beliefs.kept, torch.inf)
    return most_confident(confidence, beliefs.index, count)
