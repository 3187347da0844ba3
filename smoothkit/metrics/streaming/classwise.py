"""Calibration of every class by itself, batch by batch."""

from collections.abc import Mapping
from typing import Any

from jaxtyping import Bool, Int64
from torch import Tensor

from smoothkit.metrics.bins import BINS, Closed, Reliability, equal_width_edges
from smoothkit.metrics.boundary import Block
from smoothkit.metrics.classwise import ClassSums
from smoothkit.metrics.streaming.accumulator import Accumulator


class ClasswiseAccumulator(Accumulator[Reliability]):
    """One reliability diagram per class, as `smoothkit.metrics.classwise_reliability` with bins of equal width.

    The classwise calibration error is `calibration_error_of(accumulator.compute()).mean()`.
    """

    def __init__(
        self,
        num_classes: int,
        bins: int = BINS,
        *,
        closed: Closed = "right",
        from_logits: bool = True,
        ignore_index: int | None = None,
    ):
        super().__init__(num_classes, from_logits=from_logits, ignore_index=ignore_index)
        self._sums = ClassSums(num_classes, equal_width_edges(bins), closed)

    @property
    def state(self) -> dict[str, Tensor]:
        """The sums themselves by name, no copies."""
        return {**super().state, **self._sums.state}

    def _add(self, block: Block, usable: Bool[Tensor, " rows"], group: Int64[Tensor, " rows"] | None) -> None:
        self._sums.add(block, usable)

    def _result(self) -> Reliability:
        return self._sums.reliability()

    def _restore(self, state: Mapping[str, Tensor]) -> None:
        super()._restore(state)
        self._sums.restore(state)

    def _options(self) -> dict[str, Any]:
        return {**super()._options(), "bins": len(self._sums.edges) - 1, "closed": self._sums.closed}
