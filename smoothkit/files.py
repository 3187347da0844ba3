"""The files of a study: what they are called, and how they are written whole or not at all."""

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# In a study's folder.
STUDY, SUMMARY = "study.toml", "summary.json"
# In the folder of each of its runs.
CONFIG, METRICS, RESULT, ERROR = "config.toml", "metrics.jsonl", "result.json", "error.txt"
ROWS = "rows.npz"


def write_text(path: Path, text: str) -> None:
    """Replace the file at `path` by `text` in one step.

    Raises:
        OSError: it cannot be written; it names `path`, and the old file stays.
    """
    partial = path.with_name(path.name + ".part")
    try:
        partial.write_text(text, encoding="utf-8")
        os.replace(partial, path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        # A full disk shows while writing, when the system no longer says which file it was.
        raise OSError(error.errno, error.strerror, str(path)) from error


def write_json(path: Path, content: Any) -> None:
    """Replace the file at `path` by `content` as JSON; numbers that JSON cannot hold become null."""
    write_text(path, json.dumps(finite(content), indent=1, allow_nan=False) + "\n")


def write_arrays(path: Path, arrays: Mapping[str, Any]) -> None:
    """Replace the file at `path` by one-dimensional arrays, by name, in numpy's format.

    Raises:
        OSError: it cannot be written; it names `path`, and the old file stays.
    """
    import numpy as np

    partial = path.with_name(path.name + ".part")
    try:
        with partial.open("wb") as stream:
            columns = {name: np.asarray(values) for name, values in arrays.items()}
            np.savez(stream, **columns)  # pyright: ignore[reportArgumentType]
        os.replace(partial, path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(path)) from error


def read_arrays(path: Path) -> dict[str, Any]:
    """What `write_arrays` wrote.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no such file; it names `path`.
    """
    import zipfile

    import numpy as np

    try:
        # numpy leaves a file open that it finds damaged; ours is closed whatever it holds.
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            return dict(arrays)
    except (zipfile.BadZipFile, EOFError) as error:
        raise ValueError(f"{path}: {error}") from error


def finite(value: Any) -> Any:
    """`value` with NaN and infinities, at any depth, replaced by None."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
