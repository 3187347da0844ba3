"""The tables of a null experiment's scenario file."""

from typing import Annotated, Literal

from annotated_types import Ge
from pydantic import Field, field_validator

from smoothkit.config import Config
from smoothkit.scenario import Scenario, ScenarioConfig, TargetConfig

MethodName = Literal[
    "signed gap",
    "debiased square",
    "same curve",
    "verdict",
    "study verdict",
    "percentile bootstrap",
    "basic bootstrap",
    "fairlearn groups",
    "fairlearn difference",
    "netcal",
]


class ExperimentConfig(Config):
    """`[experiment]`: what is tried, and how often."""

    method: MethodName = "signed gap"
    """How two groups are compared: `smoothkit_fairness.null.methods` says what each does."""
    trials: Annotated[int, Ge(2)] = 1000
    """Simulated studies of every cell."""
    resamples: Annotated[int, Ge(100)] = 500
    """Bootstrap or permutation resamples of a study, for the methods that resample."""


class NullConfig(ScenarioConfig):
    """A null experiment: one method on simulated groups; nothing is trained."""

    experiment: ExperimentConfig = Field(default_factory=ExperimentConfig)
    """The experiment."""

    @field_validator("target")
    @classmethod
    def _no_target(cls, value: TargetConfig) -> TargetConfig:
        # The default is written out with its options where a study is stored.
        if value.name != TargetConfig().name or value.schedule:
            raise ValueError("has no use here, where nothing is trained; leave it out")
        return value

    @field_validator("use")
    @classmethod
    def _no_wrapper(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if value:
            raise ValueError("has no use here: there is no target to wrap; leave it out")
        return value


SCENARIO = Scenario(
    config=NullConfig,
    train="smoothkit_fairness.null.trials:train",
    evaluate="smoothkit_fairness.null.rates:evaluate",
    conclude="smoothkit_fairness.null.conclude:conclude",
)
