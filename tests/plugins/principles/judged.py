"""Verdicts on a claim, as a run with several seeds would give them."""

from dataclasses import replace

from smoothkit.claims.claim import Claim, place
from smoothkit.claims.verdict import verdict
from smoothkit_principles.config import NetworksConfig
from smoothkit_principles.lab import Lab


def judged(claim: Claim, seeds: int = 2, config: NetworksConfig | None = None) -> dict[str, str]:
    """The verdict on each statement; a measurement has a number for every case, and for nothing else."""
    found = [claim.measure(Lab(config or NetworksConfig(), seed)) for seed in range(seeds)]
    values = {where: [evidence.values[where] for evidence in found] for where in found[0].values}
    assert set(values) == {place(statement.key, case.key) for statement in claim.statements for case in statement.cases}
    return {statement.key: verdict(statement, values) for statement in claim.statements}


def certain(claim: Claim) -> Claim:
    """The claim as if there were no doubt about training: one seed decides."""
    return replace(claim, statements=tuple(replace(each, of_training=False) for each in claim.statements))
