"""Copies of training images are found, and new images are not taken for copies."""

import pytest
import torch
from torch.testing import assert_close

from smoothkit_gan.metrics import memorisation
from smoothkit_gan.metrics.memorisation import near_copies, nearest_distances


def images(seed: int, count: int) -> torch.Tensor:
    return torch.rand(count, 1, 4, 4, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def test_distances_are_root_mean_squares_to_the_nearest_whatever_the_chunks(monkeypatch):
    monkeypatch.setattr(memorisation, "CHUNK", 3)
    samples, training = images(0, 8), images(1, 11)
    pairs = (samples[:, None] - training).square().mean((2, 3, 4)).sqrt()
    assert_close(nearest_distances(samples, training.split(4)), pairs.amin(1))


def test_a_known_distance():
    assert nearest_distances(torch.zeros(1, 1, 2, 2), [torch.full((3, 1, 2, 2), 0.5)]).item() == pytest.approx(0.5)


def test_copies_and_new_images():
    training, unseen = images(0, 300), images(1, 300)
    usual = nearest_distances(unseen, [training])
    copies = nearest_distances(training[:50] + 1e-4, [training])
    assert near_copies(copies, usual) == 1.0
    assert near_copies(nearest_distances(images(2, 300), [training]), usual) < 0.05
