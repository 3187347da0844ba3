"""What generators made of the same latent vectors earlier on, for pictures of how a training went."""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from smoothkit.run import Run
from smoothkit.runs import Runs
from smoothkit_gan.config import GanConfig
from smoothkit_gan.data.parts import Parts
from smoothkit_gan.figures.images import MOST_IMAGES
from smoothkit_gan.sampling import draw, generator_of
from smoothkit_gan.trained import Trained

SHARES = (0.25, 0.5, 0.75)
"""Of the training, after which samples are kept."""

MOST_DOTS = 500
"""Samples in the plane that show one moment."""


class Snapshots:
    """Samples of each member after a quarter, half and three quarters of the training; tracked, as they would be lost
    when a run is resumed."""

    def __init__(self, config: GanConfig, runs: Runs, parts: Sequence[Parts]):
        self._config, self._runs = config, runs
        steps = config.train.steps
        self.moments = tuple(sorted({round(share * steps) for share in SHARES} - {0, steps}))
        one = picturable(parts[0], torch.zeros(pictured(parts[0]), *parts[0].shape))
        self._kept = one.new_zeros(len(runs), len(self.moments), *one.shape)
        runs.track(snapshots=self)

    def take(self, step: int, members: Sequence[Trained]) -> None:
        """Keep what the members make now, at one of the moments."""
        for index, (run, trained) in enumerate(zip(self._runs, members, strict=True)):
            self._kept[index, self.moments.index(step)] = picture_samples(self._config, run, trained)

    def before(self, step: int, index: int) -> dict[int, Shaped[Tensor, "samples ..."]]:
        """What member `index` made before `step`, by step."""
        return {at: kept for at, kept in zip(self.moments, self._kept[index], strict=True) if at < step}

    def state_dict(self) -> dict[str, Any]:
        """All that was kept, (members, moments, samples, *shape)."""
        return {"kept": self._kept}

    def load_state_dict(self, state_dict: dict[str, Any], /) -> None:
        """The inverse of `state_dict`."""
        self._kept = state_dict["kept"]


def pictured(parts: Parts) -> int:
    """How many samples show one moment."""
    return MOST_DOTS if parts.mixture else MOST_IMAGES


def picture_samples(config: GanConfig, run: Run, trained: Trained) -> Shaped[Tensor, "samples ..."]:
    """What the generator that is asked for makes now of latent vectors that are the same at every step."""
    samples = draw(config, run, generator_of(config, trained), pictured(trained.parts), "pictures")
    return picturable(trained.parts, samples)


def picturable(parts: Parts, samples: Float[Tensor, "samples ..."]) -> Shaped[Tensor, "samples ..."]:
    """Samples in the model's space as pictures want them: points in the units of the data, images in bytes."""
    if parts.mixture:
        return parts.from_model(samples)
    return ((samples.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
