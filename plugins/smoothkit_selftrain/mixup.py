"""Mixup over a whole batch, labelled and unlabelled together, with one weight for each member."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float32, Int64
from torch import Tensor

from smoothkit.augment.mixup import symmetric_beta

Samples = Float32[Tensor, "members batch ..."]


@dataclass(frozen=True, eq=False)
class Mixing:
    """How the samples of a step are mixed: sample i becomes lam x_i + (1 - lam) x_partner(i).

    The loss of the mixed sample is lam times that with the label of i plus 1 - lam times that with its partner's, each
    by the target that the label belongs to: a target is never given a mixture of labels, so that every one will do.
    """

    lam: Float32[Tensor, " members"]
    """What a sample has of itself, 0 to 1."""
    own: Int64[Tensor, " own"]
    """The places in the whole batch, labelled samples first, of the mixtures that this process computes."""
    partner: Int64[Tensor, "members own"]
    """The place of the partner of each of them."""

    def mixed(self, samples: Samples) -> Float32[Tensor, "members own ..."]:
        """The mixtures, of the samples of the whole batch."""
        lam = self.lam.view(-1, *(1,) * (samples.ndim - 1))
        return taken(samples, self.partner).lerp_(samples[:, self.own], lam)


def draw_mixing(alpha: float, batch: int, own: Int64[Tensor, " own"], generators: Sequence[torch.Generator]) -> Mixing:
    """Weights from Beta(alpha, alpha), alpha above 0, and permutations of `batch` places, each member's its own."""
    lam = [symmetric_beta(alpha, generator) for generator in generators]
    partner = torch.stack([torch.randperm(batch, generator=generator) for generator in generators]).to(own.device)
    return Mixing(torch.tensor(lam, dtype=torch.float32, device=own.device), own, partner.index_select(1, own))


def taken(values: Tensor, places: Int64[Tensor, "members taken"]) -> Tensor:
    """Of each member's row of values (members, batch, ...), those at its places.

    >>> taken(torch.tensor([[1, 2, 3], [4, 5, 6]]), torch.tensor([[2, 0], [1, 1]]))
    tensor([[3, 1],
            [5, 5]])
    """
    members = torch.arange(len(places), device=places.device)
    return values[members[:, None], places]
