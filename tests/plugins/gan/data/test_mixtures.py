"""Mixtures: the published constants, the density against SciPy, and samples against the density."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from smoothkit.config import ConfigError
from smoothkit_gan.config import GanDataConfig
from smoothkit_gan.data.mixtures import Mixture, far_start, grid, ring

ROOT = Path("unused")
coordinates = st.floats(-6, 6, allow_subnormal=False)


def make(*means, std=0.3):
    return Mixture(torch.tensor(means, dtype=torch.float64), std)


TRIANGLE = make((0.0, 1.0), (1.0, -0.5), (-1.0, -0.5))


def density(mixture, point):
    return np.mean([stats.multivariate_normal(mean, mixture.std**2).pdf(point) for mean in mixture.means.numpy()])


# --- the law --------------------------------------------------------------------------------------------------------


@given(coordinates, coordinates)
def test_the_density_is_that_of_scipy(x, y):
    found = TRIANGLE.log_density(torch.tensor([[x, y]], dtype=torch.float64)).exp().item()
    assert found == pytest.approx(density(TRIANGLE, [x, y]), rel=1e-9, abs=1e-300)


def test_the_density_integrates_to_one():
    line = make((-1.0,), (0.5,), (2.0,), std=0.2)
    total, _ = integrate.quad(lambda x: line.log_density(torch.tensor([[x]])).exp().item(), -3, 4, limit=200)
    assert total == pytest.approx(1, abs=1e-7)


def test_the_log_density_stays_finite_and_exact_far_away():
    one = make((1e4, 0.0), std=0.01)
    at = torch.tensor([[1e4 + 0.01, 0.0], [-1e4, 1e4]], dtype=torch.float64)
    constant = 2 * np.log(0.01 * np.sqrt(2 * np.pi))
    assert one.log_density(at).tolist() == pytest.approx([-0.5 - constant, -(4e8 + 1e8) / 2e-4 - constant], rel=1e-9)


@given(st.lists(st.tuples(coordinates, coordinates), min_size=1, max_size=8))
def test_the_nearest_mode_is_the_nearest(points):
    distances, modes = TRIANGLE.nearest(torch.tensor(points, dtype=torch.float64))
    for point, distance, mode in zip(points, distances.tolist(), modes.tolist(), strict=True):
        all_of_them = np.linalg.norm(TRIANGLE.means.numpy() - point, axis=1) / TRIANGLE.std
        assert distance == pytest.approx(all_of_them.min(), abs=1e-12)
        assert all_of_them[mode] == pytest.approx(distance, abs=1e-12)


def test_widening_adds_variances():
    points, _ = TRIANGLE.sample(torch.Generator().manual_seed(0), 20_000)
    noisy = points + 0.4 * torch.randn(points.shape, generator=torch.Generator().manual_seed(1))
    wide = TRIANGLE.widened(0.4)
    assert wide.std == pytest.approx(0.5)
    # The mean log density of a law's own samples is minus its entropy, which a narrower or wider law misses.
    right, *wrong = (
        law.log_density(noisy).mean().item() for law in (wide, TRIANGLE.widened(0.3), TRIANGLE.widened(0.5))
    )
    assert right > max(wrong)


def test_samples_have_the_moments_of_their_modes():
    count = 60_000
    points, modes = TRIANGLE.sample(torch.Generator().manual_seed(0), count)
    counts = torch.bincount(modes)
    assert (counts - count / 3).abs().max() < 5 * (count * 2 / 9) ** 0.5
    assert points.dtype == torch.float32
    for mode in range(3):
        own = points[modes == mode].double() - TRIANGLE.means[mode]
        assert own.mean(0).abs().max() < 5 * 0.3 / len(own) ** 0.5
        covariance = own.T.cov()
        assert (covariance - 0.09 * torch.eye(2)).abs().max() < 5 * 0.09 * (2 / len(own)) ** 0.5


# --- the data sets --------------------------------------------------------------------------------------------------


def test_the_ring_is_that_of_the_papers():
    data = ring(ROOT)
    assert len(data.train) == 100_000
    assert len(data.test) == 2500
    assert (data.mixture.modes, data.mixture.std) == (8, 0.01)
    assert data.mixture.means.norm(dim=1).tolist() == pytest.approx([1.0] * 8)
    # Neighbours of a regular octagon in the unit circle.
    gaps = (data.mixture.means - data.mixture.means.roll(1, 0)).norm(dim=1)
    assert gaps.tolist() == pytest.approx([2 * np.sin(np.pi / 8)] * 8)


def test_the_grid_is_that_of_the_papers():
    data = grid(ROOT, train_samples=2000)
    assert data.mixture.std == 0.05
    assert data.mixture.means.unique(dim=0).shape == (25, 2)
    assert sorted(set(data.mixture.means.flatten().tolist())) == [-4.0, -2.0, 0.0, 2.0, 4.0]
    assert data.class_names[7] == "7"
    assert data.mixture.means[7].tolist() == [-2.0, 0.0]  # column 1, row 2


def test_the_far_start_has_one_mode_at_zero():
    data = far_start(ROOT, train_samples=10_000)
    assert data.train.shape == (1,)
    assert data.mixture.means.tolist() == [[0.0]]
    assert data.std[0] == pytest.approx(0.1, rel=0.05)


@pytest.mark.parametrize("make_set", [ring, grid, far_start])
def test_labels_are_the_modes_and_the_seed_is_everything(make_set):
    data, again = make_set(ROOT, train_samples=2000, seed=3), make_set(ROOT, train_samples=2000, seed=3)
    other = make_set(ROOT, train_samples=2000, seed=4)
    _, nearest = data.mixture.nearest(data.train.images)
    assert torch.equal(nearest, data.train.labels)
    assert torch.equal(data.train.images, again.train.images)
    assert not torch.equal(data.train.images, other.train.images)
    alike = make_set(ROOT, train_samples=500, test_samples=500)
    assert not torch.equal(alike.train.images, alike.test.images)


@pytest.mark.parametrize(
    ("make_set", "options", "word"),
    [
        (ring, {"modes": 0}, "modes is 0"),
        (ring, {"radius": 0.0}, "radius is 0.0"),
        (ring, {"std": float("nan")}, "std is nan"),
        (grid, {"spacing": -1.0}, "spacing is -1.0"),
        (grid, {"side": 0}, "side is 0"),
        (far_start, {"test_samples": 0}, "test_samples is 0"),
        (far_start, {"seed": -1}, "seed is -1"),
    ],
)
def test_what_is_out_of_range_is_named(make_set, options, word):
    with pytest.raises(ValueError, match=word):
        make_set(ROOT, **options)


def test_a_scenario_file_chooses_them_by_name():
    config = GanDataConfig.model_validate({"name": "far-start", "std": 0.5})
    assert config.build(root=ROOT).mixture.std == 0.5
    with pytest.raises(ConfigError, match="ring: input should be greater than 0"):
        GanDataConfig.model_validate({"name": "ring", "radius": -1.0}).build(root=ROOT)
