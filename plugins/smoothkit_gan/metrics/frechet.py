"""The Fréchet distance between two clouds of features."""

import torch
from jaxtyping import Float
from torch import Tensor


def frechet_distance(first: Float[Tensor, "first dims"], second: Float[Tensor, "second dims"]) -> float:
    """The squared Fréchet distance between the Gaussians with the means and covariances of both, 0 or more.

    |m - n|² + tr S + tr T - 2 tr (S^½ T S^½)^½,  covariances over the number of samples less 1, in float64

    In squared units of the features, so features are to be standardised first. It is biased upward, the more so the
    fewer the samples: compare at equal numbers, and beside what real samples get. Fewer samples than dimensions, and
    features that are constant, are allowed.

    The trace of the root is the sum of the singular values of A Bᵀ where S = AᵀA and T = BᵀB: that takes no root of
    rounding errors, as eigenvalues of a singular S T do.

    Source: Dowson and Landau, "The Fréchet distance between multivariate normal distributions", 1982; on features of
    the Inception network it is called FID (Heusel et al. 2017, arXiv 1706.08500), which this is not.

    Raises:
        ValueError: a cloud has fewer than 2 samples.

    >>> line = torch.tensor([[-1.0], [0.0], [1.0]])
    >>> round(frechet_distance(line, 3 * line + 1), 6)
    5.0
    """
    for cloud in (first, second):
        if len(cloud) < 2:
            raise ValueError(f"frechet_distance: a cloud has {len(cloud)} samples; expected at least 2")
    means, factors = zip(*(_moments(cloud.double()) for cloud in (first, second)), strict=True)
    shared = torch.linalg.svdvals(factors[0] @ factors[1].T).sum()
    traces = sum(factor.square().sum() for factor in factors)
    return max(float((means[0] - means[1]).square().sum() + traces - 2 * shared), 0.0)


def _moments(
    cloud: Float[Tensor, "samples dims"],
) -> tuple[Float[Tensor, " dims"], Float[Tensor, "rank dims"]]:
    """The mean, and a factor A of the covariance AᵀA with as few rows as it can have."""
    mean = cloud.mean(0)
    factor = torch.linalg.qr((cloud - mean) / (len(cloud) - 1) ** 0.5, mode="r").R
    return mean, factor
