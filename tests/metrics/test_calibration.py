"""The laws of calibration measures."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from smoothkit import metrics
from smoothkit.metrics import (
    Reliability,
    average_calibration_error_of,
    brier_parts_of,
    calibration_error_of,
    confidence_gap_of,
    debiased_calibration_error_of,
    debiased_squared_error_of,
    null_calibration_error_of,
    reliability_of,
    sides_of,
)
from smoothkit.metrics.bins import BinSums, equal_width_edges
from tests.metrics.classifiers import classifier, classifiers

few_examples = settings(max_examples=30, deadline=None)
bin_numbers = st.integers(1, 30)


def _events(pairs):
    return torch.tensor(pairs, dtype=torch.float64).T.contiguous()


soft_events = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=60).map(_events)
hard_events = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 1)), min_size=1, max_size=60).map(_events)
events = soft_events | hard_events


@few_examples
@given(events, bin_numbers)
def test_gap_is_at_most_ece_at_most_rms_at_most_mce(events, bins):
    found = reliability_of(*events, bins)
    gap = float(confidence_gap_of(found))
    ece, rms, mce = (float(calibration_error_of(found, norm)) for norm in ("l1", "l2", "max"))
    assert gap == pytest.approx(float((events[0] - events[1]).mean()), abs=1e-12)
    assert abs(gap) <= ece + 1e-12
    assert ece <= rms + 1e-12
    assert rms <= mce + 1e-12
    assert abs(gap) == pytest.approx(float(calibration_error_of(reliability_of(*events, 1))), abs=1e-12)
    assert float(average_calibration_error_of(found)) <= mce + 1e-12


@few_examples
@given(events, bin_numbers)
def test_the_sides_sum_to_the_error_and_differ_by_the_gap(events, bins):
    found = reliability_of(*events, bins)
    over, under = (float(side) for side in sides_of(found))
    assert min(over, under) >= 0
    assert over + under == pytest.approx(float(calibration_error_of(found)), abs=1e-12)
    assert over - under == pytest.approx(float(confidence_gap_of(found)), abs=1e-12)


@few_examples
@given(events, bin_numbers)
def test_the_parts_of_the_brier_score_add_up(events, bins):
    parts = brier_parts_of(reliability_of(*events, bins))
    score = float((events[0] - events[1]).square().mean())
    assert float(parts.total) == pytest.approx(score, abs=1e-12)
    assert float(parts.uncertainty) == pytest.approx(float(events[1].var(correction=0)), abs=1e-12)
    assert min(float(parts.reliability), float(parts.resolution)) >= 0


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("bias", [0.0, 0.2])
def test_the_debiased_square_is_unbiased(bias, soft):
    """Over all outcomes of six events in two bins: its mean is the true squared gap, and the plug-in's is larger."""
    confidence = torch.tensor([0.3] * 4 + [0.7] * 2, dtype=torch.float64)
    chances = confidence + torch.tensor([bias] * 4 + [-bias] * 2, dtype=torch.float64)
    high, low = (0.9, 0.1) if soft else (1.0, 0.0)
    chances = (chances - low) / (high - low)  # So that the mean label is the same.
    debiased = plugin = 0.0
    for outcome in itertools.product([0, 1], repeat=6):
        happened = torch.tensor(outcome, dtype=torch.float64)
        chance = float(torch.where(happened == 1, chances, 1 - chances).prod())
        found = reliability_of(confidence, low + (high - low) * happened, bins=2)
        debiased += chance * float(debiased_squared_error_of(found))
        plugin += chance * float(calibration_error_of(found, "l2")) ** 2
    assert debiased == pytest.approx(bias**2, abs=1e-12)
    assert plugin > bias**2 + 0.02


def test_the_root_of_a_negative_square_is_0():
    found = reliability_of(torch.tensor([0.5, 0.5]).double(), torch.tensor([0.0, 1.0]).double())
    assert float(debiased_squared_error_of(found)) == pytest.approx(-0.25)
    assert float(debiased_calibration_error_of(found)) == 0


