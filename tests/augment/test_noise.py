"""Gaussian noise, and pixels set to the mean."""

import math

import pytest
import torch
from scipy import stats

from smoothkit.augment.noise import Noise
from smoothkit.augment.pixel_dropout import PixelDropout

K = 4


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def labels(batch):
    return torch.arange(batch) % K


@pytest.mark.parametrize("shape", [(50, 3, 8, 8), (400, 24)], ids=["images", "features"])
def test_noise_is_normal_with_the_stated_deviation(shape):
    samples = torch.randn(shape, generator=generator(9))
    noisy, same = Noise(0.3).batch(samples, labels(shape[0]), generator(), K)
    noise = noisy.double() - samples.double()
    assert stats.kstest(noise.flatten().numpy(), stats.norm(scale=0.3).cdf).pvalue > 0.001
    assert (noise.flatten(1)[:, 0] * noise.flatten(1)[:, 1]).mean().abs() < 5 * 0.09 / math.sqrt(shape[0])
    assert torch.equal(same, labels(shape[0]))


def test_no_noise_is_the_identity():
    samples = torch.randn(6, 2, 5, 5)
    assert torch.equal(Noise(0.0).batch(samples, labels(6), generator(), K)[0], samples)
    assert torch.equal(PixelDropout(0.0).batch(samples, labels(6), generator(), K)[0], samples)


def test_pixels_are_dropped_in_all_channels_with_the_stated_rate():
    dropped = PixelDropout(0.3).batch(torch.ones(100, 3, 10, 10), labels(100), generator(), K)[0] == 0
    assert torch.equal(dropped, dropped[:, :1].expand_as(dropped))
    assert dropped.float().mean().item() == pytest.approx(0.3, abs=5 * (0.21 / 10_000) ** 0.5)
    pairs = (dropped[:, 0, :, 1:] & dropped[:, 0, :, :-1]).float().mean().item()
    assert pairs == pytest.approx(0.09, abs=0.015), "neighbours are independent"


def test_what_is_not_dropped_stays_as_it_is():
    samples = torch.randn(20, 3, 4, 4).abs() + 1
    dropped, same = PixelDropout(0.5).batch(samples, labels(20), generator(), K)
    assert torch.equal(dropped, samples * (dropped != 0))
    assert torch.equal(same, labels(20))
    assert not PixelDropout(1.0).batch(samples, labels(20), generator(), K)[0].any()


def test_features_are_dropped_one_by_one():
    dropped = PixelDropout(0.4).batch(torch.ones(500, 20), labels(500), generator(), K)[0] == 0
    assert dropped.float().mean().item() == pytest.approx(0.4, abs=5 * (0.24 / 10_000) ** 0.5)
    assert (dropped.sum(1) > 0).float().mean() > 0.99
    assert not dropped.all(1).any()


@pytest.mark.parametrize("stage", [Noise(), PixelDropout()])
def test_a_stage_is_a_function_of_its_generator_and_leaves_its_input(stage):
    samples = torch.randn(6, 2, 10, 8, generator=generator(9))
    before = samples.clone()
    torch.manual_seed(0)
    state = torch.get_rng_state()
    first, again = (stage.batch(samples, labels(6), generator(5), K)[0] for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, samples)
    assert torch.equal(samples, before)
    assert torch.equal(torch.get_rng_state(), state), "torch's own generator must not move"


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Noise(-0.1), "noise: std is -0.1; expected at least 0"),
        (lambda: Noise(math.nan), "noise: std is nan; expected at least 0"),
        (lambda: Noise(math.inf), "noise: std is inf; expected at least 0"),
        (lambda: PixelDropout(1.5), "pixel-dropout: rate is 1.5; expected a probability, 0 to 1"),
    ],
)
def test_options_out_of_range_are_named(build, message):
    with pytest.raises(ValueError, match=message):
        build()
