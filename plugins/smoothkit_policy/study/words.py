"""Sentences that are computed from a study of policies; each is left out where there is nothing to say."""

from collections.abc import Mapping, Sequence

from smoothkit.report.numbers import count, listed, number, quoted
from smoothkit.statistics import Interval
from smoothkit_policy.quantities import SOLVED
from smoothkit_policy.study.duels import OPEN, Duel, Gains
from smoothkit_policy.study.peaks import Contest, Gain, gains
from smoothkit_policy.study.scores import Values, mean_of, solved_share, values_of
from smoothkit_policy.study.sweep import Group, Method
from smoothkit_policy.study.texts import has_spread
from smoothkit_policy.study.windows import Window, window_of


def tuning_words(contests: Sequence[Contest]) -> list[str]:
    """Whether the methods of each environment were tuned alike, and which seeds did what."""
    alike: dict[str, list[str]] = {}
    for contest in contests:
        alike.setdefault(f"{_tuning(contest)}; {_picking(contest)}.", []).append(contest.group.title)
    return [f"{listed(quoted(titles))}: {words}" for words, titles in alike.items()]


def _tuning(contest: Contest) -> str:
    sweeps = contest.group.sweeps
    names, grids = quoted([method.name for method in sweeps]), [list(method.variants) for method in sweeps]
    if len(sweeps) == 1:
        return f"{names[0]} had {count(len(grids[0]), 'coefficient')}, {grids[0][0]:g} to {grids[0][-1]:g}"
    if all(grid == grids[0] for grid in grids):
        which = f"{count(len(grids[0]), 'coefficient')}, {grids[0][0]:g} to {grids[0][-1]:g}"
        return f"equal tuning, {listed(names)} had the same {which}"
    tried = [f"{name} {len(grid)} up to {grid[-1]:g}" for name, grid in zip(names, grids, strict=True)]
    if len({len(grid) for grid in grids}) == 1:
        return f"equal tuning, each method had {len(grids[0])} coefficients, not all the same: {', '.join(tried)}"
    return f"tuning was NOT equal, so that windows and peaks do not compare fairly; coefficients: {', '.join(tried)}"


def _picking(contest: Contest) -> str:
    halves = contest.halves
    if not halves.are_apart:
        return "with so few seeds the best one is picked and measured on the same, so that peaks are flattered"
    return f"the best one is picked on {_seeds(halves.picking)} and measured on {_seeds(halves.measuring)}"


def _seeds(seeds: Sequence[int]) -> str:
    if len(seeds) > 2 and list(seeds) == list(range(seeds[0], seeds[-1] + 1)):
        return f"seeds {seeds[0]} to {seeds[-1]}"
    return f"{'seeds' if len(seeds) > 1 else 'seed'} {listed([str(seed) for seed in seeds])}"


def duel_sentence(duel: Duel) -> str:
    """Whether the window is wider and the peak higher, in numbers."""
    method, rival = duel.own.method, duel.rival.method
    title = f"{duel.contest.group.title}, {method.name} against “{rival.name}”:"
    windows = f"{window_text(duel.window)} against {window_text(duel.rival_window)}"
    if duel.difference is None:
        return f"{title} coefficients that work {windows}; too few seeds or another grid, so nothing is said of widths."
    told = OPEN if duel.is_open else difference_text(duel.difference, duel.seeds_agree)
    width = f"coefficients that work {windows}, {told}"
    if duel.gain is None:
        return f"{title} {width}; too few seeds to compare peaks."
    at = " against ".join(
        f"{number(mean_of(each.sampled), 1)} at {each.coefficient:g}" for each in (duel.own, duel.rival)
    )
    return f"{title} {width}; sampled return{duel.contest.scale.words} {at}, {gain_text(duel.gain)}."


def window_text(window: Window) -> str:
    """Which coefficients work.

    >>> window_text(Window((0.1, 0.2), (0.05, 0.1, 0.2, 0.5), (0.1, 0.2)))
    '2 of 4 (0.1 to 0.2, a factor of 2)'
    """
    if not window.coefficients:
        return f"0 of {window.of}"
    first, last = window.coefficients[0], window.coefficients[-1]
    where = f"{first:g}" if first == last else f"{first:g} to {last:g}, a factor of {window.width:.3g}"
    return f"{len(window.coefficients)} of {window.of} ({where})"


def difference_text(difference: Interval, seeds_agree: bool) -> str:
    """A difference in length, with an interval where resampled seeds vary it.

    >>> difference_text(Interval(1.0, 0.0, 1.0, "bootstrap over seeds"), seeds_agree=False)
    '+1 [0, +1] over resampled seeds'
    >>> difference_text(Interval(2.0, 2.0, 2.0, "bootstrap over seeds"), seeds_agree=True)
    '+2, all seeds agree'
    """
    estimate = number(difference.estimate, 0, signed=True)
    if seeds_agree:
        return f"{estimate}, all seeds agree"
    if difference.low == difference.estimate == difference.high:
        return f"{estimate} in at least 95 % of resamples over seeds"
    return f"{_signed(difference, 0)} over resampled seeds"


