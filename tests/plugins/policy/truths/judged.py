"""Verdicts on a subject, as a run with several seeds would give them."""

from smoothkit.claims.claim import Claim, place
from smoothkit.claims.verdict import verdict
from smoothkit_policy.truths.bench import Bench
from smoothkit_policy.truths.config import RecoveryConfig

FEW = RecoveryConfig(agents=4, updates=100, lr=4.0)


def judged(claim: Claim[Bench], seeds: int = 1) -> dict[str, str]:
    """The verdict on each statement; a measurement has a number for every case, and for nothing else."""
    found = [claim.measure(Bench(FEW, seed)).values for seed in range(seeds)]
    assert set(found[0]) == {
        place(statement.key, case.key) for statement in claim.statements for case in statement.cases
    }
    values = {where: [each[where] for each in found] for where in found[0]}
    return {statement.key: verdict(statement, values) for statement in claim.statements}
