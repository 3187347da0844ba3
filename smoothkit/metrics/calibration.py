"""Confidence against accuracy, bin by bin: how often predictions made with about the same confidence are right."""

from dataclasses import dataclass

import torch
from jaxtyping import Float64, Int64
from torch import Tensor


@dataclass(frozen=True)
class Reliability:
    """A reliability diagram's numbers, one entry per bin of confidence, NaN where a bin is empty.

    The bins have equal width and are closed on the right, (lower, upper]: of `bins` bins, bin b holds the confidences
    above b / bins up to and including (b + 1) / bins. Confidence 1 therefore lies in the last bin, and 0 in the first,
    which is closed on both sides. This is the convention of Guo et al., ICML 2017 (arXiv 1706.04599).
    """

    counts: Int64[Tensor, " bins"]
    """Predictions in each bin."""
    confidence: Float64[Tensor, " bins"]
    """Their mean confidence, 0 to 1."""
    accuracy: Float64[Tensor, " bins"]
    """The share of them that is right, 0 to 1; under soft labels, the expected share."""

    @property
    def edges(self) -> Float64[Tensor, " edges"]:
        """The boundaries of the bins, from 0 to 1: one more than there are bins."""
        return bin_edges(len(self.counts), self.counts.device)

    @property
    def expected_calibration_error(self) -> Float64[Tensor, ""]:
        """The mean over all predictions of their bin's |confidence - accuracy|, 0 to 1; an empty bin adds nothing."""
        gaps = (self.confidence - self.accuracy).abs().nan_to_num(nan=0.0)
        return (gaps * self.counts).sum() / self.counts.sum()


def reliability_of(
    confidence: Float64[Tensor, " batch"], correctness: Float64[Tensor, " batch"], bins: int
) -> Reliability:
    """Sort predictions into bins by their confidence and average confidence and correctness in each.

    `confidence` is 0 to 1; `correctness` is 1 for right, 0 for wrong, or a probability of being right. Counts are
    integers and sums are float64, so nothing saturates above 2^24 predictions. Raises ValueError for `bins` below 1.

    >>> confidence = torch.tensor([0.75, 1.0, 1.0], dtype=torch.float64)
    >>> correctness = torch.tensor([1.0, 1.0, 0.0], dtype=torch.float64)
    >>> reliability_of(confidence, correctness, bins=2)
    Reliability(counts=tensor([0, 3]), confidence=tensor([   nan, 0.9167], dtype=torch.float64), \
accuracy=tensor([   nan, 0.6667], dtype=torch.float64))
    """
    if bins < 1:
        raise ValueError(f"bins must be at least 1, got {bins}")
    # Comparing with a table of edges puts i / bins exactly where it belongs, which a product with `bins` does not.
    inner_edges = bin_edges(bins, confidence.device)[1:-1]
    bin_of = torch.bucketize(confidence.contiguous(), inner_edges, right=False)
    counts = torch.bincount(bin_of, minlength=bins)
    return Reliability(
        counts=counts,
        confidence=_sum_by(bin_of, confidence, bins) / counts,
        accuracy=_sum_by(bin_of, correctness, bins) / counts,
    )


def bin_edges(bins: int, device: torch.device) -> Float64[Tensor, " edges"]:
    """The boundaries of `bins` bins of equal width between 0 and 1: each the float64 nearest to i / bins."""
    return torch.arange(bins + 1, dtype=torch.float64, device=device) / bins


def _sum_by(bin_of: Int64[Tensor, " batch"], values: Float64[Tensor, " batch"], bins: int) -> Float64[Tensor, " bins"]:
    # index_add_ has a deterministic form on the GPU, bincount with weights has none.
    return torch.zeros(bins, dtype=torch.float64, device=values.device).index_add_(0, bin_of, values)
