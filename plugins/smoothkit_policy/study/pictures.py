"""Figures over all variants of a study: what each coefficient is worth, and how the best ones learned."""

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from smoothkit.report.figures import CurvesFigure, Figure
from smoothkit.report.numbers import known
from smoothkit.statistics import Interval
from smoothkit_policy.figures.learning import EPISODES
from smoothkit_policy.quantities import SOLVED
from smoothkit_policy.study.peaks import Contest
from smoothkit_policy.study.scores import middle, solved_share, values_of
from smoothkit_policy.study.sweep import Seeds

CURVE = "learning"
"""The figure of a run's result that has its measurements during training."""
SAMPLED = "sampled"
"""The curve of it that is read; where no variant has it, that of training's own episodes."""


def study_figures(contests: Mapping[str, Contest]) -> dict[str, Figure]:
    """For each environment: seeds that solve it and sampled returns by coefficient, and learning curves."""
    found: dict[str, Figure] = {}
    for title, contest in contests.items():
        own = {
            "solved by coefficient": solved_figure(contest),
            "return by coefficient": return_figure(contest),
            "learning": learning_figure(contest),
        }
        prefix = f"{title}: " if len(contests) > 1 else ""
        found.update({f"{prefix}{name}": figure for name, figure in own.items() if figure is not None})
    return found


def solved_figure(contest: Contest) -> CurvesFigure | None:
    """The share of seeds that solve it, with Wilson's intervals."""
    return _by_coefficient(
        contest,
        "share of seeds that solve it",
        lambda seeds: solved_share(values_of(seeds, SOLVED, list(seeds))),
    )


def return_figure(contest: Contest) -> CurvesFigure | None:
    """The interquartile mean of the sampled return, with bootstrap intervals."""
    return _by_coefficient(
        contest, f"sampled return{contest.scale.words}", lambda seeds: middle(contest.scale.sampled(seeds, list(seeds)))
    )


def _by_coefficient(contest: Contest, y_label: str, measure: Callable[[Seeds], Interval]) -> CurvesFigure | None:
    group = contest.group
    if not group.sweeps:
        return None
    found = {
        method.name: [measure(group.results[variant]) for variant in method.variants.values()]
        for method in group.sweeps
    }
    if not any(math.isfinite(each.estimate) for intervals in found.values() for each in intervals):
        return None
    x = {method.name: tuple(math.log10(coef) for coef in method.variants) for method in group.sweeps}
    return _curves(f"{group.title}: {y_label}", "coefficient, as a power of 10", y_label, x, found)


def learning_figure(contest: Contest) -> CurvesFigure | None:
    """The sampled return during training at the coefficients that were picked: interquartile means over seeds.

    Where none was measured it is the return of training's own episodes, and the axis says so.
    """
    measured = _learning(contest, SAMPLED, "sampled return")
    return measured or _learning(contest, EPISODES, f"return of {EPISODES}")


def _learning(contest: Contest, curve: str, y_label: str) -> CurvesFigure | None:
    group = contest.group
    x: dict[str, tuple[float, ...]] = {}
    found: dict[str, list[Interval]] = {}
    for name, chosen in contest.picks.items():
        steps, values = _points(group.results[chosen.variant], curve)
        if len(steps) > 1:
            label = f"{name} {chosen.coefficient:g}" if chosen.method.is_sweep else name
            x[label] = tuple(steps)
            found[label] = [middle(column) for column in values.T]
    if not found:
        return None
    return _curves(f"{group.title}: learning", "steps in environments", y_label, x, found)


def _points(seeds: Seeds, curve: str) -> tuple[list[float], np.ndarray]:
    """Steps, and the return of each seed at each; NaN where a seed has none there."""
    curves = [figure for result in seeds.values() if isinstance(figure := result.figures.get(CURVE), CurvesFigure)]
    own = [dict(zip(figure.x[curve], figure.y[curve], strict=True)) for figure in curves if curve in figure.x]
    steps = sorted({step for each in own for step in each})
    values = [[math.nan if (value := each.get(step)) is None else value for step in steps] for each in own]
    return steps, np.array(values, dtype=np.float64).reshape(len(own), len(steps))


def _curves(
    title: str,
    x_label: str,
    y_label: str,
    x: Mapping[str, tuple[float, ...]],
    found: Mapping[str, Sequence[Interval]],
) -> CurvesFigure:
    return CurvesFigure(
        title=title,
        x_label=x_label,
        y_label=y_label,
        x=dict(x),
        y={name: tuple(known(each.estimate) for each in own) for name, own in found.items()},
        low={name: tuple(known(each.low) for each in own) for name, own in found.items()},
        high={name: tuple(known(each.high) for each in own) for name, own in found.items()},
    )
