"""Distribution alignment: pseudo-labels whose classes are as frequent as a prior says."""

from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn

FLOOR = 1e-6
"""The least that a prior or a mean counts as: what a teacher never says is no class to be made of its noise."""


def aligned(
    log_probs: Float32[Tensor, "members batch classes"],
    mean: Float32[Tensor, "members classes"],
    prior: Float32[Tensor, "members classes"],
) -> Float32[Tensor, "members batch classes"]:
    """log of q prior / mean, normalised, of log q; entries of `prior` and `mean` below 1e-6 count as 1e-6.

    >>> q, prior = torch.tensor([[[0.6, 0.4]]]), torch.tensor([[0.5, 0.5]])
    >>> aligned(q.log(), torch.tensor([[0.75, 0.25]]), prior).exp()
    tensor([[[0.3333, 0.6667]]])
    """
    ratio = prior.clamp(min=FLOOR).log() - mean.clamp(min=FLOOR).log()
    return (log_probs + ratio.unsqueeze(1)).log_softmax(dim=-1)


class Alignment(nn.Module):
    """Distribution alignment of each member: q prior / mean, normalised.

    The mean of a whole set is that of its predictions. That of a batch is over past batches, too, of which the one t
    steps ago has decay^t times the weight of the batch itself; with a decay of 0 it is the batch's.

    Source: Berthelot et al., "ReMixMatch", ICLR 2020 (arXiv 1911.09785), section 3.1, where the mean is over the last
    128 batches and the prior a running mean of labels. Released code that followed it (the USB benchmark) has an
    exponential mean that begins with the first batch, which keeps decay^t of the weight; here it is forgotten as any.
    """

    sums: Tensor
    total: Tensor
    prior: Tensor

    def __init__(self, prior: Float32[Tensor, "members classes"], decay: float):
        super().__init__()
        self.decay = decay
        # It follows from the data, so a checkpoint need not hold it.
        self.register_buffer("prior", prior, persistent=False)
        self.register_buffer("sums", torch.zeros_like(prior))
        self.register_buffer("total", torch.zeros_like(prior[:, 0]))

    def of_batch(self, log_probs: Float32[Tensor, "members batch classes"]) -> Float32[Tensor, "members batch classes"]:
        """The batch, aligned after it was taken into the mean."""
        mean = log_probs.exp().mean(dim=1)
        self.sums.lerp_(mean, 1 - self.decay)
        self.total.lerp_(torch.ones_like(self.total), 1 - self.decay)
        return aligned(log_probs, self.sums / self.total.unsqueeze(1), self.prior)

    def of_all(self, log_probs: Float32[Tensor, "members batch classes"]) -> Float32[Tensor, "members batch classes"]:
        """The whole set, aligned by its own mean."""
        return aligned(log_probs, log_probs.exp().mean(dim=1), self.prior)

    def begin_anew(self) -> None:
        """Forget past batches."""
        self.sums.zero_()
        self.total.zero_()


def make_alignment(
    option: Literal["none", "uniform", "labelled"] | Sequence[float],
    decay: float,
    shares: Float[Tensor, "members classes"],
) -> Alignment | None:
    """What `pseudo.alignment` asks for, given the class shares of each member's labelled samples; None for "none".

    Raises:
        ValueError: it is a prior of other classes than there are.
    """
    if option == "none":
        return None
    if option == "labelled":
        prior = shares.float()
    elif option == "uniform":
        prior = torch.full_like(shares, 1 / shares.shape[1], dtype=torch.float32)
    else:
        if len(option) != shares.shape[1]:
            raise ValueError(
                f"pseudo.alignment has {len(option)} numbers, and the data have {shares.shape[1]} classes: give one "
                "for each class, or write 'uniform' or 'labelled'"
            )
        given = torch.tensor([float(share) for share in option], device=shares.device)
        prior = (given / given.sum()).expand(len(shares), -1).clone()
    return Alignment(prior, decay)
