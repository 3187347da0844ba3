"""What a grid of variants shows, in sentences."""

from collections.abc import Mapping

from smoothkit.report.numbers import count, listed
from smoothkit_selftrain.config import SelfTrainConfig
from smoothkit_selftrain.quantities import ACCURACY, COMPARED
from smoothkit_selftrain.study.comparison import Change, Results, corrected
from smoothkit_selftrain.study.grid import Grid
from smoothkit_selftrain.study.words import comparison_sentence, difference_text, is_starving


def overall_words(grid: Grid) -> list[str]:
    """For each level what it changes in the mean over all combinations, and over those where it starves.

    All of these changes are corrected together, by Holm's method.
    """
    subjects: dict[str, list[Change]] = {}
    for level in grid.levels:
        everywhere, above = grid.places(level), frozenset(grid.places_above_cap(level))
        places = {f"{level}, mean over {count(len(everywhere), 'combination')}": frozenset(everywhere)}
        if above:
            places[f"{level}, where the threshold is at or above its cap ({count(len(above), 'combination')})"] = above
        for name, kept in places.items():
            found = (grid.change(level, each, kept.__contains__) for each in COMPARED)
            subjects[name] = [each for each in found if each is not None]
    together = iter(corrected([change for changes in subjects.values() for change in changes]))
    told = [(name, [next(together) for _ in changes]) for name, changes in subjects.items()]
    return [
        comparison_sentence(name, changes, grid.baseline)
        if changes
        else f"{name}: too few seeds in common with “{grid.baseline}”, so nothing is said of differences."
        for name, changes in told
    ]


def interplay_words(grid: Grid) -> list[str]:
    """For each level and each other axis along which its effect on accuracy is not shown alike: where it is shown.

    All of these changes are corrected together, by Holm's method.
    """
    axes = [axis for axis, levels in grid.others.items() if len(levels) > 1]
    keys = [(level, axis, other) for level in grid.levels for axis in axes for other in grid.others[axis]]
    found = {key: change for key in keys if (change := _at(grid, *key)) is not None}
    found = dict(zip(found, corrected(list(found.values())), strict=True))
    sentences = []
    for level in grid.levels:
        for axis in axes:
            along = {other: found[level, axis, other] for other in grid.others[axis] if (level, axis, other) in found}
            if len({_sign(change) for change in along.values()}) > 1:
                sentences.append(f"{level}, by {axis}: in test accuracy {_told(along)}.")
    return sentences


def starved_words(
    results: Results, configs: Mapping[str, SelfTrainConfig], levels: Mapping[str, Mapping[str, str]], axis: str
) -> list[str]:
    """A sentence for each level on an axis that has combinations which starve."""
    by_level: dict[str, list[bool]] = {}
    for variant, seeds in results.items():
        by_level.setdefault(levels[variant][axis], []).append(is_starving(seeds, configs[variant]))
    return [
        f"{level}: starves in {sum(found)} of {count(len(found), 'combination')}: less than half of what is selected "
        "at first is selected at the end, or nothing."
        for level, found in by_level.items()
        if any(found)
    ]


def _at(grid: Grid, level: str, axis: str, other: str) -> Change | None:
    return grid.change(level, ACCURACY, grid.on({axis: other}))


def _sign(change: Change) -> int:
    """1 where it is shown to be higher, -1 lower, 0 where nothing is shown."""
    return 0 if not change.is_shown else 1 if change.interval.estimate > 0 else -1


def _told(along: dict[str, Change]) -> str:
    shown = [f"{difference_text(change)} with {other}" for other, change in along.items() if change.is_shown]
    unclear = [other for other, change in along.items() if not change.is_shown]
    return "; ".join([listed(shown), *([f"no difference shown with {listed(unclear)}"] if unclear else [])])
