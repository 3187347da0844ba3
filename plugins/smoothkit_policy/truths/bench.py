"""What the measurement of a truth is given."""

from dataclasses import dataclass

import torch
from jaxtyping import Float64
from torch import Tensor

from smoothkit.seeding import derived_generator
from smoothkit_policy.truths.config import RecoveryConfig


@dataclass(frozen=True)
class Bench:
    """One seed's workbench. Everything on it is small, on the CPU, and in float64 wherever an identity is to hold."""

    recovery: RecoveryConfig
    seed: int

    def generator(self, name: str) -> torch.Generator:
        """A random stream for the purpose `name`, from its start at each call, whatever else is measured."""
        return derived_generator(self.seed, f"policy truths: {name}")

    def logits(self, name: str, rows: int, actions: int, scale: float = 2.0) -> Float64[Tensor, "rows actions"]:
        """Those of random policies for the purpose `name`, normal with this deviation."""
        return scale * torch.randn(rows, actions, dtype=torch.float64, generator=self.generator(f"{name} logits"))


def largest(difference: Float64[Tensor, "..."]) -> float:
    """The largest absolute entry: how far two things are from being the same."""
    return difference.abs().max().item()
