"""Selective prediction: golden values, scikit-learn's AUROC, and areas as means over all orders of ties."""

import inspect
import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score
from torch import Tensor

from smoothkit.metrics.events import top_label
from smoothkit.metrics.selection_score import normalised_max_logit
from smoothkit.metrics.selective import (
    augrc,
    augrc_of,
    aurc,
    aurc_of,
    coverage_at_risk,
    coverage_at_risk_of,
    excess_aurc,
    excess_aurc_of,
    failure_auroc,
    failure_auroc_of,
    risk_at_coverage,
    risk_at_coverage_of,
    risk_coverage,
    risk_coverage_of,
)

MEASURES = (aurc_of, excess_aurc_of, augrc_of, failure_auroc_of)
eighths = st.integers(0, 8).map(lambda number: number / 8)
hard = st.lists(st.tuples(eighths, st.booleans()), min_size=1, max_size=25)
soft = st.lists(st.tuples(eighths, eighths), min_size=1, max_size=25)


def tensors(pairs: list[tuple[float, float]]) -> tuple[Tensor, Tensor]:
    score, correctness = zip(*pairs, strict=True)
    return torch.tensor(score, dtype=torch.float64), torch.tensor(correctness, dtype=torch.float64)


def test_golden_values(overconfident):
    # torch-uncertainty; the mean form is 1 minus p-lambda's mean selective accuracy.
    assert float(aurc(*overconfident, rule="trapezoid")) == pytest.approx(0.181319505, abs=5e-10)
    assert float(aurc(*overconfident)) == pytest.approx(1 - 0.818679779639, abs=1e-10)
    assert float(augrc(*overconfident, rule="trapezoid")) == pytest.approx(0.123663207, abs=5e-10)
    assert float(risk_at_coverage(*overconfident, 0.8)) == pytest.approx(0.303125, abs=1e-12)
    assert float(coverage_at_risk(*overconfident, 0.05)) == pytest.approx(0.2045, abs=1e-12)


def test_exact_fractions(sixteenths):
    # torch-uncertainty gives 0.062074832618, in single precision.
    area = (1 / 12 + (1 / 6 + 1 / 7) / 2 + (1 / 7 + 1 / 4) / 2) / 7
    assert area == pytest.approx(0.062074832618, abs=5e-9)
    assert float(aurc(*sixteenths, rule="trapezoid")) == pytest.approx(area, abs=1e-15)
    assert float(aurc(*sixteenths)) == pytest.approx(1 - 0.930059523810, abs=1e-10)
    # In order of confidence rows 6 and 8 are wrong.
    assert risk_coverage(*sixteenths).risk.tolist() == pytest.approx([0, 0, 0, 0, 0, 1 / 6, 1 / 7, 2 / 8])
    # 8 of the 12 pairs of a right and a wrong row are all but one in order.
    assert float(failure_auroc(*sixteenths)) == pytest.approx(11 / 12, abs=1e-15)
    best = (0, 0, 0, 0, 0, 0, 1 / 7, 2 / 8)
    assert float(excess_aurc(*sixteenths)) == pytest.approx(1 - 0.930059523810 - sum(best) / 8, abs=1e-10)


def test_ties_count_as_all_their_orders():
    # 50 rows at 0.9, 45 of them right, then 50 at 0.6, 20 of them right: libraries that sort give 0.18 to 0.198.
    score = torch.tensor([0.9] * 50 + [0.6] * 50).double()
    correctness = torch.tensor([1.0] * 45 + [0.0] * 5 + [1.0] * 20 + [0.0] * 30).double()
    risks = [0.1] * 50 + [(5 + 0.6 * k) / (50 + k) for k in range(1, 51)]
    assert float(aurc_of(score, correctness)) == pytest.approx(sum(risks) / 100, abs=1e-14)
    assert risk_coverage_of(score, correctness).risk.tolist() == [0.1, 0.35]