def test_a_bin_of_one_event_tells_nothing_of_the_square():
    confidence, correctness = torch.tensor([[0.7, 0.7, 0.3], [1.0, 0.0, 1.0]], dtype=torch.float64)
    both = float(debiased_squared_error_of(reliability_of(confidence, correctness)))
    assert both == pytest.approx(0.2**2 - 0.25, abs=1e-12)
    assert float(debiased_squared_error_of(reliability_of(confidence[:2], correctness[:2]))) == pytest.approx(both)
    assert debiased_squared_error_of(reliability_of(confidence[1:], correctness[1:])).isnan()


@pytest.mark.parametrize("bias", [0.0, 0.2])
@pytest.mark.parametrize("rows", [4, 10])
def test_the_debiased_square_is_unbiased_where_bins_hold_few_events(rows, bias):
    # With 10 rows in 5 bins the square of single events would add .02 where nothing is wrong.
    noise = np.random.default_rng(rows)
    centres = np.array([0.1, 0.3, 0.5, 0.7, 0.9])
    confidence = noise.choice(centres, size=(8000, rows), p=[0.1, 0.1, 0.1, 0.2, 0.5])
    correctness = (
        noise.uniform(size=confidence.shape) < confidence + np.where(confidence < 0.5, bias, -bias) * 0.5
    ).astype(float)
    sums = BinSums(equal_width_edges(5), groups=8000)
    sums.add(
        *(torch.from_numpy(values).flatten() for values in (confidence, correctness)),
        torch.arange(8000).repeat_interleave(rows),
    )
    squares = debiased_squared_error_of(sums.reliability()).numpy()
    assert np.nanmean(squares) == pytest.approx((bias / 2) ** 2, abs=4 * np.nanstd(squares) / 8000**0.5)


# What a calibrated model shows.


@few_examples
@given(st.lists(st.floats(0, 1), min_size=1, max_size=6), bin_numbers)
def test_the_null_error_bounds_the_mean_error_over_all_outcomes(confidence, bins):
    """E|gap| <= sqrt(E gap^2), bin by bin, and a normal law has sqrt(2 / pi) of it."""
    confidence = torch.tensor(confidence, dtype=torch.float64)
    mean = 0.0
    for outcome in itertools.product([0.0, 1.0], repeat=len(confidence)):
        happened = torch.tensor(outcome, dtype=torch.float64)
        chance = float(torch.where(happened == 1, confidence, 1 - confidence).prod())
        mean += chance * float(calibration_error_of(reliability_of(confidence, happened, bins)))
    found = reliability_of(confidence, confidence, bins)
    assert mean <= float(null_calibration_error_of(found)) * math.sqrt(math.pi / 2) + 1e-9


def test_the_null_error_is_that_of_simulated_calibrated_models():
    generator = torch.Generator().manual_seed(0)
    confidence = torch.rand(2000, generator=generator, dtype=torch.float64)
    errors = []
    for _ in range(200):
        happened = (torch.rand(2000, generator=generator, dtype=torch.float64) < confidence).double()
        errors.append(float(calibration_error_of(reliability_of(confidence, happened, 5))))
    found = reliability_of(confidence, confidence, 5)
    assert float(null_calibration_error_of(found)) == pytest.approx(sum(errors) / 200, rel=0.05)


@pytest.mark.parametrize(
    ("rows", "confidence", "ratio"), [(10_000, 0.7, 1.0), (1000, 0.999, 1.08), (100, 0.999, 1.39), (10, 0.999, 4.0)]
)
def test_the_null_error_is_too_large_where_a_bin_expects_less_than_a_wrong_event(rows, confidence, ratio):
    exact = stats.binom.expect(lambda right: abs(right / rows - confidence), args=(rows, confidence))
    found = reliability_of(*torch.full((2, rows), confidence, dtype=torch.float64), bins=1)
    assert float(null_calibration_error_of(found)) / exact == pytest.approx(ratio, rel=0.01)


def test_the_null_error_is_an_upper_bound_under_soft_labels():
    generator = torch.Generator().manual_seed(0)
    # Calibrated: the label is the prediction but for noise.
    probs = (3 * torch.randn(2000, 5, generator=generator, dtype=torch.float64)).softmax(1)
    labels = probs + 0.02 * (torch.rand(2000, 5, generator=generator).double() - 0.5)
    labels = labels.clamp(min=0) / labels.clamp(min=0).sum(1, keepdim=True)
    found = metrics.reliability(probs, labels, from_logits=False)
    assert float(calibration_error_of(found)) < float(null_calibration_error_of(found)) / 2


