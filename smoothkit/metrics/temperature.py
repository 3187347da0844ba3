"""Temperature scaling: one number by which logits are divided so that confidence matches what comes true."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import wraps
from math import exp, log
from typing import Any, TypeVar, cast

import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor

from smoothkit.metrics.boundary import Block, Labels, blocks

Value = TypeVar("Value")

PRECISION = 1e-12
"""How near log T is brought to the root of the derivative; rounding of the sums adds about as much."""

LARGEST_LOG = 700.0
"""exp() of more than 709 overflows."""


class NoBestTemperature(ValueError):
    """The rows favour no temperature above 0: the message says why."""


@dataclass(frozen=True)
class Temperature:
    """A temperature and the rows that it was fitted on."""

    temperature: float
    """T, above 0: above 1 it lowers confidence, below 1 it raises it."""
    nll: float
    """Mean negative log-likelihood of the fitted rows at T, in nats."""
    rows: int
    """How many rows it was fitted on."""
    ids: Int[Tensor, " _"] | None = field(default=None, repr=False, compare=False)
    """What identifies those rows, if it was given; rows that were ignored are not among them."""

    def apply(
        self, logits: Float[Tensor, "rows classes"], ids: Int[Tensor, " rows"] | None = None
    ) -> Float[Tensor, "rows classes"]:
        """The logits divided by T, in their own precision; no prediction changes.

        `ids` identify the rows, as those given to `fit_temperature` do.

        Raises:
            ValueError: a row of `ids` was fitted on: a metric of it would flatter the temperature; or nobody knows,
                because the fit was given no ids.
        """
        if ids is not None:
            if self.ids is None:
                raise ValueError(
                    "temperature: ids were given here but not to fit_temperature, so nobody can tell whether a row was "
                    "fitted on; give them to both or to neither"
                )
            known = int(torch.isin(ids, self.ids.to(ids.device)).sum())
            if known:
                raise ValueError(
                    f"temperature: {known} of {len(ids)} rows are among those it was fitted on; fit it on other rows "
                    "than those it is measured on"
                )
        return logits / self.temperature


def fit_temperature(
    outputs: Float[Tensor, "rows classes"],
    labels: Labels,
    *,
    from_logits: bool = True,
    ignore_index: int | None = None,
    ids: Int[Tensor, " rows"] | None = None,
) -> Temperature:
    """The T for which softmax(logits / T) has the smallest mean NLL; fit it on validation rows, never on test rows.

    The NLL is convex in b = 1 / T, and its derivative mean(sum_k p_k z_k - sum_k q_k z_k), with p = softmax(b z) and
    the label q, grows with b from the mean advantage of an average class over the label to that of the largest logit.
    Where the first is negative and the second positive, its only zero is the optimum: here it is bracketed and found in
    log T, to 1e-12 but for rounding, whatever the scale of the logits. T is positive by construction. With
    `from_logits=False` the logits are log-probabilities. `ids` identify the rows for `Temperature.apply`.

    Guo et al., ICML 2017 (arXiv 1706.04599), section 4.2. Soft labels are compared as distributions.

    Raises:
        NoBestTemperature: a ValueError. All labels have the largest logit of their row, so that T = 0 would be (it
            often means that the rows were trained on); the logits of the labels are no larger than the average, so that
            T = infinity would be; all logits of each row are equal, so that any is; or a label is a class ruled out by
            a logit of -inf, so that the NLL is infinite at each.
        ValueError: as `smoothkit.metrics.boundary` says.

    >>> logits = torch.tensor([[2.0, 0.0], [2.0, 0.0], [2.0, 0.0], [2.0, 0.0]])
    >>> fit_temperature(logits, torch.tensor([0, 0, 0, 1])).temperature  # sigmoid(2 / T) = 3/4 at T = 2 / log 3
    1.8204784532536746
    """
    if ids is not None and len(ids) != len(outputs):
        raise ValueError(f"fit_temperature: ids must hold one number per row, got {len(ids)} for {len(outputs)} rows")
    parts = list(blocks("fit_temperature", outputs, labels, from_logits=from_logits, ignore_index=ignore_index))
    if ids is not None and ignore_index is not None and labels.ndim == 1:
        ids = ids[labels.to(ids.device) != ignore_index]
    best, loss = _optimum(parts)
    return Temperature(best, loss, sum(len(part.outputs) for part in parts), ids)


def after_temperature(function: Callable[..., Value], temperature: Temperature) -> Callable[..., Value]:
    """A metric f(logits, labels, ...) of logits that are first divided by T, in float64.

    It takes what the metric takes, and `ids`, which identify the rows: ValueError where one of them was fitted on.

    >>> from smoothkit.metrics import nll
    >>> logits = torch.tensor([[2.0, 0.0], [2.0, 0.0], [2.0, 0.0], [2.0, 0.0]])
    >>> labels = torch.tensor([0, 0, 0, 1])
    >>> nll(logits, labels), after_temperature(nll, fit_temperature(logits, labels))(logits, labels)
    (tensor(0.6269, dtype=torch.float64), tensor(0.5623, dtype=torch.float64))
    """

    @wraps(function)
    def measured(
        outputs: Tensor, labels: Tensor, *, from_logits: bool = True, ids: Tensor | None = None, **options: Any
    ) -> Value:
        logits = outputs.double() if from_logits else outputs.double().log()
        return function(temperature.apply(logits, ids), labels, **options)

    return measured


def _optimum(parts: Sequence[Block]) -> tuple[float, float]:
    """The best temperature and its mean NLL."""
    from scipy.optimize import brentq

    rows = sum(len(part.outputs) for part in parts)
    target = _target(parts, rows)

    def slope(log_temperature: float) -> float:
        """The derivative of the NLL by 1 / T: falls as T grows."""
        return sum(_predicted(part, exp(-log_temperature)) for part in parts) / rows - target

    best = exp(cast("float", brentq(slope, *_bracket(slope), xtol=PRECISION)))
    return best, sum(_log_normaliser(part, 1 / best) for part in parts) / rows - target / best


def _target(parts: Sequence[Block], rows: int) -> float:
    """The mean of the labels' logits, below the largest of their row; or an error that says why no T is best."""
    labelled = torch.cat([part.expected(_below_largest(part)) for part in parts])
    impossible = int(labelled.isinf().sum())
    if impossible:
        raise NoBestTemperature(
            f"fit_temperature: in {impossible} of {rows} rows the label is a class that the logits rule out (-inf), so "
            "the likelihood is 0 at every temperature; leave these rows out"
        )
    target = labelled.sum().item() / rows
    average = sum(_average(part) for part in parts) / rows
    if average == 0:
        raise NoBestTemperature(
            "fit_temperature: the logits of each row are equal, so every temperature gives the same; "
            "fit it on logits that tell classes apart"
        )
    if target == 0:
        raise NoBestTemperature(
            f"fit_temperature: the label has the largest logit in all {rows} rows, so the likelihood grows as T falls "
            "to 0 and no temperature is best; fit it on more rows, and on none that were trained on"
        )
    if target <= average:
        raise NoBestTemperature(
            f"fit_temperature: the labels' logits are on average no larger than those of all classes (by "
            f"{target - average:.3g}), so the likelihood grows as T goes to infinity and no temperature is best; "
            "check that labels and logits belong together"
        )
    return target


