"""Which runs have pictures: a study of thousands of runs has no use for one of each."""

from smoothkit.report.folder import seeds_of
from smoothkit.run import Run
from smoothkit_policy.config import PolicyConfig


def is_pictured(config: PolicyConfig, run: Run) -> bool:
    """Whether it is the first seed of its variant, whose figures reports show."""
    return run.seed == seeds_of(config.run.seeds)[0]
