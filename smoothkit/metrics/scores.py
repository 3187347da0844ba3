"""Scores of a classifier's predictions: means over rows, each a pure function of outputs and labels.

`smoothkit.metrics.boundary` has the rules and errors that all share. The `..._rows` functions give the summands, one
per row of a block, from which intervals and paired comparisons are made.
"""

from collections.abc import Callable
from functools import partial
from typing import Annotated, NamedTuple

import torch
from annotated_types import Ge
from jaxtyping import Float, Float64
from torch import Tensor

from smoothkit.metrics.boundary import Block, Labels, blocks

Rows = Float64[Tensor, " rows"]


class ConfidenceByOutcome(NamedTuple):
    """Mean confidence, 0 to 1, of the right and of the wrong predictions; NaN where there are none."""

    right: Float64[Tensor, ""]
    wrong: Float64[Tensor, ""]


def row_scores(
    metric: str,
    score: Callable[[Block], Rows],
    outputs: Float[Tensor, "rows classes"],
    labels: Labels,
    *,
    from_logits: bool = True,
    ignore_index: int | None = None,
) -> Float64[Tensor, " kept"]:
    """The value of `score` for every row that is not ignored, in order; errors name `metric`."""
    return torch.cat(
        [score(block) for block in blocks(metric, outputs, labels, from_logits=from_logits, ignore_index=ignore_index)]
    )


def accuracy_rows(block: Block) -> Rows:
    """1 where the prediction is the labelled class, else 0."""
    return (block.predictions == block.classes).double()


def top_k_rows(block: Block, k: int) -> Rows:
    """1 where the labelled class is among the `k` largest outputs, else 0; of equal outputs the first is the larger."""
    classes = block.outputs.shape[1]
    if not 1 <= k <= classes:
        raise ValueError(f"top_k_accuracy: k must lie in 1..{classes}, the number of classes, got {k}")
    own = block.outputs.gather(1, block.classes[:, None])
    before = torch.arange(classes, device=own.device) < block.classes[:, None]
    ahead = (block.outputs > own) | ((block.outputs == own) & before)
    return (ahead.sum(dim=1) < k).double()


def nll_rows(block: Block) -> Rows:
    """The negative log-likelihood in nats; of a soft label q the cross-entropy -sum q log p."""
    if block.from_logits or block.labels.ndim == 2:
        return -block.expected(block.log_probs)
    # Of probabilities only those of the labels need a logarithm.
    return -block.outputs.gather(1, block.labels[:, None]).squeeze(1).double().log()


def brier_rows(block: Block) -> Rows:
    """The squared distance of prediction and label, summed over the classes."""
    probs = block.probs
    if block.labels.ndim == 2:
        return (probs - block.labels).square().sum(dim=1)
    # |p - e_y|^2 = |p|^2 - 2 p_y + 1, which needs no matrix of labels.
    return torch.linalg.vector_norm(probs, dim=1).square() - 2 * block.expected(probs) + 1


def accuracy(
    outputs: Float[Tensor, "rows classes"], labels: Labels, *, from_logits: bool = True, ignore_index: int | None = None
) -> Float64[Tensor, ""]:
    """The share of predictions that equal the label, 0 to 1; a soft label counts as its most probable class.

    >>> accuracy(torch.tensor([[2.0, 0.0], [0.0, 1.0], [3.0, 1.0]]), torch.tensor([0, 1, 1]))
    tensor(0.6667, dtype=torch.float64)
    """
    return row_scores(
        "accuracy", accuracy_rows, outputs, labels, from_logits=from_logits, ignore_index=ignore_index
    ).mean()


def top_k_accuracy(
    outputs: Float[Tensor, "rows classes"],
    labels: Labels,
    k: Annotated[int, Ge(1)] = 5,
    *,
    from_logits: bool = True,
    ignore_index: int | None = None,
) -> Float64[Tensor, ""]:
    """The share of rows whose label is among the `k` largest outputs, 0 to 1; soft labels as in `accuracy`.

    Of equal outputs the class with the smaller index is the larger, so `k = 1` is the accuracy.

    Raises:
        ValueError: `k` is not in 1 to K, or as `smoothkit.metrics.boundary` says.

    >>> top_k_accuracy(torch.tensor([[2.0, 1.0, 0.0], [2.0, 1.0, 0.0]]), torch.tensor([1, 2]), k=2)
    tensor(0.5000, dtype=torch.float64)
    """
    score = partial(top_k_rows, k=k)
    return row_scores(
        "top_k_accuracy", score, outputs, labels, from_logits=from_logits, ignore_index=ignore_index
    ).mean()


def nll(
    outputs: Float[Tensor, "rows classes"], labels: Labels, *, from_logits: bool = True, ignore_index: int | None = None
) -> Float64[Tensor, ""]:
    """The mean negative log-likelihood in nats, 0 to infinity; of a soft label q it is the cross-entropy -sum q log p.

    Infinite where the label is an impossible class (a logit of -inf). A soft label's cross-entropy is at least its
    entropy, so 0 is out of reach there.

    >>> nll(torch.tensor([[0.0, 0.0]]), torch.tensor([1]))
    tensor(0.6931, dtype=torch.float64)
    """
    return row_scores("nll", nll_rows, outputs, labels, from_logits=from_logits, ignore_index=ignore_index).mean()


def brier(
    outputs: Float[Tensor, "rows classes"], labels: Labels, *, from_logits: bool = True, ignore_index: int | None = None
) -> Float64[Tensor, ""]:
    """The mean squared distance of prediction and label, summed over the classes, 0 to 2.

    Brier's own form (Monthly Weather Review 78, 1950): with two classes it is twice the one-class score that some
    libraries report. A soft label is compared as the distribution it is.

    >>> brier(torch.tensor([[0.0, 0.0]]), torch.tensor([1]))
    tensor(0.5000, dtype=torch.float64)
    """
    return row_scores("brier", brier_rows, outputs, labels, from_logits=from_logits, ignore_index=ignore_index).mean()


def confidence_by_outcome(
    outputs: Float[Tensor, "rows classes"], labels: Labels, *, from_logits: bool = True, ignore_index: int | None = None
) -> ConfidenceByOutcome:
    """Mean confidence of the right and of the wrong predictions; NaN where there are none.

    A soft label counts as its most probable class, as in `accuracy`.
    """
    parts = [
        torch.stack([block.confidence, accuracy_rows(block)])
        for block in blocks(
            "confidence_by_outcome", outputs, labels, from_logits=from_logits, ignore_index=ignore_index
        )
    ]
    confidence, is_right = torch.cat(parts, dim=1)
    return ConfidenceByOutcome(right=confidence[is_right == 1].mean(), wrong=confidence[is_right == 0].mean())


def confidence_right(outputs: Float[Tensor, "rows classes"], labels: Labels) -> Float64[Tensor, ""]:
    """Mean confidence of the right predictions, 0 to 1; NaN where there are none."""
    return confidence_by_outcome(outputs, labels).right


def confidence_wrong(outputs: Float[Tensor, "rows classes"], labels: Labels) -> Float64[Tensor, ""]:
    """Mean confidence of the wrong predictions, 0 to 1; NaN where there are none."""
    return confidence_by_outcome(outputs, labels).wrong
