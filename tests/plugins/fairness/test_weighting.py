"""Weights bring about what their names promise, and group DRO is its formula."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.utils.class_weight import compute_sample_weight
from torch.testing import assert_close

from smoothkit.data import ImageSet
from smoothkit.distributed import Group
from smoothkit_fairness.config import TrainConfig
from smoothkit_fairness.weighting import FixedWeights, GroupDRO, cell_counts, cell_weights, make_weighting

BALANCES = ("group", "group-and-class", "independence")


def tables(smallest):
    """Numbers of samples of two to five groups and of two to four classes; not all of them 0."""
    shapes = st.tuples(st.integers(2, 5), st.integers(2, 4))
    cells = shapes.flatmap(lambda shape: arrays(np.int64, shape, elements=st.integers(smallest, 50)))
    return cells.map(torch.from_numpy).filter(lambda counts: bool(counts.sum() > 0))


# --- fixed weights ---------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(tables(0), st.sampled_from(BALANCES))
def test_the_mean_over_samples_is_one_whatever_cells_are_empty(counts, balance):
    weights = cell_weights(counts, balance)
    assert_close((weights * counts).sum() / counts.sum(), torch.tensor(1.0, dtype=torch.float64))
    assert torch.equal(weights > 0, counts > 0)


@settings(deadline=None)
@given(tables(0))
def test_groups_count_alike_and_keep_their_shares_of_classes(counts):
    weighted = cell_weights(counts, "group") * counts
    sizes = counts.sum(dim=1)
    there = sizes > 0
    assert_close(weighted.sum(dim=1)[there], (counts.sum() / there.sum()).double().expand(int(there.sum())))
    assert_close((weighted / weighted.sum(dim=1, keepdim=True))[there], (counts / sizes.unsqueeze(1)).double()[there])


@settings(deadline=None)
@given(tables(0))
def test_cells_count_alike(counts):
    weighted = cell_weights(counts, "group-and-class") * counts
    there = counts > 0
    assert_close(weighted[there], (counts.sum() / there.sum()).double().expand(int(there.sum())))


@settings(deadline=None)
@given(tables(1))
def test_group_and_class_are_independent_and_keep_their_shares(counts):
    weighted = cell_weights(counts, "independence") * counts
    assert_close(weighted.sum(dim=0), counts.sum(dim=0).double())
    assert_close(weighted.sum(dim=1), counts.sum(dim=1).double())
    assert_close(weighted, torch.outer(weighted.sum(dim=1), weighted.sum(dim=0)) / counts.sum())


def test_beside_an_empty_cell_the_others_keep_the_proportions_of_their_formula():
    counts = torch.tensor([[6, 2], [4, 0]])
    formula = torch.tensor([[8 * 10 / 6, 8 * 2 / 2], [4 * 10 / 4, 0.0]], dtype=torch.float64)
    weights = cell_weights(counts, "independence")
    assert_close(weights / weights[0, 0], formula / formula[0, 0])


def test_the_formulas_by_hand():
    counts = torch.tensor([[40, 20], [30, 10]])
    by_hand = {
        "group": [[100 / (2 * 60)] * 2, [100 / (2 * 40)] * 2],
        "group-and-class": [[100 / (4 * 40), 100 / (4 * 20)], [100 / (4 * 30), 100 / (4 * 10)]],
        "independence": [[60 * 70 / (100 * 40), 60 * 30 / (100 * 20)], [40 * 70 / (100 * 30), 40 * 30 / (100 * 10)]],
    }
    for balance in BALANCES:
        assert_close(cell_weights(counts, balance), torch.tensor(by_hand[balance], dtype=torch.float64))


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=40))
def test_balanced_weights_are_those_of_scikit_learn(samples):
    groups, classes = torch.tensor(samples).T
    counts = cell_counts(groups, classes, 4, 3)
    for balance, cells in (("group", groups), ("group-and-class", 3 * groups + classes)):
        expected = torch.from_numpy(compute_sample_weight("balanced", cells.numpy()))
        assert_close(cell_weights(counts, balance)[groups, classes], expected)


def test_the_loss_is_the_mean_of_weighted_losses():
    weighting = FixedWeights(torch.tensor([1.0, 0.5, 2.0]))
    losses = torch.tensor([3.0, 5.0], requires_grad=True)
    loss = weighting(losses, torch.tensor([2, 1]))
    assert loss.item() == (2 * 3 + 0.5 * 5) / 2
    assert torch.autograd.grad(loss, losses)[0].tolist() == [1.0, 0.25]
    assert weighting.state_dict() == {}


@pytest.mark.parametrize("balance", BALANCES)
def test_a_data_set_is_weighted_by_its_training_part(balance, grouped_data):
    weighting = make_weighting(TrainConfig(weighting=balance), grouped_data, Group())
    train = grouped_data.train
    cells = [(train.groups == g) & (train.labels == y) for g in range(3) for y in range(3)]
    counts = torch.tensor([int(cell.sum()) for cell in cells]).reshape(3, 3)
    for cell, weight in zip(cells, cell_weights(counts, balance).flatten(), strict=True):
        assert_close(weighting.weights[cell], weight.float().expand(int(cell.sum())))


def test_soft_labels_count_as_their_most_probable_class(grouped_data):
    train = grouped_data.train
    soft = 0.8 * torch.nn.functional.one_hot(train.labels, 3).float() + 0.2 / 3
    softened = grouped_data.with_train(ImageSet(train.images, soft, train.groups))
    config = TrainConfig(weighting="independence")
    weights = [make_weighting(config, data, Group()).weights for data in (grouped_data, softened)]
    assert torch.equal(*weights)
    assert weights[0].unique().numel() > 3


def test_without_a_weighting_there_is_none(grouped_data):
    assert make_weighting(TrainConfig(), grouped_data, Group()) is None


# --- group DRO -------------------------------------------------------------------------------------------------------

GROUPS = torch.tensor([0, 0, 0, 0, 1, 1, 1, 1, 1, 3])
"""Of ten training samples; group 2 has none."""


@settings(deadline=None)
@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 9), st.floats(0, 5)), min_size=1, max_size=8, unique_by=lambda pair: pair[0]),
        min_size=1,
        max_size=6,
    ),
    st.floats(0.001, 2.0),
    st.floats(0, 3),
)
def test_the_weights_and_the_loss_are_those_of_the_algorithm(batches, step, adjustment):
    weighting = GroupDRO(GROUPS, 4, step=step, adjustment=adjustment)
    q, sizes = [1 / 3, 1 / 3, 0.0, 1 / 3], [4, 5, 0, 1]
    for batch in batches:
        by_group = {g: [loss for sample, loss in batch if GROUPS[sample] == g] for g in range(4)}
        means = {g: sum(found) / len(found) for g, found in by_group.items() if found}
        for g, mean in means.items():
            q[g] *= math.exp(step * (mean + adjustment / math.sqrt(sizes[g])))
        q = [each / sum(q) for each in q]
        index, losses = (torch.tensor(column) for column in zip(*batch, strict=True))
        losses = losses.float().requires_grad_()
        loss = weighting(losses, index)
        assert_close(weighting.q, torch.tensor(q), rtol=1e-4, atol=1e-6)
        assert loss.item() == pytest.approx(sum(q[g] * mean for g, mean in means.items()), rel=1e-4, abs=1e-6)
        # C moves the weights and not the gradient: each sample has its group's weight over the group's number.
        expected = torch.tensor([q[g] / len(by_group[g]) for g in GROUPS[index].tolist()])
        assert_close(torch.autograd.grad(loss, losses)[0], expected, rtol=1e-4, atol=1e-6)


def test_the_weight_goes_to_the_worst_group_and_comes_back():
    """Losses so large that a weight of its own would overflow or vanish."""
    weighting = GroupDRO(GROUPS, 4, step=1.0)
    for _ in range(200):
        weighting(torch.tensor([0.0, 0.0, 9.0]), torch.tensor([0, 4, 9]))
    assert_close(weighting.q, torch.tensor([0.0, 0.0, 0.0, 1.0]))
    for _ in range(400):
        weighting(torch.tensor([0.0, 9.0, 0.0]), torch.tensor([0, 4, 9]))
    assert_close(weighting.q, torch.tensor([0.0, 1.0, 0.0, 0.0]))


def test_equal_losses_leave_the_weights_equal_but_for_the_adjustment():
    """C / √n: the smaller the group, the more."""
    index, losses = torch.tensor([0, 4, 9]), torch.ones(3)
    plain, adjusted = GroupDRO(GROUPS, 4), GroupDRO(GROUPS, 4, step=0.5, adjustment=2.0)
    for weighting in (plain, adjusted):
        weighting(losses, index)
    assert_close(plain.q, torch.tensor([1, 1, 0, 1]) / 3)
    expected = torch.tensor([math.exp(0.5 * 2 / math.sqrt(n)) if n else 0.0 for n in (4, 5, 0, 1)])
    assert_close(adjusted.q, expected / expected.sum())


def test_weights_survive_saving_and_the_data_are_not_saved():
    first, second = GroupDRO(GROUPS, 4, step=0.5), GroupDRO(GROUPS, 4, step=0.5)
    first(torch.tensor([1.0, 3.0]), torch.tensor([0, 9]))
    assert first.state_dict().keys() == {"log_q"}
    second.load_state_dict(first.state_dict())
    assert torch.equal(first.q, second.q)
    assert first.q[3] > first.q[0] > first.q[1]


class OtherProcess(Group):
    """One of two processes; what the other one brings is known beforehand."""

    def __init__(self, rank, brought):
        super().__init__(rank, 2)
        self.brought = brought

    def add_up(self, tensors):
        """Each tensor plus the other process's."""
        for tensor, other in zip(tensors, self.brought, strict=True):
            tensor += other


def test_the_mean_over_processes_is_the_loss_of_one():
    """Group 3 is in the second share alone, and group 0 in the first."""
    index, losses = torch.tensor([0, 1, 4, 5, 9, 6]), torch.tensor([1.0, 2.0, 0.5, 3.0, 4.0, 1.5])
    alone = GroupDRO(GROUPS, 4, step=0.3, adjustment=1.0)
    whole = losses.clone().requires_grad_()
    expected = alone(whole, index)
    gradient = torch.autograd.grad(expected, whole)[0]
    shares = (slice(0, 3), slice(3, 6))
    members = torch.nn.functional.one_hot(GROUPS[index], 4).float()
    sums = [(losses[share] @ members[share], members[share].sum(dim=0)) for share in shares]
    means = []
    for rank, share in enumerate(shares):
        weighting = GroupDRO(GROUPS, 4, step=0.3, adjustment=1.0, processes=OtherProcess(rank, sums[1 - rank]))
        part = losses[share].clone().requires_grad_()
        means.append(weighting(part, index[share]))
        assert_close(weighting.q, alone.q)
        assert_close(torch.autograd.grad(means[-1], part, retain_graph=True)[0] / 2, gradient[share])
    assert_close(sum(means) / 2, expected)
