"""The cost of measuring a million predictions of 100 classes, against the least that must be done and other libraries.

All variants run in one process, in rounds of random order; what is compared is the CPU time of the thread, with one
torch thread, against the reference of the same round, and the median of the rounds is printed. The floor is the largest
probability and its class of every row, and a count by bin: the faster of numpy and torch. Memory is the highest point
of the allocations that torch's profiler reports during one call, beyond the predictions; numpy's, which hold one number
per row of a block, are not among them.

    python benchmarks/metrics.py            (about two minutes, 2 GiB)
"""

import random
import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
import torchmetrics.functional.classification as torchmetrics
from losses import peak_memory
from torch import Tensor

from smoothkit.metrics import (
    brier_parts_of,
    calibration_error_of,
    classwise_calibration_error,
    confidence_gap_of,
    debiased_squared_error_of,
    expected_calibration_error,
)
from smoothkit.metrics.events import Events, top_label
from smoothkit.metrics.group_calibration import bins_by_group, calibration_by_group, compare_groups
from smoothkit.metrics.hierarchical import hierarchical_errors
from smoothkit.metrics.hierarchy import Hierarchy
from smoothkit.metrics.streaming import CalibrationAccumulator, ClasswiseAccumulator

ROWS, CLASSES, GROUPS = 1_000_000, 100, 3
BATCH = 10_000
ROUNDS = 7
MIB = 2**20
Call = Callable[[], object]


class Row(NamedTuple):
    """One line of the table."""

    what: str
    seconds: float
    """CPU seconds, the median of the rounds."""
    reference: str
    ratio: float
    """The median of the rounds' ratios to the reference; for a slower reference how many times less it takes."""
    goal: str
    memory: float
    """MiB at the peak, beyond the predictions."""


class Data(NamedTuple):
    """Predictions that are over-confident, and the classes and groups of their rows."""

    probs: Tensor
    labels: Tensor
    groups: Tensor


def make_data(rows: int = ROWS, classes: int = CLASSES) -> Data:
    generator = torch.Generator().manual_seed(0)
    probs = torch.empty(rows, classes)
    for part in probs.split(BATCH):
        part.normal_(generator=generator).mul_(3).copy_(part.softmax(dim=1))
    # A random class for a third of the rows, the predicted one for the others.
    labels = torch.randint(classes, (rows,), generator=generator)
    known = torch.rand(rows, generator=generator) < 2 / 3
    labels[known] = probs[known].argmax(dim=1)
    return Data(probs, labels, torch.randint(GROUPS, (rows,), generator=generator))


# --- What any implementation has to do -------------------------------------------------------------------------------


def floor_numpy(data: Data) -> None:
    array = data.probs.numpy()
    largest, classes = array.max(axis=1), array.argmax(axis=1)
    np.bincount((largest * 15).astype(np.int64), weights=classes == data.labels.numpy(), minlength=16)


def floor_torch(data: Data) -> None:
    largest, classes = data.probs.max(dim=1)
    torch.bincount((largest * 15).long(), weights=(classes == data.labels).float(), minlength=16)


def top_five(data: Data) -> None:
    data.probs.topk(5, dim=1)


# --- Other libraries -------------------------------------------------------------------------------------------------


def ece_torchmetrics(data: Data) -> None:
    torchmetrics.multiclass_calibration_error(
        data.probs, data.labels, num_classes=CLASSES, n_bins=15, validate_args=False
    )


def classwise_torchmetrics(data: Data) -> None:
    """What torch-uncertainty's classwise error does, without what its metric class costs on top: one call per class."""
    one_hot = torch.nn.functional.one_hot(data.labels, CLASSES)
    for index in range(CLASSES):
        torchmetrics.binary_calibration_error(data.probs[:, index].contiguous(), one_hot[:, index], n_bins=15)


# --- Ours ------------------------------------------------------------------------------------------------------------


def ece(data: Data) -> None:
    expected_calibration_error(data.probs, data.labels, from_logits=False)


def one_pass(data: Data, batch: int = ROWS) -> None:
    """ECE, signed gap, debiased square, Brier parts, Brier score, accuracy and NLL of each group and of all."""
    accumulator = CalibrationAccumulator(CLASSES, groups=GROUPS, from_logits=False)
    for probs, labels, groups in zip(*(each.split(batch) for each in data), strict=True):
        accumulator.update(probs, labels, groups)
    found = accumulator.compute()
    for part in (found, found.overall()):
        for measure in (calibration_error_of, confidence_gap_of, debiased_squared_error_of, brier_parts_of):
            measure(part.reliability)
        assert bool((part.brier + part.nll + part.accuracy).isfinite().all())


