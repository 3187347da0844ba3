"""What smoothing has to do with wrong labels: in expectation over the noise, and on networks that learn them."""

from collections.abc import Mapping
from math import log10

import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from smoothkit.claims.claim import Case, Claim, Evidence, Statement, cases, place
from smoothkit.metrics import share_interval
from smoothkit.report.figures import CurvesFigure, IntervalsFigure
from smoothkit.targets import LabelSmoothing, NegativeSmoothing, OneHot, Target
from smoothkit.targets.uniform import Convention
from smoothkit_principles.claims.gradient import logit_gradient
from smoothkit_principles.lab import Lab
from smoothkit_principles.minimise import minimise
from smoothkit_principles.networks import TrainedNetwork, outputs

CLASSES, ROWS = 10, 64
RATES = {"20 % wrong": 0.2, "60 % wrong": 0.6}
SMOOTHED = {"alpha = 0.1": 0.1, "alpha = 0.5": 0.5}
CONVENTIONS: tuple[Convention, ...] = ("all", "others")
ALPHA = 0.1
"""Smoothing on top of the noise, in expectation."""
WARMUP = 0.5
"""Share of the training before negative smoothing, without which the logits part before they have learned anything."""
EXACT, CLOSE = 1e-12, 1e-4
"""Gradients in float64, and minima that descent finds: the loss is flat to rounding around them."""

STEEP = 30.0
"""A margin at which nothing but the true class is left in a prediction."""

ONE_HOT, NEGATIVE, FORWARD = "one-hot", "negative", "forward"


def as_all(rate: float) -> float:
    """The alpha of "all" that is alpha = rate of "others", `b = r K/(K - 1)`."""
    return rate * CLASSES / (CLASSES - 1)


def undoing(rate: float) -> float:
    """The negative alpha whose matrix is the inverse of the noise's.

    With U the matrix of entries 1/K, noise is (1 - b) I + b U and smoothing (1 - a) I + a U. As U U = U their product
    is the identity where (1 - a)(1 - b) = 1, at a = -b/(1 - b).
    """
    return -as_all(rate) / (1 - as_all(rate))


def noise(rate: float) -> Float64[Tensor, "classes classes"]:
    """How likely each true class, a row, gets each label: of those replaced all K - 1 wrong ones are as likely."""
    wrong = torch.full((CLASSES, CLASSES), rate / (CLASSES - 1), dtype=torch.float64)
    return wrong.fill_diagonal_(1 - rate)


def expected_gradient(
    target: Target, logits: Float64[Tensor, "rows classes"], labels: Int64[Tensor, " rows"], rate: float
) -> Float64[Tensor, "rows classes"]:
    """The mean of the gradients that a row's possible labels have, by how likely each is."""
    likely = noise(rate)[labels]
    parts = [
        likely[:, label, None] * logit_gradient(target, logits, torch.full_like(labels, label))
        for label in range(CLASSES)
    ]
    return torch.stack(parts).sum(dim=0)


def learned(target: Target | None, clean: Float64[Tensor, "1 classes"], rate: float) -> Float64[Tensor, "1 classes"]:
    """The prediction of least expected loss where `clean` is how likely classes are; None for the forward correction.

    The forward correction (Patrini et al. 2017) sends the prediction through the noise before it meets the label.
    """
    noisy = clean @ noise(rate)

    def loss(logits: Float64[Tensor, "1 classes"]) -> Float64[Tensor, ""]:
        if target is None:
            return -(noisy * (logits.softmax(dim=1) @ noise(rate)).log()).sum()
        return target(logits, noisy)

    return minimise(loss, torch.zeros_like(clean)).softmax(dim=1)


def slope(target: Target) -> float:
    """How the loss changes with the true logit where that leads all others by far: below 0 where it falls for ever."""
    logits = torch.zeros(1, CLASSES, dtype=torch.float64)
    logits[0, 0] = STEEP
    return logit_gradient(target, logits, torch.zeros(1, dtype=torch.int64))[0, 0].item()


