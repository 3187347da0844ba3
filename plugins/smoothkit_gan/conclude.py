"""What a study of GANs shows: which variants differ, which seeds fall short, and how the games stand."""

from typing import cast

from smoothkit.conclusion import Conclusion, Findings
from smoothkit_gan.comparison import changes, comparable
from smoothkit_gan.config import GanConfig
from smoothkit_gan.study_tables import game_table, samples_table
from smoothkit_gan.words import (
    comparison_words,
    lost_modes,
    off_equilibrium,
    starved_modes,
    uncompared,
    undefined,
    worse_than_trivial,
)


def conclude(findings: Findings) -> Conclusion:
    """The conclusion of whatever results there are."""
    configs = {variant: cast(GanConfig, config) for variant, config in findings.configs.items()}
    results = {variant: seeds for variant, seeds in findings.results.items() if seeds}
    groups, baseline = comparable(results, configs), findings.baseline
    words = []
    for group in groups:
        if baseline is not None and baseline in group.results:
            words += comparison_words(changes(group.results, baseline, group.kind.quantities), baseline)
            words += uncompared([variant for variant in results if variant not in group.results], baseline)
    for group in groups:
        words += [*worse_than_trivial(group), *undefined(group)]
    words += [*lost_modes(results), *starved_modes(results, configs), *off_equilibrium(results)]
    tables = (*(samples_table(group, configs) for group in groups), game_table(results))
    return Conclusion(words=tuple(words), tables=tables)
