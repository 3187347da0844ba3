"""What it costs to look at calibration by group: the CPU time of the thread, with one torch thread.

The rows are over-confident logits of two classes with three groups. The first two lines are a million rows: once for
the sums that signed gaps, debiased squares, Brier score and NLL of each group are made of, and once for all that the
fairness plugin says of a stage, which is also areas under risk-coverage curves, isotonic fits, tests of every pair, and
the rows themselves. The last line is `evaluate()`: three stages, after no, one and a temperature for each group, with
the fits of these, the metrics of all rows and the figures.

    python benchmarks/fairness.py           (half a minute)
"""

import statistics
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from metrics import Call, rounds
from torch import Tensor
from training import Silent

from smoothkit.config import dump
from smoothkit.data import Dataset, ImageSet
from smoothkit.distributed import Group
from smoothkit.metrics import bins_by_group, calibration_by_group, compare_groups, top_label
from smoothkit.metrics.calibration import confidence_gap_of, debiased_squared_error_of
from smoothkit.metrics.streaming import CalibrationAccumulator
from smoothkit.run import Run
from smoothkit.scenario import RunInfo
from smoothkit.stopping import StopRequest
from smoothkit_fairness.by_group import grouped_rows, measure_by_group
from smoothkit_fairness.config import FairnessConfig
from smoothkit_fairness.evaluate import evaluate
from smoothkit_fairness.train import Trained

CLASSES, NAMES = 2, ("most", "some", "few")
ROUNDS = 7


class Row(NamedTuple):
    """One line of the table."""

    what: str
    seconds: float
    """CPU seconds, the median of the rounds."""
    goal: str = ""


def make_data(rows: int) -> tuple[Tensor, Tensor, Tensor]:
    """Logits, labels and groups."""
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(rows, CLASSES, generator=generator)
    labels = torch.multinomial((logits / 1.5).softmax(dim=1), 1, generator=generator).squeeze(1)
    groups = torch.bucketize(torch.rand(rows, generator=generator), torch.tensor([0.6, 0.9]))
    return logits, labels, groups


def one_pass(logits: Tensor, labels: Tensor, groups: Tensor) -> None:
    accumulator = CalibrationAccumulator(CLASSES, groups=len(NAMES))
    accumulator.update(logits, labels, groups)
    found = accumulator.compute()
    for measure in (confidence_gap_of, debiased_squared_error_of):
        measure(found.reliability)
    assert bool((found.brier + found.nll + found.accuracy).isfinite().all())


def stage(logits: Tensor, labels: Tensor, groups: Tensor) -> None:
    measure_by_group(grouped_rows(logits, labels, groups, NAMES, bins=15, binning="mass"), 1000)


def intervals(logits: Tensor, labels: Tensor, groups: Tensor) -> None:
    bins = bins_by_group(*top_label(logits, labels), groups, names=NAMES, binning="mass")
    generator = np.random.default_rng(0)
    calibration_by_group(bins, generator, 1000)
    compare_groups(bins, generator, 1000)


def evaluated(logits: Tensor, labels: Tensor, groups: Tensor) -> None:
    """A network that passes its samples on as logits; half of the rows are the validation part."""
    half = len(logits) // 2
    validation, test = (
        ImageSet(*(column[rows] for column in (logits, labels, groups))) for rows in (slice(half), slice(half, None))
    )
    data = Dataset(validation, test, ("no", "yes"), (0.0,) * CLASSES, (1.0,) * CLASSES, "logits", NAMES)
    config = FairnessConfig(scenario="fairness")
    with tempfile.TemporaryDirectory() as name:
        info = RunInfo("fairness", "any", 0, Path(name), dump(config))
        run = Run(info, config.run, Group(), None, Silent(), StopRequest())
        evaluate(config, run, Trained(torch.nn.Identity(), data, validation))


def measure(number: int = ROUNDS) -> list[Row]:
    """Time everything, in rounds of random order."""
    torch.set_num_threads(1)
    large, small, test = (make_data(rows) for rows in (1_000_000, 10_000, 30_000))
    lines: dict[tuple[str, str], Call] = {
        ("gaps, debiased, Brier, NLL: 1,000,000 rows, 3 groups, one pass", "1"): lambda: one_pass(*large),
        ("all that is said of a stage, of the same rows", "1"): lambda: stage(*large),
        ("intervals and tests, 1000 resamples: 10,000 rows, 3 groups", "0.5"): lambda: intervals(*small),
        ("`evaluate()`, 3 stages: 15,000 validation and 15,000 test rows", ""): lambda: evaluated(*test),
    }
    calls = {what: call for (what, _), call in lines.items()}
    for call in calls.values():
        call()  # Warms up.
    times = rounds(calls, number)
    return [Row(what, statistics.median(times[what]), goal) for what, goal in lines]


def tables() -> str:
    """The measurement as Markdown."""
    lines = ["| calibration by group | CPU s | goal |", "| --- | --- | --- |"]
    lines += [f"| {row.what} | {row.seconds:.3f} | {row.goal} |" for row in measure()]
    return "\n".join(lines)


if __name__ == "__main__":
    print(tables())
