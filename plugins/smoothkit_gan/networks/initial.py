"""The weights that members begin with, each drawn from its own generator."""

from collections.abc import Sequence
from math import sqrt

import torch
from jaxtyping import Float
from torch import Tensor

Generators = Sequence[torch.Generator]
"""One for each member, on the CPU: so a member's weights do not depend on who else is trained."""

GAINS = {"relu": sqrt(2.0), "leaky-relu": sqrt(2.0 / (1 + 0.2**2)), "silu": 1.55876, "linear": 1.0}
"""g of a hidden layer: E f(g x)² = 1 for standard normal x, so that a mean square of 1 stays 1 from layer to layer, as
He et al. 2015 have it for relu. The last layer is linear."""


def scaled_normal(generators: Generators, shape: tuple[int, ...], std: float) -> Float[Tensor, "members ..."]:
    """Normal numbers of mean 0 and this standard deviation: `shape` of them from each generator."""
    return torch.stack([torch.randn(shape, generator=generator) for generator in generators]) * std
