"""The action taken as a smoothed label, under its advantage: the negative control."""

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from smoothkit_policy.exploration.kl_uniform import kl_uniform_gradient


def naive_gradient(
    log_probs: Float[Tensor, "*rows actions"],
    actions: Int64[Tensor, "*rows"],
    weights: Float[Tensor, "*rows"],
    advantages: Float[Tensor, "*rows"],
    alpha: Float[Tensor, "*#rows"] | float,
) -> Float[Tensor, "*rows actions"]:
    """The gradient of A CE((1 - alpha) e_a + alpha u, pi) with respect to the logits.

    It is (1 - alpha) w (pi - e_a) + alpha A (pi - u). `weights` are what the policy loss weighs -log pi_a by: the
    advantages of the plain policy gradient; of PPO those times the ratio, and 0 where that is clipped, which leaves the
    second part as it is.

    The regulariser has the weight alpha A: it pushes away from u wherever the advantage is negative, and under the
    policy its mean is 0, as that of the advantage is.
    """
    rest = (advantages * alpha).unsqueeze(-1) * kl_uniform_gradient(log_probs)
    return torch.addcmul(rest, (weights * (1 - alpha)).unsqueeze(-1), policy_gradient(log_probs, actions))


def policy_gradient(
    log_probs: Float[Tensor, "*rows actions"], actions: Int64[Tensor, "*rows"]
) -> Float[Tensor, "*rows actions"]:
    """The gradient of -log pi_a with respect to the logits, pi - e_a."""
    at = actions.unsqueeze(-1)
    return log_probs.exp().scatter_add_(-1, at, log_probs.new_full((), -1.0).expand(at.shape))
