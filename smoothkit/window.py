"""Training values since the last record: noted on the device, fetched together, kept as their means."""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from smoothkit.distributed import Group

Noted = list[tuple[int, Tensor | float]]


class Window:
    """The values noted since the last record, by name, each with its step."""

    def __init__(self, noted: Mapping[str, Noted] | None = None):
        self.noted: dict[str, Noted] = {name: list(values) for name, values in (noted or {}).items()}

    def note(self, step: int, values: Mapping[str, Tensor | float]) -> None:
        """Keep the values of a step, tensors that nobody changes any more; costs no device synchronisation."""
        for name, value in values.items():
            self.noted.setdefault(name, []).append((step, value))

    def fetch(self, group: Group) -> None:
        """Bring every value to the host, as its mean over the processes."""
        for name, noted in self.noted.items():
            tensors = [value.reshape(()).float() for _, value in noted if isinstance(value, Tensor)]
            if not tensors:
                continue
            # One transfer for each name. The mean over processes makes what a checkpoint holds the same in all of them.
            host = iter(group.mean(torch.stack(tensors).tolist()))
            self.noted[name] = [(step, next(host) if isinstance(value, Tensor) else value) for step, value in noted]

    def first_bad_loss(self) -> tuple[str, int] | None:
        """The name and the step of a fetched loss that is not finite: of `loss`, or of what ends in `_loss`."""
        losses = ((name, noted) for name, noted in self.noted.items() if name == "loss" or name.endswith("_loss"))
        bad = ((name, step) for name, noted in losses for step, value in noted if not math.isfinite(value))
        return next(bad, None)

    def take_means(self, group: Group) -> dict[str, float]:
        """The mean of each name's fetched values, over the processes too; the window is empty afterwards."""
        noted, self.noted = self.noted, {}
        means = group.mean([_mean(values) for values in noted.values()])
        return dict(zip(noted, means, strict=True))


def _mean(noted: list[tuple[int, Any]]) -> float:
    return sum(value for _, value in noted) / len(noted)
