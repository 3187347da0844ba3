"""Eight seeds of a GAN trained together, as one batched model, against one after the other: the same steps of each.

Both ways run in one process, in rounds that alternate in random order; what is compared is the CPU time of the thread,
with one torch thread, per step of one seed. Evaluations are not timed.

    python benchmarks/gan.py
"""

import random
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from training import Silent

from smoothkit import plugins
from smoothkit.config import validate
from smoothkit.distributed import Group
from smoothkit.run import Run
from smoothkit.runs import Runs
from smoothkit.scenario import RunInfo
from smoothkit.stopping import StopRequest
from smoothkit_gan.config import GanConfig
from smoothkit_gan.train import train

SEEDS, STEPS, ROUNDS = 8, 60, 5

CASES: dict[str, dict[str, Any]] = {
    "ring, MLPs of 4 x 96 and 2 x 64, batch 128": {
        "generator": {"hidden": [96] * 4},
        "discriminator": {"hidden": [64] * 2},
        "train": {"steps": STEPS, "batch_size": 128},
    },
    "the same with R1": {
        "generator": {"hidden": [96] * 4},
        "discriminator": {"hidden": [64] * 2},
        "train": {"steps": STEPS, "batch_size": 128, "r1": 0.1},
    },
    "digits, convolutions, batch 64": {
        "data": {"name": "digits"},
        "generator": {"name": "conv", "hidden": [64, 32], "latent": 32},
        "discriminator": {"name": "conv", "hidden": [32, 64]},
        "train": {"steps": STEPS, "batch_size": 64},
    },
}


class Row(NamedTuple):
    """One line of the table."""

    case: str
    alone: float
    """Microseconds of CPU for a step of a seed that is trained alone."""
    together: float
    ratio: float
    """Alone to together, the median of the rounds' ratios."""


class _TimedRuns(Runs):
    """Notes the CPU time from the end of the first step to the beginning of the last, whose end holds evaluations."""

    seconds = 0.0

    def steps(self, total: int) -> Iterator[int]:
        start = 0.0
        for step in super().steps(total):
            if step == 2:
                start = time.thread_time()
            elif step == total:
                self.seconds = time.thread_time() - start
            yield step


def measure() -> list[Row]:
    """Time both ways for each case."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    with tempfile.TemporaryDirectory() as folder:
        return [_compare(name, values, Path(folder)) for name, values in CASES.items()]


def _compare(case: str, values: dict[str, Any], folder: Path) -> Row:
    ways = {"alone": [[seed] for seed in range(SEEDS)], "together": [list(range(SEEDS))]}
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name in random.sample(list(ways), len(ways)):
            seconds = sum(_train(values, seeds, folder) for seeds in ways[name])
            times[name].append(seconds / SEEDS / (STEPS - 2) * 1e6)
    ratios = [alone / together for alone, together in zip(times["alone"], times["together"], strict=True)]
    return Row(case, statistics.median(times["alone"]), statistics.median(times["together"]), statistics.median(ratios))


def _train(values: dict[str, Any], seeds: Sequence[int], folder: Path) -> float:
    config, problems = validate(GanConfig, {"scenario": "gan", **values}, plugins.host().registry)
    assert isinstance(config, GanConfig), problems
    for seed in seeds:
        (folder / str(seed)).mkdir(exist_ok=True)
    info = [RunInfo("gan", "bench", seed, folder / str(seed), config.model_dump(mode="json")) for seed in seeds]
    begun = [Run(each, config.run, Group(), None, Silent(), StopRequest()) for each in info]
    runs = _TimedRuns(begun, [config] * len(begun))
    train(config, runs)
    return runs.seconds


def table() -> str:
    """The measurement as Markdown."""
    lines = [
        f"| {SEEDS} seeds of a GAN | one after the other, µs a step of a seed | together | times less |",
        "| --- | --- | --- | --- |",
        *(f"| {row.case} | {row.alone:.0f} | {row.together:.0f} | {row.ratio:.2f} |" for row in measure()),
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
