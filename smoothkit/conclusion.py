"""What a scenario concludes from a whole study: sentences, tables and figures over all variants and seeds."""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from smoothkit.report.figures import Figure, figure_from_json
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
    figures: Mapping[str, Figure] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The conclusion as JSON-serialisable data; `from_json` is its inverse."""
        return {
            "words": list(self.words),
            "tables": [asdict(table) for table in self.tables],
            "figures": {name: figure.to_json() for name, figure in self.figures.items()},
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> "Conclusion":
        """The conclusion that `to_json` stored.

        Raises:
            ValueError: a part is missing, or is not what it should be.
        """
        return Conclusion(
            words=tuple(str(word) for word in data["words"]),
            tables=tuple(read_as(Table, table) for table in data["tables"]),
            figures={name: figure_from_json(figure) for name, figure in data["figures"].items()},
        )


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What a conclusion is drawn from: the results so far, which may lack seeds or whole variants."""

    configs: Mapping[str, ScenarioConfig]
    """Every variant's configuration, in the order of the file."""
    baseline: str | None
    results: Results
    """By variant, then by seed, rows included; a variant without any result has an empty table."""


def conclude(scenario: Scenario, findings: Findings) -> Conclusion | None:
    """What the scenario concludes; None for one that does not, or where there is no result.

    What a plugin's function raises becomes the conclusion's only sentence: the results of a study that took hours are
    worth more than the words about them.
    """
    if scenario.conclude is None or not any(findings.results.values()):
        return None
    module, _, name = scenario.conclude.partition(":")
    try:
        function: Callable[[Findings], Conclusion] = getattr(importlib.import_module(module), name)
        return function(findings)
    except Exception as error:
        return Conclusion(words=(f"No conclusion could be drawn: {type(error).__name__}: {error}",))
