"""Where the errors of pseudo-labels go from round to round: which stay, which are mended, which are new."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from smoothkit.report.figures import Figure
from smoothkit.report.legibility import kept_points
from smoothkit_selftrain.bias import Classes, Flow, flow

MOST_ROUNDS = 9
"""Rounds that are told apart: the first, the last, and those between at even distances."""

ROOM = 2.2
"""How high the picture is, in units of the most errors of a round: the many that stay right need no more."""

BAR = 0.05
"""Half the width of a bar, in rounds that are drawn."""

KINDS = ("stayed_wrong", "changed_wrong", "corrupted", "mended", "stayed_right")
WORDS = ("wrong, same class", "wrong, another class", "right, then wrong", "wrong, then right", "right")


@dataclass(frozen=True, kw_only=True)
class ErrorFlowFigure(Figure):
    """A bar of wrong pseudo-labels for each round, with those that are right above it, and between bars a band for
    each way that samples took."""

    rounds: tuple[int, ...]
    flows: tuple[dict[str, int], ...]
    """From each of the rounds to the next one that is drawn: numbers of samples, by the names of `bias.Flow`."""

    @classmethod
    def of(cls, title: str, classes: Mapping[int, Classes], truth: Classes) -> "ErrorFlowFigure":
        """At most nine of the rounds, by what the pseudo-labels were at their ends.

        Raises:
            ValueError: there are fewer than two rounds.
        """
        if len(classes) < 2:
            raise ValueError(f"{title}: {len(classes)} rounds; expected two at least, between which errors flow")
        everything = list(classes)
        rounds = tuple(everything[place] for place in kept_points(len(everything), MOST_ROUNDS))
        flows = (flow(classes[before], classes[after], truth) for before, after in pairwise(rounds))
        return cls(
            title=title, rounds=rounds, flows=tuple({kind: getattr(each, kind) for kind in KINDS} for each in flows)
        )

    def describe(self) -> str:
        """What became of the errors between each two rounds."""
        told = []
        for (before, after), each in zip(pairwise(self.rounds), self._flows, strict=True):
            wrong = each.stayed_wrong + each.changed_wrong + each.mended
            told.append(
                f"round {before} to {after}: of {wrong} wrong ones {each.mended} become right, {each.changed_wrong} "
                f"wrong in another way, {each.stayed_wrong} stay; {each.corrupted} become wrong"
            )
        return f"{self.title}, {self._flows[0].total} samples: {'; '.join(told)}"

    def draw(self) -> Any:
        """Bars and bands, cut off where all that is left is samples that stay right."""
        from matplotlib.figure import Figure as Picture

        from smoothkit.report.pictures.style import INK, layout_engine

        picture = Picture(figsize=(max(1.05 * len(self.rounds), 3.6), 3.6), layout=layout_engine())
        axes = picture.add_subplot()
        for place, each in enumerate(self._flows):
            _draw_bands(axes, place, each)
        errors = self._errors
        axes.bar(range(len(errors)), errors, 2 * BAR, color=INK, zorder=3)
        top = min(1.0, ROOM * max(errors)) or 1.0
        axes.set(xlim=(-0.2, len(errors) - 0.8), ylim=(0, top), xlabel="round", ylabel="share of unlabelled samples")
        axes.set_xticks(range(len(errors)), [str(round) for round in self.rounds])
        axes.set_title(self.title)
        picture.legend(handles=_legend(), loc="outside lower center", ncols=3, fontsize=7.5)
        return picture

    @property
    def _flows(self) -> list[Flow]:
        return [Flow(**each) for each in self.flows]

    @property
    def _errors(self) -> list[float]:
        """The share of wrong ones in each round that is drawn."""
        before = [(each.stayed_wrong + each.changed_wrong + each.mended) / each.total for each in self._flows]
        last = self._flows[-1]
        return [*before, (last.stayed_wrong + last.changed_wrong + last.corrupted) / last.total]


def _looks() -> dict[str, dict[str, Any]]:
    """Colours of the bands: errors in warm ones, what goes right in blue."""
    from smoothkit.report.pictures.style import PALETTE

    blue, red, green, _, orange, *_ = PALETTE
    looks = ((red, 0.85), (orange, 0.8), (red, 0.4), (green, 0.65), (blue, 0.12))
    return {
        kind: {"facecolor": color, "alpha": alpha, "linewidth": 0}
        for kind, (color, alpha) in zip(KINDS, looks, strict=True)
    }


def _legend() -> list[Any]:
    from matplotlib.patches import Patch

    return [Patch(label=words, **_looks()[kind]) for kind, words in zip(KINDS, WORDS, strict=True)]


def _draw_bands(axes: Any, place: int, flow: Flow) -> None:
    """The bands between two bars: at the left those that were wrong lie below, at the right those that are."""
    left = _stacked(flow, ("stayed_wrong", "changed_wrong", "mended", "corrupted", "stayed_right"))
    right = _stacked(flow, ("stayed_wrong", "changed_wrong", "corrupted", "mended", "stayed_right"))
    looks = _looks()
    for kind in reversed(KINDS):
        if getattr(flow, kind):
            axes.add_patch(_band(place + BAR, place + 1 - BAR, left[kind], right[kind], looks[kind]))


def _stacked(flow: Flow, order: tuple[str, ...]) -> dict[str, tuple[float, float]]:
    """Lower and upper end of each kind's share, one upon the other."""
    ends, below = {}, 0
    for kind in order:
        above = below + getattr(flow, kind)
        ends[kind] = (below / flow.total, above / flow.total)
        below = above
    return ends


def _band(x: float, end: float, start: tuple[float, float], stop: tuple[float, float], look: dict[str, Any]) -> Any:
    """A band that leaves and arrives level."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    middle = (x + end) / 2
    (low, high), (lower, higher) = start, stop
    vertices = [
        *((x, low), (middle, low), (middle, lower), (end, lower)),
        *((end, higher), (middle, higher), (middle, high), (x, high), (x, low)),
    ]
    curve = [Path.CURVE4] * 3
    return PathPatch(Path(vertices, [Path.MOVETO, *curve, Path.LINETO, *curve, Path.CLOSEPOLY]), **look)
