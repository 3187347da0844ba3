"""The variants of a study in order: which act in one environment, and which are one method at several coefficients."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from smoothkit.baselines import Levels
from smoothkit.config import dump
from smoothkit.scenario import Result
from smoothkit_policy.config import ExplorationConfig, PolicyConfig

Seeds = Mapping[int, Result]
Results = Mapping[str, Seeds]
"""By variant, in the order of the file; each has a result at least."""
Configs = Mapping[str, PolicyConfig]


@dataclass(frozen=True)
class Method:
    """Variants that differ in the coefficient of their exploration term alone; one of them, where there is no term."""

    name: str
    exploration: ExplorationConfig
    """That of one of them."""
    variants: Mapping[float, str]
    """By coefficient, ascending; 0 without a term."""

    @property
    def is_sweep(self) -> bool:
        """Whether there is a coefficient to choose."""
        return len(self.variants) > 1


@dataclass(frozen=True)
class Group:
    """Variants whose returns can be compared, because they act in one environment."""

    title: str
    methods: tuple[Method, ...]
    results: Results
    names: Mapping[str, str]
    """By variant, what it is called among these: of a grid, its levels on the axes that have several here."""
    horizons: Mapping[str, int]
    """By variant, the steps in environments that it was trained for."""
    without: str | None
    """The variant that is compared with: the study's baseline, or what has no exploration term; None where neither is
    there."""

    def method_of(self, variant: str) -> Method:
        """The method that a variant is."""
        return next(method for method in self.methods if variant in method.variants.values())

    @property
    def sweeps(self) -> list[Method]:
        """The methods with several coefficients."""
        return [method for method in self.methods if method.is_sweep]

    @property
    def seeds(self) -> list[int]:
        """All seeds that have a result, ascending."""
        return sorted({seed for seeds in self.results.values() for seed in seeds})


def groups_of(results: Results, configs: Configs, levels: Levels, baseline: str | None) -> list[Group]:
    """The variants by the environment they act in, in the order of the file."""
    found: dict[str, list[str]] = {}
    for variant in results:
        config = configs[variant]
        found.setdefault(repr((_place(config), config.evaluate.solved)), []).append(variant)
    titles = _titles(list(found.values()), configs, levels)
    return [
        _group(title, {variant: results[variant] for variant in variants}, configs, levels, baseline)
        for title, variants in zip(titles, found.values(), strict=True)
    ]


def _place(config: PolicyConfig) -> dict[str, Any]:
    """What an environment is, however it is stepped."""
    kept = ("id", "options", "wrappers", "max_episode_steps")
    return {key: value for key, value in dump(config.environment).items() if key in kept}


def _titles(parts: Sequence[Sequence[str]], configs: Configs, levels: Levels) -> list[str]:
    """Of a grid, the levels that set each part apart from the others; else what the environments are."""
    own = [{variant: levels.get(variant, {}) for variant in part} for part in parts]
    axes = [axis for axis in next(iter(own[0].values()), {}) if all(len(_on(axis, each)) == 1 for each in own)]
    titles = [", ".join(next(iter(_on(axis, each))) for axis in axes) for each in own]
    if len(set(titles)) == len(parts) > 1:
        return titles
    names = [environment_name(configs[part[0]]) for part in parts]
    return [name if names.count(name) == 1 else f"{name}, {part[0]}" for name, part in zip(names, parts, strict=True)]


def _on(axis: str, levels: Levels) -> set[str]:
    return {each[axis] for each in levels.values()}


def environment_name(config: PolicyConfig) -> str:
    """An environment in short: its id without whose and which version it is, and its options.

    >>> from smoothkit_policy.config import EnvironmentConfig
    >>> environment = EnvironmentConfig(id="smoothkit/DeepSea-v0", options={"size": 10})
    >>> environment_name(PolicyConfig(scenario="policy", environment=environment))
    'DeepSea (size 10)'
    """
    name = re.sub(r"^.*[/:]|-v\d+$", "", config.environment.id)
    options = ", ".join(f"{key} {value}" for key, value in config.environment.options.items())
    return f"{name} ({options})" if options else name


def _group(title: str, results: Results, configs: Configs, levels: Levels, baseline: str | None) -> Group:
    by_key: dict[str, dict[float, str]] = {}
    for variant in results:
        content = dump(configs[variant])
        coef = content["exploration"].pop("coef")
        by_key.setdefault(repr(content), {})[coef] = variant
    names = _short_names(results, levels)
    described = [_describe(configs[next(iter(own.values()))].exploration) for own in by_key.values()]
    methods = tuple(
        Method(
            name
            if len(own) > 1 and [*described, *names.values()].count(name) == 1
            else names[next(iter(own.values()))],
            configs[next(iter(own.values()))].exploration,
            dict(sorted(own.items())),
        )
        for own, name in zip(by_key.values(), described, strict=True)
    )
    untreated = [variant for variant in results if configs[variant].exploration.term == "none"]
    without = baseline if baseline in results else untreated[0] if len(untreated) == 1 else None
    horizons = {variant: configs[variant].train.total_timesteps for variant in results}
    return Group(title, methods, results, names, horizons, without)


def _short_names(results: Results, levels: Levels) -> dict[str, str]:
    own = {variant: levels.get(variant, {}) for variant in results}
    several = [axis for axis in next(iter(own.values())) if len(_on(axis, own)) > 1]
    return {variant: ", ".join(own[variant][axis] for axis in several) or variant for variant in results}


def _describe(exploration: ExplorationConfig) -> str:
    """A term and its schedule.

    >>> _describe(ExplorationConfig(term="entropy", coef=0.1, schedule="linear"))
    'entropy (linear)'
    """
    if exploration.adaptive is not None:
        return f"{exploration.term} (adaptive)"
    schedule = exploration.schedule if isinstance(exploration.schedule, str) else exploration.schedule.shape
    return exploration.term if schedule == "constant" else f"{exploration.term} ({schedule})"
