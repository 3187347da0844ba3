"""Neural collapse: how near the last features of a network are to one point per class, evenly spread.

Papyan, Han and Donoho, PNAS 117 (2020), arXiv 2008.08186. All of it is 0, and agreement 1, where features have
collapsed: each class to its mean (NC1), the means to a simplex with equal sides around their centre (NC2), the rows of
the last layer to the means up to one scale (NC3), and its decisions to those of the nearest mean (NC4).
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Float64, Int, Int64
from torch import Tensor

from smoothkit.metrics.boundary import Labels, are_distributions

BLOCK_ROWS = 4096
"""Rows that are widened to float64 at a time."""


@dataclass(frozen=True, eq=False)
class Simplex:
    """How far C vectors are from a simplex equiangular tight frame (NC2): 0 each where they are one.

    A vector of length 0 has no angles: then those are NaN.
    """

    norm_variation: Float64[Tensor, ""]
    """The standard deviation of their lengths divided by the mean length: 0 where equally long."""
    angle_variation: Float64[Tensor, ""]
    """The standard deviation of the cosines between pairs of them: 0 where all angles are equal."""
    angle_deviation: Float64[Tensor, ""]
    """The mean of |cosine + 1 / (C - 1)| over pairs: 0 where the angles are as wide as they can all be."""


@dataclass(frozen=True, eq=False)
class NeuralCollapse:
    """The four properties, as float64 scalars."""

    variability: Float64[Tensor, ""]
    """NC1, trace(S_w pinv(S_b)) / C: variation within classes in units of that between them, 0 to infinity."""
    means: Simplex
    """NC2 of the class means around their centre."""
    weights: Simplex
    """NC2 of the rows of the last layer's weight."""
    duality: Float64[Tensor, ""]
    """NC3, || W / |W| - M / |M| ||^2 with Frobenius norms, W the weight and M the centred means; 0 to 4."""
    agreement: Float64[Tensor, ""]
    """NC4, the share of rows that the last layer gives to the class with the nearest mean, 0 to 1."""


def neural_collapse(
    features: Float[Tensor, "rows features"],
    labels: Labels,
    weight: Float[Tensor, "classes features"],
    bias: Float[Tensor, " classes"] | None = None,
    *,
    ignore_index: int | None = None,
) -> NeuralCollapse:
    """The statistics of features that a last layer `features @ weight.T + bias` turns into logits.

    S_w is the mean over all rows of (h - m_y)(h - m_y)^T and S_b the mean over the classes of (m_c - m)(m_c - m)^T, m
    being the mean of the class means m_c, so that each class counts the same in S_b; the paper has equally many rows in
    all of them. A soft label counts as its most probable class; on a tie the first class is the nearest or the largest.

    The pseudo-inverse leaves out the directions in which the means do not differ, up to rounding. So two classes with
    the same mean do not show in `variability`; the cosines of `means` show them.

    Raises:
        ValueError: there are no rows or fewer than 2 classes; shapes do not match; a value is NaN or infinite; a label
            is outside 0 to C - 1; a class has no rows; all class means are the same.

    >>> simplex = torch.eye(3) - 1 / 3
    >>> found = neural_collapse(simplex.repeat(2, 1), torch.arange(3).repeat(2), 5 * simplex)
    >>> [round(abs(value.item()), 6) for value in (found.variability, found.duality, found.agreement)]
    [0.0, 0.0, 1.0]
    """
    features, classes = _checked(features, labels, weight, bias, ignore_index)
    weight = weight.double()
    means = _class_means(features, classes, len(weight))
    centred = means - means.mean(dim=0)
    if not bool(centred.norm() > _rounding(means)):
        raise ValueError("neural_collapse: all class means are the same; expected features that tell classes apart")
    return NeuralCollapse(
        variability=_variability(features, classes, means, centred),
        means=_simplex(centred, _rounding(means)),
        weights=_simplex(weight, torch.zeros_like(weight[0, 0])),
        duality=(weight / weight.norm() - centred / centred.norm()).square().sum(),
        agreement=_agreement(features, means, weight, bias),
    )


def _class_means(
    features: Float[Tensor, "rows features"], classes: Int64[Tensor, " rows"], num_classes: int
) -> Float64[Tensor, "classes features"]:
    counts = torch.bincount(classes, minlength=num_classes)
    absent = (counts == 0).nonzero().flatten().tolist()
    if absent:
        raise ValueError(
            f"neural_collapse: {len(absent)} of {num_classes} classes have no rows, the first is {absent[0]}; "
            "each needs at least one"
        )
    sums = torch.zeros(num_classes, features.shape[1], dtype=torch.float64, device=features.device)
    for rows, labels in zip(features.split(BLOCK_ROWS), classes.split(BLOCK_ROWS), strict=True):
        sums.index_add_(0, labels, rows.double())
    return sums / counts[:, None]


