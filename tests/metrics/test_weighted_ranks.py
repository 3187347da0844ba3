"""Measures under weights are those of repeated rows, in every order of ties; intervals of the curve's points cover."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from smoothkit.metrics.selective import aurc_of, coverage_at_risk_of, risk_at_coverage_of
from smoothkit.metrics.selective_intervals import coverage_at_risk_interval_of, risk_at_coverage_interval_of
from smoothkit.metrics.weighted_ranks import weighted_aurc, weighted_risk_at_coverage

MEASURES = {
    "aurc": (aurc_of, weighted_aurc, ()),
    "risk_at_half": (risk_at_coverage_of, weighted_risk_at_coverage, (0.5,)),
    "risk_at_all": (risk_at_coverage_of, weighted_risk_at_coverage, (1.0,)),
}
every_measure = pytest.mark.parametrize("name", MEASURES)
tenths = st.sampled_from([0.1, 0.4, 0.5, 0.9])
rows = st.lists(st.tuples(tenths, st.sampled_from([0.0, 0.25, 1.0])), min_size=1, max_size=6)


def tensors(pairs):
    return tuple(torch.tensor(column).double() for column in zip(*pairs, strict=True))


def area_in_order(risks):
    return np.mean(np.cumsum(risks) / np.arange(1, len(risks) + 1))


def area_by_enumeration(pairs):
    """The mean over every order of the rows in which confidence never rises."""
    orders = [
        order
        for order in itertools.permutations(pairs)
        if all(one[0] >= other[0] for one, other in itertools.pairwise(order))
    ]
    return np.mean([area_in_order([1 - correctness for _, correctness in order]) for order in orders])


@given(rows)
def test_ties_count_as_the_mean_over_their_orders(pairs):
    found = weighted_aurc(*tensors(pairs))(np.ones((1, len(pairs)), dtype=np.int64))
    assert found[0] == pytest.approx(area_by_enumeration(pairs), abs=1e-12)


@every_measure
@given(pairs=rows, data=st.data())
def test_a_weight_is_a_repeated_row(name, pairs, data):
    measure, weighted, options = MEASURES[name]
    weights = data.draw(st.lists(st.integers(0, 2), min_size=len(pairs), max_size=len(pairs)).filter(any))
    repeated = [pair for pair, weight in zip(pairs, weights, strict=True) for _ in range(weight)]
    assume(len(repeated) <= len(pairs))  # a resample has as many rows as there are
    found = weighted(*tensors(pairs), *options)(np.array([weights]))
    assert found[0] == pytest.approx(float(measure(*tensors(repeated), *options)), abs=1e-12)


def classifier(count, noise, sharpness=1.0):
    """Rows that are right with the probability that their confidence says, to the power `sharpness`."""
    confidence = noise.uniform(0.3, 1.0, size=count)
    right = noise.uniform(size=count) < confidence**sharpness
    return torch.from_numpy(confidence), torch.from_numpy(right.astype(float))


def covered(measure, interval_of, count, trials, sharpness=1.0):
    noise = np.random.default_rng(count)
    truth = float(measure(*classifier(300_000, noise, sharpness)))
    intervals = (interval_of(*classifier(count, noise, sharpness), noise) for _ in range(trials))
    return np.mean([interval.low <= truth <= interval.high for interval in intervals])


def risk_covered(coverage, count, trials, resamples):
    return covered(
        lambda *events: risk_at_coverage_of(*events, coverage),
        lambda *drawn: risk_at_coverage_interval_of(*drawn[:2], coverage, drawn[2], resamples),
        count,
        trials,
    )


@pytest.mark.parametrize("coverage", [0.5, 1.0])
def test_the_risk_at_a_coverage_is_covered(coverage):
    assert risk_covered(coverage, 150, 150, 150) > 0.89


@pytest.mark.slow
@pytest.mark.parametrize("coverage", [0.5, 1.0])
@pytest.mark.parametrize("count", [150, 1000])
def test_coverage(coverage, count):
    assert abs(risk_covered(coverage, count, 1000, 300) - 0.95) < 0.03


@pytest.mark.parametrize(("risk", "sharpness"), [(0.02, 1.0), (0.1, 1.0), (0.3, 1.0), (0.02, 0.1), (0.2, 0.1)])
def test_the_coverage_at_a_risk_is_covered_even_where_few_rows_are_accepted(risk, sharpness):
    # A percentile bootstrap covers 45 % to 87 % where few of the accepted rows are wrong.
    found = covered(
        lambda *events: coverage_at_risk_of(*events, risk),
        lambda *events: coverage_at_risk_interval_of(*events[:2], risk),
        200,
        200,
        sharpness,
    )
    assert found > 0.91


def test_few_right_rows_do_not_show_that_the_risk_is_low():
    score = torch.linspace(0.5, 1, 20).double()
    found = coverage_at_risk_interval_of(score, torch.ones(20).double(), 0.05)
    assert (found.low, found.estimate, found.high) == (0.0, 1.0, 1.0)
    many = coverage_at_risk_interval_of(torch.linspace(0.5, 1, 2000).double(), torch.ones(2000).double(), 0.05)
    assert many.low > 0.99


def test_without_wrong_rows_the_risk_has_no_bounds():
    score = torch.linspace(0.5, 1, 30).double()
    found = risk_at_coverage_interval_of(score, torch.ones(30).double(), 0.5, np.random.default_rng(0), 50)
    assert found.estimate == 0
    assert not found.is_defined


def test_what_are_no_events_is_refused():
    with pytest.raises(ValueError, match=r"confidence must lie in 0\.\.1"):
        weighted_aurc(torch.tensor([1.5]).double(), torch.tensor([1.0]).double())
    with pytest.raises(ValueError, match=r"correctness must lie in 0\.\.1"):
        weighted_risk_at_coverage(torch.tensor([0.5]).double(), torch.tensor([1.5]).double(), 0.5)
