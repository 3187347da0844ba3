"""A run's result, read back from its folder and checked: whoever reads results reads the same."""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from smoothkit.files import ROWS, read_arrays
from smoothkit.report.stored import read_as
from smoothkit.scenario import Better, Result

SCHEMA = 1
UNREADABLE = (OSError, ValueError, LookupError, TypeError, AttributeError, OverflowError)
"""What reading a file raises that is damaged, half-written, or from another version."""


@dataclass(frozen=True, kw_only=True)
class StoredResult:
    """What a `result.json` has."""

    variant: str
    seed: int
    scalars: dict[str, float | None]
    better: dict[str, Better]
    figures: dict[str, dict[str, Any]]
    headline: tuple[str, ...]
    intervals: dict[str, tuple[float | None, float | None]] = field(default_factory=dict)


def parse_result(text: str, variant: str, seed: int) -> Result:
    """The result that a `result.json` holds, without its rows.

    Raises:
        ValueError: it is damaged, of another schema, or the result of another run.
    """
    content = parse_json(text)
    stored: StoredResult = read_as(StoredResult, content)
    if (stored.variant, stored.seed) != (variant, seed):
        # A copied or renamed folder: its numbers belong elsewhere.
        raise ValueError(f"it is of {stored.variant}, seed {stored.seed}")
    return Result.from_json(content)


def with_rows(result: Result, folder: Path) -> Result:
    """The result with the rows that lie beside it, if there are any.

    Raises:
        OSError: they cannot be read.
        ValueError: they are damaged.
    """
    rows = folder / ROWS
    return replace(result, rows=read_arrays(rows)) if rows.exists() else result


def parse_json(text: str) -> dict[str, Any]:
    """The content of one of our JSON files.

    Raises:
        ValueError: it is damaged, or of another schema.
    """
    content = json.loads(text)
    if not isinstance(content, dict):
        raise ValueError(f"it holds {type(content).__name__}, not a table")
    if content.get("schema") != SCHEMA:
        raise ValueError(f"its schema is {content.get('schema')!r}; this version of smoothkit reads {SCHEMA}")
    return content


def describe_error(error: Exception) -> str:
    """What went wrong, on one line, without the path that the reader is told beside it."""
    if isinstance(error, KeyError):
        return f"it has no {error.args[0]!r}"
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return " ".join(str(error).split())
