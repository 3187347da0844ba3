"""Weighted kappa: how far predictions and labels that are ranks agree beyond chance."""

from typing import Literal

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from smoothkit.metrics.boundary import Block, Labels, blocks, check_choice
from smoothkit.metrics.linearised import linearised_interval
from smoothkit.metrics.ordinal import confusion, rank_distances
from smoothkit.statistics import Interval

Weights = Literal["quadratic", "linear"]
"""What a disagreement by d ranks costs in kappa: d^2 or d."""

Counts = Float64[Tensor, "classes classes"]


def weighted_kappa(
    outputs: Float[Tensor, "rows classes"],
    labels: Labels,
    *,
    weights: Weights = "quadratic",
    from_logits: bool = True,
    ignore_index: int | None = None,
) -> Float64[Tensor, ""]:
    """Agreement of predictions and labels beyond chance: 1 when all agree, 0 as by chance, below 0 when worse.

    kappa = 1 - sum_ij w_ij O_ij / sum_ij w_ij E_ij with w_ij = |i - j| or its square, O the confusion matrix over all K
    ranks and E the product of its margins over N. NaN where predictions and labels are all one and the same rank, which
    chance would do too. Libraries that take the ranks from the data renumber them where one is absent: on labels 0, 1,
    1, 3 and predictions 0, 1, 3, 3 they report 0.8 and not 0.68.

    Cohen, Psychological Bulletin 70 (1968).

    Raises:
        ValueError: `weights` is no choice, or as `smoothkit.metrics.boundary` says.

    >>> weighted_kappa(torch.eye(4)[[0, 1, 3, 3]], torch.tensor([0, 1, 1, 3]))
    tensor(0.6800, dtype=torch.float64)
    """
    check_choice("weighted_kappa", "weights", weights, Weights)
    counts = confusion(outputs, labels, metric="weighted_kappa", from_logits=from_logits, ignore_index=ignore_index)
    costs = _costs(counts, weights)
    return 1 - (costs * counts).sum() / _chance(counts, costs)


def weighted_kappa_interval(
    outputs: Float[Tensor, "rows classes"],
    labels: Labels,
    *,
    weights: Weights = "quadratic",
    from_logits: bool = True,
    ignore_index: int | None = None,
) -> Interval:
    """`weighted_kappa` by the delta method: with the error of Fleiss, Cohen and Everitt under hard labels.

    With the mean cost S and the cost by chance C, both per row, a row of cost s moves kappa by -(s - S) / C + S (c - 2
    C) / C^2, where c is the cost by chance of its label against all predictions plus that of its prediction against all
    labels. The interval is symmetric on the scale artanh(kappa), which keeps it below 1. No bounds where kappa is 1 or
    NaN. Fleiss, Cohen and Everitt, Psychological Bulletin 72 (1969).
    """
    check_choice("weighted_kappa", "weights", weights, Weights)
    options = {"from_logits": from_logits, "ignore_index": ignore_index}
    counts = confusion(outputs, labels, metric="weighted_kappa", **options)
    costs = _costs(counts, weights)
    rows = counts.sum()
    chance = _chance(counts, costs) / rows
    observed = (costs * counts).sum() / rows
    of_label, of_prediction = costs @ counts.sum(dim=0) / rows, costs @ counts.sum(dim=1) / rows

    def moved(block: Block) -> Float64[Tensor, " rows"]:
        by_chance = block.expected(of_label.expand(len(block.outputs), -1)) + of_prediction[block.predictions]
        cost = block.expected(costs[block.predictions])
        return observed * (by_chance - 2 * chance) / chance.square() - (cost - observed) / chance

    influences = torch.cat([moved(block) for block in blocks("weighted_kappa", outputs, labels, **options)])
    return linearised_interval(float(1 - observed / chance), influences, scale="artanh")


def _costs(counts: Counts, weights: Weights) -> Counts:
    return rank_distances(len(counts), counts.device) ** (2 if weights == "quadratic" else 1)


def _chance(counts: Counts, costs: Counts) -> Float64[Tensor, ""]:
    """The summed cost if predictions and labels had nothing to do with each other."""
    return (costs * counts.sum(dim=1).outer(counts.sum(dim=0))).sum() / counts.sum()
