"""The tables of a supervised scenario file."""

from pathlib import Path
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Interval
from pydantic import AfterValidator, Field, model_validator

from smoothkit.config import Config
from smoothkit.scenario import Scenario, ScenarioConfig
from smoothkit.tables import AugmentationConfig, DataConfig, MetricConfig, MetricsConfig, ModelConfig

Positive = Annotated[float, Gt(0)]


class TrainConfig(Config):
    """`[train]`: the optimisation."""

    epochs: Annotated[int, Ge(1)] = 30
    """Passes over the training part."""
    batch_size: Annotated[int, Ge(1)] = 128
    """Samples in a step, over all processes together."""
    optimizer: Literal["sgd", "adamw"] = "sgd"
    """SGD with momentum, or AdamW."""
    lr: Positive = 0.1
    """Learning rate at its peak."""
    momentum: Annotated[float, Interval(ge=0, lt=1)] = 0.9
    """Momentum of SGD."""
    nesterov: bool = False
    """Nesterov's form of momentum."""
    weight_decay: Annotated[float, Ge(0)] = 5e-4
    """Of the network; a target with parameters has its own."""
    schedule: Literal["constant", "step", "cosine"] = "cosine"
    """How the learning rate falls: not at all, by `gamma` at each of `milestones`, or along a half cosine to 0."""
    warmup_epochs: Annotated[float, Ge(0)] = 0.0
    """Epochs over which the learning rate rises linearly from 0 to its peak."""
    milestones: tuple[Annotated[float, Gt(0)], ...] = ()
    """Epochs after which the `step` schedule multiplies the learning rate by `gamma`."""
    gamma: Annotated[float, Interval(gt=0, le=1)] = 0.1
    """Factor of the `step` schedule."""
    clip: Positive | None = None
    """Largest norm of the gradient; no clipping by default."""
    ema: Annotated[float, Interval(gt=0, lt=1)] | None = None
    """Decay per step of an exponential average of the weights, which is then what is evaluated; none by default."""
    augment: tuple[AugmentationConfig, ...] = ()
    """Augmentations in this order: names, or tables with options."""

    @model_validator(mode="after")
    def _fits_together(self) -> "TrainConfig":
        if (self.schedule == "step") != bool(self.milestones):
            raise ValueError("milestones and schedule = 'step' belong together: give both or neither")
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov needs a momentum above 0")
        if any(milestone >= self.epochs for milestone in self.milestones):
            raise ValueError(f"milestones must lie before the end of training at epoch {self.epochs}")
        return self


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
