"""Right and wrong, proper scores, confidences by outcome and margins, by name."""

from functools import partial
from typing import Annotated

from annotated_types import Ge
from torch import Tensor

from smoothkit.metrics import scores
from smoothkit.metrics.events import top_label
from smoothkit.metrics.intervals import share_interval
from smoothkit.metrics.linearised import quotient_interval, variance_interval
from smoothkit.metrics.margins import margin_mean, margin_variance, margins
from smoothkit.metrics.metric import Metric, RowValues
from smoothkit.statistics import Interval


def share_of(rows: RowValues, logits: Tensor, labels: Tensor) -> Interval:
    """The interval of a share of rows: Wilson's, which has a width where all rows are right."""
    values = rows(logits, labels)
    return share_interval(float(values.sum()), len(values))


_accuracy_rows = partial(scores.row_scores, "accuracy", scores.accuracy_rows)

ACCURACY = Metric(
    name="accuracy",
    function=scores.accuracy,
    better="higher",
    rows=_accuracy_rows,
    bounds=partial(share_of, _accuracy_rows),
)
NLL = Metric(name="nll", function=scores.nll, better="lower", rows=partial(scores.row_scores, "nll", scores.nll_rows))
BRIER = Metric(
    name="brier", function=scores.brier, better="lower", rows=partial(scores.row_scores, "brier", scores.brier_rows)
)


def top_k_accuracy(k: Annotated[int, Ge(1)] = 5) -> Metric:
    """The share of rows whose label is among the `k` most probable classes; in tables as `top_5_accuracy`."""
    rows = partial(scores.row_scores, "top_k_accuracy", partial(scores.top_k_rows, k=k))
    return Metric(
        name=f"top_{k}_accuracy",
        function=partial(scores.top_k_accuracy, k=k),
        better="higher",
        rows=rows,
        bounds=partial(share_of, rows),
    )


def _of_outcome(right: bool) -> Metric:
    """Mean confidence of the right or of the wrong predictions, with its interval over those."""

    def bounds(logits: Tensor, labels: Tensor) -> Interval:
        chosen = (_accuracy_rows(logits, labels) == float(right)).double()
        return quotient_interval(top_label(logits, labels).confidence * chosen, chosen)

    name, function = (
        ("confidence_right", scores.confidence_right) if right else ("confidence_wrong", scores.confidence_wrong)
    )
    return Metric(name=name, function=function, bounds=bounds)


# None of these improves in one direction: margins and confidences grow and shrink with the scale of the logits, which
# changes no prediction.
CONFIDENCE_RIGHT = _of_outcome(True)
CONFIDENCE_WRONG = _of_outcome(False)
MARGIN_MEAN = Metric(name="margin_mean", function=margin_mean, rows=margins)
MARGIN_VARIANCE = Metric(
    name="margin_variance",
    function=margin_variance,
    bounds=lambda logits, labels: variance_interval(margins(logits, labels)),
)
