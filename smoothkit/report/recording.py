"""One run's folder, read back: what can be read, and a line for everything that cannot."""

import json
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import NoneType
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float64

from smoothkit.files import CONFIG, ERROR, METRICS, RESULT, ROWS, read_arrays
from smoothkit.report.figures import UnreadableFigure
from smoothkit.report.numbers import count
from smoothkit.report.stored import read_as
from smoothkit.scenario import Better, Result

SCHEMA = 1
UNREADABLE = (OSError, ValueError, LookupError, TypeError, AttributeError, OverflowError)
"""What reading a file raises that is damaged, half-written, or from another version."""


class Curve(NamedTuple):
    """What was logged under one tag; values that are not finite are left out."""

    steps: Float64[np.ndarray, " points"]
    values: Float64[np.ndarray, " points"]


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """What one run left in its folder."""

    variant: str
    seed: int
    config: str
    """The resolved scenario, in TOML."""
    curves: Mapping[str, Curve]
    """What was logged, by tag."""
    result: Result | None
    error: str | None
    """The last line of its error, if it failed."""
    gaps: tuple[str, ...]
    """What could not be read, and why."""


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


def read_run(folder: Path, variant: str, seed: int) -> RunRecord:
    """Read a run that has ended, failed, was stopped, or is still running; nothing in it is an error."""
    gaps: list[str] = []

    def read(name: str, parse: Callable[[str], Any], otherwise: Any) -> Any:
        path = folder / name
        try:
            return parse(path.read_text(encoding="utf-8")) if path.exists() else otherwise
        except UNREADABLE as error:
            gaps.append(f"{name} cannot be read: {describe_error(error)}")
            return otherwise

    result = read(RESULT, lambda text: _parse_result(text, variant, seed), None)
    if result and (folder / ROWS).exists():
        try:
            result = replace(result, rows=read_arrays(folder / ROWS))
        except UNREADABLE as error:
            gaps.append(f"{ROWS} cannot be read: {describe_error(error)}")
    figures = result.figures if result else {}
    gaps += [
        f"figure “{name}”: {found.reason}" for name, found in figures.items() if isinstance(found, UnreadableFigure)
    ]
    curves, left_out = read(METRICS, parse_metrics, ({}, 0))
    if left_out:
        gaps.append(f"{METRICS}: {count(left_out, 'damaged line')} left out")
    return RunRecord(
        variant=variant,
        seed=seed,
        config=read(CONFIG, _parse_config, ""),
        curves=curves,
        result=result,
        error=None if result else read(ERROR, lambda text: (text.strip() or "no reason given").splitlines()[-1], None),
        gaps=tuple(gaps),
    )


def describe_error(error: Exception) -> str:
    """What went wrong, on one line, without the path that the reader is told beside it."""
    if isinstance(error, KeyError):
        return f"it has no {error.args[0]!r}"
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return " ".join(str(error).split())


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


def _parse_result(text: str, variant: str, seed: int) -> Result:
    content = parse_json(text)
    stored: StoredResult = read_as(StoredResult, content)
    if (stored.variant, stored.seed) != (variant, seed):
        # A copied or renamed folder: its numbers belong elsewhere.
        raise ValueError(f"it is of {stored.variant}, seed {stored.seed}")
    return Result.from_json(content)


def _parse_config(text: str) -> str:
    tomllib.loads(text)
    return text


def parse_metrics(text: str) -> tuple[dict[str, Curve], int]:
    """The curves in a `metrics.jsonl`, by tag, and how many of its lines are damaged.

    A run that is being written, or was killed, may end in half a line; that is no damage.

    >>> curves, damaged = parse_metrics('{"step": 20, "train/loss": 1.5}\\n{"step": 40, "tra')
    >>> curves["train/loss"].values.tolist(), damaged
    ([1.5], 0)
    """
    whole = text[: text.rfind("\n") + 1].strip()
    if not whole:
        return {}, 0
    try:
        # One document is read twice as fast as its lines one by one.
        rows = json.loads("[" + whole.replace("\n", ",") + "]")
        return _curves(rows), 0
    except UNREADABLE:
        lines = whole.split("\n")
        sound = [row for line in lines if (row := _row(line)) is not None]
        return _curves(sound), len(lines) - len(sound)


def _row(line: str) -> Any:
    """The row in a line, None if it is damaged."""
    try:
        row = json.loads(line)
        _curves([row])
    except UNREADABLE:
        return None
    return row


def _curves(rows: Sequence[Any]) -> dict[str, Curve]:
    steps: dict[str, list[Any]] = {}
    values: dict[str, list[Any]] = {}
    for row in rows:
        step = row["step"]
        for tag, value in row.items():
            if tag in values:
                steps[tag].append(step)
                values[tag].append(value)
            elif tag != "step":
                steps[tag], values[tag] = [step], [value]
    return {tag: _curve(steps[tag], values[tag]) for tag in values}


def _curve(steps: Sequence[Any], values: Sequence[Any]) -> Curve:
    # Numpy would take a number in quotes for a number, and true for 1.
    if not ({*map(type, steps)} <= {int, float} and {*map(type, values)} <= {int, float, NoneType}):
        raise ValueError("a step or a value is not a number")
    at, found = np.array(steps, dtype=np.float64), np.array(values, dtype=np.float64)
    sound = np.isfinite(found) & np.isfinite(at)
    return Curve(at[sound], found[sound])


def seed_of(folder: Path) -> int | None:
    """The seed that a run's folder is named after, None if it is no such folder.

    >>> seed_of(Path("ls/seed-12")), seed_of(Path("ls/seed-old"))
    (12, None)
    """
    match = re.fullmatch(r"seed-(\d+)", folder.name)
    return int(match.group(1)) if match else None