def correctors(rate: float) -> dict[str, Target | None]:
    """What is trained against wrong labels."""
    return {
        ONE_HOT: OneHot(CLASSES),
        "smoothing": LabelSmoothing(CLASSES, as_all(rate), "all"),
        NEGATIVE: NegativeSmoothing(CLASSES, undoing(rate)),
        FORWARD: None,
    }


def in_expectation(lab: Lab) -> dict[str, float]:
    """How far the expected gradient and the best prediction are from what is said of them, at the most."""
    generator = lab.generator("label-noise")
    logits = 3 * torch.randn(ROWS, CLASSES, dtype=torch.float64, generator=generator)
    labels = torch.randint(CLASSES, (ROWS,), generator=generator)
    clean = torch.randn(1, CLASSES, dtype=torch.float64, generator=generator).softmax(dim=1)

    def apart(trained: Target, rate: float, same_as: Target) -> float:
        noisy = expected_gradient(trained, logits, labels, rate)
        return (noisy - logit_gradient(same_as, logits, labels)).abs().max().item()

    rate = RATES["20 % wrong"]
    twice = 1 - (1 - ALPHA) * (1 - as_all(rate))
    values = {}
    for convention in CONVENTIONS:
        one_hot, smoothing = OneHot(CLASSES), LabelSmoothing(CLASSES, ALPHA, convention)
        values[place("noise", convention)] = apart(one_hot, rate, LabelSmoothing(CLASSES, rate, convention))
        values[place("noise of all", convention)] = apart(
            one_hot, rate, LabelSmoothing(CLASSES, as_all(rate), convention)
        )
        values[place("twice", convention)] = apart(smoothing, rate, LabelSmoothing(CLASSES, twice, convention))
    for key, rate in RATES.items():
        values[place("undone", key)] = apart(NegativeSmoothing(CLASSES, undoing(rate)), rate, OneHot(CLASSES))
        values[place("unbounded", key)] = slope(NegativeSmoothing(CLASSES, undoing(rate)))
    for name, target in correctors(RATES["60 % wrong"]).items():
        found = learned(target, clean, RATES["60 % wrong"])
        values[place("corrected", name)] = (found - clean).abs().max().item()
    return values


def networks(lab: Lab, rate: float) -> dict[str, TrainedNetwork]:
    """Networks that were trained with wrong labels."""
    return {
        ONE_HOT: lab.network("onehot", noise=rate),
        **{key: lab.network("ls", noise=rate, alpha=alpha, convention="all") for key, alpha in SMOOTHED.items()},
        NEGATIVE: lab.network("negative-ls", noise=rate, alpha=undoing(rate), warmup=WARMUP),
    }


def wrong_learned(network: TrainedNetwork, lab: Lab, rate: float) -> float:
    """The share of the wrong labels that the network predicts for its training images."""
    noisy = lab.noisy(rate)
    logits, labels = outputs(network.model, noisy, noisy.train)
    wrong = labels != lab.data.train.labels
    return (logits.argmax(dim=1) == labels)[wrong].double().mean().item()


def pair(name: str, key: str) -> str:
    """The case of an alpha and a share of wrong labels.

    >>> pair("alpha = 0.1", "20 % wrong")
    'alpha = 0.1 at 20 % wrong'
    """
    return f"{name} at {key}"


def measure(lab: Lab) -> Evidence:
    """The identities, and what networks make of clean test images and of the wrong labels."""
    values = in_expectation(lab)
    trained = {key: networks(lab, rate) for key, rate in RATES.items()}
    for key, rate in RATES.items():
        accuracy = {name: network.epochs[-1].accuracy for name, network in trained[key].items()}
        memory = {name: wrong_learned(network, lab, rate) for name, network in trained[key].items()}
        for name in SMOOTHED:
            values[place("helps", pair(name, key))] = accuracy[name] - accuracy[ONE_HOT]
            values[place("memory", pair(name, key))] = memory[name] - memory[ONE_HOT]
            values[place("negative better", pair(name, key))] = accuracy[NEGATIVE] - accuracy[name]
        values[place("negative helps", key)] = accuracy[NEGATIVE] - accuracy[ONE_HOT]
        spread = {name: trained[key][name].logits.double().std().item() for name in (ONE_HOT, NEGATIVE)}
        values[place("kept", key)] = log10(spread[NEGATIVE] / spread[ONE_HOT])
    last = list(RATES)[-1]
    return Evidence(
        values=values, figures={"accuracy": accuracy_figure(trained), "epochs": epochs_figure(trained[last], last)}
    )


