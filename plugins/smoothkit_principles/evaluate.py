"""The result of one run: every measured number and every figure, under the name of its claim."""

from collections import Counter

from smoothkit.run import Run
from smoothkit.scenario import Result
from smoothkit_principles.catalogue import load_claim
from smoothkit_principles.config import PrinciplesConfig
from smoothkit_principles.train import Notebook
from smoothkit_principles.verdict import FALSE, IN_PART, TRUE, kind, verdict


def evaluate(config: PrinciplesConfig, run: Run, trained: Notebook) -> Result:
    """The evidence as scalars `claim/statement/case` and figures `claim/figure`, and how many formulas it bears out.

    One seed decides what is said of formulas. What is said of training is left to the conclusion, which has all seeds.
    """
    found = Counter(
        kind(verdict(statement, {place: [value] for place, value in evidence.values.items()}))
        for name, evidence in trained.evidence.items()
        for statement in load_claim(name).statements
        if not statement.of_training
    )
    counts = {f"formulas {each}": float(found[each]) for each in (TRUE, IN_PART, FALSE)}
    measured = {
        f"{claim}/{place}": value for claim, found in trained.evidence.items() for place, value in found.values.items()
    }
    return Result(
        scalars={**counts, **measured},
        figures={
            f"{claim}/{name}": figure
            for claim, found in trained.evidence.items()
            for name, figure in found.figures.items()
        },
        headline=tuple(counts),
    )
