"""One look at every output: where the largest is, and whether probabilities may be some."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor

SCAN_ENTRIES = 1 << 16
"""Entries that are looked at several times in a row, and lie in a processor's inner cache meanwhile."""


class Scan(NamedTuple):
    """What one look at every output tells, row by row."""

    largest: Float[Tensor, " rows"]
    """NaN where a row holds one."""
    classes: Int64[Tensor, " rows"]
    """The first of the classes with the largest output."""
    sums: Float[Tensor, " checked"]
    smallest: Float[Tensor, " checked"]
    """Of probabilities, as the sums; both are empty for logits."""


def scan(outputs: Float[Tensor, "rows classes"], from_logits: bool) -> Scan:
    """The largest output and its class of every row and, of probabilities, the sum and the smallest."""
    if outputs.device.type != "cpu" or outputs.dtype not in (torch.float32, torch.float64):
        checked = outputs[:0] if from_logits else outputs
        return Scan(*outputs.max(dim=1), checked.sum(dim=1), checked.amin(dim=1))
    classes = torch.empty(len(outputs), dtype=torch.int64)
    sums, smallest = (outputs.new_empty(0 if from_logits else len(outputs)) for _ in range(2))
    # numpy's search runs on vector instructions; torch's looks at one entry after another.
    array, indices = outputs.numpy(), classes.numpy()
    size = max(1, SCAN_ENTRIES // outputs.shape[1])
    for start in range(0, len(outputs), size):
        rows = slice(start, start + size)
        array[rows].argmax(axis=1, out=indices[rows])
        if not from_logits:
            torch.sum(outputs[rows], dim=1, out=sums[rows])
            # That of all these rows at once says enough, unless one of them is at fault.
            least = outputs[rows].amin()
            smallest[rows] = least if least >= 0 else outputs[rows].amin(dim=1)
    return Scan(outputs.gather(1, classes[:, None]).squeeze(1), classes, sums, smallest)
