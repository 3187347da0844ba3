"""What a scenario file comes to: every value of a variant, with where it was written."""

from typing import Any

import tomlkit
from tomlkit.items import Array

from smoothkit.config import KeyPath, dump
from smoothkit.scenario_file import Variant


def explain(variant: Variant) -> str:
    """The variant's configuration as TOML, each value followed by its origin as a comment."""
    document = tomlkit.document()
    document.add(tomlkit.comment(f"variant: {variant.name}"))
    _fill(document, dump(variant.config), (), variant)
    return tomlkit.dumps(document)


def _fill(table: Any, values: dict[str, Any], path: KeyPath, variant: Variant) -> None:
    for key, value in values.items():
        if isinstance(value, dict):
            inner = tomlkit.table()
            _fill(inner, value, (*path, key), variant)
            table.add(key, inner)
        else:
            item = _array(value) if isinstance(value, list) else tomlkit.item(value)
            table.add(key, item.comment(variant.origins.get((*path, key), "default")))


def _array(values: list[Any]) -> Array:
    """A list on one line, which has room for one origin; tomlkit would give each of its tables a header."""
    array = tomlkit.array()
    for value in values:
        if isinstance(value, dict):
            inner = tomlkit.inline_table()
            inner.update(value)
            array.append(inner)
        else:
            array.append(_array(value) if isinstance(value, list) else value)
    return array
