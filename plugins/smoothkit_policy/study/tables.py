"""Tables of a study of policies: windows and peaks by method, every coefficient, and every variant with all numbers."""

import math
from collections.abc import Sequence

import numpy as np

from smoothkit.report.numbers import MISSING, count, known, number
from smoothkit.report.table import Cell, Section, Table, Verdict
from smoothkit_policy.quantities import (
    COVERAGE,
    ENTROPY,
    MIN_PROBABILITY,
    PREMATURE,
    RETURN_DESMOOTHED,
    RETURN_SAMPLED,
    SOLVED,
    Quantity,
)
from smoothkit_policy.study.peaks import Contest
from smoothkit_policy.study.picks import Pick
from smoothkit_policy.study.scores import improvement, mean_of, middle, solved_share, values_of
from smoothkit_policy.study.sweep import Group, Method
from smoothkit_policy.study.texts import ranged
from smoothkit_policy.study.times import time_until_solved
from smoothkit_policy.study.windows import LARGEST_SHORTFALL, LEAST_SOLVED, Window, window_of

WORKS = " *"
"""Behind a cell whose coefficient works."""
ROUNDING = 1e-9
"""Share of a return by which two ways of computing it differ."""
MEANS = (ENTROPY, PREMATURE, COVERAGE, MIN_PROBABILITY)
"""Shown as plain means over seeds."""


def windows_table(contest: Contest) -> Table:
    """Each method: at which coefficients it works, and what it is worth at the best."""
    group = contest.group
    rows = tuple(_window_row(contest, contest.picks[method.name]) for method in group.methods)
    works = f"at least {100 * LEAST_SOLVED:.0f} % of the seeds solve it"
    if contest.scale.is_share:
        works += f", and the sampled policy is short of the optimum by {100 * LARGEST_SHORTFALL:.0f} % at most"
    columns = ("method", "works at", "of", "width", "best", "solved %", "sampled", "greedy", "beats")
    return Table(
        title=f"Methods: {group.title}, {count(len(group.seeds), 'seed')}",
        columns=columns,
        numeric=(False, False, *[True] * 7),
        sections=(Section(rows=rows),),
        notes=(
            f"Works: {works}. Width: largest over smallest coefficient of the longest stretch that works.",
            f"From “best” on, {_whose(contest)}. Sampled, greedy: interquartile means of returns{contest.scale.words}, "
            f"with bootstrap intervals where seeds differ; solved: with Wilson's.{_beats_words(group)}",
        ),
    )


def _beats_words(group: Group) -> str:
    if group.without is None:
        return ""
    return f" Beats: the chance that a seed's sampled return is above one of “{group.names[group.without]}”."


def _whose(contest: Contest) -> str:
    if not contest.halves.are_apart:
        return "of the coefficient with the highest sampled return, on the same seeds"
    halves = contest.halves
    return f"of the coefficient that {len(halves.picking)} seeds pick, on the {len(halves.measuring)} others"


def _window_row(contest: Contest, chosen: Pick) -> tuple[Cell, ...]:
    group, method = contest.group, chosen.method
    window = window_of(group, method)
    solved = solved_share(values_of(group.results[chosen.variant], SOLVED, contest.halves.measuring))
    cells = (
        method.name,
        _coefficients(window) if method.is_sweep else MISSING,
        str(window.of) if method.is_sweep else MISSING,
        number(window.width, 1) if window.coefficients and method.is_sweep else MISSING,
        f"{chosen.coefficient:g}" if chosen.coefficient else MISSING,
        ranged(solved, 0, factor=100),
        ranged(middle(chosen.sampled), 1),
        ranged(middle(chosen.greedy), 1),
        _beats(contest, chosen),
    )
    return tuple(Cell(text=text) for text in cells)


def _coefficients(window: Window) -> str:
    return ", ".join(f"{coef:g}" for coef in window.working) or MISSING


def _beats(contest: Contest, chosen: Pick) -> str:
    group = contest.group
    if group.without is None or chosen.variant == group.without:
        return MISSING
    reference = contest.scale.sampled(group.results[group.without], contest.halves.measuring)
    return ranged(improvement(chosen.sampled, reference), 2)


