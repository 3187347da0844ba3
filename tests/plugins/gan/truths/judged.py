"""Verdicts on a subject, as a run with several seeds would give them."""

from smoothkit.claims.claim import Claim, place
from smoothkit.claims.verdict import verdict
from smoothkit_gan.truths.bench import Bench
from smoothkit_gan.truths.config import FarStartConfig

BRIEF = FarStartConfig(steps=8, discriminator_steps=2, batch_size=16, hidden=(8,))


def judged(claim: Claim, seeds: int = 1, config: FarStartConfig = BRIEF) -> dict[str, str]:
    """The verdict on each statement; a measurement has a number for every case, and for nothing else."""
    found = [claim.measure(Bench(config, seed)) for seed in range(seeds)]  # pyright: ignore[reportArgumentType]
    values = {where: [evidence.values[where] for evidence in found] for where in found[0].values}
    assert set(values) == {place(statement.key, case.key) for statement in claim.statements for case in statement.cases}
    return {statement.key: verdict(statement, values) for statement in claim.statements}
