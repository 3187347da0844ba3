"""A generator that starts far away: the games are what they are said to be, and mistakes in them are noticed."""

from dataclasses import replace

import pytest
import torch
from torch.testing import assert_close

from smoothkit.claims.claim import Claim
from smoothkit_gan.losses import discriminator_loss, generator_loss
from smoothkit_gan.trained import Levels
from smoothkit_gan.truths import far_start
from smoothkit_gan.truths.bench import Bench
from smoothkit_gan.truths.config import FarStartConfig
from smoothkit_gan.truths.far_start import ASKING, CLAIM, GAMES, TURNED, arrival
from smoothkit_gan.truths.labels import LABELS, NONE, ONE_SIDED, TWO_SIDED
from smoothkit_gan.truths.race import Course, Game, Wants, race
from tests.plugins.gan.truths.judged import BRIEF, judged


def certain(claim: Claim) -> Claim:
    """The claim as if there were no doubt about training: one seed decides."""
    return replace(claim, statements=tuple(replace(each, of_training=False) for each in claim.statements))


def as_stated(games, bench):
    """A course that bears every statement out: straight to the data, and later where fakes are smoothed."""
    steps = torch.arange(250.0)
    distances, said = [], []
    for game in games:
        pace = 0.02 if game.labels.fake else 0.06
        distances.append((4.2 - pace * steps).clamp(min=1.3 if game.saturating else 0.05))
        said.append(torch.full((250,), game.labels.equilibrium + (0.4 if game.saturating else 0.0)))
    return Course(torch.stack(distances), torch.stack(said))


@pytest.mark.slow
def test_verdicts():
    assert set(judged(CLAIM, seeds=8, config=FarStartConfig()).values()) == {"true"}


def test_one_seed_shows_nothing_of_training():
    assert set(judged(CLAIM).values()) == {"not shown"}


def test_a_course_as_stated_bears_every_statement_out(monkeypatch):
    monkeypatch.setattr(far_start, "race", as_stated)
    assert set(judged(certain(CLAIM)).values()) == {"true"}


def exchanged(monkeypatch, change):
    """Verdicts where each game is played as what `change` makes of it."""
    monkeypatch.setattr(far_start, "race", lambda games, bench: as_stated([change(game) for game in games], bench))
    return judged(certain(CLAIM))


def test_smoothed_fakes_in_every_game_are_noticed(monkeypatch):
    found = exchanged(monkeypatch, lambda game: game._replace(labels=LABELS[TWO_SIDED]))
    assert found["late"] == "false", "nothing is later than the game without smoothing, which is as late"
    assert found["equilibrium"] == f"true for {NONE}"


def test_no_smoothing_in_any_game_is_noticed(monkeypatch):
    found = exchanged(monkeypatch, lambda game: game._replace(labels=LABELS[NONE]))
    assert (found["late"], found["equilibrium"]) == ("false", f"true for {NONE}")


def test_smoothed_fakes_where_real_samples_were_meant_are_noticed(monkeypatch):
    found = exchanged(
        monkeypatch, lambda game: game if game.labels == LABELS[NONE] else game._replace(labels=LABELS[TWO_SIDED])
    )
    assert found["prompt"] == "false"


def test_no_saturating_game_is_noticed(monkeypatch):
    found = exchanged(monkeypatch, lambda game: game._replace(saturating=False))
    assert (found["lost"], found["certain"]) == ("false", "false")


def test_only_saturating_games_are_noticed(monkeypatch):
    found = exchanged(monkeypatch, lambda game: game._replace(saturating=True))
    assert (found["found"], found["equilibrium"]) == ("false", "false")


@pytest.mark.parametrize("name", GAMES)
def test_losses_are_those_of_the_trainer(name):
    game = GAMES[name]
    logits = torch.randn(2, 12, generator=torch.Generator().manual_seed(0))
    fake, real = logits.tensor_split(2, dim=1)
    wants = Wants.of([game, game])
    loss = "saturating" if game.saturating else "non-saturating"
    levels = Levels(game.labels.real, game.labels.fake, game.wanted)
    target = game.labels.target()
    assert_close(wants.discriminator_losses(logits), discriminator_loss(loss, target, real, fake))
    assert_close(wants.generator_losses(fake), generator_loss(loss, target, levels, fake))


def test_games_do_not_touch_each_other():
    bench = Bench(BRIEF, 0)
    together = race(list(GAMES.values()), bench)
    for index, game in enumerate(GAMES.values()):
        alone = race([game], bench)
        assert_close(together.distances[index : index + 1], alone.distances, rtol=1e-4, atol=1e-4)
        assert_close(together.said[index : index + 1], alone.said, rtol=1e-4, atol=1e-4)


def test_games_begin_alike_and_seeds_differ():
    course, other = (race(list(GAMES.values()), Bench(BRIEF, seed)) for seed in (0, 1))
    assert_close(course.distances[:, 0], course.distances[:1, 0].expand(len(GAMES)))
    assert_close(course.said[:, 0], course.said[:1, 0].expand(len(GAMES)))
    assert course.distances[0, 0] == pytest.approx(BRIEF.start, abs=2)
    assert course.distances[0, 0] != other.distances[0, 0]
    assert len({round(value, 6) for value in course.said[:, -1].tolist()}) > 3


def test_measured_twice_the_numbers_are_the_same():
    first, second = (CLAIM.measure(Bench(BRIEF, 0)).values for _ in range(2))  # pyright: ignore[reportArgumentType]
    assert first == second


@pytest.mark.parametrize(
    ("distances", "expected"),
    [([1.0, 0.0], 1.5), ([0.7, 0.6, 0.4, 0.9], 2.5), ([0.3, 0.2], 1.0), ([2.0, 1.0, 0.6], 3.0), ([2.0], 1.0)],
)
def test_arrival(distances, expected):
    assert arrival(torch.tensor(distances)) == pytest.approx(expected)


def test_what_the_games_want():
    assert GAMES[ASKING] == Game(LABELS[ONE_SIDED[0]], wanted=0.45)
    assert [GAMES[case].labels for case in TURNED.values()] == [LABELS[NONE], LABELS[ONE_SIDED[0]]]
    assert [name for name, game in GAMES.items() if game.saturating] == list(TURNED.values())
