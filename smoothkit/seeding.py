"""Independent random generators for each purpose, derived from one seed."""

import numpy as np
import torch


def derived_seed(seed: int, purpose: str, *counters: int) -> int:
    """A 64-bit seed that depends on every argument, through NumPy's SeedSequence.

    Seeds that differ in one argument give unrelated streams; `seed + epoch` would make epoch 1 of seed 0 the same as
    epoch 0 of seed 1.

    Raises:
        ValueError: a number is negative.

    >>> derived_seed(0, "order", 1) == derived_seed(1, "order", 0)
    False
    """
    entropy = [int.from_bytes(purpose.encode(), "little"), seed, *counters]
    return int(np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0])


def derived_generator(seed: int, purpose: str, *counters: int) -> torch.Generator:
    """A generator on the CPU, started from `derived_seed`."""
    return torch.Generator().manual_seed(derived_seed(seed, purpose, *counters))
