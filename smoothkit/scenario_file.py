"""Scenario files: how `extends`, a profile, variants and overrides make configurations."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from smoothkit.config import KeyPath, component_fields, validate
from smoothkit.errors import ConfigError, UserError, nearest
from smoothkit.layers import COMMAND_LINE, Layers, Origin, parse_override, read_toml
from smoothkit.plugins import PluginHost
from smoothkit.scenario import Scenario, ScenarioConfig

COMPOSITION = ("baseline", "extends", "profiles", "title", "variants")
"""Keys of a file that say how its configurations are made, and are part of none of them."""


@dataclass(frozen=True)
class Variant:
    """One of the configurations that a study compares."""

    name: str
    slug: str
    """The folder's name."""
    config: ScenarioConfig
    origins: Mapping[KeyPath, str]
    """Where each value was written: a file and line, or "command line"; a default is not listed."""


@dataclass(frozen=True)
class ScenarioFile:
    """A scenario file, read and validated."""

    scenario: Scenario
    title: str
    baseline: str
    variants: tuple[Variant, ...]

    def only(self, names: Sequence[str]) -> "ScenarioFile":
        """The file with these variants alone; the first is the baseline if the file's own is not among them.

        Raises:
            ConfigError: the file has no such variant.
        """
        known = {variant.name: variant for variant in self.variants}
        if wrong := [name for name in names if name not in known]:
            raise ConfigError(f"--variants: no variant is called {name!r}; {nearest(name, known)}" for name in wrong)
        baseline = self.baseline if self.baseline in names else names[0]
        return replace(self, baseline=baseline, variants=tuple(known[name] for name in names))


def find_scenario(name: str) -> Path:
    """The file that `name` means: a path, or the name of a scenario file that ships with smoothkit.

    Raises:
        ConfigError: there is neither.
    """
    if name.endswith(".toml"):
        return Path(name)
    package = Path(__file__).parent
    # The wheel carries the folder inside the package; in a checkout it lies beside it.
    folder = next(path for path in (package / "_scenarios", package.parent / "scenarios") if path.is_dir())
    bundled = {path.stem: path for path in folder.glob("*.toml")}
    if name not in bundled:
        raise ConfigError([f"there is no scenario file {name!r}; {nearest(name, bundled)}"])
    return bundled[name]


def load_scenario(
    path: Path, host: PluginHost, overrides: Iterable[str] = (), profile: str | None = None
) -> ScenarioFile:
    """Read the scenario file at `path`.

    The order of precedence, lowest first: what it `extends`, the file, the profile, the variant, the overrides.

    Raises:
        ConfigError: with every problem found, each naming file and line (or the command line), key, value and mend.
    """
    files = _read_with_bases(path)
    composition = {key: (values[key], origin) for values, origin in files for key in COMPOSITION if key in values}
    scenario = _scenario(path, files, host)
    base = Layers(component_fields(scenario.config))
    for values, origin in files:
        base.lay({key: value for key, value in values.items() if key not in COMPOSITION}, origin)
    _load_used_plugins(base, path, host)
    if profile is not None:
        base.lay(*_profile(path, composition, profile))
    tables, origin = composition.get("variants", (None, Origin(str(path), {})))
    if tables is None:
        tables = {str(base.values.get("target", {}).get("name", "default")): {}}
    changes = [parse_override(text) for text in overrides]

    problems: list[str] = []
    variants = []
    for name, table in tables.items():
        branch = _branch(base, table, origin.within("variants", name), changes)
        config, found = validate(scenario.config, branch.values, host.registry)
        problems += [f"{branch.origin_of(at) or path}: {'.'.join(map(str, at))}: {message}" for at, message in found]
        if config is not None:
            variants.append(Variant(name, _slug(name), config, branch.origins))
    baseline, _ = composition.get("baseline", (next(iter(tables)), None))
    problems += _composition_problems(path, tables, baseline, variants)
    if problems:
        raise ConfigError(dict.fromkeys(problems))
    title, _ = composition.get("title", (files[-1][0].get("scenario", ""), None))
    return ScenarioFile(scenario, str(title), baseline, tuple(variants))


def _read_with_bases(path: Path) -> list[tuple[dict[str, Any], Origin]]:
    """The file's tables, preceded by those of the files that it extends."""
    files: list[tuple[dict[str, Any], Origin]] = []
    seen: list[Path] = []
    while True:
        seen.append(path.resolve())
        values, origin = read_toml(path)
        files.insert(0, (values, origin))
        base = values.get("extends")
        if base is None:
            return files
        path = path.parent / str(base)
        if path.resolve() in seen:
            raise ConfigError([f"{origin.of(('extends',))}: extends: {base!r} leads back to a file that is being read"])


def _scenario(path: Path, files: Sequence[tuple[dict[str, Any], Origin]], host: PluginHost) -> Scenario:
    chosen = next(((values["scenario"], origin) for values, origin in reversed(files) if "scenario" in values), None)
    if chosen is None:
        raise ConfigError([f"{path}: scenario: is missing; there are: {', '.join(host.registry.names('scenarios'))}"])
    name, origin = chosen
    try:
        return host.registry.get("scenarios", str(name)).load()
    except UserError as error:
        raise ConfigError([f"{origin.of(('scenario',))}: scenario: {error}"]) from error


def _load_used_plugins(base: Layers, path: Path, host: PluginHost) -> None:
    """Load the one-file plugins in `use` and check that the others are active; a file's path becomes absolute."""
    use = base.values.get("use")
    if not isinstance(use, list):
        return  # absent, or wrong, which the model reports
    try:
        base.values["use"] = [
            host.require(host.add_file(path.parent / item).name).value
            if str(item).endswith(".py")
            else host.require(str(item)).name
            for item in use
        ]
    except UserError as error:
        raise ConfigError([f"{base.origin_of(('use',))}: use: {error}"]) from error


def _profile(path: Path, composition: Mapping[str, Any], name: str) -> tuple[Mapping[str, Any], Origin]:
    profiles, origin = composition.get("profiles", ({}, None))
    if name not in profiles:
        raise ConfigError([f"--profile: {path} has no profile {name!r}; {nearest(name, profiles)}"])
    return profiles[name], origin.within("profiles", name)


def _branch(base: Layers, table: Any, origin: Origin, changes: Iterable[tuple[KeyPath, Any]]) -> Layers:
    if not isinstance(table, dict):
        raise ConfigError([f"{origin.of(())}: {'.'.join(map(str, origin.prefix))}: should be a table"])
    branch = base.copy()
    branch.lay(table, origin)
    for key, value in changes:
        if key[0] in COMPOSITION:
            raise ConfigError([f"command line: {key[0]}: cannot be overridden; see --variants and --profile"])
        if value is None:
            branch.reset(key)
        else:
            for part in reversed(key):
                value = {part: value}
            branch.lay(value, COMMAND_LINE)
    return branch


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9.+_-]+", "-", name.lower()).strip("-.") or "variant"


def _composition_problems(
    path: Path, tables: Mapping[str, Any], baseline: str, variants: Sequence[Variant]
) -> list[str]:
    found = []
    if baseline not in tables:
        found.append(f"{path}: baseline: no variant is called {baseline!r}; {nearest(str(baseline), tables)}")
    for i, one in enumerate(variants):
        for other in variants[i + 1 :]:
            if one.slug == other.slug:
                found.append(f"{path}: variants {one.name!r} and {other.name!r} would share the folder {one.slug!r}")
            elif one.config == other.config:
                found.append(f"{path}: variants {one.name!r} and {other.name!r} are the same configuration")
    return found
