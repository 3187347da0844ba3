"""The rows of a rollout in random order, in parts."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float32, Int64, Shaped
from torch import Tensor

Rows = Shaped[Tensor, "members rows ..."]


class Pass(NamedTuple):
    """Which rows each minibatch of a pass has, and how much they weigh: 1, or 0 for those that only fill up."""

    order: Int64[Tensor, "members parts size"]
    weights: Float32[Tensor, "members parts size"]

    def split(self, values: Rows) -> Shaped[Tensor, "members parts size ..."]:
        """Each member's rows in this order, in parts."""
        return taken(values, self.order.flatten(1)).unflatten(1, self.order.shape[1:])


def whole(weights: Float32[Tensor, "members rows"]) -> Pass:
    """All rows as they come, in one part."""
    order = torch.arange(weights.shape[1], device=weights.device).expand_as(weights)
    return Pass(order.unsqueeze(1), weights.unsqueeze(1))


def passes(
    streams: Sequence[torch.Generator], number: int, parts: int, weights: Float32[Tensor, "members rows"]
) -> Iterator[Pass]:
    """So many passes, each member's in a random order of its own stream.

    Parts are of one size, so that a few rows of a pass may be left over. Rows of weight 0 are left out, and the other
    rows of each member are parted for themselves: who else learns has no say in it.
    """
    rows = weights.shape[1]
    keys = torch.stack([torch.rand(number, rows, generator=stream) for stream in streams], 1).to(weights.device)
    if bool((weights > 0).all()) and rows >= parts:
        size = rows // parts
        full = torch.ones_like(weights)[:, : parts * size].unflatten(1, (parts, size))
        for own in keys:
            yield Pass(own.argsort(1)[:, : parts * size].unflatten(1, (parts, size)), full)
        return
    counted = (weights > 0).sum(1).view(-1, 1, 1)
    own_size = (counted // parts).clamp(min=1)
    part, place = torch.arange(parts).view(1, -1, 1), torch.arange(int(own_size.max())).view(1, 1, -1)
    position = (part.to(weights.device) * own_size) + place.to(weights.device)
    is_own = (place.to(weights.device) < own_size) & (position < counted)
    position = position.clamp(max=rows - 1)
    for own in keys + 2.0 * (weights == 0):
        yield Pass(own.argsort(1).gather(1, position.flatten(1)).view_as(position), is_own.float())


def taken(values: Rows, order: Int64[Tensor, "members kept"]) -> Shaped[Tensor, "members kept ..."]:
    """Each member's rows in its order."""
    members, rows = values.shape[:2]
    if members > 1:
        order = order + torch.arange(0, members * rows, rows, device=order.device).unsqueeze(1)
    return values.flatten(0, 1).index_select(0, order.flatten()).view(members, -1, *values.shape[2:])
