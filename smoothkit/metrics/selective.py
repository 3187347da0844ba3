"""Selective prediction: the risk that is left when a classifier answers only where it scores highest.

Rows are accepted in order of a score, the highest first; the score is a confidence or anything else that orders rows.
After k of N rows the coverage is k / N, the selective risk is the share of wrong ones among the k, and the generalised
risk is their number divided by N. Under soft labels a row is wrong with the probability 1 - correctness.

A threshold on the score accepts rows of equal score together or not at all, so the points of a curve, coverage at risk
and risk at coverage are those that thresholds reach. Areas need every k: inside a tie they take the number of wrong
rows to grow evenly, which is its mean over all orders of the tied rows. Nothing depends on the order of the rows.

Nothing changes under a strictly rising function of the score. AURC and AUGRC fall when accuracy rises, even if the
order of the rows is as bad as before: report the excess AURC or the AUROC of correctness beside them.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from smoothkit.metrics.boundary import Labels, check_choice
from smoothkit.metrics.events import check_scored, top_label
from smoothkit.metrics.ties import TiedRuns, tied_runs

AurcRule = Literal["mean", "trapezoid"]
AugrcRule = Literal["integral", "trapezoid"]


@dataclass(frozen=True, eq=False)
class RiskCoverage:
    """The points of a risk-coverage curve: one for each threshold, from the highest score to the lowest."""

    thresholds: Float64[Tensor, " points"]
    """The scores from which on rows are accepted, falling."""
    accepted: Int64[Tensor, " points"]
    """Rows accepted, rising to N."""
    wrong: Float64[Tensor, " points"]
    """How many of them are wrong; under soft labels, how many are expected to be."""

    @property
    def coverage(self) -> Float64[Tensor, " points"]:
        """The share of rows accepted, above 0 to 1."""
        return self.accepted.double() / self.accepted[-1]

    @property
    def risk(self) -> Float64[Tensor, " points"]:
        """The selective risk: the share of the accepted rows that is wrong, 0 to 1."""
        return self.wrong / self.accepted

    @property
    def generalised_risk(self) -> Float64[Tensor, " points"]:
        """The share of all rows that is accepted and wrong, 0 to 1: risk times coverage."""
        return self.wrong / self.accepted[-1]


def risk_coverage_of(score: Float64[Tensor, " rows"], correctness: Float64[Tensor, " rows"]) -> RiskCoverage:
    """The risk-coverage curve of any score: O(N log N), on the device of the score.

    Raises:
        ValueError: there are no rows, the shapes differ, either is no float64 tensor, a score is NaN, or a correctness
            is NaN or outside 0..1.

    >>> curve = risk_coverage_of(torch.tensor([3.0, 1.0, 1.0]).double(), torch.tensor([1.0, 0.0, 1.0]).double())
    >>> curve.accepted, curve.risk
    (tensor([1, 3]), tensor([0.0000, 0.3333], dtype=torch.float64))
    """
    runs = _runs("risk_coverage", score, correctness)
    counts, right = runs.counts.flip(0), runs.correctness_sum.flip(0)
    return RiskCoverage(runs.scores.flip(0), counts.cumsum(0), (counts - right).cumsum(0))


def aurc_of(
    score: Float64[Tensor, " rows"], correctness: Float64[Tensor, " rows"], *, rule: AurcRule = "mean"
) -> Float64[Tensor, ""]:
    """The area under the risk-coverage curve (AURC), 0 to 1.

    "mean" is the mean of the selective risks at k = 1..N, as defined by Geifman, Uziel, El-Yaniv (ICLR 2019, arXiv
    1805.08206): 1 minus the mean selective accuracy of p-lambda's verified_calibration. "trapezoid" joins those risks
    by straight lines and divides by the width 1 - 1/N, as torch-uncertainty does; it is smaller by (mean of first and
    last risk - mean risk) / (N - 1). With one row both are its risk. Raises as `risk_coverage_of` does.

    >>> float(aurc_of(torch.tensor([0.9, 0.6]).double(), torch.tensor([1.0, 0.0]).double()))
    0.25
    """
    check_choice("aurc", "rule", rule, AurcRule)
    wrong = _wrong_by_rank(_runs("aurc", score, correctness))
    risks = wrong / torch.arange(1, len(wrong) + 1, device=wrong.device)
    return _trapezoid(risks) if rule == "trapezoid" else risks.mean()


def excess_aurc_of(
    score: Float64[Tensor, " rows"], correctness: Float64[Tensor, " rows"], *, rule: AurcRule = "mean"
) -> Float64[Tensor, ""]:
    """AURC minus that of the best order of the same rows, all right ones first: 0 to 1, and 0 where nothing is wrong.

    The best order's area is computed, not approximated by (1 - a) + a log a for accuracy a. Raises as
    `risk_coverage_of` does.
    """
    return aurc_of(score, correctness, rule=rule) - aurc_of(correctness, correctness, rule=rule)


def augrc_of(
    score: Float64[Tensor, " rows"], correctness: Float64[Tensor, " rows"], *, rule: AugrcRule = "integral"
) -> Float64[Tensor, ""]:
    """The area under the generalised risk-coverage curve (AUGRC), 0 to 1: the mean risk of silent failures.

    "integral" runs from coverage 0, where the risk is 0, and equals (1 - AUROC) a (1 - a) + (1 - a)^2 / 2 for accuracy
    a and the AUROC of correctness: Traub et al., NeurIPS 2024 (arXiv 2407.01032). "trapezoid" runs from coverage 1/N to
    1 and is divided by that width, as in torch-uncertainty. Raises as `risk_coverage_of` does.

    >>> float(augrc_of(torch.tensor([0.9, 0.6]).double(), torch.tensor([1.0, 0.0]).double()))
    0.125
    """
    check_choice("augrc", "rule", rule, AugrcRule)
    wrong = _wrong_by_rank(_runs("augrc", score, correctness))
    if rule == "trapezoid":
        return _trapezoid(wrong) / len(wrong)
    return (wrong.sum() - wrong[-1] / 2) / len(wrong) ** 2


def coverage_at_risk_of(
    score: Float64[Tensor, " rows"], correctness: Float64[Tensor, " rows"], risk: float
) -> Float64[Tensor, ""]:
    """The largest coverage that a threshold reaches with a selective risk of at most `risk`; 0 if none does.

    Found on the very rows that it is reported for, so it is optimistic; a threshold to be used is chosen on other rows.

    Raises:
        ValueError: `risk` is outside 0..1, or as `risk_coverage_of` says.

    >>> score, correctness = torch.tensor([0.9, 0.8, 0.7]).double(), torch.tensor([1.0, 1.0, 0.0]).double()
    >>> float(coverage_at_risk_of(score, correctness, risk=0.0))
    0.6666666666666666
    """
    if not 0 <= risk <= 1:
        raise ValueError(f"coverage_at_risk: risk must lie in 0..1, got {risk}")
    curve = risk_coverage_of(score, correctness)
    return torch.where(curve.risk <= risk, curve.coverage, 0.0).amax()


def risk_at_coverage_of(
    score: Float64[Tensor, " rows"], correctness: Float64[Tensor, " rows"], coverage: float
) -> Float64[Tensor, ""]:
    """The selective risk at the smallest coverage of at least `coverage` that a threshold reaches, 0 to 1.

    Raises:
        ValueError: `coverage` is not above 0 and at most 1, or as `risk_coverage_of` says.

    >>> score, correctness = torch.tensor([0.9, 0.8, 0.7]).double(), torch.tensor([1.0, 0.0, 0.0]).double()
    >>> float(risk_at_coverage_of(score, correctness, coverage=0.5))
    0.5
    """
    if not 0 < coverage <= 1:
        raise ValueError(f"risk_at_coverage: coverage must be above 0 and at most 1, got {coverage}")
    curve = risk_coverage_of(score, correctness)
    return curve.risk[torch.searchsorted(curve.coverage, coverage)]


def failure_auroc_of(score: Float64[Tensor, " rows"], correctness: Float64[Tensor, " rows"]) -> Float64[Tensor, ""]:
    """The AUROC of correctness: the probability that a right row scores above a wrong one, a tie counting one half.

    0 to 1, 1/2 for a score that tells nothing; NaN where no row is right or none is wrong. A soft row counts as right
    with the weight of its correctness and as wrong with the rest. Raises as `risk_coverage_of` does.

    >>> float(failure_auroc_of(torch.tensor([0.9, 0.6, 0.6]).double(), torch.tensor([1.0, 1.0, 0.0]).double()))
    0.75
    """
    runs = _runs("failure_auroc", score, correctness)
    right, wrong = runs.correctness_sum, runs.counts - runs.correctness_sum
    below = wrong.cumsum(0) - wrong / 2
    return (right * below).sum() / (right.sum() * wrong.sum())


def risk_coverage(
    outputs: Float[Tensor, "rows classes"],
    labels: Labels,
    *,
    from_logits: bool = True,
    ignore_index: int | None = None,
) -> RiskCoverage:
    """The risk-coverage curve of the predicted class's confidence; `smoothkit.metrics.boundary` has the rules."""
    events = top_label(outputs, labels, metric="risk_coverage", from_logits=from_logits, ignore_index=ignore_index)
    return risk_coverage_of(*events)


