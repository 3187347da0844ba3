"""Which samples make up a step: an endless row of permutations of each member's samples."""

from collections.abc import Sequence

import torch
from jaxtyping import Int64
from torch import Tensor

from smoothkit.seeding import derived_generator

AT_ONCE = 4096
"""About so many places are drawn at a time: for a few labelled samples a step needs several permutations."""


class EndlessRow:
    """For each seed, permutations of 0 … samples - 1, one after the other, each a pure function of (seed, purpose).

    So a sample comes again only when all others have come, and a batch may be larger than the number of samples.
    """

    def __init__(self, samples: int, seeds: Sequence[int], purpose: str):
        self.samples, self._seeds, self._purpose = samples, seeds, purpose
        self._permutations = max(AT_ONCE // samples, 1)
        self._drawn: dict[int, Int64[Tensor, "members places"]] = {}

    def at(self, start: int, count: int) -> tuple[Int64[Tensor, "members count"], Int64[Tensor, " count"]]:
        """The samples at `count` places of each row from `start` on, counted from 0, and how often each of them came
        before; on the CPU."""
        size = self._permutations * self.samples
        blocks = range(start // size, (start + count - 1) // size + 1)
        # A row is read from its beginning to its end, so that earlier blocks are never wanted again.
        self._drawn = {block: self._drawn[block] if block in self._drawn else self._draw(block) for block in blocks}
        found = torch.cat([self._drawn[block] for block in blocks], dim=1)
        first = start - blocks[0] * size
        return found[:, first : first + count], torch.arange(start, start + count) // self.samples

    def _draw(self, block: int) -> Int64[Tensor, "members places"]:
        rows = []
        for seed in self._seeds:
            generator = derived_generator(seed, self._purpose, block)
            # Sorting uniform numbers gives many permutations by one call.
            numbers = torch.rand(self._permutations, self.samples, dtype=torch.float64, generator=generator)
            rows.append(numbers.argsort(dim=1).flatten())
        return torch.stack(rows)
