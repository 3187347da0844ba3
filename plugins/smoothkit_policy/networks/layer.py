"""A fully connected layer of several networks at once, with a backward pass of its own."""

from dataclasses import dataclass

import torch
from jaxtyping import Float32, Int64, Shaped
from torch import Tensor

Units = Float32[Tensor, "groups rows units"]


@dataclass(frozen=True, eq=False)
class Layer:
    """`weight` and `bias` of each group, and where their gradients are written.

    Inputs are units, or integers, which stand for one-hot vectors that are never built.
    """

    weight: Float32[Tensor, "groups inputs outputs"]
    bias: Float32[Tensor, "groups 1 outputs"]
    d_weight: Float32[Tensor, "groups inputs outputs"]
    d_bias: Float32[Tensor, "groups 1 outputs"]

    def __call__(self, inputs: Shaped[Tensor, "groups rows ..."]) -> Float32[Tensor, "groups rows outputs"]:
        """The outputs of each group."""
        if inputs.is_floating_point():
            return torch.baddbmm(self.bias, inputs, self.weight)
        rows = self.weight.reshape(-1, self.weight.shape[2])
        return torch.nn.functional.embedding(self._places(inputs), rows) + self.bias

    def write(
        self, inputs: Shaped[Tensor, "groups rows ..."], d_outputs: Float32[Tensor, "groups rows outputs"]
    ) -> None:
        """Write the gradients of weight and bias, from the inputs and the gradient of the outputs."""
        torch.sum(d_outputs, 1, keepdim=True, out=self.d_bias)
        if inputs.is_floating_point():
            torch.bmm(inputs.mT, d_outputs, out=self.d_weight)
        else:
            rows = self.d_weight.zero_().view(-1, d_outputs.shape[2])
            rows.index_add_(0, self._places(inputs).flatten(), d_outputs.flatten(0, 1))

    def _places(self, indices: Int64[Tensor, "groups rows"]) -> Int64[Tensor, "groups rows"]:
        """Rows of the weights, of all groups one below the other."""
        groups, inputs, _ = self.weight.shape
        if groups == 1:
            return indices
        return indices + torch.arange(0, groups * inputs, inputs, device=indices.device).unsqueeze(1)
