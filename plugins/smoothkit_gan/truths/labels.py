"""The smoothed labels that truths are about, by name, and the best discriminator of each in closed form."""

from typing import NamedTuple

import torch
from jaxtyping import Float64
from torch import Tensor

from smoothkit.targets import Binary

EXAMPLE = 0.1
"""The alpha of pictures."""


class Labels(NamedTuple):
    """Probabilities of "real" that a discriminator is to give."""

    real: float
    """To real samples."""
    fake: float = 0.0
    """To fakes."""

    @property
    def equilibrium(self) -> float:
        """What the best discriminator gives where both densities agree."""
        return (self.real + self.fake) / 2

    def target(self) -> Binary:
        """The core's target of these labels."""
        return Binary(real=self.real, fake=self.fake)


NONE, TWO_SIDED = "none", "two-sided 0.1"
LABELS: dict[str, Labels] = {
    NONE: Labels(1.0),
    "one-sided 0.1": Labels(0.9),
    "one-sided 0.25": Labels(0.75),
    TWO_SIDED: Labels(0.9, 0.1),
    "two-sided 0.25": Labels(0.75, 0.25),
}
ONE_SIDED = ("one-sided 0.1", "one-sided 0.25")
SHOWN = (NONE, ONE_SIDED[0], TWO_SIDED)
"""The labels of pictures, all with `EXAMPLE`."""


def optimal_logit(labels: Labels, log_ratio: Float64[Tensor, " places"]) -> Float64[Tensor, " places"]:
    """The logit of the best discriminator where p_data / p_model has this logarithm.

    D* = (real r + fake) / (r + 1), so that the logit is log(real r + fake) - log((1 - real) r + 1 - fake).
    """
    log_real, log_fake, log_not_real, log_not_fake = (
        log_ratio.new_tensor([labels.real, labels.fake, 1 - labels.real, 1 - labels.fake]).log().unbind()
    )
    return torch.logaddexp(log_real + log_ratio, log_fake) - torch.logaddexp(log_not_real + log_ratio, log_not_fake)
