"""What a discriminator says of real samples and of fakes."""

from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from smoothkit.report.describe import say
from smoothkit.report.figures import Figure

BINS = 50
QUIET = "#57606a"


@dataclass(frozen=True, kw_only=True)
class HistogramFigure(Figure):
    """Shares of real samples and of fakes in bins of what a discriminator says, with marks for what it ought to say."""

    x_label: str
    edges: tuple[float, ...]
    """Of the bins, one more than there are."""
    real: tuple[float, ...]
    """Share of the real samples in each bin."""
    fake: tuple[float, ...]
    real_mean: float
    fake_mean: float
    marks: dict[str, float] = field(default_factory=dict)
    """Where lines stand, by the words at them: `ceiling` and `equilibrium`, say."""

    @classmethod
    def of(
        cls,
        title: str,
        real: Float[Tensor, " real"],
        fake: Float[Tensor, " fake"],
        x_label: str = "D",
        low: float = 0.0,
        high: float = 1.0,
        marks: dict[str, float] | None = None,
    ) -> "HistogramFigure":
        """Fifty bins from `low` to `high`; what lies beyond is counted in the first and the last one."""
        edges = torch.linspace(low, high, BINS + 1, dtype=torch.float64)
        shares = [
            torch.histogram(values.detach().cpu().double().clamp(low, high), edges).hist / len(values)
            for values in (real, fake)
        ]
        return cls(
            title=title,
            x_label=x_label,
            edges=tuple(round(edge, 6) for edge in edges.tolist()),
            real=tuple(round(share, 6) for share in shares[0].tolist()),
            fake=tuple(round(share, 6) for share in shares[1].tolist()),
            real_mean=real.double().mean().item(),
            fake_mean=fake.double().mean().item(),
            marks=dict(marks or {}),
        )

    def describe(self) -> str:
        """Where both lie, and how far they overlap."""
        overlap = sum(map(min, self.real, self.fake))
        marked = "".join(f"; {words} at {say(at)}" for words, at in self.marks.items())
        return (
            f"{self.title}: mean {self.x_label} {say(self.real_mean)} on real samples and {say(self.fake_mean)} on "
            f"fakes; the histograms overlap by {100 * overlap:.0f} %{marked}"
        )

    def draw(self) -> Any:
        """Two filled outlines, whose overlap is seen through."""
        from matplotlib.figure import Figure as Picture

        from smoothkit.report.pictures.style import DASHES, PALETTE, frame, layout_engine

        picture = Picture(figsize=(4.8, 3.2), layout=layout_engine())
        axes = picture.add_subplot()
        both = (("real samples", self.real, self.real_mean), ("fakes", self.fake, self.fake_mean))
        for (name, shares, mean), color, dash in zip(both, PALETTE, DASHES, strict=False):
            label = f"{name}, mean {say(mean)}"
            axes.stairs(shares, self.edges, fill=True, color=color, alpha=0.25)
            axes.stairs(shares, self.edges, color=color, linestyle=dash, linewidth=1.2, label=label)
        axes.set_ylim(bottom=0)
        frame(axes, self.title, self.x_label, "share of samples")
        axes.legend(loc="best")
        if self.marks:
            for at in self.marks.values():
                axes.axvline(at, color=QUIET, linewidth=0.8, zorder=1)
            above = axes.secondary_xaxis("top")
            labels = [f"{words} {say(at)}" for words, at in self.marks.items()]
            above.set_xticks([*self.marks.values()], labels=labels, fontsize=7.5)
            above.spines["top"].set_visible(False)
        return picture
