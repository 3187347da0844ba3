"""Diagnostics against closed forms: probabilities, gradients, and the best discriminator of known densities."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.distributions import MultivariateNormal
from torch.testing import assert_close

from smoothkit.targets import Binary
from smoothkit_gan.config import GanDataConfig
from smoothkit_gan.data.mixtures import Mixture, ring
from smoothkit_gan.data.parts import split_parts
from smoothkit_gan.diagnostics import (
    distance_to_optimum,
    generator_gradients,
    kernel_log_density,
    of_discriminator,
    vanishing_share,
)
from smoothkit_gan.trained import Levels, Trained

ONE_SIDED = Levels(real=0.9, fake=0.0, generator=1.0)


def said(real, fake, loss="non-saturating", levels=ONE_SIDED):
    """The diagnostics of a discriminator that says these probabilities."""
    return of_discriminator(loss, levels, torch.tensor(real).logit(), torch.tensor(fake).logit())


# --- what is said ----------------------------------------------------------------------------------------------------


@given(st.floats(0.55, 1, allow_subnormal=False), st.floats(0, 0.45, allow_subnormal=False))
def test_the_best_discriminator_of_a_perfect_generator_is_at_its_equilibrium(real, fake):
    levels = Levels(real, fake, 1.0)
    found = said([levels.equilibrium] * 4, [levels.equilibrium] * 4, levels=levels)
    assert found["equilibrium_gap"] == pytest.approx(0, abs=1e-6)
    assert found["d_real"] == pytest.approx(found["d_fake"])
    assert found["above_ceiling"] == 0


def test_accuracy_has_the_equilibrium_as_its_threshold():
    # With one half as the threshold, the second real sample would be wrong.
    assert said([0.6, 0.47, 0.3, 0.8], [0.1, 0.44])["d_accuracy"] == pytest.approx((3 / 4 + 1) / 2)
    two_sided = Levels(real=0.9, fake=0.3, generator=1.0)
    assert said([0.7, 0.5], [0.55, 0.65], levels=two_sided)["d_accuracy"] == pytest.approx(0.5)


def test_a_discriminator_that_cannot_tell_is_right_half_the_time():
    threshold = Levels(real=1.0, fake=0.0, generator=1.0)
    assert said([0.5] * 3, [0.5] * 5, levels=threshold)["d_accuracy"] == 0.5
    assert of_discriminator("relativistic", threshold, torch.zeros(4), torch.zeros(4))["d_accuracy"] == 0.5


def test_the_ceiling_is_the_real_level_and_a_little():
    assert said([0.91, 0.93, 0.5, 0.99], [0.1])["above_ceiling"] == 0.5
    assert said([0.999], [0.1], levels=Levels(1.0, 0.0, 1.0))["above_ceiling"] == 0


def test_means_quantiles_and_extremes():
    values = torch.linspace(-3, 3, 101)
    found = of_discriminator("non-saturating", ONE_SIDED, values, values - 1)
    assert found["largest_real_logit"] == 3
    assert found["smallest_fake_logit"] == -4
    assert found["d_real"] == pytest.approx(values.sigmoid().mean().item())
    assert found["d_real_p50"] == pytest.approx(0.5)
    assert found["d_fake_p5"] == pytest.approx((values - 1).sigmoid().quantile(0.05).item())
    assert found["d_fake_p95"] == pytest.approx((values - 1).sigmoid().quantile(0.95).item())


def test_codes_are_probabilities_as_they_are():
    found = of_discriminator("least-squares", ONE_SIDED, torch.tensor([0.9, 0.5]), torch.tensor([-0.1, 0.1]))
    assert found["d_real"] == pytest.approx(0.7)
    assert found["equilibrium_gap"] == pytest.approx(0.25)


def test_pairs_have_one_half_as_their_equilibrium():
    levels = Levels(real=0.9, fake=0.1, generator=1.0)
    real, fake = torch.tensor([3.0, 1.0, 0.0, 2.0]), torch.tensor([0.0, 0.0, 0.0, 5.0])
    found = of_discriminator("relativistic", levels, real, fake)
    assert found["d_pair"] == pytest.approx((real - fake).sigmoid().mean().item())
    assert found["equilibrium_gap"] == pytest.approx(abs(found["d_pair"] - 0.5))
    assert found["d_accuracy"] == pytest.approx(2.5 / 4)
    assert found["above_ceiling"] == 0.25
    assert "d_real" not in found


@given(st.floats(-5, 5, allow_subnormal=False))
def test_pairs_of_one_law_are_balanced_whatever_the_discriminator(shift):
    logits = torch.linspace(-2, 2, 50) + shift
    found = of_discriminator("relativistic", Levels(1.0, 0.0, 1.0), logits, logits.flip(0))
    assert found["equilibrium_gap"] == pytest.approx(0, abs=1e-6)


def test_a_hinge_says_logits_only():
    found = of_discriminator("hinge", None, torch.tensor([1.0, 2.0]), torch.tensor([-1.0, 0.5]))
    assert found == {"largest_real_logit": 2.0, "smallest_fake_logit": -1.0}


# --- what the generator is told --------------------------------------------------------------------------------------


class Slope(nn.Module):
    """z = w · (all samples of a pack)."""

    def __init__(self, *weights):
        super().__init__()
        self.weights = torch.tensor(weights)

    def forward(self, samples):
        """Logits (1, n / packing)."""
        packs = samples.shape[1] * samples.shape[2] // len(self.weights)
        return samples.reshape(1, packs, len(self.weights)) @ self.weights


@pytest.fixture(scope="module")
def parts():
    return split_parts(GanDataConfig.model_validate({"name": "ring", "train_samples": 100, "test_samples": 80}), seed=0)


def gradients(loss, parts, discriminator, real, fakes, levels=ONE_SIDED):
    target = Binary(real=0.9, fake=0.0)
    trained = Trained(nn.Identity(), None, discriminator, target=target, levels=levels, parts=parts)
    return generator_gradients(loss, trained, real, fakes)


@pytest.mark.parametrize("wanted", [1.0, 0.45])
def test_gradients_are_those_of_each_samples_own_loss(wanted, parts):
    levels = Levels(0.9, 0.0, wanted)
    real, fakes = torch.randn(2, 1, 6, 2, generator=torch.Generator().manual_seed(0)).unbind()
    slope = Slope(3.0, 4.0)
    z, z_real = slope(fakes)[0], slope(real)[0]
    steepness = {
        "non-saturating": (z.sigmoid() - wanted).abs(),
        "saturating": z.sigmoid(),
        "least-squares": (z - wanted).abs(),
        "hinge": torch.ones(6),
        "relativistic": ((z - z_real).sigmoid() - wanted).abs(),
    }
    for loss, expected in steepness.items():
        assert_close(gradients(loss, parts, slope, real, fakes, levels), 5 * expected.double(), rtol=1e-5, atol=1e-6)


def test_samples_of_a_pack_have_gradients_of_their_own(parts):
    fakes = torch.randn(1, 4, 2, generator=torch.Generator().manual_seed(0))
    slope = Slope(3.0, 4.0, 0.0, 2.0)
    steepness = (1 - slope(fakes)[0].sigmoid()).double()
    expected = torch.stack([5 * steepness, 2 * steepness], 1).flatten()
    assert_close(gradients("non-saturating", parts, slope, fakes, fakes), expected, rtol=1e-5, atol=1e-6)


def test_the_saturating_gradient_vanishes_where_the_discriminator_is_sure(parts):
    """By ten orders of magnitude where D is 4.5e-5: what the share is there to show."""
    fakes = torch.tensor([[[0.0, 0.0], [-10.0, 0.0]]])
    told = {loss: gradients(loss, parts, Slope(1.0, 0.0), fakes, fakes) for loss in ("saturating", "non-saturating")}
    assert told["saturating"][1].item() == pytest.approx(1 / (1 + math.exp(10)), rel=1e-4)
    assert vanishing_share(told["saturating"], typical=0.5) == 0.5
    assert vanishing_share(told["non-saturating"], typical=0.5) == 0


def test_vanishing_is_against_what_is_typical():
    norms = torch.tensor([1.0, 0.1, 1e-4, 0.0], dtype=torch.float64)
    assert vanishing_share(norms, typical=1.0) == 0.5
    assert vanishing_share(norms, typical=0.01) == 0.25
    assert vanishing_share(torch.zeros(3, dtype=torch.float64), typical=0.0) == 1.0


# --- the best discriminator ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dims", [1, 2])
@pytest.mark.parametrize("shift", [0.0, 0.5, 2.0])
def test_the_best_discriminator_of_two_gaussians_is_near_the_optimum(dims, shift):
    """The densities are seen through the kernel, so D is that of two wider Gaussians; what is left is noise."""
    mixture = Mixture(torch.zeros(1, dims, dtype=torch.float64), std=0.1)
    source = torch.Generator().manual_seed(0)
    real, fakes = (mixture.sample(source, 2000)[0] for _ in range(2))
    fakes = fakes + 0.1 * shift * torch.eye(dims)[0]
    variance = torch.eye(dims, dtype=torch.float64) * 0.1**2 * 1.25
    points = torch.cat([real, fakes]).double()
    p, q = (
        MultivariateNormal(torch.eye(dims, dtype=torch.float64)[0] * 0.1 * each, variance).log_prob(points)
        for each in (0, shift)
    )
    levels = Levels(real=0.9, fake=0.1, generator=1.0)
    best = 0.1 + 0.8 * torch.sigmoid(p - q)
    assert distance_to_optimum(levels, mixture, real, fakes, best) < 0.025
    assert distance_to_optimum(levels, mixture, real, fakes, best + 0.1) == pytest.approx(0.1, abs=0.02)
    if shift == 2:
        assert distance_to_optimum(levels, mixture, real, fakes, torch.full_like(best, 0.5)) > 0.15


def test_a_generator_that_misses_a_mode_shows_in_a_discriminator_that_has_not_seen_it(tmp_path):
    mixture = ring(tmp_path, train_samples=100).mixture
    source = torch.Generator().manual_seed(0)
    real = mixture.sample(source, 2000)[0]
    all_but_one = Mixture(mixture.means[1:], mixture.std).sample(source, 2000)[0]
    unaware = torch.full((4000,), 0.5)
    found = distance_to_optimum(Levels(1.0, 0.0, 1.0), mixture, real, all_but_one, unaware)
    # An eighth of the real samples has D* = 1, the rest of both sides p / (p + q) = 7 / 15, and noise.
    assert found == pytest.approx((0.5 / 8 + (7 / 8 + 1) / 30) / 2, abs=0.03)


def test_a_kernel_estimate_leaves_each_centre_out_of_its_own():
    centres = torch.randn(7, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    points = torch.cat([torch.zeros(1, 2, dtype=torch.float64), centres])
    found = kernel_log_density(points, centres, 0.5, itself=1)
    kernel = [MultivariateNormal(each, 0.25 * torch.eye(2, dtype=torch.float64)) for each in centres]
    for place, point in enumerate(points):
        own = [each.log_prob(point).exp() for index, each in enumerate(kernel) if index != place - 1]
        assert found[place].exp().item() == pytest.approx(torch.stack(own).mean().item())
