"""Samples in the plane at several moments of a training."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from smoothkit.report.figures import Figure
from smoothkit_gan.data.mixtures import Mixture
from smoothkit_gan.figures.samples import Points, decimals_of, draw_dots, draw_modes, pairs, window_of
from smoothkit_gan.metrics.modes import mode_statistics


@dataclass(frozen=True, kw_only=True)
class MomentsFigure(Figure):
    """The same latent vectors' samples after some steps, beside each other, with a circle of 3 standard deviations
    around each true mode."""

    moments: dict[str, Points]
    """By what stands above them."""
    means: Points
    std: float

    @classmethod
    def of(cls, title: str, moments: Mapping[str, Float[Tensor, "samples 2"]], mixture: Mixture) -> "MomentsFigure":
        """All points, in the units of `mixture`, with the digits that show."""
        digits = decimals_of(mixture)
        kept = {name: pairs(points, digits) for name, points in moments.items()}
        return cls(title=title, moments=kept, means=pairs(mixture.means, digits), std=mixture.std)

    def describe(self) -> str:
        """How many modes are hit at each moment, and how well."""
        return f"{self.title}: " + "; ".join(f"{name}: {self._words(name)}" for name in self.moments)

    def draw(self) -> Any:
        """A row of panels."""
        from matplotlib.figure import Figure as Picture

        from smoothkit.report.pictures.style import layout_engine

        picture = Picture(figsize=(2.1 * len(self.moments), 2.7), layout=layout_engine())
        picture.suptitle(self.title, fontsize=10)
        low, high = window_of(self._mixture)
        panels = picture.subplots(1, len(self.moments), squeeze=False, sharex=True, sharey=True).ravel()
        for axes, (name, points) in zip(panels, self.moments.items(), strict=True):
            draw_modes(axes, self.means, self.std)
            draw_dots(axes, torch.tensor(points, dtype=torch.float64))
            axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal", xticks=[], yticks=[])
            axes.set_title(f"{name}\n{self._words(name)}", fontsize=8)
        return picture

    @property
    def _mixture(self) -> Mixture:
        return Mixture(torch.tensor(self.means, dtype=torch.float64), self.std)

    def _words(self, name: str) -> str:
        found = mode_statistics(torch.tensor(self.moments[name]), self._mixture)
        return f"{found.modes} of {len(self.means)} modes, {100 * found.high_quality:.0f} % near"
