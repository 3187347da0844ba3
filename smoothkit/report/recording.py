"""One run's folder, read back: what can be read, and a line for everything that cannot."""

import json
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import NoneType
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float64

from smoothkit.files import CONFIG, ERROR, METRICS, RESULT, ROWS
from smoothkit.report.figures import UnreadableFigure
from smoothkit.report.numbers import count
from smoothkit.report.run_result import UNREADABLE, describe_error, parse_result, with_rows
from smoothkit.scenario import Result


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


def read_run(folder: Path, variant: str, seed: int) -> RunRecord:
    """Read a run that has ended, failed, was stopped, or is still running; nothing in it is an error."""
    gaps: list[str] = []

    def read(name: str, parse: Callable[[Path], Any], otherwise: Any) -> Any:
        path = folder / name
        try:
            return parse(path) if path.exists() else otherwise
        except UNREADABLE as error:
            gaps.append(f"{name} cannot be read: {describe_error(error)}")
            return otherwise

    result = read(RESULT, lambda path: parse_result(path.read_text(encoding="utf-8"), variant, seed), None)
    if result:
        result = read(ROWS, lambda path: with_rows(result, path.parent), result)
        figures = result.figures.items()
        gaps += [f"figure “{name}”: {found.reason}" for name, found in figures if isinstance(found, UnreadableFigure)]
    curves, left_out = read(METRICS, lambda path: parse_metrics(path.read_bytes()), ({}, 0))
    if left_out:
        gaps.append(f"{METRICS}: {count(left_out, 'damaged line')} left out")
    return RunRecord(
        variant=variant,
        seed=seed,
        config=read(CONFIG, _read_config, ""),
        curves=curves,
        result=result,
        error=None if result else read(ERROR, last_line, None),
        gaps=tuple(gaps),
    )


def last_line(path: Path) -> str:
    """What an `error.txt` comes to."""
    return (path.read_text(encoding="utf-8", errors="replace").strip() or "no reason given").splitlines()[-1]


def _read_config(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    tomllib.loads(text)
    return text


def parse_metrics(content: bytes) -> tuple[dict[str, Curve], int]:
    """The curves in a `metrics.jsonl`, by tag, and how many of its lines are damaged.

    A run that is being written, or was killed, may end in half a line, or in half a character; that is no damage.

    >>> curves, damaged = parse_metrics(b'{"step": 20, "train/loss": 1.5}\\n{"step": 40, "tra')
    >>> curves["train/loss"].values.tolist(), damaged
    ([1.5], 0)
    """
    whole = content[: content.rfind(b"\n") + 1].strip()
    if not whole:
        return {}, 0
    try:
        # One document is read twice as fast as its lines one by one.
        rows = json.loads(b"[" + whole.replace(b"\n", b",") + b"]")
        return _curves(rows), 0
    except UNREADABLE:
        lines = [line for line in whole.split(b"\n") if line.strip()]
        sound = [row for line in lines if (row := _row(line)) is not None]
        return _curves(sound), len(lines) - len(sound)


def _row(line: bytes) -> Any:
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
    """The seed that a run's folder is named after, None if no run is given such a name.

    >>> seed_of(Path("ls/seed-12")), seed_of(Path("ls/seed-old")), seed_of(Path("ls/seed-012"))
    (12, None, None)
    """
    match = re.fullmatch(r"seed-(0|[1-9][0-9]*)", folder.name)
    return int(match.group(1)) if match else None
