"""Influences are derivatives: of the measures written with weights, and of leaving a row out; DeLong's variance."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from smoothkit.metrics.selective import augrc_of, aurc_of, excess_aurc_of, failure_auroc_of
from smoothkit.metrics.selective_influences import (
    augrc_influences,
    aurc_influences,
    excess_aurc_influences,
    failure_auroc_influences,
)


def aurc_under(weights, score, correctness):
    """The sum over k of the risk at k, with a sum of 1 / k over the weight of each distinct score."""
    area = before = wrong_before = torch.zeros((), dtype=torch.float64)
    for level in score.unique().flip(0):
        size = weights[score == level].sum()
        wrong = (weights * (1 - correctness))[score == level].sum()
        steps = torch.digamma(before + size + 1) - torch.digamma(before + 1)
        area = area + wrong + (wrong_before - before * wrong / size) * steps
        before, wrong_before = before + size, wrong_before + wrong
    return area / before


def ordered(score):
    """1 where the row's score is below the column's, one half where they are equal."""
    rows, columns = score[:, None], score[None, :]
    return (rows < columns).double() + (rows == columns).double() / 2


def augrc_under(weights, score, correctness):
    return weights @ ordered(score) @ (weights * (1 - correctness)) / weights.sum() ** 2


def auroc_under(weights, score, correctness):
    right, wrong = weights * correctness, weights * (1 - correctness)
    return wrong @ ordered(score) @ right / (wrong.sum() * right.sum())


def excess_under(weights, score, correctness):
    return aurc_under(weights, score, correctness) - aurc_under(weights, correctness, correctness)


MEASURES = {
    "aurc": (aurc_of, aurc_influences, aurc_under),
    "excess_aurc": (excess_aurc_of, excess_aurc_influences, excess_under),
    "augrc": (augrc_of, augrc_influences, augrc_under),
    "failure_auroc": (failure_auroc_of, failure_auroc_influences, auroc_under),
}
every_measure = pytest.mark.parametrize("name", MEASURES)
quarters = st.integers(0, 4).map(lambda number: number / 4)
rows = st.lists(st.tuples(quarters, quarters), min_size=2, max_size=12).filter(
    lambda pairs: 0 < sum(correctness for _, correctness in pairs) < len(pairs)
)


@every_measure
@settings(max_examples=40)
@given(pairs=rows)
def test_they_are_the_derivatives_by_the_weights(name, pairs):
    measure, influences, under = MEASURES[name]
    score, correctness = (torch.tensor(column).double() for column in zip(*pairs, strict=True))
    weights = torch.ones(len(pairs), dtype=torch.float64, requires_grad=True)
    value = under(weights, score, correctness)
    assert float(value.detach()) == pytest.approx(float(measure(score, correctness)), abs=1e-12)
    (slopes,) = torch.autograd.grad(value, weights)
    expected = len(pairs) * (slopes - slopes.mean())
    np.testing.assert_allclose(influences(score, correctness), expected, rtol=0, atol=1e-9)


def classifier(count, *, soft=False, levels=None):
    noise = np.random.default_rng(count)
    score = noise.uniform(0.3, 1.0, size=count)
    correctness = score**2 if soft else (noise.uniform(size=count) < score).astype(float)
    score = score + noise.normal(0, 0.2, size=count)
    return torch.from_numpy(np.round(score * levels) / levels if levels else score), torch.from_numpy(correctness)


@every_measure
@pytest.mark.parametrize("options", [{}, {"soft": True}, {"levels": 10}], ids=["hard", "soft", "ties"])
def test_they_are_what_leaving_a_row_out_changes(name, options):
    measure, influences, _ = MEASURES[name]
    distances, errors = [], []
    for count in (100, 400):
        score, correctness = classifier(count, **options)
        kept = ~torch.eye(count, dtype=torch.bool)
        without = torch.stack([measure(score[keep], correctness[keep]) for keep in kept])
        jackknife = (count - 1) * (without.mean() - without)
        found = influences(score, correctness)
        distances.append(float((found - jackknife).abs().mean() / found.abs().mean()))
        errors.append(float(found.square().sum().sqrt() / jackknife.square().sum().sqrt()))
    assert distances[1] < 0.02
    # The finite difference approaches the derivative as 1 / N.
    assert distances[1] < 0.4 * distances[0]
    assert errors[1] == pytest.approx(1, abs=0.02)


def test_of_the_auroc_they_add_up_to_delongs_variance():
    score, correctness = classifier(120, levels=10)
    wins = ordered(score).T[correctness == 1][:, correctness == 0].numpy()
    by_right, by_wrong = wins.mean(axis=1), wins.mean(axis=0)
    expected = by_right.var() / len(by_right) + by_wrong.var() / len(by_wrong)
    found = failure_auroc_influences(score, correctness)
    assert float(found.square().sum()) / 120**2 == pytest.approx(expected, rel=1e-12)


@every_measure
def test_their_mean_is_nothing_and_the_order_of_rows_is_of_no_account(name):
    influences = MEASURES[name][1]
    score, correctness = classifier(50, levels=10)
    order = torch.randperm(50, generator=torch.Generator().manual_seed(0))
    found = influences(score, correctness)
    assert float(found.mean()) == pytest.approx(0, abs=1e-15)
    np.testing.assert_allclose(influences(score[order], correctness[order]), found[order], rtol=0, atol=1e-12)


@every_measure
def test_what_are_no_events_is_refused(name):
    with pytest.raises(ValueError, match=r"_interval: correctness must lie in 0\.\.1"):
        MEASURES[name][1](torch.tensor([0.5]).double(), torch.tensor([1.5]).double())
