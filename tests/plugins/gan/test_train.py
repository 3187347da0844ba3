"""The training loop does what the configuration says, and nothing else."""

import copy
import itertools
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.testing import assert_close

from smoothkit.distributed import Group
from smoothkit.errors import TrainingError, UserError
from smoothkit.seeding import derived_generator
from smoothkit_gan.config import DiscriminatorConfig, GeneratorConfig, TrainConfig

BINARY = ("target.name=binary", "target.real=0.9")
EQUILIBRIUM = "train.generator_target=equilibrium"
# For each key, overrides that make a game, and one more that must change its outcome.
CHANGES = {
    "train.loss": ((), "train.loss=saturating"),
    "train.loss least squares": ((), "train.loss=least-squares"),
    "train.loss hinge": ((), "train.loss=hinge"),
    "train.loss relativistic": ((), "train.loss=relativistic"),
    "train.generator_target": ((), "train.generator_target=0.8"),
    "train.generator_target of pairs": (("train.loss=relativistic",), EQUILIBRIUM),
    "train.generator_target as code": (("train.loss=least-squares",), EQUILIBRIUM),
    "train.steps": ((), "train.steps=30"),
    "train.batch_size": ((), "train.batch_size=24"),
    "train.discriminator_steps": ((), "train.discriminator_steps=2"),
    "train.lr": ((), "train.lr=0.002"),
    "train.discriminator_lr": ((), "train.discriminator_lr=0.002"),
    "train.betas": ((), "train.betas=[0.0,0.9]"),
    "train.schedule": ((), "train.schedule=cosine"),
    "train.schedule constant": ((), "train.schedule=constant"),
    "train.r1": ((), "train.r1=0.5"),
    "train.r1 over time": (("train.r1=0.5",), "train.r1={shape='linear', start=0.5, end=0.0}"),
    "train.r2": ((), "train.r2=0.5"),
    "train.gradient_penalty": ((), "train.gradient_penalty=1.0"),
    "train.penalty_every": (("train.r1=0.5",), "train.penalty_every=4"),
    "train.instance_noise": ((), "train.instance_noise=0.1"),
    "generator.name": ((), None),
    "generator.latent": ((), "generator.latent=3"),
    "generator.hidden": ((), "generator.hidden=[8]"),
    "generator.activation": ((), "generator.activation=silu"),
    "generator.fourier": ((), "generator.fourier=4"),
    "generator.frequency": (("generator.fourier=4",), "generator.frequency=2.0"),
    "generator.batch_norm": ((), "generator.batch_norm=true"),
    "discriminator.name": ((), None),
    "discriminator.hidden": ((), "discriminator.hidden=[8]"),
    "discriminator.activation": ((), "discriminator.activation=silu"),
    "discriminator.fourier": ((), "discriminator.fourier=4"),
    "discriminator.frequency": (("discriminator.fourier=4",), "discriminator.frequency=[1.0,8.0]"),
    "discriminator.spectral_norm": ((), "discriminator.spectral_norm=true"),
    "discriminator.packing": ((), "discriminator.packing=2"),
    "target": ((), "target=torchgan"),
    "target of pairs": (("train.loss=relativistic",), "target=torchgan"),
    "target as codes": (("train.loss=least-squares",), "target=torchgan"),
    "target over time": (BINARY, "target.schedule.real={shape='linear', start=0.9, end=0.7}"),
    "run.precision": ((), "run.precision=bfloat16"),
    # The average is beside the game, and its own test is below.
    "train.average": ((), None),
}


def test_no_key_is_forgotten():
    tables = {"train": TrainConfig, "generator": GeneratorConfig, "discriminator": DiscriminatorConfig}
    assert {f"{name}.{key}" for name, table in tables.items() for key in table.model_fields} <= set(CHANGES)


@pytest.fixture
def quick(play, monkeypatch):
    """Training without measurements in between."""
    monkeypatch.setattr("smoothkit_gan.train.record_progress", lambda *_: None)
    return play


@pytest.fixture(scope="module")
def played():
    """Weights by overrides: many keys are changed from the same game."""
    return {}


@pytest.mark.parametrize("key", [key for key, (_, change) in CHANGES.items() if change is not None])
def test_every_key_changes_the_outcome(key, quick, played):
    base, change = CHANGES[key]
    if base not in played:
        played[base] = quick(*base).weights()
    before, after = played[base], quick(*base, change).weights()
    assert after.isfinite().all()
    assert before.shape != after.shape or not torch.equal(before, after)


def test_a_lazy_penalty_is_as_heavy_as_all_those_that_it_stands_for(quick, tmp_path):
    """The first of every two steps has the penalty of both."""
    heavy = quick("train.steps=1", "train.r1=0.4", directory=tmp_path / "heavy")
    lazy = quick("train.steps=1", "train.r1=0.2", "train.penalty_every=2", directory=tmp_path / "lazy")
    assert torch.equal(heavy.weights(), lazy.weights())


