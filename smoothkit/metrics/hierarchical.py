"""Measures for classes in a tree: how bad the mistakes are, and not only how many there are.

The distance of two classes is the height of their lowest common ancestor: the number of edges from it down to the
deepest class under it. The rules and errors that all functions share are those of `smoothkit.metrics.boundary`; a soft
label counts as the class that it leaves uncertain: distances are averaged over it.
"""

from dataclasses import dataclass
from functools import partial
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float, Float64, Int64, Shaped
from torch import Tensor

from smoothkit.metrics.boundary import Block, Labels, blocks, check_choice
from smoothkit.metrics.height_rows import (
    Decision,
    Heights,
    expected_height_rows,
    heights_by_place,
    nearest_similarities,
    ranked,
)
from smoothkit.metrics.hierarchy import Hierarchy
from smoothkit.metrics.scores import row_scores

Outputs = Float[Tensor, "rows classes"]

Over = Literal["all", "mistakes"]
"""Which rows an average runs over."""


@dataclass(frozen=True, eq=False)
class HierarchicalErrors:
    """What one pass over the rows tells about the first classes of each; entry j of an array is for the first j + 1."""

    mistakes: Float64[Tensor, ""]
    """The share of rows whose first class is not the label, 0 to 1."""
    distance: Float64[Tensor, " k"]
    """Average distance@k: the mean height between the label and the k first classes, over all rows."""
    mistake_distance: Float64[Tensor, " k"]
    """The same over the mistakes; NaN where there are none. A right class at a later place counts, with 0."""
    precision: Float64[Tensor, " k"]
    """Hierarchical precision@k, 0 to 1."""

    @property
    def mean_height(self) -> Float64[Tensor, ""]:
        """The mean height between label and prediction over all rows, 0 where it is right."""
        return self.distance[0]

    @property
    def severity(self) -> Float64[Tensor, ""]:
        """The same over the mistakes: mistake severity."""
        return self.mistake_distance[0]


class HierarchicalF(NamedTuple):
    """Hierarchical precision and recall and their harmonic mean, 0 to 1."""

    precision: Float64[Tensor, ""]
    recall: Float64[Tensor, ""]
    f: Float64[Tensor, ""]


def hierarchical_errors(
    outputs: Outputs,
    labels: Labels,
    hierarchy: Hierarchy,
    *,
    k: int = 1,
    decision: Decision = "probable",
    metric: str = "hierarchical_errors",
    from_logits: bool = True,
    ignore_index: int | None = None,
) -> HierarchicalErrors:
    """Distances and precision of the k first classes of each row, for every number up to `k` at once.

    Of equally probable classes the first comes first. Hierarchical precision@k is the sum over rows of the similarities
    1 - height / height of the tree of the k first classes, divided by the sum that the k nearest classes would have.
    Severity alone can fall while more mistakes are made: read it beside `mean_height`.

    Bertinetto et al., CVPR 2020 (arXiv 1912.09393), section 4; hierarchical precision: Frome et al., "DeViSE", NeurIPS
    2013; the decision "near": Karthik et al., ICLR 2021 (arXiv 2104.00795).

    Raises:
        ValueError: `k` is not in 1 to K, `decision` is no choice, the tree holds another number of classes, or as the
            boundary says.

    >>> hierarchy = Hierarchy.from_tree([[0, 1], [2, 3]], 4)
    >>> errors = hierarchical_errors(torch.eye(4)[[0, 1, 2, 3]], torch.tensor([0, 0, 0, 3]), hierarchy)
    >>> errors.mistakes.item(), errors.severity.item(), errors.mean_height.item()
    (0.5, 1.5, 0.75)
    """
    check_choice(metric, "decision", decision, Decision)
    hierarchy.require_classes(metric, outputs)
    hierarchy.require_places(metric, k)
    heights = hierarchy.heights.to(outputs.device)
    sums = tuple(torch.zeros(size, dtype=torch.float64, device=outputs.device) for size in (k, k, 1, len(heights)))
    for block in blocks(metric, outputs, labels, from_logits=from_logits, ignore_index=ignore_index):
        for total, part in zip(sums, _block_sums(block, heights, k, decision), strict=True):
            total += part
    return _errors(hierarchy, *sums)


