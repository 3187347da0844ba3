"""Taking off a policy the share of the uniform distribution that its target mixed in."""

from jaxtyping import Float64
from torch import Tensor


def desmoothed(
    policy: Float64[Tensor, "*batch actions"], smoothing: float | Float64[Tensor, "*#batch 1"]
) -> Float64[Tensor, "*batch actions"]:
    """max(pi - a u, 0), brought to the sum 1, for the share a of the uniform distribution u.

    Law: of (1 - a) q + a u it is q. What a policy has below its floor of a / K counts as nothing.

    Args:
        policy: probabilities of actions.
        smoothing: a, in [0, 1); one number, or one for each policy.

    >>> from torch import float64, tensor
    >>> desmoothed(tensor([0.75, 0.25], dtype=float64), 0.25)
    tensor([0.8333, 0.1667], dtype=torch.float64)
    """
    kept = (policy - smoothing / policy.shape[-1]).clamp(min=0)
    return kept / kept.sum(-1, keepdim=True)
