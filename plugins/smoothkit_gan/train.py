"""The training loop: steps of the discriminator and of the generator, of all members at once."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from smoothkit.runs import Runs
from smoothkit.targets import Target
from smoothkit_gan.config import GanConfig
from smoothkit_gan.data.parts import Parts, split_together
from smoothkit_gan.draws import Draws
from smoothkit_gan.guards import check_game, levels_of, levels_over_training, sentences
from smoothkit_gan.judge import Judge
from smoothkit_gan.losses import chances, discriminator_loss, generator_loss, least_discriminator_loss
from smoothkit_gan.options import check_measurements
from smoothkit_gan.players import Players
from smoothkit_gan.progress import record_progress
from smoothkit_gan.snapshots import Snapshots
from smoothkit_gan.trained import Levels, Trained

Samples = Float[Tensor, "members batch ..."]
PerMember = Float[Tensor, " members"]


@dataclass(frozen=True, eq=False)
class Game:
    """All that steps and measurements need."""

    config: GanConfig
    runs: Runs
    target: Target
    is_changing: bool
    """Whether the target changes during training."""
    parts: Sequence[Parts]
    players: Players
    draws: Draws
    judge: Judge
    snapshots: Snapshots


def train(config: GanConfig, runs: Runs) -> list[Trained]:
    """Train a generator against a discriminator, for all runs at once.

    Every loss is one number for each member; what is back-propagated is their sum, so that members never touch. The
    generator learns from the fakes of the discriminator's last step.

    Raises:
        UserError: what the file asks for does not fit together, or would do nothing.
    """
    game, options = set_up(config, runs), config.train
    players, target, levels = game.players, game.target, levels_of(config, game.target)
    for step in runs.steps(options.steps):
        progress = (step - 1) / options.steps
        players.set_progress(config, progress)
        target.set_progress(progress)
        if game.is_changing:
            levels = levels_of(config, target)
        *before, last = range((step - 1) * options.discriminator_steps, step * options.discriminator_steps)
        for turn in before:
            move_discriminator(game, step, progress, levels, turn, keep_graph=False)
        real, fake = move_discriminator(game, step, progress, levels, last, keep_graph=True)
        move_generator(game, step, progress, levels, real, fake)
        if players.average is not None:
            players.average.update(players.generator, step)
        # Several processes stop only at such steps, and share what they save: so must those that go on.
        if runs.is_logging(step):
            players.share_statistics()
        if step in game.snapshots.moments:
            game.snapshots.take(step, members(game, levels, step))
        if step % config.evaluate.every == 0 or step == options.steps:
            runs.check_losses()
            for each, member in zip(runs, members(game, levels, step), strict=True):
                record_progress(config, each, step, member)
    target.set_progress(1.0)
    return members(game, levels_of(config, target), options.steps)


def set_up(config: GanConfig, runs: Runs) -> Game:
    """Everything before the first step: what is refused, what is told, and what a checkpoint restores."""
    run = runs.first
    target = run.target(config.target, num_classes=2)
    check_game(config, target)
    over_training = levels_over_training(config, target)
    parts = split_together(config.data, [each.seed for each in runs], run.device)
    check_measurements(config, parts[0])
    for sentence in sentences(config, over_training):
        run.note(sentence)
    draws, players = Draws(config, runs, parts), Players(config, runs, parts[0].shape)
    return Game(
        config=config,
        runs=runs,
        target=target,
        is_changing=len(set(over_training)) > 1,
        parts=parts,
        players=players,
        draws=draws,
        judge=Judge(config.train, run, players.discriminator, draws),
        snapshots=Snapshots(config, runs, parts),
    )


def move_discriminator(
    game: Game, step: int, progress: float, levels: Levels | None, turn: int, keep_graph: bool
) -> tuple[Samples, Samples]:
    """One step of the discriminator, and what it was shown; through the fakes there is a way back to the generator if
    their graph is kept."""
    loss, players = game.config.train.loss, game.players
    players.discriminator.requires_grad_(True)
    real = game.draws.real()
    with game.runs.first.autocast(), torch.set_grad_enabled(keep_graph):
        fake = players.generator(game.draws.latent()).float()
    on_real, on_fake, penalty = game.judge.both(real, fake.detach(), progress, turn)
    d_loss = discriminator_loss(loss, game.target, on_real, on_fake)
    players.move(players.discriminator_optimizer, d_loss + penalty)
    excess = d_loss - least_discriminator_loss(loss, levels)
    game.runs.log(step, d_loss=d_loss, d_excess=excess, **statements(loss, on_real, on_fake))
    if game.judge.is_penalising:
        game.runs.log(step, d_penalty=penalty)
    if game.runs.is_logging(step):
        game.runs.log(step, d_gradient_norm=gradient_norms(players.discriminator))
    return real, fake


def move_generator(game: Game, step: int, progress: float, levels: Levels | None, real: Samples, fake: Samples) -> None:
    """One step of the generator, by what the discriminator now says of its samples."""
    loss, players = game.config.train.loss, game.players
    # What the generator's loss would add to the discriminator's gradient is never used.
    players.discriminator.requires_grad_(False)
    on_real = game.judge(real, progress) if loss == "relativistic" else None
    g_loss = generator_loss(loss, game.target, levels, game.judge(fake, progress), on_real)
    players.move(players.generator_optimizer, g_loss)
    game.runs.log(step, g_loss=g_loss)
    if game.runs.is_logging(step):
        game.runs.log(step, g_gradient_norm=gradient_norms(players.generator))


def members(game: Game, levels: Levels | None, step: int) -> list[Trained]:
    """Each member as it is at `step`, in copies that training does not move; the same in every process."""
    game.players.share_statistics()
    return [
        Trained(*game.players.one(index), game.target, levels, own, game.snapshots.before(step, index))
        for index, own in enumerate(game.parts)
    ]


def statements(
    loss: str, on_real: Float[Tensor, "members real"], on_fake: Float[Tensor, "members fake"]
) -> dict[str, PerMember]:
    """What the discriminator says on average: probabilities; of pairs, that of the right order; or else logits."""
    if loss == "relativistic":
        return {"d_pair": (on_real - on_fake).detach().sigmoid().mean(1)}
    real, fake = (chances(loss, logits.detach()) for logits in (on_real, on_fake))
    if real is None or fake is None:
        return {"logit_real": on_real.mean(1), "logit_fake": on_fake.mean(1)}
    return {"d_real": real.mean(1), "d_fake": fake.mean(1)}


def gradient_norms(network: nn.Module) -> PerMember:
    """The norm of each member's gradient."""
    gradients = [parameter.grad for parameter in network.parameters() if parameter.grad is not None]
    return torch.stack([gradient.flatten(1).square().sum(1) for gradient in gradients]).sum(0).sqrt()