def mistake_severity(
    outputs: Outputs,
    labels: Labels,
    hierarchy: Hierarchy,
    *,
    decision: Decision = "probable",
    from_logits: bool = True,
    ignore_index: int | None = None,
) -> Float64[Tensor, ""]:
    """The mean height between label and prediction over the mistakes, 1 to the tree's height; NaN where all are right.

    It can fall while more mistakes are made: read it beside `mean_height`.
    """
    options = {"metric": "mistake_severity", "from_logits": from_logits, "ignore_index": ignore_index}
    return hierarchical_errors(outputs, labels, hierarchy, decision=decision, **options).severity


def mean_height(
    outputs: Outputs,
    labels: Labels,
    hierarchy: Hierarchy,
    *,
    decision: Decision = "probable",
    from_logits: bool = True,
    ignore_index: int | None = None,
) -> Float64[Tensor, ""]:
    """The mean height between label and prediction over all rows, 0 to the tree's height: error rate times severity."""
    options = {"metric": "mean_height", "from_logits": from_logits, "ignore_index": ignore_index}
    return hierarchical_errors(outputs, labels, hierarchy, decision=decision, **options).mean_height


def average_distance(
    outputs: Outputs,
    labels: Labels,
    hierarchy: Hierarchy,
    *,
    k: int = 5,
    over: Over = "all",
    from_logits: bool = True,
    ignore_index: int | None = None,
) -> Float64[Tensor, ""]:
    """The mean height between the label and the `k` most probable classes, over all rows or over the mistakes."""
    check_choice("average_distance", "over", over, Over)
    options = {"metric": "average_distance", "from_logits": from_logits, "ignore_index": ignore_index}
    errors = hierarchical_errors(outputs, labels, hierarchy, k=k, **options)
    return (errors.distance if over == "all" else errors.mistake_distance)[-1]


def hierarchical_precision(
    outputs: Outputs,
    labels: Labels,
    hierarchy: Hierarchy,
    *,
    k: int = 5,
    from_logits: bool = True,
    ignore_index: int | None = None,
) -> Float64[Tensor, ""]:
    """How near the `k` most probable classes are to the label, as a share of how near `k` classes can be; 0 to 1."""
    options = {"metric": "hierarchical_precision", "from_logits": from_logits, "ignore_index": ignore_index}
    return hierarchical_errors(outputs, labels, hierarchy, k=k, **options).precision[-1]


def expected_height(
    outputs: Outputs,
    labels: Labels,
    hierarchy: Hierarchy,
    *,
    from_logits: bool = True,
    ignore_index: int | None = None,
) -> Float64[Tensor, ""]:
    """The mean over rows of sum_k p_k height(k, label): that of a decision drawn from the prediction."""
    hierarchy.require_classes("expected_height", outputs)
    score = partial(expected_height_rows, hierarchy=hierarchy)
    return row_scores(
        "expected_height", score, outputs, labels, from_logits=from_logits, ignore_index=ignore_index
    ).mean()


