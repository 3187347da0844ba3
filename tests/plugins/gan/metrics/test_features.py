"""Feature nets learn what they are trained on, from their own generator, and disturb nothing."""

import pytest
import torch
from torch.testing import assert_close

from smoothkit_gan.config import GanDataConfig
from smoothkit_gan.data.parts import split_parts
from smoothkit_gan.metrics import features
from smoothkit_gan.metrics.features import Scale, accuracy, train_feature_net, train_feature_nets


@pytest.fixture(scope="module")
def parts():
    return split_parts(GanDataConfig(name="digits"), seed=0)


def random_images(count: int, *shape: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(count, *shape, generator=generator) * 2 - 1, torch.randint(4, (count,), generator=generator)


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(features, "STEPS", 3)


def test_digits_are_told_apart_where_nothing_was_trained(parts):
    nets = train_feature_nets(parts, 2, seed=0)
    held_out = parts.held_out
    images = parts.to_model(held_out.images)
    for net in nets:
        assert net.name == "digits-mlp32"
        assert net.features(images).shape == (len(images), 32)
        assert accuracy(net.probabilities(images), held_out.labels) > 0.93
    assert nets[0].fingerprint != nets[1].fingerprint


def test_the_generator_decides_and_torchs_own_is_left_alone(quick):
    images, labels = random_images(40, 1, 8, 8)
    state = torch.get_rng_state()
    prints = [
        train_feature_net("set", images, labels, 4, torch.Generator().manual_seed(seed)).fingerprint
        for seed in (1, 1, 2)
    ]
    assert prints[0] == prints[1] != prints[2]
    assert torch.equal(torch.get_rng_state(), state)


def test_it_can_be_trained_where_gradients_are_off(quick):
    images, labels = random_images(40, 1, 8, 8)
    prints = set()
    for context in (torch.enable_grad, torch.no_grad, torch.inference_mode):
        with context():
            net = train_feature_net("set", images, labels, 4, torch.Generator().manual_seed(1))
            prints.add(net.fingerprint)
            assert not net.features(images).requires_grad
    assert len(prints) == 1


@pytest.mark.parametrize(
    ("shape", "widths", "name"),
    [((1, 8, 8), (64, 32), "set-mlp32"), ((3, 15, 15), (9, 7), "set-mlp7"), ((3, 28, 28), (64, 32), "set-conv64")],
)
def test_the_name_says_what_the_net_is(quick, shape, widths, name):
    images, labels = random_images(10, *shape)
    net = train_feature_net("set", images, labels, 4, torch.Generator(), widths)
    assert net.name == name
    assert net.features(images).shape == (10, int(name.strip("setmlpconv-")))
    assert_close(net.probabilities(images).sum(1), torch.ones(10))


def test_chunks_do_not_matter(quick, monkeypatch):
    images, labels = random_images(10, 1, 8, 8)
    net = train_feature_net("set", images, labels, 4, torch.Generator())
    whole = net.features(images)
    monkeypatch.setattr(features, "CHUNK", 3)
    assert_close(net.features(images), whole)


def test_the_scale_is_that_of_the_reference():
    reference = torch.randn(100, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 5.0, 0.0]) + 2
    scaled = Scale.of(reference)(reference)
    assert_close(scaled.mean(0), torch.zeros(3), atol=1e-5, rtol=0)
    assert_close(scaled.std(0), torch.tensor([1.0, 1.0, 0.0]))
