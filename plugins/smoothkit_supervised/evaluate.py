"""What is measured: during training a little, after it everything."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from smoothkit.data import Dataset
from smoothkit.data.dataset import Part
from smoothkit.measurement import fitted_temperature, measure
from smoothkit.metrics import accuracy, bins_by_group, nll, reliability, top_label
from smoothkit.prediction import predict
from smoothkit.report.figures import Figure
from smoothkit.report.legibility import MOST_DIAGRAMS
from smoothkit.report.measured import (
    gaps_figure,
    group_reliability_figure,
    matrix_figure,
    reliability_figure,
    risk_coverage_figure,
)
from smoothkit.run import Run
from smoothkit.scenario import Better, Result
from smoothkit.targets import Target
from smoothkit_supervised.config import SupervisedConfig

EARLY_SHARE = 0.1
"""The first and the last tenth of training count as early and late."""

MOST_FIGURES = 50
"""Evaluations during training that are kept as figures: each holds every class's distribution."""

MATRIX_TITLES = {"target": "Target distribution", "C": "C, learned over the other classes"}

HEADLINE = (
    "accuracy",
    "nll",
    "ece",
    "confidence_gap",
    "aurc",
    "nll_scaled",
    "margin_mean",
    "margin_variance",
    "confidence_wrong",
)


@dataclass(frozen=True)
class Trained:
    """What training leaves for the evaluation."""

    model: nn.Module
    """The network, or the average of its weights if there is one."""
    target: Target
    data: Dataset
    validation: Part
    """Held out of training: what a temperature may be fitted on."""


def record_progress(
    config: SupervisedConfig, run: Run, step: int, model: nn.Module, data: Dataset, validation: Part
) -> tuple[Tensor, Tensor]:
    """Accuracy and NLL on validation and test: what model selection, honest and otherwise, is later told from.

    Returns the logits of the validation part and its labels, on the run's device.
    """
    found: dict[str, tuple[Tensor, Tensor]] = {}
    for name, part in (("validation", validation), ("test", data.test)):
        logits, labels = found[name] = predict(
            run, model, data, part, batch_size=config.evaluate.batch_size, workers=config.data.workers
        )
        run.record(step, name, {"accuracy": accuracy(logits, labels).item(), "nll": nll(logits, labels).item()})
    logits, labels = found["validation"]
    # Copies, because no gradient can ever be computed with what was made in inference mode.
    return logits.clone().to(run.device), labels.clone().to(run.device)


def record_figures(run: Run, step: int, target: Target, logits: Tensor, labels: Tensor, names: tuple[str, ...]) -> None:
    """Calibration on the validation part and the target's matrices, as they are at this step."""
    diagram = reliability_figure("Reliability on the validation part", reliability(logits.cpu(), labels.cpu()))
    run.record_figures(step, "validation", {"reliability": diagram})
    run.record_figures(step, "target", target_figures(target, names))


def evaluate(config: SupervisedConfig, run: Run, trained: Trained) -> Result:
    """Every chosen metric on the test part, some after temperature scaling too; weights, gradients and pictures."""
    settings = {"batch_size": config.evaluate.batch_size, "workers": config.data.workers}
    logits, labels = predict(run, trained.model, trained.data, trained.data.test, **settings)
    temperature = fitted_temperature(*predict(run, trained.model, trained.data, trained.validation, **settings))
    plain = measure(config.evaluate.metrics, logits, labels)
    after = config.evaluate.after_temperature if math.isfinite(temperature) else ()
    scaled = measure(after, logits / temperature, labels, "_scaled")
    about_training: dict[str, float] = {
        "temperature": temperature,
        **selected_accuracies(run),
        "weight_norm": math.sqrt(sum(p.detach().square().sum().item() for p in trained.model.parameters())),
        **early_and_late(run.history("train/gradient_norm")),
    }
    scalars = {**plain.scalars, **scaled.scalars, **about_training}
    selected: dict[str, Better] = {"accuracy_validation_selected": "higher", "accuracy_best_on_test": "higher"}
    return Result(
        scalars=scalars,
        better={**plain.better, **scaled.better, **selected},
        figures=figures_of(trained, logits, labels, temperature),
        headline=tuple(name for name in HEADLINE if name in scalars),
        intervals={**plain.intervals, **scaled.intervals},
        rows={**plain.rows, **scaled.rows},
    )


