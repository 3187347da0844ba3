"""What is true of the groups that are drawn."""

import itertools
import math
from typing import get_args

import numpy as np
import pytest
from scipy.special import ndtri
from scipy.stats import multivariate_normal

from smoothkit_fairness.null.laws import SHARED, TEMPERATURES, LawName, Quantity, law_of, truth_of

ECE = {"calibrated": 0.0, "mild": 0.028, "strong": 0.113}


def test_there_is_a_temperature_for_every_law():
    assert set(TEMPERATURES) == set(get_args(LawName)) == set(ECE)


@pytest.mark.parametrize("name", ECE)
def test_truths_are_those_of_the_population(name):
    law = law_of(name)
    gaps = law.confidence - law.accuracy
    bin_of = np.clip(np.ceil(law.confidence * 15).astype(int) - 1, 0, 14)
    sums, counts = np.bincount(bin_of, gaps, 15), np.bincount(bin_of, minlength=15)
    assert truth_of(name, "signed gap") == pytest.approx(gaps.mean(), abs=1e-12)
    assert truth_of(name, "ECE") == pytest.approx(np.abs(sums).sum() / len(gaps), abs=1e-12)
    squares = np.divide(sums**2, counts, out=np.zeros(15), where=counts > 0)
    assert truth_of(name, "squared error") == pytest.approx(squares.sum() / len(gaps), abs=1e-12)
    assert truth_of(name, "ECE") == pytest.approx(ECE[name], abs=1e-3)


def test_the_calibrated_law_is_calibrated_exactly():
    assert all(truth_of("calibrated", quantity) == pytest.approx(0, abs=1e-12) for quantity in get_args(Quantity))


@pytest.mark.parametrize("name", ECE)
def test_samples_follow_the_law(name):
    sample = law_of(name).sample(100_000, np.random.default_rng(0))
    gaps = sample.confidence - sample.correctness
    assert set(sample.correctness.tolist()) == {0.0, 1.0}
    # Four standard errors, from a fixed seed.
    assert float(gaps.mean()) == pytest.approx(truth_of(name, "signed gap"), abs=4 * float(gaps.std()) / math.sqrt(1e5))


def test_each_model_of_a_study_follows_the_law():
    confidence, first, others = law_of("strong").study(100_000, np.random.default_rng(0), 4, np.random.default_rng(1))
    # Four standard errors, from a fixed seed.
    margin = 4 * float((confidence - first).std()) / math.sqrt(1e5)
    for correctness in (first, *others):
        assert float((confidence - correctness).mean()) == pytest.approx(truth_of("strong", "signed gap"), abs=margin)


def test_models_of_a_study_share_what_is_hard():
    confidence, first, others = law_of("calibrated").study(
        400_000, np.random.default_rng(0), 3, np.random.default_rng(1)
    )
    # Of rows with one accuracy, here 0.8, two models are right together as often as two normal values lie below one.
    near = (confidence - 0.8).abs() < 0.01
    level = ndtri(0.8)
    together = multivariate_normal([0, 0], [[1, SHARED], [SHARED, 1]]).cdf([level, level])
    for one, other in itertools.combinations((first, *others), 2):
        assert float((one * other)[near].mean()) == pytest.approx(together, abs=0.015)
    assert together > 0.64 + 0.05
