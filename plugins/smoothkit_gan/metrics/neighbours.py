"""Precision, recall, density and coverage: whether samples lie where real ones do, and the other way round."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

CHUNK = 1024
"""Rows of a matrix of distances that are held at a time."""


class Neighbours(NamedTuple):
    """Four shares; each is about 1 for samples of the reference's own law."""

    precision: float
    """Share of samples that lie in some reference point's ball."""
    recall: float
    """Share of reference points that lie in some sample's ball."""
    density: float
    """Mean number of reference balls that a sample lies in, over k: above 1 where samples crowd together."""
    coverage: float
    """Share of reference balls with a sample in them."""


def neighbours(
    reference: Float[Tensor, "reference dims"], samples: Float[Tensor, "samples dims"], k: int = 5
) -> Neighbours:
    """Precision, recall, density and coverage with k nearest neighbours.

    A point's ball reaches to its k-th nearest neighbour among the points of its own set, itself not counted. The
    border belongs to the ball, so that a set compared with itself has precision, recall and coverage 1 even where
    points coincide. A perfect sampler's expected coverage, at equal numbers n, is 1 - (n-1)…(n-k) / ((2n-1)…(2n-k)),
    about 1 - 2⁻ᵏ.

    Precision and recall are moved by single outliers, whose balls are wide; density and coverage hardly.

    Source: Kynkäänniemi et al. 2019 (arXiv 1904.06991) for precision and recall; Naeem et al. 2020 (arXiv 2002.09797)
    for density and coverage.

    Raises:
        ValueError: k is below 1, or a set has no more than k points.

    >>> points = torch.arange(8.0)[:, None]
    >>> neighbours(points, points, k=1)
    Neighbours(precision=1.0, recall=1.0, density=2.75, coverage=1.0)
    """
    _check_sizes(k, len(reference), len(samples))
    reference, samples = reference.double(), samples.double()
    reach, own_reach = _reach(reference, k), _reach(samples, k)
    balls_around: Int64[Tensor, " samples"] = torch.zeros(len(samples), dtype=torch.int64, device=samples.device)
    covered, recalled = [], []
    for points, radii in zip(reference.split(CHUNK), reach.split(CHUNK), strict=True):
        distances = _distances(points, samples)
        inside = distances <= radii[:, None]
        balls_around += inside.sum(0)
        covered.append(inside.any(1))
        recalled.append((distances <= own_reach).any(1))
    return Neighbours(
        precision=float((balls_around > 0).double().mean()),
        recall=float(torch.cat(recalled).double().mean()),
        density=float(balls_around.double().mean() / k),
        coverage=float(torch.cat(covered).double().mean()),
    )


def _check_sizes(k: int, reference: int, samples: int) -> None:
    if k < 1 or min(reference, samples) <= k:
        raise ValueError(
            f"neighbours: k is {k}, for {reference} reference points and {samples} samples; expected a k of at least "
            "1, and more points than k in both"
        )


def _reach(points: Float64[Tensor, "points dims"], k: int) -> Float64[Tensor, " points"]:
    """The distance of each point to its k-th neighbour; the nearest point of all is itself."""
    return torch.cat([_distances(rows, points).kthvalue(k + 1, dim=1).values for rows in points.split(CHUNK)])


def _distances(
    rows: Float64[Tensor, "rows dims"], columns: Float64[Tensor, "columns dims"]
) -> Float64[Tensor, "rows columns"]:
    # A product of matrices would be faster, but would put points that coincide at a distance of rounding errors.
    return torch.cdist(rows, columns, compute_mode="donot_use_mm_for_euclid_dist")
