"""Wide residual networks: published sizes, the formula of the source, and what every network must obey."""

import pytest
import torch
from torch.nn import functional as F

from smoothkit.models import WideResNet

# Millions of parameters for 10 classes as the source rounds them (arXiv 1605.07146, tables 4 and 5).
PUBLISHED = {(40, 1): 0.6, (40, 2): 2.2, (40, 4): 8.9, (40, 8): 35.7, (28, 10): 36.5, (28, 12): 52.5, (22, 8): 17.2}
PUBLISHED |= {(22, 10): 26.8, (16, 8): 11.0, (16, 10): 17.1}


def count_parameters(**options):
    with torch.device("meta"):
        model = WideResNet(num_classes=10, **options)
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize(("depth", "widen"), PUBLISHED)
def test_parameter_counts_are_those_of_the_source(depth, widen):
    assert count_parameters(depth=depth, widen=widen) / 1e6 == pytest.approx(PUBLISHED[depth, widen], abs=0.0501)


@pytest.mark.parametrize("depth", [10, 16, 28])
@pytest.mark.parametrize("widen", [1, 2, 3])
def test_parameters_add_up(depth, widen):
    blocks, count, channels = (depth - 4) // 6, 9 * 3 * 16, 16
    for width in (16 * widen, 32 * widen, 64 * widen):
        if channels != width:
            count += channels * width
        # The convolutions, and two numbers of normalisation for each of their inputs.
        count += 9 * width * (channels + (2 * blocks - 1) * width) + 2 * (channels + (2 * blocks - 1) * width)
        channels = width
    count += 2 * channels + 10 * channels + 10
    assert count_parameters(depth=depth, widen=widen) == count


def test_the_default_is_the_network_of_semi_supervised_tables():
    # 1.5 M in their texts.
    assert count_parameters() == count_parameters(depth=28, widen=2) == 1_467_610


def test_all_numbers_are_as_many_as_counted_elsewhere():
    # 2,248,954 for WRN-40-2 in the repository BayesWatch/deficient-efficient: running means and variances count too.
    with torch.device("meta"):
        state = WideResNet(num_classes=10, depth=40, widen=2).state_dict()
    assert sum(tensor.numel() for tensor in state.values() if tensor.is_floating_point()) == 2_248_954


def by_formula(state, images, strides):
    """The logits in evaluation mode, of a network with one block for each stage, written out."""

    def activation(x, name):
        keys = ("running_mean", "running_var", "weight", "bias")
        return F.relu(F.batch_norm(x, *(state[f"{name}.{key}"] for key in keys)))

    x = F.conv2d(images, state["features.0.weight"], padding=1)
    for index, stride in enumerate(strides, start=1):
        name = f"features.{index}"
        active = activation(x, f"{name}.activation.0")
        inner = F.conv2d(active, state[f"{name}.residual.0.weight"], stride=stride, padding=1)
        inner = F.conv2d(activation(inner, f"{name}.residual.1"), state[f"{name}.residual.3.weight"], padding=1)
        shortcut = state.get(f"{name}.shortcut.weight")
        x = inner + (x if shortcut is None else F.conv2d(active, shortcut, stride=stride))
    x = activation(x, f"features.{len(strides) + 1}").mean((2, 3))
    return x @ state["classifier.weight"].T + state["classifier.bias"]


@pytest.mark.parametrize("widen", [1, 2])
def test_logits_are_those_of_the_formula(widen):
    torch.manual_seed(0)
    model = WideResNet(num_classes=5, depth=10, widen=widen)
    for _ in range(3):
        model(torch.randn(8, 3, 12, 12) + 0.5)
    state = model.eval().state_dict()
    assert ("features.1.shortcut.weight" in state) == (widen > 1)
    images = torch.randn(4, 3, 12, 12)
    torch.testing.assert_close(model(images), by_formula(state, images, (1, 2, 2)))


@pytest.mark.parametrize("side", [1, 8, 33])
def test_any_size_can_be_read(side):
    assert WideResNet.required_size is None
    with torch.device("meta"):
        model = WideResNet(num_classes=7, in_channels=1, image_size=side)
        assert model(torch.empty(2, 1, side, side)).shape == (2, 7)


def test_the_gradient_reaches_every_parameter_and_images_stay():
    torch.manual_seed(0)
    model, images = WideResNet(num_classes=7, depth=16), torch.randn(4, 3, 16, 16)
    before = images.clone()
    model(images).square().sum().backward()
    assert torch.equal(images, before)
    for name, parameter in model.named_parameters():
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


def test_memory_format_changes_no_number():
    torch.manual_seed(0)
    model, images = WideResNet(num_classes=7, depth=10).eval(), torch.randn(4, 3, 16, 16)
    with torch.no_grad():
        logits = model(images)
        channels_last = model.to(memory_format=torch.channels_last)(images.to(memory_format=torch.channels_last))
    torch.testing.assert_close(channels_last, logits, atol=1e-5, rtol=0)


@pytest.mark.parametrize("depth", [4, 9, 26, 29])
def test_depths_that_are_no_network_are_refused(depth):
    with pytest.raises(ValueError, match=rf"WideResNet: depth must be 6n \+ 4, .* got {depth}"):
        WideResNet(num_classes=10, depth=depth)


def test_widths_and_counts_below_one_are_refused():
    with pytest.raises(ValueError, match="WideResNet: widen must be at least 1, got 0"):
        WideResNet(num_classes=10, widen=0)
    with pytest.raises(ValueError, match="WideResNet: in_channels must be at least 1, got 0"):
        WideResNet(num_classes=10, in_channels=0)
