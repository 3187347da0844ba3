"""What the measurement of a claim is given: randomness, data, and networks that claims share."""

from dataclasses import replace
from functools import cached_property
from typing import Any

import torch
from torch import nn

from smoothkit.data import Dataset, ImageSet
from smoothkit.data.digits import digits
from smoothkit.data.label_noise import add_label_noise
from smoothkit.data.root import data_root
from smoothkit.data.splits import split
from smoothkit.data.statistics import channel_statistics
from smoothkit.models.mlp import MLP
from smoothkit.scenario import TargetConfig
from smoothkit.seeding import derived_generator
from smoothkit.targets import Target
from smoothkit_principles.config import NetworksConfig
from smoothkit_principles.networks import TrainedNetwork, train_network


class Lab:
    """One seed's laboratory. What is trained is kept, so that a second claim about the same network costs nothing."""

    def __init__(
        self, config: NetworksConfig, seed: int, device: torch.device | str = "cpu", data: Dataset | None = None
    ):
        self.config = config
        self.seed = seed
        self.device = device
        self._given = data
        self._trained: dict[str, TrainedNetwork] = {}

    def generator(self, name: str) -> torch.Generator:
        """A random stream for the claim `name`, the same whatever other claims are measured."""
        return derived_generator(self.seed, name)

    @cached_property
    def data(self) -> Dataset:
        """The data that the laboratory was given, or handwritten digits: 1,437 for training, 360 for testing.

        Which are which is drawn anew for every seed, so that an interval over seeds is one over test images, too.
        """
        if self._given is not None:
            return self._given
        return divided(digits(data_root()), derived_generator(self.seed, "principles: split"))

    def noisy(self, rate: float) -> Dataset:
        """The digits with this share of wrong training labels."""
        return add_label_noise(self.data, "symmetric", rate, self.seed) if rate else self.data

    def target(self, name: str, **options: Any) -> Target:
        """A registered target over the ten digits."""
        config = TargetConfig.model_validate({"name": name, **options})
        return config.build(num_classes=self.data.num_classes, num_samples=len(self.data.train))

    def fresh_network(self) -> nn.Module:
        """An untrained network, with the same weights at each call."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            return MLP(
                num_classes=self.data.num_classes,
                in_channels=self.data.in_channels,
                image_size=self.data.image_size,
                hidden=self.config.hidden,
            )

    def network(
        self, target: str, *, noise: float = 0.0, teacher: TrainedNetwork | None = None, **options: Any
    ) -> TrainedNetwork:
        """The network trained against a target, with a share of wrong labels; one for each choice of these."""
        key = repr((target, noise, id(teacher) if teacher else None, sorted(options.items())))
        if key not in self._trained:
            self._trained[key] = train_network(
                self.fresh_network(),
                self.target(target, **options),
                self.noisy(noise),
                self.config,
                self.seed,
                self.device,
                teacher.model if teacher else None,
            )
        return self._trained[key]


def divided(whole: Dataset, generator: torch.Generator) -> Dataset:
    """The same images in another training and test part, as large as before and stratified by class.

    Images are normalised by the statistics of the new training part. Both parts must be held in memory.
    """
    images, labels = (
        torch.cat([getattr(part, name) for part in (whole.train, whole.test)]) for name in ("images", "labels")
    )
    every = ImageSet(images, labels)
    train, test = split(labels, len(whole.test), generator)
    mean, std = channel_statistics(images[train])
    return replace(whole, train=every.select(train), test=every.select(test), mean=mean, std=std)
