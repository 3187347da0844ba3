"""Minima of smooth functions, where a claim is about an optimum and not about the way there."""

from collections.abc import Callable

import torch
from jaxtyping import Float64
from torch import Tensor


def minimise(
    loss: Callable[[Float64[Tensor, "..."]], Float64[Tensor, ""]], start: Float64[Tensor, "..."]
) -> Float64[Tensor, "..."]:
    """Where L-BFGS comes to from `start`; far out where the loss falls for ever.

    >>> minimise(lambda x: (x - 3).square().sum(), torch.zeros(2, dtype=torch.float64))
    tensor([3., 3.], dtype=torch.float64)
    """
    point = start.clone().requires_grad_()
    # The limits are those of float64: the search ends where the loss no longer changes.
    optimizer = torch.optim.LBFGS(
        [point], max_iter=500, tolerance_grad=1e-13, tolerance_change=1e-16, line_search_fn="strong_wolfe"
    )

    def closure() -> Float64[Tensor, ""]:
        optimizer.zero_grad()
        value = loss(point)
        value.backward()
        return value

    optimizer.step(closure)  # pyright: ignore[reportArgumentType]
    return point.detach()
