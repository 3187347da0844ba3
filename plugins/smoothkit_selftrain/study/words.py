"""Sentences that are computed from a study of self-training; each is left out where there is nothing to say."""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence

from smoothkit.report.numbers import count, listed, number, quoted
from smoothkit.scenario import Result
from smoothkit_selftrain.config import SelfTrainConfig
from smoothkit_selftrain.quantities import ACCURACY, CORRUPTION, PERSISTENCE, SELECTED_SHARE, Quantity
from smoothkit_selftrain.study.comparison import FEWEST, Change, Results, Seeds, mean_of
from smoothkit_selftrain.study.rounds import first_round, selected_errors, series

STARVED = 0.5
"""A rule starves where it selects less than this share of what it selected first."""

FOLLOWS_CONFIDENCE = frozenset({"fixed", "per-class", "self-adaptive"})
"""Rules whose share of selected samples is not set by the file."""


def comparison_words(found: Mapping[str, Sequence[Change]], baselines: Mapping[str, str]) -> list[str]:
    """A sentence for each variant, and one for those that have too few seeds in common with their baseline."""
    few = [variant for variant, changes in found.items() if not changes]
    told = [comparison_sentence(variant, changes, baselines[variant]) for variant, changes in found.items() if changes]
    if few:
        against = listed([f"“{each}”" for each in dict.fromkeys(baselines[variant] for variant in few)])
        told.append(
            f"{listed(quoted(few))}: fewer than {count(FEWEST, 'seed')} in common with {against}, so nothing is said "
            "of differences."
        )
    return told


def comparison_sentence(name: str, found: Sequence[Change], baseline: str, combinations: int = 1) -> str:
    """What `name` changes: every change that is shown, and what none is shown of.

    Numbers of seeds and combinations stand at the end, and by those quantities that have fewer.
    """
    seeds = max(each.seeds for each in found)
    shown = [change_words(each, combinations) for each in found if each.is_shown]
    unclear = [_unclear(each, seeds, combinations) for each in found if not each.is_shown]
    said = [listed(shown)] if shown else []
    if unclear:
        said.append(f"no difference shown in {listed(unclear)}")
    return f"{name}: {'; '.join(said)} (against “{baseline}”, {count(seeds, 'seed')})."


def change_words(change: Change, combinations: int = 1) -> str:
    """A change that is shown, with its interval and in how many seeds it points that way."""
    direction = "higher" if change.estimate > 0 else "lower"
    verdict = f" ({change.verdict})" if change.verdict in ("better", "worse") else ""
    over = f", over {count(change.combinations, 'combination')}" if change.combinations < combinations else ""
    return (
        f"{change.quantity.words} {difference_text(change)}{verdict}, {direction} in {change.agreeing} of "
        f"{change.seeds} seeds{over}"
    )


def difference_text(change: Change) -> str:
    """A difference with its interval, as in “+2.0 points [−0.5, +4.5]”."""
    quantity = change.quantity
    estimate, low, high = (
        number(quantity.scale * value, quantity.places, signed=True)
        for value in (change.estimate, change.low, change.high)
    )
    return f"{estimate}{' points' if quantity.is_percent else ''} [{low}, {high}]"


def _unclear(change: Change, seeds: int, combinations: int) -> str:
    """The quantity, and the seeds and combinations that it has if others have more; of accuracy, which studies are
    about, also how large a difference would be found."""
    said = []
    if change.quantity is ACCURACY and change.detectable is not None:
        said.append(f"one of {number(100 * change.detectable, 1)} points would be found in four studies of five")
    if change.seeds < seeds:
        said.append(count(change.seeds, "seed"))
    if change.combinations < combinations:
        said.append(count(change.combinations, "combination"))
    return f"{change.quantity.words} ({', '.join(said)})" if said else change.quantity.words


def bias_sentence(variant: str, seeds: Seeds) -> str | None:
    """What became of the first pseudo-labels of a variant, on average over its seeds; None where nothing is known."""
    persistence, corruption = (mean_of(seeds, each) for each in (PERSISTENCE, CORRUPTION))
    parts = []
    if math.isfinite(persistence):
        parts.append(f"{_percent(persistence)} of the wrong pseudo-labels are wrong at the end too")
    if math.isfinite(corruption):
        parts.append(f"{_percent(corruption)} of the right ones have become wrong")
    told = [f"of the labels after round {first_round(seeds)}, {listed(parts)}"] if parts else []
    if (errors := selected_errors(seeds)) is not None:
        factor = errors.amplification
        times = f" ({number(factor, 2)} times that)" if math.isfinite(factor) else ""
        told.append(
            f"of the selected ones {_percent(errors.first)} were wrong then, {_percent(errors.last)} at the end{times}"
        )
    return f"{variant}: {'; '.join(told)}." if told else None


def came_to_starve(seeds: Seeds, config: SelfTrainConfig) -> bool:
    """Whether a rule that follows confidence comes to select less than half of what it selected first, or nothing."""
    first, last = selected_shares(seeds)
    return config.select.rule in FOLLOWS_CONFIDENCE and (last < STARVED * first or last == 0)


def selected_shares(seeds: Seeds) -> tuple[float, float]:
    """The share of samples that is selected, at first and at the end: means over seeds."""
    first = statistics.fmean(series(result, SELECTED_SHARE)[0] for result in seeds.values())
    return first, mean_of(seeds, SELECTED_SHARE)


def starved(results: Results, configs: Mapping[str, SelfTrainConfig]) -> list[str]:
    """A sentence for each variant that starves."""
    sentences = []
    for variant, seeds in results.items():
        if came_to_starve(seeds, configs[variant]):
            first, last = selected_shares(seeds)
            sentences.append(
                f"{variant}: starves: {_percent(first)} of the samples are selected after round {first_round(seeds)}, "
                f"{_percent(last)} at the end."
            )
    return sentences


def which_end(configs: Iterable[SelfTrainConfig]) -> list[str]:
    """What the end is where rounds are selected."""
    if not any(config.evaluate.round == "held-out" for config in configs):
        return []
    return ["Where evaluate.round is “held-out”, the end is the round whose model is best on held-out samples."]


def undefined(results: Mapping[str, Sequence[Result]], quantities: Sequence[Quantity], noun: str) -> list[str]:
    """Quantities without a value in some results, which means and comparisons leave out; told by the names that the
    results have, counted as `noun`."""
    names = dict(zip(results, quoted(list(results)), strict=True))
    sentences = []
    for quantity in quantities:
        without = {
            name: sum(math.isnan(each.scalars.get(quantity.name, 0.0)) for each in own) for name, own in results.items()
        }
        lacking = [
            f"{lost} of {count(len(results[name]), noun)} of {names[name]}" for name, lost in without.items() if lost
        ]
        if lacking:
            sentences.append(
                f"{quantity.words[0].upper()}{quantity.words[1:]} is not defined in {listed(lacking)}: means and "
                "comparisons leave these out."
            )
    return sentences


def cut(words: Sequence[str], most: int) -> list[str]:
    """So many sentences, the last of which says how many are left out.

    >>> cut(["One.", "Two.", "Three."], 2)
    ['One.', '2 more sentences would say what is in the tables.']
    """
    if len(words) <= most:
        return list(words)
    return [*words[: most - 1], f"{len(words) - most + 1} more sentences would say what is in the tables."]


def _percent(share: float) -> str:
    return f"{number(100 * share, 1)} %"
