"""The loop: one claim is measured at each step."""

from typing import Any

from smoothkit.report.figures import figure_from_json
from smoothkit.run import Run
from smoothkit_principles.catalogue import load_claim
from smoothkit_principles.claim import Evidence
from smoothkit_principles.config import PrinciplesConfig
from smoothkit_principles.lab import Lab


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


def train(config: PrinciplesConfig, run: Run) -> Notebook:
    """Measure every claim that the file asks for."""
    lab = Lab(config.networks, run.seed, run.device)
    notebook = Notebook()
    run.track(notebook=notebook)
    for step in run.steps(len(config.claims.names)):
        name = config.claims.names[step - 1]
        found = load_claim(name).measure(lab)
        notebook.evidence[name] = found
        run.record(step, name, found.values)
        run.record_figures(step, name, found.figures)
    return notebook
