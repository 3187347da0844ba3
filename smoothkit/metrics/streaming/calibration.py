"""Calibration by group in one pass: reliability diagrams, accuracy, log-likelihood and Brier score."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float64, Int64
from torch import Tensor

from smoothkit.distributed import Group
from smoothkit.metrics.bins import BINS, BinSums, Closed, Reliability, checked_edges, equal_width_edges
from smoothkit.metrics.boundary import Block
from smoothkit.metrics.scores import accuracy_rows, brier_rows, nll_rows
from smoothkit.metrics.streaming.accumulator import Accumulator

Value = Float64[Tensor, "*groups"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Calibration:
    """What one pass over predictions tells, for one group or with a leading axis for many; NaN for a group of no rows.

    `reliability` goes into any measure of `smoothkit.metrics.calibration`, such as `calibration_error_of`,
    `confidence_gap_of`, `debiased_squared_error_of` or `brier_parts_of`, which then has one value per group.
    """

    reliability: Reliability
    """The predicted classes in bins of confidence."""
    accuracy_sum: Value
    nll_sum: Value
    brier_sum: Value

    @property
    def accuracy(self) -> Value:
        """The share of predictions that equal the label; a soft label counts as its most probable class."""
        return self.accuracy_sum / self.reliability.total

    @property
    def nll(self) -> Value:
        """The mean negative log-likelihood in nats, as `smoothkit.metrics.nll`."""
        return self.nll_sum / self.reliability.total

    @property
    def brier(self) -> Value:
        """The mean squared distance of prediction and label, as `smoothkit.metrics.brier`, 0 to 2."""
        return self.brier_sum / self.reliability.total

    def overall(self) -> "Calibration":
        """All groups taken together."""
        return Calibration(
            reliability=self.reliability.summed(),
            accuracy_sum=self.accuracy_sum.sum(),
            nll_sum=self.nll_sum.sum(),
            brier_sum=self.brier_sum.sum(),
        )

    def group(self, index: int) -> "Calibration":
        """One group."""
        return Calibration(
            reliability=self.reliability.group(index),
            accuracy_sum=self.accuracy_sum[index],
            nll_sum=self.nll_sum[index],
            brier_sum=self.brier_sum[index],
        )


class CalibrationAccumulator(Accumulator[Calibration]):
    """Calibration of the predicted class by group, with accuracy, log-likelihood and Brier score, in one pass.

    Bins are of equal width, or lie between the given `edges`, as in `smoothkit.metrics.reliability_of`; all groups
    share them. For equal-mass bins take the edges from data at hand (`equal_mass_edges`).

    >>> accumulator = CalibrationAccumulator(num_classes=2, bins=2, from_logits=False)
    >>> accumulator.update(torch.tensor([[0.75, 0.25]]), torch.tensor([0]))
    >>> accumulator.update(torch.tensor([[0.25, 0.75]]), torch.tensor([0]))
    >>> accumulator.compute().overall().reliability.accuracy
    tensor([   nan, 0.5000], dtype=torch.float64)
    """

    def __init__(
        self,
        num_classes: int,
        bins: int = BINS,
        *,
        edges: Float64[Tensor, " edges"] | None = None,
        closed: Closed = "right",
        groups: int = 1,
        from_logits: bool = True,
        ignore_index: int | None = None,
    ):
        super().__init__(num_classes, groups=groups, from_logits=from_logits, ignore_index=ignore_index)
        edges = equal_width_edges(bins) if edges is None else checked_edges(edges).cpu()
        self._edges: list[float] = edges.tolist()
        self._bins = BinSums(edges, closed, groups)
        # Accuracy, negative log-likelihood and Brier score; the last column takes the rows that do not count.
        self._scores = torch.zeros(3, groups + 1, dtype=torch.float64)

    @property
    def state(self) -> dict[str, Tensor]:
        """The sums themselves by name, no copies."""
        return {**super().state, **self._bins.state, "scores": self._scores}

    def synchronise(self, group: Group) -> None:
        """Add the rows of all processes of `group`; see `Accumulator.synchronise`."""
        if group.any(self._bins.softness is not None):
            self._bins.soften()
        super().synchronise(group)

    def _add(self, block: Block, usable: Bool[Tensor, " rows"], group: Int64[Tensor, " rows"] | None) -> None:
        self._bins.add(block.confidence, block.correctness, group, usable, soft=block.labels.ndim == 2)
        cells = torch.where(usable, 0 if group is None else group, self.groups)
        part = torch.zeros_like(self._scores)
        for sums, score in zip(part, (accuracy_rows, nll_rows, brier_rows), strict=True):
            sums.index_add_(0, cells, score(block))
        self._scores += part

    def _result(self) -> Calibration:
        accuracy, nll, brier = self._scores[:, :-1].clone()
        return Calibration(reliability=self._bins.reliability(), accuracy_sum=accuracy, nll_sum=nll, brier_sum=brier)

    def _restore(self, state: Mapping[str, Tensor]) -> None:
        super()._restore(state)
        self._bins.restore(state)
        self._scores = state["scores"]

    def _options(self) -> dict[str, Any]:
        return {**super()._options(), "edges": self._edges, "closed": self._bins.closed}
