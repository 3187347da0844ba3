"""Random classifiers for property tests: logits, and labels that know nothing of them."""

import torch
from hypothesis import strategies as st


def classifier(rows: int, classes: int, seed: int = 0, scale: float = 2.0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = scale * torch.randn(rows, classes, generator=generator, dtype=torch.float64)
    return logits, torch.randint(classes, (rows,), generator=generator)


classifiers = st.builds(
    classifier,
    rows=st.integers(1, 60),
    classes=st.integers(2, 12),
    seed=st.integers(0, 2**31),
    scale=st.floats(0.01, 100),
)