def _signed(interval: Interval, places: int) -> str:
    estimate, low, high = (number(each, places, signed=True) for each in interval[:3])
    return f"{estimate} [{low}, {high}]" if has_spread(interval) else estimate


def gain_text(gain: Gain) -> str:
    """A difference with its interval, which it has not where all seeds agree.

    >>> gain_text(Gain(Interval(1.25, 0.5, 2.0, "paired t"), 10, 0.01))
    '+1.2 [+0.5, +2.0] over 10 seeds'
    >>> gain_text(Gain(Interval(0.0, 0.0, 0.0, "paired t"), 10, None))
    '0.0 over 10 seeds, all agree'
    """
    agree = "" if has_spread(gain.interval) else ", all agree"
    return f"{_signed(gain.interval, 1)} over {count(gain.seeds, 'seed')}{agree}"


def rates_words(contest: Contest) -> list[str]:
    """How many seeds solve it at the coefficients that were picked, and without a term."""
    group = contest.group
    picks = {name: chosen for name, chosen in contest.picks.items() if chosen.method.is_sweep}
    told = []
    if group.without is not None and group.without not in {chosen.variant for chosen in picks.values()}:
        told.append(_rate(group, group.names[group.without], group.without, contest))
    told += [_rate(group, f"{name} at {own.coefficient:g}", own.variant, contest) for name, own in picks.items()]
    told = [each for each in told if each]
    return [f"{group.title}: solved by {'; '.join(told)} (of the seeds that measure)."] if picks and told else []


def _rate(group: Group, name: str, variant: str, contest: Contest) -> str:
    share = solved_share(values_of(group.results[variant], SOLVED, contest.halves.measuring))
    if not share.is_defined:
        return ""
    return f"{name} {number(100 * share.estimate, 0)} % [{number(100 * share.low, 0)}, {number(100 * share.high, 0)}]"


def open_words(contest: Contest) -> list[str]:
    """Windows that reach an end of what was tried, and so may be wider than was measured."""
    sentences = []
    for method in contest.group.sweeps:
        window, tried = window_of(contest.group, method), list(method.variants)
        ends = {"smallest": tried[0], "largest": tried[-1]}
        reached = [
            f"{which} coefficient tried ({coef:g})" for which, coef in ends.items() if coef in window.coefficients
        ]
        if reached:
            doubt = "; something other than its size may make it work" if tried[0] in window.coefficients else ""
            sentences.append(
                f"{contest.group.title}: {method.name} works at the {listed(reached)} too, so that its window may be "
                f"wider than was measured{doubt}."
            )
    return sentences


def twin_words(contest: Contest) -> list[str]:
    """How far the smoothed target is from the penalty KL(u || pi), which it is where no target has to be cut off."""
    group = contest.group
    by_term = {(each.exploration.term, repr(each.exploration.schedule)): each for each in group.methods}
    sentences = []
    for (term, schedule), method in by_term.items():
        twin = by_term.get(("kl_uniform", schedule))
        if term != "smoothed_target" or twin is None:
            continue
        found = gains(
            {
                coef: (_sampled(contest, method, coef), _sampled(contest, twin, coef))
                for coef in method.variants
                if coef in twin.variants
            }
        )
        if not found:
            continue
        shown = {coef: gain for coef, gain in found.items() if gain.sign}
        told = "no difference shown at any"
        if shown:
            most = max(shown, key=lambda coef: abs(shown[coef].interval.estimate))
            told = f"a difference shown at {len(shown)}, the largest {gain_text(shown[most])} at {most:g}"
        sentences.append(
            f"{group.title}: {method.name} and {twin.name}, whose gradients agree where no target is cut off: of "
            f"{count(len(found), 'coefficient')} {told}."
        )
    return sentences


def _sampled(contest: Contest, method: Method, coef: float) -> Values:
    return contest.scale.sampled(contest.group.results[method.variants[coef]], contest.group.seeds)


def effect_words(contests: Mapping[str, Contest], found: Gains) -> list[str]:
    """Where methods at their best coefficients end better than nothing, where worse, and where no effect is shown."""
    by_title: dict[str, dict[str, Gain]] = {}
    for (title, method), gain in found.items():
        by_title.setdefault(title, {})[method] = gain
    return [
        f"{title}: the sampled return is {_told(by_method)}, against {without}; corrected for all "
        f"{count(len(found), 'comparison')}."
        for title, by_method in by_title.items()
        if (without := _name_of(contests[title]))
    ]


def _name_of(contest: Contest) -> str:
    without = contest.group.without
    return "" if without is None else contest.group.names[without]


def _told(by_method: Mapping[str, Gain]) -> str:
    shown = {sign: [name for name, gain in by_method.items() if gain.sign == sign] for sign in (1, -1, 0)}
    intervals = {name: f"{name} ({_signed(gain.interval, 1)})" for name, gain in by_method.items()}
    parts = []
    if shown[1]:
        parts.append(f"higher with {listed([intervals[name] for name in shown[1]])}")
    if shown[-1]:
        parts.append(f"lower with {listed([intervals[name] for name in shown[-1]])}")
    if shown[0]:
        everyone = "any method" if len(shown[0]) == len(by_method) else listed(shown[0])
        parts.append(f"not shown to differ with {everyone}")
    return "; ".join(parts)
