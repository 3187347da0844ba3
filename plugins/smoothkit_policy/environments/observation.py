"""From what an environment returns to the tensors that policies are given."""

from dataclasses import dataclass

import numpy as np
import torch
from gymnasium import Space, spaces
from jaxtyping import Shaped
from torch import Tensor

from smoothkit_policy.environments.spec import Observations

PIXELS_FROM = 36
"""Images of 8 bits that are at least so high and wide are pixels, and divided by 255; smaller ones hold codes, as in
MiniGrid."""


@dataclass(frozen=True)
class Reading:
    """How batches of observations are read: `form` is what comes out.

    Indices are counted from 0 and Int64; everything else is Float32. Boxes of one axis or none are vectors, boxes of
    three axes images, whose channels come first: the axis of the channels is the shortest, at either end. A box of two
    axes is an image of one channel if it has 8 bits, else a vector.
    """

    form: Observations
    axes: int = 0
    """Number of axes of the environment's own observations."""
    start: int = 0
    channels_last: bool = False
    divisor: float = 1.0

    def __call__(self, batch: np.ndarray) -> Shaped[Tensor, "members envs ..."]:
        """The observations of copies of several agents, which may share their memory with `batch`."""
        if self.form.kind == "index":
            index = torch.from_numpy(batch.astype(np.int64, copy=False))
            return index - self.start if self.start else index
        if self.axes != len(self.form.shape):
            batch = batch.reshape(*batch.shape[:2], *self.form.shape)
        read = torch.from_numpy(batch.astype(np.float32, copy=False))
        if self.channels_last:
            read = read.movedim(-1, -3).contiguous()
        return read if self.divisor == 1 else read / self.divisor


def reading_of(space: Space) -> Reading:
    """How observations of this space are read.

    Raises:
        ValueError: it is neither a whole number nor a box of at most three axes.
    """
    if isinstance(space, spaces.Discrete):
        return Reading(Observations("index", (), int(space.n)), start=int(space.start))
    if not isinstance(space, spaces.Box):
        raise ValueError(
            f"observations are of the kind {type(space).__name__}, which no network here takes; Box and Discrete are: "
            f"{_mend(space)}"
        )
    shape = space.shape
    if len(shape) > 3 or 0 in shape:
        raise ValueError(
            f"observations have the shape {shape}; networks take up to three axes, (channels, height, width): "
            'wrappers = ["FlattenObservation"] makes one of them'
        )
    is_bytes = space.dtype == np.uint8
    if len(shape) < 2 or (len(shape) == 2 and not is_bytes):
        return Reading(Observations("vector", (int(np.prod(shape)),)), len(shape))
    channels_last = len(shape) == 3 and shape[-1] <= shape[0]
    image = (shape[-1], *shape[:2]) if channels_last else (1, *shape)[-3:]
    divisor = 255.0 if is_bytes and min(image[1:]) >= PIXELS_FROM else 1.0
    return Reading(Observations("image", image), len(shape), channels_last=channels_last, divisor=divisor)


def _mend(space: Space) -> str:
    mend = 'wrappers = ["FlattenObservation"] makes a vector of them'
    parts = space.spaces if isinstance(space, spaces.Dict) else {}
    if "mission" in parts:
        return 'wrappers = ["minigrid.wrappers:ImgObsWrapper"] leaves the picture, FlatObsWrapper makes a vector'
    return mend
