"""One member out of several, and an average of the members' weights."""

from copy import deepcopy

import torch
from torch import nn


def one_member(module: nn.Module, index: int) -> nn.Module:
    """A copy of member `index` alone, in evaluation mode, without gradients; its tensors keep an axis of length 1."""
    copy = deepcopy(module).requires_grad_(False).eval()
    for tensor in (*copy.parameters(), *copy.buffers()):
        tensor.data = tensor.data[index : index + 1].clone()
    return copy


class Average(nn.Module):
    """An exponential average of a module's weights: average += (1 - decay) (weights - average).

    At step t, counted from 1, the decay is at most t / (9 + t), so that the first weights are soon forgotten. The decay
    is a function of the step, which leaves nothing to save but the average. Buffers are copied as they are.
    """

    def __init__(self, module: nn.Module, decay: float):
        super().__init__()
        self.module = deepcopy(module).requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        """Take in the weights after `step`."""
        weight = 1 - min(self.decay, step / (9 + step))
        for average, value in zip(self.module.parameters(), module.parameters(), strict=True):
            average.lerp_(value, weight)
        for average, value in zip(self.module.buffers(), module.buffers(), strict=True):
            average.copy_(value)
