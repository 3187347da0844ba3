"""The returns and lengths of the episodes that end during training."""

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Bool, Float, Float64, Int64
from torch import Tensor

LAST = 100
"""Episodes that a mean is over."""


class Episodes:
    """Each member's last hundred episodes, and those that go on."""

    def __init__(self, members: int, num_envs: int, device: torch.device):
        self._running = torch.zeros(members, 2, num_envs, dtype=torch.float64, device=device)
        self._last = torch.zeros(members, 2, LAST, dtype=torch.float64, device=device)
        self._ended = torch.zeros(members, dtype=torch.int64, device=device)

    @property
    def ended(self) -> Int64[Tensor, " members"]:
        """How many have ended."""
        return self._ended

    def add(
        self,
        rewards: Float[Tensor, "members steps envs"],
        ended: Bool[Tensor, "members steps envs"],
        valid: Bool[Tensor, "members steps envs"],
    ) -> None:
        """Note the rewards of a rollout, before anything is done to them."""
        counted = valid.double()
        # Returns and lengths at once: what has come together since the rollout began, and what came before it.
        sums = torch.stack([rewards.double() * counted, counted], 1).cumsum(2) + self._running.unsqueeze(2)
        before = torch.cat([torch.zeros_like(sums[:, :, :1]), sums], 2)
        steps = torch.arange(1, ended.shape[1] + 1, device=ended.device).view(1, -1, 1)
        last_end = (steps * ended).cummax(1).values
        since = torch.cat([torch.zeros_like(last_end[:, :1]), last_end], 1)
        started = before.gather(2, since.unsqueeze(1).expand(-1, 2, -1, -1))
        self._keep((sums - started[:, :, :-1]).flatten(2), ended.flatten(1))
        self._running = sums[:, :, -1] - started[:, :, -1]

    def means(self) -> tuple[Float64[Tensor, " members"], Float64[Tensor, " members"]]:
        """The mean return and the mean length of the last episodes; NaN before the first one ends."""
        number = self._ended.clamp(max=LAST)
        returns, lengths = (self._last.sum(2) / number.unsqueeze(1)).unbind(1)
        return returns, lengths

    def state_dict(self) -> dict[str, Any]:
        """Everything, members along the first axis."""
        return {"running": self._running, "last": self._last, "ended": self._ended}

    def load_state_dict(self, state_dict: Mapping[str, Any], /) -> None:
        """The inverse."""
        device = self._last.device
        self._running, self._last, self._ended = (state_dict[name].to(device) for name in ("running", "last", "ended"))

    def _keep(self, values: Float64[Tensor, "members 2 rows"], ended: Bool[Tensor, "members rows"]) -> None:
        """Keep the values of rows where an episode ended, in the place of the oldest ones."""
        number = ended.cumsum(1)
        total = number[:, -1:]
        member, row = (ended & (number > total - LAST)).nonzero(as_tuple=True)
        place = (self._ended[member] + number[member, row] - 1) % LAST
        self._last[member, :, place] = values[member, :, row]
        self._ended = self._ended + total[:, 0]
