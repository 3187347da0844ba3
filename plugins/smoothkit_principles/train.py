"""The loop: one claim is measured at each step."""

from smoothkit.claims.notebook import Notebook
from smoothkit.run import Run
from smoothkit_principles.catalogue import load_claim
from smoothkit_principles.config import PrinciplesConfig
from smoothkit_principles.lab import Lab


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
