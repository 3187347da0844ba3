"""Data sets with few labels, and what the tests of the estimator do with them."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris
from sklearn.preprocessing import StandardScaler

from smoothkit_selftrain import SelfTraining

LS = {"name": "ls", "alpha": 0.1}


def digits() -> tuple[np.ndarray, np.ndarray]:
    bunch: Any = load_digits()
    return bunch.data / 16, bunch.target


def scaled(load: Callable[..., Any]) -> tuple[np.ndarray, np.ndarray]:
    inputs, labels = load(return_X_y=True)
    return StandardScaler().fit_transform(inputs), labels


def few_labels(labels: np.ndarray, each: int, seed: int) -> np.ndarray:
    """The labels of `each` samples of each class; -1 for the others."""
    order = np.random.default_rng(seed).permutation(len(labels))
    known = np.concatenate([order[labels[order] == label][:each] for label in np.unique(labels)])
    few = np.full_like(labels, -1)
    few[known] = labels[known]
    return few


@cache
def iris() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Inputs, 4 labels of each class, and all labels."""
    inputs, labels = scaled(load_iris)
    return inputs, few_labels(labels, 4, seed=0), labels


def changed(model: SelfTraining, **parameters: Any) -> SelfTraining:
    """An unfitted model like this one, but for some parameters."""
    copy = clone(model)
    assert isinstance(copy, SelfTraining)
    return copy.set_params(**parameters)