def aurc(
    outputs: Float[Tensor, "rows classes"],
    labels: Labels,
    *,
    rule: AurcRule = "mean",
    from_logits: bool = True,
    ignore_index: int | None = None,
) -> Float64[Tensor, ""]:
    """The area under the risk-coverage curve of the predicted class's confidence, 0 to 1: see `aurc_of`."""
    events = top_label(outputs, labels, metric="aurc", from_logits=from_logits, ignore_index=ignore_index)
    return aurc_of(*events, rule=rule)


def excess_aurc(
    outputs: Float[Tensor, "rows classes"],
    labels: Labels,
    *,
    rule: AurcRule = "mean",
    from_logits: bool = True,
    ignore_index: int | None = None,
) -> Float64[Tensor, ""]:
    """The AURC of the predicted class's confidence less that of the best order, 0 to 1: see `excess_aurc_of`."""
    events = top_label(outputs, labels, metric="excess_aurc", from_logits=from_logits, ignore_index=ignore_index)
    return excess_aurc_of(*events, rule=rule)


def augrc(
    outputs: Float[Tensor, "rows classes"],
    labels: Labels,
    *,
    rule: AugrcRule = "integral",
    from_logits: bool = True,
    ignore_index: int | None = None,
) -> Float64[Tensor, ""]:
    """The area under the generalised risk-coverage curve of the confidence, 0 to 1: see `augrc_of`."""
    events = top_label(outputs, labels, metric="augrc", from_logits=from_logits, ignore_index=ignore_index)
    return augrc_of(*events, rule=rule)


