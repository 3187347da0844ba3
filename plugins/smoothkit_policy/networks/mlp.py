"""Fully connected policies and critics of several agents at once."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import torch
from jaxtyping import Float32, Shaped
from torch import Tensor

from smoothkit_policy.networks.network import Logits, Network, Observed, Values

Rows = Shaped[Tensor, "groups rows ..."]
Units = Float32[Tensor, "groups rows units"]

TOWERS = 2
"""The policy and the critic have hidden layers of their own, of the same widths: one product of matrices does both."""


class MLP(Network):
    """Hidden layers, then one layer for the logits and one for the critic's values.

    Observations are vectors of `inputs` numbers, or, where `is_index`, integers below `inputs`, which stand for one-hot
    vectors that are never built.
    """

    def __init__(
        self,
        members: int,
        inputs: int,
        num_actions: int,
        *,
        is_index: bool,
        hidden: Sequence[int],
        activation: Literal["tanh", "relu"],
        critics: int,
        device: torch.device,
    ):
        widths = [inputs, *hidden]
        shapes: dict[str, tuple[int, ...]] = {}
        for depth, (fan_in, fan_out) in enumerate(pairwise(widths)):
            shapes[f"hidden_{depth}_weight"] = (TOWERS, fan_in, fan_out)
            shapes[f"hidden_{depth}_bias"] = (TOWERS, 1, fan_out)
        for head, outputs in (("policy", num_actions), ("critic", critics)):
            shapes[f"{head}_weight"] = (widths[-1], outputs)
            shapes[f"{head}_bias"] = (1, outputs)
        super().__init__(members, shapes, device)
        self._options = {
            "inputs": inputs,
            "num_actions": num_actions,
            "is_index": is_index,
            "hidden": tuple(hidden),
            "activation": activation,
            "critics": critics,
            "device": device,
        }
        self._depth = len(hidden)
        self._is_index = is_index
        self._is_tanh = activation == "tanh"
        both, policy, critic = {}, {}, {}
        for name, weight in self.named_parameters():
            if name.startswith("hidden"):
                both[name] = weight.data.view(members * TOWERS, *weight.shape[2:])
                policy[name], critic[name] = weight.data[:, 0], weight.data[:, 1]
            else:
                both[name] = policy[name] = critic[name] = weight.data
        self._both, self._policy, self._critic = both, policy, critic
        self._kept: list[Tensor] = []

    def empty(self, members: int) -> "MLP":
        """A network of this shape with so many members, without its weights."""
        return MLP(members, **self._options)

    @torch.no_grad()
    def draw(self, generators: Sequence[torch.Generator], policy_gain: float) -> None:
        """Begin with orthogonal weights and no biases (Saxe et al. 2014), each member from its own generator."""
        gains = {"policy_weight": policy_gain, "critic_weight": 1.0}
        for name, weight in self.named_parameters():
            if name.endswith("weight"):
                for own, generator in zip(weight, generators, strict=True):
                    for layer in own.view(-1, *own.shape[-2:]):
                        draft = torch.empty(layer.shape[::-1])
                        torch.nn.init.orthogonal_(draft, gains.get(name, 2**0.5), generator=generator)
                        layer.copy_(draft.T)

    def act(self, observations: Observed) -> Logits:
        """The policy's logits alone."""
        return self._alone(observations, self._policy, "policy")

    def values(self, observations: Observed) -> Values:
        """The critic's values alone."""
        return self._alone(observations, self._critic, "critic")

    def forward(self, observations: Observed) -> tuple[Logits, Values]:
        """Logits and values; keeps what the next `backward` needs."""
        units = observations
        if self._depth:
            wide = observations.unsqueeze(1).expand(-1, TOWERS, *observations.shape[1:])
            units = wide.reshape(self.members * TOWERS, *observations.shape[1:])
        self._kept = [units]
        for depth in range(self._depth):
            units = self._activated(self._affine(units, self._both, f"hidden_{depth}"))
            self._kept.append(units)
        on_policy, on_critic = self._towers(units)
        return self._affine(on_policy, self._both, "policy"), self._affine(on_critic, self._both, "critic")

    def backward(self, d_logits: Logits, d_values: Values) -> None:
        """Write the gradient of every weight, from those of the last forward pass's logits and values."""
        units = self._kept[-1]
        d_units = torch.empty_like(units) if self._depth else None
        towers = zip(("policy", "critic"), self._towers(units), (d_logits, d_values), strict=True)
        for tower, (head, own, d_head) in enumerate(towers):
            self._write(head, own, d_head)
            if d_units is not None:
                d_own = d_units.view(self.members, TOWERS, *d_units.shape[1:])[:, tower]
                torch.bmm(d_head, self._both[f"{head}_weight"].mT, out=d_own)
        for depth in reversed(range(self._depth)):
            assert d_units is not None
            d_units = self._before_activation(d_units, self._kept[depth + 1])
            self._write(f"hidden_{depth}", self._kept[depth], d_units)
            if depth:
                d_units = torch.bmm(d_units, self._both[f"hidden_{depth}_weight"].mT)

    def _alone(self, units: Rows, weights: dict[str, Tensor], head: str) -> Units:
        """What one tower makes of the observations."""
        for depth in range(self._depth):
            units = self._activated(self._affine(units, weights, f"hidden_{depth}"))
        return self._affine(units, weights, head)

    def _affine(self, units: Rows, weights: dict[str, Tensor], layer: str) -> Units:
        weight, bias = weights[f"{layer}_weight"], weights[f"{layer}_bias"]
        if units.is_floating_point():
            return torch.baddbmm(bias, units, weight)
        return torch.nn.functional.embedding(self._places(units), weight.reshape(-1, weight.shape[2])) + bias

    def _write(self, layer: str, units: Rows, d_outputs: Units) -> None:
        """Write the gradients of a layer, from its inputs and the gradient of its outputs."""
        groups, outputs = len(d_outputs), d_outputs.shape[2]
        d_weight = self.gradients[f"{layer}_weight"].view(groups, -1, outputs)
        torch.sum(d_outputs, 1, keepdim=True, out=self.gradients[f"{layer}_bias"].view(groups, 1, outputs))
        if units.is_floating_point():
            torch.bmm(units.mT, d_outputs, out=d_weight)
        else:
            d_weight.zero_().view(-1, outputs).index_add_(0, self._places(units).flatten(), d_outputs.flatten(0, 1))

    def _places(self, indices: Shaped[Tensor, "groups rows"]) -> Shaped[Tensor, "groups rows"]:
        """Rows of a layer's weights, of all groups one below the other."""
        if len(indices) == 1:
            return indices
        inputs = int(self._options["inputs"])
        return indices + torch.arange(0, len(indices) * inputs, inputs, device=indices.device).unsqueeze(1)

    def _towers(self, units: Rows) -> tuple[Observed, Observed]:
        """The last hidden units of the policy and of the critic; the observations, where there are none."""
        if not self._depth:
            return units, units
        apart = units.view(self.members, TOWERS, *units.shape[1:])
        return apart[:, 0], apart[:, 1]

    def _activated(self, units: Units) -> Units:
        return units.tanh_() if self._is_tanh else units.relu_()

    def _before_activation(self, d_units: Units, units: Units) -> Units:
        """The gradient before the activation whose outputs are `units`."""
        if self._is_tanh:
            return torch.ops.aten.tanh_backward(d_units, units)
        return torch.ops.aten.threshold_backward(d_units, units, 0)
