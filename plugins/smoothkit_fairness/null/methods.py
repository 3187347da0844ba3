"""The methods that are compared: ours, the usual bootstraps of the calibration error, and two packages' own."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np

from smoothkit.errors import UserError
from smoothkit.metrics import compare_groups, confidence_gap_interval_of, debiased_squared_error_interval_of
from smoothkit.metrics.calibration import debiased_squared_error_of
from smoothkit.metrics.gap_difference import gap_difference_interval_of
from smoothkit.metrics.group_calibration import GroupComparison
from smoothkit.metrics.matching import same_curve_p_value
from smoothkit.statistics import LEVEL, Interval
from smoothkit_fairness.null import metric_frame, netcal_error, plug_in, study
from smoothkit_fairness.null.config import MethodName
from smoothkit_fairness.null.laws import Quantity, Sample


@dataclass(frozen=True, kw_only=True)
class Method:
    """What a user of the method sees; None for what it does not report. Resamples come from the generator."""

    calls_gap: Callable[[Sample, Sample, np.random.Generator, int], bool]
    """Whether it shows a gap between two groups, at 5 %."""
    gap: Callable[[Sample, Sample], float] | None = None
    """The gap that it reports: the second group's value minus the first's."""
    interval: Callable[[Sample, np.random.Generator, int], Interval] | None = None
    """The 95 % interval of one group's value."""
    quantity: Quantity | None = None
    """What is reported of a group."""
    answer: str = "a p-value"
    """What is reported where it is not that."""
    models: int = 1
    """How many models of a study it looks at, which were trained alike and are tested on the same rows."""
    package: str | None = None
    """The package that does the work, if that is not smoothkit."""


def method_of(name: MethodName) -> Method:
    """The method of that name.

    Raises:
        UserError: its package is not installed.
    """
    method = METHODS[name]
    if method.package is not None and find_spec(method.package) is None:
        raise UserError(
            f"experiment.method: {name!r} needs the package {method.package}, which is not installed: "
            f"`pip install {method.package}`, or leave its variants out with --variants"
        )
    return method


def _comparison(first: Sample, second: Sample, generator: np.random.Generator, resamples: int) -> GroupComparison:
    (pair,) = compare_groups({"first": first.bins, "second": second.bins}, generator, resamples)
    return pair


def _signed_gap_shown(first: Sample, second: Sample, generator: np.random.Generator, resamples: int) -> bool:
    return gap_difference_interval_of(first.bins, second.bins).excludes(0.0)


def _square_shown(first: Sample, second: Sample, generator: np.random.Generator, resamples: int) -> bool:
    return _comparison(first, second, generator, resamples).squared_error.excludes(0.0)


def _curves_differ(first: Sample, second: Sample, generator: np.random.Generator, resamples: int) -> bool:
    return same_curve_p_value(first.bins, second.bins, generator, resamples) <= LEVEL


def _verdict_given(first: Sample, second: Sample, generator: np.random.Generator, resamples: int) -> bool:
    return _comparison(first, second, generator, resamples).verdict != "open"


def _signed_gap(first: Sample, second: Sample) -> float:
    return gap_difference_interval_of(first.bins, second.bins).estimate


def _square(first: Sample, second: Sample) -> float:
    return float(debiased_squared_error_of(second.bins)) - float(debiased_squared_error_of(first.bins))


def _signed_gap_interval(group: Sample, generator: np.random.Generator, resamples: int) -> Interval:
    return confidence_gap_interval_of(group.bins)


def _square_interval(group: Sample, generator: np.random.Generator, resamples: int) -> Interval:
    return debiased_squared_error_interval_of(group.bins, generator, resamples)


METHODS: dict[MethodName, Method] = {
    # Welch's t of the signed gaps' difference.
    "signed gap": Method(
        calls_gap=_signed_gap_shown, gap=_signed_gap, interval=_signed_gap_interval, quantity="signed gap"
    ),
    # The recentred bootstrap of the debiased squared calibration error.
    "debiased square": Method(
        calls_gap=_square_shown, gap=_square, interval=_square_interval, quantity="squared error"
    ),
    # The permutation test of one calibration curve for both, which reports no gap.
    "same curve": Method(calls_gap=_curves_differ),
    # What smoothkit says of one model in the end: a verdict or none. Its gap and interval are the signed gap's.
    "verdict": Method(calls_gap=_verdict_given, answer="a verdict"),
    # What it says of a study, over all of its seeds.
    "study verdict": Method(calls_gap=study.verdict_given, answer="a verdict", models=5),
    "percentile bootstrap": Method(
        calls_gap=plug_in.percentile_shown, gap=plug_in.gap, interval=plug_in.percentile, quantity="ECE"
    ),
    "basic bootstrap": Method(calls_gap=plug_in.basic_shown, gap=plug_in.gap, interval=plug_in.basic, quantity="ECE"),
    "fairlearn groups": Method(
        calls_gap=metric_frame.groups_apart,
        gap=metric_frame.signed_gap,
        interval=metric_frame.interval,
        quantity="ECE",
        package="fairlearn",
    ),
    "fairlearn difference": Method(
        calls_gap=metric_frame.difference_shown, gap=metric_frame.difference, quantity="ECE", package="fairlearn"
    ),
    "netcal": Method(
        calls_gap=netcal_error.percentile_shown,
        gap=netcal_error.gap,
        interval=netcal_error.percentile,
        quantity="ECE",
        package="netcal",
    ),
}
