"""From stored images to augmented batches: smoothkit against PIL transforms in a torchvision DataLoader.

Run: python benchmarks/pipeline.py

Both sides read the same CIFAR-10 images (below SMOOTHKIT_DATA; random ones of that size without it), shuffle, crop with
4 reflected pixels, flip, normalise and batch them, on one thread. Measured is the CPU time of that thread, the sides
alternating within one process, so that a neighbour's load falls on both; a ratio is the median over rounds.
"""

import os
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset
from torchvision import transforms

from smoothkit.augment.crop import Crop
from smoothkit.augment.flip import Flip
from smoothkit.data.batches import Batches
from smoothkit.data.dataset import ImageSet
from smoothkit.data.torchvision_sets import CIFAR10, cifar10
from smoothkit.models.lenet import LeNet

BATCH = 128
ROUNDS = 15
STEPS = 4
"""Batches of each side in a round."""


@dataclass(frozen=True)
class Row:
    """One comparison, in microseconds of CPU time for each image."""

    what: str
    smoothkit: float
    common: float
    ratio: float
    """How many times less smoothkit takes: the median over rounds."""
    goal: float

    @property
    def reached(self) -> bool:
        """Whether the ratio is at least the goal."""
        return self.ratio >= self.goal


class PilImages(TorchDataset[tuple[Any, int]]):
    """The same images as torchvision's CIFAR10 serves them: one PIL image at a time, through a transform."""

    def __init__(self, part: ImageSet):
        self.arrays = part.images.permute(0, 2, 3, 1).contiguous().numpy()
        self.labels = part.labels.tolist()
        self.transform = transforms.Compose(
            [
                transforms.RandomCrop(32, padding=4, padding_mode="reflect"),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                transforms.Normalize(CIFAR10.mean, CIFAR10.std),
            ]
        )

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        return self.transform(Image.fromarray(self.arrays[index])), self.labels[index]


def load_images() -> ImageSet:
    root = os.environ.get("SMOOTHKIT_DATA")
    if root:
        part = cifar10(Path(root)).train
        assert isinstance(part, ImageSet)
        return part
    images = torch.randint(0, 256, (50_000, 3, 32, 32), dtype=torch.uint8)
    return ImageSet(images, torch.randint(0, 10, (50_000,)))


def smoothkit_batches(part: ImageSet) -> Iterator[tuple[Tensor, Tensor]]:
    batches = Batches(
        part,
        BATCH,
        seed=0,
        mean=CIFAR10.mean,
        std=CIFAR10.std,
        num_classes=10,
        augment=[Flip(), Crop(4)],
        drop_last=True,
    )
    for step in count(1):
        yield batches.at(step)


def common_batches(part: ImageSet) -> Iterator[tuple[Tensor, Tensor]]:
    loader = DataLoader(PilImages(part), batch_size=BATCH, shuffle=True, drop_last=True)
    while True:
        yield from loader


def training(batches: Iterator[tuple[Tensor, Tensor]]) -> Callable[[], None]:
    """One step of LeNet on the next batch."""
    torch.manual_seed(0)
    model: nn.Module = LeNet(num_classes=10, in_channels=3, image_size=32)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)

    def step() -> None:
        images, labels = next(batches)
        optimizer.zero_grad()
        F.cross_entropy(model(images), labels).backward()
        optimizer.step()

    return step


def microseconds_per_image(step: Callable[[], object]) -> float:
    start = time.thread_time_ns()
    for _ in range(STEPS):
        step()
    return (time.thread_time_ns() - start) / 1000 / STEPS / BATCH


def compare(what: str, smoothkit: Callable[[], object], common: Callable[[], object], goal: float) -> Row:
    for step in (smoothkit, common):  # The first batch of either side pays for the epoch's order.
        step()
    rounds = [(microseconds_per_image(smoothkit), microseconds_per_image(common)) for _ in range(ROUNDS)]
    ours, theirs = zip(*rounds, strict=True)
    ratio = statistics.median(b / a for a, b in rounds)
    return Row(what, statistics.median(ours), statistics.median(theirs), ratio, goal)


def measure() -> list[Row]:
    """Both comparisons, on one thread; the number of threads is put back."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        part = load_images()
        ours, theirs = smoothkit_batches(part), common_batches(part)
        return [
            compare("flip and crop, images only", lambda: next(ours), lambda: next(theirs), goal=40),
            compare(
                "LeNet, forward, backward and SGD",
                training(smoothkit_batches(part)),
                training(common_batches(part)),
                goal=2.5,
            ),
        ]
    finally:
        torch.set_num_threads(threads)


def main() -> None:
    print(f"microseconds of CPU time for each 32x32 colour image, one thread, batches of {BATCH}")
    print(f"{'':34}{'smoothkit':>10}{'PIL loader':>12}{'ratio':>8}{'goal':>7}")
    for row in measure():
        print(f"{row.what:34}{row.smoothkit:10.1f}{row.common:12.1f}{row.ratio:7.1f}x{row.goal:6g}x")


if __name__ == "__main__":
    main()
