"""Heights of the lowest common ancestors of label and prediction, row by row of a block."""

from typing import Literal, NamedTuple

from jaxtyping import Float64, Int8, Int64, Shaped
from torch import Tensor

from smoothkit.metrics.boundary import Block, check_choice
from smoothkit.metrics.hierarchy import Hierarchy
from smoothkit.metrics.top_classes import top_classes

Decision = Literal["probable", "near"]
"""Rank classes by their probability, or by their expected height under the prediction, the lowest first."""

DECIMALS = 12
"""To how many decimals expected heights are compared, so that rounding breaks no tie."""

Heights = Int8[Tensor, "classes classes"]
Rows = Float64[Tensor, " rows"]


def height_rows(block: Block, hierarchy: Hierarchy, decision: Decision = "probable") -> Rows:
    """The height between label and prediction."""
    check_choice("mean_height", "decision", decision, Decision)
    heights = hierarchy.heights.to(block.outputs.device)
    return block.expected(heights[ranked(block, heights, 1, decision)[:, 0]].double())


def expected_height_rows(block: Block, hierarchy: Hierarchy) -> Rows:
    """sum_k p_k height(k, label)."""
    return block.expected(block.probs @ hierarchy.heights.to(block.outputs.device).double())


class PlaceRows(NamedTuple):
    """What each row adds to measures of its k first classes, of which some are quotients of two sums."""

    distance: Rows
    """The mean height between the label and the k first classes."""
    mistake: Rows
    """1 where the first class is not the label, else 0; under soft labels, the mass that the label gives to others."""
    mistake_distance: Rows
    """The distance where the first class is not the label, else 0."""
    similarity: Rows
    """The mean similarity, 1 - height / height of the tree, of the k first classes to the label."""
    best_similarity: Rows
    """The same of the k nearest classes."""


def place_rows(block: Block, hierarchy: Hierarchy, k: int) -> PlaceRows:
    """The rows behind `average_distance` and `hierarchical_precision` of the `k` most probable classes."""
    heights = hierarchy.heights.to(block.outputs.device)
    found = ranked(block, heights, k, "probable")
    every, wrong = (each.double().mean(dim=1) for each in heights_by_place(block, heights, found))
    best = nearest_similarities(hierarchy, k).to(heights.device).mean(dim=1)
    return PlaceRows(
        distance=every,
        mistake=1 - block.label_mass(found[:, 0]),
        mistake_distance=wrong,
        similarity=1 - every / hierarchy.height,
        best_similarity=best[block.labels] if block.labels.ndim == 1 else block.labels @ best,
    )


def ranked(block: Block, heights: Heights, k: int, decision: Decision) -> Int64[Tensor, "rows k"]:
    """The `k` first classes of each row in the order of the decision."""
    if decision == "near":
        return top_classes(-(block.probs @ heights.double()).round(decimals=DECIMALS), k)
    return block.predictions[:, None] if k == 1 else top_classes(block.outputs, k)


def heights_by_place(
    block: Block, heights: Heights, found: Int64[Tensor, "rows k"]
) -> tuple[Shaped[Tensor, "rows k"], Shaped[Tensor, "rows k"]]:
    """Heights between the label and the class at each place: of all rows, and with 0 where the first is the label."""
    if block.labels.ndim == 1:
        labels = block.labels[:, None]
        pairs = heights.flatten()[found * len(heights) + labels]
        return pairs, pairs * (found[:, :1] != labels)
    expected = (block.labels @ heights.double()).gather(1, found)
    # What the label's mass on the first class adds is no mistake.
    right = block.label_mass(found[:, 0])[:, None] * heights[found, found[:, :1]]
    return expected, expected - right


def nearest_similarities(hierarchy: Hierarchy, k: int) -> Float64[Tensor, "classes k"]:
    """The similarities of the `k` classes nearest to each, itself among them, the nearest first."""
    similarities = 1 - hierarchy.heights.double() / hierarchy.height
    return similarities.sort(dim=1, descending=True).values[:, :k]
