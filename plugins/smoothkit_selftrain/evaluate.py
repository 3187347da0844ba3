"""What is measured of a trained student: the model, its pseudo-labels, and what simple methods come to beside it."""

import math

from smoothkit.data import ImageSet
from smoothkit.measurement import measure
from smoothkit.metrics import accuracy, reliability
from smoothkit.prediction import predict
from smoothkit.report.measured import reliability_figure
from smoothkit.run import Run
from smoothkit.scenario import Better, Result
from smoothkit_selftrain.anchors import anchors
from smoothkit_selftrain.bias import Classes, measured
from smoothkit_selftrain.caps import cap_of
from smoothkit_selftrain.config import SelfTrainConfig
from smoothkit_selftrain.figures.rounds import RoundsFigure
from smoothkit_selftrain.pictures import pseudo_pictures
from smoothkit_selftrain.quantities import SCALARS
from smoothkit_selftrain.timing import Timing
from smoothkit_selftrain.trained import Trained

BETTER: dict[str, Better] = {
    "transduction": "higher",
    "pseudo_accuracy": "higher",
    "pseudo_accuracy_selected": "higher",
    "pseudo_confidence_wrong": "lower",
    "pseudo_ece": "lower",
    "pseudo_class_divergence": "lower",
    "pseudo_class_divergence_selected": "lower",
    "pseudo_persistence": "lower",
    "pseudo_persistence_selected": "lower",
    "pseudo_corruption": "lower",
    "pseudo_amplification": "lower",
}


def evaluate(config: SelfTrainConfig, run: Run, trained: Trained) -> Result:
    """The metrics that are asked for on the test part, what the pseudo-labels of the measured round are worth, accuracy
    on the unlabelled samples, and the same of scikit-learn's methods."""
    parts, settings = trained.parts, {"batch_size": config.evaluate.batch_size}
    truth = parts.truth.reveal()
    logits, labels = predict(run, trained.model, parts.data, parts.test, **settings)
    found = measure(config.evaluate.metrics, logits, labels)
    unlabelled = ImageSet(parts.unlabelled, truth).to(run.device)
    pseudo = measured(trained.chronicle, trained.selected_round, truth, parts.num_classes)
    scalars = {
        **found.scalars,
        "transduction": accuracy(*predict(run, trained.model, parts.data, unlabelled, **settings)).item(),
        "selected_round": float(trained.selected_round),
        "cap_headroom": cap_headroom(config, trained),
        **{f"pseudo_{name}": value for name, value in pseudo.items()},
        **anchors(config, run.seed, parts, truth),
    }
    return Result(
        scalars=scalars,
        better={**found.better, **BETTER},
        figures={
            "rounds": RoundsFigure.of("Rounds", values_by_round(config, run, trained, truth)),
            **pseudo_pictures(config, trained.chronicle, truth),
            "reliability": reliability_figure("Reliability on the test part", reliability(logits, labels)),
        },
        headline=tuple(each.name for each in SCALARS if each.name in scalars),
        intervals=found.intervals,
        rows=found.rows,
    )


def cap_headroom(config: SelfTrainConfig, trained: Trained) -> float:
    """How far the threshold lies below the cap of pseudo-labels, the most that a model which fits them gives a class:
    negative where it starves. NaN where there is no threshold or no cap."""
    threshold, cap = config.select.threshold, cap_of(trained.pseudo_target)
    if threshold is None or cap is None or config.pseudo.labels == "soft":
        return math.nan
    return cap - threshold


def values_by_round(config: SelfTrainConfig, run: Run, trained: Trained, truth: Classes) -> dict[int, dict[str, float]]:
    """The pseudo-labels of each round that ended, and the test accuracy that was recorded then."""
    recorded, timing = dict(run.history("test/accuracy")), Timing.of(config.train)
    found = {}
    for round in trained.chronicle.rounds:
        pseudo = measured(trained.chronicle, round, truth, trained.parts.num_classes)
        found[round] = {
            "accuracy": recorded[timing.supervised_steps + round * timing.steps],
            **{f"pseudo_{name}": value for name, value in pseudo.items()},
        }
    return found
