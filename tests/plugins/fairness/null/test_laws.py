"""What is true of the groups that are drawn."""

import math
from typing import get_args

import numpy as np
import pytest

from smoothkit_fairness.null.laws import TEMPERATURES, LawName, Quantity, law_of, truth_of

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
