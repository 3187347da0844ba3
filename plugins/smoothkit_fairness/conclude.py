"""What a study of calibration gaps between groups concludes, in sentences, tables and figures."""

from collections.abc import Mapping, Sequence

from smoothkit.conclusion import Conclusion, Findings
from smoothkit_fairness.config import FairnessConfig
from smoothkit_fairness.readings import Pair, Variant, readings
from smoothkit_fairness.series import AlphaSeries, alpha_series
from smoothkit_fairness.study_figures import study_figures
from smoothkit_fairness.study_tables import alpha_table, change_table, group_table, pair_table, temperature_table
from smoothkit_fairness.verdicts import PairVerdict, judge_pairs
from smoothkit_fairness.words import (
    MOST_SPOKEN,
    caveats,
    confidence_sentence,
    crossing_sentences,
    ece_sentences,
    variant_sentence,
    verdict_sentences,
)

MOST_SENTENCES = 10

Verdicts = Mapping[str, Sequence[PairVerdict]]


def conclude(findings: Findings) -> Conclusion:
    """The conclusion of whatever results there are; empty where no run has measured a group.

    A verdict on two groups needs their signed gaps to differ over seeds and rows; a change needs a 95 % interval,
    paired by seed and row, that leaves 0 out.
    """
    variants = [each for each in readings(findings).values() if each.groups]
    if not variants:
        return Conclusion()
    baseline = next((each for each in variants if each.name == findings.baseline), None)
    series = alpha_series(variants)
    verdicts = {each.name: judge_pairs(each) for each in variants}
    told = _told(verdicts)
    details = [
        group_table(variants),
        *(alpha_table(each) for each in series),
        temperature_table(variants),
        change_table(baseline, variants) if baseline else None,
    ]
    return Conclusion(
        words=tuple(_words(variants, baseline, series, verdicts)),
        tables=tuple(table for table in (pair_table(variants, verdicts),) if table is not None),
        details=tuple(table for table in details if table is not None),
        figures=study_figures(variants, series, told),
    )


def _words(
    variants: Sequence[Variant], baseline: Variant | None, series: Sequence[AlphaSeries], verdicts: Verdicts
) -> list[str]:
    """The sentences, the most important first; what they rest on stands last, and is never cut off."""
    reference = baseline or variants[0]
    words: list[str | None] = [*verdict_sentences(reference, verdicts[reference.name])]
    for each in series:
        pairs = _spoken(each.pairs, verdicts)
        words += [sentence for pair in pairs for sentence in ece_sentences(each, pair)]
        words += crossing_sentences(each, pairs)
        words.append(confidence_sentence(each))
    if baseline is not None:
        words += [
            variant_sentence(baseline, variant, pair)
            for variant in sorted(_beside_alpha(baseline, variants, series), key=_is_as_trained)
            for pair in _spoken(tuple(pair for pair in baseline.pairs if pair in variant.pairs), verdicts)[:1]
        ]
    last = caveats(variants, series, [each.difference for found in verdicts.values() for each in found])
    return [*[sentence for sentence in words if sentence][: MOST_SENTENCES - len(last)], *last]


def _told(verdicts: Verdicts) -> list[Pair]:
    """The pairs that some variant tells apart, the largest difference first."""
    found = [each for by_variant in verdicts.values() for each in by_variant if each.verdict != "open"]
    return list(dict.fromkeys(each.pair for each in sorted(found, key=lambda each: -abs(each.difference.estimate))))


def _spoken(pairs: Sequence[Pair], verdicts: Verdicts) -> list[Pair]:
    """The pairs that sentences are about: those told apart somewhere, or all where there are few."""
    return [pair for pair in _told(verdicts) if pair in pairs][:MOST_SPOKEN] or list(
        pairs if len(pairs) <= MOST_SPOKEN else ()
    )


def _beside_alpha(baseline: Variant, variants: Sequence[Variant], series: Sequence[AlphaSeries]) -> list[Variant]:
    """The variants that no sentence about alpha compares with the baseline."""
    covered = [variant for each in series if baseline in each.variants for variant in each.variants]
    return [variant for variant in variants if variant is not baseline and variant not in covered]


def _is_as_trained(variant: Variant) -> bool:
    """Whether logits are measured as they are; a temperature is what smoothing is compared with first."""
    return not (isinstance(variant.config, FairnessConfig) and variant.config.evaluate.temperature != "none")
