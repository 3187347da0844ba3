"""Measures for classes that are ranks 0 to K - 1: how far off a prediction is, and not only whether it is right.

Absent ranks change nothing: the number of ranks is the number of outputs, never what the labels happen to hold. A soft
label q counts as the rank that it leaves uncertain: errors are averaged over it. The rules and errors that all
functions share are those of `smoothkit.metrics.boundary`. The `..._rows`
functions give the summands, one per row of a block, from which intervals and paired comparisons are made.
"""

from functools import partial
from typing import Literal

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from smoothkit.metrics.boundary import Block, Labels, blocks, check_choice
from smoothkit.metrics.events import Events
from smoothkit.metrics.scores import row_scores

Decision = Literal["argmax", "median"]
"""The most probable rank, or the first rank up to which half of the probability lies."""

ROUNDING = 1e-12
"""How far a sum of probabilities in float64 may be from what it stands for."""

Outputs = Float[Tensor, "rows classes"]
Rows = Float64[Tensor, " rows"]


def absolute_error_rows(block: Block, decision: Decision = "argmax") -> Rows:
    """The number of ranks between decision and label."""
    check_choice("mean_absolute_error", "decision", decision, Decision)
    return block.expected(_distances(block)[_decided(block, decision)])


def expected_absolute_error_rows(block: Block) -> Rows:
    """sum_k p_k |k - y|."""
    return block.expected(block.probs @ _distances(block))


def off_by_one_rows(block: Block) -> Rows:
    """1 where the prediction is at most one rank from the label, else 0."""
    return block.expected((_distances(block)[block.predictions] <= 1).double())


def ranked_probability_rows(block: Block) -> Rows:
    """The squared distance of the cumulative distributions of prediction and label."""
    return (_cumulative(block.probs) - _reached(block)).square().sum(dim=1)


def unimodal_rows(block: Block) -> Rows:
    """1 where the outputs never rise again after they have fallen, else 0."""
    earlier, later = block.outputs[:, :-1], block.outputs[:, 1:]
    has_fallen = (later < earlier).cumsum(dim=1) > 0
    return (~(has_fallen & (later > earlier)).any(dim=1)).double()


def mean_absolute_error(
    outputs: Outputs,
    labels: Labels,
    *,
    decision: Decision = "argmax",
    from_logits: bool = True,
    ignore_index: int | None = None,
) -> Float64[Tensor, ""]:
    """The mean number of ranks between decision and label, 0 to K - 1.

    The median is the decision that the predicted distribution expects to have the smallest error.

    >>> probs, label = torch.tensor([[0.4, 0.3, 0.3]]), torch.tensor([2])
    >>> mean_absolute_error(probs, label, from_logits=False)
    tensor(2., dtype=torch.float64)
    >>> mean_absolute_error(probs, label, decision="median", from_logits=False)
    tensor(1., dtype=torch.float64)
    """
    name, score = "mean_absolute_error", partial(absolute_error_rows, decision=decision)
    return row_scores(name, score, outputs, labels, from_logits=from_logits, ignore_index=ignore_index).mean()


def expected_absolute_error(
    outputs: Outputs, labels: Labels, *, from_logits: bool = True, ignore_index: int | None = None
) -> Float64[Tensor, ""]:
    """The mean over rows of sum_k p_k |k - y|: the error in ranks of a decision drawn from the prediction; 0 to K - 1.

    >>> expected_absolute_error(torch.tensor([[0.5, 0.25, 0.25]]), torch.tensor([0]), from_logits=False)
    tensor(0.7500, dtype=torch.float64)
    """
    name, score = "expected_absolute_error", expected_absolute_error_rows
    return row_scores(name, score, outputs, labels, from_logits=from_logits, ignore_index=ignore_index).mean()


