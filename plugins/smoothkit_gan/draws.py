"""What is random in a step: real samples, latent vectors and noise, each member's from streams of its own run."""

from collections.abc import Sequence

import torch
from jaxtyping import Float32
from torch import Tensor

from smoothkit.errors import UserError
from smoothkit.runs import Runs
from smoothkit_gan.config import GanConfig
from smoothkit_gan.data.parts import Parts, draw_rows, gather

Samples = Float32[Tensor, "members batch ..."]


class Draws:
    """The random numbers of each step, on the device.

    Every process draws those of the whole batch and keeps its own share, a row of neighbours, so that packs and pairs
    are the same however many processes there are.

    Raises:
        UserError: the batch cannot be shared out in whole packs.
    """

    def __init__(self, config: GanConfig, runs: Runs, parts: Sequence[Parts]):
        self._runs, self._parts, self._latent = runs, parts, config.generator.latent
        self._batch, group = config.train.batch_size, runs.first.group
        packing = config.discriminator.packing
        if self._batch % (group.size * packing):
            raise UserError(
                f"train.batch_size is {self._batch}; expected a multiple of {group.size * packing}: {group.size} "
                f"processes that each judge {packing} samples at a time"
            )
        share = self._batch // group.size
        self._own = slice(group.rank * share, (group.rank + 1) * share)

    def real(self) -> Samples:
        """Samples that the GAN trains on, with replacement, in the model's space."""
        rows = draw_rows(self._parts, self._runs.streams("real samples"), self._batch)
        return gather(self._parts, rows[:, self._own])

    def latent(self) -> Float32[Tensor, "members batch latent"]:
        """Standard normal."""
        return self._normal("latent vectors", self._latent)

    def noise(self) -> Samples:
        """Standard normal, of the shape of samples."""
        return self._normal("instance noise", *self._parts[0].shape)

    def mixing(self) -> Float32[Tensor, "members batch"]:
        """Uniform on [0, 1): how much of a real sample is in a point between it and a fake."""
        drawn = [torch.rand(self._batch, generator=stream) for stream in self._runs.streams("points between")]
        return torch.stack(drawn)[:, self._own].to(self._runs.first.device)

    def _normal(self, stream: str, *shape: int) -> Samples:
        drawn = [torch.randn(self._batch, *shape, generator=source) for source in self._runs.streams(stream)]
        return torch.stack(drawn)[:, self._own].to(self._runs.first.device)
