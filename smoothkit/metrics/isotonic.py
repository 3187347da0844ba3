"""Calibration by isotonic regression: the part of a score that a monotone correction of the confidences would save."""

from typing import Literal, NamedTuple

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from smoothkit.metrics.boundary import Labels, check_choice
from smoothkit.metrics.events import check_events, top_label
from smoothkit.metrics.ties import TiedRuns, tied_runs

Score = Literal["brier", "log"]


class ScoreDecomposition(NamedTuple):
    """The CORP parts of a proper score: miscalibration - discrimination + uncertainty = score, to rounding."""

    miscalibration: Float64[Tensor, ""]
    """What isotonic recalibration saves: 0 or more, and 0 just where it would change nothing."""
    discrimination: Float64[Tensor, ""]
    """What the recalibrated confidences save over the overall rate alone: 0 or more, 0 where order tells nothing."""
    uncertainty: Float64[Tensor, ""]
    """The score of the overall rate, which does not depend on the confidences."""
    score: Float64[Tensor, ""]


def score_decomposition_of(
    confidence: Float64[Tensor, " rows"], correctness: Float64[Tensor, " rows"], *, score: Score = "brier"
) -> ScoreDecomposition:
    """Split the mean score of events into miscalibration, discrimination and uncertainty, without bins.

    Recalibrated confidences are the isotonic (non-decreasing) least-squares fit of correctness on confidence, found by
    pooling adjacent violators, which is optimal for every proper score at once. The score is the mean of (p - y)^2, for
    soft correctness of (p - q)^2, whose uncertainty is the variance of q; or with `score="log"` the cross-entropy in
    nats, infinite (with the miscalibration) where an event went against certainty. Source: Dimitriadis, Gneiting,
    Jordan, "Stable reliability diagrams for probabilistic classifiers", PNAS 118 (2021), arXiv 2008.03033. The fit runs
    on the CPU.

    Raises:
        ValueError: there are no events, or a value is NaN or lies outside 0..1.

    >>> parts = score_decomposition_of(torch.tensor([0.5, 1.0]).double(), torch.tensor([0.0, 1.0]).double())
    >>> [float(part) for part in parts]
    [0.125, 0.25, 0.25, 0.125]
    """
    check_choice("score_decomposition", "score", score, Score)
    check_events("score_decomposition", confidence, correctness)
    runs = tied_runs(confidence, correctness)
    rate = runs.correctness_sum.sum() / len(confidence)
    # Within a run, correctness spreads around its mean by the same amount whatever the forecast of the run is.
    spread = 0.0
    if score == "brier":
        spread = float(correctness.square().sum() - (runs.correctness_sum.square() / runs.counts).sum())
    given, recalibrated, constant = (
        _mean_score(forecast, runs, score) + spread / len(confidence)
        for forecast in (runs.scores, isotonic_fit(runs), rate.expand_as(runs.scores))
    )
    return ScoreDecomposition(given - recalibrated, constant - recalibrated, constant, given)


def score_decomposition(
    outputs: Float[Tensor, "rows classes"],
    labels: Labels,
    *,
    score: Score = "brier",
    from_logits: bool = True,
    ignore_index: int | None = None,
) -> ScoreDecomposition:
    """`score_decomposition_of` for the events that the predicted class is right."""
    events = top_label(
        outputs, labels, metric="score_decomposition", from_logits=from_logits, ignore_index=ignore_index
    )
    return score_decomposition_of(events.confidence, events.correctness, score=score)


def isotonic_fit(runs: TiedRuns) -> Float64[Tensor, " runs"]:
    """The non-decreasing sequence that is nearest to the runs' rates of coming true, in least squares over the rows."""
    # Importing SciPy's optimisers takes longer than the fit, and most processes do not come here.
    from scipy.optimize import isotonic_regression

    rates = runs.correctness_sum / runs.counts
    fit = isotonic_regression(rates.cpu().numpy(), weights=runs.counts.double().cpu().numpy()).x
    return torch.from_numpy(fit).to(rates.device)


def _mean_score(forecast: Float64[Tensor, " runs"], runs: TiedRuns, score: Score) -> Float64[Tensor, ""]:
    rates = runs.correctness_sum / runs.counts
    if score == "brier":
        scores = (forecast - rates).square()
    else:
        scores = -(torch.xlogy(rates, forecast) + torch.xlogy(1 - rates, 1 - forecast))
    return (runs.counts * scores).sum() / runs.counts.sum()
