"""Policies and critics that see images, of several agents, one after the other."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Literal

import torch
from jaxtyping import Float32
from torch import Tensor

from smoothkit_policy.networks.network import Logits, Network, Observed, Values

Images = Float32[Tensor, "rows channels height width"]
Outputs = Float32[Tensor, "rows outputs"]
Tower = Literal["policy", "critic"]
TOWERS: tuple[Tower, Tower] = ("policy", "critic")

LAYERS = ((32, 8, 4), (64, 4, 2), (64, 3, 1))
"""Channels, side of the kernel and stride of each convolution (Mnih et al. 2015)."""

SMALLEST = 36
"""The height and width below which nothing is left for the last kernel to cover."""


class Conv(Network):
    """Three convolutions, hidden layers, then one layer for the logits; the same again for the critic's values.

    Observations are images of `image` = (channels, height, width). Behind each convolution there is a ReLU, behind each
    hidden layer the `activation`; `hidden` = (512,) with ReLU is the network of Mnih et al. 2015. The convolutions take
    nearly all of the time, so agents are gone through one by one.

    Raises:
        ValueError: these are no images, or too small ones.
    """

    def __init__(
        self,
        members: int,
        image: Sequence[int],
        num_actions: int,
        *,
        hidden: Sequence[int],
        activation: Literal["tanh", "relu"],
        critics: int,
        device: torch.device,
    ):
        if len(image) != 3 or min(image[1:]) < SMALLEST:
            raise ValueError(
                f"observations of shape {tuple(image)} do not suit convolutions, which take images of {SMALLEST} x "
                f'{SMALLEST} pixels or more, (channels, height, width); use network.name = "mlp"'
            )
        towers = {"policy": num_actions, "critic": critics}
        shapes = {
            f"{tower}_{name}": shape
            for tower, outputs in towers.items()
            for name, shape in tower_shapes(image, hidden, outputs).items()
        }
        super().__init__(members, shapes, device)
        self._options = {
            "image": tuple(image),
            "num_actions": num_actions,
            "hidden": tuple(hidden),
            "activation": activation,
            "critics": critics,
            "device": device,
        }
        self._hidden = [f"hidden_{depth}" for depth in range(len(hidden))]
        self._is_tanh = activation == "tanh"
        self._kept: dict[Tower, list[list[Tensor]]] = {}

    def empty(self, members: int) -> "Conv":
        """A network of this shape with so many members, without its weights."""
        return Conv(members, **self._options)

    @torch.no_grad()
    def draw(self, generators: Sequence[torch.Generator], policy_gain: float) -> None:
        """Begin with orthogonal weights and no biases (Saxe et al. 2014), each member from its own generator."""
        gains = {"policy_last_weight": policy_gain, "critic_last_weight": 1.0}
        for name, weight in self.named_parameters():
            if name.endswith("weight"):
                for own, generator in zip(weight, generators, strict=True):
                    draft = torch.empty(own.shape)
                    torch.nn.init.orthogonal_(draft, gains.get(name, 2**0.5), generator=generator)
                    own.copy_(draft)

    def act(self, observations: Observed) -> Logits:
        """The policy's logits alone."""
        return self._alone(observations, "policy")

    def values(self, observations: Observed) -> Values:
        """The critic's values alone."""
        return self._alone(observations, "critic")

    def forward(self, observations: Observed) -> tuple[Logits, Values]:
        """Logits and values; keeps what the next `backward` needs."""
        self._kept = {
            tower: [self._layers(images, weights) for images, weights in self._members(observations, tower)]
            for tower in TOWERS
        }
        logits, values = (torch.stack([layers.pop() for layers in self._kept[tower]]) for tower in TOWERS)
        return logits, values

    def backward(self, d_logits: Logits, d_values: Values) -> None:
        """Write the gradient of every weight, from those of the last forward pass's logits and values."""
        for tower, d_outputs in zip(TOWERS, (d_logits, d_values), strict=True):
            for index, (layers, d_own) in enumerate(zip(self._kept[tower], d_outputs, strict=True)):
                d_flat = self._into_hidden(tower, index, layers[len(LAYERS) :], d_own)
                self._into_convolutions(tower, index, layers[: len(LAYERS) + 1], d_flat)

    def _alone(self, observations: Observed, tower: Tower) -> Float32[Tensor, "members rows outputs"]:
        """What one tower makes of the observations, of all members."""
        return torch.stack([self._layers(*own)[-1] for own in self._members(observations, tower)])

    def _members(self, observations: Observed, tower: Tower) -> Iterator[tuple[Images, dict[str, Tensor]]]:
        """Each member's images, and its weights of one tower."""
        prefix = f"{tower}_"
        weights = {name.removeprefix(prefix): own for name, own in self.named_parameters() if name.startswith(prefix)}
        for index, images in enumerate(observations):
            yield images, {name: own[index] for name, own in weights.items()}

    def _layers(self, images: Images, weights: dict[str, Tensor]) -> list[Tensor]:
        """What one tower of one member makes of images: the images, the units of every layer, the outputs."""
        layers: list[Tensor] = [images]
        for depth, (_, _, stride) in enumerate(LAYERS):
            weight, bias = weights[f"conv_{depth}_weight"], weights[f"conv_{depth}_bias"]
            layers.append(torch.conv2d(layers[-1], weight, bias, stride).relu_())
        for name in self._hidden:
            units = torch.addmm(weights[f"{name}_bias"], layers[-1].flatten(1), weights[f"{name}_weight"].T)
            layers.append(units.tanh_() if self._is_tanh else units.relu_())
        layers.append(torch.addmm(weights["last_bias"], layers[-1].flatten(1), weights["last_weight"].T))
        return layers

    def _into_hidden(
        self, tower: Tower, index: int, layers: list[Tensor], d_outputs: Outputs
    ) -> Float32[Tensor, "rows features"]:
        """Write the gradients of the layers behind the convolutions; returns that of the last convolution's units."""
        weights = dict(self.named_parameters())
        for name, units in zip(("last", *reversed(self._hidden)), reversed(layers), strict=True):
            full = f"{tower}_{name}"
            torch.mm(d_outputs.T, units.flatten(1), out=self.gradients[f"{full}_weight"][index])
            torch.sum(d_outputs, 0, out=self.gradients[f"{full}_bias"][index])
            d_outputs = torch.mm(d_outputs, weights[f"{full}_weight"][index])
            # What is left at the end is before a convolution's ReLU, which is not undone here.
            if units is not layers[0]:
                d_outputs = self._before_activation(d_outputs, units)
        return d_outputs

    def _into_convolutions(
        self, tower: Tower, index: int, layers: list[Tensor], d_flat: Float32[Tensor, "rows features"]
    ) -> None:
        """Write the gradients of the convolutions."""
        weights = dict(self.named_parameters())
        d_units = d_flat.view_as(layers[-1])
        for depth in reversed(range(len(LAYERS))):
            name, stride = f"{tower}_conv_{depth}", LAYERS[depth][2]
            weight = weights[f"{name}_weight"][index]
            d_units = torch.ops.aten.threshold_backward(d_units, layers[depth + 1], 0)
            d_units, d_weight, d_bias = torch.ops.aten.convolution_backward(
                *(d_units, layers[depth], weight, [len(weight)], [stride, stride], [0, 0], [1, 1], False, [0, 0], 1),
                # Nobody asks for the gradient of the images.
                [depth > 0, True, True],
            )
            self.gradients[f"{name}_weight"][index], self.gradients[f"{name}_bias"][index] = d_weight, d_bias

    def _before_activation(self, d_units: Outputs, units: Outputs) -> Outputs:
        """The gradient before the activation whose outputs are `units`."""
        if self._is_tanh:
            return torch.ops.aten.tanh_backward(d_units, units)
        return torch.ops.aten.threshold_backward(d_units, units, 0)


def tower_shapes(image: Sequence[int], hidden: Sequence[int], outputs: int) -> dict[str, tuple[int, ...]]:
    """The shapes of weights and biases of one tower, by name."""
    channels, height, width = image
    shapes: dict[str, tuple[int, ...]] = {}
    for depth, (fan_out, side, _) in enumerate(LAYERS):
        shapes[f"conv_{depth}_weight"] = (fan_out, channels, side, side)
        shapes[f"conv_{depth}_bias"] = (fan_out,)
        channels = fan_out
    widths = [channels * left_of(height) * left_of(width), *hidden]
    for depth, (fan_in, fan_out) in enumerate(pairwise(widths)):
        shapes[f"hidden_{depth}_weight"] = (fan_out, fan_in)
        shapes[f"hidden_{depth}_bias"] = (fan_out,)
    shapes["last_weight"], shapes["last_bias"] = (outputs, widths[-1]), (outputs,)
    return shapes


def left_of(side: int) -> int:
    """How many places the last convolution has along a side of so many pixels.

    >>> left_of(84), left_of(36), left_of(35)
    (7, 1, 0)
    """
    for _, kernel, stride in LAYERS:
        side = (side - kernel) // stride + 1
    return side
