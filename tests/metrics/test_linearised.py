"""The delta method: where it is Student's interval, scipy's, or that of Fleiss, Cohen and Everitt; and its coverage."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats
from torch.nn import functional as F

from smoothkit.metrics.events import top_label
from smoothkit.metrics.kappa import weighted_kappa, weighted_kappa_interval
from smoothkit.metrics.linearised import (
    effective_rows,
    linearised_interval,
    quotient_interval,
    satterthwaite_freedom,
    variance_interval,
)

values = st.lists(st.floats(-5, 5).map(lambda value: round(value, 3)), min_size=3, max_size=20).filter(
    lambda them: len(set(them)) > 1
)


def student(sample):
    return stats.t.interval(0.95, len(sample) - 1, np.mean(sample), stats.sem(sample))


@given(values)
def test_of_a_mean_it_is_students(sample):
    rows = torch.tensor(sample, dtype=torch.float64)
    found = linearised_interval(float(rows.mean()), rows - rows.mean())
    assert (found.low, found.high) == pytest.approx(student(sample), rel=1e-9, abs=1e-12)


@given(values, st.integers(0, 5))
def test_a_quotient_of_counted_rows_is_the_mean_over_them(sample, others):
    rows = torch.tensor([*sample, *[0.0] * others], dtype=torch.float64)
    counted = torch.tensor([1.0] * len(sample) + [0.0] * others).double()
    found = quotient_interval(rows, counted)
    assert found.estimate == pytest.approx(np.mean(sample), abs=1e-12)
    assert (found.low, found.high) == pytest.approx(student(sample), rel=1e-9, abs=1e-12)


def test_without_spread_there_are_no_bounds():
    ones = torch.ones(5).double()
    assert not quotient_interval(0.1 * ones, ones).is_defined
    assert not variance_interval(ones).is_defined
    assert not linearised_interval(2.0, torch.zeros(1).double()).is_defined
    nothing = quotient_interval(0 * ones, 0 * ones)
    assert math.isnan(nothing.estimate)
    assert not nothing.is_defined
    assert not variance_interval(torch.tensor([1.0, -math.inf, 2.0]).double()).is_defined


def test_bounds_stay_on_the_scale():
    assert variance_interval(torch.tensor([0.0, 0.0, 0.0, 9.0]).double()).low > 0
    influences = torch.tensor([-1.0, 0.0, 1.0]).double() / 5
    found = linearised_interval(0.9, influences, scale="artanh")
    assert -1 < found.low < 0.9 < found.high < 1


@given(st.integers(1, 40), st.integers(1, 40))
def test_log_odds_mirror_and_are_those_of_a_share(wrong, right):
    rows = torch.tensor([1.0] * wrong + [0.0] * right, dtype=torch.float64)
    share, count = float(rows.mean()), wrong + right
    found = linearised_interval(share, rows - share, scale="log-odds")
    # The error of the log-odds of a share is 1 / sqrt(n p (1 - p)).
    margin = stats.t.ppf(0.975, count - 1) / math.sqrt((count - 1) * share * (1 - share))
    expected = special.expit(special.logit(share) + np.array([-margin, margin]))
    assert (found.low, found.high) == pytest.approx(tuple(expected), rel=1e-9)
    mirrored = linearised_interval(1 - share, share - rows, scale="log-odds")
    assert (1 - mirrored.high, 1 - mirrored.low) == pytest.approx((found.low, found.high), rel=1e-9, abs=1e-12)
    assert not linearised_interval(1.0, rows - share, scale="log-odds").is_defined


@given(st.integers(1, 40), st.integers(1, 40))
def test_the_freedom_of_a_share_is_known(ones, zeros):
    count = ones + zeros
    rows = torch.tensor([1.0] * ones + [0.0] * zeros, dtype=torch.float64)
    product = ones * zeros / count**2
    expected = 2 * count * product / (1 - 4 * product) if ones != zeros else math.inf
    found = satterthwaite_freedom(rows - rows.mean())
    assert found == pytest.approx(min(count - 1, expected), rel=1e-6)


def test_the_freedom_is_that_of_normal_rows_and_tells_few_that_matter():
    normal = torch.from_numpy(np.random.default_rng(0).standard_normal(20_000))
    assert satterthwaite_freedom(normal) == pytest.approx(20_000, rel=0.05)
    assert satterthwaite_freedom(3 * normal) == pytest.approx(satterthwaite_freedom(normal), rel=1e-9)
    assert math.isnan(satterthwaite_freedom(torch.zeros(5).double()))
    assert effective_rows(torch.tensor([2.0, 2.0, 0.0, 2.0]).double()) == 3


def fleiss_error(counts, costs):
    """The large-sample standard error of weighted kappa, with weights of agreement instead of costs."""
    rows = counts.sum()
    share, weights = counts / rows, 1 - costs / costs.max()
    labels, predictions = share.sum(1), share.sum(0)
    chance = labels @ weights @ predictions
    kappa = ((weights * share).sum() - chance) / (1 - chance)
    means = (weights @ predictions)[:, None] + (labels @ weights)[None, :]
    variance = (share * (weights - means * (1 - kappa)) ** 2).sum() - (kappa - chance * (1 - kappa)) ** 2
    return kappa, math.sqrt(variance / rows) / (1 - chance)


@pytest.mark.parametrize(("name", "power"), [("quadratic", 2), ("linear", 1)])
@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31))
def test_kappa_has_the_published_error(name, power, seed):
    generator = np.random.default_rng(seed)
    labels = generator.integers(4, size=60)
    predictions = np.where(generator.random(60) < 0.4, generator.integers(4, size=60), labels)
    counts = np.zeros((4, 4))
    np.add.at(counts, (labels, predictions), 1)
    ranks = np.arange(4)
    kappa, error = fleiss_error(counts, np.abs(ranks[:, None] - ranks) ** power)
    data = torch.eye(4)[torch.from_numpy(predictions)], torch.from_numpy(labels)
    found = weighted_kappa_interval(*data, weights=name)
    margin = stats.t.ppf(0.975, 59) * error / (1 - kappa**2) * math.sqrt(60 / 59)
    expected = np.tanh(np.arctanh(kappa) + np.array([-margin, margin]))
    assert found.estimate == pytest.approx(float(weighted_kappa(*data, weights=name)), abs=1e-12)
    assert (found.low, found.high) == pytest.approx(tuple(expected), abs=1e-10)
    soft = weighted_kappa_interval(data[0], F.one_hot(data[1], 4).double(), weights=name)
    assert soft[:3] == pytest.approx(found[:3], abs=1e-12)


def test_kappa_without_disagreement_or_without_ranks_has_no_bounds():
    assert not weighted_kappa_interval(torch.eye(3), torch.arange(3)).is_defined
    same = weighted_kappa_interval(torch.eye(3)[[1, 1, 1]], torch.tensor([1, 1, 1]))
    assert math.isnan(same.estimate)
    assert not same.is_defined


def covered(rows, trials):
    """How often each interval holds what 100,000 rows show."""
    generator = torch.Generator().manual_seed(rows)

    def draw(count):
        logits = 4 * torch.randn(count, 6, generator=generator, dtype=torch.float64)
        return logits, torch.multinomial((logits / 1.5).softmax(1), 1, generator=generator).squeeze(1)

    def measures(logits, labels):
        confidence, right = top_label(logits, labels)
        return (
            weighted_kappa_interval(logits, labels),
            variance_interval(logits.amax(1)),
            quotient_interval(confidence * (1 - right), 1 - right),
        )

    truth = [each.estimate for each in measures(*draw(100_000))]
    hits = [
        [not found.excludes(true) for found, true in zip(measures(*draw(rows)), truth, strict=True)]
        for _ in range(trials)
    ]
    return np.mean(hits, axis=0)


def test_intervals_cover_what_they_claim():
    assert (covered(200, 200) > 0.89).all()


@pytest.mark.slow
@pytest.mark.parametrize("rows", [200, 2000])
def test_coverage(rows):
    assert (np.abs(covered(rows, 2000) - 0.95) < 0.025).all()
