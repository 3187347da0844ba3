"""Spectral normalisation of every layer of several members (Miyato et al. 2018, arXiv 1802.05957)."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrize

from smoothkit_gan.networks.initial import Generators, scaled_normal
from smoothkit_gan.networks.layers import StackedConv2d, StackedLinear

Weights = Float[Tensor, "members ..."]
FIRST_ITERATIONS = 15
"""Steps of power iteration before training, so that the first forward pass is near the norm already."""


class SpectralNorm(nn.Module):
    """W / σ(W) for each member: σ is the largest singular value of the weights as a matrix, (first axis, all others).

    For a linear layer that is its Lipschitz constant; for a convolution it is that of the kernel reshaped, as in the
    source. σ is u W v with vectors from one step of power iteration in each forward pass of the training; they count as
    constants for the gradient.
    """

    left: Tensor
    right: Tensor

    def __init__(self, weight: Weights, generators: Generators):
        super().__init__()
        rows = weight.shape[1]
        self.register_buffer("left", F.normalize(scaled_normal(generators, (rows, 1), 1.0), dim=1))
        self.register_buffer("right", torch.zeros(len(weight), weight[0].numel() // rows, 1))
        for _ in range(FIRST_ITERATIONS):
            self._iterate(weight.detach().flatten(2))

    def forward(self, weight: Weights) -> Weights:
        """The weights with a largest singular value of 1, as far as the power iteration has come."""
        matrix = weight.flatten(2)
        if self.training:
            self._iterate(matrix.detach())
        # Copies, because the next pass changes the vectors in place while this one's graph may still be alive.
        sigma = self.left.clone().mT @ matrix @ self.right.clone()
        return (matrix / sigma).view_as(weight)

    @torch.no_grad()
    def _iterate(self, matrix: Float[Tensor, "members rows columns"]) -> None:
        self.right.copy_(F.normalize(matrix.mT @ self.left, dim=1))
        self.left.copy_(F.normalize(matrix @ self.right, dim=1))


def normalise_spectrally(network: nn.Module, generators: Generators) -> None:
    """Parametrise the weights of every linear layer and convolution in `network`."""
    layers = [layer for layer in network.modules() if isinstance(layer, StackedLinear | StackedConv2d)]
    for layer in layers:
        parametrize.register_parametrization(layer, "weight", SpectralNorm(layer.weight, generators))
