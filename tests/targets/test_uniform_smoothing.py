"""Label smoothing: conventions, optimum, gradient laws, other libraries' formulas."""

from math import exp, isclose, log

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from smoothkit.targets import LabelSmoothing, OneHot
from smoothkit.targets.uniform import uniform_masses


@given(st.floats(0, 0.9), st.integers(2, 1000))
def test_others_is_all_with_alpha_times_k_over_k_minus_1(alpha, num_classes):
    if alpha * num_classes / (num_classes - 1) <= 1:
        ours = uniform_masses(alpha, "others", num_classes)
        theirs = uniform_masses(alpha * num_classes / (num_classes - 1), "all", num_classes)
        assert ours == pytest.approx(theirs, abs=1e-12)


@given(st.floats(0, 1), st.sampled_from(["all", "others"]), st.integers(2, 1000))
def test_the_masses_are_a_distribution(alpha, convention, num_classes):
    true_mass, other_mass = uniform_masses(alpha, convention, num_classes)
    assert min(true_mass, other_mass) >= 0
    assert isclose(true_mass + (num_classes - 1) * other_mass, 1, abs_tol=1e-12)


@pytest.mark.parametrize(
    ("num_classes", "convention", "margin"),
    [
        (2, "others", 2.1972),
        (2, "all", 2.9444),
        (10, "others", 4.394449),
        (10, "all", 4.510860),
        (100, "others", 6.7923),
        (100, "all", 6.8035),
        (1000, "others", 9.1040),
        (1000, "all", 9.1051),
    ],
)
def test_margin_at_the_optimum(num_classes, convention, margin):
    target = LabelSmoothing(num_classes, 0.1, convention)
    assert target.margin()[0].item() == pytest.approx(margin, abs=6e-5)
    logits = torch.zeros(1, num_classes, dtype=torch.float64)
    logits[0, 1] = target.margin()[0].double()
    logits.requires_grad_()
    target(logits, torch.tensor([1])).backward()
    assert_close(logits.grad, torch.zeros_like(logits), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("convention", "loss", "margin"), [("others", 0.544805, 4.394449), ("all", 0.500288, 4.510860)]
)
def test_descent_ends_at_the_entropy_of_the_target(convention, loss, margin):
    target = LabelSmoothing(10, 0.1, convention)
    logits = torch.randn(1, 10, generator=torch.Generator().manual_seed(0), dtype=torch.float64).requires_grad_()
    label = torch.tensor([4])
    optimiser = torch.optim.LBFGS(
        [logits], max_iter=200, tolerance_grad=1e-10, tolerance_change=0, line_search_fn="strong_wolfe"
    )

    def closure():
        optimiser.zero_grad()
        value = target(logits, label)
        value.backward()
        return value

    optimiser.step(closure)
    assert target(logits, label).item() == pytest.approx(loss, abs=1e-6)
    wrong = logits.detach()[0, torch.arange(10) != 4]
    assert (logits.detach()[0, 4] - wrong).numpy() == pytest.approx(margin, abs=1e-5)


@settings(deadline=None)
@given(st.floats(0, 1), st.integers(2, 40), st.integers(0, 2**31))
def test_timms_formula(alpha, num_classes, seed):
    """timm's LabelSmoothingCrossEntropy: (1 - a) (-log p_y) + a mean_k(-log p_k)."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(7, num_classes, generator=generator, dtype=torch.float64)
    labels = torch.randint(num_classes, (7,), generator=generator)
    surprise = -logits.log_softmax(dim=1)
    expected = (1 - alpha) * surprise[torch.arange(7), labels] + alpha * surprise.mean(dim=1)
    assert_close(LabelSmoothing(num_classes, alpha)(logits, labels), expected.mean())


def test_smoothing_adds_the_divergence_from_uniform_to_the_predictions():
    """L = (1 - a) CE + a (KL(u || p) + log K), for the convention "all"."""
    logits = torch.randn(9, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    labels = torch.arange(9) % 6
    divergence = (-log(6) - logits.log_softmax(dim=1)).mean()
    expected = 0.7 * OneHot(6)(logits, labels) + 0.3 * (divergence + log(6))
    assert_close(LabelSmoothing(6, 0.3)(logits, labels), expected)


def test_early_gradients_shrink_by_one_minus_alpha():
    """At equal logits: exactly 1 - alpha for "all", 1 - alpha K/(K - 1) for "others"."""

    def norm(target):
        logits = torch.zeros(1, 5, dtype=torch.float64, requires_grad=True)
        target(logits, torch.tensor([0])).backward()
        assert logits.grad is not None
        return logits.grad.norm().item()

    assert norm(OneHot(5)) == pytest.approx(0.8944, abs=5e-5)
    assert norm(LabelSmoothing(5, 0.1)) / norm(OneHot(5)) == pytest.approx(0.9)
    assert norm(LabelSmoothing(5, 0.1, "others")) / norm(OneHot(5)) == pytest.approx(0.875)


def test_soft_labels_extend_linearly():
    soft = torch.tensor([[0.5, 0.3, 0.2]], dtype=torch.float64)
    assert_close(LabelSmoothing(3, 0.3).distribution(soft), 0.7 * soft + 0.1)
    assert_close(LabelSmoothing(3, 0.3, "others").distribution(soft), 0.7 * soft + 0.3 * (1 - soft) / 2)


@settings(deadline=None)
@given(st.floats(0, 1), st.floats(0, 1), st.sampled_from(["all", "others"]))
def test_smoothing_commutes_with_mixup(alpha, lam, convention):
    target = LabelSmoothing(4, alpha, convention)
    a, b = torch.tensor([0, 1, 2, 3]), torch.tensor([2, 2, 0, 1])
    mixed = lam * OneHot(4).distribution(a) + (1 - lam) * OneHot(4).distribution(b)
    assert_close(target.distribution(mixed), lam * target.distribution(a) + (1 - lam) * target.distribution(b))
    logits = torch.randn(4, 4, generator=torch.Generator().manual_seed(0))
    assert_close(target(logits, mixed), lam * target(logits, a) + (1 - lam) * target(logits, b))


def test_repr_shows_the_convention_and_what_it_amounts_to():
    assert repr(LabelSmoothing(10, 0.1)) == (
        "LabelSmoothing(num_classes=10, alpha=0.1, convention='all', true_mass=0.91, margin=4.511)"
    )
    assert repr(LabelSmoothing(2, 0.1, "others", ignore_index=255, weight_mode="torch")) == (
        "LabelSmoothing(num_classes=2, alpha=0.1, convention='others', ignore_index=255, weight_mode='torch', "
        "true_mass=0.9, margin=2.197)"
    )
    assert "margin=inf" in repr(LabelSmoothing(10, 0.0))


def test_fifty_thousand_classes_need_no_matrix():
    target = LabelSmoothing(50_000, 0.1)
    assert "margin=" in repr(target)
    assert exp(target.margin()[0].item()) == pytest.approx(1 + 50_000 * 9, rel=1e-5)


@pytest.mark.parametrize("alpha", [-0.1, 1.5, float("nan"), float("inf")])
def test_alpha_out_of_range_is_refused(alpha):
    with pytest.raises(ValueError, match=r"alpha is .*; expected a number from 0 to 1"):
        LabelSmoothing(10, alpha)
