"""The classes of a row in the order of their outputs."""

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

FEW = 5
"""Up to so many classes are searched for one after another, which takes less time than a partial sort."""


def top_classes(outputs: Float[Tensor, "rows classes"], k: int) -> Int64[Tensor, "rows k"]:
    """The classes of the `k` largest outputs, the largest first; of equal ones the first class comes first.

    `k` lies in 1 to K; outputs hold no NaN.

    >>> top_classes(torch.tensor([[0.0, 2.0, 0.0, 1.0]]), 3)
    tensor([[1, 3, 0]])
    """
    if k <= FEW and outputs.device.type == "cpu" and outputs.dtype in (torch.float32, torch.float64):
        classes, open_rows = _searched(outputs, k)
    else:
        classes, open_rows = _partially_sorted(outputs, k)
    if len(open_rows):
        classes[open_rows] = outputs[open_rows].sort(dim=1, descending=True, stable=True).indices[:, :k]
    return classes


def _searched(
    outputs: Float[Tensor, "rows classes"], k: int
) -> tuple[Int64[Tensor, "rows k"], Int64[Tensor, " open_rows"]]:
    """The classes by `k` searches, each for the largest output that is left; rows in which that leaves it open."""
    # numpy's search runs on vector instructions and finds the first; torch's looks at one entry after another.
    left = outputs.detach().clone().numpy()
    rows, classes = np.arange(len(left)), np.empty((len(left), k), dtype=np.int64)
    exhausted = np.zeros(len(left), dtype=bool)
    for place in range(k):
        found = left.argmax(axis=1)
        classes[:, place] = found
        exhausted |= np.isneginf(left[rows, found])
        left[rows, found] = -np.inf
    # Where nothing but -inf is left, a class that was found already may be found again.
    return torch.from_numpy(classes), torch.from_numpy(np.flatnonzero(exhausted))


def _partially_sorted(
    outputs: Float[Tensor, "rows classes"], k: int
) -> tuple[Int64[Tensor, "rows k"], Int64[Tensor, " open_rows"]]:
    """The classes by `topk`, which leaves the order of equal outputs open; the rows that hold such."""
    # One rank more shows whether the last place was contested.
    found = outputs.topk(min(k + 1, outputs.shape[1]), dim=1)
    tied = (found.values[:, 1:] == found.values[:, :-1]).any(dim=1)
    return found.indices[:, :k], tied.nonzero().squeeze(1)
