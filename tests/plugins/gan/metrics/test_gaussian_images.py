"""The trivial generator has the training images' mean and covariance, and nothing else of them."""

import pytest
import torch
from torch.testing import assert_close

from smoothkit_gan.metrics.gaussian import gaussian_images


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("count", [3, 40])
def test_moments_also_with_fewer_images_than_pixels(count):
    images = 0.1 * torch.randn(count, 1, 2, 3, generator=generator())
    drawn = gaussian_images(images, 60_000, generator(1))
    assert drawn.shape == (60_000, 1, 2, 3)
    assert_close(drawn.mean(0), images.mean(0), atol=3e-3, rtol=0)
    assert_close(drawn.flatten(1).T.cov(), images.flatten(1).T.cov(), atol=6e-4, rtol=0)


def test_pixels_stay_in_their_range():
    drawn = gaussian_images(torch.randn(50, 1, 2, 2, generator=generator()), 500, generator(1))
    assert drawn.abs().max() == 1.0


def test_one_image_has_no_covariance():
    with pytest.raises(ValueError, match="there are 1 images; expected at least 2"):
        gaussian_images(torch.zeros(1, 1, 2, 2), 5, generator())
