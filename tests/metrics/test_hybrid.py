"""Measures of mixtures of two classes: closed forms, limits and ties."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from smoothkit.metrics import nll
from smoothkit.metrics.hybrid import (
    hybrid_rows,
    kl_divergence,
    over_hybridisation_rate,
    pair_events,
    parent_imbalance,
    parent_mass,
    parents_accuracy,
    top_pair_events,
)
from smoothkit.targets import Hybrid

few_examples = settings(max_examples=25, deadline=None)

# In sixteenths, so that sums are exact. Rows 0 to 2 are hybrids of classes 0 and 1, rows 3 and 4 are pure.
PROBS = torch.tensor([[8, 6, 1, 1], [1, 9, 3, 3], [2, 2, 12, 0], [14, 1, 1, 0], [9, 7, 0, 0]]).double() / 16
EVEN = torch.tensor([[0.5, 0.5, 0, 0]] * 3 + [[1.0, 0, 0, 0]] * 2).double()
HYBRID_MEASURES = [parent_mass, parent_imbalance, parents_accuracy]
MEASURES = [*HYBRID_MEASURES, over_hybridisation_rate, kl_divergence]


def mixtures(rows: int, seed: int) -> tuple[Tensor, Tensor]:
    """Logits of five classes, and labels by turns even hybrids and pure classes."""
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(rows, 5, generator=generator, dtype=torch.float64)
    order = torch.rand(rows, 5, generator=generator).argsort(1)
    labels = F.one_hot(order[:, 0], 5).double()
    hybrids = torch.arange(rows) % 2 == 0
    labels[hybrids] = (labels[hybrids] + F.one_hot(order[hybrids, 1], 5)) / 2
    return logits, labels


def test_by_hand():
    rows = hybrid_rows(PROBS, EVEN, from_logits=False)
    assert rows.parents.tolist() == [[0, 1]] * 3
    assert rows.mass.tolist() == [14 / 16, 10 / 16, 4 / 16]
    assert rows.imbalance.tolist() == pytest.approx([2 / 14, 8 / 10, 0], abs=1e-15)
    assert rows.found.tolist() == [True, False, False]
    assert float(parent_mass(PROBS, EVEN, from_logits=False)) == pytest.approx(28 / 48, abs=1e-15)
    assert float(parent_imbalance(PROBS, EVEN, from_logits=False)) == pytest.approx((1 / 7 + 4 / 5) / 3, abs=1e-15)
    assert float(parents_accuracy(PROBS, EVEN, from_logits=False)) == pytest.approx(1 / 3, abs=1e-15)
    # Of the pure rows, the balanced masses are 2/16 and 14/16.
    assert float(over_hybridisation_rate(PROBS, EVEN, from_logits=False)) == 0.5
    assert float(over_hybridisation_rate(PROBS, EVEN, threshold=0.125, from_logits=False)) == 1


def test_events_by_hand():
    events = pair_events(PROBS, EVEN, (1, 2), from_logits=False)
    assert events.confidence.tolist() == [7 / 16, 12 / 16, 14 / 16, 2 / 16, 7 / 16]
    assert events.correctness.tolist() == [0.5, 0.5, 0.5, 0, 0]
    events = top_pair_events(PROBS, EVEN, from_logits=False)
    assert events.confidence.tolist() == [14 / 16, 12 / 16, 14 / 16, 15 / 16, 1]
    # The second class of rows 1 to 3 is tied, and the first of the tied ones is taken.
    assert events.correctness.tolist() == [1, 0.5, 0.5, 1, 1]


def test_class_indices_are_pure():
    labels = torch.tensor([0, 0, 1, 2, 3])
    for measure in HYBRID_MEASURES:
        assert measure(PROBS, labels, from_logits=False).isnan()
    assert float(over_hybridisation_rate(PROBS, labels, from_logits=False)) == 2 / 5
    assert over_hybridisation_rate(PROBS[:3], EVEN[:3], from_logits=False).isnan()
    hard, soft = (pair_events(PROBS, q, (0, 3), from_logits=False) for q in (labels, F.one_hot(labels, 4).double()))
    assert torch.equal(torch.stack(hard), torch.stack(soft))


def test_labels_of_the_hybrid_target_are_told_apart():
    target = Hybrid(6, [[0, 3], [2, 4]], alpha=0.1)
    labels = target.distribution(torch.tensor([1, 6, 5, 7])).double()
    logits = torch.zeros(4, 6)
    assert hybrid_rows(logits, labels).parents.tolist() == [[0, 3], [2, 4]]


def test_uneven_hybrids_need_a_lower_threshold():
    labels = torch.tensor([[0.2, 0.8, 0.0], [0.05, 0.9, 0.05]])
    logits = torch.zeros(2, 3)
    assert len(hybrid_rows(logits, labels).mass) == 0
    assert hybrid_rows(logits, labels, threshold=0.25).parents.tolist() == [[1, 0]]


@few_examples
@given(st.integers(1, 60), st.integers(0, 2**31))
def test_a_perfect_prediction_is_perfect(rows, seed):
    _, labels = mixtures(rows, seed)
    assert float(parent_mass(labels, labels, from_logits=False)) == 1
    assert float(parent_imbalance(labels, labels, from_logits=False)) == 0
    assert float(parents_accuracy(labels, labels, from_logits=False)) == 1
    assert float(kl_divergence(labels, labels, from_logits=False)) == pytest.approx(0, abs=1e-15)
    if rows > 1:
        assert float(over_hybridisation_rate(labels, labels, from_logits=False)) == 0
    for pair in ((0, 1), (4, 2)):
        confidence, correctness = pair_events(labels, labels, pair, from_logits=False)
        assert torch.equal(confidence, correctness)


@few_examples
@given(st.integers(2, 60), st.integers(0, 2**31))
def test_laws_of_all_measures(rows, seed):
    logits, labels = mixtures(rows, seed)
    order = torch.randperm(rows, generator=torch.Generator().manual_seed(seed))
    classes = torch.randperm(5, generator=torch.Generator().manual_seed(seed + 1))
    for measure in MEASURES:
        expected = pytest.approx(float(measure(logits, labels)), abs=1e-12)
        assert float(measure(logits[order], labels[order])) == expected
        assert float(measure(logits.softmax(1), labels, from_logits=False)) == expected
        # No tie is in the way, so the numbering of the classes means nothing.
        assert float(measure(logits[:, classes], labels[:, classes])) == expected


@few_examples
@given(st.integers(1, 60), st.integers(0, 2**31))
def test_divergence_is_cross_entropy_less_the_entropy_of_the_labels(rows, seed):
    logits, labels = mixtures(rows, seed)
    expected = F.kl_div(logits.log_softmax(1), labels, reduction="batchmean")
    assert float(kl_divergence(logits, labels)) == pytest.approx(float(expected), abs=1e-12)
    indices = labels.argmax(1)
    assert float(kl_divergence(logits, indices)) == pytest.approx(float(nll(logits, indices)), abs=1e-12)


def test_imbalance_survives_underflow():
    logits = torch.tensor([[-1e4, -1e4 - 1, 0.0], [-1e4, -math.inf, 0.0], [-math.inf, -math.inf, 0.0]]).double()
    labels = torch.tensor([[0.5, 0.5, 0.0]]).repeat(3, 1)
    imbalance = hybrid_rows(logits, labels).imbalance
    assert imbalance[:2].tolist() == pytest.approx([math.tanh(0.5), 1])
    assert imbalance[2].isnan()
    assert float(parent_imbalance(logits, labels)) == pytest.approx((math.tanh(0.5) + 1) / 2)
    assert kl_divergence(logits, labels) == math.inf


def test_faults_are_named():
    labels = torch.tensor([[0.5, 0.5], [0.6, 0.6]])
    with pytest.raises(ValueError, match=r"^parent_mass: .*labels"):
        parent_mass(torch.zeros(2, 2), labels)
    for measure in (parent_mass, over_hybridisation_rate, top_pair_events):
        with pytest.raises(ValueError, match=rf"^{measure.__name__}: there must be at least 2 classes, got 1"):
            measure(torch.zeros(2, 1), torch.zeros(2, dtype=torch.int64))
    with pytest.raises(ValueError, match="parents_accuracy: threshold must lie above 0 and be at most 1, got 0"):
        parents_accuracy(torch.zeros(2, 2), labels, threshold=0.0)
    for pair in ((1, 1), (0, 4), (-1, 2)):
        with pytest.raises(ValueError, match=r"pair must be two different classes of 0\.\.3"):
            pair_events(PROBS, EVEN, pair, from_logits=False)