@given(st.lists(st.tuples(st.sampled_from([0.0, 0.5, 1.0]), eighths), min_size=1, max_size=6))
@settings(deadline=None, max_examples=40)
def test_areas_are_means_over_the_orders_of_ties(pairs):
    score, correctness = tensors(pairs)
    rows = range(len(pairs))
    orders = [order for order in itertools.permutations(rows) if (score[list(order)].diff() <= 0).all()]
    wrong = np.array([np.cumsum(1 - correctness.numpy()[list(order)]) for order in orders])
    risks = (wrong / np.arange(1, len(pairs) + 1)).mean(0)
    assert float(aurc_of(score, correctness)) == pytest.approx(risks.mean(), abs=1e-12)
    if len(pairs) > 1:
        trapezoid = np.trapezoid(risks) / (len(pairs) - 1)
        assert float(aurc_of(score, correctness, rule="trapezoid")) == pytest.approx(trapezoid, abs=1e-12)
    integral = np.trapezoid(np.concatenate([[0.0], wrong.mean(0)])) / len(pairs) ** 2
    assert float(augrc_of(score, correctness)) == pytest.approx(integral, abs=1e-12)


@settings(deadline=None)
@given(soft)
def test_auroc_is_scikit_learns_with_soft_rows_as_two(pairs):
    score, correctness = tensors(pairs)
    auroc = float(failure_auroc_of(score, correctness))
    if not 0 < float(correctness.mean()) < 1:
        assert math.isnan(auroc)
        return
    truth = np.repeat([1, 0], len(pairs))
    weights = torch.cat([correctness, 1 - correctness]).numpy()
    expected = roc_auc_score(truth, torch.cat([score, score]).numpy(), sample_weight=weights)
    assert auroc == pytest.approx(expected, abs=1e-12)


@settings(deadline=None)
@given(hard)
def test_augrc_follows_from_accuracy_and_auroc(pairs):
    score, correctness = tensors(pairs)
    accuracy = float(correctness.mean())
    if 0 < accuracy < 1:
        auroc = float(failure_auroc_of(score, correctness))
        expected = (1 - auroc) * accuracy * (1 - accuracy) + (1 - accuracy) ** 2 / 2
        assert float(augrc_of(score, correctness)) == pytest.approx(expected, abs=1e-12)


