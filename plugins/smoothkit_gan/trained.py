"""What training leaves of one member for its evaluation."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from jaxtyping import Shaped
from torch import Tensor, nn

from smoothkit.targets import Target
from smoothkit_gan.data.parts import Parts


@dataclass(frozen=True)
class Levels:
    """Probabilities of "real": what each network is to say, or to make the other say."""

    real: float
    """The discriminator, of real samples: its ceiling where no fakes are."""
    fake: float
    """The discriminator, of fakes."""
    generator: float
    """What the generator wants the discriminator to say of its samples."""

    @property
    def equilibrium(self) -> float:
        """What an optimal discriminator says where both densities agree; the threshold of its accuracy.

        >>> Levels(real=0.9, fake=0.0, generator=1.0).equilibrium
        0.45
        """
        return (self.real + self.fake) / 2


@dataclass(frozen=True)
class Trained:
    """One member: its networks take and give tensors whose first axis is the member's, of length 1.

    A generator takes latent vectors (1, n, latent) and gives samples in the model's space (1, n, *shape); the
    discriminator takes these and gives logits (1, n / packing). They are in evaluation mode.
    """

    generator: nn.Module
    """With its weights after the last step."""
    average: nn.Module | None
    """With the average of its weights, if one was kept."""
    discriminator: nn.Module
    target: Target
    levels: Levels | None
    """None for the hinge loss, which has no target."""
    parts: Parts
    earlier: Mapping[int, Shaped[Tensor, "samples ..."]] = field(default_factory=dict)
    """What its generator made of the same latent vectors after a few earlier steps; see `smoothkit_gan.snapshots`."""
