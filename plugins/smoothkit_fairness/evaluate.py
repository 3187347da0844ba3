"""What is measured of a trained classifier: all rows, each group and each pair, before and after temperature."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from jaxtyping import Float, Int
from torch import Tensor

from smoothkit.data.dataset import Part
from smoothkit.files import write_text
from smoothkit.measurement import measure
from smoothkit.metrics.boundary import Labels
from smoothkit.prediction import predict
from smoothkit.report.figures import Figure
from smoothkit.report.legibility import MOST_DIAGRAMS
from smoothkit.report.measured import gaps_figure, group_reliability_figure
from smoothkit.run import Run
from smoothkit.scenario import Result
from smoothkit_fairness.by_group import GroupedRows, grouped_rows, measure_by_group
from smoothkit_fairness.config import FairnessConfig
from smoothkit_fairness.frame import FILE, table_by_group
from smoothkit_fairness.names import Stage, of_group, of_pair
from smoothkit_fairness.temperature import Temperatures, fit_temperatures, stages_of
from smoothkit_fairness.train import Trained

FIGURE_STAGES: dict[Stage, str] = {"": "", "_scaled": ", after one temperature"}
"""Stages that have pictures, and what their titles add."""

OVERALL = ("accuracy", "nll", "brier", "ece")
"""What the headline says of all rows."""


class Predicted(NamedTuple):
    """What the network says of a part, on the CPU."""

    logits: Float[Tensor, "rows classes"]
    labels: Labels
    groups: Int[Tensor, " rows"]


def evaluate(config: FairnessConfig, run: Run, trained: Trained) -> Result:
    """Every chosen metric on the test part, and `smoothkit_fairness.names` by group, after each temperature.

    Temperatures are fitted on the validation part. The table of groups is written into the run's folder.

    Raises:
        UserError: the file asks for a temperature where none is best.
    """
    validation = predicted(config, run, trained, trained.validation)
    test = predicted(config, run, trained, trained.data.test)
    names = trained.data.group_names
    temperatures = fit_temperatures(*validation, names)
    stages = stages_of(config.evaluate.temperature, temperatures, test.logits, test.groups)
    found = [_summary(test, temperatures, names)]
    rows: list[GroupedRows] = []
    for stage, logits in stages.items():
        overall = measure(config.evaluate.metrics, logits, test.labels, stage)
        rows.append(
            grouped_rows(
                logits,
                test.labels,
                test.groups,
                names,
                stage=stage,
                bins=config.evaluate.bins,
                binning=config.evaluate.binning,
            )
        )
        found += [overall, measure_by_group(rows[-1], config.evaluate.resamples)]
    joined = _joined(found, _figures(rows), names)
    if run.group.is_main:
        write_text(run.directory / FILE, table_by_group(names, joined.scalars, tuple(stages)))
    return joined


def predicted(config: FairnessConfig, run: Run, trained: Trained, part: Part) -> Predicted:
    """The network's logits for a part, with its labels and groups."""
    # Training refuses data without groups.
    assert part.groups is not None
    logits, labels = predict(
        run, trained.model, trained.data, part, batch_size=config.evaluate.batch_size, workers=config.data.workers
    )
    return Predicted(logits, labels, part.groups.cpu())


def _summary(test: Predicted, temperatures: Temperatures, names: Sequence[str]) -> Result:
    """What is the same at every stage: sizes and temperatures."""
    sizes = {of_group("rows", name): float((test.groups == index).sum()) for index, name in enumerate(names)}
    own = {of_group("temperature", name): value for name, value in temperatures.by_group.items()}
    return Result(scalars={**sizes, "temperature": temperatures.overall, **own})


def _figures(stages: Iterable[GroupedRows]) -> dict[str, Figure]:
    """Reliability by group and signed gaps, the largest group first, without and with the one temperature."""
    found: dict[str, Figure] = {}
    for rows in stages:
        if rows.stage not in FIGURE_STAGES:
            continue
        after = FIGURE_STAGES[rows.stage]
        if len(rows.names) <= MOST_DIAGRAMS:
            found[f"reliability_by_group{rows.stage}"] = group_reliability_figure(
                f"Reliability by group{after}", rows.bins
            )
        found[f"gaps_by_group{rows.stage}"] = gaps_figure(f"Confidence minus accuracy, by group{after}", rows.bins)
    return found


def _joined(parts: Sequence[Result], figures: Mapping[str, Figure], names: Sequence[str]) -> Result:
    scalars = {name: value for part in parts for name, value in part.scalars.items()}
    return Result(
        scalars=scalars,
        better={name: direction for part in parts for name, direction in part.better.items()},
        figures=figures,
        headline=_headline(scalars, names),
        intervals={name: bounds for part in parts for name, bounds in part.intervals.items()},
        rows={name: values for part in parts for name, values in part.rows.items()},
    )


def _headline(scalars: Mapping[str, float], names: Sequence[str]) -> tuple[str, ...]:
    """Overall performance, and the difference of the signed gaps if there is one pair.

    A distance between calibration errors, or the largest of many, is the larger the smaller a group is: it stands among
    all scalars, not where it is read first.
    """
    overall = tuple(name for name in OVERALL if name in scalars)
    if len(names) != 2:
        return overall
    first, second = names
    return (*overall, of_pair("gap_difference", first, second))
