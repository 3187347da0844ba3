"""The result of one run."""

from smoothkit.claims.notebook import Notebook
from smoothkit.claims.study import claims_result
from smoothkit.run import Run
from smoothkit.scenario import Result
from smoothkit_principles.catalogue import load_claim
from smoothkit_principles.config import PrinciplesConfig


def evaluate(config: PrinciplesConfig, run: Run, trained: Notebook) -> Result:
    """Every measured number and every figure, under the name of its claim."""
    return claims_result(trained, load_claim)
