"""The model's space: where samples lie in it, and that the way back is the inverse."""

import pytest
import torch

from smoothkit.data import ImageSet
from smoothkit.errors import DataError
from smoothkit_gan.data.space import space_of


def part(images):
    return ImageSet(images, torch.zeros(len(images), dtype=torch.int64))


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_pixels_are_from_minus_one_to_one_and_come_back_exactly():
    every = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    space = space_of(part(every), "here")
    model = space.to_model(every)
    assert model.dtype == torch.float32
    assert (model.min().item(), model.max().item()) == (-1.0, 1.0)
    assert torch.equal(space.from_model(model), every)


def test_generated_pixels_are_rounded_and_clipped():
    space = space_of(part(torch.zeros(1, 1, 2, 2, dtype=torch.uint8)), "here")
    assert space.from_model(torch.tensor([-3.0, -0.999, 0.0, 0.999, 3.0])).tolist() == [0, 0, 128, 255, 255]


def test_points_have_mean_zero_and_mean_square_one_with_one_scale():
    points = normal(1000, 2) * torch.tensor([5.0, 0.1]) + torch.tensor([100.0, -3.0])
    space = space_of(part(points), "here")
    model = space.to_model(points)
    assert model.mean(0).abs().max() < 1e-4
    assert model.square().mean().item() == pytest.approx(1, abs=1e-4)
    # Distances keep their ratios: what was round stays round.
    before, after = (torch.cdist(x[:20].double(), x[:20].double()) for x in (points, model))
    assert torch.allclose(before, after * space.scale, rtol=1e-3, atol=1e-3)
    assert torch.allclose(space.from_model(model), points, atol=1e-4)


def test_leading_axes_do_not_matter():
    points = normal(60, 2)
    space = space_of(part(points), "here")
    assert torch.equal(space.to_model(points.view(3, 20, 2)).view(60, 2), space.to_model(points))


def test_pixels_of_any_range_of_floats_fill_minus_one_to_one():
    images = 7 * normal(20, 1, 4, 4) + 3
    space = space_of(part(images), "here")
    model = space.to_model(images)
    assert (model.min().item(), model.max().item()) == pytest.approx((-1.0, 1.0), abs=1e-6)
    assert torch.allclose(space.from_model(model), images, atol=1e-5)


def test_images_without_a_difference_are_refused():
    with pytest.raises(DataError, match=r"here: every pixel of the training part is 2\.0"):
        space_of(part(torch.full((3, 1, 2, 2), 2.0)), "here")
