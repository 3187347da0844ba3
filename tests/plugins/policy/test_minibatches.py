"""Orders of rows: every row that counts once in a pass, from each member's own stream."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from smoothkit_policy.minibatches import orders, parts, taken


@given(number=st.integers(1, 9), rows=st.integers(1, 50))
def test_parts_hold_every_row_once_and_are_about_equal(number, rows):
    found = parts(number, rows)
    assert [row for part in found for row in range(rows)[part]] == list(range(rows))
    sizes = [part.stop - part.start for part in found]
    assert max(sizes) - min(sizes) <= 1
    assert len(found) == min(number, rows)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**20), rows=st.integers(1, 12))
def test_a_pass_holds_every_row_that_counts_once(seed, rows):
    weights = (torch.rand(3, rows, generator=torch.Generator().manual_seed(seed)) < 0.7).float()
    weights[:, 0] = 1
    streams = [torch.Generator().manual_seed(each) for each in range(3)]
    for order in orders(streams, 2, weights):
        assert order.shape[1] == int(weights.sum(1).max())
        for own, weight in zip(order, weights, strict=True):
            assert len(set(own.tolist())) == len(own)
            assert sorted(row for row in own.tolist() if weight[row]) == weight.nonzero().flatten().tolist()


def test_a_member_draws_the_same_order_alone():
    weights = torch.ones(3, 20)
    streams = [torch.Generator().manual_seed(each) for each in range(3)]
    together = list(orders(streams, 3, weights))
    alone = list(orders([torch.Generator().manual_seed(1)], 3, weights[1:2]))
    assert all(torch.equal(both[1:2], own) for both, own in zip(together, alone, strict=True))
    assert not torch.equal(together[0], together[1])


def test_rows_are_taken_member_by_member():
    values = torch.arange(24).view(2, 4, 3)
    order = torch.tensor([[3, 0], [1, 2]])
    assert torch.equal(taken(values, order), torch.stack([values[0, [3, 0]], values[1, [1, 2]]]))
    assert torch.equal(taken(values[:1, :, 0], order[:1]), values[:1, [3, 0], 0])
