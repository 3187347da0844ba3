"""Precision, recall, density and coverage are what their definitions say, ball by ball."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from smoothkit_gan.metrics import neighbours as module
from smoothkit_gan.metrics.neighbours import neighbours


def normal(seed: int, samples: int, dims: int = 2) -> torch.Tensor:
    return torch.randn(samples, dims, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def by_definition(reference: torch.Tensor, samples: torch.Tensor, k: int) -> list[float]:
    """Plain loops over Naeem et al.'s equations, the border inside."""

    def reach(points: list[list[float]]) -> list[float]:
        return [sorted(math.dist(a, b) for j, b in enumerate(points) if j != i)[k - 1] for i, a in enumerate(points)]

    real, fake = reference.tolist(), samples.tolist()
    real_reach, fake_reach = reach(real), reach(fake)
    inside = [[math.dist(a, b) <= r * (1 + 1e-12) for b in fake] for a, r in zip(real, real_reach, strict=True)]
    precision = sum(any(row[j] for row in inside) for j in range(len(fake))) / len(fake)
    recall = sum(
        any(math.dist(a, b) <= r * (1 + 1e-12) for b, r in zip(fake, fake_reach, strict=True)) for a in real
    ) / len(real)
    density = sum(map(sum, inside)) / (k * len(fake))
    return [precision, recall, density, sum(map(any, inside)) / len(real)]


@given(seed=st.integers(0, 1000), n=st.integers(4, 12), m=st.integers(4, 12), k=st.integers(1, 3))
def test_as_the_definitions_say(seed, n, m, k):
    reference, samples = normal(seed, n), normal(seed + 1, m)
    assert list(neighbours(reference, samples, k)) == pytest.approx(by_definition(reference, samples, k))


@given(seed=st.integers(0, 1000), copies=st.integers(1, 4))
def test_a_set_has_everything_of_itself_even_with_points_that_coincide(seed, copies):
    points = normal(seed, 7, 5).repeat(copies, 1)
    found = neighbours(points, points.flip(0), 3)
    assert (found.precision, found.recall, found.coverage) == (1.0, 1.0, 1.0)
    assert found.density >= 1.0


def test_chunks_do_not_matter(monkeypatch):
    reference, samples = normal(0, 50), normal(1, 40)
    whole = neighbours(reference, samples)
    monkeypatch.setattr(module, "CHUNK", 7)
    assert neighbours(reference, samples) == whole


def test_far_apart_nothing_is_shared():
    assert tuple(neighbours(normal(0, 20), normal(1, 30) + 1000)) == (0.0, 0.0, 0.0, 0.0)


def test_a_collapse_is_precise_and_covers_next_to_nothing():
    reference = normal(0, 200)
    found = neighbours(reference, reference[:1].repeat(200, 1))
    assert found.precision == 1.0
    assert found.recall == 1 / 200
    assert found.coverage < 0.1


def test_expected_coverage_of_a_perfect_sampler():
    k, n = 3, 40
    covered = [neighbours(normal(seed, n), normal(seed + 9000, n), k).coverage for seed in range(200)]
    expected = 1 - math.prod((n - i) / (2 * n - i) for i in range(1, k + 1))
    assert sum(covered) / 200 == pytest.approx(expected, abs=0.012)


@pytest.mark.parametrize(("n", "m", "k"), [(5, 9, 5), (9, 5, 5), (9, 9, 0)])
def test_more_points_than_neighbours(n, m, k):
    with pytest.raises(ValueError, match=f"k is {k}, for {n} reference points and {m} samples"):
        neighbours(normal(0, n), normal(1, m), k)
