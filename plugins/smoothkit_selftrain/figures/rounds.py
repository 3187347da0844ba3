"""What was measured at the end of each round."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from smoothkit.report.describe import say
from smoothkit.report.figures import Figure
from smoothkit.report.numbers import known
from smoothkit_selftrain.quantities import BIAS, ROUNDS, WORTH, Quantity


@dataclass(frozen=True, kw_only=True)
class RoundsFigure(Figure):
    """Curves over the rounds in two panels: what labels and model are worth, and what became of errors.

    A study's round table is made of these figures.
    """

    rounds: tuple[int, ...]
    values: dict[str, tuple[float | None, ...]]
    """By the names of `quantities.ROUNDS`: shares after each round, None where one is not defined."""

    @classmethod
    def of(cls, title: str, values: Mapping[int, Mapping[str, float]]) -> "RoundsFigure":
        """The values of each round, by name."""
        series = {each.name: tuple(known(found[each.name]) for found in values.values()) for each in ROUNDS}
        return cls(title=title, rounds=tuple(values), values=series)

    def describe(self) -> str:
        """Where each curve begins and ends."""
        told = [f"{each.words} from {say(self._of(each)[0])} to {say(self._of(each)[-1])}" for each in ROUNDS]
        return f"{self.title} {self.rounds[0]} to {self.rounds[-1]}: {'; '.join(told)}"

    def draw(self) -> Any:
        """Both panels on one scale, from 0 to 1."""
        from matplotlib.figure import Figure as Picture
        from matplotlib.ticker import MaxNLocator

        from smoothkit.report.pictures.style import blank, frame, layout_engine, line

        picture = Picture(figsize=(7.4, 3.7), layout=layout_engine())
        picture.suptitle(self.title, fontsize=10)
        panels = picture.subplots(1, 2, sharey=True)
        for axes, quantities, title in zip(panels, (WORTH, BIAS), ("Right and selected", "Errors"), strict=True):
            for place, each in enumerate(quantities):
                look = line(place, single=len(self.rounds) == 1)
                axes.plot(self.rounds, blank(self._of(each)), label=each.words, **look)
            frame(axes, title, "round", "share" if quantities is WORTH else "")
            axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
            axes.set_ylim(-0.03, 1.03)
            # Curves may be anywhere, so that the names stand below.
            axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2, fontsize=7.5)
        return picture

    def _of(self, quantity: Quantity) -> tuple[float | None, ...]:
        return self.values[quantity.name]