def one_pass_in_batches(data: Data) -> None:
    one_pass(data, BATCH)


def classwise(data: Data) -> None:
    classwise_calibration_error(data.probs, data.labels, from_logits=False)


def classwise_in_batches(data: Data) -> None:
    accumulator = ClasswiseAccumulator(CLASSES, from_logits=False)
    for probs, labels in zip(data.probs.split(BATCH), data.labels.split(BATCH), strict=True):
        accumulator.update(probs, labels)
    calibration_error_of(accumulator.compute()).mean()


def hierarchical(data: Data) -> None:
    """Mistake severity, mean height, average distances and precision of the first five classes in a tree."""
    hierarchical_errors(data.probs, data.labels, HIERARCHY, k=5, from_logits=False)


HIERARCHY = Hierarchy.from_tree(
    [[list(range(at, at + 5)), list(range(at + 5, at + 10))] for at in range(0, 100, 10)], 100
)


def intervals(events: Events, groups: Tensor) -> None:
    """Intervals of the gap and the debiased square of 3 groups and their differences, 1000 resamples."""
    bins = bins_by_group(events.confidence, events.correctness, groups, binning="mass")
    calibration_by_group(bins, np.random.default_rng(0), resamples=1000)
    compare_groups(bins, np.random.default_rng(0), resamples=1000)


# --- Measuring -------------------------------------------------------------------------------------------------------


def rounds(calls: dict[str, Call], number: int) -> dict[str, list[float]]:
    """CPU seconds of the thread for each call, round by round; the order of a round is random."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(number):
        for name in random.sample(list(calls), len(calls)):
            start = time.thread_time()
            calls[name]()
            times[name].append(time.thread_time() - start)
    return times


def measure(number: int = ROUNDS) -> list[Row]:
    """Time everything on the same predictions."""
    torch.set_num_threads(1)
    data = make_data()
    functions: tuple[Callable[[Data], Any], ...] = (
        *(floor_numpy, floor_torch, top_five, ece_torchmetrics),
        *(ece, one_pass, one_pass_in_batches, classwise, classwise_in_batches, hierarchical),
    )
    calls: dict[str, Call] = {each.__name__: lambda each=each: each(data) for each in functions}
    events = top_label(data.probs[:10_000], data.labels[:10_000], from_logits=False)
    calls["intervals"] = lambda: intervals(events, data.groups[:10_000])
    ece(data)  # Warms up.
    times = rounds(calls, number)
    times["floor"] = min(times["floor_numpy"], times["floor_torch"], key=statistics.median)
    # Too slow to repeat.
    times["classwise_torchmetrics"] = rounds({"it": lambda: classwise_torchmetrics(data)}, 1)["it"] * number
    memory = {name: peak_memory(calls[name]) / MIB for name in calls}

    def row(name: str, what: str, reference: str, goal: str = "", *, times_less: bool = False) -> Row:
        pairs = zip(times[name], times[reference], strict=True)
        ratio = statistics.median(theirs / ours if times_less else ours / theirs for ours, theirs in pairs)
        title = reference.replace("_", ", ") + (", times less" if times_less else "")
        return Row(what, statistics.median(times[name]), title, ratio, goal, memory.get(name, 0.0))

    return [
        row("floor_numpy", "max, argmax, bincount: numpy", "floor"),
        row("floor_torch", "max, argmax, bincount: torch", "floor"),
        row("ece_torchmetrics", "ECE: torchmetrics", "floor"),
        row("ece", "**ECE**", "floor", "at most 1.4"),
        row("ece", "**ECE**", "ece_torchmetrics", "at least 2.5", times_less=True),
        row("one_pass", "**3 groups: ECE, gap, debiased, Brier, NLL**", "floor", "at most 5, 64 MiB"),
        row("one_pass_in_batches", f"**the same in batches of {BATCH}**", "floor", "at most 5, 64 MiB"),
        row("classwise", "**classwise ECE**", "classwise_torchmetrics", "at least 10, 144 MiB", times_less=True),
        row("classwise_in_batches", f"**the same in batches of {BATCH}**", "classwise_torchmetrics", times_less=True),
        row("hierarchical", "**hierarchical errors, k = 5**", "top_five", "at most 1.5"),
        row("intervals", "**intervals of 3 groups, 10,000 rows**", "floor", "0.5 CPU s"),
    ]


def tables() -> str:
    """The measurement as Markdown."""
    lines = ["| | CPU s | in units of | ratio | goal | MiB |", "| --- | --- | --- | --- | --- | --- |"]
    lines += [
        f"| {row.what} | {row.seconds:.3f} | {row.reference} | {row.ratio:.2f} | {row.goal} | {row.memory:.0f} |"
        for row in measure()
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    print(tables())
