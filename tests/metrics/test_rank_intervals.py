"""Intervals of measures of a ranking: those of a bootstrap of the rows, rare errors, and how often they cover."""

import numpy as np
import pytest
import torch
from scipy.special import logit

from smoothkit.metrics.events import top_label
from smoothkit.metrics.rank_intervals import (
    augrc_interval_of,
    aurc_interval_of,
    excess_aurc_interval_of,
    failure_auroc_interval_of,
)
from smoothkit.metrics.selective import augrc_of, aurc_of, excess_aurc_of, failure_auroc_of

MEASURES = {
    "aurc": (aurc_of, aurc_interval_of),
    "excess_aurc": (excess_aurc_of, excess_aurc_interval_of),
    "augrc": (augrc_of, augrc_interval_of),
    "failure_auroc": (failure_auroc_of, failure_auroc_interval_of),
}
every_measure = pytest.mark.parametrize("name", MEASURES)


def classifier(count, noise, sharpness=1.0):
    """Rows that are right with the probability that their score says, to the power `sharpness`."""
    score = noise.uniform(0.3, 1.0, size=count)
    right = noise.uniform(size=count) < score**sharpness
    return torch.from_numpy(score), torch.from_numpy(right.astype(float))


@every_measure
def test_they_are_those_of_a_bootstrap(name):
    measure, interval_of = MEASURES[name]
    noise = np.random.default_rng(0)
    score, correctness = classifier(1000, noise)
    # Two digits of the score: ties, as they are in every resample.
    score = score.mul(100).round().div(100)
    found = interval_of(score, correctness)
    resamples = (torch.from_numpy(noise.integers(1000, size=1000)) for _ in range(600))
    spread = np.std([logit(float(measure(score[rows], correctness[rows]))) for rows in resamples])
    assert found.estimate == float(measure(score, correctness))
    # The deviation of 600 replicates errs by 3 %.
    assert logit(found.high) - logit(found.estimate) == pytest.approx(1.96 * spread, rel=0.1)
    assert logit(found.estimate) - logit(found.low) == pytest.approx(1.96 * spread, rel=0.1)


def test_golden_area(overconfident):
    interval = aurc_interval_of(*top_label(*overconfident))
    assert interval.estimate == pytest.approx(1 - 0.818679779639, abs=1e-10)
    # What 20,000 resamples give on the scale of log-odds; another 20,000 differ by 2e-5.
    assert (interval.low, interval.high) == pytest.approx((0.16416, 0.19984), abs=3e-4)


@every_measure
@pytest.mark.parametrize("right", [0.0, 1.0])
def test_rows_that_are_alike_show_no_spread(name, right):
    score = torch.linspace(0.5, 1, 20).double()
    assert not MEASURES[name][1](score, torch.full_like(score, right)).is_defined
    assert not MEASURES[name][1](score[:1], torch.full_like(score[:1], right)).is_defined


@every_measure
def test_one_wrong_row_has_bounds_unless_it_is_a_sample_by_itself(name):
    score, correctness = torch.linspace(0.5, 1, 30).double(), torch.ones(30).double()
    correctness[3] = 0
    found = MEASURES[name][1](score, correctness)
    assert found.estimate == float(MEASURES[name][0](score, correctness))
    assert found.is_defined == (name != "failure_auroc")
    if found.is_defined:
        # One event tells the size to within a factor of ten or more.
        assert 0 < found.low < found.estimate / 10
        assert 10 * found.estimate < found.high < 1


@pytest.mark.parametrize("rows", [10, 1000, 100_000])
def test_the_best_order_has_no_excess_that_could_vary(rows):
    score = torch.linspace(0, 1, rows).double()
    for correctness in (score**2, (score > 0.3).double(), (score > score[0]).double()):
        found = excess_aurc_interval_of(score, correctness)
        assert found.estimate == 0
        assert not found.is_defined
    assert not failure_auroc_interval_of(score, (score > 0.3).double()).is_defined
    # The least that can be wrong with it is seen: the two last rows.
    swapped = torch.ones(rows).double()
    swapped[1] = 0
    assert excess_aurc_interval_of(score, swapped).is_defined


def test_scores_need_not_be_probabilities():
    score, correctness = torch.tensor([7.0, -3.0, 2.0, 1.0]).double(), torch.tensor([1.0, 0.0, 0.0, 1.0]).double()
    for measure, interval_of in MEASURES.values():
        assert interval_of(score, correctness)[:3] == interval_of(score.sigmoid(), correctness)[:3]
        assert interval_of(score, correctness).estimate == float(measure(score, correctness))


def covered(count, trials, sharpness=1.0):
    """Of each measure, the share of intervals with bounds that hold what 300,000 rows show."""
    noise = np.random.default_rng(count)
    pool = classifier(300_000, noise, sharpness)
    truths = {name: float(measure(*pool)) for name, (measure, _) in MEASURES.items()}
    hits = {name: [] for name in MEASURES}
    for _ in range(trials):
        sample = classifier(count, noise, sharpness)
        for name, (_, interval_of) in MEASURES.items():
            found = interval_of(*sample)
            if found.is_defined:
                hits[name].append(not found.excludes(truths[name]))
    return {name: np.mean(held) for name, held in hits.items()}


# Of the rows 35 %, 2.4 % or 1 % are wrong, of 150 thus 52, 4 or 1. With 7 wrong ones of 500 a bootstrap covers 85 %.
@pytest.mark.slow
@pytest.mark.parametrize("sharpness", [1.0, 0.05, 0.02])
@pytest.mark.parametrize("count", [150, 1000])
def test_coverage(count, sharpness):
    assert min(covered(count, 2000, sharpness).values()) > 0.935
