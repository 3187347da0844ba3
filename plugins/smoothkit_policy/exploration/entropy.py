"""KL(pi || u), which is log K less the entropy: the entropy bonus."""

import math

from jaxtyping import Float
from torch import Tensor


def entropy_penalty(log_probs: Float[Tensor, "*rows actions"]) -> Float[Tensor, "*rows"]:
    """KL(pi || u) = log K - H(pi) in nats, from 0 to log K; log-probabilities must be finite.

    >>> import torch
    >>> entropy_penalty(torch.tensor([[0.5, 0.5], [1 - 1e-6, 1e-6]]).log())
    tensor([0.0000, 0.6931])
    """
    return (log_probs.exp() * log_probs).sum(-1) + math.log(log_probs.shape[-1])


def entropy_gradient(
    log_probs: Float[Tensor, "*rows actions"], probs: Float[Tensor, "*rows actions"] | None = None
) -> Float[Tensor, "*rows actions"]:
    """The gradient of KL(pi || u) with respect to the logits, pi (log pi + H(pi)); each row sums to 0.

    `probs` is pi, where that is known already. The gradient fades as pi_k log pi_k where the probability of an action
    does: it hardly pulls back what is starved.
    """
    probs, actions = log_probs.exp() if probs is None else probs, log_probs.shape[-1]
    # Where actions are few, a product with ones is several times faster than a sum over them.
    less_entropy = (probs * log_probs) @ log_probs.new_ones(actions, actions)
    return probs * (log_probs - less_entropy)