def accuracy_figure(trained: Mapping[str, Mapping[str, TrainedNetwork]]) -> IntervalsFigure:
    """The share of clean test images that each network gets right."""
    rows = {pair(name, key): network for key, found in trained.items() for name, network in found.items()}
    shares = [
        share_interval((network.logits.argmax(dim=1) == network.labels).sum().double().item(), len(network.labels))
        for network in rows.values()
    ]
    return IntervalsFigure(
        title="Test accuracy after training (digits)",
        names=tuple(rows),
        estimates=tuple(share.estimate for share in shares),
        low=tuple(share.low for share in shares),
        high=tuple(share.high for share in shares),
        counts=tuple(len(network.labels) for network in rows.values()),
        x_label="share of test images that are right",
        reference=1.0,
    )


def epochs_figure(found: Mapping[str, TrainedNetwork], key: str) -> CurvesFigure:
    """How accuracy on clean images falls while wrong labels are learned."""
    return CurvesFigure(
        title=f"Test accuracy in training, {key} (digits)",
        x_label="epoch",
        y_label="share of test images that are right",
        x={name: tuple(map(float, range(1, len(network.epochs) + 1))) for name, network in found.items()},
        y={name: tuple(epoch.accuracy for epoch in network.epochs) for name, network in found.items()},
    )


def conventions() -> tuple[Case, ...]:
    """The same gradients, in either convention."""
    return cases(CONVENTIONS, "equals", 0.0, within=EXACT)


PAIRS = tuple(pair(name, key) for key in RATES for name in SMOOTHED)

CLAIM = Claim(
    name="label-noise",
    title="Wrong labels",
    source="Lukasik et al. 2020, arXiv 2003.02819; Wei et al. 2022, arXiv 2106.04149; Patrini et al. 2017",
    statements=(
        Statement(
            key="noise",
            text="In expectation, labels of which a share r is wrong at random have the gradient of smoothing by r.",
            cases=conventions(),
        ),
        Statement(
            key="noise of all",
            text="In expectation they have the gradient of smoothing by b = r K/(K - 1).",
            cases=conventions(),
        ),
        Statement(
            key="twice",
            text="Smoothing does not correct them, it adds to them: together they smooth by 1 - (1 - alpha)(1 - b).",
            cases=conventions(),
        ),
        Statement(
            key="undone",
            text="Negative smoothing by alpha = -b/(1 - b) undoes them: the expected gradient is that of right labels.",
            cases=cases(RATES, "equals", 0.0, within=EXACT),
        ),
        Statement(
            key="corrected",
            text="At the least expected loss the prediction is that for right labels (60 % wrong).",
            cases=cases(correctors(0.0), "equals", 0.0, within=CLOSE),
        ),
        Statement(
            key="helps",
            text="A network that has seen wrong labels is right more often on test images if they were smoothed.",
            cases=cases(PAIRS, "above", 0.0),
            of_training=True,
        ),
        Statement(
            key="memory",
            text="With smoothing it learns fewer of the wrong labels.",
            cases=cases(PAIRS, "below", 0.0),
            of_training=True,
        ),
        Statement(
            key="unbounded",
            text="The negatively smoothed loss has a lowest value: far out it rises with the true logit.",
            cases=cases(RATES, "above", 0.0),
        ),
        Statement(
            key="kept",
            text="Logits trained with it stay together: log10 of their spread over that without smoothing is below 0.",
            cases=cases(RATES, "below", 0.0),
            of_training=True,
        ),
        Statement(
            key="negative helps",
            text="Trained as long as the others, negative smoothing that undoes the noise makes it right more often.",
            cases=cases(RATES, "above", 0.0),
            of_training=True,
        ),
        Statement(
            key="negative better",
            text="So trained, negative smoothing makes it right more often than smoothing does.",
            cases=cases(PAIRS, "above", 0.0),
            of_training=True,
        ),
    ),
    measure=measure,
)
