"""The loop: one subject is measured at each step."""

from smoothkit.claims.measuring import measure_all
from smoothkit.claims.notebook import Notebook
from smoothkit.run import Run
from smoothkit_policy.truths.bench import Bench
from smoothkit_policy.truths.catalogue import load_truth
from smoothkit_policy.truths.config import TruthsConfig


def train(config: TruthsConfig, run: Run) -> Notebook:
    """Measure every subject that the file asks for."""
    return measure_all(run, config.truths.names, load_truth, Bench(config.recovery, run.seed))
