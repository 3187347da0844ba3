"""Recorded values against plain loops over the rows that count."""

import math

import pytest
import torch
from torch.distributions import Categorical

from smoothkit_policy.records import RARE, explained_variance, policy_values
from smoothkit_policy.rollout import Batch


@pytest.fixture
def batch():
    """Two members' rows of a policy over three actions, a fifth of which do not count."""
    source = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 250, 3, generator=source) * 4
    returns = torch.randn(2, 250, generator=source)
    return Batch(
        observations=torch.zeros(2, 250, 1),
        actions=torch.zeros(2, 250, dtype=torch.int64),
        log_probs=logits.log_softmax(2),
        advantages=returns,
        returns=returns,
        values=returns + torch.randn(2, 250, generator=source) * 0.5,
        weights=(torch.rand(2, 250, generator=source) < 0.8).float(),
    )


def test_the_policy_is_described_over_rows_that_count(batch, make_agents):
    agents = make_agents(seeds=(0, 1), rollout=False)
    share = batch.weights / batch.weights.sum(1, keepdim=True)
    found = policy_values(agents, batch, share)
    for member in range(2):
        rows = batch.log_probs[member][batch.weights[member] > 0]
        entropy = Categorical(logits=rows).entropy()
        expected = {
            "policy/entropy": entropy.mean(),
            "policy/entropy_norm": entropy.mean() / math.log(3),
            "policy/kl_uniform": (-math.log(3) - rows.mean(1)).mean(),
            "policy/collapsed_fraction": (entropy < 0.05 * math.log(3)).float().mean(),
            "policy/min_prob_p01": torch.quantile(rows.amin(1).exp(), RARE, interpolation="lower"),
        }
        for name, value in expected.items():
            torch.testing.assert_close(found[name][member], value, rtol=1e-4, atol=1e-7, msg=name)


def test_explained_variance_is_that_of_rows_that_count(batch):
    found = explained_variance(batch)
    for member in range(2):
        kept = batch.weights[member] > 0
        error = (batch.returns - batch.values)[member][kept]
        expected = 1 - error.var(correction=0) / batch.returns[member][kept].var(correction=0)
        torch.testing.assert_close(found[member], expected, rtol=1e-4, atol=1e-5)
    flat = Batch(**{**vars(batch), "returns": torch.ones(2, 250)})
    assert explained_variance(flat).isnan().all()
