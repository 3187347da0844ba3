"""The largest singular value of each member's weights is one."""

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm
from torch.testing import assert_close

from smoothkit_gan.networks.layers import StackedConv2d, StackedLinear
from smoothkit_gan.networks.members import one_member
from smoothkit_gan.networks.spectral import normalise_spectrally


def layers(generators):
    return [StackedLinear(6, 9, generators(3), 3.0), StackedConv2d(2, 5, 4, 2, 1, generators(3), 3.0)]


@pytest.mark.parametrize("place", [0, 1])
def test_each_member_has_spectral_norm_one(place, generators):
    layer = layers(generators)[place]
    norms = torch.linalg.matrix_norm(layer.weight.detach().flatten(2), ord=2)
    normalise_spectrally(layer, generators(3, first=9))
    with torch.no_grad():
        for _ in range(100):
            weight = layer.weight
    assert_close(torch.linalg.matrix_norm(weight.flatten(2), ord=2), torch.ones(3), rtol=1e-4, atol=1e-4)
    original = layer.parametrizations.weight.original.detach()
    assert_close(weight * norms.view(3, *(1 for _ in weight.shape[1:])), original, rtol=1e-4, atol=1e-4)


def test_the_first_pass_is_near_the_norm_already(generators):
    layer = layers(generators)[0]
    normalise_spectrally(layer, generators(3, first=9))
    assert_close(torch.linalg.matrix_norm(layer.weight.detach(), ord=2), torch.ones(3), rtol=0.1, atol=0)


def test_the_gradient_is_that_of_torchs_own(generators):
    """Their power iteration runs over the outputs first; converged, both know the same two vectors."""
    layer = StackedLinear(6, 4, generators(1), 1.0)
    own = nn.Linear(6, 4)
    own.weight.data = layer.weight[0].detach().mT.clone()
    normalise_spectrally(layer, generators(1, first=9))
    spectral_norm(own, n_power_iterations=100)
    with torch.no_grad():
        for _ in range(200):
            _ = layer.weight
    weights, x = torch.randn(4), torch.randn(5, 6)
    ((layer(x[None])[0] - layer.bias[0]) @ weights).square().sum().backward()
    ((own(x) - own.bias) @ weights).square().sum().backward()
    expected = own.parametrizations.weight.original.grad.mT
    assert_close(layer.parametrizations.weight.original.grad[0], expected, rtol=1e-3, atol=1e-4)


def test_only_training_moves_the_vectors(generators):
    layer = layers(generators)[0]
    normalise_spectrally(layer, generators(3))
    state = {name: value.clone() for name, value in layer.eval().state_dict().items()}
    layer(torch.randn(3, 2, 6))
    assert all(torch.equal(value, state[name]) for name, value in layer.state_dict().items())
    layer.train()(torch.randn(3, 2, 6))
    assert not torch.equal(
        layer.state_dict()["parametrizations.weight.0.left"], state["parametrizations.weight.0.left"]
    )


def test_two_passes_may_share_a_backward_pass(generators):
    """A discriminator sees real samples and fakes before it is trained."""
    layer = layers(generators)[0]
    normalise_spectrally(layer, generators(3))
    x = torch.randn(3, 2, 6)
    (layer(x).sum() + layer(2 * x).sum()).backward()
    assert layer.parametrizations.weight.original.grad.isfinite().all()


def test_one_member_has_its_own_vectors(generators):
    layer = layers(generators)[1]
    normalise_spectrally(layer, generators(3))
    x = torch.randn(3, 2, 2, 4, 4)
    assert_close(one_member(layer, 1)(x[1:2]), layer.eval()(x)[1:2].detach())