def coverage_at_risk(
    outputs: Float[Tensor, "rows classes"],
    labels: Labels,
    risk: float,
    *,
    from_logits: bool = True,
    ignore_index: int | None = None,
) -> Float64[Tensor, ""]:
    """The largest coverage by confidence with a selective risk of at most `risk`: see `coverage_at_risk_of`."""
    events = top_label(outputs, labels, metric="coverage_at_risk", from_logits=from_logits, ignore_index=ignore_index)
    return coverage_at_risk_of(*events, risk)


def risk_at_coverage(
    outputs: Float[Tensor, "rows classes"],
    labels: Labels,
    coverage: float,
    *,
    from_logits: bool = True,
    ignore_index: int | None = None,
) -> Float64[Tensor, ""]:
    """The selective risk by confidence at a coverage of at least `coverage`: see `risk_at_coverage_of`."""
    events = top_label(outputs, labels, metric="risk_at_coverage", from_logits=from_logits, ignore_index=ignore_index)
    return risk_at_coverage_of(*events, coverage)


def failure_auroc(
    outputs: Float[Tensor, "rows classes"],
    labels: Labels,
    *,
    from_logits: bool = True,
    ignore_index: int | None = None,
) -> Float64[Tensor, ""]:
    """The AUROC with which confidence tells right predictions from wrong ones: see `failure_auroc_of`."""
    events = top_label(outputs, labels, metric="failure_auroc", from_logits=from_logits, ignore_index=ignore_index)
    return failure_auroc_of(*events)


def _runs(metric: str, score: Float64[Tensor, " rows"], correctness: Float64[Tensor, " rows"]) -> TiedRuns:
    check_scored(metric, score, correctness)
    return tied_runs(score, correctness)


def _wrong_by_rank(runs: TiedRuns) -> Float64[Tensor, " rows"]:
    """The number of wrong rows among the k of highest score, for k = 1..N, growing evenly inside a tie."""
    counts, right = runs.counts.flip(0), runs.correctness_sum.flip(0)
    wrong = counts - right
    if len(counts) == int(counts.sum()):
        return wrong.cumsum(0)
    before, wrong_before = counts.cumsum(0) - counts, wrong.cumsum(0) - wrong
    run_of = torch.repeat_interleave(torch.arange(len(counts), device=counts.device), counts)
    rank_in_run = torch.arange(1, len(run_of) + 1, device=counts.device) - before[run_of]
    return wrong_before[run_of] + rank_in_run * wrong[run_of] / counts[run_of]


def _trapezoid(values: Float64[Tensor, " rows"]) -> Float64[Tensor, ""]:
    """The mean height over the polygon through equidistant values."""
    return values.mean() if len(values) == 1 else torch.trapezoid(values) / (len(values) - 1)
