"""Flip and crop: maps of coordinates that move pixels once, whatever their number."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from smoothkit.augment.base import Augmentation
from smoothkit.augment.crop import Crop, reflected
from smoothkit.augment.flip import Flip
from smoothkit.augment.normalise import Normalise
from smoothkit.augment.pipeline import Pipeline, PixelMap, move_pixels


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def identity(batch, height, width):
    return torch.arange(height).expand(batch, height), torch.arange(width).expand(batch, width)


def pixels(batch=5, channels=3, height=9, width=11):
    return torch.randint(0, 256, (batch, channels, height, width), dtype=torch.uint8, generator=generator(7))


def moved(images, *augmentations, seed=0):
    pipeline = Pipeline(augmentations, Normalise((0.0,) * 3, (1.0,) * 3), num_classes=2)
    pixel_map = pipeline.draw_map(len(images), images.shape[1:], generator(seed), torch.device("cpu"))
    assert pixel_map is not None
    return move_pixels(images, pixel_map)


def test_a_crop_is_a_window_of_the_reflect_padded_image():
    images, padding = pixels(batch=200), 4
    batch, _, height, width = images.shape
    rows, columns = Crop(padding).coordinates(*identity(batch, height, width), generator(3))
    cropped = move_pixels(images, PixelMap(rows, columns))
    padded = F.pad(images.float(), (padding,) * 4, mode="reflect").to(torch.uint8)
    # Every window position, each compared with every image: exactly one draw made each output.
    positions = [(top, left) for top in range(2 * padding + 1) for left in range(2 * padding + 1)]
    used = set()
    for index in range(batch):
        matches = [
            (top, left)
            for top, left in positions
            if torch.equal(padded[index, :, top : top + height, left : left + width], cropped[index])
        ]
        assert len(matches) == 1
        used.update(matches)
    assert len(used) > 60, "200 uniform draws of 81 positions should reach most of them"


def test_rows_and_columns_are_shifted_independently():
    rows, columns = Crop(2).coordinates(*identity(20_000, 9, 9), generator())
    down, right = rows[:, 4] - 4, columns[:, 4] - 4
    table = torch.zeros(5, 5).index_put_((down + 2, right + 2), torch.ones(20_000), accumulate=True)
    # Each of 25 cells holds 800 +- 28.
    assert (table - 800).abs().max() < 5 * 28


@given(size=st.integers(2, 40), data=st.data())
@settings(deadline=None)
def test_reflection_is_torchs(size, data):
    padding = data.draw(st.integers(1, size - 1))
    line = torch.arange(size, dtype=torch.float32)
    expected = F.pad(line.view(1, 1, size), (padding, padding), mode="reflect").flatten()
    assert torch.equal(reflected(torch.arange(-padding, size + padding), size).float(), expected)


def test_two_certain_flips_are_the_identity_and_one_is_a_mirror():
    images = pixels()
    assert torch.equal(moved(images, Flip(1.0)), images.flip(3))
    assert torch.equal(moved(images, Flip(1.0), Flip(1.0)), images)
    assert torch.equal(moved(images, Flip(0.0)), images)


def test_flips_are_independent_with_the_stated_probability():
    _, columns = Flip(0.3).coordinates(*identity(10_000, 2, 4), generator())
    share = (columns[:, 0] == 3).float().mean().item()
    assert share == pytest.approx(0.3, abs=5 * (0.3 * 0.7 / 10_000) ** 0.5)


def test_composed_maps_are_the_stages_one_after_the_other():
    images = pixels()
    both = moved(images, Crop(3), Flip(0.5), Crop(2), seed=11)
    draws = generator(11)
    step = images
    for stage in (Crop(3), Flip(0.5), Crop(2)):
        step = move_pixels(step, PixelMap(*stage.coordinates(*identity(*images.shape[::2], images.shape[3]), draws)))
    assert torch.equal(both, step)


def test_the_pipeline_normalises_after_moving():
    images = pixels()
    mean, std = (0.1, 0.4, 0.7), (0.2, 0.3, 0.5)
    pipeline = Pipeline([Flip(1.0)], Normalise(mean, std), num_classes=2)
    assert not pipeline.mixes
    pixel_map = pipeline.draw_map(len(images), images.shape[1:], generator(), torch.device("cpu"))
    result, _ = pipeline.apply(images, torch.zeros(5, dtype=torch.int64), pixel_map, generator())
    expected = (images.flip(3).double() / 255 - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)
    torch.testing.assert_close(result.double(), expected, rtol=0, atol=2e-6)


def test_normalising_floats_copies_and_does_not_divide_by_255():
    features = torch.tensor([[1.0, 2.0], [3.0, 6.0]])
    before = features.clone()
    result = Normalise((2.0, 4.0), (1.0, 2.0))(features)
    assert torch.equal(result, torch.tensor([[-1.0, -1.0], [1.0, 1.0]]))
    assert torch.equal(features, before)


def test_a_subclass_may_implement_both_stages():
    class Both(Augmentation):
        def coordinates(self, rows, columns, generator):
            return rows.flip(1), columns

        def batch(self, images, labels, generator, num_classes):
            return images + 1, labels

    pipeline = Pipeline([Both()], Normalise((0.0,) * 3, (1.0,) * 3), num_classes=2)
    images = pixels()
    pixel_map = pipeline.draw_map(5, images.shape[1:], generator(), torch.device("cpu"))
    result, _ = pipeline.apply(images, torch.zeros(5, dtype=torch.int64), pixel_map, generator())
    assert pipeline.mixes
    torch.testing.assert_close(result, images.flip(2).float() / 255 + 1)


@pytest.mark.parametrize("build", [lambda: Crop(0), lambda: Flip(1.5), lambda: Flip(-0.1), lambda: Flip(float("nan"))])
def test_options_out_of_range_are_named(build):
    with pytest.raises(ValueError, match=r"(padding|probability) is .*; expected"):
        build()


def test_padding_must_be_less_than_the_side():
    with pytest.raises(ValueError, match="padding is 9; expected less than the images' side, 9 pixels"):
        moved(pixels(), Crop(9))


def test_features_cannot_be_flipped():
    pipeline = Pipeline([Flip()], Normalise((0.0,), (1.0,)), num_classes=2)
    with pytest.raises(ValueError, match=r"Flip: samples have shape \(1,\); expected images"):
        pipeline.draw_map(2, (1,), generator(), torch.device("cpu"))
