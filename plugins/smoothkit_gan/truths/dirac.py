"""The smallest game: one point of data, a generator that is a point, and a linear discriminator."""

import math
from typing import NamedTuple

import torch
from jaxtyping import Float64
from torch import Tensor

from smoothkit.claims.claim import Case, Claim, Evidence, Statement, cases, place
from smoothkit.report.figures import CurvesFigure
from smoothkit_gan.losses import discriminator_loss, generator_loss
from smoothkit_gan.trained import Levels
from smoothkit_gan.truths.labels import LABELS, NONE, ONE_SIDED, TWO_SIDED, Labels

CLOSE = 1e-6
TIME, STEP = 100.0, 0.1
"""How long orbits are followed, and the step of the integration (Runge-Kutta of order 4)."""
FAR, NEAR = 0.25, 0.01
"""Shares of the first distance: of one that has not come to rest, and of one that has."""
STEEP = 1.0
"""Of the discriminator's slope, which starts at 0: the logits of places one first distance apart differ by this."""


class Game(NamedTuple):
    """What both players want."""

    labels: Labels
    r1: float = 0.0
    """Weight of the discriminator's penalty, half its squared slope."""
    wanted: float = 1.0
    """The generator's target."""

    @property
    def stiffness(self) -> float:
        """(1 - D) (real - fake) / 2 at rest: the squared frequency of the circles, without a penalty."""
        return (self.wanted - self.labels.equilibrium) * (self.labels.real - self.labels.fake) / 2


SMOOTHED = (NONE, *ONE_SIDED, TWO_SIDED)
PENALISED = ("R1 0.1", "R1 0.1, one-sided 0.1")
ASKING = ("equilibrium", "equilibrium, one-sided 0.1")
GAMES: dict[str, Game] = {
    **{name: Game(LABELS[name]) for name in SMOOTHED},
    **{name: Game(LABELS[of], r1=0.1) for name, of in zip(PENALISED, (NONE, ONE_SIDED[0]), strict=True)},
    "R1 1": Game(LABELS[NONE], r1=1.0),
    **{
        name: Game(LABELS[of], wanted=LABELS[of].equilibrium)
        for name, of in zip(ASKING, (NONE, ONE_SIDED[0]), strict=True)
    },
}


def velocity(game: Game, state: Float64[Tensor, " 3"]) -> Float64[Tensor, " 3"]:
    """Both players' descent at once, from (generator's point, slope, intercept); differentiable.

    The data lie at 0, and the discriminator's logit at x is slope x + intercept.
    """
    point, slope, intercept = state
    real, fake = intercept.view(1, 1), (slope * point + intercept).view(1, 1)
    target, levels = game.labels.target(), Levels(game.labels.real, game.labels.fake, game.wanted)
    on_both = discriminator_loss("non-saturating", target, real, fake).sum() + game.r1 * slope.square() / 2
    (of_point,) = torch.autograd.grad(
        generator_loss("non-saturating", target, levels, fake).sum(), point, create_graph=True
    )
    return -torch.stack((of_point, *torch.autograd.grad(on_both, (slope, intercept), create_graph=True)))


def rest(game: Game) -> Float64[Tensor, " 3"]:
    """Where neither player moves: on the data, before a flat discriminator that says (real + fake)/2."""
    level = game.labels.equilibrium
    return torch.tensor([0.0, 0.0, math.log(level / (1 - level))], dtype=torch.float64)


def rates(game: Game) -> Float64[Tensor, "2 2"]:
    """Real and imaginary part of the two eigenvalues at rest of point and slope, which move each other alone."""
    at = rest(game).requires_grad_()
    speed = velocity(game, at)
    rows = [torch.autograd.grad(each, at, retain_graph=True)[0] for each in speed]
    return torch.view_as_real(torch.linalg.eigvals(torch.stack(rows)[:2, :2]))


def velocities(games: list[Game], states: Float64[Tensor, "3 games"]) -> Float64[Tensor, "3 games"]:
    """`velocity` of several games by formula, p - t; thousands of steps would be slow otherwise."""
    real, fake, r1, wanted = states.new_tensor([[*game.labels, game.r1, game.wanted] for game in games]).unbind(1)
    point, slope, intercept = states
    on_fake = (slope * point + intercept).sigmoid()
    excess = on_fake - fake
    return torch.stack((slope * (wanted - on_fake), -point * excess - r1 * slope, real - intercept.sigmoid() - excess))


