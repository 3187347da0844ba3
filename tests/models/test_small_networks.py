"""The networks of the LS++ paper and the perceptron: sizes, costs, and what every network must obey."""

import subprocess
import sys

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from smoothkit.models import (
    MLP,
    AlexNet,
    DenseNet121,
    LeNet,
    ResNet18,
    ResNet34,
    ResNet50,
    ResNet101,
    ShuffleNetV2,
)

# Parameters of the networks released with LS++ (Chhabra et al., BMVC 2024), counted by running that code, for (classes,
# channels) = (10, 3), (100, 3), (200, 3) and (10, 1).
SHAPES = ((10, 3), (100, 3), (200, 3), (10, 1))
PARAMETERS = {
    LeNet: (62_006, 69_656, 78_156, 61_706),
    AlexNet: (2_472_266, 2_495_396, 2_521_096, 2_456_778),
    ResNet18: (11_173_962, 11_220_132, 11_271_432, 11_172_810),
    ResNet34: (21_282_122, 21_328_292, 21_379_592, 21_280_970),
    ResNet50: (23_520_842, 23_705_252, 23_910_152, 23_519_690),
    ResNet101: (42_512_970, 42_697_380, 42_902_280, 42_511_818),
    DenseNet121: (6_956_298, 7_048_548, 7_151_048, 6_955_146),
    ShuffleNetV2: (1_268_646, 1_360_896, 1_463_396, 1_268_214),
}

# Millions of multiply-accumulates of one image, 100 classes: (network, channels, side, published figure, its rounding).
COSTS = [
    (LeNet, 3, 32, 0.659, 0.0005),
    (LeNet, 1, 32, 0.424, 0.0005),
    (AlexNet, 3, 32, 14.98, 0.005),
    (ResNet18, 3, 32, 555.5, 0.05),
    (ResNet18, 3, 64, 2221.7, 0.2),
    (ResNet34, 3, 32, 1159.4, 0.05),
    (ResNet50, 3, 32, 1298.0, 0.05),
    (ResNet50, 3, 64, 5191.4, 0.2),
    (ResNet101, 3, 32, 2510.2, 0.05),
    (DenseNet121, 3, 32, 888.4, 0.05),
    (ShuffleNetV2, 3, 32, 43.7, 0.05),
    (ShuffleNetV2, 3, 64, 174.4, 0.05),
]

NETWORKS = [MLP, *PARAMETERS]
FIXED_SIZE_NETWORKS = [LeNet, AlexNet]


def count_parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def images_of(side: int, *, batch: int = 4, channels: int = 3) -> torch.Tensor:
    return torch.randn(batch, channels, side, side, generator=torch.Generator().manual_seed(0))


def build(network: type[nn.Module], **options) -> nn.Module:
    torch.manual_seed(0)
    return network(num_classes=7, **options)


@pytest.mark.parametrize("network", PARAMETERS)
def test_parameter_counts_are_those_of_the_released_networks(network):
    with torch.device("meta"):
        counts = tuple(count_parameters(network(num_classes=k, in_channels=c)) for k, c in SHAPES)
    assert counts == PARAMETERS[network]


@pytest.mark.parametrize(("network", "channels", "side", "millions", "rounding"), COSTS)
def test_multiply_accumulates_are_those_of_the_released_networks(network, channels, side, millions, rounding):
    # The counter sees the products of convolutions and linear layers only, as the published figures do: neither biases,
    # normalisation, activations nor pooling. It reports two operations per multiply-accumulate.
    with torch.device("meta"):
        model = network(num_classes=100, in_channels=channels, image_size=side)
        with FlopCounterMode(display=False) as counter:
            model(torch.empty(1, channels, side, side))
    assert counter.get_total_flops() / 2e6 == pytest.approx(millions, abs=rounding)


@pytest.mark.parametrize("network", NETWORKS)
def test_logits_have_one_row_per_image_and_one_column_per_class(network):
    with torch.device("meta"):
        model = network(num_classes=7, in_channels=1)
        assert model(torch.empty(5, 1, 32, 32)).shape == (5, 7)


@pytest.mark.parametrize("network", [network for network in NETWORKS if network not in FIXED_SIZE_NETWORKS])
@pytest.mark.parametrize("side", [8, 33])
def test_networks_without_a_required_size_read_any_size(network, side):
    assert network.required_size is None
    with torch.device("meta"):
        model = network(num_classes=7, image_size=side)
        assert model(torch.empty(2, 3, side, side)).shape == (2, 7)