def test_two_games_of_one_seed_are_one(quick, tmp_path):
    first, second, other = (
        quick(seeds=(seed,), directory=tmp_path / name) for name, seed in zip("abc", (0, 0, 1), strict=True)
    )
    assert torch.equal(first.weights(), second.weights())
    assert not torch.equal(first.weights(), other.weights())


# --- members ---------------------------------------------------------------------------------------------------------

EVERYTHING = (
    *(*BINARY, "train.discriminator_steps=2", "train.r1=0.1", "train.r2=0.1", "train.gradient_penalty=0.1"),
    *("train.instance_noise=0.1", "discriminator.spectral_norm=true", "discriminator.packing=2"),
    *("generator.fourier=4", "discriminator.fourier=4"),
)


@pytest.mark.parametrize("overrides", [(), EVERYTHING, ("train.loss=relativistic", "train.r1=0.1")])
def test_a_member_becomes_what_it_would_be_alone(overrides, quick, tmp_path):
    together = quick(*overrides, seeds=(4, 0, 7), directory=tmp_path / "together")
    for member, seed in enumerate((4, 0, 7)):
        alone = quick(*overrides, seeds=(seed,), directory=tmp_path / "alone")
        assert_close(together.weights(member), alone.weights(), rtol=0, atol=2e-4)
        own, other = (game.runs[place].history("train/d_loss") for game, place in ((together, member), (alone, 0)))
        assert dict(own) == pytest.approx(dict(other), abs=1e-3)


def test_images_are_played_with_too(quick):
    overrides = ("data=digits", "generator.name=conv", "generator.hidden=[6]", "discriminator.name=conv")
    game = quick(*overrides, "discriminator.hidden=[6]", "train.steps=5", seeds=(0, 1))
    latent = torch.randn(1, 3, 2)
    for trained in game.trained:
        images = trained.generator(latent)
        assert images.shape == (1, 3, 1, 8, 8)
        assert trained.discriminator(images).shape == (1, 3)


# --- against a loop that knows nothing of smoothkit's trainer --------------------------------------------------------


def test_the_loop_is_the_plain_one(quick):
    """Networks of torch's own layers, its own loss and optimiser, on the same random numbers."""
    game = quick(*BINARY, EQUILIBRIUM, "train.average=0.9", "train.discriminator_steps=2")
    (trained,) = game.trained
    generator, discriminator, average = plain_game(trained.parts)
    for ours, theirs in (
        (trained.generator, generator),
        (trained.discriminator, discriminator),
        (trained.average, average),
    ):
        for own, expected in zip(ours.parameters(), theirs.parameters(), strict=True):
            assert_close(own[0], expected.mT if expected.ndim == 2 else expected[None], rtol=0, atol=1e-5)


def plain_game(parts):
    """20 steps at batch 32, two of the discriminator to one of the generator, which wants D = 0.45."""
    streams = {
        name: derived_generator(0, name) for name in ("generator", "discriminator", "real samples", "latent vectors")
    }
    generator = plain_network([2, 12, 12, 2], nn.ReLU(), streams["generator"])
    discriminator = plain_network([2, 10, 1], nn.LeakyReLU(0.2), streams["discriminator"])
    average = copy.deepcopy(generator)
    optimizers = [torch.optim.Adam(net.parameters(), lr=1e-3, betas=(0.5, 0.99)) for net in (generator, discriminator)]
    for step in range(1, 21):
        for optimizer in optimizers:
            optimizer.param_groups[0]["lr"] = 1e-3 * (21 - step) / 20
        for _ in range(2):
            rows = torch.randint(len(parts.train), (32,), generator=streams["real samples"])
            real = parts.to_model(parts.train.images)[rows]
            fake = generator(torch.randn(32, 2, generator=streams["latent vectors"]))
            sides = ((real, 0.9), (fake.detach(), 0.0))
            descend(optimizers[1], sum(cross_entropy(discriminator(samples), level) for samples, level in sides))
        descend(optimizers[0], cross_entropy(discriminator(fake), 0.45))
        decay = min(0.9, step / (9 + step))
        for kept, weight in zip(average.parameters(), generator.parameters(), strict=True):
            kept.data = decay * kept.data + (1 - decay) * weight.data
    return generator, discriminator, average


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


# --- what is kept and told -------------------------------------------------------------------------------------------


def test_the_average_changes_nothing_of_the_game(quick, tmp_path):
    games = [quick(f"train.average={decay}", directory=tmp_path / str(decay)) for decay in (0.0, 0.5, 0.9)]
    assert torch.equal(games[0].weights(), games[1].weights())
    assert torch.equal(games[0].weights(), games[2].weights())
    assert games[0].trained[0].average is None
    means = [next(game.trained[0].average.parameters()) for game in games[1:]]
    assert not torch.equal(*means)
    assert not torch.equal(means[0], next(games[1].trained[0].generator.parameters()))


