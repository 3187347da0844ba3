"""How open policies are, over the states in which they act."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import entropy

from smoothkit_policy.openness import low_quantile, openness

COUNTS = arrays(np.int64, st.integers(1, 60), elements=st.integers(0, 50)).filter(lambda counts: counts.sum() > 0)


@given(COUNTS, st.randoms(use_true_random=False))
def test_the_quantile_is_that_of_every_visit_written_out(counts, random):
    values = np.array([random.choice([0.1, 0.2, 0.3, random.random()]) for _ in counts])
    weights = torch.from_numpy(counts / counts.sum())
    written = np.sort(np.repeat(values, counts))
    expected = written[math.ceil(round(0.01 * len(written), 9)) - 1]
    assert float(low_quantile(torch.from_numpy(values), weights)) == expected


@given(arrays(np.float64, (4, 3), elements=st.floats(-6.0, 6.0, allow_subnormal=False)))
def test_entropy_is_that_of_scipy(logits):
    policy = torch.from_numpy(logits).softmax(-1)
    visits = torch.tensor([1.0, 0.0, 3.0, 4.0], dtype=torch.float64)
    expected = np.average(entropy(policy.numpy(), axis=1, base=3), weights=visits.numpy())
    assert float(openness(policy, visits).entropy) == pytest.approx(expected, abs=1e-12)


def test_the_uniform_policy_is_open_and_a_certain_one_collapsed():
    uniform, certain = torch.full((5, 4), 0.25, dtype=torch.float64), torch.eye(4, dtype=torch.float64)[[0, 1, 2, 3, 0]]
    visits = torch.ones(2, 5, dtype=torch.float64)
    found = openness(torch.stack([uniform, certain]), visits)
    assert found.entropy.tolist() == pytest.approx([1, 0])
    assert found.min_probability.tolist() == [0.25, 0]
    assert found.collapsed_share.tolist() == [0, 1]


def test_states_that_are_not_visited_do_not_count():
    policy = torch.tensor([[0.5, 0.5], [1.0, 0.0], [0.9999, 0.0001]], dtype=torch.float64)
    found = openness(policy, torch.tensor([3.0, 0.0, 1.0], dtype=torch.float64))
    assert float(found.collapsed_share) == 0.25
    assert float(found.min_probability) == pytest.approx(0.0001)


def test_without_visits_or_a_choice_nothing_is_said():
    policy = torch.full((2, 2), 0.5, dtype=torch.float64)
    assert all(math.isnan(value) for value in openness(policy, torch.zeros(2, dtype=torch.float64)))
    single = openness(torch.ones(2, 1, dtype=torch.float64), torch.ones(2, dtype=torch.float64))
    assert math.isnan(single.entropy)
