"""Images fitted to a size: padded by reflection where little is missing, else resized."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from smoothkit.data.dataset import Dataset, ImageSet
from smoothkit.data.sizing import fit, fitted
from smoothkit.errors import DataError


def pixels(*shape):
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("side", "size", "before", "after"), [(28, 32, 2, 2), (28, 31, 1, 2), (8, 16, 4, 4), (5, 6, 0, 1)]
)
def test_small_differences_are_padded(side, size, before, after):
    images = pixels(3, 2, side, side)
    expected = F.pad(images.float(), (before, after, before, after), mode="reflect")
    assert torch.equal(fit(images, size).float(), expected)
    assert torch.equal(fit(images.float(), size), expected)


@pytest.mark.parametrize(("shape", "size"), [((8, 8), 32), ((40, 40), 32), ((28, 40), 32), ((4, 4), 12)])
def test_large_differences_are_resized_as_pillow_does(shape, size):
    images = pixels(2, 1, *shape)
    result = fit(images, size)
    assert result.dtype == torch.uint8
    for image, resized in zip(images, result, strict=True):
        expected = Image.fromarray(image[0].numpy()).resize((size, size), Image.Resampling.BILINEAR)
        # Both round to whole numbers, in another order of rows and columns.
        assert np.abs(np.array(expected, dtype=int) - resized[0].numpy()).max() <= 1


def test_the_right_size_is_left_alone():
    images = pixels(2, 1, 8, 8)
    assert fit(images, 8) is images


def test_training_and_test_are_fitted_alike():
    part = ImageSet(pixels(3, 1, 28, 28), torch.tensor([0, 1, 1]))
    data = fitted(Dataset(part, part, ("a", "b"), (0.5,), (0.5,)), 32)
    assert data.image_size == 32
    assert torch.equal(data.train.images, data.test.images)
    assert torch.equal(data.train.images[..., 2:30, 2:30], part.images)
    assert fitted(data, 32) is data


def test_features_have_no_size():
    part = ImageSet(torch.zeros(2, 3), torch.tensor([0, 1]))
    data = Dataset(part, part, ("a", "b"), (0.0,) * 3, (1.0,) * 3, name="numbers")
    with pytest.raises(DataError, match=r"numbers: samples have shape \(3,\); expected images of 32 x 32"):
        fitted(data, 32)
    with pytest.raises(ValueError, match="size is 0"):
        fit(pixels(1, 1, 8, 8), 0)
