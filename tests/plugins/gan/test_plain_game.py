"""The training loop against one that knows nothing of smoothkit's trainer, and its penalties in half precision."""

import copy
import itertools

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.testing import assert_close

from smoothkit.seeding import derived_generator
from smoothkit_gan.data.parts import split_together
from smoothkit_gan.draws import Draws
from smoothkit_gan.judge import Judge
from smoothkit_gan.players import Players
from tests.plugins.gan.overrides import BINARY

PLAIN = (
    *(*BINARY, "train.generator_target=equilibrium", "train.average=0.9", "train.discriminator_steps=3"),
    *("train.discriminator_lr=0.0015", "train.instance_noise=0.3", "train.r1=0.2", "train.r2=0.4"),
    *("train.penalty_every=2", "train.gradient_penalty=0.1"),
)
STREAMS = ("generator", "discriminator", "real samples", "latent vectors", "instance noise", "points between")


def test_the_loop_is_the_plain_one(quick):
    """Networks of torch's own layers, its own loss and optimiser, on the same random numbers."""
    (trained,) = quick(*PLAIN).trained
    generator, discriminator, average = plain_game(trained.parts)
    for ours, theirs in (
        (trained.generator, generator),
        (trained.discriminator, discriminator),
        (trained.average, average),
    ):
        for own, expected in zip(ours.parameters(), theirs.parameters(), strict=True):
            assert_close(own[0], expected.mT if expected.ndim == 2 else expected[None], rtol=0, atol=1e-5)


def plain_game(parts):
    """20 steps at batch 32, three of the discriminator to one of the generator, which wants D = 0.45.

    Of the discriminator's steps every second one has R1 and R2, of twice the weight, and all the gradient penalty.
    """
    streams = {name: derived_generator(0, name) for name in STREAMS}
    generator = plain_network([2, 12, 12, 2], nn.ReLU(), streams["generator"])
    discriminator = plain_network([2, 10, 1], nn.LeakyReLU(0.2), streams["discriminator"])
    average = copy.deepcopy(generator)
    optimizers = [
        torch.optim.Adam(net.parameters(), lr=lr, betas=(0.5, 0.99))
        for net, lr in ((generator, 1e-3), (discriminator, 1.5e-3))
    ]
    for step in range(1, 21):
        for optimizer, peak in zip(optimizers, (1e-3, 1.5e-3), strict=True):
            optimizer.param_groups[0]["lr"] = peak * (21 - step) / 20
        for turn in range(3):
            rows = torch.randint(len(parts.train), (32,), generator=streams["real samples"])
            real = noisy(parts.to_model(parts.train.images)[rows], streams)
            clean = generator(torch.randn(32, 2, generator=streams["latent vectors"]))
            fake = noisy(clean.detach(), streams)
            loss = sum(cross_entropy(discriminator(samples), level) for samples, level in ((real, 0.9), (fake, 0.0)))
            if (3 * (step - 1) + turn) % 2 == 0:
                loss = loss + 2 * 0.2 * (slopes(discriminator, real) ** 2).mean() / 2
                loss = loss + 2 * 0.4 * (slopes(discriminator, fake) ** 2).mean() / 2
            share = torch.rand(32, generator=streams["points between"])[:, None]
            between = share * real + (1 - share) * fake
            descend(optimizers[1], loss + 0.1 * ((slopes(discriminator, between) - 1) ** 2).mean())
        descend(optimizers[0], cross_entropy(discriminator(noisy(clean, streams)), 0.45))
        decay = min(0.9, step / (9 + step))
        for kept, weight in zip(average.parameters(), generator.parameters(), strict=True):
            kept.data = decay * kept.data + (1 - decay) * weight.data
    return generator, discriminator, average


def noisy(samples, streams):
    return samples + 0.3 * torch.randn(32, 2, generator=streams["instance noise"])


def slopes(discriminator, samples):
    """The norm of the logit's gradient at each sample."""
    places = samples.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(discriminator(places).sum(), places, create_graph=True)
    return gradient.norm(dim=1)


def plain_network(widths, activation, stream):
    slope = activation.negative_slope if isinstance(activation, nn.LeakyReLU) else 0
    layers = []
    for inputs, outputs in itertools.pairwise(widths):
        is_last = len(layers) == 2 * (len(widths) - 2)
        gain = 1.0 if is_last else nn.init.calculate_gain("leaky_relu", slope)
        layer = nn.Linear(inputs, outputs)
        layer.weight.data = (torch.randn(inputs, outputs, generator=stream) * gain / inputs**0.5).mT
        layer.bias.data.zero_()
        layers += [layer, activation]
    return nn.Sequential(*layers[:-1])


def cross_entropy(logits, level):
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, level))


def descend(optimizer, loss):
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


@pytest.mark.parametrize("penalty", ["r1", "r2", "gradient_penalty"])
def test_penalties_are_computed_in_float32(penalty, configure, make_runs, tmp_path):
    found = {}
    for precision in ("float32", "bfloat16"):
        config = configure(f"run.precision={precision}", f"train.{penalty}=0.7")
        runs = make_runs(config, directory=tmp_path / precision)
        parts = split_together(config.data, [0])
        players, draws = Players(config, runs, parts[0].shape), Draws(config, runs, parts)
        judge = Judge(config.train, runs.first, players.discriminator, draws)
        real, fake = draws.real(), torch.randn(1, 32, 2, generator=torch.Generator().manual_seed(0))
        found[precision] = (*judge.both(real, fake, 0.0, 0), judge(real, 0.0))
    for whole, half in zip(found["float32"][:3], found["bfloat16"][:3], strict=True):
        assert torch.equal(whole, half)
    # Without penalties it is half precision that computes.
    assert not torch.equal(found["float32"][3], found["bfloat16"][3])
