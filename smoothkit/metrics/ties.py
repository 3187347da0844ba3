"""Events in order of a score, where rows of equal scores are one entry and so can be neither split nor ordered."""

from typing import NamedTuple

import torch
from jaxtyping import Float64, Int64
from torch import Tensor


class TiedRuns(NamedTuple):
    """The distinct scores, rising, and what the rows that share each of them add up to."""

    scores: Float64[Tensor, " runs"]
    counts: Int64[Tensor, " runs"]
    """Rows with this score."""
    correctness_sum: Float64[Tensor, " runs"]
    """How many of them came true; under soft labels, how many are expected to."""


def tied_runs(scores: Float64[Tensor, " rows"], correctness: Float64[Tensor, " rows"]) -> TiedRuns:
    """Sort the rows by their score and add up those that tie: O(N log N), on the device of the scores, no gradients.

    Sums of zeros and ones are exact, so what is made of runs does not depend on the order of the rows at all; under
    soft labels it depends on it by rounding alone.

    >>> tied_runs(torch.tensor([0.9, 0.6, 0.9]).double(), torch.tensor([1.0, 0.0, 0.0]).double())._asdict()
    {'scores': tensor([0.6000, 0.9000], dtype=torch.float64), 'counts': tensor([1, 2]), \
'correctness_sum': tensor([0., 1.], dtype=torch.float64)}
    """
    scores, correctness = scores.detach(), correctness.detach()
    order = _order(scores)
    ordered = scores[order]
    is_first = torch.ones_like(ordered, dtype=torch.bool)
    is_first[1:] = ordered[1:] != ordered[:-1]
    first = is_first.nonzero().squeeze(1)
    counts = torch.diff(first, append=first.new_tensor([len(ordered)]))
    if len(first) == len(ordered):
        return TiedRuns(ordered, counts, correctness[order])
    run_of = is_first.cumsum(0) - 1
    # index_add_ has a deterministic form on the GPU, bincount with weights has none.
    sums = torch.zeros(len(first), dtype=torch.float64, device=scores.device)
    return TiedRuns(ordered[first], counts, sums.index_add_(0, run_of, correctness[order]))


def _order(scores: Float64[Tensor, " rows"]) -> Int64[Tensor, " rows"]:
    if scores.device.type == "cpu":
        # numpy sorts on vector instructions, five times as fast as torch. The order inside a tie is of no account.
        return torch.from_numpy(scores.numpy().argsort())
    return scores.argsort()
