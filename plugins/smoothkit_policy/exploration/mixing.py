"""Acting by (1 - epsilon) pi + epsilon u: what is seen is held up, the policy is not."""

from jaxtyping import Float
from torch import Tensor


def mixed(
    log_probs: Float[Tensor, "*rows actions"], epsilon: Float[Tensor, "*#rows 1"] | float
) -> Float[Tensor, "*rows actions"]:
    """The logarithms of (1 - epsilon) pi + epsilon u.

    >>> import torch
    >>> mixed(torch.tensor([[1.0, 1e-6]]).log(), 0.1).exp()
    tensor([[0.9500, 0.0500]])
    """
    return (log_probs.exp() * (1 - epsilon) + epsilon / log_probs.shape[-1]).log()


def gradient_share(
    acting_log_prob: Float[Tensor, "*rows"], epsilon: Float[Tensor, "*#rows"] | float, num_actions: int
) -> Float[Tensor, "*rows"]:
    """What is left of the gradient of the logits through the mixture, (1 - epsilon) pi_a / m_a = 1 - epsilon/(K m_a).

    `acting_log_prob` is log m_a, that of the action taken in the mixture. With it the gradient of -log m_a is this
    share of pi - e_a: it fades with pi_a, so that a starved action is seen and hardly learned from.

    >>> import torch
    >>> gradient_share(torch.tensor([0.05, 0.5]).log(), 0.1, 2)
    tensor([0.0000, 0.9000])
    """
    return 1 - (-acting_log_prob).exp() * epsilon / num_actions
