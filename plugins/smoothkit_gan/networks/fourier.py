"""Random sine features: a network that is given them sees fine structure early."""

from math import log

import torch
from jaxtyping import Float
from torch import Tensor, nn

from smoothkit_gan.networks.initial import Generators, scaled_normal

Waves = Float[Tensor, "members inputs features"]


class SineFeatures(nn.Module):
    """[x, a sin(x W), a cos(x W)] with wave vectors W that are drawn once and not trained.

    Small networks learn slow changes of a function first; sines of x put fast ones within reach of the first layer
    (Tancik et al. 2020, arXiv 2006.10739). Angles are in radians. The amplitude of a wave, a = (|shortest| / |w|) to
    the power of `damping`, is smaller the faster it is: at equal amplitudes a discriminator tells every sample apart
    before its generator has moved.
    """

    waves: Tensor
    amplitudes: Tensor

    def __init__(self, waves: Waves, damping: float = 0.0):
        super().__init__()
        self.register_buffer("waves", waves)
        lengths = waves.norm(dim=1, keepdim=True)
        self.fade = 1.0
        """What the amplitudes are multiplied by now; set by the trainer at every step."""
        self.register_buffer("amplitudes", (lengths.amin(dim=2, keepdim=True) / lengths) ** damping)

    def forward(self, x: Float[Tensor, "members batch inputs"]) -> Float[Tensor, "members batch outputs"]:
        """(members, batch, inputs) to (members, batch, inputs + 2 features)."""
        # In half precision an angle of many radians is known to no more than a tenth of one.
        with torch.autocast(x.device.type, enabled=False):
            angles = torch.bmm(x.float(), self.waves)
            amplitudes = self.fade * self.amplitudes
        return torch.cat((x, amplitudes * angles.sin(), amplitudes * angles.cos()), dim=-1)


def log_uniform_waves(generators: Generators, inputs: int, features: int, low: float, high: float) -> Waves:
    """Wave vectors of uniform direction whose length is log-uniform from `low` to `high`: every scale alike."""
    directions = nn.functional.normalize(scaled_normal(generators, (inputs, features), 1.0), dim=1)
    uniform = torch.stack([torch.rand(1, features, generator=generator) for generator in generators])
    return directions * (log(low) + (log(high) - log(low)) * uniform).exp()


def normal_waves(generators: Generators, inputs: int, features: int, std: float) -> Waves:
    """Wave vectors with normal components of this standard deviation."""
    return scaled_normal(generators, (inputs, features), std)
