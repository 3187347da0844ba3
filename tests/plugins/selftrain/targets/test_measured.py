"""Measured smoothing: alpha from errors on held-out samples, and what that alpha is the right one for."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.testing import assert_close

from smoothkit.scenario import TargetConfig
from smoothkit.targets import ClassWise, LabelSmoothing
from smoothkit_selftrain.targets.measured import MeasuredSmoothing, error_rates

K = 5
pairs = st.lists(st.tuples(st.integers(0, K - 1), st.integers(0, K - 1)), min_size=1, max_size=40)


def logits_of(predicted):
    return 3 * torch.nn.functional.one_hot(torch.tensor(predicted), K).float()


def rates_by_hand(found):
    """The error rate of each predicted class, or the overall one."""
    overall = sum(p != t for p, t in found) / len(found)
    rates = []
    for c in range(K):
        wrong = [p != t for p, t in found if p == c]
        rates.append(sum(wrong) / len(wrong) if wrong else overall)
    return overall, rates


@given(pairs)
def test_alpha_is_the_error_rate_times_k_over_k_minus_1(found):
    predicted, labels = zip(*found, strict=True)
    overall, rates = rates_by_hand(found)
    for per_class, expected in ((False, [overall] * K), (True, rates)):
        target = MeasuredSmoothing(K, per_class)
        target.end_validation(logits_of(predicted), torch.tensor(labels))
        assert_close(target.alpha, torch.tensor([min(1.0, rate * K / (K - 1)) for rate in expected]))
        wrong = torch.tensor(predicted) != torch.tensor(labels)
        if per_class:
            assert_close(error_rates(torch.tensor(predicted), wrong, K), torch.tensor(expected))


@given(pairs, st.booleans())
def test_it_is_label_smoothing_with_an_alpha_for_each_class(found, per_class):
    predicted, labels = zip(*found, strict=True)
    target = MeasuredSmoothing(K, per_class)
    target.end_validation(logits_of(predicted), torch.tensor(labels))
    known = ClassWise(K, target.alpha.tolist())
    assert_close(target.matrix(), known.matrix())
    assert_close(target.true_mass(), known.true_mass())
    assert_close(target.margin(), known.margin(), rtol=1e-4, atol=1e-5)
    soft = torch.rand(6, K, generator=torch.Generator().manual_seed(0)).softmax(dim=1)
    assert_close(target.distribution(soft), known.distribution(soft))


def test_before_a_measurement_it_is_the_label_itself():
    target = MeasuredSmoothing(K)
    assert torch.equal(target.matrix(), torch.eye(K))
    assert target.margin().isposinf().all()
    target.end_validation(torch.zeros(0, K), torch.zeros(0, dtype=torch.int64))
    assert target.alpha.count_nonzero() == 0


def test_with_errors_on_all_others_alike_it_is_the_posterior():
    """Symmetric noise: whatever the error rates e_c, t is the distribution of the true class behind a label c."""
    errors, repeats = torch.tensor([0, 4, 8, 12, 16]), 20
    counts = (errors // (K - 1)).unsqueeze(1).expand(K, K).clone()
    counts.diagonal().copy_(repeats - errors)
    predicted, labels = torch.arange(K * K).repeat_interleave(counts.flatten()).div(K, rounding_mode="floor"), None
    labels = torch.arange(K * K).repeat_interleave(counts.flatten()) % K
    target = MeasuredSmoothing(K, per_class=True)
    target.end_validation(logits_of(predicted.tolist()), labels)
    assert_close(target.matrix(), counts / repeats)


def test_each_measurement_replaces_the_last():
    target = MeasuredSmoothing(K)
    target.end_validation(logits_of([0, 1, 2, 3]), torch.tensor([1, 2, 3, 4]))
    assert_close(target.true_mass(), torch.full((K,), 1 / K))
    target.end_validation(logits_of([0, 1, 2, 3]), torch.tensor([0, 1, 2, 4]))
    assert_close(target.true_mass(), torch.full((K,), 0.75))


def test_ignored_samples_are_left_out_and_soft_labels_count_as_their_class():
    logits, labels = logits_of([0, 1, 2, 3]), torch.tensor([0, -100, 1, 3])
    target, other = MeasuredSmoothing(K), MeasuredSmoothing(K)
    target.end_validation(logits, labels)
    assert_close(target.true_mass(), torch.full((K,), 2 / 3))
    soft = 0.7 * torch.nn.functional.one_hot(labels.clamp(min=0), K).float() + 0.06
    other.end_validation(logits, soft.masked_fill((labels == -100).unsqueeze(1), 0))
    assert torch.equal(target.alpha, other.alpha)


def test_where_all_labels_are_wrong_nothing_of_them_is_left():
    """More errors than chance would make do not turn the label around."""
    target = MeasuredSmoothing(2)
    target.end_validation(torch.eye(2), torch.tensor([1, 0]))
    assert_close(target.matrix(), torch.full((2, 2), 0.5))


def test_what_was_measured_is_saved():
    target, restored = MeasuredSmoothing(K), MeasuredSmoothing(K)
    target.end_validation(logits_of([0, 1, 2, 3]), torch.tensor([0, 1, 2, 4]))
    restored.load_state_dict(target.state_dict())
    assert torch.equal(restored.matrix(), target.matrix())


@given(st.floats(0, 0.7, allow_subnormal=False))
def test_the_loss_is_that_of_label_smoothing(rate):
    target, known = MeasuredSmoothing(K), LabelSmoothing(K, rate)
    target.alpha.fill_(rate)
    logits = torch.randn(8, K, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(8) % K
    assert_close(target(logits, labels), known(logits, labels))


def test_a_large_number_of_classes_needs_no_matrix():
    target, labels = MeasuredSmoothing(50_000), torch.tensor([0, 49_999])
    target.alpha.fill_(0.2)
    logits = torch.zeros(2, 50_000)
    assert_close(target(logits, labels), LabelSmoothing(50_000, 0.2)(logits, labels))
    assert "true_mass=0.8" in repr(target)


def test_the_repr_tells_how_much_stays():
    target = MeasuredSmoothing(K)
    target.alpha.fill_(0.5)
    assert "per_class=False, true_mass=0.6" in repr(target)


def test_it_is_registered_under_its_name():
    config = TargetConfig.model_validate({"name": "measured-ls", "per_class": True})
    target = config.build(num_classes=7, num_samples=None)
    assert isinstance(target, MeasuredSmoothing)
    assert target.per_class


def test_logits_of_other_classes_are_refused():
    with pytest.raises(ValueError, match=r"expected \(N, 5\)"):
        MeasuredSmoothing(K).end_validation(torch.zeros(3, 4), torch.tensor([0, 1, 2]))
