"""Taking the uniform distribution off again."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from smoothkit_policy.desmoothing import desmoothed

LOGITS = st.integers(2, 6).flatmap(
    lambda actions: arrays(np.float64, (3, actions), elements=st.floats(-5.0, 5.0, allow_subnormal=False))
)
SHARES = st.floats(0.0, 0.95, allow_subnormal=False)


def policies(logits):
    return torch.from_numpy(logits).softmax(-1)


@given(LOGITS, SHARES)
def test_what_was_mixed_in_is_taken_off(logits, share):
    policy = policies(logits)
    mixed = (1 - share) * policy + share / policy.shape[-1]
    torch.testing.assert_close(desmoothed(mixed, share), policy, atol=1e-12, rtol=0)


@given(LOGITS, SHARES)
def test_what_is_left_is_a_distribution_in_the_same_order(logits, share):
    policy = policies(logits)
    left = desmoothed(policy, share)
    torch.testing.assert_close(left.sum(-1), torch.ones(3, dtype=torch.float64))
    order = policy.argsort(-1)
    assert bool((left.gather(-1, order).diff(dim=-1) >= -1e-12).all())
    assert bool((left >= 0).all())


@given(LOGITS)
def test_nothing_is_taken_off_where_nothing_was_mixed_in(logits):
    torch.testing.assert_close(desmoothed(policies(logits), 0.0), policies(logits))


def test_actions_below_the_floor_are_never_taken():
    policy = torch.tensor([0.9, 0.06, 0.04], dtype=torch.float64)
    assert desmoothed(policy, 0.18).tolist() == pytest.approx([1, 0, 0])


def test_each_policy_may_have_a_share_of_its_own():
    policy = torch.tensor([[0.75, 0.25], [0.75, 0.25]], dtype=torch.float64)
    shares = torch.tensor([[0.0], [0.5]], dtype=torch.float64)
    assert desmoothed(policy, shares).tolist() == [[0.75, 0.25], [1.0, 0.0]]
