"""A one-file plugin for tests: a small data set with groups, and a target that notes what it is told."""

from pathlib import Path
from typing import Annotated

import torch
from annotated_types import Ge, Interval

from smoothkit import hookimpl
from smoothkit.data import Dataset, ImageSet
from smoothkit.targets import OneHot

smoothkit_api = 1

NAMES = ("north", "south", "far east")
SHARES = (0.6, 0.3, 0.1)


def part(samples: int, noise: tuple[float, ...], generator: torch.Generator) -> ImageSet:
    """Three Gaussian classes in four dimensions, each group with wrong labels at its own rate."""
    groups = torch.cat(
        [torch.full((round(share * samples),), group, dtype=torch.int64) for group, share in enumerate(SHARES)]
    )
    classes = torch.randint(3, (samples,), generator=generator)
    images = torch.randn(samples, 4, generator=generator)
    images[torch.arange(samples), classes] += 2.5
    wrong = torch.rand(samples, generator=generator) < torch.tensor(noise)[groups]
    labels = torch.where(wrong, (classes + torch.randint(1, 3, (samples,), generator=generator)) % 3, classes)
    order = torch.randperm(samples, generator=generator)
    return ImageSet(images[order], labels[order], groups[order])


def grouped(
    root: Path | None = None,
    *,
    samples: Annotated[int, Ge(40)] = 400,
    noise: tuple[Annotated[float, Interval(ge=0, le=1)], ...] = (0.0, 0.05, 0.4),
    with_groups: bool = True,
) -> Dataset:
    """`samples` of training and as many of test, 60, 30 and 10 % of them in the groups north, south and far east.

    The draws are the same each time. `noise` is each group's share of wrong labels, in training and test. Nothing is
    read from `root`.
    """
    generator = torch.Generator().manual_seed(0)
    parts = [part(samples, noise, generator) for _ in range(2)]
    if not with_groups:
        parts = [ImageSet(each.images, each.labels) for each in parts]
    names = NAMES if with_groups else ()
    return Dataset(*parts, ("a", "b", "c"), (0.0,) * 4, (1.0,) * 4, "grouped", names)


class Probe(OneHot):
    """One-hot targets that remember what they are told, and take no alpha above 0.5."""

    def __init__(self, num_classes: int, alpha: float = 0.0):
        super().__init__(num_classes)
        if alpha > 0.5:
            raise ValueError(f"alpha is {alpha}; expected at most 0.5")
        self.alpha = alpha
        self.calls: list[tuple[str, object]] = []

    def update(self, logits, labels, *, index=None):
        """Noted."""
        self.calls.append(("update", index))

    def end_epoch(self):
        """Noted."""
        self.calls.append(("epoch", None))

    def end_validation(self, logits, labels):
        """Noted."""
        self.calls.append(("validation", (logits, labels)))

    def set_progress(self, progress):
        """Noted."""
        super().set_progress(progress)
        self.calls.append(("progress", progress))

    def of(self, kind):
        """What was noted under `kind`."""
        return [what for name, what in self.calls if name == kind]


@hookimpl
def smoothkit_datasets(register):
    register("grouped", f"{__name__}:grouped")


@hookimpl
def smoothkit_targets(register):
    register("probe", f"{__name__}:Probe")
