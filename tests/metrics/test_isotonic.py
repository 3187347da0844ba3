"""The CORP decomposition: golden values, scikit-learn's isotonic regression, and what its parts must be."""

import inspect

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import brier_score_loss, log_loss
from torch import Tensor

from smoothkit.metrics.events import top_label
from smoothkit.metrics.isotonic import isotonic_fit, score_decomposition, score_decomposition_of
from smoothkit.metrics.ties import tied_runs

eighths = st.integers(0, 8).map(lambda number: number / 8)
events = st.lists(st.tuples(eighths, eighths), min_size=1, max_size=30)


def tensors(pairs: list[tuple[float, float]]) -> tuple[Tensor, Tensor]:
    confidence, correctness = zip(*pairs, strict=True)
    return torch.tensor(confidence, dtype=torch.float64), torch.tensor(correctness, dtype=torch.float64)


def test_golden_values(overconfident):
    parts = score_decomposition(*overconfident)
    assert float(parts.miscalibration) == pytest.approx(0.015732411218, abs=1e-10)
    assert float(parts.discrimination) == pytest.approx(0.045700918196, abs=1e-10)
    assert float(parts.uncertainty) == pytest.approx(0.231909750000, abs=1e-12)
    assert float(parts.score) == pytest.approx(0.201941243022, abs=1e-10)


def test_the_fit_is_scikit_learns(overconfident):
    confidence, correctness = (part.numpy() for part in top_label(*overconfident))
    expected = IsotonicRegression().fit(confidence, correctness).predict(np.sort(confidence))
    fit = isotonic_fit(tied_runs(*top_label(*overconfident)))
    np.testing.assert_allclose(fit.numpy(), expected, atol=1e-12)


@settings(deadline=None)
@given(events)
def test_parts_are_scores_of_scikit_learns_fit(pairs):
    confidence, correctness = tensors(pairs)
    x, y = confidence.numpy(), correctness.numpy()
    fit = IsotonicRegression().fit(x, y).predict(x)
    parts = score_decomposition_of(confidence, correctness)
    assert float(parts.miscalibration) == pytest.approx(np.mean((x - y) ** 2) - np.mean((fit - y) ** 2), abs=1e-12)
    assert float(parts.discrimination) == pytest.approx(np.var(y) - np.mean((fit - y) ** 2), abs=1e-12)
    assert float(parts.uncertainty) == pytest.approx(np.var(y), abs=1e-12)


@settings(deadline=None)
@given(events)
def test_parts_add_up_and_are_not_negative(pairs):
    for score in ("brier", "log"):
        parts = score_decomposition_of(*tensors(pairs), score=score)
        total = parts.miscalibration - parts.discrimination + parts.uncertainty
        assert float(total) == pytest.approx(float(parts.score), abs=1e-12)
        assert min(float(parts.miscalibration), float(parts.discrimination), float(parts.uncertainty)) >= -1e-12


@settings(deadline=None)
@given(events)
def test_only_order_discriminates(pairs):
    confidence, correctness = tensors(pairs)
    parts = score_decomposition_of(confidence, correctness)
    squeezed = score_decomposition_of(0.25 + confidence / 2, correctness)
    assert float(squeezed.discrimination) == pytest.approx(float(parts.discrimination), abs=1e-12)
    assert float(squeezed.uncertainty) == float(parts.uncertainty)


@settings(deadline=None)
@given(events)
def test_recalibrated_confidences_are_calibrated(pairs):
    confidence, correctness = tensors(pairs)
    runs = tied_runs(confidence, correctness)
    recalibrated = isotonic_fit(runs)[torch.searchsorted(runs.scores, confidence)].clamp(0, 1)
    for score in ("brier", "log"):
        # The cross-entropy is steep at 0 and 1, where the fit is off by rounding.
        miscalibration = score_decomposition_of(recalibrated, correctness, score=score).miscalibration
        assert float(miscalibration) == pytest.approx(0, abs=1e-12)


@settings(deadline=None)
@given(events, st.randoms(use_true_random=False))
def test_the_order_of_rows_means_nothing(pairs, random):
    before = [float(part) for part in score_decomposition_of(*tensors(pairs))]
    random.shuffle(pairs)
    assert [float(part) for part in score_decomposition_of(*tensors(pairs))] == pytest.approx(before, abs=1e-14)


def test_scores_are_scikit_learns(overconfident):
    confidence, correctness = top_label(*overconfident)
    for score, reference in (("brier", brier_score_loss), ("log", log_loss)):
        parts = score_decomposition_of(confidence, correctness, score=score)
        assert float(parts.score) == pytest.approx(reference(correctness.numpy(), confidence.numpy()), abs=1e-10)
        constant = np.full(2000, 0.6345)
        assert float(parts.uncertainty) == pytest.approx(reference(correctness.numpy(), constant), abs=1e-10)


def test_a_broken_certainty_costs_an_infinite_log_score():
    confidence, correctness = torch.tensor([0.0, 1.0, 1.0]).double(), torch.tensor([0.0, 1.0, 0.0]).double()
    parts = score_decomposition_of(confidence, correctness, score="log")
    assert float(parts.score) == float(parts.miscalibration) == np.inf
    assert np.isfinite(float(parts.discrimination))


def test_soft_labels_equal_to_indices(overconfident):
    logits, labels = overconfident
    soft = torch.nn.functional.one_hot(labels, 10).double()
    assert [float(part) for part in score_decomposition(logits, soft)] == pytest.approx(
        [float(part) for part in score_decomposition(logits, labels)], abs=1e-12
    )


def test_refuses_events_that_are_none():
    with pytest.raises(ValueError, match="score_decomposition: there are no events"):
        score_decomposition_of(torch.zeros(0).double(), torch.zeros(0).double())
    with pytest.raises(ValueError, match="score must be one of brier, log"):
        # Beartype would be first to refuse it here.
        inspect.unwrap(score_decomposition_of)(torch.ones(1).double(), torch.ones(1).double(), score="spherical")
