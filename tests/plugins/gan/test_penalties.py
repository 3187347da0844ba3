"""Penalties of discriminators whose gradient is known."""

import torch
from torch import nn
from torch.testing import assert_close

from smoothkit_gan.config import DiscriminatorConfig
from smoothkit_gan.networks.build import build_discriminator
from smoothkit_gan.penalties import gradient_penalty, half_squared_gradient


class Quadratic(nn.Module):
    """z = a |x|² / 2 for each member, whose gradient is a x."""

    def __init__(self, slopes):
        super().__init__()
        self.slopes = nn.Parameter(torch.tensor(slopes, dtype=torch.float64))

    def forward(self, x):
        return self.slopes[:, None] * x.flatten(2).square().sum(2) / 2


def samples(*shape):
    return torch.randn(2, 7, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def test_half_the_squared_gradient_and_how_it_changes_with_the_weights():
    network, x = Quadratic([1.0, 3.0]), samples(3, 2, 2).requires_grad_()
    penalty = half_squared_gradient(network(x), x)
    squares = x.detach().flatten(2).square().sum(2).mean(1)
    slopes = network.slopes.detach()
    assert_close(penalty, slopes**2 * squares / 2)
    assert_close(torch.autograd.grad(penalty.sum(), network.slopes)[0], slopes * squares)


def test_the_gradient_penalty_is_taken_between_real_samples_and_fakes():
    network, real, fake = Quadratic([1.0, 3.0]), samples(2), samples(2) + 5
    mixing = torch.rand(2, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    penalty = gradient_penalty(network, real, fake, mixing)
    between = mixing[..., None] * real + (1 - mixing[..., None]) * fake
    norms = network.slopes.detach()[:, None] * between.norm(dim=2)
    assert_close(penalty, (norms - 1).square().mean(1))
    assert_close(
        gradient_penalty(network, real, fake, torch.ones(2, 7).double()), gradient_penalty(network, real, real, mixing)
    )


def test_a_flat_discriminator_has_a_penalty_with_a_gradient():
    network = Quadratic([0.0, 0.0])
    penalty = gradient_penalty(network, samples(2), samples(2), torch.zeros(2, 7).double())
    assert_close(penalty, torch.ones(2).double())
    assert torch.autograd.grad(penalty.sum(), network.slopes)[0].isfinite().all()


def test_of_a_pack_it_is_the_gradient_of_all_its_samples(generators):
    network = build_discriminator(DiscriminatorConfig(hidden=(8,), packing=3), (2,), generators(2))
    x = torch.randn(2, 6, 2, requires_grad=True)
    penalty = half_squared_gradient(network(x), x)
    for pack in range(2):
        alone = x[:, 3 * pack : 3 * pack + 3].detach().requires_grad_()
        (gradient,) = torch.autograd.grad(network(alone).sum(), alone)
        penalty = penalty - gradient.flatten(1).square().sum(1) / 2 / 2
    assert_close(penalty, torch.zeros(2), rtol=0, atol=1e-6)


def test_members_do_not_touch_each_other(generators):
    network = build_discriminator(DiscriminatorConfig(hidden=(8,)), (2,), generators(2))
    x = torch.randn(2, 6, 2, requires_grad=True)
    penalty = half_squared_gradient(network(x), x)
    for gradient in torch.autograd.grad(penalty[0], list(network.parameters()), allow_unused=True):
        assert gradient is None or not gradient[1].any()
