"""Metrics of a classifier as pure functions of its logits and the labels.

They share one signature, f(logits, labels), and these rules:

- Logits are (N, K), of any floating type; -inf marks an impossible class. Labels are class indices (N,), or soft labels
  (N, K), whose rows are distributions over the classes.
- Everything is computed in float64: no rounding but that of the logits themselves, and exact counts beyond 2^24 rows.
  (Apple's MPS has no float64: move logits and labels to the CPU first.)
- Results are float64 tensors; a scalar has the shape ().
- The prediction is the class of the largest logit, the first of them on a tie; its confidence is its probability
  under softmax.
- ValueError, naming the metric, for no rows, shapes that do not match, a label outside 0 to K - 1, and a row of logits
  for which softmax is undefined: one that holds NaN or +inf, or nothing but -inf.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Float64, Int
from torch import Tensor
from torch.nn import functional as F

from smoothkit.metrics.calibration import Reliability, reliability_of

# The number of bins in most published tables (Guo et al., ICML 2017).
BINS = 15

Labels = Int[Tensor, " batch"] | Float[Tensor, "batch classes"]


class ConfidenceByOutcome(NamedTuple):
    """Mean confidence, 0 to 1, of the right and of the wrong predictions; NaN where there are none."""

    right: Float64[Tensor, ""]
    wrong: Float64[Tensor, ""]


def accuracy(logits: Float[Tensor, "batch classes"], labels: Labels) -> Float64[Tensor, ""]:
    """The share of predictions that equal the label, 0 to 1; a soft label counts as its most probable class.

    >>> accuracy(torch.tensor([[2.0, 0.0], [0.0, 1.0], [3.0, 1.0]]), torch.tensor([0, 1, 1]))
    tensor(0.6667, dtype=torch.float64)
    """
    logits, labels = _checked("accuracy", logits, labels)
    return _is_right(logits, labels).double().mean()


def nll(logits: Float[Tensor, "batch classes"], labels: Labels) -> Float64[Tensor, ""]:
    """The mean negative log-likelihood in nats, 0 to infinity; of a soft label q it is the cross-entropy -sum q log p.

    Infinite where the label is an impossible class (a logit of -inf). A soft label's cross-entropy is at least its
    entropy, so 0 is out of reach there.

    >>> nll(torch.tensor([[0.0, 0.0]]), torch.tensor([1]))
    tensor(0.6931, dtype=torch.float64)
    """
    logits, labels = _checked("nll", logits, labels)
    log_probabilities = logits.log_softmax(dim=1)
    if labels.dim() == 1:
        return -log_probabilities.gather(1, labels[:, None]).mean()
    # 0 log 0 = 0: an impossible class costs nothing where the label gives it no mass.
    return -torch.where(labels != 0, labels * log_probabilities, 0.0).sum(dim=1).mean()


def brier(logits: Float[Tensor, "batch classes"], labels: Labels) -> Float64[Tensor, ""]:
    """The mean squared distance of prediction and label, summed over the classes, 0 to 2.

    Brier's own form (Monthly Weather Review 78, 1950): with two classes it is twice the one-class score that some
    libraries report. A soft label is compared as the distribution it is.

    >>> brier(torch.tensor([[0.0, 0.0]]), torch.tensor([1]))
    tensor(0.5000, dtype=torch.float64)
    """
    logits, labels = _checked("brier", logits, labels)
    distributions = F.one_hot(labels, logits.shape[1]) if labels.dim() == 1 else labels
    return (logits.softmax(dim=1) - distributions).square().sum(dim=1).mean()


def reliability(logits: Float[Tensor, "batch classes"], labels: Labels, bins: int = BINS) -> Reliability:
    """Count, mean confidence and accuracy of the predictions in each of `bins` equal bins of confidence.

    The bins are closed on the right, (lower, upper]. Under soft labels a prediction is right with the probability that
    the label gives the predicted class. Raises ValueError for `bins` below 1.
    """
    logits, labels = _checked("reliability", logits, labels)
    return reliability_of(_confidence(logits), _correctness(logits, labels), bins)


def expected_calibration_error(
    logits: Float[Tensor, "batch classes"], labels: Labels, bins: int = BINS
) -> Float64[Tensor, ""]:
    """The expected calibration error (ECE) of the predicted class: mean |confidence - accuracy| over bins, 0 to 1.

    Equal-width bins of confidence, closed on the right, (lower, upper]: confidence exactly 1 is in the last bin, and 0
    in the first. Bins are weighted by their counts. Guo et al., ICML 2017 (arXiv 1706.04599), equation 3. It is a
    plug-in estimate and biased upward when there are few predictions per bin: do not compare groups of different size
    by it. Under soft labels a prediction is right with the probability that the label gives the predicted class.
    Raises ValueError for `bins` below 1.

    >>> expected_calibration_error(torch.tensor([[0.0, 0.0], [0.0, 0.0]]), torch.tensor([0, 0]))
    tensor(0.5000, dtype=torch.float64)
    """
    logits, labels = _checked("expected_calibration_error", logits, labels)
    return reliability_of(_confidence(logits), _correctness(logits, labels), bins).expected_calibration_error


def confidence_gap(logits: Float[Tensor, "batch classes"], labels: Labels) -> Float64[Tensor, ""]:
    """Mean confidence minus accuracy, -1 to 1: positive is over-confident, negative under-confident.

    Its absolute value is at most the ECE, whatever the bins. Under soft labels a prediction is right with the
    probability that the label gives the predicted class, so this accuracy is the expected one.

    >>> confidence_gap(torch.tensor([[0.0, 0.0], [0.0, 0.0]]), torch.tensor([0, 0]))
    tensor(-0.5000, dtype=torch.float64)
    """
    logits, labels = _checked("confidence_gap", logits, labels)
    return (_confidence(logits) - _correctness(logits, labels)).mean()


def confidence_by_outcome(logits: Float[Tensor, "batch classes"], labels: Labels) -> ConfidenceByOutcome:
    """Mean confidence of the right and of the wrong predictions; NaN where there are none.

    A soft label counts as its most probable class, as in `accuracy`.
    """
    logits, labels = _checked("confidence_by_outcome", logits, labels)
    confidence, is_right = _confidence(logits), _is_right(logits, labels)
    return ConfidenceByOutcome(right=confidence[is_right].mean(), wrong=confidence[~is_right].mean())


def confidence_right(logits: Float[Tensor, "batch classes"], labels: Labels) -> Float64[Tensor, ""]:
    """Mean confidence of the right predictions, 0 to 1; NaN where there are none."""
    return confidence_by_outcome(logits, labels).right


def confidence_wrong(logits: Float[Tensor, "batch classes"], labels: Labels) -> Float64[Tensor, ""]:
    """Mean confidence of the wrong predictions, 0 to 1; NaN where there are none."""
    return confidence_by_outcome(logits, labels).wrong


def margins(logits: Float[Tensor, "batch classes"], labels: Labels) -> Float64[Tensor, " batch"]:
    """The logit of the label minus the largest other logit, one per row: positive where right, 0 on a tie.

    A soft label counts as its most probable class. Raises ValueError for fewer than 2 classes.

    >>> margins(torch.tensor([[2.0, 0.0, -1.0], [2.0, 0.0, -1.0]]), torch.tensor([0, 2]))
    tensor([ 2., -3.], dtype=torch.float64)
    """
    logits, labels = _checked("margins", logits, labels)
    if logits.shape[1] < 2:
        raise ValueError("margins: there must be at least 2 classes, got 1")
    label_index = _class_of(labels)[:, None]
    others = logits.scatter(1, label_index, -torch.inf).amax(dim=1)
    return logits.gather(1, label_index).squeeze(1) - others


def margin_mean(logits: Float[Tensor, "batch classes"], labels: Labels) -> Float64[Tensor, ""]:
    """The mean of `margins`, in units of the logits."""
    return margins(logits, labels).mean()


def margin_variance(logits: Float[Tensor, "batch classes"], labels: Labels) -> Float64[Tensor, ""]:
    """The variance of `margins` around their mean (divided by N, so one row has 0), in squared units of the logits."""
    return margins(logits, labels).var(correction=0)


def _checked(
    metric: str, logits: Float[Tensor, "batch classes"], labels: Labels
) -> tuple[Float64[Tensor, "batch classes"], Labels]:
    """The logits in float64; the labels as int64 indices or float64 distributions; or ValueError naming the metric."""
    if logits.dim() != 2 or logits.numel() == 0:
        raise ValueError(f"{metric}: logits must have the shape (rows, classes), both at least 1, got {_shape(logits)}")
    expected = logits.shape if labels.is_floating_point() else logits.shape[:1]
    if labels.shape != expected:
        raise ValueError(
            f"{metric}: labels must be class indices (N,) or floating distributions (N, K) for logits of the shape "
            f"{_shape(logits)}, got {labels.dtype} of the shape {_shape(labels)}"
        )
    undefined = int((~logits.amax(dim=1).isfinite()).sum())
    if undefined:
        raise ValueError(f"{metric}: {undefined} of {len(logits)} rows of logits hold NaN or +inf, or only -inf")
    if labels.is_floating_point():
        return logits.double(), labels.double()
    lowest, highest = (int(bound) for bound in labels.aminmax())
    if lowest < 0 or highest >= logits.shape[1]:
        raise ValueError(f"{metric}: labels must lie in 0..{logits.shape[1] - 1}, got {lowest}..{highest}")
    return logits.double(), labels.long()


def _shape(tensor: Tensor) -> tuple[int, ...]:
    return tuple(tensor.shape)


def _class_of(labels: Labels) -> Int[Tensor, " batch"]:
    """The labelled class: of a soft label the most probable one, the first of them on a tie."""
    return labels if labels.dim() == 1 else labels.argmax(dim=1)


def _is_right(logits: Float64[Tensor, "batch classes"], labels: Labels) -> Bool[Tensor, " batch"]:
    return logits.argmax(dim=1) == _class_of(labels)


def _confidence(logits: Float64[Tensor, "batch classes"]) -> Float64[Tensor, " batch"]:
    return logits.softmax(dim=1).amax(dim=1)


def _correctness(logits: Float64[Tensor, "batch classes"], labels: Labels) -> Float64[Tensor, " batch"]:
    """The probability that the prediction is right, given the label: 0 or 1 for a class index."""
    if labels.dim() == 1:
        return _is_right(logits, labels).double()
    return labels.gather(1, logits.argmax(dim=1, keepdim=True)).squeeze(1)
