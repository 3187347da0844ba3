"""Confirmation bias in numbers: counted by hand, and laws that hold for any labels."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon

from smoothkit_selftrain.bias import change, divergence, flow, measured, state
from smoothkit_selftrain.chronicle import Chronicle, Noted
from smoothkit_selftrain.labelling.labelled import PseudoLabels

CLASSES = 4
TRUTH = torch.tensor([0, 0, 1, 1, 2, 2, 3, 3])


def noted(classes, confidence=None, weights=None):
    size = len(classes)
    return Noted(
        torch.tensor(classes),
        torch.tensor(confidence or [0.5] * size),
        torch.tensor(weights or [1.0] * size),
    )


FIRST = noted([0, 0, 1, 1, 2, 3, 0, 0], weights=[1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0, 0.0])
"""Wrong: samples 5, 6 and 7; selected and wrong: 5 and 6, of six selected."""
NOW = noted([0, 0, 1, 2, 2, 2, 0, 1], confidence=[0.9, 0.8, 0.9, 0.7, 0.9, 0.6, 0.95, 0.4])
"""Wrong: samples 3, 6 and 7."""

samples = st.lists(st.tuples(*[st.integers(0, CLASSES - 1)] * 3, *[st.sampled_from([0.0, 0.25, 1.0])] * 2), min_size=1)


def test_state_is_what_one_counts_by_hand():
    found = state(NOW, TRUTH, CLASSES)
    assert found["selected_share"] == 1
    assert found["accuracy"] == found["accuracy_selected"] == 5 / 8
    assert found["confidence_wrong"] == pytest.approx((0.7 + 0.95 + 0.4) / 3)
    assert found["gap"] == pytest.approx(6.15 / 8 - 5 / 8)
    # Labels that are right more often than they are sure of have a gap below 0.
    assert state(FIRST, TRUTH, CLASSES)["gap"] == pytest.approx(0.5 - 5 / 8)
    assert state(FIRST, TRUTH, CLASSES)["selected_share"] == 6 / 8
    assert state(FIRST, TRUTH, CLASSES)["accuracy_selected"] == 4 / 6


def test_change_is_what_one_counts_by_hand():
    assert change(FIRST, NOW, TRUTH) == {
        "persistence": 2 / 3,
        "persistence_selected": 1 / 2,
        "corruption": 1 / 5,
        "amplification": pytest.approx((3 / 8) / (2 / 6)),
    }


def test_flow_counts_every_sample_once():
    found = flow(FIRST.classes, NOW.classes, TRUTH)
    assert (found.stayed_right, found.corrupted, found.mended) == (4, 1, 1)
    assert (found.stayed_wrong, found.changed_wrong) == (1, 1)
    assert found.total == 8


def test_weights_count_as_parts_of_samples():
    found = state(noted([0, 0, 1, 1, 2, 2, 3, 0], weights=[0.25] * 7 + [0.75]), TRUTH, CLASSES)
    assert found["selected_share"] == pytest.approx(2.5 / 8)
    assert found["accuracy_selected"] == pytest.approx(1.75 / 2.5)
    assert found["class_divergence_selected"] > found["class_divergence"] > 0


def test_ece_is_that_of_one_bin_by_hand():
    # All in one bin: mean confidence 0.85 against 0.5 right.
    found = state(noted([0, 1, 1, 0, 2, 0, 3, 0], confidence=[0.84, 0.86] * 4), TRUTH, CLASSES)
    assert found["ece"] == pytest.approx(0.35)


def test_what_is_not_defined_is_nan():
    perfect = noted(TRUTH.tolist(), weights=[0.0] * 8)
    found = state(perfect, TRUTH, CLASSES) | change(perfect, perfect, TRUTH)
    undefined = {name for name, value in found.items() if math.isnan(value)}
    assert undefined == {
        *("accuracy_selected", "confidence_wrong", "class_divergence_selected"),
        *("persistence", "persistence_selected", "amplification"),
    }
    assert found["selected_share"] == found["corruption"] == found["class_divergence"] == 0


def test_labels_that_never_change_keep_every_error():
    found = change(FIRST, FIRST, TRUTH)
    assert found == {"persistence": 1, "persistence_selected": 1, "corruption": 0, "amplification": 1}


@settings(max_examples=60, deadline=None)
@given(samples)
def test_the_numbers_and_the_flow_agree(rows):
    truth, first, now = (torch.tensor(column) for column in list(zip(*rows, strict=True))[:3])
    weights = [torch.tensor(column) for column in list(zip(*rows, strict=True))[3:]]
    confidence = torch.full((len(rows),), 0.5)
    before, after = Noted(first, confidence, weights[0]), Noted(now, confidence, weights[1])
    found, went = change(before, after, truth), flow(first, now, truth)
    assert went.total == len(rows)
    wrong = went.stayed_wrong + went.changed_wrong + went.mended
    if wrong:
        assert found["persistence"] == pytest.approx((went.stayed_wrong + went.changed_wrong) / wrong)
    if wrong < len(rows):
        assert found["corruption"] == pytest.approx(went.corrupted / (len(rows) - wrong))
    right = state(after, truth, CLASSES)["accuracy"] * len(rows)
    assert right == pytest.approx(went.stayed_right + went.mended)


shares = st.lists(st.integers(0, 9), min_size=CLASSES, max_size=CLASSES).filter(any)


@given(shares, shares)
def test_divergence_is_scipys(first, second):
    one, other = (np.array(each) / sum(each) for each in (first, second))
    # SciPy leaves roundings below 0 under a root.
    expected = np.nan_to_num(jensenshannon(one, other, base=2)) ** 2
    assert divergence(torch.tensor(one), torch.tensor(other)) == pytest.approx(expected, abs=1e-9)


def test_a_round_is_measured_against_the_first_that_was_noted():
    chronicle = Chronicle(members=1, rounds=4, samples=8)
    for round, each in ((1, FIRST), (3, NOW)):
        columns = (each.classes[None], each.classes[None], each.confidence[None], each.weights[None])
        chronicle.note(round, PseudoLabels(*columns, torch.zeros(1, 8, CLASSES)))
    found = measured(chronicle, 3, TRUTH, CLASSES)
    assert found == {**state(NOW, TRUTH, CLASSES), **change(FIRST, NOW, TRUTH)}
    assert measured(chronicle, 1, TRUTH, CLASSES)["persistence"] == 1
