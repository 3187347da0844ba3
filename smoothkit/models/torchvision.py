"""Torchvision's classification models for 224x224 images, from scratch or pretrained."""

import pickle
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import urlparse

import torch
from jaxtyping import Float
from torch import Tensor, nn

from smoothkit.errors import DataError, nearest
from smoothkit.models.input_shape import require_input_shape

if TYPE_CHECKING:
    from torchvision.models import WeightsEnum

# These two have auxiliary heads, whose outputs no trainer here reads, and warn unless told how to initialise.
ARCHITECTURES_WITH_AUXILIARY_HEADS = ("googlenet", "inception_v3")


class Torchvision(nn.Module):
    """Any classification model of torchvision, for 224x224 RGB images, from scratch or pretrained.

    `arch` is a name as torchvision.models.list_models(module=torchvision.models) gives it: resnet50, vit_b_16, ...
    `weights` is None for a random start, "DEFAULT" for the newest pretrained weights, or a name such as
    "IMAGENET1K_V1". The last layer has num_classes outputs: from scratch it starts as the architecture prescribes, on
    pretrained weights as PyTorch initialises it by default. Auxiliary heads are removed.

    Raises ValueError for an unknown arch or weights (the nearest name is offered), for weights made for larger images,
    for image_size other than 224 and for in_channels other than 3; DataError, naming the file expected, where the
    weights can neither be read from torch's cache nor downloaded.
    """

    required_size: ClassVar[int | None] = 224

    def __init__(
        self,
        *,
        num_classes: int,
        in_channels: int = 3,
        image_size: int = 224,
        arch: str = "resnet18",
        weights: str | None = None,
    ):
        super().__init__()
        require_input_shape(
            "Torchvision",
            num_classes=num_classes,
            in_channels=in_channels,
            image_size=image_size,
            required_size=self.required_size,
        )
        if in_channels != 3:
            raise ValueError(
                f"Torchvision: in_channels must be 3, got {in_channels}; "
                "the stems of these networks read RGB: convert the images, or choose a model that takes any channels"
            )
        _require_architecture(arch)
        if weights is None:
            self.network = _from_scratch(arch, num_classes)
        else:
            self.network = _pretrained(arch, _find_weights(arch, weights, image_size))
            _rebuild_head(self.network, num_classes)
        _remove_auxiliary_heads(self.network)

    def forward(self, images: Float[Tensor, "batch 3 224 224"]) -> Float[Tensor, "batch classes"]:
        """The logits of a batch of images."""
        return self.network(images)


def _require_architecture(arch: str) -> None:
    # Torchvision is imported where it is used: it costs a second, and a broken installation of it must not take the
    # other models along.
    import torchvision

    known = torchvision.models.list_models(module=torchvision.models)
    if arch not in known:
        raise ValueError(
            f"Torchvision: arch {arch!r} is not a classification model of torchvision; {nearest(arch, known)}"
        )


def _find_weights(arch: str, name: str, image_size: int) -> "WeightsEnum":
    from torchvision.models import get_model_weights

    choices = get_model_weights(arch).__members__
    if name not in choices:
        raise ValueError(f"Torchvision: weights {name!r} do not exist for {arch}; {nearest(name, choices)}")
    smallest_sizes = {key: max(entry.meta["min_size"]) for key, entry in choices.items()}
    if smallest_sizes[name] > image_size:
        fitting = sorted(key for key, size in smallest_sizes.items() if size <= image_size)
        raise ValueError(
            f"Torchvision: weights {name!r} of {arch} need images of at least {smallest_sizes[name]} pixels a side, "
            f"got {image_size}; weights that fit: {', '.join(fitting) or 'none'}"
        )
    return choices[name]


def _from_scratch(arch: str, num_classes: int) -> nn.Module:
    from torchvision.models import get_model

    options = {"init_weights": True} if arch in ARCHITECTURES_WITH_AUXILIARY_HEADS else {}
    return get_model(arch, num_classes=num_classes, **options)


def _pretrained(arch: str, weights: "WeightsEnum") -> nn.Module:
    from torchvision.models import get_model

    try:
        return get_model(arch, weights=weights)
    except (OSError, EOFError, RuntimeError, pickle.UnpicklingError) as error:
        # A failed download is an OSError; a wrong hash, a truncated file or a foreign state_dict is one of the others.
        file = Path(torch.hub.get_dir()) / "checkpoints" / Path(urlparse(weights.url).path).name
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise DataError(
            f"Torchvision: weights {weights.name!r} of {arch} cannot be read ({reason}); "
            f"download {weights.url} and put it in the cache folder as {file}"
        ) from error


def _rebuild_head(network: nn.Module, num_classes: int) -> None:
    """Replace the layer that makes the logits: the last linear one, or SqueezeNet's last convolution."""
    layers = [(name, layer) for name, layer in network.named_modules() if isinstance(layer, nn.Linear | nn.Conv2d)]
    name, head = layers[-1]
    bias = head.bias is not None
    if isinstance(head, nn.Linear):
        rebuilt = nn.Linear(head.in_features, num_classes, bias=bias)
    else:
        rebuilt = nn.Conv2d(head.in_channels, num_classes, kernel_size=1, bias=bias)
    network.set_submodule(name, rebuilt)


def _remove_auxiliary_heads(network: nn.Module) -> None:
    from torchvision.models import GoogLeNet, Inception3

    if isinstance(network, GoogLeNet | Inception3):
        network.aux_logits = False
        for name in [name for name, _ in network.named_children() if name.lower().startswith("aux")]:
            setattr(network, name, None)
