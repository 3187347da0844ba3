"""A generator that starts far from the data: what smoothing does to its arrival, in training."""

from itertools import pairwise
from typing import TYPE_CHECKING

from jaxtyping import Float
from torch import Tensor

from smoothkit.claims.claim import Case, Claim, Evidence, Statement, cases, place
from smoothkit.report.figures import CurvesFigure
from smoothkit_gan.truths.labels import LABELS, NONE, ONE_SIDED, TWO_SIDED
from smoothkit_gan.truths.race import Course, Game, race

if TYPE_CHECKING:
    from smoothkit_gan.truths.bench import Bench

ARRIVED = 0.5
"""The distance at which a generator has arrived; the standard deviation of the data is 0.1."""
AT_ONCE = 10.0
"""Steps that are no delay."""
LATE = 20.0
"""Steps that are one."""
END = 50
"""Last steps; what is said of the end is a mean over them."""
REST = 0.1
"""How near the data the mean of a generator is that has found them."""
CLOSE = 0.02
"""How near its equilibrium a discriminator must come."""

SMOOTH = 5
"""Steps to a point of the picture."""

ASKING = "one-sided 0.1, generator asks for 0.45"
TURNED = {name: f"saturating, {name}" for name in (NONE, ONE_SIDED[0])}
GAMES: dict[str, Game] = {
    **{name: Game(LABELS[name]) for name in (NONE, *ONE_SIDED, TWO_SIDED)},
    ASKING: Game(LABELS[ONE_SIDED[0]], wanted=LABELS[ONE_SIDED[0]].equilibrium),
    **{case: Game(LABELS[name], saturating=True) for name, case in TURNED.items()},
}
PROMPT = (*ONE_SIDED, ASKING)
SETTLED = (NONE, *ONE_SIDED)


def arrival(distances: Float[Tensor, " steps"]) -> float:
    """When the distance first falls below `ARRIVED`, in steps, between two by a straight line; all of them if never.

    >>> import torch
    >>> arrival(torch.tensor([4.0, 1.0, 0.25, 0.0])), arrival(torch.tensor([4.0, 1.0]))
    (2.6666666666666665, 2.0)
    """
    values = distances.tolist()
    for step, (before, after) in enumerate(pairwise(values), start=1):
        if after < ARRIVED:
            return step + (before - ARRIVED) / (before - after) if before > ARRIVED else float(step)
    return float(len(values))


def measure(bench: "Bench") -> Evidence:
    """Arrivals against that without smoothing, and how the games stand at the end."""
    course = race(list(GAMES.values()), bench)
    arrivals = {name: arrival(each) for name, each in zip(GAMES, course.distances, strict=True)}
    ends = dict(zip(GAMES, course.distances[:, -END:].mean(1).tolist(), strict=True))
    said = dict(zip(GAMES, course.said[:, -END:].mean(1).tolist(), strict=True))
    values = {place("prompt", name): arrivals[name] - arrivals[NONE] for name in PROMPT}
    values[place("late", TWO_SIDED)] = arrivals[TWO_SIDED] - arrivals[NONE]
    for name in SETTLED:
        values[place("found", name)] = ends[name]
        values[place("equilibrium", name)] = said[name]
    for name, case in TURNED.items():
        values[place("lost", case)] = ends[case]
        values[place("certain", case)] = said[case] - LABELS[name].equilibrium
    return Evidence(values=values, figures={"distance": figure(course)})


def figure(course: Course) -> CurvesFigure:
    """The distance of generators over their steps, as means over `SMOOTH` of them."""
    shown = [name for name in GAMES if name not in (ONE_SIDED[1], ASKING)]
    curves = {name: course.distances[list(GAMES).index(name)].split(SMOOTH) for name in shown}
    return CurvesFigure(
        title="A generator that starts far away",
        x_label="step of the generator",
        y_label="distance of its mean from the data's",
        x={name: tuple(SMOOTH * (index + 0.5) for index in range(len(each))) for name, each in curves.items()},
        y={name: tuple(part.mean().item() for part in each) for name, each in curves.items()},
    )


CLAIM = Claim(
    name="far-start",
    title="A generator that starts far away",
    source="measured: small perceptrons in one dimension, all games from the same weights and with the same samples",
    statements=(
        Statement(
            key="prompt",
            text=f"With one-sided smoothing the generator arrives as soon as without, within {AT_ONCE:g} steps.",
            cases=cases(PROMPT, "equals", 0.0, within=AT_ONCE),
            of_training=True,
        ),
        Statement(
            key="late",
            text=f"With smoothed labels of fakes it arrives over {LATE:g} steps later.",
            cases=cases((TWO_SIDED,), "above", LATE),
            of_training=True,
        ),
        Statement(
            key="found",
            text=f"At the end the mean of its samples is within {REST:g} of the data's.",
            cases=cases(SETTLED, "below", REST),
            of_training=True,
        ),
        Statement(
            key="equilibrium",
            text="Then the discriminator says (real + fake)/2 of real samples, not 1 - alpha.",
            cases=tuple(
                Case(key=name, relation="equals", expected=LABELS[name].equilibrium, within=CLOSE) for name in SETTLED
            ),
            of_training=True,
        ),
        Statement(
            key="lost",
            text=f"The saturating loss is not rescued: its generator stays over {REST:g} away, smoothed or not.",
            cases=cases(TURNED.values(), "above", REST),
            of_training=True,
        ),
        Statement(
            key="certain",
            text="There the discriminator goes on to tell real from fake: it says over 0.2 more than (real + fake)/2.",
            cases=cases(TURNED.values(), "above", 0.2),
            of_training=True,
        ),
    ),
    measure=measure,
)
