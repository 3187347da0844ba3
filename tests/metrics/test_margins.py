"""Margins of logits."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from smoothkit import metrics
from tests.metrics.classifiers import classifier

classifiers = st.builds(classifier, rows=st.integers(1, 60), classes=st.integers(2, 12), seed=st.integers(0, 2**31))


@settings(max_examples=25, deadline=None)
@given(classifiers, st.floats(-100, 100))
def test_margins_by_definition(data, shift):
    logits, labels = data
    margins = metrics.margins(logits, labels)
    for row, label, margin in zip(logits.tolist(), labels.tolist(), margins.tolist(), strict=True):
        assert margin == row[label] - max(row[:label] + row[label + 1 :])
    assert torch.equal(margins > 0, logits.argmax(1) == labels)
    assert float(metrics.margin_mean(logits, labels)) == pytest.approx(margins.numpy().mean())
    assert float(metrics.margin_variance(logits, labels)) == pytest.approx(margins.numpy().var())
    torch.testing.assert_close(metrics.margins(logits + shift, labels), margins, rtol=0, atol=1e-12)


def test_margins_keep_the_order_of_the_rows_and_are_zero_on_a_tie():
    logits = torch.tensor([[2.0, 2.0, 1.0], [5.0, 1.0, 0.0]])
    assert metrics.margins(logits, torch.tensor([1, 2])).tolist() == [0.0, -5.0]
    soft = torch.tensor([[0.2, 0.5, 0.3], [0.1, 0.1, 0.8]])
    assert metrics.margins(logits, soft).tolist() == [0.0, -5.0]


def test_ignored_rows_have_no_margin():
    logits = torch.tensor([[2.0, 1.0], [math.nan, 0.0], [0.0, 3.0]])
    assert metrics.margins(logits, torch.tensor([0, -1, 0]), ignore_index=-1).tolist() == [1.0, -3.0]


def test_an_impossible_class_is_no_harm():
    logits = torch.tensor([[2.0, -math.inf, 1.0]])
    assert metrics.margins(logits, torch.tensor([0])).tolist() == [1.0]
    assert metrics.margins(logits, torch.tensor([1])).tolist() == [-math.inf]


def test_one_class_has_no_margin():
    with pytest.raises(ValueError, match="margins: there must be at least 2 classes, got 1"):
        metrics.margins(torch.zeros(2, 1), torch.zeros(2, dtype=torch.int64))
