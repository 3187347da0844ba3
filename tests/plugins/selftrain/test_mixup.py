"""Mixing inputs and losses: each sample with its partner, and no target sees a mixture of labels."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.testing import assert_close

from smoothkit.targets import OneHot, mix
from smoothkit_selftrain.mixup import Mixing, draw_mixing, taken


def generators(*seeds):
    return [torch.Generator().manual_seed(seed) for seed in seeds]


@given(st.integers(1, 40), st.floats(0.05, 5))
def test_partners_are_a_permutation_and_weights_are_shares(batch, alpha):
    mixing = draw_mixing(alpha, batch, torch.arange(batch), generators(0, 1, 2))
    assert mixing.partner.sort(dim=1).values.tolist() == [list(range(batch))] * 3
    assert ((mixing.lam >= 0) & (mixing.lam <= 1)).all()


def test_a_member_draws_by_itself_and_a_share_is_part_of_the_whole():
    whole = draw_mixing(0.5, 10, torch.arange(10), generators(3, 4))
    alone = draw_mixing(0.5, 10, torch.tensor([2, 7]), generators(4))
    assert torch.equal(whole.lam[1:], alone.lam)
    assert torch.equal(whole.partner[1:, [2, 7]], alone.partner)


def test_weights_are_of_a_beta_distribution():
    # Var = 1 / (4 (2 alpha + 1)) of Beta(alpha, alpha).
    lam = draw_mixing(0.5, 1, torch.arange(1), generators(*range(2000))).lam
    assert lam.mean().item() == pytest.approx(0.5, abs=0.03)
    assert lam.var().item() == pytest.approx(1 / 8, abs=0.01)


def test_a_mixture_is_lam_of_itself_and_the_rest_of_its_partner():
    samples = torch.randn(2, 4, 1, 3, 3)
    own, partner = torch.tensor([1, 3]), torch.tensor([[0, 2], [3, 1]])
    lam = torch.tensor([0.25, 1.0])
    found = Mixing(lam, own, partner).mixed(samples)
    assert_close(found[0, 0], 0.25 * samples[0, 1] + 0.75 * samples[0, 0])
    assert_close(found[0, 1], 0.25 * samples[0, 3] + 0.75 * samples[0, 2])
    assert_close(found[1], samples[1, [1, 3]])


def test_values_are_taken_member_by_member():
    values = torch.arange(12).view(2, 3, 2)
    assert taken(values, torch.tensor([[2], [0]])).tolist() == [[[4, 5]], [[6, 7]]]


def test_losses_with_both_labels_are_the_loss_of_the_mixed_label():
    """The identity that lets every target be mixed: for one-hot targets it is the usual mixup."""
    target, logits, labels = OneHot(5), torch.randn(6, 5), torch.randint(5, (6,))
    mixing = draw_mixing(1.0, 6, torch.arange(6), generators(0))
    lam, partner = mixing.lam.item(), mixing.partner[0]
    soft = lam * torch.eye(5)[labels] + (1 - lam) * torch.eye(5)[labels[partner]]
    both = lam * target(logits, labels) + (1 - lam) * target(logits, labels[partner])
    assert_close(both, target(logits, soft))
    assert_close(both, mix(target, logits, labels, labels[partner], lam))
