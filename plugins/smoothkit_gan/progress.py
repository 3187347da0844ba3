"""What is measured during training: how the game stands, and what the generator makes."""

import math
import statistics

import torch
from jaxtyping import Float
from torch import Tensor

from smoothkit.run import Run
from smoothkit_gan.config import GanConfig
from smoothkit_gan.diagnostics import distance_to_optimum, generator_gradients, of_discriminator, vanishing_share
from smoothkit_gan.losses import chances
from smoothkit_gan.metrics.modes import mode_statistics
from smoothkit_gan.pictures import pictures
from smoothkit_gan.sampling import draw, generator_of, judged, logits_of
from smoothkit_gan.trained import Trained

MOST_FIGURES = 20
"""Measurements during training that are kept as figures, beside the last one: each holds samples."""

Samples = Float[Tensor, "samples ..."]


def record_progress(config: GanConfig, run: Run, step: int, trained: Trained) -> None:
    """The state of the game and, where the density is known, the modes that the generator makes; sometimes pictures."""
    values = state_of_game(config, run, step, trained)
    if trained.parts.mixture is not None:
        samples = draw(config, run, generator_of(config, trained), config.evaluate.samples, "samples")
        values |= quality(trained, samples)
    run.record(step, "gan", values)
    if step % figures_every(config) == 0 or step == config.train.steps:
        run.record_figures(step, "gan", pictures(config, run, step, trained))


def figures_every(config: GanConfig) -> int:
    """Steps between two measurements that are kept as figures."""
    every = config.evaluate.every
    return every * math.ceil(config.train.steps / every / MOST_FIGURES)


def state_of_game(config: GanConfig, run: Run, step: int, trained: Trained) -> dict[str, float]:
    """What the discriminator says after `step` of real samples and of fakes of the last generator, and what it tells
    that one.

    `gradient` is the median norm of the gradient at a sample, `vanishing` the share of samples whose gradient is below
    a thousandth of its median over training so far. `d_error` is D's distance to the optimum, where that is known.
    """
    loss = config.train.loss
    real, fakes = judged(config, run, trained)
    on_real, on_fake = (logits_of(run, trained, side, config.discriminator.packing) for side in (real, fakes))
    values = of_discriminator(loss, trained.levels, on_real, on_fake)
    norms = generator_gradients(loss, trained, real[None].to(run.device), fakes[None].to(run.device)).cpu()
    gradient = norms.median().item()
    before = [value for at, value in run.history("gan/gradient") if at < step]
    values |= {"gradient": gradient, "vanishing": vanishing_share(norms, statistics.median([*before, gradient]))}
    if knows_optimum(config, trained):
        values["d_error"] = _error(trained, real, fakes, chances(loss, torch.cat([on_real, on_fake])))
    return values


def knows_optimum(config: GanConfig, trained: Trained) -> bool:
    """Whether the best discriminator has a formula here: D is the probability that one sample is real, the loss a
    cross-entropy or a square to it, and the data's density known."""
    return (
        trained.parts.mixture is not None
        and config.discriminator.packing == 1
        and trained.target.family == "matrix"
        and config.train.loss in ("non-saturating", "saturating", "least-squares")
    )


def _error(trained: Trained, real: Samples, fakes: Samples, says: Float[Tensor, " judgements"] | None) -> float:
    """D's distance to the optimum, of samples in the model's space."""
    parts = trained.parts
    assert parts.mixture is not None
    assert trained.levels is not None
    assert says is not None
    return distance_to_optimum(trained.levels, parts.mixture, parts.from_model(real), parts.from_model(fakes), says)


def quality(trained: Trained, samples: Samples) -> dict[str, float]:
    """What samples of a known density are worth, by name."""
    assert trained.parts.mixture is not None
    found = mode_statistics(trained.parts.from_model(samples), trained.parts.mixture)
    return {
        "modes": float(found.modes),
        "modes_20": float(found.modes_20),
        "high_quality": found.high_quality,
        "reverse_kl": found.reverse_kl,
        "spread": found.spread,
    }
