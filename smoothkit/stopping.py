"""Ending a run early, with a checkpoint."""

import ctypes
from multiprocessing.sharedctypes import RawValue


class StopRequest:
    """Asked to stop, a run ends after its current step, with a checkpoint. Ctrl-C sets it, in all workers at once."""

    def __init__(self) -> None:
        # Shared memory, so that one request reaches every worker process; reading it costs a trainer nothing.
        self._flag = RawValue(ctypes.c_bool, False)

    def set(self) -> None:
        """Ask."""
        self._flag.value = True

    def is_set(self) -> bool:
        """Whether somebody asked."""
        return self._flag.value


class Stopped(Exception):
    """A run ended early, with a checkpoint; the argument says why ("interrupted" or "out of time")."""
