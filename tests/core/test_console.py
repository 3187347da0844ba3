"""What a user sees while a study runs."""

import io
import time
from dataclasses import dataclass

import pytest
from rich.console import Console as RichConsole
from rich.progress import Progress

from smoothkit.execution import Console, Outcome
from smoothkit.tracking import console as module
from smoothkit.tracking.console import Live, Plain, Silent, console_for


@dataclass
class Labelled:
    label: str = "LS [a] · seed 0"
    variant: str = "LS [a]"


TASK = Labelled()
FAILED = Outcome("failed", "ValueError: [b] is wrong", 1)


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def test_silence_is_broken_by_failures_only(capsys):
    console = Silent()
    console.started(TASK)
    console.progress(TASK, 1, 2, {})
    console.finished(TASK, Outcome("finished"))
    console.finished(TASK, FAILED)
    assert capsys.readouterr().err == "LS [a] · seed 0: failed: ValueError: [b] is wrong\n"


def test_a_plain_log_has_a_line_for_each_end_and_now_and_then_one_between(capsys, clock):
    console = Plain(2)
    console.started(TASK)
    for clock[0], step in ((1.0, 10), (11.0, 20), (12.0, 30), (22.0, 40)):
        console.progress(TASK, step, 50, {"train/loss": 0.51234, "train/accuracy": 0.5})
    console.finished(TASK, Outcome("finished"))
    console.finished(TASK, FAILED)
    assert capsys.readouterr().err.splitlines() == [
        "LS [a] · seed 0: step 20/50  loss 0.512  accuracy 0.5",
        "LS [a] · seed 0: step 40/50  loss 0.512  accuracy 0.5",
        "[1/2] LS [a] · seed 0: finished",
        "[2/2] LS [a] · seed 0: failed: ValueError: [b] is wrong",
    ]


OTHER = (Labelled("LS [a] · seed 1"), Labelled("b · seed 0", "b"))


def test_what_the_seeds_of_a_variant_say_is_said_once(capsys, clock):
    console = Plain(3)
    for text in ("alpha is 0.1", "alpha is 0.2", "alpha is 0.1"):
        for task in (TASK, *OTHER):
            console.noted(task, text)
    assert capsys.readouterr().err.splitlines() == [
        "LS [a]: alpha is 0.1",
        "b: alpha is 0.1",
        "LS [a]: alpha is 0.2",
        "b: alpha is 0.2",
    ]
    Silent().noted(TASK, "alpha is 0.1")
    assert capsys.readouterr().err == ""


def test_runs_side_by_side_have_a_bar_each_that_goes_with_its_run(monkeypatch):
    """Runs that fail together are started twice, and end once."""
    stream = io.StringIO()
    terminal = RichConsole(file=stream, force_terminal=True, width=200, color_system=None)
    with Progress(console=terminal, auto_refresh=False) as progress:
        live = Live(progress, 3)
        for task in (TASK, *OTHER, TASK):
            live.started(task)
        assert sorted(bar.description for bar in progress.tasks) == sorted(
            ("study", *(task.label for task in (TASK, *OTHER)))
        )
        live.noted(TASK, "[b] is 0.1")
        live.noted(OTHER[0], "[b] is 0.1")
        for task in (TASK, *OTHER):
            live.finished(task, Outcome("finished"))
        assert [(bar.description, bar.completed) for bar in progress.tasks] == [("study", 3)]
    assert stream.getvalue().count("LS [a]: [b] is 0.1") == 1


def test_brackets_in_names_are_no_markup(monkeypatch):
    stream = io.StringIO()
    terminal = RichConsole(file=stream, force_terminal=True, width=200, color_system=None)
    monkeypatch.setattr(module, "RichConsole", lambda stderr: terminal)
    with console_for(1, quiet=False) as live:
        live.started(TASK)
        live.progress(TASK, 1, 2, {"train/loss [nats]": 1.0, "train/gap[b]": 0.25})
        end = time.monotonic() + 30  # the bars are drawn ten times a second, by a thread
        while "gap" not in stream.getvalue() and time.monotonic() < end:
            time.sleep(0.01)
        live.finished(TASK, FAILED)
    assert "LS [a] · seed 0 " in stream.getvalue()
    assert "loss [nats] 1  gap[b] 0.25" in stream.getvalue()
    assert "failed LS [a] · seed 0: ValueError: [b] is wrong" in stream.getvalue()


@pytest.mark.parametrize(
    ("terminal", "quiet", "kind"),
    [(False, True, Silent), (True, True, Silent), (False, False, Plain), (True, False, Live)],
)
def test_the_console_fits_the_terminal(terminal, quiet, kind, monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr(module, "RichConsole", lambda stderr: RichConsole(file=stream, force_terminal=terminal))
    with console_for(3, quiet) as console:
        assert type(console) is kind
        assert isinstance(console, Console)
