"""What the measurement of a truth is given."""

from dataclasses import dataclass

import torch

from smoothkit.seeding import derived_generator
from smoothkit_gan.truths.config import FarStartConfig


@dataclass(frozen=True)
class Bench:
    """One seed's workbench. Everything on it is small, and measured on the CPU."""

    far_start: FarStartConfig
    seed: int

    def generator(self, name: str) -> torch.Generator:
        """A random stream for the purpose `name`, from its start at each call, whatever else is measured."""
        return derived_generator(self.seed, name)
