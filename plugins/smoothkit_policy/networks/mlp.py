"""Fully connected policies and critics of several agents at once."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import torch
from jaxtyping import Shaped
from torch import Tensor

from smoothkit_policy.networks.layer import Layer, Units
from smoothkit_policy.networks.network import Logits, Network, Observed, Values

Rows = Shaped[Tensor, "groups rows ..."]

HEADS = ("policy", "critic")
TOWERS = len(HEADS)
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
        for head, outputs in zip(HEADS, (num_actions, critics), strict=True):
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
        self._is_tanh = activation == "tanh"
        depths = range(len(hidden))
        self._hidden = [self._layer(f"hidden_{depth}") for depth in depths]
        self._heads = [self._layer(head) for head in HEADS]
        self._alone = [
            [*(self._layer(f"hidden_{depth}", tower) for depth in depths), head]
            for tower, head in enumerate(self._heads)
        ]
        one = [[(layer.weight[0], layer.bias[0]) for layer in layers] for layers in self._alone]
        self._plain = one if members == 1 else []
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
        return self._outputs(observations, 0)

    def values(self, observations: Observed) -> Values:
        """The critic's values alone."""
        return self._outputs(observations, 1)

    def forward(self, observations: Observed) -> tuple[Logits, Values]:
        """Logits and values; keeps what the next `backward` needs."""
        units = observations
        if self._hidden:
            wide = observations.unsqueeze(1).expand(-1, TOWERS, *observations.shape[1:])
            units = wide.reshape(self.members * TOWERS, *observations.shape[1:])
        self._kept = [units]
        for layer in self._hidden:
            units = self._activated(layer(units))
            self._kept.append(units)
        logits, values = (head(own) for head, own in zip(self._heads, self._towers(units), strict=True))
        return logits, values

    def backward(self, d_logits: Logits, d_values: Values) -> None:
        """Write the gradient of every weight, from those of the last forward pass's logits and values."""
        units = self._kept[-1]
        d_units = torch.empty_like(units) if self._hidden else None
        d_towers = (None, None) if d_units is None else self._towers(d_units)
        for head, own, d_head, d_own in zip(
            self._heads, self._towers(units), (d_logits, d_values), d_towers, strict=True
        ):
            head.write(own, d_head)
            if d_own is not None:
                torch.bmm(d_head, head.weight.mT, out=d_own)
        for depth in reversed(range(len(self._hidden))):
            assert d_units is not None
            d_units = self._before_activation(d_units, self._kept[depth + 1])
            self._hidden[depth].write(self._kept[depth], d_units)
            if depth:
                d_units = torch.bmm(d_units, self._hidden[depth].weight.mT)

    def _layer(self, name: str, tower: int | None = None) -> Layer:
        """A layer's tensors: of hidden ones both towers' or one's."""
        parts = []
        for part in ("weight", "bias"):
            weight, gradient = self.get_parameter(f"{name}_{part}").data, self.gradients[f"{name}_{part}"]
            if weight.dim() > 3:
                weight, gradient = (
                    each.flatten(0, 1) if tower is None else each[:, tower] for each in (weight, gradient)
                )
            parts.append((weight, gradient))
        (weight, d_weight), (bias, d_bias) = parts
        return Layer(weight, bias, d_weight, d_bias)

    def _outputs(self, units: Rows, tower: int) -> Units:
        """What one tower makes of the observations."""
        if self._plain and units.is_floating_point():
            # Products of two matrices begin faster than those of batches of them, which matters to a single agent.
            *hidden, (weight, bias) = self._plain[tower]
            alone = units[0]
            for own_weight, own_bias in hidden:
                alone = torch.addmm(own_bias, alone, own_weight)
                alone = alone.tanh_() if self._is_tanh else alone.relu_()
            return torch.addmm(bias, alone, weight).unsqueeze(0)
        *hidden, head = self._alone[tower]
        for layer in hidden:
            units = self._activated(layer(units))
        return head(units)

    def _towers(self, units: Rows) -> tuple[Observed, Observed]:
        """The last hidden units of the policy and of the critic; the observations, where there are none."""
        if not self._hidden:
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