def off_by_one_accuracy(
    outputs: Outputs, labels: Labels, *, from_logits: bool = True, ignore_index: int | None = None
) -> Float64[Tensor, ""]:
    """The share of predictions at most one rank from the label, 0 to 1.

    >>> off_by_one_accuracy(torch.eye(4), torch.tensor([1, 1, 0, 0]))
    tensor(0.5000, dtype=torch.float64)
    """
    name, score = "off_by_one_accuracy", off_by_one_rows
    return row_scores(name, score, outputs, labels, from_logits=from_logits, ignore_index=ignore_index).mean()


def confusion(
    outputs: Outputs,
    labels: Labels,
    *,
    metric: str = "confusion",
    from_logits: bool = True,
    ignore_index: int | None = None,
) -> Float64[Tensor, "classes classes"]:
    """Rows by label (first index) and prediction (second); a soft label adds its masses.

    >>> confusion(torch.eye(3)[[0, 1, 1]], torch.tensor([0, 1, 2]))
    tensor([[1., 0., 0.],
            [0., 1., 0.],
            [0., 1., 0.]], dtype=torch.float64)
    """
    size = outputs.shape[-1]
    counts = torch.zeros(size, size, dtype=torch.float64, device=outputs.device)
    for block in blocks(metric, outputs, labels, from_logits=from_logits, ignore_index=ignore_index):
        if block.labels.ndim == 1:
            pairs = torch.bincount(block.labels * size + block.predictions, minlength=size * size)
            counts += pairs.view(size, size)
        else:
            counts += torch.zeros_like(counts).index_add_(0, block.predictions, block.labels).T
    return counts


def ranked_probability_score(
    outputs: Outputs,
    labels: Labels,
    *,
    normalised: bool = False,
    from_logits: bool = True,
    ignore_index: int | None = None,
) -> Float64[Tensor, ""]:
    """The mean of sum_k (P(Y <= k) - 1[y <= k])^2 over the K - 1 thresholds, 0 to K - 1; `normalised` divides by K - 1.

    The Brier score of the K - 1 cumulative events; a proper score. Ranks count from 0. A soft label is compared as the
    distribution it is, by its own P(Y <= k), as in `brier`; the mean score over ranks drawn from it is larger by its
    sum of Q (1 - Q), whatever the prediction.

    Epstein, Journal of Applied Meteorology 8 (1969).

    >>> ranked_probability_score(torch.tensor([[0.5, 0.25, 0.25]]), torch.tensor([0]), from_logits=False)
    tensor(0.3125, dtype=torch.float64)
    """
    _require_ranks("ranked_probability_score", outputs)
    name, score = "ranked_probability_score", ranked_probability_rows
    scores = row_scores(name, score, outputs, labels, from_logits=from_logits, ignore_index=ignore_index)
    return scores.mean() / (outputs.shape[1] - 1 if normalised else 1)


def classwise_absolute_error(
    outputs: Outputs,
    labels: Labels,
    *,
    metric: str = "classwise_absolute_error",
    from_logits: bool = True,
    ignore_index: int | None = None,
) -> Float64[Tensor, " classes"]:
    """The mean absolute error of the most probable rank over the rows of each label; NaN for a rank without rows.

    >>> classwise_absolute_error(torch.eye(3)[[0, 1, 2]], torch.tensor([0, 0, 2]))
    tensor([0.5000,    nan, 0.0000], dtype=torch.float64)
    """
    counts = confusion(outputs, labels, metric=metric, from_logits=from_logits, ignore_index=ignore_index)
    return (counts * rank_distances(len(counts), counts.device)).sum(dim=1) / counts.sum(dim=1)


def average_absolute_error(
    outputs: Outputs, labels: Labels, *, from_logits: bool = True, ignore_index: int | None = None
) -> Float64[Tensor, ""]:
    """The mean of `classwise_absolute_error` over the ranks that have rows, 0 to K - 1: each rank counts the same.

    Baccianella, Esuli, Sebastiani, ISDA 2009.
    """
    name = "average_absolute_error"
    return classwise_absolute_error(
        outputs, labels, metric=name, from_logits=from_logits, ignore_index=ignore_index
    ).nanmean()


