"""What a scenario concludes from a whole study: sentences, tables and figures over all variants and seeds."""

import importlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from smoothkit.baselines import Levels
from smoothkit.files import finite
from smoothkit.report.comparison import Comparison
from smoothkit.report.figures import Figure, figure_from_json
from smoothkit.report.legibility import printable
from smoothkit.report.stored import read_as
from smoothkit.report.summary import Results
from smoothkit.report.table import Table
from smoothkit.scenario import Scenario, ScenarioConfig


@dataclass(frozen=True, kw_only=True)
class Conclusion:
    """What a study shows beyond means and differences; every part may be empty."""

    words: tuple[str, ...] = ()
    """Sentences computed from the results, the most important first; plain text."""
    tables: tuple[Table, ...] = ()
    """What the sentences rest on, in every report; few and short, as a terminal shows them above the sentences."""
    details: tuple[Table, ...] = ()
    """Tables for pages: a terminal leaves them out."""
    figures: Mapping[str, Figure] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The conclusion as JSON-serialisable data; `from_json` is its inverse."""
        return {
            "words": list(self.words),
            "tables": [asdict(table) for table in self.tables],
            "details": [asdict(table) for table in self.details],
            "figures": {name: figure.to_json() for name, figure in self.figures.items()},
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> "Conclusion":
        """The conclusion that `to_json` stored.

        A figure that this process cannot read becomes an `UnreadableFigure`, which says why.

        Raises:
            ValueError: a part is missing, or is not what it should be.
        """
        stored: _Parts = read_as(_Parts, data)
        figures = {name: figure_from_json(figure) for name, figure in stored.figures.items()}
        return Conclusion(words=stored.words, tables=stored.tables, details=stored.details, figures=figures)


@dataclass(frozen=True, kw_only=True)
class _Parts:
    """What is stored of a conclusion."""

    words: tuple[str, ...]
    tables: tuple[Table, ...]
    details: tuple[Table, ...]
    figures: dict[str, dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What a conclusion is drawn from: the results so far, which may lack seeds or whole variants."""

    configs: Mapping[str, ScenarioConfig]
    """Every variant's configuration, in the order of the file."""
    baseline: str | None
    """The variant that all others are compared with; None where there is none, or where each has its own."""
    results: Results
    """By variant, then by seed, rows included; a variant without any result has an empty table."""
    levels: Levels = field(default_factory=dict)
    """By variant, its level on each axis of the grid; empty tables where there is no grid."""
    baselines: Mapping[str, str | None] = field(default_factory=dict)
    """By variant, the one that it is compared with; None for those that are compared with nothing."""
    comparisons: Mapping[str, Mapping[str, Comparison]] = field(default_factory=dict)
    """By variant, then by scalar, what `summary.json` says of the difference from that one: what reports show, so that
    sentences which read it here cannot say otherwise. Empty where nothing is compared."""


def conclude(scenario: Scenario, findings: Findings) -> Conclusion | None:
    """What the scenario concludes; None for one that does not, or where there is no result.

    What a plugin's function raises becomes the conclusion's only sentence, and so does what it returns if that cannot
    be stored: the results of a study that took hours are worth more than the words about them.
    """
    if scenario.conclude is None or not any(findings.results.values()):
        return None
    module, _, name = scenario.conclude.partition(":")
    try:
        function: Callable[[Findings], Conclusion] = getattr(importlib.import_module(module), name)
        found = function(findings)
        Conclusion.from_json(json.loads(json.dumps(finite(found.to_json()))))
        return found
    except (Exception, SystemExit) as error:
        reason = " ".join(printable(f"{type(error).__name__}: {error}").split())
        return Conclusion(words=(f"No conclusion could be drawn: {reason}",))


def with_runs(conclusion: Conclusion, results: Results) -> dict[str, Any]:
    """The conclusion as a summary stores it: with the runs that it was drawn from, and null for what is not finite."""
    return {**finite(conclusion.to_json()), "runs": _runs(results)}


def read_stored(data: Mapping[str, Any], results: Results) -> Conclusion:
    """The conclusion that `with_runs` made, if it was drawn from just these `results`.

    Sentences about other results would contradict the tables beside them.

    Raises:
        ValueError: it is damaged, or was drawn from other results.
    """
    conclusion = Conclusion.from_json(data)
    then, now = data.get("runs"), _runs(results)
    if not isinstance(then, dict):
        raise ValueError("it does not say which results it was drawn from")
    if then != now:
        before, after = (sum(map(len, runs.values())) for runs in (then, now))
        raise ValueError(f"it was drawn from other results ({before} then, {after} now)")
    return conclusion


def _runs(results: Results) -> dict[str, list[int]]:
    """The seeds of each variant that has a result."""
    return {variant: sorted(seeds) for variant, seeds in results.items() if seeds}
