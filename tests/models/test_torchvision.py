"""Torchvision's models: heads rebuilt for the task, weights found or refused, downloads that fail."""

import re
from pathlib import Path
from urllib.error import URLError

import pytest
import torch
from torch import nn
from torchvision.models import alexnet, get_model_weights, inception_v3, resnet18, squeezenet1_1

from smoothkit.errors import DataError
from smoothkit.models import Torchvision

# Parameters of the 224-pixel networks of LS++ (Chhabra et al., BMVC 2024), for 10 and 100 classes.
PARAMETERS = {
    "resnet18": (11_181_642, 11_227_812),
    "resnet34": (21_289_802, 21_335_972),
    "resnet50": (23_528_522, 23_712_932),
    "resnet101": (42_520_650, 42_705_060),
    "resnet152": (58_164_298, 58_348_708),
}

# One of each family; the RegNets cannot be built on the meta device.
ARCHITECTURES = [
    "alexnet",
    "convnext_tiny",
    "densenet121",
    "efficientnet_b0",
    "efficientnet_v2_s",
    "googlenet",
    "inception_v3",
    "maxvit_t",
    "mnasnet0_5",
    "mobilenet_v2",
    "mobilenet_v3_small",
    "resnext50_32x4d",
    "shufflenet_v2_x0_5",
    "squeezenet1_1",
    "swin_t",
    "swin_v2_t",
    "vgg11",
    "vit_b_32",
    "wide_resnet50_2",
]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of torch.hub, on a machine without a network."""

    def fail(*_, **__):
        raise URLError("no network")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", fail)
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


def put_in_cache(cache: Path, arch: str, model: nn.Module) -> None:
    url = get_model_weights(arch).DEFAULT.url
    torch.save(model.state_dict(), cache / url.rsplit("/", 1)[1])


@pytest.mark.parametrize("arch", PARAMETERS)
def test_parameter_counts_are_those_of_the_paper(arch):
    with torch.device("meta"):
        counts = tuple(
            sum(parameter.numel() for parameter in Torchvision(num_classes=classes, arch=arch).parameters())
            for classes in (10, 100)
        )
    assert counts == PARAMETERS[arch]


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_every_family_gives_plain_logits_in_training(arch):
    with torch.device("meta"):
        model = Torchvision(num_classes=7, arch=arch)
    assert model.train()(torch.empty(2, 3, 224, 224, device="meta")).shape == (2, 7)


@pytest.mark.parametrize("arch", ["googlenet", "regnet_y_400mf"])
def test_the_gradient_reaches_every_parameter(arch):
    model = Torchvision(num_classes=7, arch=arch)
    model(torch.randn(2, 3, 224, 224)).square().sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_pretrained_weights_are_kept_below_a_new_head(cache):
    source = resnet18()
    put_in_cache(cache, "resnet18", source)
    model = Torchvision(num_classes=7, arch="resnet18", weights="DEFAULT").eval()
    assert model.network.fc.weight.shape == (7, 512)
    source.fc = nn.Identity()
    model.network.fc = nn.Identity()
    images = torch.randn(2, 3, 224, 224)
    with torch.no_grad():
        assert torch.equal(model(images), source.eval()(images))


def test_a_pretrained_head_that_is_a_convolution_is_rebuilt(cache):
    put_in_cache(cache, "squeezenet1_1", squeezenet1_1())
    model = Torchvision(num_classes=7, arch="squeezenet1_1", weights="IMAGENET1K_V1")
    assert model(torch.randn(1, 3, 224, 224)).shape == (1, 7)


def test_pretrained_auxiliary_heads_are_removed(cache):
    put_in_cache(cache, "inception_v3", inception_v3(init_weights=False))
    model = Torchvision(num_classes=7, arch="inception_v3", weights="DEFAULT")
    assert model.train()(torch.randn(2, 3, 224, 224)).shape == (2, 7)
    assert not [name for name, _ in model.named_parameters() if "Aux" in name]


def test_a_failed_download_names_the_folder_and_the_file(cache):
    file = rf"{re.escape(str(cache))}/resnet18-[0-9a-f]+\.pth"
    with pytest.raises(DataError, match=rf"weights 'IMAGENET1K_V1' of resnet18 cannot be read .*no network.*{file}$"):
        Torchvision(num_classes=7, arch="resnet18", weights="DEFAULT")


@pytest.mark.parametrize("content", [b"", b"half of a file", b"PK\x03\x04 truncated"])
def test_a_damaged_file_in_the_cache_is_named(cache, content):
    url = get_model_weights("resnet18").DEFAULT.url
    (cache / url.rsplit("/", 1)[1]).write_bytes(content)
    with pytest.raises(DataError, match=re.escape(str(cache))):
        Torchvision(num_classes=7, arch="resnet18", weights="DEFAULT")


def test_the_weights_of_another_network_are_refused(cache):
    url = get_model_weights("resnet18").DEFAULT.url
    torch.save(alexnet(num_classes=10).state_dict(), cache / url.rsplit("/", 1)[1])
    with pytest.raises(DataError, match=r"resnet18 cannot be read .*state_dict"):
        Torchvision(num_classes=7, arch="resnet18", weights="DEFAULT")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"arch": "resnet19"}, r"arch 'resnet19' is not .*; did you mean 'resnet1"),
        (
            {"weights": "IMAGENET1K_V9"},
            r"weights 'IMAGENET1K_V9' do not exist for resnet18; did you mean 'IMAGENET1K_V1'",
        ),
        (
            {"arch": "vit_h_14", "weights": "DEFAULT"},
            r"at least 518 pixels a side, got 224; .*IMAGENET1K_SWAG_LINEAR_V1",
        ),
        ({"in_channels": 1}, r"in_channels must be 3, got 1"),
        ({"image_size": 32}, r"image_size must be 224, got 32"),
        ({"num_classes": 0}, r"num_classes must be at least 1, got 0"),
    ],
)
def test_what_cannot_be_built_is_refused_with_the_mend(options, message):
    with pytest.raises(ValueError, match=message):
        Torchvision(**{"num_classes": 7, **options})
