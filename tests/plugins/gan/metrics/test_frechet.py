"""The Fréchet distance is that of Gaussians with the sample's own moments."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import sqrtm
from torch import nn
from torchmetrics.image.fid import FrechetInceptionDistance

from smoothkit_gan.metrics.frechet import frechet_distance


def cloud(seed: int, samples: int, dims: int) -> torch.Tensor:
    """A correlated cloud away from 0."""
    generator = torch.Generator().manual_seed(seed)
    mixed = torch.randn(samples, dims, generator=generator, dtype=torch.float64)
    return mixed @ torch.randn(dims, dims, generator=generator, dtype=torch.float64) + torch.randn(
        dims, generator=generator, dtype=torch.float64
    )


def whitened(samples: int, dims: int) -> torch.Tensor:
    """A cloud with exactly the mean 0 and the covariance 1."""
    raw = cloud(0, samples, dims)
    raw = raw - raw.mean(0)
    return torch.linalg.qr(raw).Q * (samples - 1) ** 0.5


def test_closed_form_of_commuting_covariances():
    base = whitened(50, 3)
    first, second = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([2.0, 2.0, 0.5])
    shift = torch.tensor([1.0, -1.0, 0.5])
    expected = float(shift.square().sum() + (first - second).square().sum())
    assert frechet_distance(base * first, base * second + shift) == pytest.approx(expected, rel=1e-10)


@given(seed=st.integers(0, 1000), samples=st.integers(2, 30), dims=st.integers(1, 12))
def test_of_itself_it_is_zero_even_with_fewer_samples_than_dimensions(seed, samples, dims):
    points = cloud(seed, samples, dims)
    assert frechet_distance(points, points.flip(0)) == pytest.approx(0, abs=1e-9 * float(points.square().sum()))


@given(seed=st.integers(0, 1000), dims=st.integers(1, 6))
def test_symmetric_shifted_and_rotated_with_both_clouds(seed, dims):
    first, second = cloud(seed, 20, dims), cloud(seed + 1, 15, dims)
    found = frechet_distance(first, second)
    turn = torch.linalg.qr(cloud(seed + 2, dims, dims)).Q
    assert frechet_distance(second, first) == pytest.approx(found, rel=1e-9, abs=1e-9)
    assert frechet_distance(first @ turn + 3, second @ turn + 3) == pytest.approx(found, rel=1e-8, abs=1e-8)


def test_as_scipys_root_says():
    first, second = cloud(1, 40, 5), cloud(2, 60, 5)
    one, other = first.T.cov().numpy(), second.T.cov().numpy()
    expected = (first.mean(0) - second.mean(0)).square().sum().item()
    expected += one.trace() + other.trace() - 2 * sqrtm(one @ other).real.trace()
    assert frechet_distance(first, second) == pytest.approx(expected, rel=1e-9)


class Features(nn.Module):
    """A feature extractor that torchmetrics accepts: the images' own pixels."""

    num_features = 4

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Pixels as features."""
        return images.flatten(1)


def test_as_torchmetrics_says():
    first, second = (cloud(seed, 80, 4).float().reshape(-1, 1, 2, 2) for seed in (3, 4))
    metric = FrechetInceptionDistance(feature=Features(), normalize=True)
    metric.update(first, real=True)
    metric.update(second, real=False)
    assert frechet_distance(first.flatten(1), second.flatten(1)) == pytest.approx(float(metric.compute()), rel=1e-4)


def test_a_collapsed_cloud_has_a_distance():
    points = whitened(20, 3)
    # With a covariance of 0 nothing is shared: the mean's distance and the trace, which is 3.
    assert frechet_distance(torch.zeros(20, 3), points) == pytest.approx(3.0)


def test_one_sample_has_no_covariance():
    with pytest.raises(ValueError, match="a cloud has 1 samples; expected at least 2"):
        frechet_distance(torch.zeros(1, 3), torch.zeros(5, 3))
