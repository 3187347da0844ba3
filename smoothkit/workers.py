"""Several runs at a time on one machine: worker processes, one thread each, that report to the parent's console."""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import replace
from multiprocessing import connection
from multiprocessing.queues import Queue
from typing import Any

from smoothkit import plugins
from smoothkit.distributed import Group, choose_device
from smoothkit.errors import SmoothkitError
from smoothkit.execution import Console, Outcome, Task, Unit, execute, failure, prepare_process
from smoothkit.stopping import StopRequest

DIED = (
    "a worker process was killed (out of memory, perhaps), which ended every run at work; `smoothkit resume` goes on "
    "with them"
)

_console: "_Remote | None" = None
_stop: StopRequest | None = None


def execute_in_workers(
    units: Sequence[Unit], jobs: int, console: Console, stop: StopRequest
) -> Iterator[list[Outcome]]:
    """Carry out `units`, `jobs` at a time, each starting as soon as a worker is free; yield outcomes as they come.

    Where a worker process dies, the runs at work fail with it, because the pool ends them; the others go on in another.
    """
    waiting = deque(units)
    while waiting and not stop.is_set():
        yield from _execute_in_pool(waiting, jobs, console, stop)


def _execute_in_pool(waiting: deque[Unit], jobs: int, console: Console, stop: StopRequest) -> Iterator[list[Outcome]]:
    """Carry out what is waiting until nothing is, the user asks to stop, or the pool breaks."""
    # Spawned, not forked: a forked child inherits torch's thread pools in a state that can hang it.
    context = multiprocessing.get_context("spawn")
    messages = context.Queue()
    options = replace(plugins.host().options, silent=True)
    at_work: dict[Future[list[Outcome]], Unit] = {}
    ended: list[list[Outcome]] = []
    with (
        _relay(messages, console, {task.label: task for unit in waiting for task in unit}),
        ProcessPoolExecutor(jobs, context, _start_worker, (messages, stop, options)) as pool,
    ):
        try:
            while True:
                # Workers get their next run before anybody looks at the last one.
                _submit(pool, waiting, at_work, jobs, stop)
                yield from ended
                if not at_work:
                    return
                done = wait(at_work, return_when=FIRST_COMPLETED).done
                ended = [_ended(future, at_work.pop(future), console) for future in done]
        except KeyboardInterrupt:
            # The second Ctrl-C: leaving the pool would wait for steps that may take long.
            for process in multiprocessing.active_children():
                process.kill()
            raise


def _submit(
    pool: ProcessPoolExecutor,
    waiting: deque[Unit],
    at_work: dict[Future[list[Outcome]], Unit],
    jobs: int,
    stop: StopRequest,
) -> None:
    """Let `jobs` units be at work, as long as some are waiting, nobody asks to stop, and the pool is whole."""
    with suppress(BrokenProcessPool):
        while waiting and len(at_work) < jobs and not stop.is_set():
            with _interrupts_held():
                at_work[pool.submit(_execute, waiting[0])] = waiting[0]
            waiting.popleft()


def _ended(future: Future[list[Outcome]], unit: Unit, console: Console) -> list[Outcome]:
    try:
        return future.result()
    except BrokenProcessPool:
        return [_outcome_of_death(task, console) for task in unit]


def _outcome_of_death(task: Task, console: Console) -> Outcome:
    if task.is_done:  # The worker died of another run of its unit.
        return Outcome("finished")
    outcome = failure(task, DIED, DIED, SmoothkitError.exit_code)
    console.finished(task, outcome)
    return outcome


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Hold back Ctrl-C for the length of the block, for this process and for good in those that it starts there.

    A terminal sends it to all of them, and one that is still starting would die of it.
    """
    held = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)


def _start_worker(messages: "Queue[Any]", stop: StopRequest, options: plugins.PluginOptions) -> None:
    global _console, _stop
    # The parent alone handles Ctrl-C; it tells the workers through `stop`.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    prepare_process(threads=None)
    plugins.configure(options)
    plugins.host()  # Loaded before the first task comes, whose configuration may be a class of a one-file plugin.
    _console, _stop = _Remote(messages), stop


def _end_with_parent() -> None:
    """A worker whose parent was killed ends at once, so that nothing writes beside a resumed study."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    connection.wait([parent.sentinel])
    os._exit(1)


def _execute(unit: Unit) -> list[Outcome]:
    assert _console is not None
    assert _stop is not None
    if _stop.is_set():
        return [Outcome("interrupted") for _ in unit]
    run = unit[0].config.run
    prepare_process(run.threads)
    return execute(unit, Group(device=choose_device(run.device)), _console, _stop)


class _Remote:
    """The console as a worker sees it: a queue to the parent."""

    def __init__(self, messages: "Queue[Any]"):
        self._messages = messages

    def started(self, task: Task) -> None:
        self._messages.put(("started", task.label, ()))

    def progress(self, task: Task, step: int, total: int, values: Mapping[str, float]) -> None:
        self._messages.put(("progress", task.label, (step, total, dict(values))))

    def noted(self, task: Task, text: str) -> None:
        self._messages.put(("noted", task.label, (text,)))

    def finished(self, task: Task, outcome: Outcome) -> None:
        self._messages.put(("finished", task.label, (outcome,)))


@contextmanager
def _relay(messages: "Queue[Any]", console: Console, tasks: Mapping[str, Task]) -> Iterator[None]:
    """Hand what the workers say to the console, for the length of the block."""

    def listen() -> None:
        while (message := messages.get()) is not None:
            kind, label, arguments = message
            getattr(console, kind)(tasks[label], *arguments)

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    try:
        yield
    finally:
        messages.put(None)
        # A worker that was killed while it wrote holds the queue for ever; what is still in it is progress, no result.
        thread.join(timeout=5)
        messages.cancel_join_thread()
