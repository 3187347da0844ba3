"""A log of two runs of 60 steps, whose figures show the step in their numbers."""

from pathlib import Path
from typing import Any

from smoothkit.report.figures import MatrixFigure, ReliabilityFigure
from smoothkit.scenario import Result, RunInfo
from smoothkit.tracking import tensorboard

STEPS = range(10, 610, 10)
HARD, LS = "hard/seed-0", "LS 0.1/seed-0"


def reliability(step: int, **stated: Any) -> ReliabilityFigure:
    """Of 200 rows in one bin, with an error of `step` thousandths."""
    return ReliabilityFigure(
        title="Reliability",
        edges=(0.0, 0.5, 1.0),
        counts=(0, 200),
        confidence=(None, 0.9),
        accuracy=(None, 0.9 - step / 1000),
        **stated,
    )


def matrix(step: int) -> MatrixFigure:
    """Two classes, between which `step` thousandths of the mass are exchanged."""
    moved, kept = step / 1000, (1000 - step) / 1000
    return MatrixFigure(
        title="Target",
        values=((kept, moved), (moved, kept)),
        rows=("cat", "dog"),
        columns=("cat", "dog"),
        row_label="label",
        column_label="target",
    )


def write_run(directory: Path, variant: str, every: int = 1, **stated: float) -> None:
    """A run that records a reliability diagram at all steps, and a matrix at every so many."""
    directory.mkdir(parents=True)
    (directory / "config.toml").write_text("scenario = 'supervised'\n")
    run = RunInfo("supervised", variant, 0, directory, {"target": {"name": variant}})
    tensorboard.smoothkit_run_started(run)
    for count, step in enumerate(STEPS):
        tensorboard.smoothkit_logged(run, step, {"train/loss": 1.0})
        tensorboard.smoothkit_figures(run, step, {"validation/reliability": reliability(step, **stated)})
        if count % every == 0:
            tensorboard.smoothkit_figures(run, step, {"target/matrix": matrix(step)})
    tensorboard.smoothkit_evaluated(run, Result(scalars={"matrix": 1.0}, figures={"matrix": matrix(STEPS[-1])}))
    tensorboard.smoothkit_run_finished(run, "finished")


def write_two_runs(root: Path) -> None:
    """One that leaves the sums to the reader, and one that states them and has a matrix at every seventh step."""
    write_run(root / HARD, "onehot")
    write_run(root / LS, "ls", every=7, ece=0.123, null_ece=0.012, gap=-0.02, gap_low=-0.05, gap_high=0.01)
