"""Linear layers, convolutions and batch norm of several members at once.

Each is what torch's layer of that name is, for every member with weights of its own. No layer keeps the number of
members: it is the first axis of the weights, so that a slice of a layer is a layer of fewer members.
"""

from math import sqrt

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from smoothkit_gan.networks.initial import Generators, scaled_normal

Maps = Float[Tensor, "members batch inputs height width"]
NewMaps = Float[Tensor, "members batch outputs new_height new_width"]


class StackedLinear(nn.Module):
    """x W + b, with W (inputs, outputs) for each member, its entries normal with variance gain² / inputs."""

    def __init__(self, inputs: int, outputs: int, generators: Generators, gain: float = 1.0):
        super().__init__()
        self.weight = nn.Parameter(scaled_normal(generators, (inputs, outputs), gain / sqrt(inputs)))
        self.bias = nn.Parameter(torch.zeros(len(generators), 1, outputs))

    def forward(self, x: Float[Tensor, "members batch inputs"]) -> Float[Tensor, "members batch outputs"]:
        """(members, batch, inputs) to (members, batch, outputs)."""
        weight = self.weight
        if weight.shape[-1] == 1:
            # A product with one column is summed in another order when there are more members; this one is not.
            return (x * weight.mT).sum(-1, keepdim=True) + self.bias
        return torch.baddbmm(self.bias, x, weight)


class StackedConv2d(nn.Module):
    """A convolution for each member, as one of torch's with groups; weights (outputs, inputs, kernel, kernel) each."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        stride: int,
        padding: int,
        generators: Generators,
        gain: float = 1.0,
    ):
        super().__init__()
        shape = (outputs, inputs, kernel, kernel)
        self.weight = nn.Parameter(scaled_normal(generators, shape, gain / sqrt(inputs * kernel**2)))
        self.bias = nn.Parameter(torch.zeros(len(generators), outputs))
        self.stride, self.padding = stride, padding

    def forward(self, x: Maps) -> NewMaps:
        """(members, batch, inputs, height, width) to as many maps of `outputs` channels."""
        members = len(x)
        weight, bias = self.weight.flatten(0, 1), self.bias.flatten()
        return _apart(F.conv2d(_side_by_side(x), weight, bias, self.stride, self.padding, groups=members), members)


class StackedConvTranspose2d(nn.Module):
    """A transposed convolution for each member; weights (inputs, outputs, kernel, kernel) each.

    A pixel of the output gets (kernel / stride)² contributions from each input channel: that is the fan-in which the
    variance of the first weights is divided by.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        stride: int,
        padding: int,
        generators: Generators,
        gain: float = 1.0,
    ):
        super().__init__()
        shape = (inputs, outputs, kernel, kernel)
        self.weight = nn.Parameter(scaled_normal(generators, shape, gain / sqrt(inputs) / (kernel / stride)))
        self.bias = nn.Parameter(torch.zeros(len(generators), outputs))
        self.stride, self.padding = stride, padding

    def forward(self, x: Maps) -> NewMaps:
        """(members, batch, inputs, height, width) to as many maps of `outputs` channels, `stride` times as large."""
        members = len(x)
        weight, bias = self.weight.flatten(0, 1), self.bias.flatten()
        maps = F.conv_transpose2d(_side_by_side(x), weight, bias, self.stride, self.padding, groups=members)
        return _apart(maps, members)


class StackedBatchNorm(nn.Module):
    """Batch norm of each member's features, or channels, over its own batch.

    In training it normalises by the batch and keeps running means and variances; in evaluation it normalises by these.
    Several processes each normalise by their own share of the batch, so their number changes what is computed.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, features: int, members: int, momentum: float = 0.1):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(members, features))
        self.bias = nn.Parameter(torch.zeros(members, features))
        self.register_buffer("running_mean", torch.zeros(members, features))
        self.register_buffer("running_var", torch.ones(members, features))
        self.momentum = momentum

    def forward(self, x: Float[Tensor, "members batch features ..."]) -> Float[Tensor, "members batch features ..."]:
        """The same shape; (x - mean) / sqrt(variance + 1e-5), times weight, plus bias."""
        mean, var, weight, bias = (
            each.flatten() for each in (self.running_mean, self.running_var, self.weight, self.bias)
        )
        normal = F.batch_norm(_side_by_side(x), mean, var, weight, bias, self.training, self.momentum)
        return _apart(normal, len(x))


def _side_by_side(x: Float[Tensor, "members batch channels ..."]) -> Float[Tensor, "batch channels_of_all ..."]:
    """The members' channels one after another, as groups."""
    return x.transpose(0, 1).flatten(1, 2)


def _apart(x: Float[Tensor, "batch channels_of_all ..."], members: int) -> Float[Tensor, "members batch channels ..."]:
    """The inverse."""
    return x.unflatten(1, (members, -1)).transpose(0, 1)
