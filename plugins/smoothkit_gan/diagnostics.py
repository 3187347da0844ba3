"""What a discriminator says, and what it tells its generator: the health of a game at one moment."""

import math

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from smoothkit_gan.data.mixtures import Mixture
from smoothkit_gan.losses import chances, generator_loss
from smoothkit_gan.trained import Levels, Trained

TOLERANCE = 0.02
"""How far a probability may stray from its place before a ceiling counts as broken or an equilibrium as missed: of 25
runs on the ring, the two that strayed further were the two that starved a mode."""

VANISHING = 1e-3
"""A sample's gradient vanishes where it is at most this share of the typical one."""

BANDWIDTH = 0.5
"""Of the kernel that makes a density of the generator's samples, in standard deviations of a mode."""


def of_discriminator(
    loss: str, levels: Levels | None, real: Float[Tensor, " real"], fake: Float[Tensor, " fakes"]
) -> dict[str, float]:
    """What the logits of real samples and of fakes say; pairs need equally many of both.

    - `largest_real_logit` and `smallest_fake_logit`.
    - `d_real` and `d_fake`: mean probability of "real"; with `_p5`, `_p50` and `_p95` its quantiles. A relativistic
      discriminator says `d_pair` instead: that the real sample of a pair is the real one.
    - `equilibrium_gap`: how far `d_real`, or `d_pair`, is from what it is where both densities agree and D is optimal.
    - `d_accuracy`: the mean over real samples and fakes of being on the right side of that value, not of 1/2; or the
      share of pairs in the right order, of which a tie is half a one.
    - `above_ceiling`: the share of real samples, or pairs, that D calls real by 0.02 more than an optimal D ever does.

    The hinge loss leaves the logits alone.
    """
    found = {"largest_real_logit": real.max().item(), "smallest_fake_logit": fake.min().item()}
    if levels is None:
        return found
    real, fake = real.double(), fake.double()
    if loss == "relativistic":
        sides = {"d_pair": (real - fake).sigmoid()}
        right = ((real > fake).double() + (real >= fake).double()).mean() / 2
    else:
        on_real, on_fake = chances(loss, real), chances(loss, fake)
        assert on_real is not None, f"{loss} has probabilities"
        assert on_fake is not None, f"{loss} has probabilities"
        sides = {"d_real": on_real, "d_fake": on_fake}
        threshold = levels.equilibrium
        right = ((on_real > threshold).double().mean() + (on_fake <= threshold).double().mean()) / 2
    for name, values in sides.items():
        found[name] = values.mean().item()
        quantiles = values.quantile(values.new_tensor([0.05, 0.5, 0.95])).tolist()
        found |= {f"{name}_{share}": each for share, each in zip(("p5", "p50", "p95"), quantiles, strict=True)}
    on_real = next(iter(sides.values()))
    return {
        **found,
        "equilibrium_gap": abs(on_real.mean().item() - levels.equilibrium),
        "d_accuracy": right.item(),
        "above_ceiling": (on_real > levels.real + TOLERANCE).double().mean().item(),
    }


def generator_gradients(
    loss: str, trained: Trained, real: Float[Tensor, "1 batch ..."], fakes: Float[Tensor, "1 batch ..."]
) -> Float64[Tensor, " batch"]:
    """At each of the generator's samples, the norm of the gradient of its own loss: what each one is told.

    Samples that are judged side by side, by a packing discriminator, share a loss; each has its own gradient.
    """
    inputs = fakes.detach().requires_grad_()
    with torch.no_grad():
        real_logits = trained.discriminator(real)
    fake_logits = trained.discriminator(inputs)
    # The loss is a mean over judgements; their sum has the gradient of each sample's own.
    total = generator_loss(loss, trained.target, trained.levels, fake_logits, real_logits).sum() * fake_logits.shape[1]
    (gradient,) = torch.autograd.grad(total, inputs)
    return gradient[0].flatten(1).double().norm(dim=1)


def vanishing_share(norms: Float64[Tensor, " batch"], typical: float) -> float:
    """The share of samples that are told next to nothing, against a `typical` gradient; all, where none is told any."""
    return (norms <= VANISHING * typical).double().mean().item()


def distance_to_optimum(
    levels: Levels,
    mixture: Mixture,
    real: Float[Tensor, "real dims"],
    fakes: Float[Tensor, "fakes dims"],
    says: Float[Tensor, " judgements"],
) -> float:
    """Mean |D - D*| over real samples and then fakes, where D `says` this and the data's density is known.

    D* = (real p + fake q) / (p + q) of both densities seen through a Gaussian kernel half as wide as a mode: the data's
    p is then a mixture of wider modes, and q the kernel estimate from the fakes, each left out of its own. That keeps
    the distance above 0 for the best D too: finite numbers make noise, and the kernel hides what is narrower.
    """
    points = torch.cat([real, fakes]).double()
    width = BANDWIDTH * mixture.std
    data = mixture.widened(width).log_density(points)
    model = kernel_log_density(points, fakes.double(), width, itself=len(real))
    share = torch.sigmoid(data - model)
    optimum = levels.real * share + levels.fake * (1 - share)
    return (says.double() - optimum).abs().mean().item()


def kernel_log_density(
    points: Float64[Tensor, "points dims"], centres: Float64[Tensor, "centres dims"], width: float, itself: int
) -> Float64[Tensor, " points"]:
    """Log of the mean of Gaussian kernels at `centres`; from point `itself` on, points are the centres in their order,
    and each is left out of its own mean."""
    exponents = torch.cdist(points, centres).square_().div_(-2 * width**2)
    exponents[itself:].fill_diagonal_(-torch.inf)
    others = torch.full((len(points),), float(len(centres)), dtype=torch.float64)
    others[itself:] -= 1
    return exponents.logsumexp(1) - others.log() - points.shape[1] * math.log(width * math.sqrt(2 * math.pi))
