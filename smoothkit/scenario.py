"""What a plugin brings: a configuration, a trainer and an evaluation; and what an evaluation returns."""

import importlib
import re
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from inspect import signature
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from smoothkit.config import Component, Config
from smoothkit.errors import UserError
from smoothkit.report.figures import Figure, figure_from_json
from smoothkit.schedules import Schedule

Better = Literal["higher", "lower"]


def _device_name(value: str) -> str:
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", value):
        raise ValueError("is no device: write auto, cpu, mps, cuda or cuda:0")
    return value


class RunSettings(Config):
    """`[run]`: how each run is carried out; nothing here is about the method that is studied."""

    seeds: Annotated[int, Field(ge=1)] | Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)] = 1
    """How many seeds (0, 1, …), or which ones."""
    device: Annotated[str, AfterValidator(_device_name)] = "auto"
    """`auto` (a GPU if there is one), `cpu`, `cuda` or `cuda:1`."""
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    """Arithmetic of the model's forward pass; parameters stay float32."""
    threads: Annotated[int, Field(ge=1)] | None = None
    """CPU threads of one run; by default one where several runs share the machine, else all cores."""
    log_every: Annotated[int, Field(ge=1)] = 20
    """Steps between two records of training values."""
    checkpoint_every: Annotated[int, Field(ge=1)] = 500
    """Steps between two checkpoints; there is one at the end of training in any case."""
    together: Annotated[int, Field(ge=1)] = 8
    """At most so many runs are trained by one process as one batched model, where the scenario can: seeds of a variant,
    or of several. Which runs share a batch may change the last digits of results."""
    max_minutes: Annotated[float, Field(gt=0)] | None = None
    """Minutes after which a run stops with a checkpoint, to be resumed later; no limit by default."""


class TargetConfig(Component):
    """`[target]`: the target distribution, by its registered name, with its options."""

    registry_kind = "targets"
    goes_with_name = frozenset({"schedule"})
    name: str = "onehot"
    """A registered target; `smoothkit list targets` names them all."""
    schedule: dict[str, Schedule] | None = None
    """How options change during training, by their names; none by default."""

    def build(self, **supplied: Any) -> Any:
        """The target, inside its schedules if it has any; `num_samples` may be None, and is for those that ask for it.

        Raises:
            UserError: the target refuses its options or schedules, or needs a number of samples that is not given.
        """
        number = supplied.pop("num_samples", None)
        asked = signature(self.factory()).parameters.get("num_samples")
        if asked is not None and number is not None:
            supplied["num_samples"] = number
        elif asked is not None and asked.default is asked.empty:
            raise UserError(f"target {self.name!r} remembers samples; this scenario has no fixed number of them")
        target = super().build(**supplied)
        if not self.schedule:
            return target
        from smoothkit.targets.schedule import Scheduled

        try:
            return Scheduled(target, **{option: shape.build() for option, shape in self.schedule.items()})
        except ValueError as error:
            raise UserError(f"target {self.name!r}: schedule: {error}") from error


class ScenarioConfig(Config):
    """What every scenario file has; a plugin adds its own tables by subclassing."""

    scenario: str
    """The registered scenario."""
    use: tuple[str, ...] = ()
    """Plugins that may wrap the target, in this order."""
    run: RunSettings = RunSettings()
    """How each run is carried out."""
    target: TargetConfig = TargetConfig()
    """The target distribution."""


@dataclass(frozen=True)
class Scenario:
    """A registered scenario. `train` and `evaluate` are paths, imported when a run starts."""

    config: type[ScenarioConfig]
    train: str
    """`module:function` with the signature `(config, run) -> trained`, whatever `evaluate` needs; `(config, runs) ->
    [trained, …]`, one for each run of a `smoothkit.runs.Runs`, if `together`."""
    evaluate: str
    """`module:function` with the signature `(config, run, trained) -> Result`."""
    conclude: str | None = None
    """`module:function` with the signature `(findings) -> Conclusion`, called when the runs of a study have ended; see
    `smoothkit.conclusion`. None where means and differences say everything."""
    together: bool | str = False
    """Whether one call of `train` carries out several seeds of a variant, as one batched model; or `module:function`
    with the signature `(config) -> key`: then variants with equal keys are carried out together too."""

    def load(self) -> tuple[Callable[..., Any], Callable[..., "Result"]]:
        """Import both functions."""
        train, evaluate = (
            getattr(importlib.import_module(module), name)
            for module, _, name in (path.partition(":") for path in (self.train, self.evaluate))
        )
        return train, evaluate

    def group(self, variant: str, config: ScenarioConfig) -> Hashable:
        """What runs that may be carried out together have in common; None for runs that are always alone."""
        if not isinstance(self.together, str):
            return variant if self.together else None
        module, _, name = self.together.partition(":")
        return getattr(importlib.import_module(module), name)(config)


@dataclass(frozen=True)
class RunInfo:
    """One variant with one seed, as hooks see it: plain data, never to be changed."""

    scenario: str
    variant: str
    seed: int
    directory: Path
    config: Mapping[str, Any]
    """The resolved scenario, as it stands in `config.toml`."""
    resumed_from: int = 0
    """The step whose checkpoint the run goes on from; 0 for a fresh run."""
    recorded_to: int = 0
    """The last step that it had recorded something under by then; records may count other things than steps."""


@dataclass(frozen=True)
class Result:
    """What an evaluation found."""

    scalars: Mapping[str, float]
    """Values by name; NaN where one is not defined."""
    better: Mapping[str, Better] = field(default_factory=dict)
    """Which direction is better, for the scalars that have one."""
    figures: Mapping[str, Figure] = field(default_factory=dict)
    headline: tuple[str, ...] = ()
    """The scalars that a narrow table shows, in order; all of them if empty."""
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """95 % intervals of scalars for other test rows, with this very model."""
    rows: Mapping[str, Any] = field(default_factory=dict)
    """For scalars that are means over test rows, what they are means of, as sequences or arrays of numbers in the order
    of the rows: with it, variants are compared row by row. Kept in a file of its own, `rows.npz`."""

    def to_json(self) -> dict[str, Any]:
        """The result, but for its rows, as JSON-serialisable data."""
        return {
            "scalars": dict(self.scalars),
            "better": dict(self.better),
            "figures": {name: figure.to_json() for name, figure in self.figures.items()},
            "headline": list(self.headline),
            "intervals": {name: list(bounds) for name, bounds in self.intervals.items()},
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> "Result":
        """The result that `to_json` stored."""
        return Result(
            scalars={name: float("nan") if value is None else value for name, value in data["scalars"].items()},
            better=data["better"],
            figures={name: figure_from_json(figure) for name, figure in data["figures"].items()},
            headline=tuple(data["headline"]),
            intervals={name: (low, high) for name, (low, high) in data.get("intervals", {}).items()},
        )
