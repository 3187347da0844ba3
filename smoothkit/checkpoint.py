"""Checkpoints: written whole or not at all, holding nothing but tensors and plain data."""

import errno
import os
from pathlib import Path
from typing import Any

import torch

from smoothkit.errors import OutputError, TrainingError

FILE = Path("checkpoint", "state.pt")


def save_checkpoint(directory: Path, state: dict[str, Any]) -> None:
    """Write `state` to `directory`, replacing the checkpoint there only once the new one is safely on disk.

    Raises:
        TrainingError: the disk is full or not writable; the previous checkpoint is untouched.
    """
    path = directory / FILE
    partial = path.with_suffix(".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(partial, "wb") as stream:
            torch.save(state, stream)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(partial, path)
    except (OSError, RuntimeError) as error:
        partial.unlink(missing_ok=True)
        why = "the disk is full" if getattr(error, "errno", None) == errno.ENOSPC else _first_line(error)
        raise TrainingError(
            f"{path}: the checkpoint cannot be written: {why}; the previous one is kept: make room, then "
            "`smoothkit resume`"
        ) from error


def load_checkpoint(directory: Path) -> dict[str, Any] | None:
    """The checkpoint in `directory`, on the CPU, or None if there is none.

    Raises:
        OutputError: the file is damaged.
    """
    path = directory / FILE
    if not path.exists():
        return None
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise OutputError(
            f"{path}: cannot be read ({_first_line(error)}); delete the folder {directory} to start this run anew"
        ) from error


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
