"""Carrying out one run: train, evaluate, write the result, and tell whoever watches."""

import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import tomlkit
import torch
from filelock import FileLock, Timeout

from smoothkit import plugins
from smoothkit.checkpoint import load_checkpoint
from smoothkit.config import dump
from smoothkit.distributed import Group
from smoothkit.errors import OutputError, SmoothkitError
from smoothkit.files import CONFIG, ERROR, RESULT, ROWS, write_arrays, write_json, write_text
from smoothkit.report.figures import Figure
from smoothkit.run import Run
from smoothkit.scenario import RunInfo, Scenario, ScenarioConfig
from smoothkit.stopping import Stopped, StopRequest


@dataclass(frozen=True)
class Task:
    """One run to carry out: a variant with a seed. Plain data, so that it reaches a worker process."""

    variant: str
    seed: int
    directory: Path
    scenario: Scenario
    config: ScenarioConfig

    @property
    def label(self) -> str:
        """What the console calls it."""
        return f"{self.variant} · seed {self.seed}"

    @property
    def is_done(self) -> bool:
        """Whether its result is on disk."""
        return (self.directory / RESULT).exists()


@dataclass(frozen=True)
class Outcome:
    """How a run ended."""

    status: str
    """"finished", "failed", "interrupted" or "out of time"."""
    error: str = ""
    """One line, if it failed."""
    exit_code: int = 0
    """What the command line exits with if it failed: 2 if the user's input, data included, is at fault, else 1."""


@runtime_checkable
class Console(Protocol):
    """Who follows a study for the user."""

    def started(self, task: Task) -> None:
        """A run begins."""
        ...

    def progress(self, task: Task, step: int, total: int, values: Mapping[str, float]) -> None:
        """A run moves on; `values` are those last recorded."""
        ...

    def finished(self, task: Task, outcome: Outcome) -> None:
        """A run ended."""
        ...


class _Watcher:
    """Passes what a run reports to the console and to the observer plugins."""

    def __init__(self, task: Task, info: RunInfo, console: Console):
        self._task, self._info, self._console = task, info, console

    def progress(self, step: int, total: int, values: Mapping[str, float]) -> None:
        self._console.progress(self._task, step, total, values)

    def logged(self, step: int, values: Mapping[str, float]) -> None:
        plugins.host().notify("smoothkit_logged", run=self._info, step=step, values=values)

    def figures(self, step: int, figures: Mapping[str, Figure]) -> None:
        plugins.host().notify("smoothkit_figures", run=self._info, step=step, figures=figures)


def execute(task: Task, group: Group, console: Console, stop: StopRequest) -> Outcome:
    """Carry out `task`, from its checkpoint if it has one. A failure is an outcome, its traceback in `error.txt`."""
    try:
        if not group.is_main:
            return _attempt(task, group, console, stop)
        console.started(task)
        task.directory.mkdir(parents=True, exist_ok=True)
        with lock(task.directory):
            outcome = _attempt(task, group, console, stop)
    except Exception as error:
        known = error if isinstance(error, SmoothkitError) else SmoothkitError(f"{type(error).__name__}: {error}")
        outcome = failure(task, str(known), traceback.format_exc(), known.exit_code) if group.is_main else None
        if outcome is None or group.size > 1:
            raise known from error  # The other processes are waiting for this one; torchrun ends them all.
    console.finished(task, outcome)
    return outcome


def failure(task: Task, error: str, details: str, exit_code: int) -> Outcome:
    """The outcome of a run that failed; `details` go to its `error.txt`, where the summary finds the last line."""
    with suppress(OSError):
        task.directory.mkdir(parents=True, exist_ok=True)
        write_text(task.directory / ERROR, f"{details.rstrip()}\n")
    return Outcome("failed", " ".join(error.split()), exit_code)


def _attempt(task: Task, group: Group, console: Console, stop: StopRequest) -> Outcome:
    saved = load_checkpoint(task.directory)
    step = saved["step"] if saved else 0
    info = RunInfo(task.config.scenario, task.variant, task.seed, task.directory, dump(task.config), step)
    notify = plugins.host().notify if group.is_main else lambda *_, **__: None
    if group.is_main:
        write_text(task.directory / CONFIG, tomlkit.dumps(info.config))
        (task.directory / ERROR).unlink(missing_ok=True)
    notify("smoothkit_run_started", run=info)
    status = "failed"
    try:
        train, evaluate = task.scenario.load()
        torch.manual_seed(task.seed)
        run = Run(info, task.config.run, group, saved, _Watcher(task, info, console), stop)
        result = evaluate(task.config, run, train(task.config, run))
        if group.is_main:
            if result.rows:
                write_arrays(task.directory / ROWS, result.rows)
            write_json(
                task.directory / RESULT,
                {"schema": 1, "variant": task.variant, "seed": task.seed, **result.to_json()},
            )
        notify("smoothkit_evaluated", run=info, result=result)
        status = "finished"
    except Stopped as stopped:
        status = str(stopped)
    finally:
        notify("smoothkit_run_finished", run=info, outcome=status)
    return Outcome(status)


def prepare_process(threads: int | None) -> None:
    """Set what is the same for every run of this process."""
    if threads is not None:
        torch.set_num_threads(threads)
    # Denormal numbers cost up to a hundred times a normal one and carry no information that a loss could use.
    torch.set_flush_denormal(True)


@contextmanager
def lock(directory: Path) -> Iterator[None]:
    """Hold `directory` for this process; the system lets go of it when the process ends, however it ends.

    Raises:
        OutputError: another process holds it.
    """
    try:
        with FileLock(directory / ".lock", timeout=0):
            yield
    except Timeout:
        raise OutputError(
            f"{directory}: another smoothkit process is writing there; wait for it, or choose another --output"
        ) from None