@pytest.mark.parametrize("network", FIXED_SIZE_NETWORKS)
@pytest.mark.parametrize("side", [28, 64, 224])
def test_a_size_that_does_not_fit_is_refused_with_both_sizes(network, side):
    assert network.required_size == 32
    with pytest.raises(ValueError, match=rf"{network.__name__}: image_size must be 32, got {side}; .*32x32"):
        network(num_classes=10, image_size=side)


def test_a_size_below_what_the_halvings_need_is_refused():
    with pytest.raises(ValueError, match="DenseNet121: image_size must be at least 8, got 7"):
        DenseNet121(num_classes=10, image_size=7)
    with pytest.raises(ValueError, match="ResNet18: image_size must be at least 1, got 0"):
        ResNet18(num_classes=10, image_size=0)


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("parameter", ["num_classes", "in_channels"])
def test_counts_below_one_are_refused(network, parameter):
    options = {"num_classes": 10, "in_channels": 3, parameter: 0}
    with pytest.raises(ValueError, match=rf"{network.__name__}: {parameter} must be at least 1, got 0"):
        network(**options)


@pytest.mark.parametrize("network", NETWORKS)
def test_the_gradient_reaches_every_parameter(network):
    model = build(network)
    model(images_of(32)).square().sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


@pytest.mark.parametrize("network", NETWORKS)
def test_memory_format_changes_no_number_and_evaluation_repeats(network):
    model, images = build(network).eval(), images_of(32)
    with torch.no_grad():
        logits, again = model(images), model(images)
        channels_last = model.to(memory_format=torch.channels_last)(images.to(memory_format=torch.channels_last))
    assert torch.equal(logits, again)
    torch.testing.assert_close(channels_last, logits, atol=1e-5, rtol=0)


@pytest.mark.parametrize("network", [AlexNet, LeNet, ResNet18, DenseNet121, ShuffleNetV2])
def test_in_place_activations_leave_the_images_alone(network):
    model, images = build(network), images_of(32)
    before = images.clone()
    model(images)
    assert torch.equal(images, before)


@pytest.mark.parametrize("network", [LeNet, AlexNet, MLP])
def test_every_layer_with_parameters_can_be_hooked_for_per_sample_gradients(network):
    model, hooked = build(network), []
    for layer in model.modules():
        if list(layer.parameters(recurse=False)):
            layer.register_full_backward_hook(lambda layer, *_: hooked.append(layer))
    model(images_of(32).requires_grad_()).sum().backward()
    assert len(hooked) == len(list(model.parameters())) / 2


@pytest.mark.parametrize("network", [LeNet, AlexNet])
def test_pooling_before_relu_gives_the_numbers_of_the_published_order(network):
    model, images = build(network).eval(), images_of(32)
    layers = list(model.features)
    for index, layer in enumerate(model.features):
        if isinstance(layer, nn.MaxPool2d):
            layers[index : index + 2] = [nn.ReLU(), layer]
    assert [type(layer) for layer in layers[:3]] == [nn.Conv2d, nn.ReLU, nn.MaxPool2d]
    assert torch.equal(model.features(images), nn.Sequential(*layers)(images))


def test_shuffling_interleaves_the_two_branches():
    unit = ShuffleNetV2(num_classes=2).eval().features[3]
    features = images_of(4, channels=116)
    with torch.no_grad():
        shuffled = unit(features)
        expected = nn.functional.channel_shuffle(torch.cat((features[:, :58], unit.branch(features[:, 58:])), 1), 2)
    assert torch.equal(shuffled, expected)


def test_mlp_without_hidden_layers_is_one_linear_map():
    model = build(MLP, hidden=(), in_channels=5, image_size=1)
    features = torch.randn(6, 5)
    linear = model.layers[-1]
    torch.testing.assert_close(model(features), features @ linear.weight.T + linear.bias)


def test_mlp_reads_features_as_it_reads_one_pixel_images():
    model = build(MLP, hidden=(4, 3), in_channels=5, image_size=1)
    features = torch.randn(6, 5)
    assert torch.equal(model(features), model(features[:, :, None, None]))
    assert count_parameters(model) == (5 * 4 + 4) + (4 * 3 + 3) + (3 * 7 + 7)


def test_mlp_refuses_an_empty_hidden_layer():
    with pytest.raises(ValueError, match=r"MLP: every width in hidden must be at least 1, got \(16, 0\)"):
        MLP(num_classes=10, hidden=(16, 0))


def test_importing_the_models_does_not_import_torchvision():
    command = "import sys, smoothkit.models; sys.exit('torchvision' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", command], check=False).returncode == 0
