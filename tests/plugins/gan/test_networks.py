"""The networks of a scenario file, and what their features are."""

import math

import pytest
import torch
from torch.testing import assert_close

from smoothkit.errors import UserError
from smoothkit_gan.config import DiscriminatorConfig, GeneratorConfig
from smoothkit_gan.networks.build import build_discriminator, build_generator
from smoothkit_gan.networks.fourier import SineFeatures, log_uniform_waves, normal_waves
from smoothkit_gan.networks.initial import GAINS
from smoothkit_gan.networks.members import one_member

POINTS, DIGITS = (2,), (3, 8, 8)
CASES = [
    (POINTS, {"hidden": (9, 8)}, {"hidden": (7,)}),
    (POINTS, {"hidden": (9,), "fourier": 4, "batch_norm": True}, {"hidden": (7, 6), "fourier": 5, "packing": 2}),
    (DIGITS, {"hidden": (9,), "activation": "silu"}, {"hidden": (7,), "spectral_norm": True, "fourier": 3}),
    (DIGITS, {"name": "conv", "hidden": (6, 4), "fourier": 3}, {"name": "conv", "hidden": (4, 6), "packing": 3}),
    ((1, 28, 28), {"name": "conv", "hidden": (6, 4), "batch_norm": True}, {"name": "conv", "hidden": (4, 6)}),
    ((1, 16, 32), {"name": "conv", "hidden": (6,)}, {"name": "conv", "hidden": (4,), "spectral_norm": True}),
]


@pytest.mark.parametrize(("shape", "of_generator", "of_discriminator"), CASES)
def test_every_member_is_the_network_that_it_would_be_alone(shape, of_generator, of_discriminator, generators):
    latent = torch.randn(3, 6, 2)
    packs = 6 // of_discriminator.get("packing", 1)
    build = [
        (build_generator, GeneratorConfig(**of_generator)),
        (build_discriminator, DiscriminatorConfig(**of_discriminator)),
    ]
    together = [make(config, shape, generators(3)).eval() for make, config in build]
    samples = together[0](latent)
    logits = together[1](samples)
    assert samples.shape == (3, 6, *shape)
    assert logits.shape == (3, packs)
    for index in range(3):
        own = slice(index, index + 1)
        for networks in (
            [one_member(network, index) for network in together],
            [make(config, shape, generators(1, first=index)).eval() for make, config in build],
        ):
            assert_close(networks[0](latent[own]), samples[own], rtol=1e-5, atol=1e-5, check_device=False)
            assert_close(networks[1](samples[own]), logits[own], rtol=1e-5, atol=1e-5)


def test_images_lie_within_their_range_and_points_anywhere(generators):
    latent = 100 * torch.randn(1, 50, 2)
    images = build_generator(GeneratorConfig(hidden=(8,)), DIGITS, generators(1))(latent)
    assert images.abs().max() <= 1
    assert build_generator(GeneratorConfig(hidden=(8,)), POINTS, generators(1))(latent).abs().max() > 3


@pytest.mark.parametrize(
    "config", [DiscriminatorConfig(packing=3), DiscriminatorConfig(name="conv", hidden=(4,), packing=3)]
)
def test_a_pack_is_judged_as_a_whole(config, generators):
    """Three neighbours decide one logit, and no other."""
    network = build_discriminator(config, DIGITS, generators(2))
    samples = torch.randn(2, 6, *DIGITS, requires_grad=True)
    (gradient,) = torch.autograd.grad(network(samples)[1, 1], samples)
    moved = gradient.flatten(2).abs().sum(2) > 0
    assert moved.tolist() == [[False] * 6, [False] * 3 + [True] * 3]


def test_sine_features_are_sines(generators):
    waves = normal_waves(generators(2), 3, 5, 2.0)
    x = torch.randn(2, 4, 3)
    features = SineFeatures(waves)(x)
    assert torch.equal(features[..., :3], x)
    assert_close(features[1, 2, 3:8], (x[1, 2] @ waves[1]).sin())
    assert_close(features[1, 2, 8:], (x[1, 2] @ waves[1]).cos())
    assert not list(SineFeatures(waves).parameters())


def test_sine_features_are_exact_in_half_precision_too(generators):
    features, x = SineFeatures(normal_waves(generators(2), 3, 5, 20.0)), torch.randn(2, 4, 3)
    with torch.autocast("cpu", torch.bfloat16):
        half = features(x)
    assert torch.equal(half, features(x))


def test_faster_waves_are_damped_by_the_power_asked_for(generators):
    waves = log_uniform_waves(generators(2), 2, 50, 1.0, 40.0)
    damped, plain = (SineFeatures(waves, damping)(torch.full((2, 4, 2), 0.3)) for damping in (0.5, 0.0))
    lengths = waves.norm(dim=1, keepdim=True)
    shares = (lengths.amin(2, keepdim=True) / lengths).sqrt()
    assert_close(damped[..., 2:], plain[..., 2:] * torch.cat((shares, shares), 2))


def test_wave_vectors_have_the_law_that_their_names_say(generators):
    waves = log_uniform_waves(generators(1), 2, 20_000, 1.0, 64.0)[0]
    lengths = waves.norm(dim=0)
    assert lengths.min() >= 0.999
    assert lengths.max() <= 64.01
    quantiles = lengths.log2().quantile(torch.tensor([0.25, 0.5, 0.75]))
    assert_close(quantiles, torch.tensor([1.5, 3.0, 4.5]), rtol=0, atol=0.1)
    assert_close((waves / lengths).mean(1), torch.zeros(2), rtol=0, atol=0.03)
    assert normal_waves(generators(1), 3, 20_000, 2.0).std().item() == pytest.approx(2, abs=0.05)


@pytest.mark.parametrize("name", ["relu", "leaky-relu", "silu"])
def test_gains_keep_the_mean_square(name):
    activation = {"relu": torch.relu, "leaky-relu": lambda x: torch.where(x > 0, x, 0.2 * x)}.get(
        name, torch.nn.functional.silu
    )
    x = torch.linspace(-12, 12, 200_001, dtype=torch.float64)
    density = (-x * x / 2).exp() / math.sqrt(2 * math.pi)
    mean_square = (activation(GAINS[name] * x).square() * density).sum().item() * (24 / 200_000)
    assert mean_square == pytest.approx(1, rel=1e-4)


@pytest.mark.parametrize("name", ["relu", "leaky-relu", "silu"])
def test_deep_networks_begin_with_signals_of_their_own_size(name, generators):
    config = GeneratorConfig(hidden=(256,) * 8, activation=name, latent=64)
    points = build_generator(config, (200,), generators(1))(torch.randn(1, 500, 64))
    assert 0.4 < points.std().item() < 1.2


@pytest.mark.parametrize(
    ("build", "config", "shape", "message"),
    [
        (build_generator, GeneratorConfig(name="conv"), POINTS, r"^generator.name is 'conv'; samples are points of 2"),
        (build_generator, GeneratorConfig(name="conv"), DIGITS, r"^generator.hidden has 4 widths, .* multiple of 16"),
        (build_discriminator, DiscriminatorConfig(name="conv"), (1, 28, 28), r"^discriminator.hidden has 3 widths"),
        (
            build_discriminator,
            DiscriminatorConfig(name="conv", hidden=(4,), fourier=2),
            DIGITS,
            r"^discriminator.fourier is 2; sine features are for name = 'mlp'",
        ),
    ],
)
def test_what_cannot_be_built_is_refused(build, config, shape, message, generators):
    with pytest.raises(UserError, match=message):
        build(config, shape, generators(1))