def maximum_absolute_error(
    outputs: Outputs, labels: Labels, *, from_logits: bool = True, ignore_index: int | None = None
) -> Float64[Tensor, ""]:
    """The largest `classwise_absolute_error` of the ranks that have rows, 0 to K - 1: that of the worst rank.

    Cruz-Ramírez et al., Neurocomputing 135 (2014).
    """
    name = "maximum_absolute_error"
    errors = classwise_absolute_error(outputs, labels, metric=name, from_logits=from_logits, ignore_index=ignore_index)
    return errors.nan_to_num(nan=0.0).amax()


def unimodal_share(
    outputs: Outputs, labels: Labels, *, from_logits: bool = True, ignore_index: int | None = None
) -> Float64[Tensor, ""]:
    """The share of rows whose outputs never rise again after they have fallen, 0 to 1; plateaus are allowed.

    Labels only say which rows count. Outputs are compared as they are, so no rounding of a softmax can make a mode.

    >>> unimodal_share(torch.tensor([[1.0, 3.0, 2.0], [3.0, 1.0, 2.0]]), torch.tensor([1, 0]))
    tensor(0.5000, dtype=torch.float64)
    """
    name, score = "unimodal_share", unimodal_rows
    return row_scores(name, score, outputs, labels, from_logits=from_logits, ignore_index=ignore_index).mean()


def cumulative_events(
    outputs: Outputs, labels: Labels, *, from_logits: bool = True, ignore_index: int | None = None
) -> tuple[Events, ...]:
    """The K - 1 events Y <= k, k = 0 to K - 2: their predicted probabilities, and whether each row's label is in them.

    Each is a forecast of a yes or a no, so that every function of events applies to it.

    >>> cumulative_events(torch.tensor([[0.5, 0.25, 0.25]]), torch.tensor([1]), from_logits=False)[0]
    Events(confidence=tensor([0.5000], dtype=torch.float64), correctness=tensor([0.], dtype=torch.float64))
    """
    _require_ranks("cumulative_events", outputs)
    parts = [
        (_cumulative(block.probs), _reached(block))
        for block in blocks("cumulative_events", outputs, labels, from_logits=from_logits, ignore_index=ignore_index)
    ]
    # One contiguous row for each event.
    confidence, correctness = (torch.cat(column).T.contiguous() for column in zip(*parts, strict=True))
    return tuple(Events(*event) for event in zip(confidence, correctness, strict=True))


def _decided(block: Block, decision: Decision) -> Int64[Tensor, " rows"]:
    if decision == "argmax":
        return block.predictions
    # The rounding of a softmax must not move the median of a distribution that holds exactly half below a rank.
    return (_cumulative(block.probs) < 0.5 - ROUNDING).sum(dim=1)


def _cumulative(masses: Float64[Tensor, "rows classes"]) -> Float64[Tensor, "rows thresholds"]:
    """P(Y <= k) for k below the last rank, where it is always 1."""
    return masses[:, :-1].cumsum(dim=1).clamp(max=1.0)


def _reached(block: Block) -> Float64[Tensor, "rows thresholds"]:
    """The probability under the label that Y <= k."""
    if block.labels.ndim == 2:
        return _cumulative(block.labels)
    thresholds = torch.arange(block.outputs.shape[1] - 1, device=block.labels.device)
    return (block.labels[:, None] <= thresholds).double()


def _distances(block: Block) -> Float64[Tensor, "classes classes"]:
    return rank_distances(block.outputs.shape[1], block.outputs.device)


def rank_distances(num_classes: int, device: torch.device) -> Float64[Tensor, "classes classes"]:
    """|i - j| for all pairs of ranks."""
    ranks = torch.arange(num_classes, dtype=torch.float64, device=device)
    return (ranks[:, None] - ranks).abs()


def _require_ranks(metric: str, outputs: Outputs) -> None:
    if outputs.ndim == 2 and outputs.shape[1] == 1:
        raise ValueError(f"{metric}: there must be at least 2 ranks, got 1")
