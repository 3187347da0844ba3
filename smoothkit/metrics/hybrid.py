"""Measures for samples of two classes at once, such as crosses of two species.

Labels are distributions; the two most probable classes of a label are its parents. Its balanced mass, twice that of the
second parent, is 1 for an even mixture of two classes and 0 for a pure class; a row is a hybrid if its label's is at
least `threshold`, and pure otherwise. A class index is pure. With uneven or smoothed mixtures choose a threshold that
lies between the balanced masses of the two kinds of label. The same number of a prediction, p_a + p_b - |p_a - p_b|,
tells how much of a hybrid it sees.

Accuracy and top-label calibration mislead here: an even label caps the confidence near one half, and which parent is
the most probable is a matter of rounding. The Brier score, the NLL and `kl_divergence` compare whole distributions. No
paper defines the others. The rules and errors that all functions share are those of `smoothkit.metrics.boundary`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Float64, Int64
from torch import Tensor

from smoothkit.metrics.boundary import Block, Labels, blocks
from smoothkit.metrics.events import Events
from smoothkit.metrics.scores import row_scores
from smoothkit.metrics.top_classes import top_classes

Outputs = Float[Tensor, "rows classes"]

THRESHOLD = 0.5
"""The balanced mass from which a row counts as a hybrid: the mass of an even hybrid that holds half of everything."""


@dataclass(frozen=True, eq=False)
class HybridRows:
    """What is predicted for the hybrids, one entry for each of them, in the order of the rows."""

    parents: Int64[Tensor, "hybrids 2"]
    """The two most probable classes of the label, the first of equal ones first."""
    mass: Float64[Tensor, " hybrids"]
    """M = p_a + p_b, what the prediction gives to the parents, 0 to 1."""
    imbalance: Float64[Tensor, " hybrids"]
    """|p_a - p_b| / M, 0 where both parents are equally probable, 1 where one is ruled out, NaN where both are."""
    found: Bool[Tensor, " hybrids"]
    """Whether the two most probable classes are the parents."""


def hybrid_rows(
    outputs: Outputs,
    labels: Labels,
    *,
    threshold: float = THRESHOLD,
    metric: str = "hybrid_rows",
    from_logits: bool = True,
    ignore_index: int | None = None,
) -> HybridRows:
    """The hybrids among the rows, and how their parents fare in the prediction.

    >>> rows = hybrid_rows(torch.tensor([[0.5, 0.25, 0.25]]), torch.tensor([[0.5, 0.5, 0.0]]), from_logits=False)
    >>> rows.parents.tolist(), rows.mass.item(), rows.imbalance.item(), rows.found.item()
    ([[0, 1]], 0.75, 0.3333333333333333, True)
    """
    parts = [
        (parents, _mass(block, parents), _imbalance(block, parents), _same(parents, top_classes(block.outputs, 2)))
        for block, parents in _hybrids(metric, outputs, labels, threshold, from_logits, ignore_index)
    ]
    return HybridRows(*(torch.cat(column) for column in zip(*parts, strict=True)))


def parent_mass(
    outputs: Outputs,
    labels: Labels,
    *,
    threshold: float = THRESHOLD,
    from_logits: bool = True,
    ignore_index: int | None = None,
) -> Float64[Tensor, ""]:
    """The mean over the hybrids of p_a + p_b, 0 to 1; NaN where there are none."""
    options = {"metric": "parent_mass", "from_logits": from_logits, "ignore_index": ignore_index}
    return hybrid_rows(outputs, labels, threshold=threshold, **options).mass.mean()


def parent_imbalance(
    outputs: Outputs,
    labels: Labels,
    *,
    threshold: float = THRESHOLD,
    from_logits: bool = True,
    ignore_index: int | None = None,
) -> Float64[Tensor, ""]:
    """The mean over the hybrids of |p_a - p_b| / (p_a + p_b), 0 to 1; NaN where there are none.

    Hybrids of which both parents are ruled out are left out.
    """
    options = {"metric": "parent_imbalance", "from_logits": from_logits, "ignore_index": ignore_index}
    return hybrid_rows(outputs, labels, threshold=threshold, **options).imbalance.nanmean()


def parents_accuracy(
    outputs: Outputs,
    labels: Labels,
    *,
    threshold: float = THRESHOLD,
    from_logits: bool = True,
    ignore_index: int | None = None,
) -> Float64[Tensor, ""]:
    """The share of hybrids whose two most probable classes are the parents, in any order; NaN where there are none."""
    options = {"metric": "parents_accuracy", "from_logits": from_logits, "ignore_index": ignore_index}
    return hybrid_rows(outputs, labels, threshold=threshold, **options).found.double().mean()


def over_hybridisation_rate(
    outputs: Outputs,
    labels: Labels,
    *,
    threshold: float = THRESHOLD,
    from_logits: bool = True,
    ignore_index: int | None = None,
) -> Float64[Tensor, ""]:
    """The share of pure rows that are predicted to be hybrids, 0 to 1; NaN where no row is pure.

    Predicted to be one: twice the second largest probability is at least `threshold`.

    >>> over_hybridisation_rate(torch.tensor([[0.9, 0.1], [0.6, 0.4]]), torch.tensor([0, 0]), from_logits=False)
    tensor(0.5000, dtype=torch.float64)
    """
    _check_hybrid("over_hybridisation_rate", outputs, threshold)

    def seen(block: Block) -> Float64[Tensor, " rows"]:
        hybrid = (_balanced(block.probs) >= threshold).double()
        return torch.where(_is_hybrid(block, threshold), torch.nan, hybrid)

    name = "over_hybridisation_rate"
    return row_scores(name, seen, outputs, labels, from_logits=from_logits, ignore_index=ignore_index).nanmean()


def kl_divergence_rows(block: Block) -> Float64[Tensor, " rows"]:
    """KL(q, p) in nats."""
    cross_entropy = block.expected(-block.log_probs)
    if block.labels.ndim == 1:
        return cross_entropy
    return cross_entropy - torch.special.entr(block.labels).sum(dim=1)


def kl_divergence(
    outputs: Outputs, labels: Labels, *, from_logits: bool = True, ignore_index: int | None = None
) -> Float64[Tensor, ""]:
    """The mean of KL(q, p) = sum_k q_k log(q_k / p_k) in nats, 0 where the prediction is the label; may be infinite.

    The NLL less the entropy of the labels, which no prediction changes; for class indices the NLL itself.

    >>> kl_divergence(torch.tensor([[0.5, 0.5]]), torch.tensor([[0.5, 0.5]]), from_logits=False)
    tensor(0., dtype=torch.float64)
    """
    return row_scores(
        "kl_divergence", kl_divergence_rows, outputs, labels, from_logits=from_logits, ignore_index=ignore_index
    ).mean()


def pair_events(
    outputs: Outputs,
    labels: Labels,
    pair: tuple[int, int],
    *,
    from_logits: bool = True,
    ignore_index: int | None = None,
) -> Events:
    """The events that a row comes from the two classes of `pair`, pure or mixed: their mass, and that in the label.

    Raises:
        ValueError: `pair` are not two different classes, or as the boundary says.

    >>> pair_events(torch.tensor([[0.5, 0.25, 0.25]]), torch.tensor([2]), (0, 1), from_logits=False)
    Events(confidence=tensor([0.7500], dtype=torch.float64), correctness=tensor([0.], dtype=torch.float64))
    """
    size = outputs.shape[-1]
    if pair[0] == pair[1] or not all(0 <= index < size for index in pair):
        raise ValueError(f"pair_events: pair must be two different classes of 0..{size - 1}, got {pair}")
    return Events.joined(
        _events_of(block, torch.tensor(pair, device=outputs.device).expand(len(block.outputs), 2))
        for block in blocks("pair_events", outputs, labels, from_logits=from_logits, ignore_index=ignore_index)
    )


def top_pair_events(
    outputs: Outputs, labels: Labels, *, from_logits: bool = True, ignore_index: int | None = None
) -> Events:
    """The events that a row comes from its two most probable classes, pure or mixed: what top-label is for one class.

    >>> top_pair_events(torch.tensor([[0.5, 0.375, 0.125]]), torch.tensor([[0.5, 0.0, 0.5]]), from_logits=False)
    Events(confidence=tensor([0.8750], dtype=torch.float64), correctness=tensor([0.5000], dtype=torch.float64))
    """
    _check_hybrid("top_pair_events", outputs, THRESHOLD)
    return Events.joined(
        _events_of(block, top_classes(block.outputs, 2))
        for block in blocks("top_pair_events", outputs, labels, from_logits=from_logits, ignore_index=ignore_index)
    )


def _hybrids(
    metric: str,
    outputs: Outputs,
    labels: Labels,
    threshold: float,
    from_logits: bool,
    ignore_index: int | None,
) -> Iterator[tuple[Block, Int64[Tensor, "hybrids 2"]]]:
    """The hybrids in each block of rows, none in some, and their parents."""
    _check_hybrid(metric, outputs, threshold)
    for block in blocks(metric, outputs, labels, from_logits=from_logits, ignore_index=ignore_index):
        rows = _is_hybrid(block, threshold)
        hybrids = Block(block.outputs[rows], block.labels[rows], from_logits)
        if block.labels.ndim == 2:
            yield hybrids, top_classes(hybrids.labels, 2)
        else:
            yield hybrids, torch.empty(0, 2, dtype=torch.int64, device=outputs.device)


def _is_hybrid(block: Block, threshold: float) -> Bool[Tensor, " rows"]:
    if block.labels.ndim == 1:
        return torch.zeros_like(block.labels, dtype=torch.bool)
    return _balanced(block.labels) >= threshold


def _balanced(masses: Float64[Tensor, "rows classes"]) -> Float64[Tensor, " rows"]:
    """How much of a distribution is an even mixture of its two largest classes."""
    return 2 * masses.topk(2, dim=1).values[:, 1]


def _mass(block: Block, classes: Int64[Tensor, "rows 2"]) -> Float64[Tensor, " rows"]:
    return block.probs.gather(1, classes).sum(dim=1).clamp(max=1.0)


def _imbalance(block: Block, classes: Int64[Tensor, "rows 2"]) -> Float64[Tensor, " rows"]:
    # |a - b| / (a + b) = tanh(|log a - log b| / 2), which needs no sum that could underflow.
    first, second = block.log_scores.gather(1, classes).unbind(dim=1)
    return ((first - second).abs() / 2).tanh()


def _same(pairs: Int64[Tensor, "rows 2"], others: Int64[Tensor, "rows 2"]) -> Bool[Tensor, " rows"]:
    return (pairs.sort(dim=1).values == others.sort(dim=1).values).all(dim=1)


def _events_of(block: Block, classes: Int64[Tensor, "rows 2"]) -> Events:
    if block.labels.ndim == 1:
        correctness = (block.labels[:, None] == classes).any(dim=1).double()
    else:
        correctness = block.labels.gather(1, classes).sum(dim=1).clamp(max=1.0)
    return Events(_mass(block, classes), correctness)


def _check_hybrid(metric: str, outputs: Outputs, threshold: float) -> None:
    if outputs.ndim == 2 and outputs.shape[1] == 1:
        raise ValueError(f"{metric}: there must be at least 2 classes, got 1")
    if not 0 < threshold <= 1:
        raise ValueError(f"{metric}: threshold must lie above 0 and be at most 1, got {threshold}")
