"""What the experiment says: how often each method calls a gap that is not there, in words and tables."""

import math
from collections.abc import Mapping
from importlib.metadata import version
from typing import NamedTuple, cast

from smoothkit.conclusion import Conclusion, Findings
from smoothkit.metrics import share_interval
from smoothkit.report.numbers import MISSING, number
from smoothkit.report.table import Cell as Entry
from smoothkit.report.table import Section, Table
from smoothkit.scenario import Result
from smoothkit.statistics import Interval
from smoothkit_fairness.null.cells import CELLS, Cell, Kind, scalar_of
from smoothkit_fairness.null.config import NullConfig
from smoothkit_fairness.null.methods import METHODS, Method
from smoothkit_fairness.null.rates import TRIALS, worst_cells

TITLES: dict[Kind, str] = {
    "false_alarms": "False alarms: studies that call a gap between two groups of one law",
    "coverage": "Coverage: 95 % intervals of one group that hold the truth",
    "bias": "Bias: mean of the gap that is reported between two groups of one law",
}


class Rates(NamedTuple):
    """What one variant found, over all of its seeds."""

    variant: str
    method: Method
    trials: int
    found: Mapping[str, Interval]
    """By scalar, with the interval for other trials."""

    def of(self, kind: Kind, cell: Cell) -> Interval | None:
        """A cell's; None where the method says nothing of the kind."""
        return self.found.get(scalar_of(kind, cell))

    def worst(self, kind: Kind) -> tuple[Cell, Interval] | None:
        """The cell where the method does worst, and what it does there."""
        cell = worst_cells({name: interval.estimate for name, interval in self.found.items()}).get(kind)
        return None if cell is None else (cell, self.found[scalar_of(kind, cell)])


def conclude(findings: Findings) -> Conclusion:
    """A sentence for each method; a table of its worst cells, and one for each kind of cell."""
    everything = [
        Rates(variant, METHODS[cast(NullConfig, findings.configs[variant]).experiment.method], *pooled(results))
        for variant, results in findings.results.items()
        if results
    ]
    return Conclusion(
        words=tuple(sentence(rates) for rates in everything),
        tables=(summary_table(everything),),
        details=tuple(cells_table(kind, everything) for kind in CELLS),
    )


def pooled(results: Mapping[int, Result]) -> tuple[int, dict[str, Interval]]:
    """The trials of all seeds together, and what each cell came to in them."""
    parts = list(results.values())
    trials = [int(part.scalars[TRIALS]) for part in parts]
    found = {}
    for name in parts[0].scalars:
        if name.startswith("bias/"):
            found[name] = _mean_of([part.scalars[name] for part in parts], [part.intervals.get(name) for part in parts])
        elif "/" in name:
            hits = sum(part.scalars[name] * count for part, count in zip(parts, trials, strict=True))
            found[name] = share_interval(hits, sum(trials))
    return sum(trials), found


def _mean_of(means: list[float], bounds: list[tuple[float, float] | None]) -> Interval:
    """The mean of independent means over equally many trials; no bounds where one of them has none."""
    mean = math.fsum(means) / len(means)
    margins = [(each[1] - each[0]) / 2 if each else math.nan for each in bounds]
    margin = math.hypot(*margins) / len(means)
    return Interval(mean, mean - margin, mean + margin, "t over trials")


def sentence(rates: Rates) -> str:
    """What a variant does where it does worst."""
    parts = []
    if alarms := rates.worst("false_alarms"):
        parts.append(f"calls a gap in up to {_share(alarms[1])} of studies of two groups of one law ({alarms[0].name})")
    if coverage := rates.worst("coverage"):
        parts.append(f"has 95 % intervals that hold the truth in as few as {_share(coverage[1])} ({coverage[0].name})")
    if bias := rates.worst("bias"):
        off = f"{_signed(bias[1])} on average ({bias[0].name})"
        parts.append(f"reports a difference of the {rates.method.quantity} of up to {off}, where there is none")
    return f"“{rates.variant}” {'; '.join(parts)}. {rates.trials} trials of each."


def summary_table(everything: list[Rates]) -> Table:
    """A row for each variant, with its worst cell of each kind."""
    return Table(
        title="What each method does where it does worst",
        columns=("method", "reports", "trials", "most false alarms", "lowest coverage", "largest bias"),
        numeric=(False, False, True, True, True, True),
        sections=(Section(rows=tuple(_summary_row(rates) for rates in everything)),),
        notes=(
            "False alarms of 5 % and coverage of 95 % are nominal. Brackets: 95 % intervals for other trials, of that "
            "cell by itself; the worst of several cells is a little beyond the nominal rate by chance alone.",
            *_versions(everything),
        ),
    )


def _summary_row(rates: Rates) -> tuple[Entry, ...]:
    alarms, coverage, bias = (rates.worst(kind) for kind in CELLS)
    return (
        Entry(text=rates.variant),
        Entry(text=rates.method.quantity or rates.method.answer),
        Entry(text=str(rates.trials)),
        Entry(text=_share(alarms[1]) if alarms else MISSING),
        Entry(text=_share(coverage[1]) if coverage else MISSING),
        Entry(text=_signed(bias[1]) if bias else MISSING),
    )


def cells_table(kind: Kind, everything: list[Rates]) -> Table:
    """A row for each variant that says anything of the kind, a column for each cell."""
    rows = []
    for rates in everything:
        found = [rates.of(kind, cell) for cell in CELLS[kind]]
        if all(found):
            texts = (_cell(kind, interval) for interval in found if interval)
            rows.append((Entry(text=rates.variant), *(Entry(text=text) for text in texts)))
    return Table(
        title=TITLES[kind],
        columns=("method", *(cell.name for cell in CELLS[kind])),
        numeric=(False, *[True] * len(CELLS[kind])),
        sections=(Section(rows=tuple(rows)),),
    )


def _cell(kind: Kind, interval: Interval) -> str:
    return number(interval.estimate, 4, signed=True) if kind == "bias" else _percent(interval.estimate)


def _share(interval: Interval) -> str:
    return f"{_percent(interval.estimate)} [{100 * interval.low:.1f}, {100 * interval.high:.1f}]"


def _signed(interval: Interval) -> str:
    estimate, low, high = (number(value, 4, signed=True) for value in interval[:3])
    return f"{estimate} [{low}, {high}]" if interval.is_defined else estimate


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _versions(everything: list[Rates]) -> tuple[str, ...]:
    packages = sorted({rates.method.package for rates in everything if rates.method.package})
    return (f"{', '.join(f'{package} {version(package)}' for package in packages)}.",) if packages else ()
