"""Any metric by group, and how far the groups are apart: fairlearn's vocabulary, without its need of every group.

Groups that cannot be measured are named gaps, never errors. A difference of maxima and minima grows with noise and is
positive even where all groups are alike: `smoothkit.metrics.group_calibration` has the comparisons with intervals.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from jaxtyping import Float64, Int
from torch import Tensor

from smoothkit.metrics.boundary import check_choice
from smoothkit.statistics import Interval

Against = Literal["between_groups", "to_overall"]


@dataclass(frozen=True, kw_only=True)
class Grouped:
    """A metric over all rows and by group; groups without a value are NaN, with the reason in `notes`."""

    overall: float
    by_group: Mapping[str, float]
    notes: Mapping[str, str] = field(default_factory=dict)
    intervals: Mapping[str, Interval] = field(default_factory=dict)
    """By group, where they were asked for; without bounds for a group that has no value."""

    @property
    def group_max(self) -> float:
        """The largest value of a group; NaN where no group has one."""
        return max(self._defined, default=math.nan)

    @property
    def group_min(self) -> float:
        """The smallest value of a group; NaN where no group has one."""
        return min(self._defined, default=math.nan)

    def difference(self, method: Against = "between_groups") -> float:
        """The largest distance of two groups, or of a group from the overall value; at least 0, NaN without values.

        It has no sign and is biased upward: noise alone sets groups apart, and small ones most. Raises ValueError for
        another `method`.

        >>> Grouped(overall=0.5, by_group={"a": 0.6, "b": 0.3}).difference("to_overall")
        0.2
        """
        check_choice("difference", "method", method, Against)
        if method == "between_groups":
            return self.group_max - self.group_min
        return max((abs(value - self.overall) for value in self._defined), default=math.nan)

    def ratio(self, method: Against = "between_groups") -> float:
        """The smallest ratio of two groups, or of a group and the overall value, taken below 1: 1 where all are equal.

        NaN without values, and where values differ in sign or the larger is 0, since no ratio means anything then.
        Raises ValueError for another `method`.

        >>> Grouped(overall=0.5, by_group={"a": 0.6, "b": 0.3}).ratio()
        0.5
        """
        check_choice("ratio", "method", method, Against)
        if method == "between_groups":
            return _ratio(self.group_min, self.group_max)
        ratios = [_ratio(value, self.overall) for value in self._defined]
        return min(ratios, default=math.nan) if not any(map(math.isnan, ratios)) else math.nan

    @property
    def _defined(self) -> list[float]:
        return [value for value in self.by_group.values() if not math.isnan(value)]


def metric_by_group(
    metric: Callable[..., Float64[Tensor, ""]],
    groups: Int[Tensor, " rows"],
    *columns: Tensor,
    names: Sequence[str] | None = None,
    interval: Callable[..., Interval] | None = None,
) -> Grouped:
    """Apply `metric` to all rows and to those of each group: metric(*columns), cut to the group's rows.

    Group ids are 0 to G - 1; `names` says what they are called, and how many there are, with or without rows. A group
    without rows, or whose rows the metric refuses with a ValueError, is NaN with a note. `interval` is a function of
    the same columns, such as `mean_interval` of values or the `interval` of a registered metric.

    Raises:
        ValueError: ids do not fit the names or the rows, or the metric refuses all rows together.

    >>> import torch
    >>> found = metric_by_group(torch.mean, torch.tensor([0, 0, 2]), torch.tensor([1.0, 2.0, 6.0]), names=list("abc"))
    >>> found.by_group["a"], found.overall, found.notes
    (1.5, 3.0, {'b': 'no rows'})
    """
    names = group_names(groups, names)
    for column in columns:
        if len(column) != len(groups):
            raise ValueError(f"groups: {len(groups)} ids for {len(column)} rows; give every row one id")
    values: dict[str, float] = {}
    notes: dict[str, str] = {}
    intervals: dict[str, Interval] = {}
    for index, name in enumerate(names):
        rows = groups == index
        inside = [column[rows] for column in columns]
        values[name], reason = _value(metric, inside, bool(rows.any()))
        if math.isnan(values[name]):
            notes[name] = reason
        if interval is not None:
            defined = name not in notes
            intervals[name] = interval(*inside) if defined else Interval(math.nan, math.nan, math.nan, "none")
    return Grouped(overall=float(metric(*columns)), by_group=values, notes=notes, intervals=intervals)


def _value(metric: Callable[..., Float64[Tensor, ""]], columns: Sequence[Tensor], some: bool) -> tuple[float, str]:
    """The metric of a group's rows; NaN, with the reason, where they have none."""
    if not some:
        return math.nan, "no rows"
    try:
        return float(metric(*columns)), "not defined on its rows"
    except ValueError as error:
        return math.nan, str(error)


def group_names(groups: Int[Tensor, " rows"], names: Sequence[str] | None) -> tuple[str, ...]:
    """The groups' names in order of their ids: those given, or the ids from 0 to the largest.

    Raises:
        ValueError: there are no rows, names repeat, or an id lies outside 0 to G - 1.
    """
    if len(groups) == 0:
        raise ValueError("groups: there are no rows")
    lowest, highest = (int(bound) for bound in groups.aminmax())
    given = tuple(str(index) for index in range(highest + 1)) if names is None else tuple(names)
    if lowest < 0 or highest >= len(given):
        raise ValueError(f"groups: ids must lie in 0..{len(given) - 1}, got {lowest}..{highest}")
    if len(set(given)) < len(given):
        raise ValueError(f"groups: names must differ, got {', '.join(given)}")
    return given


def _ratio(first: float, second: float) -> float:
    """The smaller size over the larger, of two numbers of one sign."""
    smaller, larger = sorted((abs(first), abs(second)))
    return smaller / larger if first * second >= 0 and larger > 0 else math.nan
