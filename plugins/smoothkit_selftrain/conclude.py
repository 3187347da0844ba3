"""What a study of self-training shows: what targets change, which errors stay, who starves, who passes the bar."""

from typing import cast

from smoothkit.conclusion import Conclusion, Findings
from smoothkit.report.table import Table
from smoothkit_selftrain.config import SelfTrainConfig
from smoothkit_selftrain.quantities import ACCURACY, COMPARED, ECE, PERSISTENCE
from smoothkit_selftrain.study.anchor_words import anchor_words
from smoothkit_selftrain.study.comparison import Results, baseline_of, changes
from smoothkit_selftrain.study.grid import Grid, grid_of
from smoothkit_selftrain.study.grid_tables import axes_table, telling_table
from smoothkit_selftrain.study.grid_words import interplay_words, overall_words, starved_words
from smoothkit_selftrain.study.groups import groups_of
from smoothkit_selftrain.study.tables import bias_table, combinations_table, models_table, rounds_table
from smoothkit_selftrain.study.words import bias_sentence, comparison_words, cut, starved, undefined, which_end

MOST_VARIANTS = 6
"""Variants whose rounds a terminal has room for."""

MOST_SENTENCES = 10
"""Of a kind."""


def conclude(findings: Findings) -> Conclusion:
    """The conclusion of whatever results there are."""
    configs = {variant: cast(SelfTrainConfig, config) for variant, config in findings.configs.items()}
    results = {variant: seeds for variant, seeds in findings.results.items() if seeds}
    groups = groups_of(results, configs)
    beside, ends = [sentence for group in groups for sentence in anchor_words(group)], which_end(configs.values())
    grid = grid_of(findings, results)
    if grid is not None:
        words = [*cut(overall_words(grid), MOST_SENTENCES), *cut(interplay_words(grid), MOST_SENTENCES)]
        starving = starved_words(results, configs, findings.levels, grid.against)
        return Conclusion(
            words=(*words, *beside, *starving, *ends),
            tables=_grid_tables(grid),
            details=(combinations_table(results),),
        )
    few = len(results) <= MOST_VARIANTS
    rounds = rounds_table(results)
    starving = cut(starved(results, configs), MOST_SENTENCES)
    return Conclusion(
        words=(*_of_variants(findings, results), *beside, *starving, *ends, *undefined(results, COMPARED)),
        tables=(*([rounds] if few else []), *(models_table(group) for group in groups), bias_table(results)),
        details=() if few else (rounds,),
    )


def _of_variants(findings: Findings, results: Results) -> list[str]:
    """What each variant changes, and what becomes of errors where none of that is changed."""
    baselines = {variant: other for variant in results if (other := baseline_of(findings, variant)) is not None}
    words = cut(comparison_words(changes(findings, results, COMPARED), baselines), MOST_SENTENCES)
    told = dict.fromkeys(baselines.values()) or list(results)[:1]
    return [*words, *(sentence for variant in told if (sentence := bias_sentence(variant, results[variant])))]


def _grid_tables(grid: Grid) -> tuple[Table, ...]:
    telling = tuple(telling_table(grid, each) for each in (ACCURACY, ECE, PERSISTENCE))
    # Along a single other axis the first of them says all.
    return telling if len(grid.telling_axes()) == 1 else (axes_table(grid), *telling)
