"""Running statistics that bring observations and rewards to a scale that networks learn well from."""

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Bool, Float32, Float64
from torch import Tensor

LARGEST = 10.0
"""Normalised values are cut off there, as in OpenAI's baselines."""

TINY = 1e-8


class Moments:
    """The running mean and variance of each member's values (Chan et al. 1983)."""

    def __init__(self, members: int, features: int, device: torch.device):
        self._count = torch.zeros(members, 1, dtype=torch.float64, device=device)
        self.mean = torch.zeros(members, features, dtype=torch.float64, device=device)
        self._squares = torch.zeros(members, features, dtype=torch.float64, device=device)

    def add(self, values: Float32[Tensor, "members rows features"], weights: Float32[Tensor, "members rows"]) -> None:
        """Take rows into account, each as often as it weighs."""
        own = weights.double().unsqueeze(2)
        count = own.sum(1)
        mean = (values * own).sum(1) / count.clamp(min=1)
        squares = ((values - mean.unsqueeze(1)).square() * own).sum(1)
        total = (self._count + count).clamp(min=1)
        step = mean - self.mean
        self._squares = self._squares + squares + step.square() * self._count * count / total
        self.mean = self.mean + step * count / total
        self._count = self._count + count

    @property
    def deviation(self) -> Float64[Tensor, "members features"]:
        """The standard deviation; 1 before there are values."""
        variance = torch.where(self._count > 0, self._squares / self._count.clamp(min=1), 1.0)
        return (variance + TINY).sqrt()

    def state_dict(self) -> dict[str, Any]:
        """Everything, members along the first axis."""
        return {"count": self._count, "mean": self.mean, "squares": self._squares}

    def load_state_dict(self, state_dict: Mapping[str, Any], /) -> None:
        """The inverse."""
        device = self.mean.device
        self._count, self.mean, self._squares = (state_dict[name].to(device) for name in ("count", "mean", "squares"))


class Observer:
    """What networks see of vectors: shifted and scaled by what was seen before the rollout."""

    def __init__(self, members: int, features: int, device: torch.device):
        self._moments = Moments(members, features, device)
        self._refresh()

    def __call__(self, observations: Float32[Tensor, "members rows features"]) -> Tensor:
        """The normalised observations."""
        return ((observations - self._shift) * self._scale).clamp_(-LARGEST, LARGEST)

    def learn(self, observations: Float32[Tensor, "members rows features"], weights: Tensor) -> None:
        """Take the observations of a rollout into account, from the next one on."""
        self._moments.add(observations, weights)
        self._refresh()

    def state_dict(self) -> dict[str, Any]:
        """Everything, members along the first axis."""
        return self._moments.state_dict()

    def load_state_dict(self, state_dict: Mapping[str, Any], /) -> None:
        """The inverse."""
        self._moments.load_state_dict(state_dict)
        self._refresh()

    def member(self, index: int) -> "Observer":
        """A copy of one member's."""
        copy = Observer(1, self._shift.shape[2], self._shift.device)
        copy.load_state_dict({name: value[index : index + 1] for name, value in self.state_dict().items()})
        return copy

    def _refresh(self) -> None:
        self._shift = self._moments.mean.float().unsqueeze(1)
        self._scale = self._moments.deviation.reciprocal().float().unsqueeze(1)


class RewardScale:
    """Rewards divided by the standard deviation of the discounted returns so far."""

    def __init__(self, members: int, num_envs: int, gamma: float, device: torch.device):
        self._gamma = gamma
        self._returns = torch.zeros(members, num_envs, device=device)
        self._moments = Moments(members, 1, device)

    def __call__(
        self,
        rewards: Float32[Tensor, "members steps envs"],
        ended: Bool[Tensor, "members steps envs"],
        weights: Float32[Tensor, "members steps envs"],
    ) -> Float32[Tensor, "members steps envs"]:
        """The rewards of a rollout, in units of what is known after it."""
        found = []
        for own, over in zip(rewards.unbind(1), ended.unbind(1), strict=True):
            self._returns = self._gamma * self._returns + own
            found.append(self._returns)
            self._returns = self._returns * ~over
        self._moments.add(torch.stack(found, 1).flatten(1).unsqueeze(2), weights.flatten(1))
        scale = self._moments.deviation.reciprocal().float().unsqueeze(2)
        return (rewards * scale).clamp_(-LARGEST, LARGEST)

    def state_dict(self) -> dict[str, Any]:
        """Everything, members along the first axis."""
        return {"returns": self._returns, "moments": self._moments.state_dict()}

    def load_state_dict(self, state_dict: Mapping[str, Any], /) -> None:
        """The inverse."""
        self._returns = state_dict["returns"].to(self._returns.device)
        self._moments.load_state_dict(state_dict["moments"])
