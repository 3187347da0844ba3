"""How far one flipped label moves what is learned: exactly for a constant, and measured for a network."""

from collections.abc import Callable, Sequence
from statistics import fmean

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor
from torch.nn import functional as F

from smoothkit.claims.claim import Case, Claim, Evidence, Statement, cases, place
from smoothkit.data.dataset import Part
from smoothkit.data.feed import evaluation_batches
from smoothkit.report.figures import CurvesFigure, IntervalsFigure
from smoothkit.statistics import paired_interval
from smoothkit.targets import LabelSmoothing, OneHot, Target
from smoothkit.targets.uniform import Convention
from smoothkit_principles.lab import Lab
from smoothkit_principles.minimise import minimise

ALPHA, CLASSES, SAMPLES = 0.1, 10, 50
PLAIN = "one-hot"
CONVENTIONS: tuple[Convention, ...] = ("all", "others")
IMAGES, HIDDEN, FLIPS, STEPS, LR, MOMENTUM = 200, 32, 4, 1000, 0.4, 0.9
"""The networks: training images, hidden units, how many have a flipped label, full-batch steps and their size.

So many steps that networks have learned the flipped labels, whatever the target; `learned` is measured to show it.
"""
TRUE_MASS = {PLAIN: 1.0, "all": 1 - ALPHA + ALPHA / CLASSES, "others": 1 - ALPHA}
"""The target's mass of the true class, t_y."""
PLACES = ("test images", "the flipped image")
"""Where the movement of a network's predictions is measured."""
LEARNED = "the flipped label"
"""What has the probability that is measured besides."""
LEARNED_WITHIN, MOVED_WITHIN = 0.05, 0.05
"""How near its target a flipped label's probability is once it is learned, and a ratio of movements its formula."""


def shift_all(alpha: float) -> float:
    """n times the change of a class's mean target when one of n labels is flipped: `t_y - t_k` of "all"."""
    return 1 - alpha


def shift_others(alpha: float) -> float:
    """The same for "others"."""
    return 1 - alpha - alpha / (CLASSES - 1)


def flipped(labels: Int64[Tensor, " samples"], sample: int) -> Int64[Tensor, " samples"]:
    """The labels with that of one sample moved on to the next class."""
    changed = labels.clone()
    changed[sample] = (changed[sample] + 1) % CLASSES
    return changed


def best_constant(target: Target, labels: Int64[Tensor, " samples"]) -> Float64[Tensor, " classes"]:
    """The one prediction for all samples with the least squared error to their targets."""
    rows = target.distribution(labels).double()
    return torch.linalg.lstsq(torch.ones(len(labels), 1, dtype=torch.float64), rows).solution[0]


def best_softmax(target: Target, labels: Int64[Tensor, " samples"]) -> Float64[Tensor, " classes"]:
    """The one prediction for all samples with the least cross-entropy."""

    def loss(logits: Float64[Tensor, " classes"]) -> Float64[Tensor, ""]:
        return target(logits.expand(len(labels), -1), labels)

    return minimise(loss, torch.zeros(CLASSES, dtype=torch.float64)).softmax(dim=0)


def train_networks(
    images: Float[Tensor, "samples pixels"],
    labels: Int64[Tensor, "networks samples"],
    target: Target,
    generator: torch.Generator,
) -> tuple[Float[Tensor, "networks _ _"], ...]:
    """Networks of one hidden layer, one for each row of labels, all from the same weights; what they have learned."""
    networks, pixels = len(labels), images.shape[1]
    start = [
        torch.randn(pixels, HIDDEN, generator=generator) * (2 / pixels) ** 0.5,
        torch.zeros(1, HIDDEN),
        torch.randn(HIDDEN, CLASSES, generator=generator) * (1 / HIDDEN) ** 0.5,
        torch.zeros(1, CLASSES),
    ]
    weights = [tensor.repeat(networks, 1, 1).requires_grad_() for tensor in start]
    optimizer = torch.optim.SGD(weights, lr=LR, momentum=MOMENTUM)
    for _ in range(STEPS):
        optimizer.zero_grad()
        # The sum over networks of each one's mean loss: none has an influence on another.
        loss = networks * target(outputs(images, weights).flatten(0, 1), labels.flatten())
        loss.backward()
        optimizer.step()
    return tuple(weight.detach() for weight in weights)


def outputs(
    images: Float[Tensor, "samples pixels"], weights: Sequence[Float[Tensor, "networks _ _"]]
) -> Float[Tensor, "networks samples classes"]:
    """The logits of every network."""
    first, first_bias, second, second_bias = weights
    return F.relu(images @ first + first_bias) @ second + second_bias


def pixels(lab: Lab, part: Part) -> Float[Tensor, "samples pixels"]:
    """The normalised images of a part of the digits, each as one row."""
    batches = evaluation_batches(part, mean=lab.data.mean, std=lab.data.std, device="cpu")
    return torch.cat([batch.images.flatten(1) for batch in batches])


def movements(lab: Lab, target: Target) -> dict[str, list[float]]:
    """How far each flipped label moves predictions, as Euclidean norms: over test images, and for its own image.

    Besides, the probability that each flipped label ends up with.
    """
    generator = lab.generator("stability/networks")
    chosen = torch.randperm(len(lab.data.train), generator=generator)[:IMAGES]
    drawn = lab.data.train.select(chosen)
    images, test = (pixels(lab, part) for part in (drawn, lab.data.test))
    labels = drawn.labels
    every = torch.stack([labels, *(flipped(labels, sample) for sample in range(FLIPS))])
    weights = train_networks(images, every, target, generator)
    with torch.no_grad():
        unseen, seen = (outputs(part, weights).double().softmax(dim=2) for part in (test, images))
    own = seen[range(1, FLIPS + 1), range(FLIPS)] - seen[0, :FLIPS]
    found = (unseen[1:] - unseen[0]).norm(dim=2).mean(dim=1), own.norm(dim=1)
    moves = {case: each.tolist() for case, each in zip(PLACES, found, strict=True)}
    changed = every[range(1, FLIPS + 1), range(FLIPS)]
    return {**moves, LEARNED: seen[range(1, FLIPS + 1), range(FLIPS), changed].tolist()}


