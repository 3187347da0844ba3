"""The smallest game: its eigenvalues by NumPy, its formula against its losses, and games with mistakes in them."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.testing import assert_close

from smoothkit_gan.truths import dirac
from smoothkit_gan.truths.dirac import CLAIM, GAMES, orbits, rates, rest, velocities, velocity
from smoothkit_gan.truths.labels import LABELS
from tests.plugins.gan.truths.judged import judged

# Real part and frequency, as derived by hand.
DERIVED = {
    "none": (0, 0.5),
    "one-sided 0.1": (0, 0.4975),
    "one-sided 0.25": (0, 0.4841),
    "two-sided 0.1": (0, 0.4472),
    "R1 0.1": (-0.05, 0.4975),
    "R1 0.1, one-sided 0.1": (-0.05, 0.495),
    "R1 1": (-0.5, 0),
    "equilibrium": (0, 0),
    "equilibrium, one-sided 0.1": (0, 0),
}


def test_verdicts():
    assert set(judged(CLAIM).values()) == {"true"}


@pytest.mark.parametrize("name", GAMES)
def test_eigenvalues(name):
    real, turning = DERIVED[name]
    game = GAMES[name]
    assert_close(rates(game).abs(), torch.tensor([[abs(real), turning]] * 2, dtype=torch.float64), rtol=0, atol=5e-5)
    # The same by differences of the formula, with the intercept: it moves by itself.
    at, step = rest(game), 1e-5
    shifts = step * torch.eye(3, dtype=torch.float64)
    columns = [
        (velocities([game], (at + shift)[:, None]) - velocities([game], (at - shift)[:, None]))[:, 0] / (2 * step)
        for shift in shifts
    ]
    jacobian = torch.stack(columns, dim=1).numpy()
    assert np.abs(jacobian[2, :2]).max() == pytest.approx(0, abs=1e-9)
    assert np.abs(jacobian[:2, 2]).max() == pytest.approx(0, abs=1e-9)
    found = np.linalg.eigvals(jacobian[:2, :2])
    # Where the two eigenvalues agree, they are known to the root of the error of the matrix.
    assert np.abs(found.imag).max() == pytest.approx(turning, abs=1e-4)
    assert found.real.max() == pytest.approx(real, abs=1e-4)


number = st.floats(-3, 3, allow_subnormal=False)


@given(name=st.sampled_from(sorted(GAMES)), point=number, slope=number, intercept=number)
def test_the_formula_is_the_descent_of_the_losses(name, point, slope, intercept):
    state = torch.tensor([point, slope, intercept], dtype=torch.float64)
    by_losses = velocity(GAMES[name], state.clone().requires_grad_()).detach()
    # The core's target keeps its labels in float32.
    assert_close(velocities([GAMES[name]], state[:, None])[:, 0], by_losses, rtol=0, atol=1e-7)


@pytest.mark.parametrize("name", GAMES)
def test_nobody_moves_at_rest(name):
    assert_close(velocities([GAMES[name]], rest(GAMES[name])[:, None]), torch.zeros(3, 1, dtype=torch.float64))


def test_orbits_are_those_of_scipy(monkeypatch):
    from scipy.integrate import solve_ivp

    monkeypatch.setattr(dirac, "TIME", 10.0)
    game = GAMES["R1 0.1, one-sided 0.1"]

    def by_scipy(_time, state):
        return velocities([game], torch.as_tensor(state)[:, None])[:, 0].numpy()

    path = orbits([game])[:, :, 0]
    end = solve_ivp(by_scipy, (0, 10), path[0].numpy(), rtol=1e-10, atol=1e-12).y[:, -1]
    assert_close(path[-1], torch.as_tensor(end), rtol=0, atol=1e-6)


def test_games_without_their_penalty_are_noticed(monkeypatch):
    monkeypatch.setattr(dirac, "rates", lambda game: rates(game._replace(r1=0.0)))
    monkeypatch.setattr(dirac, "orbits", lambda games: orbits([game._replace(r1=0.0) for game in games]))
    found = judged(CLAIM)
    assert (found["damped"], found["penalised"]) == ("false", "false")
    assert found["turning"].startswith("true for none")


def test_games_that_are_all_penalised_are_noticed(monkeypatch):
    monkeypatch.setattr(dirac, "rates", lambda game: rates(game._replace(r1=0.1)))
    monkeypatch.setattr(dirac, "orbits", lambda games: orbits([game._replace(r1=0.1) for game in games]))
    found = judged(CLAIM)
    assert (found["circling"], found["turning"]) == ("false", "true for R1 0.1 and R1 0.1, one-sided 0.1")
    assert found["steep"] == "false"
    assert found["undamped"] == "true for equilibrium and equilibrium, one-sided 0.1"


def test_games_without_their_labels_are_noticed(monkeypatch):
    monkeypatch.setattr(dirac, "rates", lambda game: rates(game._replace(labels=LABELS["none"])))
    assert judged(CLAIM)["turning"] == "true for none, R1 0.1 and R1 1"


def test_generators_that_ask_for_1_are_noticed(monkeypatch):
    monkeypatch.setattr(dirac, "rates", lambda game: rates(game._replace(wanted=1.0)))
    monkeypatch.setattr(dirac, "orbits", lambda games: orbits([game._replace(wanted=1.0) for game in games]))
    found = judged(CLAIM)
    assert (found["unmoved"], found["asking"]) == ("false", "false")
    assert found["circling"] == "true"
