"""Mixtures of equal Gaussians, whose density is known, as data sets: what a generator made of them can be counted."""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import torch
from annotated_types import Ge, Gt
from jaxtyping import Float, Float32, Float64, Int64
from torch import Tensor

from smoothkit.data import Dataset, ImageSet
from smoothkit.data.statistics import channel_statistics
from smoothkit.seeding import derived_generator

Count = Annotated[int, Ge(1)]
Length = Annotated[float, Gt(0)]
Seed = Annotated[int, Ge(0)]


@dataclass(frozen=True, eq=False)
class Mixture:
    """Equally likely Gaussians with one standard deviation in every direction.

    p(x) = (1 / modes) Σ_k N(x; means_k, std² I)

    >>> ring = Mixture(torch.tensor([[1.0, 0.0], [-1.0, 0.0]], dtype=torch.float64), std=0.1)
    >>> round(ring.log_density(torch.tensor([[1.0, 0.0]])).exp().item(), 4)  # 1 / (2 · 2π · 0.01)
    7.9577
    """

    means: Float64[Tensor, "modes dims"]
    std: float

    @property
    def modes(self) -> int:
        """How many Gaussians there are."""
        return self.means.shape[0]

    @property
    def dims(self) -> int:
        """The dimension of a point."""
        return self.means.shape[1]

    def widened(self, width: float) -> "Mixture":
        """The law of a point plus independent normal noise of standard deviation `width` in every direction."""
        return Mixture(self.means, math.hypot(self.std, width))

    def sample(
        self, generator: torch.Generator, count: int
    ) -> tuple[Float32[Tensor, "points dims"], Int64[Tensor, " points"]]:
        """`count` independent points, and the mode that each was drawn from."""
        modes = torch.randint(self.modes, (count,), generator=generator)
        noise = torch.randn(count, self.dims, generator=generator, dtype=torch.float64)
        return (self.means[modes] + self.std * noise).float(), modes

    def log_density(self, points: Float[Tensor, "points dims"]) -> Float64[Tensor, " points"]:
        """log p at each point, finite however far away it is; on the device of `points`."""
        exponents = -self._distances(points).square() / 2
        constant = math.log(self.modes) + self.dims * math.log(self.std * math.sqrt(2 * math.pi))
        return exponents.logsumexp(1) - constant

    def nearest(
        self, points: Float[Tensor, "points dims"]
    ) -> tuple[Float64[Tensor, " points"], Int64[Tensor, " points"]]:
        """How far each point is from the mean next to it, in standard deviations, and which mode that is.

        >>> Mixture(torch.zeros(1, 2, dtype=torch.float64), std=0.5).nearest(torch.tensor([[0.0, 1.0]]))[0].item()
        2.0
        """
        found = self._distances(points).min(1)
        return found.values, found.indices

    def _distances(self, points: Float[Tensor, "points dims"]) -> Float64[Tensor, "points modes"]:
        """From every mean, in standard deviations; by differences, as expanded squares lose digits far from 0."""
        means = self.means.to(points.device)
        return torch.cdist(points.double(), means, compute_mode="donot_use_mm_for_euclid_dist") / self.std


@dataclass(frozen=True, eq=False)
class MixtureSet(Dataset):
    """Points of a mixture as features (N, D), labelled with the mode that each was drawn from."""

    mixture: Mixture = field(kw_only=True)
    """The law itself, in the units of the features."""


def ring(
    root: Path,
    modes: Count = 8,
    radius: Length = 1.0,
    std: Length = 0.01,
    train_samples: Count = 100_000,
    test_samples: Count = 2500,
    seed: Seed = 0,
) -> MixtureSet:
    """Gaussians on a circle: by default 8 on the unit circle with a standard deviation of 0.01, from VEEGAN and PacGAN.

    Mode k lies at the angle 2πk / modes, from (radius, 0) on. All are equally likely; points are drawn once, by `seed`
    alone. PacGAN trains on 100,000 of them; both count modes in 2,500 samples of the generator, as `smoothkit_gan`
    does: a sample is of high quality within 3 standard deviations of a mode. `root` is not used.

    Source: A. Srivastava et al., VEEGAN, 2017 (arXiv 1705.07761); Z. Lin et al., PacGAN, 2018 (arXiv 1712.04086).

    Raises:
        ValueError: an option is out of range.
        DataError: a mode has no training sample.
    """
    _check("ring", modes=modes, radius=radius, std=std)
    angles = 2 * math.pi * torch.arange(modes, dtype=torch.float64) / modes
    means = radius * torch.stack([angles.cos(), angles.sin()], 1)
    return _points("ring", Mixture(means, std), train_samples, test_samples, seed)


def grid(
    root: Path,
    side: Count = 5,
    spacing: Length = 2.0,
    std: Length = 0.05,
    train_samples: Count = 100_000,
    test_samples: Count = 2500,
    seed: Seed = 0,
) -> MixtureSet:
    """Gaussians on a square grid: by default 5 x 5, from -4 to 4, standard deviation 0.05, from VEEGAN and PacGAN.

    Neighbours are `spacing` apart and the grid is centred at 0; mode side·i + j lies in column i, row j. All are
    equally likely; points are drawn once, by `seed` alone. The rest of the protocol is that of `ring`, where the
    sources stand. `root` is not used.

    Raises:
        ValueError: an option is out of range.
        DataError: a mode has no training sample.
    """
    _check("grid", side=side, spacing=spacing, std=std)
    places = spacing * (torch.arange(side, dtype=torch.float64) - (side - 1) / 2)
    return _points("grid", Mixture(torch.cartesian_prod(places, places), std), train_samples, test_samples, seed)


def far_start(
    root: Path,
    std: Length = 0.1,
    train_samples: Count = 100_000,
    test_samples: Count = 2500,
    seed: Seed = 0,
) -> MixtureSet:
    """One Gaussian in one dimension, at 0: what a generator has to find that starts many standard deviations away.

    There is one mode, of standard deviation 0.1 by default; points are drawn once, by `seed` alone. Where the generator
    starts is its own affair: in `gan-truths` it is 4.2 away, 42 standard deviations, where no real sample lies and an
    optimal discriminator is sure of every fake. `root` is not used.

    Raises:
        ValueError: an option is out of range.
    """
    _check("far-start", std=std)
    return _points("far-start", Mixture(torch.zeros(1, 1, dtype=torch.float64), std), train_samples, test_samples, seed)


def _check(name: str, **options: float | int) -> None:
    for option, value in options.items():
        if not value > 0:
            raise ValueError(f"{name}: {option} is {value}; expected a number above 0")


def _points(name: str, mixture: Mixture, train_samples: int, test_samples: int, seed: int) -> MixtureSet:
    """Both parts of `mixture`, drawn independently."""
    _check(name, train_samples=train_samples, test_samples=test_samples)
    if seed < 0:
        raise ValueError(f"{name}: seed is {seed}; expected at least 0")
    train = ImageSet(*mixture.sample(derived_generator(seed, f"{name} train"), train_samples))
    test = ImageSet(*mixture.sample(derived_generator(seed, f"{name} test"), test_samples))
    mean, std = channel_statistics(train.images)
    return MixtureSet(
        train=train,
        test=test,
        class_names=tuple(str(mode) for mode in range(mixture.modes)),
        mean=mean,
        std=std,
        name=name,
        mixture=mixture,
    )
