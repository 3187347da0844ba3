"""How far each row moves a measure of selective prediction: its derivative by the row's weight, times the rows.

These measures are smooth in the weights of the rows. A sample's error is, to first order, the mean of its influences,
and their squares give its variance without resampling (the infinitesimal jackknife; Efron, SIAM 1982). All take
O(N log N), on the device of the score, and have the mean 0. They raise as `smoothkit.metrics.selective` says.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from smoothkit.metrics.events import check_scored
from smoothkit.metrics.ties import tied_runs

Influences = Float64[Tensor, " rows"]


class _Ranks(NamedTuple):
    """Rows in falling order of their score, those of equal score in one run."""

    sizes: Float64[Tensor, " runs"]
    wrong: Float64[Tensor, " runs"]
    """How many rows of the run are wrong."""
    run_of: Int64[Tensor, " rows"]
    """The run of each row."""


def aurc_influences(score: Float64[Tensor, " rows"], correctness: Float64[Tensor, " rows"]) -> Influences:
    """Of the area under the risk-coverage curve, `aurc_of(..., rule="mean")`.

    A run with the mean risk e, after W rows of which E are wrong, adds e to the risk at each of its k, and
    (E - W e) / k. The sum of 1 / k over a run, a difference of harmonic numbers H, is smooth in the weights, with
    H(k) = digamma(k + 1) + Euler's constant. A row acts in its own run, by its risk on all later ones, and by its place
    on where those begin and end.
    """
    sizes, wrong, run_of = _ranks("aurc_interval", score, correctness)
    after, risk = sizes.cumsum(0), wrong / sizes
    before = after - sizes
    beyond = wrong.cumsum(0) - wrong - before * risk
    harmonic, slope = torch.digamma(after + 1), torch.polygamma(1, after + 1)
    # Inside the run: the sum of 1 / k, and how fast that grows if the run is moved back.
    inside = harmonic - torch.digamma(before + 1)
    moved = slope - torch.polygamma(1, before + 1)
    later = beyond * moved - risk * inside
    by_place = later.sum() - later.cumsum(0) + beyond * slope + before * risk * inside / sizes
    by_risk = 1 + harmonic[-1] - harmonic - before * inside / sizes
    slopes = by_place[run_of] + by_risk[run_of] * (1 - correctness)
    # More weight on every row changes the area by O(1/N), since H is no logarithm; the mean takes that off.
    return slopes - slopes.mean()


def excess_aurc_influences(score: Float64[Tensor, " rows"], correctness: Float64[Tensor, " rows"]) -> Influences:
    """Of the AURC less that of the best order."""
    return aurc_influences(score, correctness) - aurc_influences(correctness, correctness)


def augrc_influences(score: Float64[Tensor, " rows"], correctness: Float64[Tensor, " rows"]) -> Influences:
    """Of the area under the generalised risk-coverage curve, `augrc_of(..., rule="integral")`.

    The area is the share of ordered pairs of rows, each with itself too, whose first is wrong and scores higher, a tie
    counting one half: a row acts as the first of its pairs and as the second.
    """
    sizes, wrong, run_of = _ranks("augrc_interval", score, correctness)
    wrong_above = wrong.cumsum(0) - wrong / 2
    below = sizes.sum() - sizes.cumsum(0) + sizes / 2
    slopes = (wrong_above[run_of] + below[run_of] * (1 - correctness)) / len(score)
    return slopes - slopes.mean()


def failure_auroc_influences(score: Float64[Tensor, " rows"], correctness: Float64[Tensor, " rows"]) -> Influences:
    """Of the AUROC of correctness; NaN where no row is right or none is wrong.

    Their squares add up to the variance of DeLong, DeLong, Clarke-Pearson (Biometrics 44, 1988), with the sizes of the
    two classes as divisors; in order of the score it takes no pairs (Sun, Xu, IEEE Signal Processing Letters 21, 2014).
    """
    sizes, wrong, run_of = _ranks("failure_auroc_interval", score, correctness)
    right = sizes - wrong
    wrong_below = (wrong.sum() - wrong.cumsum(0) + wrong / 2) / wrong.sum()
    right_above = (right.cumsum(0) - right / 2) / right.sum()
    area = (right * wrong_below).sum() / right.sum()
    of_right = correctness * (wrong_below[run_of] - area) / right.sum()
    of_wrong = (1 - correctness) * (right_above[run_of] - area) / wrong.sum()
    return len(score) * (of_right + of_wrong)


def _ranks(metric: str, score: Float64[Tensor, " rows"], correctness: Float64[Tensor, " rows"]) -> _Ranks:
    check_scored(metric, score, correctness)
    runs = tied_runs(score, correctness)
    sizes = runs.counts.flip(0).double()
    run_of = len(sizes) - 1 - torch.searchsorted(runs.scores, score)
    return _Ranks(sizes, sizes - runs.correctness_sum.flip(0), run_of)
