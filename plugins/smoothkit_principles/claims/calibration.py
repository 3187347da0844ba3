"""Whether smoothing makes confidence match what comes true, over a sweep of alpha; and what a temperature does."""

from collections.abc import Callable, Mapping
from math import nan

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from smoothkit.claims.claim import Case, Claim, Evidence, Relation, Statement, cases, place
from smoothkit.data.splits import split
from smoothkit.metrics import (
    Events,
    NoBestTemperature,
    Reliability,
    aurc_of,
    brier,
    calibration_error_of,
    confidence_gap,
    confidence_gap_interval_of,
    confidence_gap_of,
    debiased_squared_error_interval_of,
    debiased_squared_error_of,
    excess_aurc_of,
    fit_temperature,
    mean_interval,
    normalised_max_logit,
    null_calibration_error_of,
    reliability,
    top_label,
)
from smoothkit.metrics.rank_intervals import excess_aurc_interval_of
from smoothkit.metrics.scores import brier_rows, row_scores
from smoothkit.report.figures import CurvesFigure, Figure
from smoothkit.report.measured import group_reliability_figure, risk_coverage_figure
from smoothkit.statistics import Interval
from smoothkit_principles.lab import Lab

PLAIN = "one-hot"
LABELLED = {"right labels": 0.0, "20 % wrong labels": 0.2}
"""Shares of wrong labels under which a network without smoothing is trained."""
SWEEP = {f"alpha = {alpha}": alpha for alpha in (0.05, 0.1, 0.2, 0.3, 0.5)}
SHOWN = (PLAIN, "alpha = 0.1", "alpha = 0.5")
"""Networks with a picture of their own."""
SETTLED = 1e-3
"""A squared calibration error within which a network is calibrated: gaps of about three hundredths."""

Logits = Float[Tensor, "samples classes"]
Labels = Int64[Tensor, " samples"]
Measure = Callable[[Logits, Labels], float | Interval]
Curves = Mapping[str, Mapping[str, float | Interval]]
"""Numbers by network, for each curve."""


def numbers(logits: Logits, labels: Labels) -> dict[str, float]:
    """Calibration and selection of one network's predictions."""
    bins, events = reliability(logits, labels), top_label(logits, labels)
    found = {
        "gap": confidence_gap_of(bins),
        "error": calibration_error_of(bins),
        "null": null_calibration_error_of(bins),
        "squared": debiased_squared_error_of(equal_bins(logits, labels)),
        "brier": brier(logits, labels),
        "aurc": aurc_of(*events),
        "excess": excess_aurc_of(*events),
    }
    return {name: value.item() for name, value in found.items()}


def by_score(logits: Logits, labels: Labels) -> Events:
    """The predictions with the normalised largest logit, 0 to 1, in place of their confidence."""
    return Events(normalised_max_logit(logits), top_label(logits, labels).correctness)


def tempered(
    logits: Logits, labels: Labels, halves: tuple[Int64[Tensor, " _"], Int64[Tensor, " _"]]
) -> Float64[Tensor, "samples classes"] | None:
    """The logits of each half divided by the temperature that suits the other one.

    None where a half has no best temperature, because nothing in it is wrong.
    """
    found = torch.empty_like(logits, dtype=torch.float64)
    try:
        for fitted, measured in (halves, halves[::-1]):
            found[measured] = fit_temperature(logits[fitted], labels[fitted]).apply(logits[measured].double())
    except NoBestTemperature:
        return None
    return found


def sweep(lab: Lab) -> tuple[dict[str, Logits], Labels]:
    """The networks' outputs for the test part, and its labels."""
    networks = {PLAIN: lab.network("onehot")}
    networks |= {key: lab.network("ls", alpha=alpha, convention="all") for key, alpha in SWEEP.items()}
    return {key: network.logits for key, network in networks.items()}, networks[PLAIN].labels


