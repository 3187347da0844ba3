"""One member out of several."""

from copy import deepcopy

from torch import nn


def one_member(module: nn.Module, index: int) -> nn.Module:
    """A copy of member `index` alone, in evaluation mode, without gradients; its tensors keep an axis of length 1."""
    copy = deepcopy(module).requires_grad_(False).eval()
    for tensor in (*copy.parameters(), *copy.buffers()):
        tensor.data = tensor.data[index : index + 1].clone()
    return copy
