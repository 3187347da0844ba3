"""`[grid]`: axes whose levels are overrides; every combination of levels is a variant."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import Any

from smoothkit.config import KeyPath
from smoothkit.errors import ConfigError
from smoothkit.layers import Origin

Grid = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""Overrides by axis, then by level."""


@dataclass(frozen=True)
class Recipe:
    """How a variant is made."""

    name: str
    layers: tuple[tuple[Mapping[str, Any], Origin], ...]
    """Overrides of what all variants have in common, none of which sets a key of another."""
    levels: Mapping[str, str]
    """Its level on each axis; empty without a grid."""


def recipes_of(grid: Grid, origin: Origin, components: Collection[KeyPath]) -> list[Recipe]:
    """Every combination of levels, called by them in the order of the axes; the last axis runs fastest.

    `components` are the tables that a bare string stands for: see `smoothkit.config.component_fields`.

    Raises:
        ConfigError: two axes set the same key, so that their order would decide which value holds.
    """
    problems = [
        problem
        for one, other in combinations(grid, 2)
        for problem in _conflicts(_settings(grid, one, origin, components), _settings(grid, other, origin, components))
    ]
    if problems:
        raise ConfigError(problems)
    return [_recipe(grid, origin, levels) for levels in product(*grid.values())]


def _recipe(grid: Grid, origin: Origin, levels: Sequence[str]) -> Recipe:
    chosen = dict(zip(grid, levels, strict=True))
    layers = [(grid[axis][level], origin.within("grid", axis, level)) for axis, level in chosen.items()]
    return Recipe(", ".join(levels), tuple(layers), chosen)


@dataclass(frozen=True)
class _Settings:
    """The keys that the levels of an axis set, and where."""

    axis: str
    places: Mapping[KeyPath, str]


def _settings(grid: Grid, axis: str, origin: Origin, components: Collection[KeyPath]) -> _Settings:
    places: dict[KeyPath, str] = {}
    for level, table in grid[axis].items():
        for key in _keys(table, components):
            places.setdefault(key, origin.within("grid", axis, level).of(key))
    return _Settings(axis, places)


def _keys(table: Mapping[str, Any], components: Collection[KeyPath], path: KeyPath = ()) -> Iterator[KeyPath]:
    """The keys that a table sets, at any depth."""
    for key, value in table.items():
        here = (*path, key)
        if isinstance(value, dict):
            yield from _keys(value, components, here)
        else:
            yield (*here, "name") if here in components and isinstance(value, str) else here


def _conflicts(one: _Settings, other: _Settings) -> Iterator[str]:
    for key, place in other.places.items():
        for former, first in one.places.items():
            shared = key[: len(former)]
            if shared == former[: len(key)]:
                where = ".".join(map(str, shared))
                yield f"{place}: {where}: axis {other.axis!r} sets it, and so does axis {one.axis!r} ({first}); " + (
                    "leave it to one of them"
                )