def measure(lab: Lab) -> Evidence:
    """Every number for every alpha, as it is and less that of the network without smoothing."""
    outputs, labels = sweep(lab)
    halves = split(labels, len(labels) // 2, lab.generator("calibration"))
    after = {key: tempered(logits, labels, halves) for key, logits in outputs.items()}
    found = {key: numbers(logits, labels) for key, logits in outputs.items()}
    fixed = {
        key: dict.fromkeys(found[key], nan) if logits is None else numbers(logits, labels)
        for key, logits in after.items()
    }
    values = {
        place("over-confident", key): confidence_gap(lab.network("onehot", noise=noise).logits, labels).item()
        for key, noise in LABELLED.items()
    }
    for key, logits in outputs.items():
        values[place("beyond chance", key)] = found[key]["error"] - found[key]["null"]
        values[place("score", key)] = excess_aurc_of(*by_score(logits, labels)).item() - found[key]["excess"]
    for key in SWEEP:
        values[place("under-confident", key)] = found[key]["gap"]
        values[place("temperature", key)] = fixed[key]["squared"]
        for statement, name in (("ece", "error"), ("squared", "squared"), ("brier", "brier"), ("aurc", "aurc")):
            values[place(statement, key)] = found[key][name] - found[PLAIN][name]
        values[place("order", key)] = found[key]["excess"] - found[PLAIN]["excess"]
        values[place("instead", key)] = fixed[PLAIN]["error"] - found[key]["error"]
        values[place("both", key)] = fixed[key]["brier"] - fixed[PLAIN]["brier"]
    return Evidence(values=values, figures=figures(outputs, after, labels))


def figures(
    outputs: Mapping[str, Logits], after: Mapping[str, Float64[Tensor, "samples classes"] | None], labels: Labels
) -> dict[str, Figure]:
    """The sweep, before and after a temperature; reliability and risk of some of its networks."""
    fixed = {key: logits for key, logits in after.items() if logits is not None}
    bins = {key: reliability(logits, labels) for key, logits in outputs.items()}
    events = {key: top_label(logits, labels) for key, logits in outputs.items()}
    scored = {key: by_score(logits, labels) for key, logits in outputs.items()}

    def both(measure: Measure) -> Curves:
        stages = {"as trained": outputs, "after temperature": fixed}
        return {name: {key: measure(logits, labels) for key, logits in found.items()} for name, found in stages.items()}

    chance = {"if calibrated, by chance": {key: null_calibration_error_of(found).item() for key, found in bins.items()}}
    order = {
        name: {key: excess_aurc_interval_of(*found) for key, found in kinds.items()}
        for name, kinds in (("by confidence", events), ("by normalised largest logit", scored))
    }
    gap = "mean confidence minus accuracy"
    return {
        "ece": sweep_figure("Calibration error (ECE)", "mean gap of confidence and accuracy", {**both(ece), **chance}),
        "squared": sweep_figure("Squared calibration error, freed of its bias", "mean squared gap", both(squared)),
        "gap": sweep_figure("Over-confident above 0, under-confident below", gap, both(gap_interval)),
        "brier": sweep_figure("Brier score", "mean squared distance from the label", both(brier_interval)),
        "order": sweep_figure("AURC beyond that of the best order", "share of wrong predictions", order),
        "reliability": group_reliability_figure("Reliability as trained (digits)", {key: bins[key] for key in SHOWN}),
        "risk": risk_coverage_figure("Risk and coverage as trained (digits)", {key: events[key] for key in SHOWN}),
    }


def ece(logits: Logits, labels: Labels) -> float:
    """The binned calibration error.

    It has no interval over samples: resampled it is larger than it is, and an interval near 0 misses the truth.
    """
    return calibration_error_of(reliability(logits, labels)).item()


def squared(logits: Logits, labels: Labels) -> Interval:
    """The squared calibration error, freed of its bias, with its 95 % interval over samples."""
    return debiased_squared_error_interval_of(equal_bins(logits, labels), np.random.default_rng(0))


def gap_interval(logits: Logits, labels: Labels) -> Interval:
    """Mean confidence minus accuracy with its 95 % interval over samples."""
    return confidence_gap_interval_of(reliability(logits, labels))


def brier_interval(logits: Logits, labels: Labels) -> Interval:
    """The Brier score with its 95 % interval over samples."""
    return mean_interval(row_scores("brier", brier_rows, logits, labels))


def equal_bins(logits: Logits, labels: Labels) -> Reliability:
    """The predictions in bins of equally many."""
    return reliability(logits, labels, binning="mass")


def sweep_figure(title: str, y_label: str, curves: Curves) -> CurvesFigure:
    """Curves over alpha, one-hot being 0; with a band where there are intervals."""
    bands = {
        name: {key: value for key, value in curve.items() if isinstance(value, Interval)}
        for name, curve in curves.items()
    }
    return CurvesFigure(
        title=f"{title} (digits)",
        x_label="smoothing alpha (0: one-hot)",
        y_label=y_label,
        x={name: tuple(SWEEP.get(key, 0.0) for key in curve) for name, curve in curves.items()},
        y={
            name: tuple(value.estimate if isinstance(value, Interval) else value for value in curve.values())
            for name, curve in curves.items()
        },
        low={name: tuple(found.low for found in band.values()) for name, band in bands.items() if band},
        high={name: tuple(found.high for found in band.values()) for name, band in bands.items() if band},
    )


def swept(relation: Relation, *more: str) -> tuple[Case, ...]:
    """Above or below 0 at each alpha, and in other cases before."""
    return cases((*more, *SWEEP), relation, 0.0)


CLAIM = Claim(
    name="calibration",
    title="Calibration",
    source="Müller et al. 2019; Guo et al. 2017 on temperature; Xia et al. 2025, arXiv 2403.14715, on selection",
    statements=(
        Statement(
            key="over-confident",
            text="A network trained on one-hot labels is over-confident.",
            cases=cases(LABELLED, "above", 0.0),
            of_training=True,
        ),
        Statement(
            key="under-confident",
            text="Smoothing makes a network under-confident: its confidence is below its accuracy.",
            cases=swept("below"),
            of_training=True,
        ),
        Statement(
            key="ece", text="Smoothing lowers the calibration error (ECE).", cases=swept("below"), of_training=True
        ),
        Statement(
            key="squared",
            text="Smoothing lowers the squared calibration error, freed of its bias.",
            cases=swept("below"),
            of_training=True,
        ),
        Statement(
            key="beyond chance",
            text="The calibration error is larger than chance gives a calibrated network on as many samples.",
            cases=swept("above", PLAIN),
            of_training=True,
        ),
        Statement(key="brier", text="Smoothing lowers the Brier score.", cases=swept("below"), of_training=True),
        Statement(
            key="temperature",
            text="A temperature that was fitted on other samples calibrates a smoothed network.",
            cases=cases(SWEEP, "equals", 0.0, within=SETTLED),
            of_training=True,
        ),
        Statement(
            key="instead",
            text="A temperature without smoothing leaves a lower calibration error than smoothing without one.",
            cases=swept("below"),
            of_training=True,
        ),
        Statement(
            key="both",
            text="With a temperature for each, the Brier score is lower with smoothing than without.",
            cases=swept("below"),
            of_training=True,
        ),
        Statement(
            key="aurc",
            text="Smoothing lowers the risk when a network answers only where it is confident (AURC).",
            cases=swept("below"),
            of_training=True,
        ),
        Statement(
            key="order",
            text="Smoothing spoils the order by confidence: AURC beyond that of the best order rises.",
            cases=swept("above"),
            of_training=True,
        ),
        Statement(
            key="score",
            text="The order by the normalised largest logit is better than that by confidence.",
            cases=swept("below", PLAIN),
            of_training=True,
        ),
    ),
    measure=measure,
)
