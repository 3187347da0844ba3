"""Margins: by how much the logit of the label exceeds all others."""

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from smoothkit.metrics.boundary import Block, Labels
from smoothkit.metrics.scores import row_scores


def margins(
    logits: Float[Tensor, "rows classes"], labels: Labels, *, ignore_index: int | None = None
) -> Float64[Tensor, " kept"]:
    """The logit of the label minus the largest other logit, one per row: positive where right, 0 on a tie.

    Rows that are ignored have none. A soft label counts as its most probable class. Raises ValueError for fewer than
    2 classes, and as `smoothkit.metrics.boundary` says.

    >>> margins(torch.tensor([[2.0, 0.0, -1.0], [2.0, 0.0, -1.0]]), torch.tensor([0, 2]))
    tensor([ 2., -3.], dtype=torch.float64)
    """
    if logits.ndim == 2 and logits.shape[1] == 1:
        raise ValueError("margins: there must be at least 2 classes, got 1")

    def margin(block: Block) -> Float64[Tensor, " rows"]:
        own = block.classes[:, None]
        others = block.outputs.scatter(1, own, -torch.inf).amax(dim=1)
        return block.outputs.gather(1, own).squeeze(1).double() - others.double()

    return row_scores("margins", margin, logits, labels, ignore_index=ignore_index)


def margin_mean(logits: Float[Tensor, "rows classes"], labels: Labels) -> Float64[Tensor, ""]:
    """The mean of `margins`, in units of the logits."""
    return margins(logits, labels).mean()


def margin_variance(logits: Float[Tensor, "rows classes"], labels: Labels) -> Float64[Tensor, ""]:
    """The variance of `margins` around their mean (divided by N, so one row has 0), in squared units of the logits."""
    return margins(logits, labels).var(correction=0)