def test_certain_events_have_no_null_error_whatever_the_bins():
    certain = torch.tensor([0.0, 1.0, 0.0, 1.0]).double()
    assert float(null_calibration_error_of(reliability_of(certain, certain, bins=1))) == 0


# Groups.


def test_a_group_without_events_has_no_value_and_changes_no_other():
    filled = reliability_of(torch.tensor([0.3, 0.9, 0.9]).double(), torch.tensor([0.0, 1.0, 0.0]).double(), 4)
    nothing = Reliability(
        edges=filled.edges,
        counts=torch.zeros_like(filled.counts),
        **{
            name: torch.zeros(4).double()
            for name in (
                *("confidence_sum", "correctness_sum", "confidence_square_sum"),
                *("product_sum", "correctness_square_sum"),
            )
        },
    )
    both = Reliability.stacked([nothing, filled])
    measures = [
        *(lambda bins, norm=norm: calibration_error_of(bins, norm) for norm in ("l1", "l2", "max")),
        *(average_calibration_error_of, debiased_squared_error_of, debiased_calibration_error_of),
        *(confidence_gap_of, null_calibration_error_of),
        *(lambda bins: sides_of(bins).over, lambda bins: sides_of(bins).under),
        *(lambda bins, part=part: brier_parts_of(bins)[part] for part in range(4)),
    ]
    for measure in measures:
        values = measure(both)
        assert values.dtype == torch.float64
        assert values[0].isnan()
        assert float(values[1]) == float(measure(filled))


# Of a classifier.


@few_examples
@given(classifiers)
def test_torchmetrics_agrees_in_single_precision(data):
    # It closes its bins on the left, which makes a difference only on an edge; and it keeps confidence 1 in a bin of
    # its own, so rows that saturate in single precision are left out.
    import torchmetrics.functional.classification as torchmetrics

    logits, labels = data
    keep = logits.float().softmax(1).amax(1) < 1
    if not keep.any():
        return
    logits, labels = logits[keep], labels[keep]
    classes = logits.shape[1]
    for norm in ("l1", "l2", "max"):
        error = torchmetrics.multiclass_calibration_error(logits.softmax(1), labels, classes, n_bins=15, norm=norm)
        ours = metrics.expected_calibration_error(logits, labels, norm=norm)
        assert float(ours.square()) == pytest.approx(float(error) ** 2, abs=4e-6)


@few_examples
@given(classifiers)
def test_a_forecast_that_knows_the_law_is_calibrated_under_soft_labels(data):
    logits, _ = data
    labels = logits.softmax(1)
    for norm in ("l1", "l2", "max"):
        assert float(metrics.expected_calibration_error(logits, labels, norm=norm)) == pytest.approx(0, abs=1e-7)
    assert float(metrics.confidence_gap(logits, labels)) == pytest.approx(0, abs=1e-12)


@few_examples
@given(classifiers, st.floats(-100, 100))
def test_a_constant_added_to_all_logits_changes_nothing(data, shift):
    logits, labels = data
    for function in (metrics.expected_calibration_error, metrics.confidence_gap):
        assert float(function(logits + shift, labels)) == pytest.approx(float(function(logits, labels)), abs=1e-9)


def test_an_impossible_class_is_no_harm():
    logits, _ = classifier(50, 5)
    logits[:, 2] = -math.inf
    labels = torch.tensor([0, 1]).repeat(25)
    for function in (metrics.expected_calibration_error, metrics.debiased_calibration_error, metrics.confidence_gap):
        assert float(function(logits, labels)) == pytest.approx(float(function(logits[:, [0, 1, 3, 4]], labels)))


def test_a_soft_label_is_right_as_often_as_it_says():
    logits, labels = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.6, 0.4]])
    confidence = math.e / (math.e + 1)
    assert float(metrics.confidence_gap(logits, labels)) == pytest.approx(confidence - 0.6, abs=1e-7)
    assert float(metrics.expected_calibration_error(logits, labels)) == pytest.approx(confidence - 0.6, abs=1e-7)
