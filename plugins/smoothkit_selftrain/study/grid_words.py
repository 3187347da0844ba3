"""What a grid of variants shows, in sentences."""

from collections.abc import Mapping

from smoothkit.report.numbers import count, listed, quoted
from smoothkit_selftrain.config import SelfTrainConfig
from smoothkit_selftrain.quantities import ACCURACY, COMPARED
from smoothkit_selftrain.study.comparison import Change, Results
from smoothkit_selftrain.study.effects import Effects
from smoothkit_selftrain.study.lines import Line, at_level, cap_lines, everywhere
from smoothkit_selftrain.study.words import came_to_starve, comparison_sentence, difference_text


def overall_words(effects: Effects) -> list[str]:
    """For each level what it changes in the mean over all combinations, and over those where it starves."""
    grid, above = effects.grid, cap_lines(effects.grid)[1:]
    lines = [
        (everywhere(grid), "mean over {}"),
        *((line, "where the threshold is at or above its cap ({})") for line in above),
    ]
    return [
        _of_line(effects, line, level, words) for level in grid.levels for line, words in lines if level in line.places
    ]


def _of_line(effects: Effects, line: Line, level: str, words: str) -> str:
    grid = effects.grid
    combinations = len(grid.places(level) & line.places[level])
    name = f"{level}, {words.format(count(combinations, 'combination'))}"
    found = [change for each in COMPARED if (change := effects.of(line, level, each)) is not None]
    if not found:
        return f"{name}: too few seeds in common with “{grid.baseline}”, so nothing is said of differences."
    return comparison_sentence(name, found, grid.baseline, combinations)


def interplay_words(effects: Effects) -> list[str]:
    """For each level and each other axis along which its effect on accuracy is not shown alike: where it is shown."""
    grid, sentences = effects.grid, []
    for level in grid.levels:
        for axis in grid.several():
            found = {other: effects.of(at_level(grid, axis, other), level, ACCURACY) for other in grid.others[axis]}
            along = {other: change for other, change in found.items() if change is not None}
            if len({_sign(change) for change in along.values()}) > 1:
                sentences.append(f"{level}, by {axis}: in test accuracy {_told(along)}.")
    return sentences


def starved_words(
    results: Results, configs: Mapping[str, SelfTrainConfig], levels: Mapping[str, Mapping[str, str]], axis: str
) -> list[str]:
    """A sentence for each level on an axis that has combinations which starve."""
    by_level: dict[str, list[bool]] = {}
    for variant, seeds in results.items():
        by_level.setdefault(levels[variant][axis], []).append(came_to_starve(seeds, configs[variant]))
    return [
        f"{level}: starves in {sum(found)} of {count(len(found), 'combination')}: less than half of what is selected "
        "at first is selected at the end, or nothing."
        for level, found in by_level.items()
        if any(found)
    ]


def _sign(change: Change) -> int:
    """1 where it is shown to be higher, -1 lower, 0 where nothing is shown."""
    return 0 if not change.is_shown else 1 if change.estimate > 0 else -1


def _told(along: Mapping[str, Change]) -> str:
    names = dict(zip(along, quoted(list(along)), strict=True))
    shown = [f"{difference_text(change)} with {names[other]}" for other, change in along.items() if change.is_shown]
    unclear = [names[other] for other, change in along.items() if not change.is_shown]
    return "; ".join([listed(shown), *([f"no difference shown with {listed(unclear)}"] if unclear else [])])
