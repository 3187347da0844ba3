"""Labels of a distribution: the most probable class, or the distribution raised to a power, in plain Python."""

import math

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.testing import assert_close

from smoothkit_selftrain.labelling.labels import make_labels, sharpened

from .made import made_logits

temperatures = st.floats(0.05, 1.0, allow_subnormal=False)


@given(temperatures, st.integers(0, 99))
def test_soft_labels_are_the_normalised_power(temperature, seed):
    log_probs = made_logits(2, 5, seed=seed).log_softmax(dim=-1)
    for row, found in zip(
        log_probs.flatten(0, 1).tolist(), sharpened(log_probs, temperature).flatten(0, 1), strict=True
    ):
        powers = [math.exp(value) ** (1 / temperature) for value in row]
        assert_close(found, torch.tensor([power / sum(powers) for power in powers]), rtol=1e-4, atol=1e-6)


@given(temperatures, st.integers(0, 99))
def test_sharpening_never_raises_the_entropy_and_leaves_the_order(temperature, seed):
    log_probs = made_logits(2, 5, seed=seed).log_softmax(dim=-1)
    found = sharpened(log_probs, temperature)
    entropies = [torch.special.entr(each).sum(dim=-1) for each in (found, log_probs.exp())]
    assert (entropies[0] <= entropies[1] + 1e-6).all()
    assert torch.equal(found.argmax(dim=-1), log_probs.argmax(dim=-1))


def test_the_kinds_differ_in_their_labels_alone():
    log_probs, weights = made_logits().log_softmax(dim=-1), torch.rand(3, 40)
    hard, soft = (make_labels(log_probs, weights, kind, temperature=0.5) for kind in ("hard", "soft"))
    assert torch.equal(hard.labels, log_probs.argmax(dim=-1))
    assert torch.equal(soft.labels, sharpened(log_probs, 0.5))
    for each in (hard, soft):
        assert torch.equal(each.classes, log_probs.argmax(dim=-1))
        assert_close(each.confidence, log_probs.exp().amax(dim=-1))
        assert each.weights is weights
        assert each.logits is log_probs
