"""What is measured at the end of each round: the pseudo-labels against the truth, and the model."""

import math

from smoothkit.data import ImageSet
from smoothkit.metrics import accuracy, expected_calibration_error, nll
from smoothkit.prediction import predict
from smoothkit.run import Run
from smoothkit_selftrain.bias import measured
from smoothkit_selftrain.config import SelfTrainConfig
from smoothkit_selftrain.pictures import pseudo_pictures
from smoothkit_selftrain.trained import Trained

MOST_FIGURES = 20
"""Rounds whose figures are kept, beside the last one's: each holds every round so far."""


def record_round(config: SelfTrainConfig, run: Run, step: int, round: int, trained: Trained) -> float:
    """Record the pseudo-labels of `round` against the truth, and the model on test and held-out samples.

    Nothing of it reaches the training but what is returned: the share of held-out samples that the model has right,
    NaN where none are held out. All processes call it.
    """
    parts = trained.parts
    truth = parts.truth.reveal()
    run.record(step, "pseudo", measured(trained.chronicle, round, truth, parts.num_classes))
    run.record(step, "test", of_model(config, run, trained, parts.test))
    if round % figures_every(config) == 0 or round == config.train.rounds:
        run.record_figures(step, "pseudo", pseudo_pictures(config, trained.chronicle, truth))
    if not config.data.held_out:
        return math.nan
    held_out = of_model(config, run, trained, parts.held_out)
    run.record(step, "held_out", held_out)
    return held_out["accuracy"]


def of_model(config: SelfTrainConfig, run: Run, trained: Trained, part: ImageSet) -> dict[str, float]:
    """Accuracy, NLL and ECE of the model on some samples."""
    size = config.evaluate.batch_size
    logits, labels = predict(run, trained.model, trained.parts.data, part.to(run.device), batch_size=size)
    return {
        "accuracy": accuracy(logits, labels).item(),
        "nll": nll(logits, labels).item(),
        "ece": expected_calibration_error(logits, labels).item(),
    }


def figures_every(config: SelfTrainConfig) -> int:
    """Rounds between two that are kept as figures."""
    return math.ceil(config.train.rounds / MOST_FIGURES)