def at(case: str, convention: str) -> str:
    """The case of a convention and a place.

    >>> at("test images", "all")
    'all on test images'
    """
    return f"{convention} on {case}"


def measure(lab: Lab) -> Evidence:
    """Changes of predictions under flipped labels; for the constants times n."""
    labels = torch.cat(
        [torch.arange(CLASSES), torch.randint(CLASSES, (SAMPLES - CLASSES,), generator=lab.generator("stability"))]
    )
    values = {}
    for convention in CONVENTIONS:
        target = LabelSmoothing(CLASSES, ALPHA, convention)
        squared, entropic = (moved(best, target, labels) for best in (best_constant, best_softmax))
        values[place("constant", convention)] = values[place("constant of others", convention)] = squared
        values[place("cross-entropy", convention)] = entropic - squared
    targets = {PLAIN: OneHot(CLASSES), **{key: LabelSmoothing(CLASSES, ALPHA, key) for key in CONVENTIONS}}
    found = {name: movements(lab, target) for name, target in targets.items()}
    for name, moves in found.items():
        values[place("learned", name)] = fmean(moves[LEARNED])
    for convention in CONVENTIONS:
        for case in PLACES:
            values[place("steadier", at(case, convention))] = fmean(found[convention][case]) / fmean(found[PLAIN][case])
        values[place("network", convention)] = values[place("steadier", at(PLACES[1], convention))]
    figures = {"constant": constant_figure(labels), "networks": networks_figure(found)}
    return Evidence(values=values, figures=figures)


def moved(
    best: Callable[[Target, Int64[Tensor, " samples"]], Float64[Tensor, " classes"]],
    target: Target,
    labels: Int64[Tensor, " samples"],
) -> float:
    """n times the largest change of the best constant prediction when the last label is flipped."""
    change = best(target, flipped(labels, len(labels) - 1)) - best(target, labels)
    return len(labels) * change.abs().max().item()


def constant_figure(labels: Int64[Tensor, " samples"]) -> CurvesFigure:
    """n times the change of the best constant prediction against alpha."""
    alphas = tuple(number / 20 for number in range(17))
    return CurvesFigure(
        title=f"One flipped label and the best constant ({CLASSES} classes)",
        x_label="smoothing alpha",
        y_label="n times the change of a probability",
        x={convention: alphas for convention in CONVENTIONS},
        y={
            convention: tuple(
                moved(best_constant, LabelSmoothing(CLASSES, alpha, convention), labels) for alpha in alphas
            )
            for convention in CONVENTIONS
        },
    )


def networks_figure(found: dict[str, dict[str, list[float]]]) -> IntervalsFigure:
    """How far predictions of networks move: means over flipped labels."""
    rows = {at(case, kind): found[kind][case] for case in PLACES for kind in found}
    intervals = [paired_interval(moves) for moves in rows.values()]
    return IntervalsFigure(
        title=f"One flipped label of {IMAGES} (smoothing {ALPHA})",
        names=tuple(rows),
        estimates=tuple(fmean(moves) for moves in rows.values()),
        low=tuple(interval.low for interval in intervals),
        high=tuple(interval.high for interval in intervals),
        counts=tuple(map(len, rows.values())),
        x_label="distance between predictions (probability)",
    )


def both(expected: float) -> tuple[Case, ...]:
    """The same number for either convention."""
    return cases(CONVENTIONS, "equals", expected, within=1e-4)


CLAIM = Claim(
    name="stability",
    title="Stability against one flipped label",
    source="the mean of n targets; uniform stability after Bousquet and Elisseeff 2002",
    statements=(
        Statement(
            key="constant",
            text="One flipped label of n moves the best constant prediction by (1 - alpha)/n.",
            cases=both(shift_all(ALPHA)),
        ),
        Statement(
            key="constant of others",
            text="One flipped label of n moves the best constant prediction by (1 - alpha - alpha/(K - 1))/n.",
            cases=both(shift_others(ALPHA)),
        ),
        Statement(
            key="cross-entropy",
            text="The best constant moves as far for the cross-entropy as for the squared error.",
            cases=both(0.0),
        ),
        Statement(
            key="learned",
            text=f"In {STEPS} steps a network learns one flipped label of {IMAGES}: its probability is t_y.",
            cases=tuple(
                Case(key=key, relation="equals", expected=mass, within=LEARNED_WITHIN)
                for key, mass in TRUE_MASS.items()
            ),
            of_training=True,
        ),
        Statement(
            key="network",
            text="Once learned it moves the network's prediction for its image t_y - t_k times as far as unsmoothed.",
            cases=(
                Case(key="all", relation="equals", expected=shift_all(ALPHA), within=MOVED_WITHIN),
                Case(key="others", relation="equals", expected=shift_others(ALPHA), within=MOVED_WITHIN),
            ),
            of_training=True,
        ),
        Statement(
            key="steadier",
            text="It moves the network's predictions less than it does without smoothing.",
            cases=tuple(
                Case(key=at(case, convention), relation="below", expected=1.0)
                for case in PLACES
                for convention in CONVENTIONS
            ),
            of_training=True,
        ),
    ),
    measure=measure,
)
