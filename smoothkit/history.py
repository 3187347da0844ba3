"""What a run recorded: in memory, and line by line in `metrics.jsonl`."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from smoothkit.errors import TrainingError
from smoothkit.files import finite

Row = tuple[int, dict[str, float]]
"""A step, and values by tag."""


class History:
    """The rows recorded so far; `path` is None in a process that does not write."""

    def __init__(self, path: Path | None):
        self.rows: list[Row] = []
        self._path = path

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Keep a row and write it.

        Raises:
            TrainingError: the file cannot be written.
        """
        self.rows.append((step, dict(values)))
        self._write("a", self.rows[-1:])

    def restore(self, rows: Sequence[Sequence[Any]]) -> None:
        """Go back to these rows: what was written after the checkpoint will be written again."""
        self.rows = [(step, dict(values)) for step, values in rows]
        self._write("w", self.rows)

    def of(self, tag: str) -> list[tuple[int, float]]:
        """All values of a tag, with their steps."""
        return [(step, values[tag]) for step, values in self.rows if tag in values]

    def _write(self, mode: str, rows: Sequence[Row]) -> None:
        if self._path is None:
            return
        try:
            with open(self._path, mode, encoding="utf-8") as stream:
                stream.writelines(json.dumps({"step": step, **finite(values)}) + "\n" for step, values in rows)
        except OSError as error:
            raise TrainingError(
                f"{self._path}: cannot be written: {error}; make room, then `smoothkit resume`"
            ) from error
