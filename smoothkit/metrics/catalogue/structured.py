"""Measures of ordered classes and of class trees, by name."""

from collections.abc import Callable
from functools import partial, wraps
from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor

from smoothkit.metrics import hierarchical, ordinal
from smoothkit.metrics import kappa as agreement
from smoothkit.metrics.boundary import blocks
from smoothkit.metrics.catalogue.scores import share_of
from smoothkit.metrics.height_rows import PlaceRows, height_rows, place_rows
from smoothkit.metrics.hierarchy import Hierarchy
from smoothkit.metrics.linearised import quotient_interval
from smoothkit.metrics.metric import Metric
from smoothkit.metrics.scores import row_scores
from smoothkit.statistics import Interval
from smoothkit.targets.trees import TreeLike

K = Annotated[int, Ge(1)]
Classes = tuple[str, ...] | None


def mae(decision: ordinal.Decision = "argmax") -> Metric:
    """The mean distance in ranks between prediction and label."""
    return Metric(
        name="mae",
        function=partial(ordinal.mean_absolute_error, decision=decision),
        better="lower",
        rows=partial(row_scores, "mean_absolute_error", partial(ordinal.absolute_error_rows, decision=decision)),
    )


def kappa(weights: agreement.Weights = "quadratic") -> Metric:
    """Weighted agreement of prediction and label beyond chance."""
    return Metric(
        name="kappa",
        function=partial(agreement.weighted_kappa, weights=weights),
        better="higher",
        bounds=partial(agreement.weighted_kappa_interval, weights=weights),
    )


RPS = Metric(
    name="rps",
    function=ordinal.ranked_probability_score,
    better="lower",
    rows=partial(row_scores, "ranked_probability_score", ordinal.ranked_probability_rows),
)
_off_by_one_rows = partial(row_scores, "off_by_one_accuracy", ordinal.off_by_one_rows)
OFF_BY_ONE_ACCURACY = Metric(
    name="off_by_one_accuracy",
    function=ordinal.off_by_one_accuracy,
    better="higher",
    rows=_off_by_one_rows,
    bounds=partial(share_of, _off_by_one_rows),
)


def mean_height(tree: TreeLike, classes: Classes = None) -> Metric:
    """The mean height of the lowest common ancestor of prediction and label; severity alone hides more mistakes."""

    def rows(logits: Tensor, labels: Tensor) -> Tensor:
        hierarchy = Hierarchy.from_tree(tree, logits.shape[1], classes)
        return row_scores("mean_height", partial(height_rows, hierarchy=hierarchy), logits, labels)

    function = _of_tree(hierarchical.mean_height, tree, classes)
    return Metric(name="mean_height", function=function, better="lower", rows=rows)


def mistake_severity(tree: TreeLike, classes: Classes = None) -> Metric:
    """The same over the mistakes alone: it can fall while more mistakes are made."""

    def bounds(logits: Tensor, labels: Tensor) -> Interval:
        found = _places("mistake_severity", logits, labels, 1, tree, classes)
        return quotient_interval(found.mistake_distance, found.mistake)

    function = _of_tree(hierarchical.mistake_severity, tree, classes)
    return Metric(name="mistake_severity", function=function, better="lower", bounds=bounds)


def average_distance(tree: TreeLike, k: K = 5, over: hierarchical.Over = "all", classes: Classes = None) -> Metric:
    """The mean height between the label and the `k` most probable classes; in tables `average_distance_at_5`."""

    def rows(logits: Tensor, labels: Tensor) -> Tensor:
        return _places("average_distance", logits, labels, k, tree, classes).distance

    def bounds(logits: Tensor, labels: Tensor) -> Interval:
        found = _places("average_distance", logits, labels, k, tree, classes)
        return quotient_interval(found.mistake_distance, found.mistake)

    return Metric(
        name=f"average_distance_at_{k}",
        function=_of_tree(hierarchical.average_distance, tree, classes, k=k, over=over),
        better="lower",
        rows=rows if over == "all" else None,
        bounds=bounds if over == "mistakes" else None,
    )


def hierarchical_precision(tree: TreeLike, k: K = 5, classes: Classes = None) -> Metric:
    """How near the `k` most probable classes are to the label, as a share; in tables `hierarchical_precision_at_5`."""

    def bounds(logits: Tensor, labels: Tensor) -> Interval:
        found = _places("hierarchical_precision", logits, labels, k, tree, classes)
        return quotient_interval(found.similarity, found.best_similarity)

    return Metric(
        name=f"hierarchical_precision_at_{k}",
        function=_of_tree(hierarchical.hierarchical_precision, tree, classes, k=k),
        better="higher",
        bounds=bounds,
    )


def _of_tree(
    measure: Callable[..., Tensor], tree: TreeLike, classes: Classes, **options: object
) -> Callable[[Tensor, Tensor], Tensor]:
    @wraps(measure)
    def function(logits: Tensor, labels: Tensor) -> Tensor:
        return measure(logits, labels, Hierarchy.from_tree(tree, logits.shape[1], classes), **options)

    return function


def _places(metric: str, logits: Tensor, labels: Tensor, k: int, tree: TreeLike, classes: Classes) -> PlaceRows:
    """Those of all blocks, end to end."""
    hierarchy = Hierarchy.from_tree(tree, logits.shape[1], classes)
    hierarchy.require_places(metric, k)
    parts = [place_rows(block, hierarchy, k) for block in blocks(metric, logits, labels)]
    return PlaceRows(*(torch.cat(column) for column in zip(*parts, strict=True)))
