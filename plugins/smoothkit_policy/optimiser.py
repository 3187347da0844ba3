"""The optimiser of several agents' networks, which moves them as one vector."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.optim.adam import adam

from smoothkit_policy.config import TrainConfig
from smoothkit_policy.networks.network import Network

ADAM_EPSILON, RMSPROP_EPSILON, RMSPROP_DECAY = 1e-5, 1e-5, 0.99
"""As in the reference implementations of PPO and of A2C."""

TINY = 1e-6


class Optimiser:
    """torch's Adam or RMSprop on all weights of all members, each member's gradient held to a largest norm."""

    def __init__(self, config: TrainConfig, network: Network):
        self._network, self._largest = network, config.max_grad_norm
        flat = [network.flat]
        if config.optimizer == "adam":
            self._inner: torch.optim.Optimizer = torch.optim.Adam(flat, lr=config.lr, eps=ADAM_EPSILON, fused=True)
        else:
            self._inner = torch.optim.RMSprop(flat, lr=config.lr, alpha=RMSPROP_DECAY, eps=RMSPROP_EPSILON)

    @property
    def lr(self) -> float:
        """The learning rate."""
        return self._inner.param_groups[0]["lr"]

    def set_lr(self, lr: float) -> None:
        """The learning rate from now on."""
        self._inner.param_groups[0]["lr"] = lr

    def step(self) -> None:
        """Move the weights by their gradients, which are scaled down where their norm is too large."""
        if self._largest:
            norms = self._network.gradient_norms()
            self._network.scale_gradients((self._largest / (norms + TINY)).clamp_(max=1.0))
        state = self._inner.state.get(self._network.flat)
        if isinstance(self._inner, torch.optim.Adam) and state:
            self._adam(state)
        else:
            # The first step makes the state.
            self._inner.step()

    def _adam(self, state: Mapping[str, Tensor]) -> None:
        """What torch's optimiser does, without its preparations, which take longer than the step."""
        flat, options = self._network.flat, self._inner.param_groups[0]
        beta1, beta2 = options["betas"]
        assert flat.grad is not None
        adam(
            [flat], [flat.grad], [state["exp_avg"]], [state["exp_avg_sq"]], [], [state["step"]], fused=True,
            amsgrad=False, beta1=beta1, beta2=beta2, lr=options["lr"], weight_decay=0.0, eps=options["eps"],
            maximize=False,
        )  # fmt: skip

    def state_dict(self) -> dict[str, Any]:
        """The optimiser's state by the names of the weights, members along the first axis."""
        state = self._inner.state_dict()["state"].get(0, {})
        return {key: self._parted(value) for key, value in state.items()}

    def load_state_dict(self, state_dict: Mapping[str, Any], /) -> None:
        """The inverse."""
        whole = self._inner.state_dict()
        if state_dict:
            whole["state"] = {0: {key: _joined(value) for key, value in state_dict.items()}}
        self._inner.load_state_dict(whole)

    def _parted(self, value: Any) -> Any:
        """A vector beside the flat weights, by their names; anything else as it is."""
        if not isinstance(value, Tensor) or not value.dim():
            return value
        shapes = {name: gradient.shape for name, gradient in self._network.gradients.items()}
        parts = value.split([shape.numel() for shape in shapes.values()])
        return {name: part.view(shape).clone() for (name, shape), part in zip(shapes.items(), parts, strict=True)}


def _joined(value: Any) -> Any:
    return torch.cat([part.flatten() for part in value.values()]) if isinstance(value, dict) else value
