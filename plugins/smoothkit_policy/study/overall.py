"""The verdict, and what holds over all environments of a study."""

from collections.abc import Mapping, Sequence

import numpy as np

from smoothkit.report.numbers import MISSING, count, listed, number, quoted
from smoothkit.report.table import Cell, Section, Table
from smoothkit.statistics import Interval, interquartile_mean_interval, probability_of_improvement_interval
from smoothkit_policy.study.duels import OPEN, Duel
from smoothkit_policy.study.peaks import Contest
from smoothkit_policy.study.scores import NOTHING
from smoothkit_policy.study.texts import ranged
from smoothkit_policy.study.windows import window_of

WIDTHS = {1: "a wider window", -1: "a narrower window", 0: "no shown difference in the window's width"}
PEAKS = {1: "a higher peak", -1: "a lower peak", 0: "no shown difference in the peak"}


def verdict_words(duels: Sequence[Duel]) -> list[str]:
    """What the duels come to: one sentence of one environment, one for each method of several."""
    told = [duel for duel in duels if duel.difference is not None and duel.peak_sign is not None]
    if len({duel.contest.group.title for duel in told}) <= 1:
        return _of_one(told)
    by_pair: dict[tuple[str, str], list[Duel]] = {}
    for duel in told:
        by_pair.setdefault((duel.own.method.name, duel.rival.method.name), []).append(duel)
    return [_of_several(*pair, own) for pair, own in by_pair.items()]


def _of_one(duels: Sequence[Duel]) -> list[str]:
    alike: dict[tuple[int | None, int | None, str], list[str]] = {}
    for duel in duels:
        alike.setdefault((duel.width_sign, duel.peak_sign, duel.rival.method.name), []).append(duel.own.method.name)
    return [
        f"Verdict: against “{rival}”, {listed(quoted(names))} {'has' if len(names) == 1 else 'have'} "
        f"{verdict_text(width, peak)}."
        for (width, peak, rival), names in alike.items()
        if peak is not None
    ]


def verdict_text(width: int | None, peak: int) -> str:
    """What is wider or higher; without a width, that its window is open.

    >>> verdict_text(1, 0)
    'a wider window, not a higher peak'
    >>> verdict_text(None, -1)
    'a lower peak; the narrower window is open at the end of the grid: nothing is said of widths'
    """
    if width is None:
        return f"{PEAKS[peak]}; the narrower window is {OPEN}"
    if width == 1 and peak == 0:
        return "a wider window, not a higher peak"
    if width == 0 and peak == 0:
        return "neither a wider window nor a higher peak, so far as these seeds show"
    return f"{WIDTHS[width]} and {PEAKS[peak]}"


def _of_several(method: str, rival: str, duels: Sequence[Duel]) -> str:
    widths = _counted({"wider": 1, "narrower": -1}, [(duel.width_sign, duel.contest.group.title) for duel in duels])
    if are_open := [duel.contest.group.title for duel in duels if duel.is_open]:
        widths += f", on {listed(quoted(are_open))} {OPEN}"
    peaks = _counted({"higher": 1, "lower": -1}, [(duel.peak_sign, duel.contest.group.title) for duel in duels])
    return (
        f"Verdict: {method} against “{rival}” over {count(len(duels), 'environment')}: window {widths}; peak {peaks}; "
        "elsewhere no difference shown."
    )


def _counted(words: Mapping[str, int], found: Sequence[tuple[int | None, str]]) -> str:
    parts = []
    for word, sign in words.items():
        where = [title for own, title in found if own == sign]
        parts.append(f"{word} on {listed(quoted(where))}" if where else f"{word} on none")
    return ", ".join(parts)


def overall_table(contests: Mapping[str, Contest]) -> list[Table]:
    """Each method over all environments whose optimum is known: windows, and the sampled return at its best."""
    several = {title: contest for title, contest in contests.items() if contest.scale.is_share and contest.group.sweeps}
    if len(several) < 2:
        return []
    common = [
        name
        for name in next(iter(several.values())).picks
        if all(name in contest.picks for contest in several.values())
    ]
    without = _common_reference(several, common)
    rows = tuple(
        (
            Cell(text=name),
            *(Cell(text=_works(contest, name)) for contest in several.values()),
            Cell(text=ranged(_middle(several, name), 1)),
            Cell(text=MISSING if without in (None, name) else ranged(_beats(several, name, without), 2)),
        )
        for name in common
    )
    beats = f" Beats: the chance that a seed's is above one of “{without}”, mean over environments." if without else ""
    table = Table(
        title=f"Methods over {count(len(several), 'environment')}",
        columns=("method", *several, "sampled, all", "beats"),
        numeric=(False, *[True] * (len(several) + 2)),
        sections=(Section(rows=rows),),
        notes=(
            "By environment: coefficients that work of those that were tried, and the mean sampled return in % of the "
            "optimum at the one that half of the seeds pick, on the others. Sampled, all: its interquartile mean over "
            f"seeds and environments, what is below 0 counted as 0, with its stratified bootstrap interval.{beats}",
        ),
    )
    return [table] if rows else []


def _common_reference(contests: Mapping[str, Contest], common: Sequence[str]) -> str | None:
    """The method that is the reference in every environment."""
    names = {
        next((name for name, chosen in contest.picks.items() if chosen.variant == contest.group.without), None)
        for contest in contests.values()
    }
    (name, *others) = names
    return name if not others and name in common else None


def _works(contest: Contest, name: str) -> str:
    chosen = contest.picks[name]
    known = chosen.sampled[np.isfinite(chosen.sampled)]
    mean = number(float(known.mean()), 1) if len(known) else MISSING
    if not chosen.method.is_sweep:
        return mean
    window = window_of(contest.group, chosen.method)
    return f"{len(window.working)}/{window.of}  {mean}"


def _scores(contests: Mapping[str, Contest], name: str) -> np.ndarray:
    """Seeds that every environment has, by environment; no row if environments have different numbers of seeds."""
    columns = [contest.picks[name].sampled for contest in contests.values()]
    if len({len(column) for column in columns}) > 1:
        return np.empty((0, len(columns)))
    scores = np.stack(columns, axis=1)
    return scores[np.isfinite(scores).all(axis=1)]


def _middle(contests: Mapping[str, Contest], name: str) -> Interval:
    # A return far below that of standing still is no worse news than the latter, and would outweigh all else.
    scores = _scores(contests, name).clip(min=0)
    return interquartile_mean_interval(scores, np.random.default_rng(0)) if len(scores) else NOTHING


def _beats(contests: Mapping[str, Contest], name: str, without: str) -> Interval:
    own, other = _scores(contests, name), _scores(contests, without)
    if not (len(own) and len(other)):
        return NOTHING
    return probability_of_improvement_interval(own, other, np.random.default_rng(0))
