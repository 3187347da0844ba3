"""A stacked layer is as many of torch's layers side by side."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from smoothkit_gan.networks.layers import StackedBatchNorm, StackedConv2d, StackedConvTranspose2d, StackedLinear
from smoothkit_gan.networks.members import one_member

MEMBERS = 3


def linear(generators, outputs=7):
    layer = StackedLinear(5, outputs, generators(MEMBERS), 1.4)
    alone = [nn.Linear(5, outputs) for _ in range(MEMBERS)]
    for index, each in enumerate(alone):
        each.weight.data, each.bias.data = (
            layer.weight[index].detach().mT.clone(),
            layer.bias[index, 0].detach().clone(),
        )
    return layer, alone, torch.randn(MEMBERS, 6, 5), lambda weight: weight.mT


def one_output(generators):
    return linear(generators, outputs=1)


def convolution(generators):
    layer = StackedConv2d(2, 4, 4, 2, 1, generators(MEMBERS))
    return with_torch(layer, [nn.Conv2d(2, 4, 4, 2, 1) for _ in range(MEMBERS)], torch.randn(MEMBERS, 6, 2, 8, 8))


def transposed(generators):
    layer = StackedConvTranspose2d(3, 2, 4, 2, 1, generators(MEMBERS))
    alone = [nn.ConvTranspose2d(3, 2, 4, 2, 1) for _ in range(MEMBERS)]
    return with_torch(layer, alone, torch.randn(MEMBERS, 6, 3, 4, 4))


def norm(generators):
    return with_torch(
        StackedBatchNorm(5, MEMBERS), [nn.BatchNorm1d(5) for _ in range(MEMBERS)], torch.randn(MEMBERS, 6, 5)
    )


def norm_of_maps(generators):
    alone = [nn.BatchNorm2d(4) for _ in range(MEMBERS)]
    return with_torch(StackedBatchNorm(4, MEMBERS), alone, torch.randn(MEMBERS, 6, 4, 3, 3))


def with_torch(layer, alone, x):
    layer.bias.data.normal_()
    for index, each in enumerate(alone):
        each.weight.data, each.bias.data = layer.weight[index].detach().clone(), layer.bias[index].detach().clone()
    return layer, alone, x, lambda weight: weight


KINDS = [linear, one_output, convolution, transposed, norm, norm_of_maps]


@pytest.mark.parametrize("kind", KINDS)
def test_outputs_gradients_and_a_step_of_adam_are_those_of_separate_layers(kind, generators):
    torch.manual_seed(0)
    layer, alone, x, turned = kind(generators)
    x.requires_grad_()
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.1, fused=True)
    y = layer(x)
    weights = torch.randn(y.shape)
    (y * weights).sum().backward()
    optimizer.step()
    for index, each in enumerate(alone):
        own = x[index].detach().clone().requires_grad_()
        expected = each(own)
        assert_close(y[index], expected, rtol=1e-5, atol=1e-6)
        (expected * weights[index]).sum().backward()
        assert_close(x.grad[index], own.grad, rtol=1e-5, atol=1e-5)
        assert_close(layer.weight.grad[index], turned(each.weight.grad), rtol=1e-5, atol=1e-5)
        step = torch.optim.Adam(each.parameters(), lr=0.1)
        step.step()
        assert_close(layer.weight[index], turned(each.weight), rtol=1e-5, atol=1e-5)
        assert_close(layer.bias[index].flatten(), each.bias, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", [norm, norm_of_maps])
def test_batch_norm_keeps_running_statistics_for_evaluation(kind, generators):
    torch.manual_seed(0)
    layer, alone, x, _ = kind(generators)
    for _ in range(3):
        layer(x)
        for each, own in zip(alone, x, strict=True):
            each(own)
    for index, each in enumerate(alone):
        assert_close(layer.running_mean[index], each.running_mean)
        assert_close(layer.running_var[index], each.running_var)
        assert_close(layer.eval()(2 * x)[index], each.eval()(2 * x[index]))


@pytest.mark.parametrize("kind", KINDS)
def test_members_do_not_touch_each_other(kind, generators):
    torch.manual_seed(0)
    layer, _, x, _ = kind(generators)
    x.requires_grad_()
    (gradient,) = torch.autograd.grad(layer(x)[1].square().sum(), x)
    assert gradient[1].abs().sum() > 0
    assert not gradient[0].any()
    assert not gradient[2].any()


@pytest.mark.parametrize("kind", KINDS)
def test_one_member_is_a_layer_of_its_own(kind, generators):
    torch.manual_seed(0)
    layer, _, x, _ = kind(generators)
    layer.eval()
    alone = one_member(layer, 2)
    assert_close(alone(x[2:]), layer(x)[2:].detach(), rtol=1e-5, atol=1e-6)
    assert not alone(x[2:]).requires_grad
    before = alone(x[2:])
    with torch.no_grad():
        layer.weight.add_(1)
    assert torch.equal(alone(x[2:]), before)


def test_a_member_begins_alike_whoever_is_beside_it(generators):
    many, one = StackedLinear(4, 3, generators(5), 1.0), StackedLinear(4, 3, generators(1, first=2), 1.0)
    assert torch.equal(many.weight[2], one.weight[0])


def test_a_single_output_is_the_same_number_whoever_is_beside_it(generators):
    layer, x = StackedLinear(200, 1, generators(5), 1.0), torch.randn(5, 100, 200)
    for index in range(5):
        assert torch.equal(one_member(layer, index)(x[index : index + 1]), layer(x)[index : index + 1].detach())


@pytest.mark.parametrize("kernel", [(4, 2, 1), (3, 1, 1)])
@pytest.mark.parametrize("kind", [StackedConv2d, StackedConvTranspose2d])
def test_convolutions_begin_with_outputs_of_variance_one(kind, kernel, generators):
    layer = kind(40, 30, *kernel, generators(2), 1.0)
    inner = layer(torch.randn(2, 8, 40, 16, 16, generator=torch.Generator().manual_seed(0)))[..., 2:-2, 2:-2]
    assert inner.var().item() == pytest.approx(1, abs=0.1)
