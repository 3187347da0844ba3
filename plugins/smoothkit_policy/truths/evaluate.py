"""The result of one run."""

from smoothkit.claims.notebook import Notebook
from smoothkit.claims.study import claims_result
from smoothkit.run import Run
from smoothkit.scenario import Result
from smoothkit_policy.truths.catalogue import load_truth
from smoothkit_policy.truths.config import TruthsConfig


def evaluate(config: TruthsConfig, run: Run, trained: Notebook) -> Result:
    """Every measured number and every picture, under the name of its subject."""
    return claims_result(trained, load_truth)
