"""Checkpoints: written whole or not at all, holding nothing but tensors and plain data."""

import errno
import io
import os
import pickle
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch

from smoothkit.errors import OutputError, TrainingError

FILE = Path("checkpoint", "state.pt")


@runtime_checkable
class Stateful(Protocol):
    """Anything that a checkpoint can hold: modules, optimisers, schedulers, scalers."""

    def state_dict(self) -> dict[str, Any]:
        """Tensors and plain data."""
        ...

    def load_state_dict(self, state_dict: Any, /) -> Any:
        """The inverse."""
        ...


def write_checkpoint(directory: Path, state: dict[str, Any], *, is_like_another: bool = False) -> None:
    """Write `state` beside the checkpoint in `directory`, for `keep_checkpoint` to replace that one.

    The first one is read back at once: it would be too late to learn at a resumption that it cannot be. Of many that
    are alike, such as those of runs that are trained together, it is enough to read one.

    Raises:
        TrainingError: the disk is full or not writable, or something tracked is not tensors and plain data; the
            previous checkpoint is untouched.
    """
    path = directory / FILE
    partial = path.with_suffix(".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(partial, "wb") as stream:
            torch.save(state, stream)
            stream.flush()
            os.fsync(stream.fileno())
        if not (path.exists() or is_like_another or _is_readable(partial)):
            partial.unlink()
            raise TrainingError(f"{path}: {_unreadable(state)}")
    except (OSError, RuntimeError) as error:
        raise _failed(path, error) from error


def keep_checkpoint(directory: Path) -> None:
    """Replace the checkpoint in `directory` by the one that was written beside it.

    Raises:
        TrainingError: it cannot be; the previous checkpoint is untouched.
    """
    path = directory / FILE
    try:
        os.replace(path.with_suffix(".part"), path)
    except OSError as error:
        raise _failed(path, error) from error


def _failed(path: Path, error: Exception) -> TrainingError:
    """What is said of a checkpoint that could not be written; what there is of it goes."""
    path.with_suffix(".part").unlink(missing_ok=True)
    why = "the disk is full" if getattr(error, "errno", None) == errno.ENOSPC else _first_line(error)
    return TrainingError(
        f"{path}: the checkpoint cannot be written: {why}; the previous one is kept: make room, then `smoothkit resume`"
    )


def _is_readable(source: Path | io.BytesIO) -> bool:
    try:
        torch.load(source, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        return False
    return True


def _unreadable(state: dict[str, Any]) -> str:
    """Which part of `state` holds what a checkpoint cannot."""
    for name, part in state.get("tracked", {}).items():
        buffer = io.BytesIO()
        torch.save(part, buffer)
        buffer.seek(0)
        if not _is_readable(buffer):
            return f"the state_dict of {name!r} holds something other than tensors and plain Python data; convert it"
    return "the state holds something other than tensors and plain Python data"


def load_checkpoint(directory: Path, *, mapped: bool = False) -> dict[str, Any] | None:
    """The checkpoint in `directory`, on the CPU, or None if there is none.

    `mapped` tensors are read when they are used: for a look at what is small.

    Raises:
        OutputError: the file is damaged.
    """
    path = directory / FILE
    if not path.exists():
        return None
    try:
        return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except Exception as error:
        raise OutputError(
            f"{path}: cannot be read ({_first_line(error)}); delete the folder {directory} to start this run anew"
        ) from error


def saved_step(directory: Path) -> int:
    """The step that the checkpoint in `directory` was written at; 0 if there is none, -1 if it cannot be read."""
    try:
        saved = load_checkpoint(directory, mapped=True)
    except OutputError:
        return -1
    return saved["step"] if saved else 0


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
