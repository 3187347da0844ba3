"""Several runs at a time on one machine: worker processes, one thread each, that report to the parent's console."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.connection import wait
from multiprocessing.queues import Queue
from typing import Any

from smoothkit import plugins
from smoothkit.distributed import Group, choose_device
from smoothkit.execution import Console, Outcome, Task, execute, prepare_process
from smoothkit.run import StopRequest

_console: "_Remote | None" = None
_stop: StopRequest | None = None


def execute_in_workers(tasks: Sequence[Task], jobs: int, console: Console, stop: StopRequest) -> Iterator[Outcome]:
    """Carry out `tasks`, `jobs` at a time, each starting as soon as a worker is free; yield outcomes as they come."""
    # Spawned, not forked: a forked child inherits torch's thread pools in a state that can hang it.
    context = multiprocessing.get_context("spawn")
    messages = context.Queue()
    with (
        _relay(messages, console, {task.label: task for task in tasks}),
        ProcessPoolExecutor(jobs, context, _start_worker, (messages, stop, plugins.host().options)) as pool,
    ):
        futures: dict[Future[Outcome], Task] = {pool.submit(_execute, task): task for task in tasks}
        for future in as_completed(futures):
            try:
                yield future.result()
            except BrokenProcessPool:
                outcome = Outcome("failed", "its worker process died (killed, or out of memory)")
                console.finished(futures[future], outcome)
                yield outcome


def _start_worker(messages: "Queue[Any]", stop: StopRequest, options: plugins.PluginOptions) -> None:
    global _console, _stop
    # The parent alone handles Ctrl-C; it tells the workers through `stop`.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    prepare_process(threads=None)
    plugins.configure(options)
    _console, _stop = _Remote(messages), stop


def _end_with_parent() -> None:
    """A worker whose parent was killed ends at once, so that nothing writes beside a resumed study."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)


def _execute(task: Task) -> Outcome:
    assert _console is not None
    assert _stop is not None
    if _stop.is_set():
        return Outcome("interrupted")
    prepare_process(task.config.run.threads)
    return execute(task, Group(device=choose_device(task.config.run.device)), _console, _stop)


class _Remote:
    """The console as a worker sees it: a queue to the parent."""

    def __init__(self, messages: "Queue[Any]"):
        self._messages = messages

    def started(self, task: Task) -> None:
        self._messages.put(("started", task.label, ()))

    def progress(self, task: Task, step: int, total: int, values: Mapping[str, float]) -> None:
        self._messages.put(("progress", task.label, (step, total, dict(values))))

    def finished(self, task: Task, outcome: Outcome) -> None:
        self._messages.put(("finished", task.label, (outcome,)))


@contextmanager
def _relay(messages: "Queue[Any]", console: Console, tasks: Mapping[str, Task]) -> Iterator[None]:
    """Hand what the workers say to the console, for the length of the block."""

    def listen() -> None:
        while (message := messages.get()) is not None:
            kind, label, arguments = message
            getattr(console, kind)(tasks[label], *arguments)

    thread = threading.Thread(target=listen)
    thread.start()
    try:
        yield
    finally:
        messages.put(None)
        thread.join()
