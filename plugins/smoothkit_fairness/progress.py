"""What is measured during training: a little of each group, on validation and test."""

import math

from torch import Tensor, nn

from smoothkit.data import Dataset
from smoothkit.data.dataset import Part
from smoothkit.metrics import accuracy, bins_by_group, confidence_gap, metric_by_group, nll, top_label
from smoothkit.prediction import predict
from smoothkit.report.figures import Figure
from smoothkit.report.legibility import MOST_DIAGRAMS
from smoothkit.report.measured import gaps_figure, group_reliability_figure
from smoothkit.run import Run
from smoothkit_fairness.config import EvaluateConfig, FairnessConfig
from smoothkit_fairness.names import of_group

MOST_FIGURES = 20
"""Evaluations during training that are kept as figures: each holds the bins of every group."""

MEASURED = {"accuracy": accuracy, "nll": nll, "gap": confidence_gap}


def record_progress(
    config: FairnessConfig, run: Run, step: int, model: nn.Module, data: Dataset, validation: Part
) -> tuple[Tensor, Tensor]:
    """Accuracy, NLL and the signed gap on validation and test, of all samples and of each group.

    Returns the logits of the validation part and its labels, on the CPU.
    """
    found: dict[str, tuple[Tensor, Tensor]] = {}
    for name, part in (("validation", validation), ("test", data.test)):
        logits, labels = found[name] = predict(
            run, model, data, part, batch_size=config.evaluate.batch_size, workers=config.data.workers
        )
        assert part.groups is not None
        run.record(step, name, measured(logits, labels, part.groups, data.group_names))
    logits, labels = found["validation"]
    # Copies, because no gradient can ever be computed with what was made in inference mode.
    return logits.clone(), labels.clone()


def measured(logits: Tensor, labels: Tensor, groups: Tensor, names: tuple[str, ...]) -> dict[str, float]:
    """Each quantity by its name, and that of each group by the group's; a group without rows has none."""
    values: dict[str, float] = {}
    for quantity, metric in MEASURED.items():
        found = metric_by_group(metric, groups, logits, labels, names=names)
        by_group = {of_group(quantity, group): value for group, value in found.by_group.items()}
        values |= {quantity: found.overall, **{name: v for name, v in by_group.items() if not math.isnan(v)}}
    return values


def figures_every(config: FairnessConfig) -> int:
    """Epochs between two records of figures: as many evaluations as fit into `MOST_FIGURES`."""
    every = config.evaluate.every
    return every * math.ceil(config.train.epochs / every / MOST_FIGURES)


def group_figures(
    config: EvaluateConfig, logits: Tensor, labels: Tensor, groups: Tensor, names: tuple[str, ...]
) -> dict[str, Figure]:
    """The signed gap of each group, and its reliability in bins that all share where the groups are few."""
    bins = bins_by_group(*top_label(logits, labels), groups, names=names, bins=config.bins, binning=config.binning)
    found: dict[str, Figure] = {"gaps": gaps_figure("Confidence minus accuracy on the validation part", bins)}
    if len(names) <= MOST_DIAGRAMS:
        found["reliability"] = group_reliability_figure("Reliability on the validation part", bins)
    return found
