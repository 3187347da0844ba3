"""Rotation, scaling, shear and translation: what is exact, and what an independent library computes."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from torch.nn import functional as F

from smoothkit.augment.affine import Affine, inverse_maps, warped

K = 4


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def images_of(batch=5, channels=2, height=9, width=9, seed=7):
    return torch.randn(batch, channels, height, width, generator=generator(seed))


def maps_of(batch, angle=0.0, scale=1.0, shear=0.0, right=0.0, down=0.0):
    numbers = (torch.full((batch,), float(each)) for each in (angle, scale, shear))
    return inverse_maps(*numbers, torch.tensor([[float(right), float(down)]]).expand(batch, 2))


def moved(images, outside="border", **how):
    return warped(images, maps_of(len(images), **how), outside)


@pytest.mark.parametrize("outside", ["border", "reflection"])
@pytest.mark.parametrize("side", [8, 9])
@pytest.mark.parametrize("turns", [-1, 0, 1, 2, 3])
def test_quarter_turns_are_exact(turns, side, outside):
    images = images_of(height=side, width=side)
    torch.testing.assert_close(
        moved(images, outside, angle=90 * turns), torch.rot90(images, turns, (2, 3)), rtol=0, atol=1e-4
    )


@pytest.mark.parametrize(("right", "down"), [(2, 0), (0, -3), (-1, 2)])
def test_whole_shifts_repeat_the_border(right, down):
    images = images_of(height=7, width=11)
    padded = F.pad(images, (3,) * 4, mode="replicate")
    expected = padded[:, :, 3 - down : 10 - down, 3 - right : 14 - right]
    torch.testing.assert_close(moved(images, right=right, down=down), expected, rtol=0, atol=1e-4)


def test_a_reflection_is_at_the_edge():
    line = torch.arange(4.0).expand(1, 1, 3, 4)
    expected = torch.tensor([1.0, 0, 0, 1]).expand(1, 1, 3, 4)
    torch.testing.assert_close(moved(line, "reflection", right=2), expected, rtol=0, atol=1e-5)


def test_scale_2_shows_twice_the_size():
    # The plane's values are its columns, counted from the centre; interpolation of a plane is exact inside.
    plane = (torch.arange(9.0) - 4).expand(1, 1, 9, 9)
    torch.testing.assert_close(moved(plane, scale=2), plane / 2, rtol=0, atol=1e-5)


def test_a_positive_shear_moves_the_upper_half_to_the_right():
    plane = (torch.arange(9.0) - 4).expand(1, 1, 9, 9)
    upwards = 4 - torch.arange(9.0).view(9, 1)
    inside = slice(3, 6)
    found = moved(plane, shear=math.degrees(math.atan(0.5)))
    torch.testing.assert_close(found[0, 0, :, inside], (plane[0, 0] - 0.5 * upwards)[:, inside], rtol=0, atol=1e-5)


@given(
    angle=st.floats(-180, 180, allow_subnormal=False),
    scale=st.floats(0.4, 2, allow_subnormal=False),
    shear=st.floats(-40, 40, allow_subnormal=False),
    shift=st.tuples(*[st.floats(-4, 4, allow_subnormal=False)] * 2),
    shape=st.tuples(st.integers(2, 10), st.integers(2, 10)),
    outside=st.sampled_from(["border", "reflection"]),
)
@settings(max_examples=100, deadline=None)
def test_warping_is_scipys(angle, scale, shear, shift, shape, outside):
    images = images_of(1, 1, *shape)
    theta, tan, centre = math.radians(angle), math.tan(math.radians(shear)), (np.array(shape) - 1) / 2
    # In SciPy's order, (row, column): a turn of the content by theta, with rows downwards, after the shear.
    sheared = np.array([[1, 0], [-tan, 1]])
    turned = np.array([[math.cos(theta), -math.sin(theta)], [math.sin(theta), math.cos(theta)]])
    back = np.linalg.inv(scale * turned @ sheared)
    offset = centre - back @ (centre + np.array(shift[::-1]))
    expected = ndimage.affine_transform(
        images[0, 0].double().numpy(), back, offset, order=1, mode={"border": "nearest"}.get(outside, "reflect")
    )
    found = moved(images, outside, angle=angle, scale=scale, shear=shear, right=shift[0], down=shift[1])
    np.testing.assert_allclose(found[0, 0].numpy(), expected, rtol=0, atol=2e-4)


def test_options_of_the_identity_give_the_input():
    images, labels = images_of(), torch.arange(5) % K
    found, same = Affine(0.0, (1.0, 1.0), 0.0, 0.0).batch(images, labels, generator(), K)
    assert torch.equal(found, images)
    assert torch.equal(same, labels)


def fitted(images, **options):
    """[A t] of what an augmentation did to each image, from planes that it moved."""
    side = 41
    place = torch.arange(float(side)) - side // 2
    planes = torch.stack((place.expand(side, side), place.view(side, 1).expand(side, side))).expand(images, 2, -1, -1)
    found, _ = Affine(**options).batch(planes, torch.zeros(images, dtype=torch.int64), generator(3), K)
    middle = side // 2
    at = found[:, :, middle, middle]
    return torch.stack((found[:, :, middle, middle + 1] - at, found[:, :, middle + 1, middle] - at, at), dim=2)


OFF = {"degrees": 0.0, "scale": (1.0, 1.0), "shear": 0.0, "translate": 0.0}


@pytest.mark.parametrize(
    ("options", "read", "ends"),
    [
        ({"degrees": 30.0}, lambda m: torch.rad2deg(torch.atan2(m[:, 1, 0], m[:, 0, 0])), (-30, 30)),
        ({"scale": (0.8, 1.5)}, lambda m: 1 / m[:, 0, 0], (0.8, 1.5)),
        ({"shear": 20.0}, lambda m: torch.rad2deg(torch.atan(m[:, 0, 1])), (-20, 20)),
        ({"translate": 0.25}, lambda m: m[:, 0, 2] / 41, (-0.25, 0.25)),
        ({"translate": 0.25}, lambda m: m[:, 1, 2] / 41, (-0.25, 0.25)),
    ],
)
def test_draws_are_uniform_over_the_stated_range(options, read, ends):
    found = read(fitted(2000, **OFF | options)).sort().values.numpy()
    low, high = ends
    assert low - 1e-3 < found[0]
    assert found[-1] < high + 1e-3
    expected = np.linspace(low, high, 2000)
    # The Kolmogorov-Smirnov distance of 2000 draws exceeds 0.05 once in 10,000 times.
    assert np.abs(found - expected).max() / (high - low) < 0.05


def test_images_are_moved_independently_of_each_other():
    maps = fitted(500, degrees=45.0, scale=(0.7, 1.3), shear=0.0, translate=0.2)
    assert torch.unique(maps[:, 0, 0]).numel() > 450
    correlation = torch.corrcoef(torch.stack((torch.atan2(maps[:, 1, 0], maps[:, 0, 0])[:-1], maps[1:, 0, 0])))
    assert correlation[0, 1].abs() < 0.2


@pytest.mark.parametrize("outside", ["border", "reflection"])
def test_a_batch_is_a_function_of_its_generator_and_leaves_its_input(outside):
    images, labels, stage = images_of(), torch.arange(5) % K, Affine(outside=outside)
    before = images.clone()
    torch.manual_seed(0)
    state = torch.get_rng_state()
    first, again = (stage.batch(images, labels, generator(5), K)[0] for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, images)
    assert torch.equal(images, before)
    assert first.dtype == torch.float32
    assert torch.equal(torch.get_rng_state(), state), "torch's own generator must not move"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"degrees": 181.0}, "degrees is 181.0; expected 0 to 180"),
        ({"degrees": math.nan}, "degrees is nan; expected 0 to 180"),
        ({"scale": (1.1, 0.9)}, r"scale is \(1.1, 0.9\); expected two positive numbers, the smaller first"),
        ({"scale": (0.0, 0.9)}, r"scale is \(0.0, 0.9\); expected two positive numbers"),
        ({"shear": 90.0}, "shear is 90.0; expected 0 to less than 90 degrees"),
        ({"translate": -0.1}, "translate is -0.1; expected a share of the side, at least 0"),
    ],
)
def test_options_out_of_range_are_named(options, message):
    with pytest.raises(ValueError, match=f"affine: {message}"):
        Affine(**options)


def test_features_cannot_be_turned():
    with pytest.raises(ValueError, match=r"affine: samples have shape \(5,\); expected images"):
        Affine().batch(torch.zeros(2, 5), torch.zeros(2, dtype=torch.int64), generator(), K)
