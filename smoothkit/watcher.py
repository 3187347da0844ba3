"""Who follows a run from outside: what a run tells, and nothing that it asks."""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from smoothkit.report.figures import Figure


@runtime_checkable
class Watcher(Protocol):
    """Whoever follows a run from outside, the console and the observer plugins; rank 0 of several processes only."""

    def progress(self, step: int, total: int, values: Mapping[str, float]) -> None:
        """A few times a second: how far the run is, and the values last recorded."""
        ...

    def noted(self, text: str) -> None:
        """A sentence for the user."""
        ...

    def logged(self, step: int, values: Mapping[str, float]) -> None:
        """Values were recorded, by tag."""
        ...

    def figures(self, step: int, figures: Mapping[str, Figure]) -> None:
        """Figures were recorded, by tag."""
        ...
