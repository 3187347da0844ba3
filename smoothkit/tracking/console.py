"""What a user sees while a study runs: live progress on a terminal, a plain line per event elsewhere."""

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console as RichConsole
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

if TYPE_CHECKING:
    from smoothkit.execution import Console, Outcome, Task

# Lines go to stderr, so that stdout holds nothing but what a command was asked to print.
PLAIN_INTERVAL = 10.0
"""Seconds between two lines about one run in a plain log."""


class Notes:
    """What variants have said: their seeds say the same."""

    def __init__(self) -> None:
        self._said: set[tuple[str, str]] = set()

    def is_new(self, task: "Task", text: str) -> bool:
        """Whether the task's variant has not said this before; it has now."""
        key = (task.variant, text)
        new = key not in self._said
        self._said.add(key)
        return new


class Silent:
    """Says nothing but what failed; for `--quiet` and `--json`."""

    def started(self, task: "Task") -> None:
        """Nothing."""

    def progress(self, task: "Task", step: int, total: int, values: Mapping[str, float]) -> None:
        """Nothing."""

    def noted(self, task: "Task", text: str) -> None:
        """Nothing."""

    def finished(self, task: "Task", outcome: "Outcome") -> None:
        """A line if the run failed."""
        if outcome.status == "failed":
            print(f"{task.label}: failed: {outcome.error}", file=sys.stderr, flush=True)


class Plain:
    """One line per event, for logs and pipes."""

    def __init__(self, runs: int):
        self._runs, self._done = runs, 0
        self._said: dict[str, float] = {}
        self._notes = Notes()

    def started(self, task: "Task") -> None:
        """Nothing: the first line about a run comes with its progress or its end."""
        self._said[task.label] = time.monotonic()

    def progress(self, task: "Task", step: int, total: int, values: Mapping[str, float]) -> None:
        """A line, if the last one about this run is long enough ago."""
        if (now := time.monotonic()) - self._said[task.label] >= PLAIN_INTERVAL:
            self._said[task.label] = now
            self._say(f"{task.label}: step {step}/{total}{_shown(values)}")

    def noted(self, task: "Task", text: str) -> None:
        """A line, once for each variant."""
        if self._notes.is_new(task, text):
            self._say(f"{task.variant}: {text}")

    def finished(self, task: "Task", outcome: "Outcome") -> None:
        """A line."""
        self._done += 1
        self._say(
            f"[{self._done}/{self._runs}] {task.label}: {outcome.status}{': ' * bool(outcome.error)}{outcome.error}"
        )

    def _say(self, line: str) -> None:
        print(line, file=sys.stderr, flush=True)


class Live:
    """A bar for the study and one for each run at work."""

    def __init__(self, progress: Progress, runs: int):
        self._progress = progress
        self._study = progress.add_task("study", total=runs, note="")
        self._bars: dict[str, TaskID] = {}
        self._notes = Notes()

    def started(self, task: "Task") -> None:
        """A bar appears, unless it is there: runs that fail together are started anew, one by one."""
        if task.label not in self._bars:
            self._bars[task.label] = self._progress.add_task(task.label, total=None, note="")

    def progress(self, task: "Task", step: int, total: int, values: Mapping[str, float]) -> None:
        """The bar moves."""
        # A worker's last messages may come after the parent has found it dead.
        if (bar := self._bars.get(task.label)) is not None:
            self._progress.update(bar, completed=step, total=total, note=_shown(values))

    def noted(self, task: "Task", text: str) -> None:
        """A line above the bars, once for each variant."""
        if self._notes.is_new(task, text):
            self._progress.console.print(Text(f"{task.variant}: {text}"), soft_wrap=True)

    def finished(self, task: "Task", outcome: "Outcome") -> None:
        """The bar goes; a failure leaves a line."""
        if (bar := self._bars.pop(task.label, None)) is not None:
            self._progress.remove_task(bar)
        self._progress.advance(self._study)
        if outcome.status == "failed":
            line = Text.assemble(("failed", "red"), f" {task.label}: {outcome.error}")
            self._progress.console.print(line, soft_wrap=True)


@contextmanager
def console_for(runs: int, quiet: bool) -> "Iterator[Console]":
    """The console that fits: silent if asked for, live on a terminal, plain otherwise."""
    terminal = RichConsole(stderr=True)
    if quiet:
        yield Silent()
    elif not terminal.is_terminal:
        yield Plain(runs)
    else:
        # Names of variants and of values are a user's, and brackets in them no markup.
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}", style="dim", markup=False),
        )
        with Progress(*columns, console=terminal, transient=True) as progress:
            yield Live(progress, runs)


def _shown(values: Mapping[str, float]) -> str:
    """The values last recorded, briefly: `loss 0.512  accuracy 0.91`."""
    return "".join(f"  {tag.rpartition('/')[2]} {value:.3g}" for tag, value in list(values.items())[:4])
