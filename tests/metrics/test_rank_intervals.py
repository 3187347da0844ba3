"""The AURC under weights: every order of ties tried out, repeated rows, golden numbers, and coverage."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from smoothkit.metrics.events import top_label
from smoothkit.metrics.rank_intervals import aurc_interval_of, weighted_aurc
from smoothkit.metrics.selective import aurc_of

rows = st.lists(st.tuples(st.sampled_from([0.2, 0.5, 0.9]), st.sampled_from([0.0, 0.25, 1.0])), min_size=1, max_size=6)


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


@given(rows, st.data())
def test_a_weight_is_a_repeated_row(pairs, data):
    weights = data.draw(st.lists(st.integers(0, 2), min_size=len(pairs), max_size=len(pairs)).filter(any))
    repeated = [pair for pair, weight in zip(pairs, weights, strict=True) for _ in range(weight)]
    assume(len(repeated) <= len(pairs))  # a resample has as many rows as there are
    found = weighted_aurc(*tensors(pairs))(np.array([weights]))
    plain = weighted_aurc(*tensors(repeated))(np.ones((1, len(repeated)), dtype=np.int64))
    assert found[0] == pytest.approx(plain[0], abs=1e-12)


@given(rows)
def test_without_resampling_it_is_the_area_that_is_reported(pairs):
    found = weighted_aurc(*tensors(pairs))(np.ones((1, len(pairs)), dtype=np.int64))
    assert found[0] == pytest.approx(float(aurc_of(*tensors(pairs))), abs=1e-12)


def test_golden_area(overconfident):
    interval = aurc_interval_of(*top_label(*overconfident), np.random.default_rng(0), 200)
    assert interval.estimate == pytest.approx(1 - 0.818679779639, abs=1e-10)
    assert interval.low < interval.estimate < interval.high


def test_rows_that_are_all_right_show_no_spread():
    confidence = torch.linspace(0.5, 1, 20).double()
    interval = aurc_interval_of(confidence, torch.ones(20).double(), np.random.default_rng(0), 50)
    assert interval.estimate == 0.0
    assert not interval.is_defined


def test_few_errors_have_bounds():
    confidence = torch.linspace(0.5, 1, 20).double()
    interval = aurc_interval_of(confidence, (confidence > 0.51).double(), np.random.default_rng(0), 200)
    assert interval.estimate == pytest.approx(1 / 400)
    assert 0 == interval.low < interval.estimate < interval.high


def coverage(count, trials, resamples):
    noise = np.random.default_rng(count)
    pool = noise.uniform(0.3, 1.0, size=100_000)
    order = np.argsort(-pool)
    truth = area_in_order(1 - pool[order])
    hits = []
    for _ in range(trials):
        confidence = noise.choice(pool, size=count)
        correctness = (noise.uniform(size=count) < confidence).astype(float)
        sample = torch.from_numpy(confidence), torch.from_numpy(correctness)
        hits.append(not aurc_interval_of(*sample, noise, resamples).excludes(float(truth)))
    return np.mean(hits)


def test_interval_covers_what_it_claims():
    assert coverage(200, 200, 200) > 0.89


@pytest.mark.slow
@pytest.mark.parametrize("count", [150, 1000])
def test_coverage(count):
    assert coverage(count, 1000, 300) > 0.925


def test_what_are_no_events_is_refused():
    with pytest.raises(ValueError, match=r"confidence must lie in 0\.\.1"):
        weighted_aurc(torch.tensor([1.5]).double(), torch.tensor([1.0]).double())
