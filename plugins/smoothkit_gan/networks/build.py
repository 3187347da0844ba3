"""The two networks that a scenario file asks for."""

from itertools import pairwise
from math import prod

from jaxtyping import Float
from torch import Tensor, nn

from smoothkit.errors import UserError
from smoothkit_gan.config import DiscriminatorConfig, GeneratorConfig
from smoothkit_gan.networks.fourier import SineFeatures, log_uniform_waves, normal_waves
from smoothkit_gan.networks.initial import GAINS, Generators
from smoothkit_gan.networks.layers import StackedBatchNorm, StackedConv2d, StackedConvTranspose2d, StackedLinear
from smoothkit_gan.networks.spectral import normalise_spectrally

Samples = Float[Tensor, "members batch ..."]
DOUBLING = {"kernel": 4, "stride": 2, "padding": 1}
"""Of every convolution: it halves the sides of a map, and the transposed one doubles them (Radford et al. 2016)."""


class Generator(nn.Module):
    """From latent vectors to samples in the model's space: points as they come, images through tanh."""

    def __init__(self, features: nn.Module, body: nn.Module, shape: tuple[int, ...]):
        super().__init__()
        self.features, self.body, self.shape = features, body, shape

    def forward(self, latent: Float[Tensor, "members batch latent"]) -> Samples:
        """(members, n, latent) to (members, n, *shape)."""
        samples = self.body(self.features(latent)).unflatten(2, self.shape)
        return samples.tanh() if len(self.shape) == 3 else samples


class Discriminator(nn.Module):
    """From samples to logits of "real", one for each `packing` samples that stand side by side.

    Packed samples follow each other in the batch; what the first layer gets of them are more features, or channels.
    """

    def __init__(self, features: nn.Module, body: nn.Module, packing: int):
        super().__init__()
        self.features, self.body, self.packing = features, body, packing

    def forward(self, samples: Samples) -> Float[Tensor, "members packs"]:
        """(members, n, *shape) to (members, n / packing)."""
        packs = self.features(samples).unflatten(1, (-1, self.packing)).flatten(2, 3)
        return self.body(packs).squeeze(2)


def build_generator(config: GeneratorConfig, shape: tuple[int, ...], generators: Generators) -> Generator:
    """A generator of samples of this shape, of one member for each random generator, in training mode.

    Raises:
        UserError: it is convolutional, and the shape is no image or no multiple of 2 as often as it doubles.
    """
    waves = normal_waves(generators, config.latent, config.fourier, config.frequency)
    features = SineFeatures(waves) if config.fourier else nn.Identity()
    inputs, members = config.latent + 2 * config.fourier, len(generators)
    if config.name == "mlp":
        layers, last = _mlp(inputs, config, generators), config.hidden[-1]
        return Generator(features, nn.Sequential(*layers, StackedLinear(last, prod(shape), generators)), shape)
    channels, *sides = _smallest_map(shape, len(config.hidden), "generator")
    gain = GAINS[config.activation]
    widths = (*config.hidden, channels)
    layers: list[nn.Module] = [
        StackedLinear(inputs, widths[0] * prod(sides), generators, gain),
        nn.Unflatten(2, (widths[0], *sides)),
    ]
    for index, (width, wider) in enumerate(pairwise(widths)):
        layers += _after(config, width, members)
        is_last = index == len(config.hidden) - 1
        after = GAINS["linear"] if is_last else gain
        layers.append(StackedConvTranspose2d(width, wider, **DOUBLING, generators=generators, gain=after))
    return Generator(features, nn.Sequential(*layers, nn.Flatten(2)), shape)


def build_discriminator(config: DiscriminatorConfig, shape: tuple[int, ...], generators: Generators) -> Discriminator:
    """A discriminator of samples of this shape, of one member for each random generator, in training mode.

    Raises:
        UserError: it is convolutional, and the shape is no image or cannot be halved so often, or it has sine features.
    """
    if config.name == "mlp":
        features = nn.Sequential(nn.Flatten(2))
        inputs = prod(shape)
        if config.fourier:
            waves = log_uniform_waves(generators, inputs, config.fourier, *config.frequency)
            features.append(SineFeatures(waves, config.damping))
        inputs = (inputs + 2 * config.fourier) * config.packing
        layers, last = _mlp(inputs, config, generators), config.hidden[-1]
    else:
        channels, *sides = _smallest_map(shape, len(config.hidden), "discriminator")
        if config.fourier:
            raise UserError(
                f"discriminator.fourier is {config.fourier}; sine features are for name = 'mlp': leave them out"
            )
        features, layers, width = nn.Identity(), [], channels * config.packing
        for hidden in config.hidden:
            gain = GAINS[config.activation]
            layers.append(StackedConv2d(width, hidden, **DOUBLING, generators=generators, gain=gain))
            layers += _after(config, hidden, len(generators))
            width = hidden
        layers.append(nn.Flatten(2))
        last = width * prod(sides)
    network = Discriminator(features, nn.Sequential(*layers, StackedLinear(last, 1, generators)), config.packing)
    if config.spectral_norm:
        normalise_spectrally(network, generators)
    return network


def _mlp(inputs: int, config: GeneratorConfig | DiscriminatorConfig, generators: Generators) -> list[nn.Module]:
    """The hidden layers."""
    layers: list[nn.Module] = []
    for width in config.hidden:
        layers.append(StackedLinear(inputs, width, generators, GAINS[config.activation]))
        layers += _after(config, width, len(generators))
        inputs = width
    return layers


def _after(config: GeneratorConfig | DiscriminatorConfig, width: int, members: int) -> list[nn.Module]:
    """What follows a hidden layer."""
    normal = [StackedBatchNorm(width, members)] if isinstance(config, GeneratorConfig) and config.batch_norm else []
    activation = {"relu": nn.ReLU(), "leaky-relu": nn.LeakyReLU(0.2), "silu": nn.SiLU()}[config.activation]
    return [*normal, activation]


def _smallest_map(shape: tuple[int, ...], doublings: int, table: str) -> tuple[int, int, int]:
    """Channels, height and width of the map that images of this shape are doubled from so often."""
    if len(shape) != 3:
        raise UserError(f"{table}.name is 'conv'; samples are points of {shape[0]} coordinates, not images: use 'mlp'")
    channels, height, width = shape
    factor = 2**doublings
    if height % factor or width % factor:
        raise UserError(
            f"{table}.hidden has {doublings} widths, for sides that double {doublings} times; images of {height} x "
            f"{width} pixels are no multiple of {factor}: give fewer"
        )
    return channels, height // factor, width // factor
