"""What the two networks minimise, for each member: functions of the discriminator's logits z.

σ is the logistic function; (real, fake, g) are the levels of `smoothkit_gan.trained.Levels`, probabilities of "real". A
mean is over the batch, E_r over real samples, E_f over fakes.

| loss | discriminator | generator |
|---|---|---|
| non-saturating | E_r CE(real, σ(z)) + E_f CE(fake, σ(z)) | E_f CE(g, σ(z)) |
| saturating | the same | - E_f CE(fake, σ(z)) |
| least-squares | E_r (z - real)² / 2 + E_f (z - fake)² / 2 | E_f (z - g)² / 2 |
| hinge | E_r max(0, 1 - z) + E_f max(0, 1 + z) | - E_f z |
| relativistic | E CE(real, σ(z_r - z_f)) | E CE(g, σ(z_f - z_r)) |

CE(t, p) = -t log p - (1 - t) log(1 - p). The discriminator's is that of its target, a two-class target of the core
whose label 0 is fake and 1 real, on the logits (0, z). A relativistic discriminator judges pairs, the i-th real sample
beside the i-th fake.

Sources: Goodfellow et al. 2014 (the first two); Mao et al. 2017; Lim and Ye 2017 and Miyato et al. 2018 (hinge);
Jolicoeur-Martineau 2018 and Huang et al. 2024 (relativistic pairs).
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from smoothkit.targets import Target
from smoothkit_gan.trained import Levels

Logits = Float[Tensor, "members batch"]
PerMember = Float[Tensor, " members"]
FAKE, REAL = 0, 1
LOGISTIC = ("non-saturating", "saturating")


def discriminator_loss(
    loss: str, target: Target, real_logits: Logits, fake_logits: Float[Tensor, "members fakes"]
) -> PerMember:
    """The discriminator's loss of each member, as the table of this module has it; pairs need equally many of both."""
    if loss in LOGISTIC:
        labels = torch.tensor([REAL, FAKE], device=real_logits.device)
        sizes = torch.tensor([real_logits.shape[1], fake_logits.shape[1]], device=real_logits.device)
        labels = labels.repeat_interleave(sizes, output_size=real_logits.shape[1] + fake_logits.shape[1])
        losses = _cross_entropy(target, torch.cat((real_logits, fake_logits), 1), labels)
        on_real, on_fake = losses.tensor_split([real_logits.shape[1]], dim=1)
        return on_real.mean(1) + on_fake.mean(1)
    if loss == "least-squares":
        fake, real = target.distribution(torch.tensor([FAKE, REAL], device=real_logits.device))[:, REAL]
        return ((real_logits - real).square().mean(1) + (fake_logits - fake).square().mean(1)) / 2
    if loss == "hinge":
        return F.relu(1 - real_logits).mean(1) + F.relu(1 + fake_logits).mean(1)
    labels = torch.tensor([REAL], device=real_logits.device).expand(real_logits.shape[1])
    return _cross_entropy(target, real_logits - fake_logits, labels).mean(1)


def generator_loss(
    loss: str, target: Target, levels: Levels | None, fake_logits: Logits, real_logits: Logits | None = None
) -> PerMember:
    """The generator's loss of each member; `real_logits` are for pairs, `levels` for all but the hinge."""
    if loss == "hinge":
        return -fake_logits.mean(1)
    if loss == "saturating":
        labels = torch.tensor([FAKE], device=fake_logits.device).expand(fake_logits.shape[1])
        return -_cross_entropy(target, fake_logits, labels).mean(1)
    assert levels is not None, f"{loss} has levels"
    if loss == "least-squares":
        return (fake_logits - levels.generator).square().mean(1) / 2
    if loss == "relativistic":
        assert real_logits is not None, "a pair has a real sample"
        fake_logits = fake_logits - real_logits
    return _logistic(levels.generator, fake_logits).mean(1)


def chances(loss: str, logits: Float[Tensor, "*any"]) -> Float[Tensor, "*any"] | None:
    """What the discriminator says as a probability of "real"; None where the loss gives its logit no such meaning.

    That is σ(z) for the first two losses, z itself for least squares. A relativistic discriminator only compares, and a
    hinge knows no probabilities.
    """
    if loss in LOGISTIC:
        return logits.sigmoid()
    return logits if loss == "least-squares" else None


def least_discriminator_loss(loss: str, levels: Levels | None) -> float:
    """What no discriminator's loss is below, so that losses of different targets are comparable in excess of it.

    The entropy of the labels in nats, H(real) + H(fake); of pairs H(real); 0 for squares and hinges.

    >>> round(least_discriminator_loss("non-saturating", Levels(real=0.9, fake=0.0, generator=1.0)), 4)
    0.3251
    """
    if levels is None or loss == "least-squares":
        return 0.0
    sides = (levels.real,) if loss == "relativistic" else (levels.real, levels.fake)
    return -sum(share * math.log(share) for level in sides for share in (level, 1 - level) if share > 0)


def two_logits(logits: Float[Tensor, "members batch"]) -> Float[Tensor, "members 2 batch"]:
    """The logits (0, z) of "fake" and "real", as a target of the core takes them."""
    return torch.stack((torch.zeros_like(logits), logits), dim=1)


def _cross_entropy(target: Target, logits: Logits, labels: Tensor) -> Logits:
    """That of the two-class target on the logits (0, z); `labels` are one row that all members share."""
    return target(two_logits(logits), labels.expand(logits.shape), reduction="none")


def _logistic(level: float, logits: Logits) -> Logits:
    """CE(level, σ(z)), exact in both tails; without a level of 0 or 1, its term would be computed for nothing."""
    wanted = level * F.softplus(-logits)
    return wanted if level == 1 else wanted + (1 - level) * F.softplus(logits)
