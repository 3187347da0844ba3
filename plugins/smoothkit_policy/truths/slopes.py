"""Gradients with respect to logits by automatic differentiation, against which closed forms are held."""

from collections.abc import Callable

import torch
from jaxtyping import Float64
from torch import Tensor

STARTS = 5
"""How often a search for a minimum begins anew."""

Logits = Float64[Tensor, "rows actions"]


def slopes(loss: Callable[[Logits], Float64[Tensor, "..."]], logits: Logits) -> Logits:
    """The gradient of the sum of a loss of log-probabilities with respect to the logits."""
    asked = logits.clone().requires_grad_()
    return torch.autograd.grad(loss(asked.log_softmax(1)).sum(), asked)[0]


def minimised(loss: Callable[[Logits], Float64[Tensor, "..."]], rows: int, actions: int) -> Logits:
    """The policies with the least sum of a loss of log-probabilities, by L-BFGS from the uniform ones."""
    logits = torch.zeros(rows, actions, dtype=torch.float64, requires_grad=True)

    def closure() -> Float64[Tensor, ""]:
        logits.grad = None
        value = loss(logits.log_softmax(1)).sum()
        value.backward()
        return value

    # A search along a bad direction ends the whole run of L-BFGS; one that starts without memory goes on.
    for _ in range(STARTS):
        optimizer = torch.optim.LBFGS(
            [logits], max_iter=500, tolerance_grad=1e-12, tolerance_change=0, line_search_fn="strong_wolfe"
        )
        optimizer.step(closure)  # pyright: ignore[reportArgumentType]
    return logits.detach().softmax(1)
