"""scikit-learn's digits, exactly."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from smoothkit.data.digits import digits


def test_every_image_is_there_once_and_exact(tmp_path):
    data, bunch = digits(tmp_path), load_digits()
    both = torch.cat([data.train.images, data.test.images])
    assert (len(data.train), len(data.test), len(both)) == (1437, 360, 1797)
    rows = {
        (image.tobytes(), int(label))
        for image, label in zip((bunch.images * 15).astype(np.uint8), bunch.target, strict=True)
    }
    labels = torch.cat([data.train.labels, data.test.labels])
    assert {(image.numpy().tobytes(), int(label)) for image, label in zip(both, labels, strict=True)} == rows
    assert int(both.max()) == 240


def test_the_test_part_is_stratified_and_fixed(tmp_path):
    one, other = digits(tmp_path), digits(tmp_path)
    assert torch.equal(one.test.images, other.test.images)
    counts, sizes = torch.bincount(one.test.labels), np.bincount(load_digits().target)
    assert np.abs(counts.numpy() - sizes * 360 / 1797).max() < 1


def test_statistics_are_those_of_the_training_part(tmp_path):
    data = digits(tmp_path)
    pixels = data.train.images.numpy() / 255
    assert data.mean == pytest.approx((pixels.mean(),))
    assert data.std == pytest.approx((pixels.std(),))
    assert (data.in_channels, data.image_size, data.class_names) == (1, 8, tuple("0123456789"))