def _variability(
    features: Float[Tensor, "rows features"],
    classes: Int64[Tensor, " rows"],
    means: Float64[Tensor, "classes features"],
    centred: Float64[Tensor, "classes features"],
) -> Float64[Tensor, ""]:
    """trace(S_w pinv(S_b)) / C without a features x features matrix.

    With the centred means U S V^T, S_b = V S^2 V^T / C, so the trace over C is the mean over rows of the squared
    deviations from the class mean along the columns of V, each divided by its S^2.
    """
    _, scales, directions = torch.linalg.svd(centred, full_matrices=False)
    kept = scales > _rounding(means)
    whiten = directions[kept].T / scales[kept]
    total = torch.zeros((), dtype=torch.float64, device=features.device)
    for rows, labels in zip(features.split(BLOCK_ROWS), classes.split(BLOCK_ROWS), strict=True):
        total += ((rows.double() - means[labels]) @ whiten).square().sum()
    return total / len(features)


def _rounding(means: Float64[Tensor, "classes features"]) -> Float64[Tensor, ""]:
    """The most that rounding leaves of a difference between means that are the same."""
    return means.norm() * max(means.shape) * torch.finfo(torch.float64).eps


def _simplex(vectors: Float64[Tensor, "classes features"], rounding: Float64[Tensor, ""]) -> Simplex:
    lengths = vectors.norm(dim=1)
    directions = torch.where((lengths > rounding)[:, None], vectors / lengths[:, None], torch.nan)
    pairs = ~torch.eye(len(vectors), dtype=torch.bool, device=vectors.device)
    cosines = (directions @ directions.T)[pairs]
    return Simplex(
        norm_variation=lengths.std(correction=0) / lengths.mean(),
        angle_variation=cosines.std(correction=0),
        angle_deviation=(cosines + 1 / (len(vectors) - 1)).abs().mean(),
    )


def _agreement(
    features: Float[Tensor, "rows features"],
    means: Float64[Tensor, "classes features"],
    weight: Float64[Tensor, "classes features"],
    bias: Float[Tensor, " classes"] | None,
) -> Float64[Tensor, ""]:
    agreed = 0
    # |h - m|^2 grows with |m|^2 / 2 - <h, m>. Taken from the centre of the means, no digits cancel.
    centre = means.mean(dim=0)
    centred = means - centre
    for rows in features.split(BLOCK_ROWS):
        wide = rows.double()
        nearest = (centred.square().sum(dim=1) / 2 - (wide - centre) @ centred.T).argmin(dim=1)
        logits = wide @ weight.T + (0 if bias is None else bias.double())
        agreed += (nearest == logits.argmax(dim=1)).sum()
    return torch.as_tensor(agreed, device=features.device) / torch.tensor(len(features), dtype=torch.float64)


def _checked(
    features: Float[Tensor, "rows features"],
    labels: Labels,
    weight: Float[Tensor, "classes features"],
    bias: Float[Tensor, " classes"] | None,
    ignore_index: int | None,
) -> tuple[Float[Tensor, "counted features"], Int64[Tensor, " counted"]]:
    """The rows that count and their classes, or a ValueError that names the first fault."""
    if weight.ndim != 2 or len(weight) < 2 or features.ndim != 2 or features.shape[1:] != weight.shape[1:]:
        raise ValueError(
            "neural_collapse: features must be (rows, features) and weight (classes, features), 2 classes or more, "
            f"got {tuple(features.shape)} and {tuple(weight.shape)}"
        )
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(f"neural_collapse: bias must hold {len(weight)} numbers, got the shape {tuple(bias.shape)}")
    classes = _classes(labels, len(features), len(weight))
    if ignore_index is not None and labels.ndim == 1:
        features, classes = features[classes != ignore_index], classes[classes != ignore_index]
    if len(features) == 0:
        raise ValueError("neural_collapse: there are no rows")
    lowest, highest = (int(bound) for bound in classes.aminmax())
    if lowest < 0 or highest >= len(weight):
        raise ValueError(f"neural_collapse: labels must lie in 0..{len(weight) - 1}, got {lowest}..{highest}")
    for name, values in (("features", features), ("weight", weight), ("bias", bias)):
        if values is not None and not bool(values.isfinite().all()):
            raise ValueError(f"neural_collapse: {name} hold NaN or infinite values")
    return features, classes.long()


def _classes(labels: Labels, rows: int, num_classes: int) -> Int[Tensor, " rows"]:
    """The labelled classes: of a soft label the most probable one."""
    soft = labels.is_floating_point()
    if tuple(labels.shape) != ((rows, num_classes) if soft else (rows,)) or labels.dtype == torch.bool:
        raise ValueError(
            f"neural_collapse: labels must be class indices (N,) or distributions (N, C) for {rows} rows of "
            f"{num_classes} classes, got {labels.dtype} of the shape {tuple(labels.shape)}"
        )
    if not soft:
        return labels
    good = are_distributions(labels.sum(dim=1), labels.amin(dim=1))
    if not bool(good.all()):
        raise ValueError(
            f"neural_collapse: {int((~good).sum())} of {rows} soft labels are no distributions: entries in 0..1 that "
            f"sum to 1; the first is row {int(good.int().argmin())}"
        )
    return labels.argmax(dim=1)
