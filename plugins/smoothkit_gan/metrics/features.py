"""Small classifiers, trained in the run, whose features stand in for those of a large network.

Distances in such features rank generators on one set of images; they are no FID, and say nothing across sets. Each
net's name says what it is, and how well it classifies is printed with it.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Float, Float32, Int64
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import skip_init

from smoothkit.seeding import derived_generator
from smoothkit_gan.data.parts import Parts
from smoothkit_gan.data.stacked import StackedSet

SMALL = 16
"""Images below this side are classified by an MLP, others by convolutions."""

FEATURE_WIDTHS = (64, 32)
"""Hidden layers of an MLP that gives features."""
LABEL_WIDTHS = (256, 128)
"""Hidden layers of an MLP that gives labels: wider, as nothing but its accuracy counts."""
CHANNELS = (32, 64)
"""Of the two convolutions, each of which halves the image."""
CONV_FEATURES = 64

STEPS = 600
BATCH_SIZE = 64
LR, WEIGHT_DECAY = 3e-3, 1e-2
NOISE = 0.2
"""Standard deviation of the noise on training images, whose pixels are -1 to 1."""
CHUNK = 4096
"""Images that are passed through a net at a time."""

Samples = Float32[Tensor, "batch *shape"]


@dataclass(frozen=True, eq=False)
class FeatureNet:
    """A trained classifier of images in the model's space, pixels -1 to 1."""

    name: str
    """The data set, the kind of net and the number of its features, as in `digits-mlp32`."""
    body: nn.Module
    """From images to features: the last hidden layer before its ReLU, which would leave units that are always 0."""
    head: nn.Module
    """From features to logits."""

    @torch.no_grad()
    def features(self, images: Samples) -> Float32[Tensor, "batch dims"]:
        """The features of images (batch, *shape), as they are; `Scale` standardises them."""
        return torch.cat([self.body(chunk) for chunk in images.split(CHUNK)])

    @torch.no_grad()
    def probabilities(self, images: Samples) -> Float32[Tensor, "batch classes"]:
        """The probability of each class."""
        return self.head(self.features(images)).softmax(1)

    @property
    def fingerprint(self) -> str:
        """Eight hexadecimal digits that another training of the net will not have."""
        weights = [
            each.detach().cpu().numpy().tobytes() for part in (self.body, self.head) for each in part.parameters()
        ]
        return hashlib.sha256(b"".join(weights)).hexdigest()[:8]


@dataclass(frozen=True, eq=False)
class Scale:
    """Features standardised so that the reference has mean 0 and standard deviation 1 in each."""

    mean: Float[Tensor, " dims"]
    std: Float[Tensor, " dims"]

    @staticmethod
    def of(reference: Float[Tensor, "batch dims"]) -> "Scale":
        """The scale of these features; one that does not vary at all is only centred."""
        mean, std = reference.mean(0), reference.std(0)
        return Scale(mean, torch.where(std > 0, std, 1.0))

    def __call__(self, features: Float[Tensor, "batch dims"]) -> Float[Tensor, "batch dims"]:
        """Features on this scale."""
        return (features - self.mean) / self.std


def train_feature_net(
    data_name: str,
    images: Samples,
    labels: Int64[Tensor, " batch"],
    classes: int,
    generator: torch.Generator,
    widths: Sequence[int] = FEATURE_WIDTHS,
) -> FeatureNet:
    """A classifier of these images, on their device, which depends on them and on `generator` (on the CPU) alone.

    Images below 16 pixels: an MLP with hidden layers of these `widths`, ReLU between. Others: two convolutions of 4 x 4
    pixels and stride 2 and a linear layer. AdamW, 600 steps of 64 images with noise, the learning rate 0.003 falling
    to 0 along a cosine.

    It may be called where gradients are off; torch's default generator is left alone.
    """
    # Within inference mode no gradient could be switched on, and weights made there could never be trained.
    with torch.inference_mode(False), torch.enable_grad():
        kind, body, dims = _body(tuple(images.shape[1:]), widths)
        head = nn.Sequential(nn.ReLU(), skip_init(nn.Linear, dims, classes))
        net = nn.Sequential(body, head)
        _initialise(net, generator)
        net.to(images.device)
        _fit(net, images, labels, generator)
    net.eval().requires_grad_(False)
    return FeatureNet(f"{data_name}-{kind}{dims}", body, head)


def _fit(net: nn.Module, images: Samples, labels: Int64[Tensor, " batch"], generator: torch.Generator) -> None:
    optimizer = torch.optim.AdamW(net.parameters(), LR, weight_decay=WEIGHT_DECAY, fused=True)
    for step in range(STEPS):
        optimizer.param_groups[0]["lr"] = LR * (1 + math.cos(math.pi * step / STEPS)) / 2
        chosen = torch.randint(len(images), (BATCH_SIZE,), generator=generator).to(images.device)
        noise = NOISE * torch.randn(BATCH_SIZE, *images.shape[1:], generator=generator)
        loss = F.cross_entropy(net(images[chosen] + noise.to(images.device)), labels[chosen])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()


def train_feature_nets(
    parts: Parts, count: int, seed: int, widths: Sequence[int] = FEATURE_WIDTHS
) -> tuple[FeatureNet, ...]:
    """`count` nets of the part that is theirs, from streams of their own that `seed` starts."""
    labelled = parts.features
    images, classes = parts.to_model(labelled.images), int(labelled.labels.max()) + 1
    # Stacks are judged by nets of the single images.
    name = parts.data.base.name if isinstance(parts.data, StackedSet) else parts.data.name
    return tuple(
        train_feature_net(
            name, images, labelled.labels, classes, derived_generator(seed, "gan feature net", index), widths
        )
        for index in range(count)
    )


def accuracy(probabilities: Float[Tensor, "batch classes"], labels: Int64[Tensor, " batch"]) -> float:
    """The share of images whose most probable class is theirs."""
    return float((probabilities.argmax(1) == labels).double().mean())


def _body(shape: tuple[int, ...], widths: Sequence[int]) -> tuple[str, nn.Module, int]:
    """What kind of net it is, its layers up to the features, and how many these are."""
    channels, side = shape[0], shape[-1]
    if side < SMALL:
        sizes = (math.prod(shape), *widths)
        layers: list[nn.Module] = [nn.Flatten()]
        for inputs, outputs in pairwise(sizes):
            layers += [skip_init(nn.Linear, inputs, outputs), nn.ReLU()]
        return "mlp", nn.Sequential(*layers[:-1]), widths[-1]
    first, second = CHANNELS
    body = nn.Sequential(
        skip_init(nn.Conv2d, channels, first, kernel_size=4, stride=2, padding=1),
        nn.ReLU(),
        skip_init(nn.Conv2d, first, second, kernel_size=4, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        skip_init(nn.Linear, second * (shape[-2] // 4) * (side // 4), CONV_FEATURES),
    )
    return "conv", body, CONV_FEATURES


def _initialise(net: nn.Module, generator: torch.Generator) -> None:
    """Kaiming's normal law for weights, 0 for biases; torch's own start would read its default generator."""
    for layer in net.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)
