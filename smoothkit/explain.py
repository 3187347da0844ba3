"""What a scenario file comes to: every value of a variant, with where it was written."""

from typing import Any

import tomlkit

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
            item = tomlkit.item(value)
            table.add(key, item.comment(variant.origins.get((*path, key), "default")))
