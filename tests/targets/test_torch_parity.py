"""`weight_mode="torch"` against nn.CrossEntropyLoss; the default mode where the two mean the same."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from smoothkit.targets import LabelSmoothing, OneHot

K = 5


def fixed(num_classes, alpha, **options):
    return LabelSmoothing(num_classes, alpha, **options) if alpha else OneHot(num_classes, **options)


def batch(spatial, seed=0):
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(6, K, *spatial, generator=generator, dtype=torch.float64)
    labels = torch.randint(K, (6, *spatial), generator=generator)
    soft = torch.rand(6, K, *spatial, generator=generator, dtype=torch.float64).softmax(dim=1)
    weight = torch.rand(K, generator=generator, dtype=torch.float64) + 0.1
    return logits.requires_grad_(), labels, soft, weight


def assert_same(ours, theirs, logits):
    assert_close(ours, theirs)
    ours, theirs = (torch.autograd.grad(loss.sum(), logits)[0] for loss in (ours, theirs))
    assert_close(ours, theirs)


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("spatial", [(), (3,), (2, 3)])
@pytest.mark.parametrize("alpha", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("weighted", [False, True])
class TestTorchMode:
    @pytest.mark.parametrize("ignore_index", [-100, 2])
    def test_index_labels(self, weighted, alpha, spatial, reduction, ignore_index):
        logits, labels, _, weight = batch(spatial)
        labels[0] = ignore_index
        weight = weight if weighted else None
        theirs = nn.CrossEntropyLoss(weight, ignore_index=ignore_index, label_smoothing=alpha, reduction=reduction)
        ours = fixed(K, alpha, ignore_index=ignore_index, weight_mode="torch")
        assert_same(ours(logits, labels, weight, reduction), theirs(logits, labels), logits)

    def test_soft_labels(self, weighted, alpha, spatial, reduction):
        logits, _, soft, weight = batch(spatial)
        weight = weight if weighted else None
        theirs = nn.CrossEntropyLoss(weight, label_smoothing=alpha, reduction=reduction)
        ours = fixed(K, alpha, weight_mode="torch")
        assert_same(ours(logits, soft, weight, reduction), theirs(logits, soft), logits)


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("alpha", [0.0, 0.1])
def test_without_weights_the_modes_agree_with_torch_and_each_other(alpha, reduction):
    logits, labels, soft, _ = batch((3,))
    for answer in (labels, soft):
        theirs = nn.CrossEntropyLoss(label_smoothing=alpha, reduction=reduction)(logits, answer)
        assert_same(fixed(K, alpha)(logits, answer, reduction=reduction), theirs, logits)


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_weighted_one_hot_is_the_same_in_both_modes(reduction):
    logits, labels, _, weight = batch((2,))
    theirs = nn.CrossEntropyLoss(weight, reduction=reduction)(logits, labels)
    assert_same(OneHot(K)(logits, labels, weight, reduction), theirs, logits)


def test_a_class_weight_moves_the_optimum_in_torch_mode_only():
    """pytorch#104776: K = 10, alpha = 0.1, one class with weight 5; the optimum is p_true = 0.875 in place of 0.910."""
    weight = torch.ones(10, dtype=torch.float64)
    weight[3] = 5
    label = torch.tensor([7])
    weighted_target = LabelSmoothing(10).distribution(label).double() * weight
    optimum = {
        "torch": weighted_target / weighted_target.sum(),
        "sample": LabelSmoothing(10).distribution(label).double(),
    }
    assert round(optimum["torch"][0, 7].item(), 3) == 0.875
    for mode, probs in optimum.items():
        logits = probs.log().requires_grad_()
        LabelSmoothing(10, weight_mode=mode)(logits, label, weight).backward()
        assert logits.grad is not None
        assert_close(logits.grad, torch.zeros_like(logits), rtol=0, atol=1e-7)


def test_a_soft_label_weighs_as_its_expectation_in_sample_mode():
    logits, _, soft, weight = batch(())
    losses = OneHot(K)(logits, soft, reduction="none")
    share = soft @ weight
    assert_close(OneHot(K)(logits, soft, weight), (share * losses).sum() / share.sum())


def test_without_a_valid_row_torch_gives_nan_and_we_give_zero():
    logits, labels, _, _ = batch(())
    labels.fill_(-100)
    assert nn.CrossEntropyLoss()(logits, labels).isnan()
    assert OneHot(K, weight_mode="torch")(logits, labels).item() == 0


def test_it_replaces_cross_entropy_call_for_call():
    logits, labels, soft, _ = batch(())
    for answer in (labels, labels.int(), labels.to(torch.uint8), soft, soft.float()):
        assert_close(
            OneHot(K)(logits, answer),
            nn.functional.cross_entropy(
                logits, answer.to(torch.int64) if not answer.is_floating_point() else answer.double()
            ),
        )
