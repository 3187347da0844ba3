"""Thresholds that follow the mean confidence, overall and of each class (FreeMatch)."""

import torch
from jaxtyping import Float32
from torch import Tensor

from smoothkit_selftrain.labelling.beliefs import Beliefs
from smoothkit_selftrain.labelling.selection import Rule, Selected


def adaptive_thresholds(
    confidence: Float32[Tensor, " members"], probs: Float32[Tensor, "members classes"]
) -> Float32[Tensor, "members classes"]:
    """The threshold of each class, from the mean confidence and the mean distribution: confidence p_c / max_k p_k.

    >>> adaptive_thresholds(torch.tensor([0.8]), torch.tensor([[0.6, 0.3, 0.1]]))
    tensor([[0.8000, 0.4000, 0.1333]])
    """
    return confidence.unsqueeze(1) * probs / probs.amax(dim=1, keepdim=True)


class SelfAdaptive(Rule):
    """FreeMatch: confidence reaches the running mean confidence times the class's running share, over the largest one.

    Both means begin at 1/K and take each batch in with weight 1 - decay, before it is judged. The whole set is judged
    by its own means.

    Source: Wang et al., "FreeMatch", ICLR 2023 (arXiv 2205.07246); its fairness loss is no part of this. The released
    code, which began at 1 in an earlier version, can take a quantile for the mean, or hold it at 0.95 or below.
    """

    confidence: Tensor
    probs: Tensor

    def __init__(self, decay: float, members: int, num_classes: int):
        super().__init__()
        self.decay = decay
        self.register_buffer("confidence", torch.full((members,), 1 / num_classes))
        self.register_buffer("probs", torch.full((members, num_classes), 1 / num_classes))

    def of_batch(self, beliefs: Beliefs) -> Selected:
        """By running means, after they took the batch in."""
        self.confidence.lerp_(beliefs.confidence.mean(dim=1), 1 - self.decay)
        self.probs.lerp_(beliefs.probs.mean(dim=1), 1 - self.decay)
        return _reached(beliefs, self.confidence, self.probs)

    def of_all(self, beliefs: Beliefs) -> Selected:
        """By the means of the set itself."""
        return _reached(beliefs, beliefs.confidence.mean(dim=1), beliefs.probs.mean(dim=1))

    def begin_anew(self) -> None:
        """Both means at 1/K."""
        for mean in (self.confidence, self.probs):
            mean.fill_(1 / self.probs.shape[1])


def _reached(
    beliefs: Beliefs, confidence: Float32[Tensor, " members"], probs: Float32[Tensor, "members classes"]
) -> Selected:
    return beliefs.confidence >= adaptive_thresholds(confidence, probs).gather(1, beliefs.classes)