@settings(deadline=None)
@given(hard, st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_no_bit(pairs, random):
    before = [float(measure(*tensors(pairs))) for measure in MEASURES]
    random.shuffle(pairs)
    np.testing.assert_array_equal([float(measure(*tensors(pairs))) for measure in MEASURES], before)


@settings(deadline=None)
@given(soft)
def test_only_the_order_of_scores_counts(pairs):
    score, correctness = tensors(pairs)
    for measure in MEASURES:
        other = measure(torch.exp(3 * score) - 7, correctness)
        np.testing.assert_array_equal(float(other), float(measure(score, correctness)))


@settings(deadline=None)
@given(soft)
def test_bounds(pairs):
    score, correctness = tensors(pairs)
    risk = 1 - float(correctness.mean())
    for rule in ("mean", "trapezoid"):
        assert 0 <= float(aurc_of(score, correctness, rule=rule)) <= 1 + 1e-12
        assert -1e-12 <= float(excess_aurc_of(score, correctness, rule=rule)) <= 1
        assert float(excess_aurc_of(correctness, correctness, rule=rule)) == 0
    # Constant scores leave the risk as it is at every coverage.
    assert float(aurc_of(torch.ones_like(score), correctness)) == pytest.approx(risk, abs=1e-12)
    assert 0 <= float(augrc_of(score, correctness)) <= risk + 1e-12


@settings(deadline=None)
@given(hard, st.floats(0, 1), st.floats(0, 1, exclude_min=True))
def test_points_are_those_of_thresholds(pairs, risk, coverage):
    score, correctness = tensors(pairs)
    accepted = [score >= threshold for threshold in sorted(set(score.tolist()), reverse=True)]
    coverages = [float(rows.double().mean()) for rows in accepted]
    risks = [1 - float(correctness[rows].mean()) for rows in accepted]
    curve = risk_coverage_of(score, correctness)
    assert curve.coverage.tolist() == pytest.approx(coverages)
    assert curve.risk.tolist() == pytest.approx(risks, abs=1e-15)
    assert curve.generalised_risk.tolist() == pytest.approx(np.multiply(risks, coverages), abs=1e-15)
    reached = [c for c, r in zip(curve.coverage.tolist(), curve.risk.tolist(), strict=True) if r <= risk]
    assert float(coverage_at_risk_of(score, correctness, risk)) == max(reached, default=0)
    at = next(i for i, c in enumerate(curve.coverage.tolist()) if c >= coverage)
    assert float(risk_at_coverage_of(score, correctness, coverage)) == float(curve.risk[at])


@pytest.mark.parametrize("rows", [3, 7, 10, 100])
def test_a_coverage_that_is_a_share_of_the_rows_is_met_exactly(rows):
    # 0.55 * 100 is 55.00000000000001 in floating point: counted in rows, it would take one too many.
    score, correctness = -torch.arange(rows).double(), (torch.arange(rows) % 3 > 0).double()
    for accepted in range(1, rows + 1):
        expected = float(1 - correctness[:accepted].mean())
        assert float(risk_at_coverage_of(score, correctness, accepted / rows)) == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize("form", [aurc, excess_aurc, augrc, failure_auroc])
def test_classifier_forms_take_confidence_for_a_score(overconfident, form):
    logits, labels = overconfident
    expected = globals()[f"{form.__name__}_of"](*top_label(logits, labels))
    assert float(form(logits, labels)) == float(expected)
    assert float(form(logits.softmax(1), labels, from_logits=False)) == pytest.approx(float(expected), abs=1e-12)
    one_hot = torch.nn.functional.one_hot(labels, 10).double()
    assert float(form(logits, one_hot)) == pytest.approx(float(expected), abs=1e-12)
    marked = torch.cat([labels, torch.tensor([-1])])
    assert float(form(torch.cat([logits, logits[:1]]), marked, ignore_index=-1)) == float(expected)


def test_one_row():
    score, wrong = torch.tensor([0.3]).double(), torch.tensor([0.0]).double()
    assert [float(aurc_of(score, wrong, rule=rule)) for rule in ("mean", "trapezoid")] == [1, 1]
    assert [float(augrc_of(score, wrong, rule=rule)) for rule in ("integral", "trapezoid")] == [0.5, 1]
    assert float(coverage_at_risk_of(score, wrong, 0.5)) == 0


@pytest.mark.parametrize("measure", [risk_coverage_of, *MEASURES[:1], augrc_of, failure_auroc_of])
def test_refuses_what_is_no_score_or_correctness(measure):
    one, name = torch.ones(2, dtype=torch.float64), measure.__name__.removesuffix("_of")
    for score, correctness in ((one[:0], one[:0]), (one * math.nan, one), (one, one * math.nan), (one, 2 * one)):
        with pytest.raises(ValueError, match=f"{name}: "):
            measure(score, correctness)


def test_refuses_shapes_that_differ(without_shape_checks):
    one = torch.ones(2, dtype=torch.float64)
    with pytest.raises(ValueError, match="score and correctness must have the same shape"):
        aurc_of(one, one[:1])


def test_refuses_rules_risks_and_coverages_that_there_are_not():
    one = torch.ones(2, dtype=torch.float64)
    with pytest.raises(ValueError, match="rule must be one of mean, trapezoid"):
        inspect.unwrap(aurc_of)(one, one, rule="simpson")
    with pytest.raises(ValueError, match="rule must be one of integral, trapezoid"):
        inspect.unwrap(augrc_of)(one, one, rule="mean")
    for risk in (-0.1, 1.1, math.nan):
        with pytest.raises(ValueError, match="risk must lie in"):
            coverage_at_risk_of(one, one, risk)
    for coverage in (0.0, 1.1, math.nan):
        with pytest.raises(ValueError, match="coverage must be above 0"):
            risk_at_coverage_of(one, one, coverage)


def test_infinite_scores_are_ranks_like_others():
    score = torch.tensor([math.inf, 0.0, -math.inf]).double()
    assert float(failure_auroc_of(score, torch.tensor([1.0, 1.0, 0.0]).double())) == 1


# --- The logit-normalised score --------------------------------------------------------------------------------------

rows_of_logits = st.lists(st.lists(st.floats(-50, 50), min_size=4, max_size=4), min_size=1, max_size=5).map(
    lambda rows: torch.tensor(rows, dtype=torch.float64)
)


@settings(deadline=None)
@given(rows_of_logits, st.floats(0.5, 10))
def test_the_normalised_score_is_its_formula(logits, p):
    centred = logits.numpy() - logits.numpy().mean(1, keepdims=True)
    norm = (np.abs(centred) ** p).sum(1) ** (1 / p)
    expected = np.divide(centred.max(1), norm, out=np.zeros(len(logits)), where=norm > 1e-9)
    found = normalised_max_logit(logits, p).numpy()
    steep = norm > 1e-9
    np.testing.assert_allclose(found[steep], expected[steep], rtol=1e-6, atol=1e-12)
    assert (found >= 0).all()
    assert (found <= 1 + 1e-12).all()


@settings(deadline=None)
@given(rows_of_logits, st.sampled_from([0.5, 4.0]), st.integers(-8, 8))
def test_scale_and_shift_of_logits_mean_nothing(logits, scale, shift):
    # Powers of two and logits in eighths, so that nothing is rounded.
    logits = (8 * logits).round() / 8
    np.testing.assert_allclose(
        normalised_max_logit(scale * (logits + shift)).numpy(), normalised_max_logit(logits).numpy(), rtol=1e-9
    )


def test_normalised_score_of_extreme_logits():
    for scale in (1e-300, 1e300):
        logits = torch.tensor([[3.0, 0.0, 0.0]]).double() * scale
        assert float(normalised_max_logit(logits, p=8.0)) == pytest.approx(2 / (2**8 + 2) ** (1 / 8))
    assert normalised_max_logit(torch.zeros(2, 3)).tolist() == [0, 0]


def test_normalised_score_mends_what_shrinking_sure_logits_spoils():
    # Logits are divided by what grows with their margin, as label smoothing does: right rows lose their lead.
    stream = torch.Generator().manual_seed(0)
    logits = torch.randn(4000, 10, generator=stream, dtype=torch.float64) * 4
    labels = torch.multinomial((logits / 1.5).softmax(1), 1, generator=stream).squeeze(1)
    correctness = top_label(logits, labels).correctness
    plain = top_label(logits, labels).confidence
    pressed = logits / torch.linalg.vector_norm(logits, dim=1, keepdim=True).square()
    spoilt = top_label(pressed, labels).confidence
    mended = normalised_max_logit(pressed)
    assert float(failure_auroc_of(spoilt, correctness)) < float(failure_auroc_of(mended, correctness)) - 0.05
    assert float(failure_auroc_of(mended, correctness)) < float(failure_auroc_of(plain, correctness))


@pytest.mark.parametrize(
    ("logits", "p", "message"),
    [
        (torch.zeros(2, 2), 2.0, "3 classes"),
        (torch.zeros(0, 3), 2.0, "1 row"),
        (torch.zeros(2, 3), 0.0, "p must be above 0"),
        (torch.zeros(2, 3), math.nan, "p must be above 0"),
        (torch.tensor([[0.0, 1.0, -math.inf]]), 2.0, "finite"),
        (torch.tensor([[0.0, 1.0, math.nan]]), 2.0, "finite"),
    ],
)
def test_normalised_score_refuses(logits, p, message):
    with pytest.raises(ValueError, match=message):
        normalised_max_logit(logits, p)
