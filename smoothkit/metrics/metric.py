"""What a metric is to the rest of the toolkit: a name, a function and the direction in which it improves."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

from torch import Tensor

from smoothkit.metrics.intervals import mean_interval
from smoothkit.statistics import Interval

RowValues = Callable[[Tensor, Tensor], Tensor]
"""f(logits (N, K), labels) -> (N,)."""

SEED = 0
"""Of the resampling behind an interval: two evaluations of one model give the same interval."""


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A named number that tells how good a classifier's logits are for given labels.

    What is registered is a metric, or a function that makes one of the options in a scenario file.
    """

    name: str
    """The key in results and tables."""
    function: Callable[[Tensor, Tensor], Tensor]
    """f(logits (N, K), labels (N,) or (N, K)) -> scalar; the rules are those of smoothkit.metrics.boundary."""
    better: Literal["higher", "lower"] | None = None
    """The direction of improvement; None where neither is better by itself."""
    rows: RowValues | None = None
    """What the metric is the mean of, if it is a mean over rows."""
    bounds: Callable[[Tensor, Tensor], Interval] | None = None
    """f(logits, labels) -> its interval, where that is not Student's over the rows."""

    @property
    def about(self) -> str:
        """The docstring of the function that measures it."""
        return inspect.getdoc(self.function.func if isinstance(self.function, partial) else self.function) or ""

    def interval(self, logits: Tensor, labels: Tensor) -> Interval | None:
        """The 95 % interval for other rows of the same law, with this very model; None if the metric has none."""
        if self.bounds is not None:
            return self.bounds(logits, labels)
        return None if self.rows is None else mean_interval(self.rows(logits, labels))
