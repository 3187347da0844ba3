"""Tables that several scenarios have in their files: data, a network, augmentations, metrics, optimisation.

A scenario adds them to its own configuration as fields; `smoothkit.data.prepare` makes the data that `[data]` asks for.
"""

from dataclasses import replace
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Interval
from pydantic import AfterValidator, model_validator

from smoothkit.config import Component, Config

Share = Annotated[float, Interval(gt=0, lt=1)]
Positive = Annotated[float, Gt(0)]


class LabelNoise(Config):
    """`[data.label_noise]`: wrong labels put into the training part on purpose, for studies of robustness."""

    kind: Literal["symmetric", "asymmetric"] = "symmetric"
    """To any other class with equal probability, or to the next class."""
    rate: Annotated[float, Interval(ge=0, le=1)]
    """Probability that a label is replaced."""


class DataConfig(Component):
    """`[data]`: the data set, by its registered name, with its options."""

    registry_kind = "datasets"
    name: str = "digits"
    """A registered data set; `smoothkit list datasets` names them all."""
    validation: Share | Annotated[int, Ge(1)] = 0.1
    """Held out of the training part, stratified: a share, or a number of samples."""
    train_limit: Annotated[int, Ge(1)] | None = None
    """Train on at most this many samples, stratified."""
    image_size: Annotated[int, Ge(1)] | None = None
    """Bring all images to this size in pixels; by default only where the model needs a certain size."""
    label_noise: LabelNoise | None = None
    """Noise in the training labels; none by default."""
    workers: Annotated[int, Ge(0)] = 0
    """Processes that read ahead, for data sets that do not fit into memory."""


class ModelConfig(Component):
    """`[model]`: the network, by its registered name, with its options."""

    registry_kind = "models"
    name: str = "mlp"
    """A registered model; `smoothkit list models` names them all."""


class AugmentationConfig(Component):
    """One entry of `train.augment`."""

    registry_kind = "augmentations"


class MetricConfig(Component):
    """One entry of a list of metrics."""

    registry_kind = "metrics"
    key: str | None = None
    """Its name in results; by default the metric's own. Two entries of one metric need different keys."""

    def build(self, **supplied: Any) -> Any:
        """The metric, under its key."""
        metric = super().build(**supplied)
        return metric if self.key is None else replace(metric, name=self.key)


def different_keys(metrics: tuple[MetricConfig, ...]) -> tuple[MetricConfig, ...]:
    """The entries, if no two of them would have one name in the results."""
    keys = [metric.key or metric.name for metric in metrics]
    if repeated := [key for key in dict.fromkeys(keys) if keys.count(key) > 1]:
        raise ValueError(f"has {repeated[0]!r} more than once; give the second a key of its own, such as key = 'other'")
    return metrics


MetricsConfig = Annotated[tuple[MetricConfig, ...], AfterValidator(different_keys)]


class OptimisationConfig(Config):
    """What a `[train]` table says of the optimiser: a scenario adds what is its own."""

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

    @model_validator(mode="after")
    def _fits_together(self) -> "OptimisationConfig":
        if (self.schedule == "step") != bool(self.milestones):
            raise ValueError("milestones and schedule = 'step' belong together: give both or neither")
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov needs a momentum above 0")
        if any(milestone >= self.epochs for milestone in self.milestones):
            raise ValueError(f"milestones must lie before the end of training at epoch {self.epochs}")
        return self
