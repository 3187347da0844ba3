"""Held-out samples count as pseudo-labels would: aligned like them, and as sure as what is selected."""

import torch
from torch.testing import assert_close

from smoothkit_selftrain.held_out import align_like, counted
from smoothkit_selftrain.labelling.alignment import Alignment
from smoothkit_selftrain.labelling.labels import make_labels


def test_they_are_aligned_by_the_mean_of_the_unlabelled_samples():
    generator = torch.Generator().manual_seed(0)
    logits, held_out = torch.randn(2, 50, 4, generator=generator), torch.randn(2, 6, 4, generator=generator)
    alignment = Alignment(torch.full((2, 4), 0.25), 0.9)
    found = align_like(held_out, logits, alignment)
    mean = logits.softmax(2).mean(1, keepdim=True)
    weighted = held_out.softmax(2) * 0.25 / mean
    assert_close(found.exp(), weighted / weighted.sum(2, keepdim=True))
    assert_close(align_like(held_out, logits, None), held_out.log_softmax(2))
    # Samples that are among the unlabelled ones are aligned as these.
    assert_close(align_like(logits[:, :5], logits, alignment), alignment.of_all(logits.log_softmax(2))[:, :5])


def test_those_count_that_are_as_sure_as_the_least_sure_of_the_selected():
    probs = torch.tensor([[[0.9, 0.1], [0.7, 0.3], [0.6, 0.4]]])
    pseudo = make_labels(probs.log(), torch.tensor([[1.0, 0.5, 0.0]]), "hard", 1.0)
    held_out = torch.tensor([[[0.71, 0.29], [0.2, 0.8], [0.69, 0.31]]]).log()
    assert counted(held_out, pseudo).tolist() == [[True, True, False]]


def test_all_count_where_none_is_as_sure_or_nothing_is_selected():
    held_out = torch.tensor([[[0.6, 0.4], [0.5, 0.5]]]).log()
    probs = torch.tensor([[[0.9, 0.1], [0.7, 0.3]]]).log()
    for weights in ([1.0, 0.0], [0.0, 0.0]):
        pseudo = make_labels(probs, torch.tensor([weights]), "hard", 1.0)
        assert counted(held_out, pseudo).tolist() == [[True, True]]
