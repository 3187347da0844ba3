"""An episode in pictures."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from math import ceil
from typing import Any

import numpy as np
from jaxtyping import UInt8

from smoothkit.report.describe import say
from smoothkit.report.figures import Figure

LARGEST_SIDE = 240
"""Pixels of the longer side of a picture that is kept; larger ones are made smaller."""

MOST_COLUMNS = 6
"""Pictures beside each other, at most."""


Frame = UInt8[np.ndarray, "height width 3"]
"""A picture."""


@dataclass(frozen=True, kw_only=True)
class StripFigure(Figure):
    """Pictures of an episode at moments that are evenly spread over it, from the first to the last."""

    frames: tuple[str, ...]
    """PNG files, in base64."""
    steps: tuple[int, ...]
    """Steps taken before each picture."""
    earned: tuple[float, ...]
    """The undiscounted return until then."""

    @classmethod
    def of(cls, title: str, frames: Mapping[int, Frame], rewards: Sequence[float], number: int) -> "StripFigure":
        """At most so many of the pictures of an episode with these rewards, by the number of steps before each.

        Raises:
            ValueError: there is no picture of the beginning or none of the end.
        """
        if not frames.keys() >= {0, len(rewards)}:
            raise ValueError(
                f"there are pictures of the steps {sorted(frames)}; expected those of 0 and {len(rewards)}"
            )
        taken, wanted = np.array(sorted(frames)), np.linspace(0, len(rewards), number)
        places = sorted({int(taken[abs(taken - each).argmin()]) for each in wanted})
        earned = np.concatenate([[0.0], np.cumsum(rewards)])
        return cls(
            title=title,
            frames=tuple(_png(frames[place]) for place in places),
            steps=tuple(places),
            earned=tuple(float(earned[place]) for place in places),
        )

    def describe(self) -> str:
        """How long the episode is and what it returns; what is to be seen in the pictures no number says."""
        seen = ", ".join(f"step {step}: {say(earned)}" for step, earned in zip(self.steps, self.earned, strict=True))
        return f"{self.title}: {self.steps[-1]} steps, return {say(self.earned[-1])}; return until each picture: {seen}"

    def draw(self) -> Any:
        """Pictures in equal rows of six at most, with the step and the return until then above each."""
        from matplotlib.figure import Figure as Picture

        from smoothkit.report.pictures.style import layout_engine

        pictures = [_pixels(frame) for frame in self.frames]
        rows = ceil(len(pictures) / MOST_COLUMNS)
        columns = ceil(len(pictures) / rows)
        height, width = pictures[0].shape[:2]
        side = 1.7 if width >= height else 1.7 * width / height
        tall = side * height / width
        # A cell is wide enough for its words, however narrow its picture.
        picture = Picture(figsize=(max(side, 1.3) * columns, (tall + 0.45) * rows + 0.3), layout=layout_engine())
        picture.suptitle(self.title, fontsize=10, wrap=True)
        panels = picture.subplots(rows, columns, squeeze=False).ravel()
        for axes in panels:
            axes.set_axis_off()
        for axes, pixels, step, earned in zip(panels, pictures, self.steps, self.earned, strict=False):
            axes.imshow(pixels, interpolation="nearest" if max(pixels.shape) <= 64 else "antialiased")
            axes.set_title(f"step {step}\nreturn {say(earned)}", fontsize=7)
        return picture


def _png(frame: Frame) -> str:
    from PIL import Image

    image = Image.fromarray(frame)
    # Environments draw in few colours, of which 64 with no dots between them are enough, and take a third of the room.
    image.thumbnail((LARGEST_SIDE, LARGEST_SIDE))
    stream = BytesIO()
    image.quantize(64, dither=Image.Dither.NONE).save(stream, "PNG", optimize=True)
    return base64.b64encode(stream.getvalue()).decode("ascii")


def _pixels(frame: str) -> Frame:
    from PIL import Image

    with Image.open(BytesIO(base64.b64decode(frame, validate=True))) as image:
        return np.asarray(image.convert("RGB"))
