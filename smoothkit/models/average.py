"""An exponential average of a network's weights."""

from copy import deepcopy

import torch
from torch import nn


class Average(nn.Module):
    """An exponential average of a module's weights: average += (1 - decay) (weights - average).

    At step t, counted from 1, the decay is at most t / (9 + t), so that the first weights are soon forgotten. The decay
    is a function of the step, which leaves nothing to save but the average. Buffers are copied as they are.

    `module` is the averaged copy, in evaluation mode, without gradients.
    """

    def __init__(self, module: nn.Module, decay: float):
        super().__init__()
        self.module = deepcopy(module).requires_grad_(False).eval()
        self.decay = decay

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        """Take in the weights after `step`; those after step 0 as they are, so that an average can begin anew."""
        weight = 1 - min(self.decay, step / (9 + step))
        for average, value in zip(self.module.parameters(), module.parameters(), strict=True):
            average.lerp_(value, weight)
        for average, value in zip(self.module.buffers(), module.buffers(), strict=True):
            average.copy_(value)
