"""Sentences that are computed from a study of GANs; each is left out where there is nothing to say."""

import math
import statistics
from collections.abc import Mapping, Sequence

from smoothkit.report.numbers import count, listed, number
from smoothkit_gan.comparison import FEWEST, Change, Group, Results, Seeds, any_of, defined
from smoothkit_gan.config import GanConfig
from smoothkit_gan.diagnostics import TOLERANCE
from smoothkit_gan.metrics.modes import WELL_HIT
from smoothkit_gan.quantities import BASELINE, Quantity

ENOUGH = 2 * WELL_HIT
"""Samples of each mode, on average, with which perfect samples hardly ever leave one with fewer than `WELL_HIT`."""


def comparison_words(found: Mapping[str, Sequence[Change]], baseline: str) -> list[str]:
    """A sentence for each variant, and one for those that have too few seeds."""
    few = [variant for variant, changes in found.items() if not changes]
    told = [comparison_sentence(changes, baseline) for changes in found.values() if changes]
    if few:
        told.append(
            f"{listed(few)}: fewer than {count(FEWEST, 'seed')} in common with “{baseline}”, so nothing is said of "
            "differences."
        )
    return told


def comparison_sentence(found: Sequence[Change], baseline: str) -> str:
    """What a variant changes: every change that is shown, and what none is shown of.

    A change is shown where its p-value, corrected for all changes of the study by Holm's method, is below 5 %.
    """
    shown = [change_words(each) for each in found if each.is_shown]
    unclear = [each.quantity.words for each in found if not each.is_shown]
    said = [listed(shown)] if shown else []
    if unclear:
        said.append(f"no difference shown in {listed(unclear)}")
    pairs = max(each.seeds for each in found)
    return f"{found[0].variant}: {'; '.join(said)} (against “{baseline}”, {count(pairs, 'seed')})."


def change_words(change: Change) -> str:
    """A change that is shown, with its interval and in how many seeds it points that way."""
    quantity, interval = change.quantity, change.interval
    scale, unit = (100, " points") if quantity.percent else (1, "")
    estimate, low, high = (
        number(scale * value, quantity.places, signed=True)
        for value in (interval.estimate, interval.low, interval.high)
    )
    direction, agreeing = ("higher", change.higher) if interval.estimate > 0 else ("lower", change.lower)
    verdict = "" if quantity.better is None else " (better)" if quantity.better == direction else " (worse)"
    return (
        f"{quantity.words} {estimate}{unit} [{low}, {high}]{verdict}, {direction} in {agreeing} of {change.seeds} seeds"
    )


def uncompared(variants: Sequence[str], baseline: str) -> list[str]:
    """That these are measured on something else than the baseline."""
    if not variants:
        return []
    return [f"{listed(variants)}: not compared with “{baseline}”, which has other data or another number of samples."]


def worse_than_trivial(group: Group) -> list[str]:
    """What variants are worse in, on average, than the trivial baseline, which has learnt nothing but a covariance."""
    found: dict[tuple[str, ...], list[str]] = {}
    for variant, seeds in group.results.items():
        worse = tuple(quantity.words for quantity in group.kind.quantities if _is_worse_than_trivial(quantity, seeds))
        if worse:
            found.setdefault(worse, []).append(variant)
    return [
        f"{listed(variants)}: on average worse than a Gaussian fitted to pixels in {listed(worse)}."
        for worse, variants in found.items()
    ]


def _is_worse_than_trivial(quantity: Quantity, seeds: Seeds) -> bool:
    own, trivial = (defined(seeds.values(), name) for name in (quantity.name, quantity.name + BASELINE))
    if quantity.better is None or not own or not trivial:
        return False
    gain = statistics.fmean(own) - statistics.fmean(trivial)
    return gain < 0 if quantity.better == "higher" else gain > 0


def undefined(group: Group) -> list[str]:
    """Quantities without a value in some seeds, which means and comparisons leave out though these did worst."""
    sentences = []
    for variant, seeds in group.results.items():
        lacking: dict[tuple[int, ...], list[str]] = {}
        for quantity in group.kind.quantities:
            without = tuple(seed for seed, found in seeds.items() if not math.isfinite(found.scalars[quantity.name]))
            if without:
                lacking.setdefault(without, []).append(quantity.words)
        for without, names in lacking.items():
            where = listed([f"seed {seed}" for seed in without])
            sentences.append(
                f"{variant}: {listed(names)} undefined in {len(without)} of {count(len(seeds), 'seed')} ({where}), "
                "whose samples are too far off; means and comparisons leave them out."
            )
    return sentences


def lost_modes(results: Results) -> list[str]:
    """A sentence for each variant with seeds that miss a mode of a known density."""
    sentences = []
    for variant, seeds in results.items():
        lost = [
            f"seed {seed}: {found['modes']:.0f} of {found['modes_perfect']:.0f}"
            for seed, found in _of_known_density(seeds).items()
            if found["modes"] < found["modes_perfect"]
        ]
        if lost:
            sentences.append(
                f"{variant}: modes missing in {len(lost)} of {count(len(seeds), 'seed')} ({listed(lost)})."
            )
    return sentences


def starved_modes(results: Results, configs: Mapping[str, GanConfig]) -> list[str]:
    """A sentence for each variant with seeds that have all modes, but some of them hardly."""
    sentences = []
    for variant, seeds in results.items():
        samples = configs[variant].evaluate.samples
        starved = [
            f"seed {seed}: {count(round(found['modes'] - found['modes_20']), 'mode')}"
            for seed, found in _of_known_density(seeds).items()
            if found["modes_20"] < found["modes"] == found["modes_perfect"] <= samples / ENOUGH
        ]
        if starved:
            sentences.append(
                f"{variant}: modes with fewer than {WELL_HIT} of {samples:,} samples in {len(starved)} of "
                f"{count(len(seeds), 'seed')} ({listed(starved)})."
            )
    return sentences


def _of_known_density(seeds: Seeds) -> dict[int, Mapping[str, float]]:
    return {seed: result.scalars for seed, result in seeds.items() if "modes_20" in result.scalars}


def off_equilibrium(results: Results) -> list[str]:
    """One sentence on all runs whose discriminator ends off its equilibrium."""
    places = []
    for variant, seeds in results.items():
        off = [
            f"seed {seed}: {number(found.scalars.get('d_real', found.scalars.get('d_pair')), 3)}"
            for seed, found in seeds.items()
            if found.scalars.get("equilibrium_gap", 0) > TOLERANCE
        ]
        if off:
            at = number(any_of(seeds).scalars["d_equilibrium"], 3)
            places.append(f"{len(off)} of {count(len(seeds), 'seed')} of {variant} ({at}; {', '.join(off)})")
    if not places:
        return []
    return [
        f"On real samples D ends more than {TOLERANCE} off its equilibrium in {'; '.join(places)}: there generator and "
        "data still differ, or D is not the best one."
    ]
