"""What a scenario file says of how its configurations are made: variants, a grid, what is compared with what."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from smoothkit.errors import ConfigError, nearest
from smoothkit.grid import Recipe
from smoothkit.layers import Origin

COMPOSITION = ("against", "baseline", "extends", "grid", "levels", "plugins", "profiles", "title", "variants")
"""Keys of a file that say how its configurations are made, and are part of none of them."""

DEPTHS = {"grid": 2, "levels": 1, "profiles": 1, "variants": 1}
"""How deep the tables under each of these keys lie."""

REPLACES = {"grid": ("levels", "variants"), "variants": ("against", "grid", "levels")}
"""What each of these keys takes the place of in a file that is extended; with variants or a grid goes the baseline that
was one of them."""

Composition = Mapping[str, tuple[Any, Origin]]
"""The keys of `COMPOSITION` that were written, each with its value and where it was written."""


def composition_of(files: Sequence[tuple[Mapping[str, Any], Origin]]) -> Composition:
    """What the last of the `files` to say something says, each key for itself but for what `REPLACES` has.

    Raises:
        ConfigError: with everything that is wrong.
    """
    found: dict[str, tuple[Any, Origin]] = {}
    for values, origin in files:
        stale = {other for key, others in REPLACES.items() if key in values for other in others if other in found}
        for key in stale | ({"baseline"} if stale & REPLACES.keys() else set()):
            found.pop(key, None)
        found |= {key: (values[key], origin) for key in COMPOSITION if key in values}
    if problems := list(_type_problems(found)) or list(_problems(found)):
        raise ConfigError(problems)
    return found


def _type_problems(composition: Composition) -> Iterator[str]:
    for key, (value, origin) in composition.items():
        place = f"{origin.of((key,))}: {key}"
        if key == "plugins":
            if not isinstance(value, list) or not all(isinstance(file, str) for file in value):
                yield f"{place}: should be a list of files, got {value!r}"
        elif key in DEPTHS:
            yield from _table_problems((key,), value, origin, DEPTHS[key])
        elif not isinstance(value, str):
            yield f"{place}: should be text, got {value!r}"


def _table_problems(path: tuple[str, ...], value: Any, origin: Origin, depth: int) -> Iterator[str]:
    place = f"{origin.of(path)}: {'.'.join(path)}"
    if not isinstance(value, dict):
        yield f"{place}: should be a table, got {value!r}"
    elif depth:
        if not value and path[0] != "profiles":
            yield f"{place}: there are none; name at least one, or leave the table out"
        for key, inner in value.items():
            yield from _table_problems((*path, key), inner, origin, depth - 1)
    elif path[0] == "levels":
        wrong = (axis for axis, level in value.items() if not isinstance(level, str))
        yield from (f"{place}.{axis}: should be text, got {value[axis]!r}" for axis in wrong)


def _problems(composition: Composition) -> Iterator[str]:
    """What does not fit together."""
    places = {key: f"{_first_place(key, origin)}: {key}" for key, (_, origin) in composition.items()}
    if "grid" in composition and "variants" in composition:
        yield f"{places['grid']}: the file has variants too; write one or the other"
    if "levels" in composition:
        variants, _ = composition.get("variants", ({}, None))
        levels, _ = composition["levels"]
        if levels.keys() != variants.keys() or len({frozenset(own) for own in levels.values()}) > 1:
            yield f"{places['levels']}: should give each variant its level on the same axes, and nothing else"
        elif len({frozenset(own.items()) for own in levels.values()}) < len(levels):
            yield f"{places['levels']}: two variants have the same levels; they should differ on an axis"
    elif "against" in composition and "grid" not in composition:
        yield f"{places['against']}: names an axis, and there is no grid; leave it out, or write a [grid]"


def _first_place(key: str, origin: Origin) -> str:
    """Where the key first stands: a table may have no line of its own, only tables within it."""
    return origin.of(min((path for path in origin.lines if path[0] == key), key=origin.lines.__getitem__, default=()))


def comparison_problems(composition: Composition, recipes: Sequence[Recipe]) -> Iterator[str]:
    """What is wrong with `against` and `baseline` of a file that has these variants."""
    kind, names = "variant", [recipe.name for recipe in recipes]
    if "against" in composition:
        (against, origin), axes = composition["against"], recipes[0].levels
        if against not in axes:
            yield f"{origin.of(('against',))}: against: no axis is called {against!r}; {nearest(against, axes)}"
            return
        kind, names = f"level of {against!r}", [recipe.levels[against] for recipe in recipes]
    if "baseline" not in composition:
        return
    baseline, origin = composition["baseline"]
    if baseline not in names:
        wrong = f"{origin.of(('baseline',))}: baseline: no {kind} is called {baseline!r}"
        axes = dict.fromkeys(axis for each in recipes for axis, level in each.levels.items() if level == baseline)
        if "against" not in composition and axes:
            yield f"{wrong}, but a level of {next(iter(axes))!r}: write against = {next(iter(axes))!r} too"
        else:
            yield f"{wrong}; {nearest(baseline, set(names))}"


def baseline_of(composition: Composition, recipes: Sequence[Recipe]) -> tuple[str | None, str]:
    """The axis along which variants are compared, if there is one, and its level, or else the variant, to compare with.

    Where the file names none, it is the first.
    """
    first = recipes[0]
    against, _ = composition.get("against", (None, None))
    baseline, _ = composition.get("baseline", (first.name if against is None else first.levels[against], None))
    return against, baseline
