"""The evidence that a run has gathered so far."""

from typing import Any

from smoothkit.claims.claim import Evidence
from smoothkit.report.figures import figure_from_json


class Notebook:
    """The evidence so far, by claim; what a checkpoint keeps."""

    def __init__(self) -> None:
        self.evidence: dict[str, Evidence] = {}

    def state_dict(self) -> dict[str, Any]:
        """The evidence as plain data."""
        return {
            claim: {
                "values": dict(found.values),
                "figures": {name: figure.to_json() for name, figure in found.figures.items()},
            }
            for claim, found in self.evidence.items()
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with evidence that was gathered before."""
        self.evidence = {
            claim: Evidence(
                values=found["values"],
                figures={name: figure_from_json(figure) for name, figure in found["figures"].items()},
            )
            for claim, found in state.items()
        }
