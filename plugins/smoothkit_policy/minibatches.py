"""The rows of a rollout in random order, in parts."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import torch
from jaxtyping import Float32, Int64, Shaped
from torch import Tensor

Rows = Shaped[Tensor, "members rows ..."]


def orders(
    streams: Sequence[torch.Generator], passes: int, weights: Float32[Tensor, "members rows"]
) -> Iterator[Int64[Tensor, "members kept"]]:
    """A random order of each member's rows for each pass, from its own stream.

    Rows of weight 0 are left out; of members with fewer other rows than the most, some of them come last.
    """
    rows = weights.shape[1]
    keys = torch.stack([torch.rand(passes, rows, generator=stream) for stream in streams], 1).to(weights.device)
    valid = weights.sum(1)
    kept = int(valid.max())
    if kept < rows or not bool((valid == rows).all()):
        keys = keys + 2.0 * (weights == 0)
    for own in keys:
        yield own.argsort(1)[:, :kept]


def taken(values: Rows, order: Int64[Tensor, "members kept"]) -> Shaped[Tensor, "members kept ..."]:
    """Each member's rows in its order."""
    members, rows = values.shape[:2]
    if members > 1:
        order = order + torch.arange(0, members * rows, rows, device=order.device).unsqueeze(1)
    return values.flatten(0, 1).index_select(0, order.flatten()).view(members, -1, *values.shape[2:])


def parts(number: int, rows: int) -> list[slice]:
    """So many slices of `rows` rows, about equal in size; fewer where there are fewer rows."""
    bounds = [round(rows * part / number) for part in range(number + 1)]
    return [slice(low, high) for low, high in pairwise(bounds) if high > low]
