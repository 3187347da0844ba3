"""Alignment: against its formula in plain Python, what it must leave alone, and the weights of past batches."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.testing import assert_close

from smoothkit_selftrain.labelling.alignment import FLOOR, Alignment, aligned, make_alignment

from .made import made_logits

sizes = st.tuples(st.integers(1, 3), st.integers(1, 9), st.integers(2, 6))


def priors(members, classes, seed=1):
    return torch.rand(members, classes, generator=torch.Generator().manual_seed(seed)).softmax(dim=1)


def by_hand(log_probs, mean, prior):
    """q prior / mean, normalised, one number after another."""
    members = []
    for rows, means, priors in zip(log_probs.tolist(), mean.tolist(), prior.tolist(), strict=True):
        done = []
        for row in rows:
            raised = [
                math.exp(value) * max(p, FLOOR) / max(m, FLOOR) for value, m, p in zip(row, means, priors, strict=True)
            ]
            done.append([value / sum(raised) for value in raised])
        members.append(done)
    return torch.tensor(members)


@given(sizes, st.integers(0, 99))
def test_the_whole_set_is_aligned_by_its_own_mean(size, seed):
    log_probs = made_logits(*size, seed=seed).log_softmax(dim=-1)
    prior = priors(size[0], size[2])
    found = Alignment(prior, decay=0.9).of_all(log_probs)
    assert_close(found.exp(), by_hand(log_probs, log_probs.exp().mean(dim=1), prior))


def test_a_mean_that_is_the_prior_changes_nothing():
    log_probs, prior = made_logits().log_softmax(dim=-1), priors(3, 4)
    assert_close(aligned(log_probs, prior, prior), log_probs)


def test_one_distribution_for_all_becomes_the_prior():
    log_probs, prior = made_logits(batch=1).log_softmax(dim=-1).expand(3, 8, 4), priors(3, 4)
    assert_close(Alignment(prior, 0.5).of_all(log_probs).exp(), prior.unsqueeze(1).expand(3, 8, 4))


def test_aligned_classes_are_nearer_to_the_prior():
    log_probs, prior = made_logits(batch=500).log_softmax(dim=-1), torch.full((3, 4), 0.25)
    before, after = (each.exp().mean(dim=1) for each in (log_probs, Alignment(prior, 0.5).of_all(log_probs)))
    assert ((after - prior).abs().sum(dim=1) < 0.5 * (before - prior).abs().sum(dim=1)).all()


def test_a_class_that_is_never_predicted_is_raised_by_no_more_than_the_floor_allows():
    log_probs = torch.tensor([[[0.0, -60.0]] * 4]).log_softmax(dim=-1)
    found = Alignment(torch.tensor([[0.5, 0.5]]), 0.5).of_all(log_probs)
    assert_close(found[..., 1], torch.full((1, 4), -60.0) + math.log(1 / FLOOR), rtol=0, atol=1e-4)


def test_a_prior_of_zero_leaves_logits_finite():
    found = Alignment(torch.tensor([[1.0, 0.0]]), 0.5).of_all(made_logits(1, 9, 2).log_softmax(dim=-1))
    assert found.isfinite().all()
    assert (found.argmax(dim=-1) == 0).all()


@given(st.sampled_from([0.0, 0.3, 0.9, 0.99]), st.integers(1, 6))
def test_the_mean_weighs_past_batches_by_the_powers_of_the_decay(decay, steps):
    alignment, prior = Alignment(priors(3, 4), decay), priors(3, 4)
    batches = [made_logits(seed=step).log_softmax(dim=-1) for step in range(steps)]
    *_, found = [alignment.of_batch(batch) for batch in batches]
    weights = [decay ** (steps - 1 - step) for step in range(steps)]
    means = [batch.exp().mean(dim=1) * weight for batch, weight in zip(batches, weights, strict=True)]
    assert_close(found.exp(), by_hand(batches[-1], sum(means) / sum(weights), prior), rtol=1e-4, atol=1e-6)


def test_the_first_batch_is_aligned_as_a_whole_set():
    """Also where a class is so rare that a mean begun at 0 would fall below the floor."""
    log_probs = (made_logits() - torch.tensor([0.0, 0.0, 0.0, 12.0])).log_softmax(dim=-1)
    assert FLOOR < log_probs.exp().mean(dim=1)[:, 3].max() < 100 * FLOOR
    assert_close(Alignment(priors(3, 4), 0.99).of_batch(log_probs), Alignment(priors(3, 4), 0.0).of_all(log_probs))


def test_each_option_has_its_prior():
    shares = torch.tensor([[0.5, 0.25, 0.25], [0.2, 0.2, 0.6]])
    found = [make_alignment(option, 0.9, shares) for option in ("uniform", "labelled", (2.0, 1.0, 1.0))]
    expected = [torch.full((2, 3), 1 / 3), shares, torch.tensor([[0.5, 0.25, 0.25]] * 2)]
    for alignment, prior in zip(found, expected, strict=True):
        assert alignment is not None
        assert_close(alignment.prior, prior)
    assert make_alignment("none", 0.9, shares) is None


def test_a_prior_of_other_classes_is_refused_with_both_numbers():
    with pytest.raises(ValueError, match=r"pseudo\.alignment has 2 numbers, and the data have 3 classes"):
        make_alignment((1.0, 1.0), 0.9, torch.full((2, 3), 1 / 3))
