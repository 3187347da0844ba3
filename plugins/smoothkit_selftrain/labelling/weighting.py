"""What a selected pseudo-label counts: one, or less the less confident it is (SoftMatch)."""

import torch
from jaxtyping import Float32
from torch import Tensor, nn

from smoothkit_selftrain.labelling.beliefs import Beliefs

Weights = Float32[Tensor, "members batch"]


def truncated_gaussian(
    confidence: Float32[Tensor, "members batch"],
    mean: Float32[Tensor, " members"],
    variance: Float32[Tensor, " members"],
) -> Weights:
    """exp(-(confidence - mean)^2 / (2 variance)) below the mean, and 1 from the mean on; in [0, 1].

    >>> truncated_gaussian(torch.tensor([[0.5, 0.7, 0.9]]), torch.tensor([0.7]), torch.tensor([0.02]))
    tensor([[0.3679, 1.0000, 1.0000]])
    """
    below = (mean.unsqueeze(1) - confidence).clamp(min=0)
    # Where all are equally confident there is no variance, and none of them lies below the mean by more than rounding.
    return torch.exp(-below.square() / (2 * variance.unsqueeze(1)).clamp(min=torch.finfo(below.dtype).eps))


class GaussianWeights(nn.Module):
    """SoftMatch: confidences below their running mean count less, by a Gaussian of their running variance.

    The mean begins at 1/K and the variance at 1; each batch is taken in with weight 1 - decay, before it is judged. The
    variance is the unbiased one, over n - 1. The whole set is judged by its own mean and variance.

    Source: Chen et al., "SoftMatch", ICLR 2023 (arXiv 2301.10921). The released code differs: it divides the
    variance by 4 (its n_sigma is 2), and takes labels from before alignment and weights from after it.
    """

    mean: Tensor
    variance: Tensor

    def __init__(self, decay: float, members: int, num_classes: int):
        super().__init__()
        self.decay = decay
        self.num_classes = num_classes
        self.register_buffer("mean", torch.full((members,), 1 / num_classes))
        self.register_buffer("variance", torch.ones(members))

    def of_batch(self, beliefs: Beliefs) -> Weights:
        """By the running mean and variance, after they took the batch in."""
        mean, variance = _moments(beliefs)
        self.mean.lerp_(mean, 1 - self.decay)
        self.variance.lerp_(variance, 1 - self.decay)
        return truncated_gaussian(beliefs.confidence, self.mean, self.variance)

    def of_all(self, beliefs: Beliefs) -> Weights:
        """By the mean and variance of the set itself."""
        return truncated_gaussian(beliefs.confidence, *_moments(beliefs))

    def begin_anew(self) -> None:
        """The mean at 1/K, and the variance at 1."""
        self.mean.fill_(1 / self.num_classes)
        self.variance.fill_(1)


def _moments(beliefs: Beliefs) -> tuple[Float32[Tensor, " members"], Float32[Tensor, " members"]]:
    confidence = beliefs.confidence
    mean = confidence.mean(dim=1)
    squares = (confidence - mean.unsqueeze(1)).square().sum(dim=1)
    return mean, squares / max(confidence.shape[1] - 1, 1)
