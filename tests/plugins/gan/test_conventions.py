"""The numbers of other libraries come to the losses that those libraries compute."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F
from torch.testing import assert_close

from smoothkit.targets import Binary, LabelSmoothing, Scheduled
from smoothkit.targets.schedule import Linear
from smoothkit.testing import TargetContract
from smoothkit_gan.conventions import TFGAN, KerasBinary, TorchGAN
from smoothkit_gan.losses import discriminator_loss

smoothing = st.floats(0, 0.9, allow_subnormal=False)
bce = F.binary_cross_entropy_with_logits


class TestTorchGAN(TargetContract):
    make = staticmethod(lambda num_classes=2: TorchGAN())


def logits():
    return torch.randn(2, 1, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).unbind()


@given(smoothing)
def test_torchgans_real_label_is_lowered(a):
    real, fake = logits()
    expected = bce(real, torch.full_like(real, 1 - a)) + bce(fake, torch.zeros_like(fake))
    found = discriminator_loss("non-saturating", TorchGAN(label_smoothing=a), real, fake)
    assert_close(found[0], expected, rtol=0, atol=1e-6)


@given(smoothing)
def test_tf_gan_lowers_the_real_label_half_as_far(a):
    real, fake = logits()
    smoothed = torch.ones_like(real) * (1 - a) + 0.5 * a
    expected = bce(real, smoothed) + bce(fake, torch.zeros_like(fake))
    found = discriminator_loss("non-saturating", TFGAN(label_smoothing=a), real, fake)
    assert_close(found[0], expected, rtol=0, atol=1e-6)


@given(smoothing)
def test_keras_smooths_both_sides(a):
    real, fake = logits()
    expected = sum(bce(z, torch.full_like(z, y) * (1 - a) + 0.5 * a) for z, y in ((real, 1.0), (fake, 0.0)))
    for target in (KerasBinary(label_smoothing=a), LabelSmoothing(2, a)):
        found = discriminator_loss("non-saturating", target, real, fake)
        assert_close(found[0], expected, rtol=0, atol=1e-6)


def test_one_number_is_three_targets():
    levels = {
        kind: (kind(label_smoothing=0.2).real, kind(label_smoothing=0.2).fake)
        for kind in (TorchGAN, TFGAN, KerasBinary)
    }
    assert levels == {TorchGAN: (0.8, 0.0), TFGAN: (0.9, 0.0), KerasBinary: (0.9, 0.1)}


def test_tf_gans_default_is_one_eighth():
    assert TFGAN().real == 0.875


def test_the_repr_and_the_optimum_follow_the_number():
    target = TorchGAN(label_smoothing=0.3)
    assert repr(target) == "TorchGAN(num_classes=2, label_smoothing=0.3, true_mass=0.7 to 1, margin=0.8473 to inf)"
    assert_close(target.optimum(torch.ones(1), torch.ones(1)), torch.tensor([0.35]))


def test_a_schedule_moves_the_number():
    target = Scheduled(TorchGAN(), label_smoothing=Linear(0.0, 0.4))
    target.set_progress(0.5)
    assert_close(target.distribution(torch.tensor([1])), Binary(real=0.8).distribution(torch.tensor([1])))


@pytest.mark.parametrize("kind", [TorchGAN, TFGAN, KerasBinary])
def test_wrong_numbers_are_named(kind):
    with pytest.raises(ValueError, match=r"label_smoothing is 1.2; expected a number from 0 to 1"):
        kind(label_smoothing=1.2)
    with pytest.raises(ValueError, match=r"num_classes is 3; expected 2"):
        kind(3)


@pytest.mark.parametrize("kind", [TorchGAN, KerasBinary])
def test_what_leaves_nothing_between_real_and_fake_is_refused(kind):
    with pytest.raises(ValueError, match="expected a real above fake"):
        kind(label_smoothing=1.0)
