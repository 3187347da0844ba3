"""The metrics that evaluations know by name."""

from smoothkit.metrics import functional
from smoothkit.metrics.metric import Metric

ACCURACY = Metric("accuracy", functional.accuracy, "higher")
NLL = Metric("nll", functional.nll, "lower")
BRIER = Metric("brier", functional.brier, "lower")
ECE = Metric("ece", functional.expected_calibration_error, "lower")

# None of these improves in one direction: the gap is best at 0, and margins and confidences grow and shrink with the
# scale of the logits, which changes no prediction.
CONFIDENCE_GAP = Metric("confidence_gap", functional.confidence_gap, None)
MARGIN_MEAN = Metric("margin_mean", functional.margin_mean, None)
MARGIN_VARIANCE = Metric("margin_variance", functional.margin_variance, None)
CONFIDENCE_RIGHT = Metric("confidence_right", functional.confidence_right, None)
CONFIDENCE_WRONG = Metric("confidence_wrong", functional.confidence_wrong, None)