def test_measurements_change_no_weight(play, monkeypatch, tmp_path):
    measured = play("evaluate.every=10", "evaluate.samples=100", "run.log_every=1", directory=tmp_path / "measured")
    monkeypatch.setattr("smoothkit_gan.train.record_progress", lambda *_: None)
    assert torch.equal(measured.weights(), play(directory=tmp_path / "not").weights())


def test_measurements_come_every_so_many_steps_and_at_the_end(play, monkeypatch):
    found = []
    monkeypatch.setattr(
        "smoothkit_gan.train.record_progress",
        lambda config, run, step, trained: found.append((run.seed, step, trained)),
    )
    game = play("evaluate.every=8", seeds=(3, 1))
    assert [(seed, step) for seed, step, _ in found] == [(seed, step) for step in (8, 16, 20) for seed in (3, 1)]
    for (_, _, last), trained in zip(found[-2:], game.trained, strict=True):
        for ours, theirs in ((last.generator, trained.generator), (last.average, trained.average)):
            for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
                assert torch.equal(one, other)
    assert found[0][2].parts.shape == (2,)
    # A copy: training has moved on since.
    assert not torch.equal(next(found[0][2].generator.parameters()), next(found[2][2].generator.parameters()))


@pytest.mark.parametrize(
    ("loss", "said"),
    [
        ("non-saturating", {"d_real", "d_fake"}),
        ("least-squares", {"d_real", "d_fake"}),
        ("hinge", {"logit_real", "logit_fake"}),
        ("relativistic", {"d_pair"}),
    ],
)
def test_what_is_logged(loss, said, quick):
    game = quick(f"train.loss={loss}", seeds=(0, 1))
    always = {"d_loss", "g_loss", "d_gradient_norm", "g_gradient_norm"}
    for run in game.runs:
        for name in always | said:
            values = run.history(f"train/{name}")
            assert [step for step, _ in values] == [5, 10, 15, 20]
    assert game.runs[0].history("train/d_loss") != game.runs[1].history("train/d_loss")


def test_levels_are_those_at_the_end_of_training(quick):
    (trained,) = quick("target.name=binary", "target.schedule.real={shape='linear', start=1.0, end=0.8}").trained
    assert trained.levels.real == 0.8
    (trained,) = quick("train.loss=hinge").trained
    assert trained.levels is None


def test_the_first_run_speaks_for_all(quick):
    game = quick(*BINARY, seeds=(0, 1))
    assert [note.split(":")[0] for note in game.watcher.notes] == ["discriminator", "generator"]


# --- a stop in the middle --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "overrides", [(*EVERYTHING, "generator.batch_norm=true"), ("train.loss=relativistic", "train.average=0.0")]
)
def test_games_that_were_stopped_come_to_the_same_end(overrides, quick, tmp_path):
    assert_resumed_alike(quick, overrides, tmp_path)


def test_games_that_are_measured_on_the_way_come_to_the_same_end(play, tmp_path):
    assert_resumed_alike(play, ("evaluate.every=10", "evaluate.samples=100"), tmp_path)


def assert_resumed_alike(play, overrides, folder):
    whole = play(*overrides, seeds=(2, 0), directory=folder / "whole")
    resumed = play(*overrides, seeds=(2, 0), stop_after=15, directory=folder / "resumed")
    for member in range(2):
        assert_same(whole.saved(member), resumed.saved(member))
        files = [Path(game.runs[member].directory, "metrics.jsonl").read_bytes() for game in (whole, resumed)]
        assert files[0] == files[1]


def assert_same(one, other):
    """Equal to the last bit."""
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_same(one[key], other[key])
    elif isinstance(one, list | tuple):
        assert len(one) == len(other)
        for mine, yours in zip(one, other, strict=True):
            assert_same(mine, yours)
    else:
        # A measurement may be NaN, where no sample is near a mode.
        assert torch.equal(one, other) if isinstance(one, torch.Tensor) else one == other or one != one


# --- what cannot be --------------------------------------------------------------------------------------------------


def test_a_batch_that_processes_cannot_share_in_whole_packs_is_refused(quick):
    with pytest.raises(
        UserError, match=r"^train.batch_size is 36; expected a multiple of 8: 2 processes that each judge 4"
    ):
        quick("train.batch_size=36", "discriminator.packing=4", group=Group(0, 2))


def test_a_game_that_diverges_says_so(quick):
    with pytest.raises(TrainingError, match=r"seed 0: the d loss is not finite"):
        quick("train.lr=1e30", "train.loss=least-squares")