def orbits(games: list[Game]) -> Float64[Tensor, "times 3 games"]:
    """Where each game is at every step, from a generator at 1 and the discriminator of `rest`."""
    state = torch.stack([rest(game) for game in games], dim=1)
    state[0] = 1.0
    path = [state]
    for _ in range(round(TIME / STEP)):
        first = velocities(games, state)
        second = velocities(games, state + STEP / 2 * first)
        third = velocities(games, state + STEP / 2 * second)
        fourth = velocities(games, state + STEP * third)
        state = state + STEP / 6 * (first + 2 * second + 2 * third + fourth)
        path.append(state)
    return torch.stack(path)


def measure(_: object) -> Evidence:
    """Eigenvalues at rest, and where orbits have come to."""
    values = {}
    for name, game in GAMES.items():
        real, imaginary = rates(game).unbind(1)
        values[place("turning" if name not in ASKING else "unmoved", name)] = imaginary.abs().max().item()
        values[place("damped" if game.r1 else "undamped", name)] = real.max().item()
    path = orbits(list(GAMES.values()))
    for name, (point, slope, _level) in zip(GAMES, path[-1].mT.tolist(), strict=True):
        if name in ASKING:
            values |= {place("asking", name): abs(point), place("steep", name): abs(slope)}
        else:
            values[place("penalised" if GAMES[name].r1 else "circling", name)] = math.hypot(point, slope)
    return Evidence(values=values, figures={"orbits": figure(path)})


def figure(path: Float64[Tensor, "times 3 games"]) -> CurvesFigure:
    """The first half of some orbits, in the plane of point and slope."""
    shown = (NONE, ONE_SIDED[0], PENALISED[1], ASKING[0])
    columns = {name: path[: len(path) // 2 : 3, :, list(GAMES).index(name)] for name in shown}
    return CurvesFigure(
        title="Orbits around the rest at (0, 0)",
        x_label="generator's point (the data are at 0)",
        y_label="discriminator's slope",
        x={name: tuple(column[:, 0].tolist()) for name, column in columns.items()},
        y={name: tuple(column[:, 1].tolist()) for name, column in columns.items()},
    )


def parts(names: tuple[str, ...], part: str) -> tuple[Case, ...]:
    """The part of the eigenvalues by formula, the roots of x² + r1 x + stiffness; the larger real one."""
    found = {}
    for name in names:
        gap = GAMES[name].r1 ** 2 / 4 - GAMES[name].stiffness
        turning, growth = math.sqrt(max(-gap, 0.0)), -GAMES[name].r1 / 2 + math.sqrt(max(gap, 0.0))
        # A zero without its sign.
        found[name] = (turning if part == "imaginary" else growth) + 0.0
    return cases(names, "equals", found, within=CLOSE)


CLAIM = Claim(
    name="dirac",
    title="The smallest game (Dirac-GAN)",
    source="Mescheder et al. 2018 (arXiv 1801.04406), with smoothed labels by the same calculation",
    statements=(
        Statement(
            key="turning",
            text="Near its rest, where D = (real + fake)/2, it turns with frequency √((1 - D)(real - fake)/2 - r1²/4).",
            cases=parts((*SMOOTHED, *PENALISED, "R1 1"), "imaginary"),
        ),
        Statement(
            key="undamped",
            text="Smoothing does not damp it: the real part of its eigenvalues stays 0.",
            cases=parts((*SMOOTHED, *ASKING), "real"),
        ),
        Statement(
            key="damped",
            text="R1 does, with the real part -r1/2, whether labels are smoothed or not.",
            cases=parts((*PENALISED, "R1 1"), "real"),
        ),
        Statement(
            key="circling",
            text=f"Without a penalty it circles at over {FAR:g} of its first distance still at time {TIME:g}.",
            cases=cases(SMOOTHED, "above", FAR),
        ),
        Statement(
            key="penalised",
            text=f"With R1 it is nearer than {NEAR:g} of it by then.",
            cases=cases((*PENALISED, "R1 1"), "below", NEAR),
        ),
        Statement(
            key="unmoved",
            text="A generator that asks for the equilibrium is not turned: both eigenvalues are 0.",
            cases=parts(ASKING, "imaginary"),
        ),
        Statement(
            key="asking",
            text=f"It comes to rest on the data, within {NEAR:g}.",
            cases=cases(ASKING, "below", NEAR),
        ),
        Statement(
            key="steep",
            text=f"It does so before a discriminator that is not flat: its slope there is over {STEEP:g}.",
            cases=cases(ASKING, "above", STEEP),
        ),
    ),
    measure=measure,
)
