"""How right pseudo-labels are, against how sure they are, over the rounds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from smoothkit.metrics import Reliability
from smoothkit.report.describe import say
from smoothkit.report.figures import Figure
from smoothkit.report.legibility import kept_points
from smoothkit.report.numbers import known

MOST_ROUNDS = 5
"""Rounds that have room beside each other: the first, the last, and those between at even distances."""

QUIET = "#57606a"


@dataclass(frozen=True, kw_only=True)
class ConfidenceFigure(Figure):
    """For each round a diagram of accuracy against confidence, and below it how many pseudo-labels are right and wrong
    at each confidence."""

    rounds: tuple[int, ...]
    edges: tuple[float, ...]
    """Of the bins of confidence, one more than there are."""
    right: tuple[tuple[int, ...], ...]
    """By round and bin: pseudo-labels that are right."""
    wrong: tuple[tuple[int, ...], ...]
    confidence: tuple[tuple[float | None, ...], ...]
    """By round and bin: mean confidence; None in empty bins."""
    threshold: float | None = None
    """The confidence that is learned from, if there is one number for it."""

    @classmethod
    def of(cls, title: str, bins: Mapping[int, Reliability], threshold: float | None = None) -> "ConfidenceFigure":
        """At most five of the rounds, each with the same bins of its pseudo-labels.

        Raises:
            ValueError: there is no round.
        """
        if not bins:
            raise ValueError(f"{title}: there is no round to be drawn; expected one at least")
        everything = list(bins)
        rounds = tuple(everything[place] for place in kept_points(len(everything), MOST_ROUNDS))
        shown = [bins[round] for round in rounds]
        right = tuple(tuple(round(sums) for sums in each.correctness_sum.tolist()) for each in shown)
        counts = (each.counts.tolist() for each in shown)
        return cls(
            title=title,
            rounds=rounds,
            edges=tuple(shown[0].edges.tolist()),
            right=right,
            wrong=tuple(
                tuple(total - own for total, own in zip(*each, strict=True)) for each in zip(counts, right, strict=True)
            ),
            confidence=tuple(tuple(known(mean) for mean in each.confidence.tolist()) for each in shown),
            threshold=threshold,
        )

    def describe(self) -> str:
        """Accuracy and confidence of all pseudo-labels in each round, and of the wrong ones how many are sure."""
        told = [f"round {round}: {self._words(place)}" for place, round in enumerate(self.rounds)]
        marked = "" if self.threshold is None else f". Learned from: those of confidence {say(self.threshold)} or more"
        return f"{self.title}: {'; '.join(told)}{marked}"

    def draw(self) -> Any:
        """A column for each round."""
        from matplotlib.figure import Figure as Picture

        from smoothkit.report.pictures.style import layout_engine

        columns = len(self.rounds)
        picture = Picture(figsize=(max(1.9 * columns, 3.0), 3.9), layout=layout_engine())
        picture.suptitle(self.title, fontsize=10)
        grid = picture.subplots(2, columns, squeeze=False, sharex=True, sharey="row")
        for place, round in enumerate(self.rounds):
            above, below = grid[:, place]
            _, accuracy, confidence = self._means(place)
            above.set_title(
                f"round {round}\nright {100 * accuracy:.0f} %\nconfidence {100 * confidence:.0f} %", fontsize=8
            )
            self._draw_accuracy(above, place)
            self._draw_counts(below, place)
            if self.threshold is not None:
                for axes in (above, below):
                    axes.axvline(self.threshold, color=QUIET, linewidth=0.8, linestyle=":")
        grid[0, 0].set_ylabel("accuracy")
        grid[1, 0].set_ylabel("pseudo-labels")
        picture.supxlabel("confidence", fontsize=9)
        handles, labels = grid[1, 0].get_legend_handles_labels()
        picture.legend(handles, labels, loc="outside lower right", ncols=2)
        return picture

    def _draw_accuracy(self, axes: Any, place: int) -> None:
        """A dot for each bin, larger the more pseudo-labels it holds; on the diagonal confidence is what it says."""
        from smoothkit.report.pictures.style import PALETTE

        axes.plot((0, 1), (0, 1), color=QUIET, linewidth=0.8)
        points = [
            (confidence, right / (right + wrong), right + wrong)
            for confidence, right, wrong in zip(
                self.confidence[place], self.right[place], self.wrong[place], strict=True
            )
            if confidence is not None
        ]
        if points:
            x, y, counts = zip(*points, strict=True)
            sizes = [6 + 60 * count / sum(counts) for count in counts]
            axes.plot(x, y, color=PALETTE[0], linewidth=0.8)
            axes.scatter(x, y, s=sizes, color=PALETTE[0], linewidths=0, zorder=3, clip_on=False)
        axes.set(xlim=(0, 1), ylim=(-0.03, 1.03), xticks=(0, 0.5, 1))
        axes.grid(color="#dddddd", linewidth=0.6)

    def _draw_counts(self, axes: Any, place: int) -> None:
        """Wrong ones from the axis up, because they are what is looked for, and right ones on top of them."""
        from smoothkit.report.pictures.style import PALETTE

        wrong, right = self.wrong[place], self.right[place]
        both = [one + other for one, other in zip(wrong, right, strict=True)]
        axes.stairs(wrong, self.edges, fill=True, color=PALETTE[1], label="wrong")
        axes.stairs(both, self.edges, baseline=wrong, fill=True, color=PALETTE[0], alpha=0.45, label="right")

    def _means(self, place: int) -> tuple[int, float, float]:
        """How many there are, their accuracy and their mean confidence."""
        counts = [sum(both) for both in zip(self.right[place], self.wrong[place], strict=True)]
        total = sum(counts)
        sums = (mean * count for mean, count in zip(self.confidence[place], counts, strict=True) if mean is not None)
        return total, sum(self.right[place]) / total, sum(sums) / total

    def _words(self, place: int) -> str:
        total, accuracy, confidence = self._means(place)
        wrong = sum(self.wrong[place])
        sure = sum(count for edge, count in zip(self.edges[:-1], self.wrong[place], strict=True) if edge >= 0.8)
        return (
            f"{100 * accuracy:.1f} % of {total} right, mean confidence {100 * confidence:.1f} %; of {wrong} wrong ones "
            f"{sure} are more than 80 % sure"
        )
