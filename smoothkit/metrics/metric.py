"""What a metric is to the rest of the toolkit: a name, a function and the direction in which it improves."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from torch import Tensor


@dataclass(frozen=True)
class Metric:
    """A named number that tells how good a classifier's logits are for given labels."""

    name: str
    """The key in results and tables."""
    function: Callable[[Tensor, Tensor], Tensor]
    """f(logits (N, K), labels (N,) or (N, K)) -> scalar; the rules are those of smoothkit.metrics.functional."""
    better: Literal["higher", "lower"] | None
    """The direction of improvement; None where neither is better by itself."""
