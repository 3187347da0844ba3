"""KL(u || pi), what label smoothing adds to a cross-entropy."""

import math

from jaxtyping import Float
from torch import Tensor


def kl_uniform_penalty(log_probs: Float[Tensor, "*rows actions"]) -> Float[Tensor, "*rows"]:
    """KL(u || pi) = -log K - mean of log pi, in nats, from 0 without bound; log-probabilities must be finite.

    >>> import torch
    >>> kl_uniform_penalty(torch.tensor([[0.5, 0.5], [1 - 1e-6, 1e-6]]).log())
    tensor([0.0000, 6.2146])
    """
    return -math.log(log_probs.shape[-1]) - log_probs.mean(-1)


def kl_uniform_gradient(
    log_probs: Float[Tensor, "*rows actions"], probs: Float[Tensor, "*rows actions"] | None = None
) -> Float[Tensor, "*rows actions"]:
    """The gradient of KL(u || pi) with respect to the logits, pi - u; each row sums to 0.

    `probs` is pi, where that is known already. An action without probability is pulled back by 1/K, however little of
    it is left.
    """
    probs = log_probs.exp() if probs is None else probs
    return probs - 1 / log_probs.shape[-1]
