"""The supervised plugin's loop against a bare PyTorch loop: same tensors, model, memory layout and optimiser.

Both run in one process, in rounds that alternate in random order; what is compared is the CPU time of the thread, with
one torch thread, per round, and the median of the rounds is printed. The bare loop does what anyone's would: gather a
batch, normalise it, forward, loss, backward, step; it logs nothing, checks nothing and saves nothing. Neither side's
evaluation is timed.

    python benchmarks/training.py
"""

import random
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import torch
from torch.nn import functional as F

from smoothkit import plugins
from smoothkit.config import validate
from smoothkit.data import Dataset, ImageSet
from smoothkit.data.prepare import prepare
from smoothkit.distributed import Group
from smoothkit.report.figures import Figure
from smoothkit.run import Run
from smoothkit.scenario import RunInfo
from smoothkit.stopping import StopRequest
from smoothkit_supervised.config import SupervisedConfig
from smoothkit_supervised.train import train

SAMPLES, BATCH, STEPS, ROUNDS = 12_928, 128, 100, 9


class Row(NamedTuple):
    """One line of the table."""

    case: str
    bare: float
    """Microseconds of CPU for a step."""
    plugin: float
    ratio: float
    """Plugin to bare, the median of the rounds' ratios."""


class _TimedRun(Run):
    """Notes the CPU time from the first step to the beginning of the last, whose end holds the evaluation."""

    seconds = 0.0

    def steps(self, total: int) -> Iterator[int]:
        start = 0.0
        for step in super().steps(total):
            if step == 1:
                start = time.thread_time()
            elif step == total:
                self.seconds = time.thread_time() - start
            yield step


class Silent:
    """A watcher that looks away."""

    def progress(self, step: int, total: int, values: Mapping[str, float]) -> None:
        """Nothing."""

    def noted(self, text: str) -> None:
        """Nothing."""

    def logged(self, step: int, values: Mapping[str, float]) -> None:
        """Nothing."""

    def figures(self, step: int, figures: Mapping[str, Figure]) -> None:
        """Nothing."""


def measure() -> list[Row]:
    """Time both loops on a convolutional network, and on a perceptron so small that only overhead counts."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    with tempfile.TemporaryDirectory() as folder:
        return [_compare(model, side, Path(folder)) for model, side in (("lenet", 32), ("mlp", 8))]


def _compare(model: str, side: int, folder: Path) -> Row:
    config = _config(model, side, folder)
    data, _ = prepare(config.data, seed=0)
    loops = {"bare": lambda: _bare(config, data), "plugin": lambda: _plugin(config, folder)}
    times: dict[str, list[float]] = {name: [] for name in loops}
    for _ in range(ROUNDS + 1):
        for name in random.sample(list(loops), len(loops)):
            times[name].append(loops[name]() / (STEPS - 1) * 1e6)
    bare, plugin = times["bare"][1:], times["plugin"][1:]  # The first round warms up.
    ratios = [p / b for p, b in zip(plugin, bare, strict=True)]
    return Row(f"{model}, batch {BATCH}", *map(statistics.median, (bare, plugin, ratios)))


def _config(model: str, side: int, folder: Path) -> SupervisedConfig:
    import numpy as np

    path = folder / f"{model}.npz"
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (SAMPLES + BATCH, side, side), dtype=np.uint8)
    labels = generator.integers(0, 10, SAMPLES + BATCH)
    np.savez(
        path,
        train_images=images[BATCH:],
        train_labels=labels[BATCH:],
        test_images=images[:BATCH],
        test_labels=labels[:BATCH],
    )
    values = {
        "scenario": "supervised",
        "data": {"name": "npz", "path": str(path), "validation": SAMPLES - STEPS * BATCH},
        "model": {"name": model},
        "train": {"epochs": 1, "batch_size": BATCH, "lr": 0.01},
    }
    config, problems = validate(SupervisedConfig, values, plugins.host().registry)
    assert isinstance(config, SupervisedConfig), problems
    return config


def _plugin(config: SupervisedConfig, folder: Path) -> float:
    info = RunInfo("supervised", "bench", 0, folder, config.model_dump(mode="json"))
    torch.manual_seed(0)
    run = _TimedRun(info, config.run, Group(), None, Silent(), StopRequest())
    train(config, run)
    return run.seconds


def _bare(config: SupervisedConfig, data: Dataset) -> float:
    assert isinstance(data.train, ImageSet)
    images, labels = data.train.images, data.train.labels
    mean, std = (torch.tensor(values).view(1, -1, 1, 1) * 255 for values in (data.mean, data.std))
    torch.manual_seed(0)
    model = config.model.build(num_classes=data.num_classes, in_channels=data.in_channels, image_size=data.image_size)
    model = model.to(memory_format=torch.channels_last)  # as the plugin has it
    optimizer = torch.optim.SGD(model.parameters(), lr=config.train.lr, momentum=0.9, weight_decay=5e-4)
    order = torch.randperm(len(images))
    start = 0.0
    for step in range(STEPS):
        if step == 1:
            start = time.thread_time()
        index = order[step * BATCH : (step + 1) * BATCH]
        loss = F.cross_entropy(model((images[index].float() - mean) / std), labels[index])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return time.thread_time() - start


def main() -> None:
    """Print the table."""
    print(f"{'loop':<20}{'bare µs/step':>14}{'plugin µs/step':>16}{'ratio':>8}")
    for row in measure():
        print(f"{row.case:<20}{row.bare:>14.0f}{row.plugin:>16.0f}{row.ratio:>8.3f}")


if __name__ == "__main__":
    main()