def hierarchical_f(
    outputs: Outputs,
    labels: Labels,
    hierarchy: Hierarchy,
    *,
    decision: Decision = "probable",
    from_logits: bool = True,
    ignore_index: int | None = None,
) -> HierarchicalF:
    """The share of the prediction's ancestors that the label has too (precision), and the reverse (recall).

    A class counts among its own ancestors, the root does not; sums over rows are divided, not their ratios averaged.
    Where all classes are equally deep, all three are 1 - mean height / height of the tree.

    Kiritchenko et al. (2006); the form is the one of Silla and Freitas, Data Mining and Knowledge Discovery 22 (2011).

    Raises:
        ValueError: the hierarchy was given as a matrix, which does not tell depths; or as the boundary says.

    >>> hierarchy = Hierarchy.from_tree([[0, 1], 2], 3)
    >>> hierarchical_f(torch.eye(3)[[0, 2]], torch.tensor([1, 0]), hierarchy)
    HierarchicalF(precision=tensor(0.3333, dtype=torch.float64), recall=tensor(0.2500, dtype=torch.float64), \
f=tensor(0.2857, dtype=torch.float64))
    """
    check_choice("hierarchical_f", "decision", decision, Decision)
    hierarchy.require_classes("hierarchical_f", outputs)
    if hierarchy.common_depths is None:
        raise ValueError("hierarchical_f: a matrix of heights does not tell how deep a class is; give the tree itself")
    heights, depths = hierarchy.heights.to(outputs.device), hierarchy.common_depths.to(outputs.device).double()
    common, own = torch.zeros_like(depths[0, 0]), torch.zeros_like(depths[0, 0])
    label_masses = torch.zeros_like(depths[0])
    for block in blocks("hierarchical_f", outputs, labels, from_logits=from_logits, ignore_index=ignore_index):
        decided = ranked(block, heights, 1, decision)[:, 0]
        common += block.expected(depths[decided]).sum()
        own += depths.diagonal()[decided].sum()
        label_masses += _label_masses(block)
    labelled = label_masses @ depths.diagonal()
    return HierarchicalF(common / own, common / labelled, 2 * common / (own + labelled))


def near_decisions(outputs: Outputs, hierarchy: Hierarchy, *, from_logits: bool = True) -> Int64[Tensor, " rows"]:
    """The class with the lowest expected height sum_k p_k height(k, class) in each row, the first of equal ones.

    Karthik et al., ICLR 2021 (arXiv 2104.00795): minimum conditional risk, no retraining.

    >>> hierarchy = Hierarchy.from_tree([[0, 1], [2, 3]], 4)
    >>> near_decisions(torch.tensor([[0.3, 0.3, 0.4, 0.0]]), hierarchy, from_logits=False)
    tensor([0])
    """
    hierarchy.require_classes("near_decisions", outputs)
    heights = hierarchy.heights.to(outputs.device)
    any_label = torch.zeros(len(outputs), dtype=torch.int64, device=outputs.device)
    parts = blocks("near_decisions", outputs, any_label, from_logits=from_logits)
    return torch.cat([ranked(block, heights, 1, "near")[:, 0] for block in parts])


def _block_sums(
    block: Block, heights: Heights, k: int, decision: Decision
) -> tuple[Shaped[Tensor, " k"], Shaped[Tensor, " k"], Float64[Tensor, "1"], Shaped[Tensor, " classes"]]:
    """Heights by place, summed over all rows and over the mistakes; the mistakes; and the labels by class."""
    found = ranked(block, heights, k, decision)
    every, wrong = heights_by_place(block, heights, found)
    mistakes = (1 - block.label_mass(found[:, 0])).sum(dim=0, keepdim=True)
    return every.sum(dim=0), wrong.sum(dim=0), mistakes, _label_masses(block)


def _label_masses(block: Block) -> Shaped[Tensor, " classes"]:
    """How many rows, or how much of them, each class labels."""
    if block.labels.ndim == 2:
        return block.labels.sum(dim=0)
    return torch.bincount(block.labels, minlength=block.outputs.shape[1])


def _errors(
    hierarchy: Hierarchy,
    every: Float64[Tensor, " k"],
    wrong: Float64[Tensor, " k"],
    mistakes: Float64[Tensor, "1"],
    label_masses: Float64[Tensor, " classes"],
) -> HierarchicalErrors:
    """Sums by place and the masses of the labels, turned into means."""
    ks = torch.arange(1, len(every) + 1, dtype=torch.float64, device=every.device)
    rows = label_masses.sum()
    distance, mistake_distance = every.cumsum(dim=0) / ks, wrong.cumsum(dim=0) / ks
    best = label_masses @ nearest_similarities(hierarchy, len(every)).to(every.device).cumsum(dim=1)
    precision = ks * (rows - distance / hierarchy.height) / best
    return HierarchicalErrors(mistakes.squeeze(0) / rows, distance / rows, mistake_distance / mistakes, precision)