def sweep_table(contest: Contest) -> Table:
    """By coefficient and method: seeds that solved it, and the mean return of the sampled policy."""
    group = contest.group
    windows = {method.name: window_of(group, method).working for method in group.sweeps}
    coefs = sorted({coef for method in group.sweeps for coef in method.variants})
    rows = tuple(
        (Cell(text=f"{coef:g}"), *(_sweep_cell(contest, method, coef, windows[method.name]) for method in group.sweeps))
        for coef in coefs
    )
    notes = [
        f"Seeds that solved it, and the mean return of the sampled policy{contest.scale.words}, of all seeds;{WORKS}: "
        "works."
    ]
    if group.without is not None:
        own = group.results[group.without]
        told = _seeds_and_return(contest, group.without)
        notes.append(f"{group.names[group.without]}: {told} ({count(len(own), 'seed')}).")
    return Table(
        title=f"Coefficients: {group.title}",
        columns=("coefficient", *(method.name for method in group.sweeps)),
        numeric=(True, *[True] * len(group.sweeps)),
        sections=(Section(rows=rows),),
        notes=tuple(notes),
    )


def _sweep_cell(contest: Contest, method: Method, coef: float, working: Sequence[float]) -> Cell:
    if coef not in method.variants:
        return Cell(text=MISSING)
    text = _seeds_and_return(contest, method.variants[coef])
    verdict: Verdict | None = "better" if coef in working else None
    return Cell(text=text + (WORKS if coef in working else ""), verdict=verdict)


def _seeds_and_return(contest: Contest, variant: str) -> str:
    seeds = contest.group.results[variant]
    solved = values_of(seeds, SOLVED, list(seeds))
    told = solved[np.isfinite(solved)]
    rate = f"{told.sum():.0f}/{len(told)}" if len(told) else MISSING
    return f"{rate}  {number(known(mean_of(contest.scale.sampled(seeds, list(seeds)))), 1)}"


def variants_table(contest: Contest) -> Table:
    """Every variant with all that is measured, over all seeds."""
    group, scale = contest.group, contest.scale
    differs = _differs(group)
    means = [each for each in MEANS if _is_measured(group, each)]
    rows = []
    for variant, seeds in group.results.items():
        order = list(seeds)
        rows.append(
            (
                group.names[variant],
                ranged(solved_share(values_of(seeds, SOLVED, order)), 0, factor=100),
                ranged(middle(scale.sampled(seeds, order)), 1),
                *([ranged(middle(scale.desmoothed(seeds, order)), 1)] if differs else []),
                ranged(middle(scale.greedy(seeds, order)), 1),
                *(_plain(mean_of(values_of(seeds, each, order)), each) for each in means),
                time_until_solved(seeds, group.horizons[variant]),
            )
        )
    returns = ("sampled", *(["de-smoothed"] if differs else []), "greedy")
    return Table(
        title=f"Variants: {group.title}, {count(len(group.seeds), 'seed')}",
        columns=("variant", "solved %", *returns, *(each.heading for each in means), "steps until solved"),
        numeric=(False, *[True] * (2 + len(returns) + len(means))),
        sections=(Section(rows=tuple(tuple(Cell(text=text) for text in row) for row in rows)),),
        notes=(
            f"Solved: with Wilson's interval. Returns: interquartile mean of the return{scale.words} with its "
            "bootstrap interval where seeds differ. Steps until solved: the median by Kaplan and Meier and its "
            "interval, in environments; a seed that never solved it counts as longer, not as missing.",
            "Entropy: of log K, over visited states. Premature: entropy below 5 % of log K, and not solved. Rarest "
            "action: 1 % quantile over visited states.",
        ),
    )


def _differs(group: Group) -> bool:
    """Whether anything was smoothed that could be taken off."""
    pairs = (
        [result.scalars.get(each.name, math.nan) for each in (RETURN_DESMOOTHED, RETURN_SAMPLED)]
        for seeds in group.results.values()
        for result in seeds.values()
    )
    return any(not math.isclose(own, other, rel_tol=ROUNDING) for own, other in pairs)


def _is_measured(group: Group, quantity: Quantity) -> bool:
    return any(
        math.isfinite(result.scalars.get(quantity.name, math.nan))
        for seeds in group.results.values()
        for result in seeds.values()
    )


def _plain(value: float, quantity: Quantity) -> str:
    return number(known(100 * value if quantity.percent else value), quantity.places)
