"""Data whose metrics are known from independent libraries."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from jaxtyping import config
from torch import Tensor


@pytest.fixture
def without_shape_checks() -> Iterator[None]:
    """The checks of production: jaxtyping's own, which only tests have, would answer first."""
    config.update("jaxtyping_disable", True)
    yield
    config.update("jaxtyping_disable", False)


@pytest.fixture(scope="session")
def overconfident() -> tuple[Tensor, Tensor]:
    """2000 rows of 10 classes whose labels follow softmax(logits / 1.5), from numpy's frozen legacy stream."""
    stream = np.random.RandomState(12345)
    logits = 4.0 * stream.standard_normal((2000, 10))
    thresholds = stream.random_sample(2000)
    odds = np.exp((logits - logits.max(1, keepdims=True)) / 1.5)
    truth = odds / odds.sum(1, keepdims=True)
    labels = np.minimum((truth.cumsum(1) < thresholds[:, None]).sum(1), 9)
    return torch.from_numpy(logits), torch.from_numpy(labels)


@pytest.fixture(scope="session")
def sixteenths() -> tuple[Tensor, Tensor]:
    """Eight rows of three classes with probabilities in sixteenths, one of them 0: metrics become exact fractions."""
    numerators = [[8, 5, 3], [9, 4, 3], [2, 10, 4], [1, 12, 3], [14, 1, 1], [5, 4, 7], [3, 2, 11], [1, 0, 15]]
    probabilities = torch.tensor(numerators, dtype=torch.float64) / 16
    return probabilities.log(), torch.tensor([0, 1, 1, 1, 0, 0, 2, 2])