def _bracket(slope: Callable[[float], float]) -> tuple[float, float]:
    """Two values of log T between which the slope changes its sign."""
    start = slope(0.0)
    end, step = 0.0, log(4.0) if start > 0 else -log(4.0)
    while True:
        start, end, step = end, end + step, 2 * step
        if abs(end) > LARGEST_LOG:
            raise NoBestTemperature(
                "fit_temperature: the optimum lies beyond T = 1e-150 to 1e150; rescale the logits, or check that "
                "labels and logits belong together"
            )
        if slope(end) * step <= 0:
            return start, end


def _below_largest(block: Block) -> Float64[Tensor, "rows classes"]:
    """Logits minus the largest of their row: no more than 0, so that no sum of them loses digits."""
    scores = block.outputs.double() if block.from_logits else block.outputs.double().log()
    return scores - scores.amax(dim=1, keepdim=True)


def _predicted(block: Block, inverse: float) -> float:
    """The sum over rows of the mean logit under softmax(logits * inverse)."""
    below = _below_largest(block).clamp(min=torch.finfo(torch.float64).min)
    return ((below * inverse).softmax(dim=1) * below).sum().item()


def _log_normaliser(block: Block, inverse: float) -> float:
    """The sum over rows of log sum exp(logits * inverse)."""
    return (_below_largest(block) * inverse).logsumexp(dim=1).sum().item()


def _average(block: Block) -> float:
    """The sum over rows of the mean logit of the possible classes: what a T without end would predict."""
    below = _below_largest(block)
    possible = below.isfinite()
    return (torch.where(possible, below, 0.0).sum(dim=1) / possible.sum(dim=1)).sum().item()
