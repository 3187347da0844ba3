"""Samples of a trained generator, for measurements: from streams of their own, so that training never notices."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from smoothkit.run import Run
from smoothkit.seeding import derived_generator
from smoothkit_gan.config import GanConfig
from smoothkit_gan.trained import Trained

MOST_AT_ONCE = 4096

JUDGED = 2000
"""Real samples, and fakes, that a discriminator is asked about."""

Samples = Float[Tensor, "samples ..."]


def generator_of(config: GanConfig, trained: Trained) -> nn.Module:
    """The generator that the headline is of: the average of its weights, if one was kept and is asked for."""
    if config.evaluate.generator != "last" and trained.average is not None:
        return trained.average
    return trained.generator


@torch.no_grad()
def draw(config: GanConfig, run: Run, generator: nn.Module, count: int, purpose: str) -> Samples:
    """`count` samples in the model's space, on the CPU: those of the run's seed and of the `purpose`, at every step."""
    source = derived_generator(run.seed, f"gan {purpose}")
    parts = []
    for start in range(0, count, MOST_AT_ONCE):
        size = min(MOST_AT_ONCE, count - start)
        latent = torch.randn(1, size, config.generator.latent, generator=source).to(run.device)
        with run.autocast():
            parts.append(generator(latent)[0].float().cpu())
    return torch.cat(parts)


def judged(config: GanConfig, run: Run, trained: Trained) -> tuple[Samples, Samples]:
    """Samples that the GAN trains on, with replacement, and fakes of the last generator, which the discriminator was
    trained against: the same at every step, whole packs of them, in the model's space and on the CPU."""
    packing = config.discriminator.packing
    count = JUDGED // packing * packing
    rows = trained.parts.train_rows
    chosen = torch.randint(len(rows), (count,), generator=derived_generator(run.seed, "gan judged real samples"))
    return trained.parts.batch(rows[chosen]).cpu(), draw(config, run, trained.generator, count, "judged fakes")


@torch.no_grad()
def logits_of(run: Run, trained: Trained, samples: Samples, packing: int) -> Float[Tensor, " judgements"]:
    """What the discriminator says of samples, `packing` at a time, which their number is a multiple of."""
    parts = samples.split(MOST_AT_ONCE // packing * packing)
    with run.autocast():
        found = [trained.discriminator(part[None].to(run.device))[0] for part in parts]
    return torch.cat(found).float().cpu()
