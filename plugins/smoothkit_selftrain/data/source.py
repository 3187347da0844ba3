"""Batches of one kind of samples, labelled or unlabelled, by step: which they are, and their views."""

from collections.abc import Mapping, Sequence
from math import prod

import torch
from jaxtyping import Float32, Int64, Shaped
from torch import Tensor

from smoothkit_selftrain.data.rows import EndlessRow
from smoothkit_selftrain.data.views import Views

MOST_STEPS, MOST_NUMBERS = 16, 2**20
"""At most so many steps are drawn at a time, of about so many numbers for each member: a call costs as much for one
step as for several. Neither depends on how many members there are, since what is drawn must not."""

Index = Int64[Tensor, "members batch"]
Seen = Mapping[str, Float32[Tensor, "members _ ..."]]


class Source:
    """Batches of the samples at `rows` of a pool, each a pure function of (seed, number), member by member.

    Every process draws the whole batch, and computes the views of its places `own`, or of all.
    """

    def __init__(
        self,
        name: str,
        pool: Shaped[Tensor, "pool ..."],
        rows: Int64[Tensor, "members samples"],
        seeds: Sequence[int],
        batch: int,
        own: slice,
        views: Mapping[str, Views],
    ):
        self._pool, self._rows, self._batch, self._views = pool, rows, batch, views
        self._order = EndlessRow(rows.shape[1], seeds, f"{name} order")
        self._ahead = max(min(MOST_STEPS, MOST_NUMBERS // (batch * prod(pool.shape[1:]))), 1)
        places = torch.arange(self._ahead * batch, device=pool.device).view(self._ahead, batch)[:, own]
        self._own_size = places.shape[1]
        self._own = None if self._own_size == batch else places.flatten()
        self._drawn: tuple[int, Index, Seen] | None = None

    def at(self, number: int) -> tuple[Index, Seen]:
        """The batch of this number, counted from 1: which of the samples, counted from 0, and the own part of each view
        by its name."""
        block, place = divmod(number - 1, self._ahead)
        if self._drawn is None or self._drawn[0] != block:
            self._drawn = block, *self._draw(block)
        _, index, seen = self._drawn
        whole, own = (slice(place * size, (place + 1) * size) for size in (self._batch, self._own_size))
        return index[:, whole], {name: view[:, own] for name, view in seen.items()}

    def _draw(self, block: int) -> tuple[Index, Seen]:
        count = self._ahead * self._batch
        index, visits = self._order.at(block * count, count)
        index = index.to(self._pool.device)
        rows = self._rows.gather(1, index)
        stored = self._pool.index_select(0, rows.flatten()).unflatten(0, rows.shape)
        seen = {name: view.of(stored, self._own, block, index, visits) for name, view in self._views.items()}
        return index, seen
