"""The result of one run: every measured number and every figure, under the name of its claim."""

from collections import Counter

from smoothkit.run import Run
from smoothkit.scenario import Result
from smoothkit_principles.catalogue import load_claim
from smoothkit_principles.config import PrinciplesConfig
from smoothkit_principles.train import Notebook
from smoothkit_principles.verdict import KINDS, kind, verdict


def evaluate(config: PrinciplesConfig, run: Run, trained: Notebook) -> Result:
    """The evidence as scalars `claim/statement/case` and figures `claim/figure`, and how many statements it bears out.

    These verdicts are of one seed's numbers; those of the conclusion are of all seeds'.
    """
    found = Counter(
        kind(verdict(statement, {place: [value] for place, value in evidence.values.items()}))
        for name, evidence in trained.evidence.items()
        for statement in load_claim(name).statements
    )
    counts = {f"statements {each}": float(found[each]) for each in KINDS}
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
