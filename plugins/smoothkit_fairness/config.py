"""The tables of a fairness scenario file."""

from typing import Annotated, Literal

from annotated_types import Ge, Interval
from pydantic import Field, model_validator

from smoothkit.config import Config
from smoothkit.scenario import Scenario, ScenarioConfig
from smoothkit.tables import DataConfig, MetricConfig, MetricsConfig, ModelConfig, OptimisationConfig, Positive

Fraction = Annotated[float, Interval(ge=0, le=1)]


class TrainConfig(OptimisationConfig):
    """`[train]`: the optimisation, and what it does about groups."""

    weighting: Literal["none", "group", "group-and-class", "independence", "dro"] = "none"
    """How much each sample counts: all alike; so that all groups, or all pairs of group and class, count alike; so that
    group and class become independent (Kamiran and Calders 2012); or more for the groups of largest loss, step by step
    (group DRO, Sagawa et al. 2020)."""
    dro_step: Positive = 0.01
    """Group DRO's step size for the weights of the groups."""
    dro_adjustment: Annotated[float, Ge(0)] = 0.0
    """Group DRO's C: a group of n training samples has C / √n added to its loss when groups are weighted, for what
    small groups lose in generalisation."""
    alpha_by_group: dict[str, Fraction] = Field(default_factory=dict)
    """The target's alpha for the samples of a group, by its name; the others have that of `[target]`."""

    @model_validator(mode="after")
    def _dro_options_have_a_use(self) -> "TrainConfig":
        # A file that a study has written says every option, so only a value that differs from the default was meant.
        fields = type(self).model_fields
        given = [name for name in ("dro_step", "dro_adjustment") if getattr(self, name) != fields[name].default]
        if self.weighting != "dro" and given:
            raise ValueError(f"{given[0]} belongs to weighting = 'dro'; weighting is {self.weighting!r}")
        return self


class EvaluateConfig(Config):
    """`[evaluate]`: what is measured on the validation and test parts."""

    every: Annotated[int, Ge(1)] = 5
    """Epochs between two evaluations during training; there is one after the last epoch in any case."""
    batch_size: Annotated[int, Ge(1)] = 4096
    """Samples at a time."""
    temperature: Literal["none", "overall", "by-group"] = "none"
    """What is measured: the network's logits as they are, or divided by the temperature that suits the validation part
    best, one for all or one for each group; a group of fewer than 100 validation samples, or where none is best, takes
    the one for all. With `none` the other two are measured as well, beside it."""
    bins: Annotated[int, Ge(1)] = 15
    """Bins of confidence, which all groups share."""
    binning: Literal["mass", "width"] = "mass"
    """Bins that hold equally many samples of all groups together, or bins of equal width."""
    resamples: Annotated[int, Ge(100)] = 1000
    """Bootstrap and permutation resamples."""
    metrics: MetricsConfig = (
        MetricConfig(name="accuracy"),
        MetricConfig(name="nll"),
        MetricConfig(name="brier"),
        # In bins of equal mass, as the groups' own are, so that they compare.
        MetricConfig.model_validate({"name": "ece", "binning": "mass"}),
        MetricConfig.model_validate({"name": "ece_null", "binning": "mass"}),
        MetricConfig(name="confidence_gap"),
        MetricConfig(name="aurc"),
        MetricConfig(name="excess_aurc"),
    )
    """Registered metrics of the whole test part."""


class FairnessConfig(ScenarioConfig):
    """A fairness scenario: one classifier, one target, one data set whose samples belong to groups."""

    data: DataConfig = DataConfig(name="adult")
    """The data, with groups."""
    model: ModelConfig = ModelConfig()
    """The network."""
    train: TrainConfig = Field(default_factory=TrainConfig)
    """The optimisation."""
    evaluate: EvaluateConfig = EvaluateConfig()
    """The measurements."""


SCENARIO = Scenario(
    config=FairnessConfig,
    train="smoothkit_fairness.train:train",
    evaluate="smoothkit_fairness.evaluate:evaluate",
    conclude="smoothkit_fairness.conclude:conclude",
)
