"""Calibration class by class."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from smoothkit.metrics import (
    calibration_error_of,
    classwise_calibration_error,
    classwise_reliability,
    equal_mass_edges,
    one_class,
    reliability_of,
)
from smoothkit.metrics.bins import equal_width_edges
from smoothkit.metrics.boundary import Block
from smoothkit.metrics.classwise import ClassSums

few_examples = settings(max_examples=30, deadline=None)


def classifier(rows: int, classes: int, seed: int, scale: float, soft: bool) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = scale * torch.randn(rows, classes, generator=generator, dtype=torch.float64)
    if soft:
        return logits, torch.randn(rows, classes, generator=generator, dtype=torch.float64).softmax(dim=1)
    return logits, torch.randint(classes, (rows,), generator=generator)


classifiers = st.builds(
    classifier,
    rows=st.integers(1, 60),
    classes=st.integers(2, 12),
    seed=st.integers(0, 2**31),
    scale=st.floats(0.01, 100),
    soft=st.booleans(),
)
closings = st.sampled_from(["right", "left"])


@few_examples
@given(classifiers, st.integers(1, 30), closings)
def test_each_class_is_its_own_events(data, bins, closed):
    found = classwise_reliability(*data, bins, closed=closed)
    for index in range(data[0].shape[1]):
        expected = reliability_of(*one_class(*data, index), bins, closed=closed)
        assert torch.equal(found.counts[index], expected.counts)
        for name in (
            *("confidence_sum", "correctness_sum", "confidence_square_sum"),
            *("product_sum", "correctness_square_sum"),
        ):
            torch.testing.assert_close(getattr(found, name)[index], getattr(expected, name), rtol=1e-12, atol=1e-12)
        for norm in ("l1", "l2", "max"):
            error = float(calibration_error_of(found.group(index), norm))
            assert error == pytest.approx(float(calibration_error_of(expected, norm)), abs=1e-9)


@few_examples
@given(classifiers, st.integers(1, 20))
def test_equal_mass_bins_are_each_classes_own(data, bins):
    found = classwise_reliability(*data, bins, binning="mass")
    for index in range(data[0].shape[1]):
        given, mass = one_class(*data, index)
        expected = reliability_of(given, mass, edges=equal_mass_edges(given, bins))
        assert torch.equal(found.group(index).edges, expected.edges)
        assert torch.equal(found.group(index).counts, expected.counts)
        torch.testing.assert_close(found.group(index).product_sum, expected.product_sum, rtol=1e-12, atol=1e-12)


@few_examples
@given(classifiers, st.integers(1, 20), closings, st.integers(0, 2**31))
def test_the_path_of_a_device_adds_up_to_the_same(data, bins, closed, seed):
    logits, labels = data
    counted = torch.rand(len(logits), generator=torch.Generator().manual_seed(seed)) < 0.7
    logits = torch.where(counted[:, None], logits, torch.nan)
    here, there = (ClassSums(logits.shape[1], equal_width_edges(bins), closed) for _ in range(2))
    here.add(Block(logits, labels, from_logits=True), counted)
    there._add_all(Block(logits, labels, from_logits=True), counted)
    assert torch.equal(here.counts, there.counts)
    assert torch.equal(here.counts.sum(dim=1), counted.sum().expand(logits.shape[1]))
    torch.testing.assert_close(here.sums, there.sums, rtol=1e-12, atol=1e-12)


def test_an_empty_first_bin_holds_nothing_that_rounding_left():
    """All probabilities lie above it, so its sums are what totals leave: not quite 0 in floating point."""
    generator = torch.Generator().manual_seed(0)
    probs = (1 + torch.rand(1000, 3, generator=generator, dtype=torch.float64)).softmax(dim=1)
    found = classwise_reliability(probs, torch.zeros(1000, dtype=torch.int64), from_logits=False)
    assert found.counts[:, 0].tolist() == [0, 0, 0]
    assert found.confidence_sum[:, 0].tolist() == [0, 0, 0]
    error = classwise_calibration_error(probs, torch.zeros(1000, dtype=torch.int64), norm="max", from_logits=False)
    assert 0 < float(error) < 1


def test_a_class_that_no_row_has_counts_as_any_other():
    logits = torch.zeros(4, 2)
    assert float(classwise_calibration_error(logits, torch.tensor([0, 0, 0, 0]))) == 0.5
    assert float(classwise_calibration_error(logits, torch.tensor([0, 1, 0, 1]))) == 0
