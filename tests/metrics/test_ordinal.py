"""Measures of ranks: published values, scikit-learn, and the definitions spelt out."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score, mean_absolute_error
from torch import Tensor
from torch.nn import functional as F

from smoothkit.metrics import ordinal
from smoothkit.metrics.kappa import weighted_kappa
from tests.metrics.classifiers import classifier

few_examples = settings(max_examples=25, deadline=None)

# scikit-learn, torchmetrics, skordinal and scoringrules (which counts ranks from 1), or arithmetic on the definition.
OVERCONFIDENT = [
    (ordinal.mean_absolute_error, {}, 1.361),
    (ordinal.mean_absolute_error, {"decision": "median"}, 1.3255),
    (ordinal.expected_absolute_error, {}, 1.6189699447),
    (weighted_kappa, {}, 0.583771497074),
    (weighted_kappa, {"weights": "linear"}, 0.588282850589),
    (ordinal.ranked_probability_score, {}, 0.942744650202),
    (ordinal.ranked_probability_score, {"normalised": True}, 0.104749405578),
    (ordinal.average_absolute_error, {}, 1.3589363886),
    (ordinal.maximum_absolute_error, {}, 1.8370786517),
    (ordinal.off_by_one_accuracy, {}, 0.7085),
]
FUNCTIONS = [(function, options) for function, options, _ in OVERCONFIDENT] + [(ordinal.unimodal_share, {})]
names = [f"{function.__name__}{options or ''}" for function, options in FUNCTIONS]
every_measure = pytest.mark.parametrize(("function", "options"), FUNCTIONS, ids=names)


classifiers = st.builds(classifier, rows=st.integers(1, 40), classes=st.integers(2, 8), seed=st.integers(0, 2**31))


def decisions(indices: list[int], classes: int) -> Tensor:
    """Logits whose predictions are these ranks."""
    return F.one_hot(torch.tensor(indices), classes).double()


@pytest.mark.parametrize(("function", "options", "value"), OVERCONFIDENT, ids=names[:-1])
def test_golden(overconfident, function, options, value):
    assert float(function(*overconfident, **options)) == pytest.approx(value, abs=1e-10)


def test_exact_fractions(sixteenths):
    assert float(ordinal.ranked_probability_score(*sixteenths)) == pytest.approx(0.197265625, abs=1e-12)
    assert float(weighted_kappa(*sixteenths)) == pytest.approx(6 / 11, abs=1e-12)


def test_kappa_keeps_ranks_that_a_slice_lacks():
    logits, labels = decisions([0, 1, 3, 3], 4), torch.tensor([0, 1, 1, 3])
    assert float(weighted_kappa(logits, labels)) == pytest.approx(0.68, abs=1e-12)


def test_kappa_of_constant_raters_is_undefined_where_they_agree_and_zero_where_not():
    assert weighted_kappa(decisions([2, 2, 2], 4), torch.tensor([2, 2, 2])).isnan()
    assert float(weighted_kappa(decisions([2, 2, 2], 4), torch.tensor([1, 1, 1]))) == 0
    assert float(weighted_kappa(decisions([2, 2, 2], 4), torch.tensor([1, 2, 3]))) == 0


@few_examples
@given(classifiers, st.sampled_from(["quadratic", "linear"]))
def test_scikit_learn_agrees(data, weights):
    logits, labels = data
    predictions, ranks = logits.argmax(1), list(range(logits.shape[1]))
    assert float(ordinal.mean_absolute_error(logits, labels)) == pytest.approx(mean_absolute_error(labels, predictions))
    # It warns and gives NaN where the raters are constant and agree.
    if len(labels.unique()) > 1:
        expected = cohen_kappa_score(labels, predictions, labels=ranks, weights=weights)
        assert float(weighted_kappa(logits, labels, weights=weights)) == pytest.approx(expected, abs=1e-12)


@few_examples
@given(classifiers)
def test_definitions_row_by_row(data):
    logits, labels = data
    rows, classes = logits.shape
    medians, expected_errors, scores, unimodal = [], [], [], []
    for row, label in zip(logits.softmax(1).tolist(), labels.tolist(), strict=True):
        cumulative = [math.fsum(row[: k + 1]) for k in range(classes)]
        medians.append(abs(next(k for k in range(classes) if cumulative[k] >= 0.5 or k == classes - 1) - label))
        expected_errors.append(math.fsum(p * abs(k - label) for k, p in enumerate(row)))
        scores.append(math.fsum((cumulative[k] - (label <= k)) ** 2 for k in range(classes - 1)))
        peak = row.index(max(row))
        unimodal.append(row[: peak + 1] == sorted(row[: peak + 1]) and row[peak:] == sorted(row[peak:], reverse=True))
    assert float(ordinal.mean_absolute_error(logits, labels, decision="median")) == pytest.approx(sum(medians) / rows)
    assert float(ordinal.expected_absolute_error(logits, labels)) == pytest.approx(sum(expected_errors) / rows)
    assert float(ordinal.ranked_probability_score(logits, labels)) == pytest.approx(sum(scores) / rows)
    assert float(ordinal.unimodal_share(logits, labels)) == pytest.approx(sum(unimodal) / rows)


@few_examples
@given(classifiers)
def test_errors_by_class(data):
    logits, labels = data
    errors = (logits.argmax(1) - labels).abs().double()
    expected = [errors[labels == k].mean().item() for k in range(logits.shape[1])]
    assert ordinal.classwise_absolute_error(logits, labels).tolist() == pytest.approx(expected, nan_ok=True)
    present = [value for value in expected if not math.isnan(value)]
    assert float(ordinal.average_absolute_error(logits, labels)) == pytest.approx(sum(present) / len(present))
    assert float(ordinal.maximum_absolute_error(logits, labels)) == pytest.approx(max(present))


@every_measure
@few_examples
@given(data=classifiers)
def test_a_rank_that_never_occurs_above_the_others_changes_nothing(function, options, data):
    logits, labels = data
    if options.get("normalised"):
        return  # It divides by the number of ranks.
    never = torch.full((len(logits), 1), -math.inf, dtype=torch.float64)
    expected = float(function(logits, labels, **options))
    found = float(function(torch.cat([logits, never], 1), labels, **options))
    assert found == pytest.approx(expected, abs=1e-12, nan_ok=True)


@every_measure
@few_examples
@given(data=classifiers, seed=st.integers(0, 2**31))
def test_laws_of_all_measures(function, options, data, seed):
    logits, labels = data
    expected = pytest.approx(float(function(logits, labels, **options)), abs=1e-12, nan_ok=True)
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    assert float(function(logits[order], labels[order], **options)) == expected
    one_hot = F.one_hot(labels, logits.shape[1]).double()
    assert float(function(logits, one_hot, **options)) == expected
    # To count the ranks from the other end changes nothing, but which of two medians comes first.
    if options.get("decision") != "median":
        assert float(function(logits.flip(1), logits.shape[1] - 1 - labels, **options)) == expected
    assert float(function(logits.softmax(1), labels, from_logits=False, **options)) == expected
    padded = torch.cat([logits, logits[:1]]), torch.cat([labels, torch.tensor([-1])])
    assert float(function(*padded, ignore_index=-1, **options)) == expected


@few_examples
@given(classifiers, st.integers(2, 5))
def test_a_soft_label_is_the_mean_over_the_ranks_drawn_from_it(data, parts):
    # Copies of each row, labelled with the first `parts` ranks in turn, against one row labelled with all of them.
    logits, _ = data
    rows, classes = logits.shape
    parts = min(parts, classes)
    copies = logits.repeat_interleave(parts, dim=0), torch.arange(parts).repeat(rows)
    soft = torch.zeros(rows, classes, dtype=torch.float64)
    soft[:, :parts] = 1 / parts
    for function, options in FUNCTIONS:
        if function is not ordinal.ranked_probability_score:
            expected = float(function(*copies, **options))
            assert float(function(logits, soft, **options)) == pytest.approx(expected, abs=1e-12, nan_ok=True)
    # The score compares distributions: the rows drawn cost what the label's own spread adds.
    reached = soft.cumsum(1)[:, :-1]
    spread = float((reached * (1 - reached)).sum(1).mean())
    drawn = float(ordinal.ranked_probability_score(*copies))
    assert float(ordinal.ranked_probability_score(logits, soft)) + spread == pytest.approx(drawn, abs=1e-12)


def test_a_score_of_the_law_itself_is_zero():
    logits, _ = classifier(30, 5)
    assert float(ordinal.ranked_probability_score(logits, logits.softmax(1))) == pytest.approx(0, abs=1e-15)


def test_half_of_the_mass_is_enough_for_the_median():
    # Ten equal ranks: half of the mass lies at 4 or below, but five rounded tenths can add up to less.
    assert float(ordinal.mean_absolute_error(torch.zeros(1, 10), torch.tensor([0]), decision="median")) == 4


def test_the_median_has_the_smallest_expected_error():
    logits, _ = classifier(200, 6)
    probs = logits.softmax(1)
    medians = float(ordinal.mean_absolute_error(logits, probs, decision="median"))
    assert medians <= float(ordinal.mean_absolute_error(logits, probs))
    for rank in range(6):
        assert medians <= float(ordinal.mean_absolute_error(decisions([rank] * 200, 6), probs))


def test_plateaus_are_unimodal_and_two_peaks_are_not():
    rows = torch.tensor([[1.0, 1, 2, 2, 1], [2, 1, 1, 1, 2], [1, 1, 1, 1, 1], [1, 2, 1, 2, 1]])
    label = torch.zeros(1, dtype=torch.int64)
    assert [float(ordinal.unimodal_share(row[None], label)) for row in rows] == [1, 0, 1, 0]


@few_examples
@given(classifiers)
def test_cumulative_events(data):
    logits, labels = data
    events = ordinal.cumulative_events(logits, labels)
    assert len(events) == logits.shape[1] - 1
    for k, (confidence, correctness) in enumerate(events):
        expected = logits.softmax(1)[:, : k + 1].sum(1)
        assert torch.allclose(confidence, expected, rtol=0, atol=1e-12)
        assert confidence.max() <= 1
        assert correctness.tolist() == (labels <= k).double().tolist()
    # The Brier scores of the events make up the ranked probability score.
    brier = sum(float((confidence - correctness).square().mean()) for confidence, correctness in events)
    assert brier == pytest.approx(float(ordinal.ranked_probability_score(logits, labels)), abs=1e-12)
    soft = ordinal.cumulative_events(logits, F.one_hot(labels, logits.shape[1]).double())
    assert torch.equal(torch.stack([e.correctness for e in soft]), torch.stack([e.correctness for e in events]))


def test_a_model_that_knows_the_law_has_calibrated_events():
    logits, _ = classifier(20, 5)
    for confidence, correctness in ordinal.cumulative_events(logits, logits.softmax(1)):
        assert torch.allclose(confidence, correctness, rtol=0, atol=1e-12)


@pytest.mark.parametrize("function", [ordinal.cumulative_events, ordinal.ranked_probability_score])
def test_one_rank_has_no_thresholds(function):
    with pytest.raises(ValueError, match=r"\w+: there must be at least 2 ranks, got 1"):
        function(torch.zeros(2, 1), torch.zeros(2, dtype=torch.int64))


@every_measure
def test_faults_are_named(function, options):
    name = function.__name__
    with pytest.raises(ValueError, match=rf"^{name}: .*labels lie outside 0..2"):
        function(torch.zeros(2, 3), torch.tensor([0, 3]), **options)
    with pytest.raises(ValueError, match=rf"^{name}: .*probabilities"):
        function(torch.tensor([[0.5, 0.7]]), torch.tensor([0]), from_logits=False, **options)