def selected_accuracies(run: Run) -> dict[str, float]:
    """Test accuracy at the epoch of best validation accuracy (the first of equals), and the best on test itself.

    The second selects on the test part, as many published tables do; it is here to be compared, not to be quoted.
    """
    validation, test = run.history("validation/accuracy"), dict(run.history("test/accuracy"))
    best_step = max(validation, key=lambda point: point[1])[0]
    return {"accuracy_validation_selected": test[best_step], "accuracy_best_on_test": max(test.values())}


def early_and_late(history: list[tuple[int, float]]) -> dict[str, float]:
    """Mean gradient norm over the first and over the last tenth of training; NaN where there is no record of it.

    A step that the gradient scaler skips in float16 has an infinite norm; it did not train, and does not count.
    """
    last = history[-1][0]
    history = [point for point in history if math.isfinite(point[1])]
    early = [value for step, value in history if step <= EARLY_SHARE * last] or [value for _, value in history[:1]]
    late = [value for step, value in history if step > (1 - EARLY_SHARE) * last]
    return {"gradient_norm_early": mean(early), "gradient_norm_late": mean(late)}


def mean(values: Sequence[float]) -> float:
    """The mean; NaN of nothing."""
    return sum(values) / len(values) if values else math.nan


def figures_of(trained: Trained, logits: Tensor, labels: Tensor, temperature: float) -> dict[str, Figure]:
    """Calibration without and with the temperature, selective prediction, mean outputs by class, target matrices."""
    names = trained.data.class_names
    found: dict[str, Figure] = {
        "reliability": reliability_figure("Reliability on the test part", reliability(logits, labels))
    }
    if math.isfinite(temperature):
        title = f"Reliability at temperature {temperature:.3g}"
        found["reliability_scaled"] = reliability_figure(title, reliability(logits / temperature, labels))
    return {
        **found,
        **calibration_by_prediction(logits, labels, names),
        "risk_coverage": risk_coverage_figure("Selective prediction", {"by confidence": top_label(logits, labels)}),
        "probabilities": matrix_figure("Mean output probabilities", class_means(logits, labels), names),
        **target_figures(trained.target, names),
    }


def calibration_by_prediction(logits: Tensor, labels: Tensor, names: tuple[str, ...]) -> dict[str, Figure]:
    """Which predictions are over-confident: calibration where each class is what was predicted.

    Groups are predicted classes, not true ones: a calibrated model is right c of the time among its predictions of a
    class with confidence c, but not among the samples of a class.
    """
    if len(set(names)) < len(names):
        # Two classes of one name are two groups.
        names = tuple(f"{index} {name}" for index, name in enumerate(names))
    bins = bins_by_group(*top_label(logits, labels), logits.argmax(dim=1), names=names)
    found: dict[str, Figure] = {"gaps": gaps_figure("Confidence minus accuracy, by predicted class", bins)}
    if len(names) <= MOST_DIAGRAMS:
        found["reliability_by_class"] = group_reliability_figure("Reliability by predicted class", bins)
    return found


def target_figures(target: Target, names: tuple[str, ...]) -> dict[str, Figure]:
    """The target's matrix over the classes, LS++'s C."""
    return {
        name: matrix_figure(MATRIX_TITLES.get(name, name), matrix, names)
        for name, matrix in target.matrices().items()
        if len(matrix) == len(names)
    }


def class_means(logits: Float[Tensor, "batch classes"], labels: Tensor) -> Float[Tensor, "classes classes"]:
    """Row y: the mean predicted distribution over the samples of class y; NaN for a class without samples."""
    classes = labels if labels.ndim == 1 else labels.argmax(dim=1)
    probs = logits.double().softmax(dim=1)
    sums = torch.zeros(logits.shape[1], logits.shape[1], dtype=probs.dtype).index_add_(0, classes, probs)
    return sums / torch.bincount(classes, minlength=logits.shape[1]).unsqueeze(1)
