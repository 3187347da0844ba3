"""The kernel distance is unbiased, and its error is the jackknife's."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchmetrics.image.kid import poly_mmd

from smoothkit_gan.metrics import kernel
from smoothkit_gan.metrics.kernel import kernel_distance


def normal(seed: int, samples: int, dims: int, shift: float = 0.0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(samples, dims, generator=generator, dtype=torch.float64) + shift


def plain(first: torch.Tensor, second: torch.Tensor) -> float:
    """The definition, pair by pair."""
    value = lambda a, b: float((a @ b / len(a) + 1) ** 3)  # noqa: E731
    own = [
        [value(a, b) for j, b in enumerate(cloud) if j != i] for cloud in (first, second) for i, a in enumerate(cloud)
    ]
    n = len(first)
    cross = [value(a, b) for a in first for b in second]
    return float(np.mean(own[:n]) + np.mean(own[n:]) - 2 * np.mean(cross))


@given(seed=st.integers(0, 1000), n=st.integers(3, 6), m=st.integers(3, 6), dims=st.integers(1, 4))
def test_estimate_and_error_are_those_of_the_definitions(seed, n, m, dims):
    first, second = normal(seed, n, dims), normal(seed + 1, m, dims, 0.5)
    found = kernel_distance(first, second)
    assert found.estimate == pytest.approx(plain(first, second), rel=1e-9, abs=1e-9)
    without = [
        [plain(torch.cat([first[:i], first[i + 1 :]]), second) for i in range(n)] if n > 2 else [],
        [plain(first, torch.cat([second[:i], second[i + 1 :]])) for i in range(m)] if m > 2 else [],
    ]
    variance = sum((len(each) - 1) * np.var(each) for each in without)
    assert (found.high - found.low) / 2 == pytest.approx(1.959964 * variance**0.5, rel=1e-6, abs=1e-8)


def test_as_torchmetrics_says():
    first, second = normal(0, 40, 8), normal(1, 40, 8, 0.3)
    assert kernel_distance(first, second).estimate == pytest.approx(float(poly_mmd(first, second)), rel=1e-9)


def test_closed_form_of_a_shift():
    # Of scalars with the moments m of one law and s of the other: (1 + ab)³ = Σ binomial (ab)^i, so the squared
    # distance is 3 (m1 - s1)² + 3 (m2 - s2)² + (m3 - s3)². A normal law shifted by 1 has the moments 1, 2 and 4.
    found = kernel_distance(normal(2, 2000, 1), normal(3, 2000, 1, 1.0))
    assert found.low < 3 * 1 + 3 * 1 + 16 < found.high
    assert found.high - found.low < 12


def test_chunks_do_not_matter(monkeypatch):
    first, second = normal(4, 50, 3), normal(5, 31, 3)
    whole = kernel_distance(first, second)
    monkeypatch.setattr(kernel, "CHUNK", 7)
    assert kernel_distance(first, second)[:3] == pytest.approx(whole[:3], rel=1e-12)


def test_unbiased_and_cautious_where_the_laws_agree():
    found = [kernel_distance(normal(seed, 30, 4), normal(seed + 5000, 60, 4)) for seed in range(400)]
    estimates = np.array([each.estimate for each in found])
    assert abs(estimates.mean()) < 4 * estimates.std() / 400**0.5
    assert np.mean([each.excludes(0.0) for each in found]) < 0.05


def test_interval_covers_the_truth_where_the_laws_differ():
    truth = 3 * 0.5**2 + 3 * 0.25**2 + (3 * 0.5 + 0.5**3) ** 2
    found = [kernel_distance(normal(seed, 150, 1), normal(seed + 5000, 150, 1, 0.5)) for seed in range(300)]
    assert 0.88 < np.mean([not each.excludes(truth) for each in found]) <= 1.0


def test_too_few_samples():
    with pytest.raises(ValueError, match="the clouds have 2 and 5 samples; expected at least 3 each"):
        kernel_distance(torch.zeros(2, 3), torch.zeros(5, 3))
