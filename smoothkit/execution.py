"""Carrying out runs, one or several together: train, evaluate, write the results, and tell whoever watches."""

import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

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
from smoothkit.runs import Runs
from smoothkit.scenario import Result, RunInfo, Scenario, ScenarioConfig
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


Unit = Sequence[Task]
"""The tasks that one process carries out at a time: one, or several of a variant."""


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

    def noted(self, task: Task, text: str) -> None:
        """A run has a sentence for the user."""
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

    def noted(self, text: str) -> None:
        self._console.noted(self._task, text)

    def logged(self, step: int, values: Mapping[str, float]) -> None:
        plugins.host().notify("smoothkit_logged", run=self._info, step=step, values=values)

    def figures(self, step: int, figures: Mapping[str, Figure]) -> None:
        plugins.host().notify("smoothkit_figures", run=self._info, step=step, figures=figures)


def execute(unit: Unit, group: Group, console: Console, stop: StopRequest) -> list[Outcome]:
    """Carry out the tasks of a unit, from their checkpoints if they have any: together if there are several.

    A failure is an outcome, its traceback in `error.txt`. Where several fail in training, they go on one by one: a seed
    that diverges takes no other with it.
    """
    try:
        with ExitStack() as stack:
            if group.is_main:
                for task in unit:
                    console.started(task)
                    stack.enter_context(_folder(task))
            return _attempt(unit, group, console, stop)
    except Exception as error:
        why = str(_as_known(error))
        if len(unit) == 1 or group.size > 1:
            failed = [_failed(task, error) for task in unit] if group.is_main else []
            if group.size > 1:
                raise _as_known(error) from error  # The others wait for this process; torchrun ends them all.
            for task, outcome in zip(unit, failed, strict=True):
                console.finished(task, outcome)
            return failed
    # Here the error is gone, which kept the model that failed and whose traceback would stand before those to come.
    console.noted(unit[0], f"seeds that were trained together go on one by one, because this went wrong: {why}")
    return [_alone(task, group, console, stop) for task in unit]


def _alone(task: Task, group: Group, console: Console, stop: StopRequest) -> Outcome:
    """The outcome of a task whose unit failed."""
    if not stop.is_set():
        return execute([task], group, console, stop)[0]
    outcome = Outcome("interrupted")
    console.finished(task, outcome)
    return outcome


@contextmanager
def _folder(task: Task) -> Iterator[None]:
    """Hold the folder of a run, which is made if there is none."""
    task.directory.mkdir(parents=True, exist_ok=True)
    with lock(task.directory):
        yield


def _as_known(error: Exception) -> SmoothkitError:
    return error if isinstance(error, SmoothkitError) else SmoothkitError(f"{type(error).__name__}: {error}")


def _failed(task: Task, error: Exception) -> Outcome:
    """The outcome of a run that `error` ended."""
    known = _as_known(error)
    return failure(task, str(known), "".join(traceback.format_exception(error)), known.exit_code)


def failure(task: Task, error: str, details: str, exit_code: int) -> Outcome:
    """The outcome of a run that failed; `details` go to its `error.txt`, where the summary finds the last line."""
    with suppress(OSError):
        task.directory.mkdir(parents=True, exist_ok=True)
        write_text(task.directory / ERROR, f"{details.rstrip()}\n")
    return Outcome("failed", " ".join(error.split()), exit_code)


def _attempt(unit: Unit, group: Group, console: Console, stop: StopRequest) -> list[Outcome]:
    """Train the tasks' models, evaluate each and write its result. Only what fails in training is raised."""
    first = unit[0]
    with ExitStack() as stack:
        begun = [stack.enter_context(_begun(task, group, console, stop)) for task in unit]
        try:
            train, evaluate = first.scenario.load()
            torch.manual_seed(first.seed)
            runs = [each.run for each in begun]
            if first.scenario.together:
                trained = train(first.config, Runs(runs, [task.config for task in unit]))
            else:
                trained = [train(first.config, runs[0])]
        except Stopped as stopped:
            return [each.end(Outcome(str(stopped))) for each in begun]
        if len(trained) != len(begun):
            raise RuntimeError(f"{first.scenario.train}: returned {len(trained)} models for {len(begun)} runs")
        for position, (each, model) in enumerate(zip(begun, trained, strict=True)):
            # All are trained by now, but evaluating them may take long: who asked to stop does not wait for the rest.
            late = position > 0 and group.any(stop.is_set())
            each.end(Outcome("interrupted") if late else each.evaluated(evaluate, model))
    return [each.outcome for each in begun]


class _Begun:
    """A run at work, and how it ended."""

    def __init__(self, task: Task, run: Run, console: Console):
        self.task, self.run = task, run
        self.outcome = Outcome("failed")
        self._console = console
        self._ended = False

    def evaluated(self, evaluate: Callable[..., Result], model: Any) -> Outcome:
        """Evaluate the model and write the result. A failure is this run's alone."""
        try:
            if self.task.scenario.together:
                torch.manual_seed(self.task.seed)  # Where the evaluation of another seed has left it says nothing.
            result = evaluate(self.task.config, self.run, model)
            if self.run.group.is_main:
                self._write(result)
        except Exception as error:
            if self.run.group.size > 1:
                raise
            return _failed(self.task, error)
        return Outcome("finished")

    def _write(self, result: Result) -> None:
        """Write the result and tell the observers."""
        if result.rows:
            write_arrays(self.task.directory / ROWS, result.rows)
        content = {"schema": 1, "variant": self.task.variant, "seed": self.task.seed, **result.to_json()}
        write_json(self.task.directory / RESULT, content)
        plugins.host().notify("smoothkit_evaluated", run=self.run.info, result=result)

    def end(self, outcome: Outcome) -> Outcome:
        """Tell the observers and the console how the run ended."""
        self.outcome = outcome
        self.tell_observers()
        if self.run.group.is_main:
            self._console.finished(self.task, outcome)
        return outcome

    def tell_observers(self) -> None:
        """Tell the observers how the run ended, unless they know."""
        if self.run.group.is_main and not self._ended:
            self._ended = True
            plugins.host().notify("smoothkit_run_finished", run=self.run.info, outcome=self.outcome.status)


@contextmanager
def _begun(task: Task, group: Group, console: Console, stop: StopRequest) -> Iterator[_Begun]:
    """A run that begins, or goes on; one that is left before it was ended has failed, and the observers learn of it."""
    saved = load_checkpoint(task.directory)
    step = saved["step"] if saved else 0
    recorded = max((row[0] for row in saved["rows"]), default=0) if saved else 0
    info = RunInfo(task.config.scenario, task.variant, task.seed, task.directory, dump(task.config), step, recorded)
    if group.is_main:
        write_text(task.directory / CONFIG, tomlkit.dumps(info.config))
        (task.directory / ERROR).unlink(missing_ok=True)
    begun = _Begun(task, Run(info, task.config.run, group, saved, _Watcher(task, info, console), stop), console)
    if group.is_main:
        plugins.host().notify("smoothkit_run_started", run=info)
    try:
        yield begun
    finally:
        begun.tell_observers()


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
