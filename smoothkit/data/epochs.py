"""Which samples make up which training step: one seeded permutation for each epoch."""

import torch
from jaxtyping import Int64
from torch import Tensor

from smoothkit.seeding import derived_generator


class Epochs:
    """The order in which training visits `samples` samples; steps and epochs count from 1.

    Each epoch draws one permutation from (seed, epoch), so that the samples of a step are a pure function of
    (seed, step), and a resumed run needs to replay nothing. `batch_size` is global: with `world` processes each
    takes the consecutive `batch_size / world` samples of its `rank`.

    The last batch of an epoch is partial where `batch_size` does not divide the number of samples. It is left out with
    `drop_last`, where it would be a single sample, and always with several processes, whose gradients an unequal split
    would weight wrongly.

    Raises:
        ValueError: a number is out of range, `world` does not divide `batch_size`, or no batch is left.
    """

    def __init__(
        self,
        samples: int,
        batch_size: int,
        *,
        seed: int,
        drop_last: bool = False,
        rank: int = 0,
        world: int = 1,
        device: torch.device | str = "cpu",
    ):
        if batch_size < 1:
            raise ValueError(f"batch_size is {batch_size}; expected at least 1")
        if seed < 0:
            raise ValueError(f"seed is {seed}; expected at least 0")
        if not 0 <= rank < world:
            raise ValueError(f"rank is {rank} of world {world}; expected 0 to world - 1")
        if batch_size % world:
            raise ValueError(f"batch_size is {batch_size}; expected a multiple of the {world} processes")
        whole, rest = divmod(samples, batch_size)
        # A batch of one sample has no variance, so batch normalisation refuses it.
        self.per_epoch: int = whole + ((rest > 1 or rest > whole) and not drop_last and world == 1)
        """Steps in an epoch."""
        if self.per_epoch == 0:
            raise ValueError(f"batch_size is {batch_size} but there are {samples} samples; expected at most {samples}")
        self.samples = samples
        self.batch_size = batch_size
        self.seed = seed
        self.drop_last = drop_last
        self.rank = rank
        self.world = world
        self.device = torch.device(device)
        self._order: tuple[int, Tensor] | None = None

    def epoch(self, step: int) -> int:
        """The epoch that `step` belongs to."""
        if step < 1:
            raise ValueError(f"step is {step}; expected at least 1")
        return (step - 1) // self.per_epoch + 1

    def ends_epoch(self, step: int) -> bool:
        """Whether `step` is the last of its epoch."""
        return step % self.per_epoch == 0

    def indices(self, step: int) -> Int64[Tensor, " batch"]:
        """The samples of the global batch at `step`: all processes together."""
        start = (step - 1) % self.per_epoch * self.batch_size
        return self._permutation(self.epoch(step))[start : start + self.batch_size]

    def shard(self) -> slice:
        """This process's part of the global batch."""
        if self.world == 1:
            return slice(None)
        size = self.batch_size // self.world
        return slice(self.rank * size, (self.rank + 1) * size)

    def _permutation(self, epoch: int) -> Int64[Tensor, " samples"]:
        # Drawn on the CPU, so that every device sees the same order, and kept for the rest of the epoch.
        if self._order is None or self._order[0] != epoch:
            order = torch.randperm(self.samples, generator=derived_generator(self.seed, "order", epoch))
            self._order = epoch, order.to(self.device)
        return self._order[1]
