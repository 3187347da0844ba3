"""Penalties on the gradient of the discriminator's logits with respect to its input.

Each is computed from logits that were computed from samples which require a gradient, and has a graph of its own: the
discriminator is trained through it. In half precision the squares of small gradients vanish, so the logits must have
been computed in float32, outside of autocast. With packing the gradient is that of a logit with respect to all the
samples of its pack.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

Logits = Float[Tensor, "members packs"]
Samples = Float[Tensor, "members batch ..."]
PerMember = Float[Tensor, " members"]


def half_squared_gradient(logits: Logits, samples: Samples) -> PerMember:
    """E |∇z|² / 2: R1 if the samples are real, R2 if they are fakes (Mescheder et al. 2018, arXiv 1801.04406)."""
    return _squared_gradients(logits, samples).mean(1) / 2


def gradient_penalty(
    discriminator: Callable[[Samples], Logits], real: Samples, fake: Samples, mixing: Float[Tensor, "members batch"]
) -> PerMember:
    """E (|∇z| - 1)² at m real + (1 - m) fake (Gulrajani et al. 2017, arXiv 1704.00028).

    `mixing` is m, uniform on [0, 1), one for each sample.
    """
    mixing = mixing.view(*mixing.shape, *(1 for _ in real.shape[2:]))
    between = torch.lerp(fake, real, mixing).detach().requires_grad_()
    squares = _squared_gradients(discriminator(between), between)
    # A gradient of exactly 0 has a norm without a derivative, and would make all weights NaN.
    norms = squares.clamp(min=1e-24).sqrt()
    return (norms - 1).square().mean(1)


def _squared_gradients(logits: Logits, samples: Samples) -> Logits:
    """|∇z|² of each logit with respect to the samples that it judges."""
    (gradients,) = torch.autograd.grad(logits.sum(), samples, create_graph=True)
    return gradients.unflatten(1, (logits.shape[1], -1)).flatten(2).square().sum(2)
