"""What the measurement of a claim is given: randomness, data, and networks that claims share."""

from functools import cached_property
from typing import Any

import torch
from torch import nn

from smoothkit.data import Dataset
from smoothkit.data.digits import digits
from smoothkit.data.label_noise import add_label_noise
from smoothkit.data.root import data_root
from smoothkit.models.mlp import MLP
from smoothkit.scenario import TargetConfig
from smoothkit.seeding import derived_generator
from smoothkit.targets import Target
from smoothkit_principles.config import NetworksConfig
from smoothkit_principles.networks import TrainedNetwork, train_network


class Lab:
    """One seed's laboratory. What is trained is kept, so that a second claim about the same network costs nothing."""

    def __init__(self, config: NetworksConfig, seed: int, device: torch.device | str = "cpu"):
        self.config = config
        self.seed = seed
        self.device = device
        self._trained: dict[str, TrainedNetwork] = {}

    def generator(self, name: str) -> torch.Generator:
        """A random stream for the claim `name`, the same whatever other claims are measured."""
        return derived_generator(self.seed, name)

    @cached_property
    def data(self) -> Dataset:
        """Handwritten digits: 1,437 for training, 360 for testing."""
        return digits(data_root())

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
