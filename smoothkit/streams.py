"""The random streams of a run: one generator for each purpose, which a resumed run finds where it left them."""

from collections.abc import Mapping

import torch
from torch import Tensor

from smoothkit.seeding import derived_generator


class Streams:
    """Generators on the CPU by name, each seeded by the run's seed and its name."""

    def __init__(self, seed: int):
        self._seed = seed
        self._made: dict[str, torch.Generator] = {}
        self._restored: dict[str, Tensor] = {}

    def __getitem__(self, name: str) -> torch.Generator:
        if name not in self._made:
            self._made[name] = derived_generator(self._seed, name)
            if name in self._restored:
                self._made[name].set_state(self._restored[name])
        return self._made[name]

    def states(self) -> dict[str, Tensor]:
        """Where every stream stands, those too that were restored and that nobody has asked for since."""
        return {**self._restored, **{name: generator.get_state() for name, generator in self._made.items()}}

    def restore(self, states: Mapping[str, Tensor]) -> None:
        """Go to where a checkpoint left the streams; those that are not made yet will begin there."""
        self._restored = dict(states)
        for name, generator in self._made.items():
            if name in states:
                generator.set_state(states[name])
