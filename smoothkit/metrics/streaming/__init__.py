"""Measures of predictions that come batch by batch, or in several processes: sums that add, nothing kept per row."""

from smoothkit.metrics.streaming.accumulator import Accumulator
from smoothkit.metrics.streaming.calibration import Calibration, CalibrationAccumulator
from smoothkit.metrics.streaming.classwise import ClasswiseAccumulator

__all__ = ["Accumulator", "Calibration", "CalibrationAccumulator", "ClasswiseAccumulator"]
