"""Games side by side: in one batched model, from the same weights and with the same samples in every step."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from smoothkit.targets import OneHot
from smoothkit_gan.config import DiscriminatorConfig, GeneratorConfig
from smoothkit_gan.networks.build import build_discriminator, build_generator
from smoothkit_gan.truths.bench import Bench
from smoothkit_gan.truths.labels import Labels

DATA_STD = 0.1
BETAS = (0.5, 0.99)

ONE_HOT = OneHot(2)
"""The cross-entropy to a distribution that is given."""

Rows = Float[Tensor, "games labels 2"]
Logits = Float[Tensor, "games batch"]


class Game(NamedTuple):
    """What both players want."""

    labels: Labels
    saturating: bool = False
    """Whether the generator raises the discriminator's loss on fakes, instead of lowering its own."""
    wanted: float = 1.0
    """The generator's target, unless it is saturating."""

    def generator_row(self) -> list[float]:
        """The distribution over (fake, real) that the generator's cross-entropy is to."""
        level = self.labels.fake if self.saturating else self.wanted
        return [1 - level, level]


class Course(NamedTuple):
    """What happened, game by game."""

    distances: Float[Tensor, "games steps"]
    """Between the mean of a batch of fakes and that of the data, before each step of the generator."""
    said: Float[Tensor, "games steps"]
    """Mean probability that the discriminator gave to real samples, in its first step before that."""


class Wants(NamedTuple):
    """What the losses of some games are cross-entropies to, as distributions over (fake, real)."""

    of_samples: Float[Tensor, "games labels 2"]
    """The discriminators', for fakes and for real samples."""
    of_fakes: Float[Tensor, "games 1 2"]
    """The generators'."""
    signs: Float[Tensor, " games"]
    """-1 for a saturating game, whose generator raises its cross-entropy."""

    @staticmethod
    def of(games: Sequence[Game]) -> "Wants":
        """Those of `games`; the discriminators' are the core's."""
        return Wants(
            torch.stack([game.labels.target().distribution(torch.tensor([0, 1])) for game in games]),
            torch.tensor([[game.generator_row()] for game in games]),
            torch.tensor([-1.0 if game.saturating else 1.0 for game in games]),
        )

    def discriminator_losses(self, logits: Logits) -> Float[Tensor, " games"]:
        """The mean on fakes plus that on real samples, which are the second half of each row of logits."""
        half = logits.shape[1] // 2
        rows = self.of_samples.repeat_interleave(half, dim=1)
        # Both means at once: the one over all is half of their sum.
        return 2 * _cross_entropy(logits, rows).mean(1)

    def generator_losses(self, logits: Logits) -> Float[Tensor, " games"]:
        """The mean on fakes; of a saturating game minus the discriminator's."""
        rows = self.of_fakes.expand(-1, logits.shape[1], -1)
        return self.signs * _cross_entropy(logits, rows).mean(1)


def _cross_entropy(logits: Logits, rows: Rows) -> Logits:
    """To one distribution for each logit z, by the core, with the logits (0, z)."""
    two = torch.stack((torch.zeros_like(logits), logits), dim=2).flatten(0, 1)
    return ONE_HOT(two, rows.flatten(0, 1), reduction="none").view_as(logits)


def race(games: Sequence[Game], bench: Bench) -> Course:
    """Train all games. What differs between them is what they want, and nothing else."""
    config, wants = bench.far_start, Wants.of(games)
    # As many generators as games, all in the same state: every game begins with the same weights.
    same = [bench.generator("far-start/weights") for _ in games]
    maker = build_generator(GeneratorConfig(latent=1, hidden=config.hidden), (1,), same)
    judge = build_discriminator(DiscriminatorConfig(hidden=config.hidden), (1,), same)
    maker_optimizer, judge_optimizer = (
        torch.optim.Adam(network.parameters(), lr=config.lr, betas=BETAS, fused=True) for network in (maker, judge)
    )
    stream = bench.generator("far-start/samples")

    def normal(count: int) -> Float[Tensor, "games count 1"]:
        return torch.randn(count, 1, generator=stream).expand(len(games), -1, -1)

    def fakes() -> Float[Tensor, "games batch 1"]:
        return config.start + maker(normal(config.batch_size))

    distances, said = [], []
    for _ in range(config.steps):
        for turn in range(config.discriminator_steps):
            with torch.no_grad():
                samples = torch.cat((fakes(), DATA_STD * normal(config.batch_size)), dim=1)
            logits = judge(samples)
            judge_optimizer.zero_grad()
            wants.discriminator_losses(logits).sum().backward()
            judge_optimizer.step()
            if turn == 0:
                said.append(logits.detach()[:, config.batch_size :].sigmoid().mean(1))
        made = fakes()
        maker_optimizer.zero_grad()
        wants.generator_losses(judge(made)).sum().backward()
        maker_optimizer.step()
        distances.append(made.detach().mean((1, 2)).abs())
    return Course(torch.stack(distances, dim=1), torch.stack(said, dim=1))
