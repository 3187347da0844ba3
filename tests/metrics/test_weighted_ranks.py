"""Selective measures under weights are those of repeated rows; their intervals cover."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from smoothkit.metrics.selective import (
    augrc_of,
    coverage_at_risk_of,
    excess_aurc_of,
    failure_auroc_of,
    risk_at_coverage_of,
)
from smoothkit.metrics.selective_intervals import coverage_at_risk_interval_of, share_statistic_interval
from smoothkit.metrics.weighted_ranks import (
    weighted_augrc,
    weighted_excess_aurc,
    weighted_failure_auroc,
    weighted_risk_at_coverage,
)

MEASURES = {
    "excess_aurc": (excess_aurc_of, weighted_excess_aurc, ()),
    "augrc": (augrc_of, weighted_augrc, ()),
    "failure_auroc": (failure_auroc_of, weighted_failure_auroc, ()),
    "risk_at_half": (risk_at_coverage_of, weighted_risk_at_coverage, (0.5,)),
    "risk_at_all": (risk_at_coverage_of, weighted_risk_at_coverage, (1.0,)),
}
every_measure = pytest.mark.parametrize("name", MEASURES)
tenths = st.sampled_from([0.1, 0.4, 0.5, 0.9])
rows = st.lists(st.tuples(tenths, st.sampled_from([0.0, 0.25, 1.0])), min_size=1, max_size=9)


def tensors(pairs):
    return tuple(torch.tensor(column).double() for column in zip(*pairs, strict=True))


@every_measure
@given(pairs=rows, data=st.data())
def test_a_weight_is_a_repeated_row(name, pairs, data):
    measure, weighted, options = MEASURES[name]
    weights = np.array([data.draw(st.lists(st.integers(0, 2), min_size=len(pairs), max_size=len(pairs)))])
    weights[0, 0] += len(pairs) - min(weights.sum(), len(pairs))
    repeated = [pair for pair, weight in zip(pairs, weights[0], strict=True) for _ in range(weight)]
    if len(repeated) > len(pairs):
        repeated, weights = pairs, np.ones_like(weights)  # a resample has as many rows as there are
    found = weighted(*tensors(pairs), *options)(weights)
    assert found[0] == pytest.approx(float(measure(*tensors(repeated), *options)), abs=1e-12, nan_ok=True)


def test_scores_need_not_be_probabilities():
    score, correctness = torch.tensor([7.0, -3.0, 2.0]).double(), torch.tensor([1.0, 0.0, 1.0]).double()
    assert weighted_failure_auroc(score, correctness)(np.ones((1, 3), dtype=np.int64)).tolist() == [1.0]


def classifier(count, noise, sharpness=1.0):
    """Rows that are right with the probability that their confidence says, to the power `sharpness`."""
    confidence = noise.uniform(0.3, 1.0, size=count)
    right = noise.uniform(size=count) < confidence**sharpness
    return torch.from_numpy(confidence), torch.from_numpy(right.astype(float))


def covered(name, count, trials, resamples, sharpness=1.0):
    noise = np.random.default_rng(count)
    measure, weighted, options = MEASURES[name]
    truth = float(measure(*classifier(300_000, noise, sharpness), *options))
    intervals = (
        share_statistic_interval(weighted(*classifier(count, noise, sharpness), *options), count, noise, resamples)
        for _ in range(trials)
    )
    return np.mean([interval.low <= truth <= interval.high for interval in intervals])


@every_measure
def test_intervals_cover_what_they_claim(name):
    assert covered(name, 150, 150, 150) > 0.89


@pytest.mark.slow
@every_measure
@pytest.mark.parametrize("count", [150, 1000])
def test_coverage(name, count):
    assert abs(covered(name, count, 1000, 300) - 0.95) < 0.03


def coverage_covered(count, risk, trials, sharpness):
    noise = np.random.default_rng(count)
    truth = float(coverage_at_risk_of(*classifier(300_000, noise, sharpness), risk))
    intervals = [coverage_at_risk_interval_of(*classifier(count, noise, sharpness), risk) for _ in range(trials)]
    return np.mean([interval.low <= truth <= interval.high for interval in intervals])


@pytest.mark.parametrize(("risk", "sharpness"), [(0.02, 1.0), (0.1, 1.0), (0.3, 1.0), (0.02, 0.1), (0.2, 0.1)])
def test_the_coverage_at_a_risk_is_covered_even_where_few_rows_are_accepted(risk, sharpness):
    # A percentile bootstrap covers 45 % to 87 % where few of the accepted rows are wrong.
    assert coverage_covered(200, risk, 200, sharpness) > 0.91


def test_few_right_rows_do_not_show_that_the_risk_is_low():
    score = torch.linspace(0.5, 1, 20).double()
    found = coverage_at_risk_interval_of(score, torch.ones(20).double(), 0.05)
    assert (found.low, found.estimate, found.high) == (0.0, 1.0, 1.0)
    many = coverage_at_risk_interval_of(torch.linspace(0.5, 1, 2000).double(), torch.ones(2000).double(), 0.05)
    assert many.low > 0.99


def test_without_wrong_rows_there_are_no_bounds():
    score = torch.linspace(0.5, 1, 30).double()
    right = torch.ones(30).double()
    for _, weighted, options in MEASURES.values():
        assert not share_statistic_interval(
            weighted(score, right, *options), 30, np.random.default_rng(0), 50
        ).is_defined
    right[3] = 0
    one_wrong = share_statistic_interval(weighted_failure_auroc(score, right), 30, np.random.default_rng(0), 50)
    assert one_wrong.estimate == pytest.approx(26 / 29)
    assert math.isnan(one_wrong.low)


@pytest.mark.parametrize("weighted", [weighted_augrc, weighted_failure_auroc])
def test_what_are_no_events_is_refused(weighted):
    with pytest.raises(ValueError, match=r"correctness must lie in 0\.\.1"):
        weighted(torch.tensor([0.5]).double(), torch.tensor([1.5]).double())
