"""What a study of calibration gaps between groups concludes, in sentences, tables and figures."""

from collections.abc import Mapping, Sequence

from smoothkit.conclusion import Conclusion, Findings
from smoothkit.statistics import CrossedMean
from smoothkit_fairness.change_tables import change_table, changes_of, groups_after_temperature, temperature_table
from smoothkit_fairness.change_words import (
    against_temperature,
    compared_with_temperature,
    confidence_sentence,
    crossing_sentences,
    ece_sentences,
    variant_sentence,
)
from smoothkit_fairness.changes import change_of_difference, change_of_error, change_of_group, threshold
from smoothkit_fairness.readings import Pair, Variant, readings
from smoothkit_fairness.series import AlphaSeries, alpha_series, ece_quantity, is_tempered
from smoothkit_fairness.study_figures import study_figures
from smoothkit_fairness.study_tables import alpha_table, group_table, pair_table
from smoothkit_fairness.verdicts import PairVerdict, judge_pairs
from smoothkit_fairness.words import MOST_SPOKEN, caveats, verdict_sentences

MOST_SENTENCES = 10

Verdicts = Mapping[str, Sequence[PairVerdict]]


def conclude(findings: Findings) -> Conclusion:
    """The conclusion of whatever results there are; empty where no run has measured a group.

    A verdict on two groups needs their signed gaps to differ over seeds and rows. A change, paired by seed and row,
    has to be shown after correction for every change that is looked at, so that at most 5 % of studies in which
    nothing changes tell of one.
    """
    variants = [each for each in readings(findings).values() if each.groups]
    if not variants:
        return Conclusion()
    baseline = next((each for each in variants if each.name == findings.baseline), None)
    series = alpha_series(variants)
    verdicts = {each.name: judge_pairs(each) for each in variants}
    limit = threshold(_changes(variants, baseline, series, verdicts))
    details = [
        group_table(variants),
        *(alpha_table(each) for each in series),
        temperature_table(variants),
        groups_after_temperature(variants),
        change_table(baseline, variants, limit) if baseline else None,
    ]
    return Conclusion(
        words=tuple(_words(variants, baseline, series, verdicts, limit)),
        tables=tuple(table for table in (pair_table(variants, verdicts),) if table is not None),
        details=tuple(table for table in details if table is not None),
        figures=study_figures(variants, series, _told(verdicts)),
    )


def _words(
    variants: Sequence[Variant],
    baseline: Variant | None,
    series: Sequence[AlphaSeries],
    verdicts: Verdicts,
    limit: float,
) -> list[str]:
    """The sentences, the most important first; what they rest on stands last, and is never cut off."""
    reference = baseline or variants[0]
    words: list[str | None] = [*verdict_sentences(reference, verdicts[reference.name])]
    pairs = [_spoken(each.pairs, verdicts) for each in series]
    along = [*zip(series, pairs, strict=True)]
    words += [sentence for each, spoken in along for pair in spoken for sentence in ece_sentences(each, pair, limit)]
    # Temperature costs nothing, so that smoothing has to be compared with it.
    beside = _beside_alpha(baseline, variants, series)
    words += _against(baseline, [each for each in beside if is_tempered(each)], verdicts, limit)
    words += [against_temperature(each, pair, variants, limit) for each, spoken in along for pair in spoken[:1]]
    words += [sentence for each, spoken in along for sentence in crossing_sentences(each, spoken)]
    words += [confidence_sentence(each, limit) for each in series]
    words += _against(baseline, [each for each in beside if not is_tempered(each)], verdicts, limit)
    last = caveats(variants, series, [each.difference for found in verdicts.values() for each in found])
    return _cut([sentence for sentence in words if sentence], MOST_SENTENCES - len(last)) + last


def _against(
    baseline: Variant | None, variants: Sequence[Variant], verdicts: Verdicts, limit: float
) -> list[str | None]:
    """A sentence on each variant against the baseline, for the first pair that sentences are about."""
    if baseline is None:
        return []
    return [
        variant_sentence(baseline, variant, pair, limit)
        for variant in variants
        for pair in _spoken(_common(baseline, variant), verdicts)[:1]
    ]


def _cut(words: list[str], most: int) -> list[str]:
    """So many sentences, the last of which says how many are left out."""
    if len(words) <= most:
        return words
    return [*words[: most - 1], f"What {len(words) - most + 1} more sentences would say is in the tables."]


def _changes(
    variants: Sequence[Variant], baseline: Variant | None, series: Sequence[AlphaSeries], verdicts: Verdicts
) -> list[CrossedMean]:
    """Every change of which a sentence or a table may say that it is shown, each once."""
    found: dict[tuple[str, ...], CrossedMean] = {}
    for variant in variants:
        if baseline and variant is not baseline:
            changes = changes_of(baseline, variant)
            found |= {("table", baseline.name, variant.name, name): each.moved for name, each in changes.items()}
            for pair in _spoken(_common(baseline, variant), verdicts):
                key = ("table", baseline.name, variant.name, f"difference {pair}")
                found.setdefault(key, change_of_difference(baseline, variant, pair).moved)
    for each in series:
        start, *others = each.variants
        for group in each.groups:
            key = ("confidence", start.name, others[-1].name, group)
            found[key] = change_of_group(start, others[-1], "confidence", group).moved
        for place, pair in enumerate(_spoken(each.pairs, verdicts)):
            quantity = ece_quantity(each.variants, pair)
            for other in others:
                found["ece", start.name, other.name, str(pair)] = change_of_error(start, other, pair, quantity).moved
                key = ("table", start.name, other.name, f"difference {pair}")
                found.setdefault(key, change_of_difference(start, other, pair).moved)
            compared = compared_with_temperature(each, pair, variants) if place == 0 else None
            if compared:
                found["temperature", start.name, others[-1].name, str(pair)] = compared.moved
    return [*found.values()]


def _told(verdicts: Verdicts) -> list[Pair]:
    """The pairs that some variant tells apart, the largest difference first."""
    found = [each for by_variant in verdicts.values() for each in by_variant if each.verdict != "open"]
    return list(dict.fromkeys(each.pair for each in sorted(found, key=lambda each: -abs(each.difference.estimate))))


def _spoken(pairs: Sequence[Pair], verdicts: Verdicts) -> list[Pair]:
    """The pairs that sentences are about: those told apart somewhere, or all where there are few."""
    return [pair for pair in _told(verdicts) if pair in pairs][:MOST_SPOKEN] or list(
        pairs if len(pairs) <= MOST_SPOKEN else ()
    )


def _common(baseline: Variant, variant: Variant) -> list[Pair]:
    return [pair for pair in baseline.pairs if pair in variant.pairs]


def _beside_alpha(
    baseline: Variant | None, variants: Sequence[Variant], series: Sequence[AlphaSeries]
) -> list[Variant]:
    """The variants that no sentence about alpha compares with the baseline."""
    covered = [variant for each in series if baseline in each.variants for variant in each.variants]
    return [variant for variant in variants if variant is not baseline and variant not in covered]
