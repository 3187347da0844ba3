"""Orders of rows: every row that counts once in a pass, from each member's own stream."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from smoothkit_policy.minibatches import passes, taken, whole


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**20), rows=st.integers(1, 20), parts=st.integers(1, 5), share=st.sampled_from([0.3, 0.7, 1.0])
)
def test_a_pass_holds_rows_that_count_once_and_leaves_over_less_than_a_part(seed, rows, parts, share):
    weights = (torch.rand(3, rows, generator=torch.Generator().manual_seed(seed)) < share).float()
    streams = [torch.Generator().manual_seed(each) for each in range(3)]
    for order, counted in passes(streams, 2, parts, weights):
        assert order.shape == counted.shape
        for own, is_own, weight in zip(order, counted, weights, strict=True):
            kept = own[is_own > 0].tolist()
            assert len(set(kept)) == len(kept)
            assert all(weight[row] for row in kept)
            valid = int(weight.sum())
            sizes = is_own.sum(1).tolist()
            assert sizes == ([valid // parts] * parts if valid >= parts else [1] * valid + [0] * (parts - valid))


@pytest.mark.parametrize("share", [0.6, 1.0])
def test_a_member_has_the_same_minibatches_alone(share):
    weights = (torch.rand(3, 20, generator=torch.Generator().manual_seed(0)) < share).float()
    streams = [torch.Generator().manual_seed(each) for each in range(3)]
    together = list(passes(streams, 3, 4, weights))
    alone = list(passes([torch.Generator().manual_seed(1)], 3, 4, weights[1:2]))
    for both, own in zip(together, alone, strict=True):
        for part in range(4):
            kept = both.order[1, part][both.weights[1, part] > 0]
            assert torch.equal(kept, own.order[0, part][own.weights[0, part] > 0])
    assert not torch.equal(together[0].order[0], together[0].order[1])


def test_a_rollout_may_be_one_part():
    weights = torch.tensor([[1.0, 0.0, 1.0]])
    found = whole(weights)
    assert torch.equal(found.split(torch.tensor([[5, 6, 7]])), torch.tensor([[[5, 6, 7]]]))
    assert torch.equal(found.weights[:, 0], weights)


def test_rows_are_taken_member_by_member():
    values = torch.arange(24).view(2, 4, 3)
    order = torch.tensor([[3, 0], [1, 2]])
    assert torch.equal(taken(values, order), torch.stack([values[0, [3, 0]], values[1, [1, 2]]]))
    assert torch.equal(taken(values[:1, :, 0], order[:1]), values[:1, [3, 0], 0])
