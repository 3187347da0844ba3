"""The tables of a supervised scenario file."""

from pathlib import Path
from typing import Annotated

from annotated_types import Ge, Interval
from pydantic import AfterValidator, Field

from smoothkit.config import Config
from smoothkit.scenario import Scenario, ScenarioConfig
from smoothkit.tables import (
    AugmentationConfig,
    DataConfig,
    MetricConfig,
    MetricsConfig,
    ModelConfig,
    OptimisationConfig,
)


class TrainConfig(OptimisationConfig):
    """`[train]`: the optimisation."""

    ema: Annotated[float, Interval(gt=0, lt=1)] | None = None
    """Decay per step of an exponential average of the weights, which is then what is evaluated; none by default."""
    augment: tuple[AugmentationConfig, ...] = ()
    """Augmentations in this order: names, or tables with options."""


class EvaluateConfig(Config):
    """`[evaluate]`: what is measured on the validation and test parts."""

    every: Annotated[int, Ge(1)] = 1
    """Epochs between two evaluations during training; there is one after the last epoch in any case."""
    batch_size: Annotated[int, Ge(1)] = 1024
    """Samples at a time."""
    metrics: MetricsConfig = tuple(
        MetricConfig(name=name)
        for name in (
            "accuracy",
            "nll",
            "brier",
            "ece",
            "ece_null",
            "rmsce_debiased",
            "smooth_ece",
            "classwise_ece",
            "confidence_gap",
            "aurc",
            "excess_aurc",
            "auroc_correct",
            "margin_mean",
            "margin_variance",
            "confidence_right",
            "confidence_wrong",
        )
    )
    """Registered metrics of the last model on the test part."""
    after_temperature: MetricsConfig = tuple(
        MetricConfig(name=name) for name in ("nll", "brier", "ece", "rmsce_debiased", "confidence_gap")
    )
    """Metrics to give a second time, as `<name>_scaled`, with logits divided by the temperature that suits the
    validation part best. Where none is best, because every prediction there is right, these are left out."""


class TeacherConfig(Config):
    """`[teacher]`: the network that a target follows, for the targets that need one."""

    run: Annotated[Path, AfterValidator(Path.absolute)]
    """Folder of a finished run, such as `runs/base/hard-labels/seed-{seed}`, where {seed} is the seed of this run."""


class SupervisedConfig(ScenarioConfig):
    """A supervised scenario: one classifier, one target, one data set."""

    data: DataConfig = DataConfig()
    """The data."""
    model: ModelConfig = ModelConfig()
    """The network."""
    train: TrainConfig = Field(default_factory=TrainConfig)
    """The optimisation."""
    evaluate: EvaluateConfig = EvaluateConfig()
    """The measurements."""
    teacher: TeacherConfig | None = None
    """A teacher, for a target that needs one; none by default."""


SCENARIO = Scenario(
    config=SupervisedConfig,
    train="smoothkit_supervised.train:train",
    evaluate="smoothkit_supervised.evaluate:evaluate",
)
