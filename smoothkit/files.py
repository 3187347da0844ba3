"""The files of a study: what they are called, and how they are written whole or not at all."""

import json
import math
import os
from pathlib import Path
from typing import Any

# In a study's folder.
STUDY, SUMMARY = "study.toml", "summary.json"
# In the folder of each of its runs.
CONFIG, METRICS, RESULT, ERROR = "config.toml", "metrics.jsonl", "result.json", "error.txt"


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


def finite(value: Any) -> Any:
    """`value` with NaN and infinities, at any depth, replaced by None."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
