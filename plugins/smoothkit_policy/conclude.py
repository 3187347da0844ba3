"""What a study of policies shows: windows of coefficients that work, peaks, rates, and where nothing has an effect."""

from collections.abc import Sequence
from typing import cast

from smoothkit.conclusion import Conclusion, Findings
from smoothkit_policy.config import PolicyConfig
from smoothkit_policy.study.duels import Duel, duels_of
from smoothkit_policy.study.overall import overall_table, verdict_words
from smoothkit_policy.study.peaks import Contest, contest_of, over_nothing, over_rivals
from smoothkit_policy.study.pictures import study_figures
from smoothkit_policy.study.sweep import groups_of
from smoothkit_policy.study.tables import sweep_table, variants_table, windows_table
from smoothkit_policy.study.words import duel_sentence, effect_words, open_words, rates_words, tuning_words, twin_words

MOST_METHODS = 5
"""Sweeps beside each other that a terminal has room for."""


def conclude(findings: Findings) -> Conclusion:
    """The conclusion of whatever results there are."""
    results = {variant: seeds for variant, seeds in findings.results.items() if seeds}
    configs = {variant: cast(PolicyConfig, findings.configs[variant]) for variant in results}
    groups = groups_of(results, configs, findings.levels, findings.baseline)
    contests = {group.title: contest_of(group) for group in groups}
    swept = [contest for contest in contests.values() if contest.group.sweeps]
    peaks, effects = over_rivals(contests), over_nothing(contests)
    duels = [duel for contest in swept for duel in duels_of(contest, peaks)]
    sweeps = [sweep_table(contest) for contest in swept]
    are_told = len(swept) == 1 and len(swept[0].group.sweeps) <= MOST_METHODS
    windows = [windows_table(contest) for contest in swept]
    variants = [variants_table(contest) for contest in contests.values()]
    return Conclusion(
        words=(
            *verdict_words(duels),
            *(_of_one(swept[0], duels) if len(swept) == 1 else ()),
            *effect_words(contests, effects),
            *(sentence for contest in swept for sentence in twin_words(contest)),
            *tuning_words(swept),
        ),
        tables=(
            *overall_table(contests),
            *(sweeps if are_told else ()),
            *(windows if len(swept) == 1 else ()),
            *(() if swept else variants),
        ),
        details=(
            *(() if are_told else sweeps),
            *(windows if len(swept) > 1 else ()),
            *(variants if swept else ()),
        ),
        figures=study_figures(contests),
    )


def _of_one(contest: Contest, duels: Sequence[Duel]) -> list[str]:
    """What there is room for in a study of one environment: the numbers behind the verdict."""
    return [*(duel_sentence(duel) for duel in duels), *rates_words(contest), *open_words(contest)]
