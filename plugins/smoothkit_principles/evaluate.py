"""The result of one run: every measured number and every figure, under the name of its claim."""

from smoothkit.run import Run
from smoothkit.scenario import Result
from smoothkit_principles.config import PrinciplesConfig
from smoothkit_principles.train import Notebook


def evaluate(config: PrinciplesConfig, run: Run, trained: Notebook) -> Result:
    """The evidence as scalars `claim/statement/case` and figures `claim/figure`."""
    return Result(
        scalars={
            f"{claim}/{place}": value for claim, found in trained.evidence.items() for place, value in found.values.items()
        },
        figures={
            f"{claim}/{name}": figure
            for claim, found in trained.evidence.items()
            for name, figure in found.figures.items()
        },
    )
