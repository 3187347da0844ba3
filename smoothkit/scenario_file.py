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

COMPOSITION = ("baseline", "extends", "plugins", "profiles", "title", "variants")
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
    plugins: tuple[str, ...] = ()
    """The one-file plugins that were loaded for it, from here or from the command line."""

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
        hint = nearest(name, bundled)
        raise ConfigError([f"no scenario file ships under the name {name!r} ({hint}); a file of yours ends in .toml"])
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
    _check_composition(composition)
    plugins, _ = composition.get("plugins", ((), None))
    for file in plugins:
        host.add_file(Path(file))
    name, scenario = _scenario(path, files, host)
    base = Layers(component_fields(scenario.config))
    for values, origin in files:
        base.lay({key: value for key, value in values.items() if key not in COMPOSITION}, origin)
    if profile is not None:
        base.lay(*_profile(path, composition, profile))
    changes = [_change(text, name) for text in overrides]
    tables, origin = composition.get("variants", (None, Origin(str(path), {})))
    if tables is None:
        tables = {_only_name(_branch(base, {}, origin, changes)): {}}

    problems: list[str] = []
    variants = []
    for variant, table in tables.items():
        branch = _branch(base, table, origin.within("variants", variant), changes)
        _load_used_plugins(branch, host)
        config, found = validate(scenario.config, branch.values, host.registry, also=COMPOSITION)
        problems += [f"{branch.origin_of(at) or path}: {'.'.join(map(str, at))}: {message}" for at, message in found]
        if config is not None:
            variants.append(Variant(variant, folder_name(variant), config, branch.origins))
            if config.scenario != name:
                problems.append(f"{branch.origin_of(('scenario',))}: scenario: all variants have the file's, {name!r}")
    baseline, _ = composition.get("baseline", (next(iter(tables)), None))
    problems += _composition_problems(path, tables, baseline, variants)
    if problems:
        raise ConfigError(dict.fromkeys(problems))
    title, _ = composition.get("title", (name, None))
    return ScenarioFile(scenario, title, baseline, tuple(variants), host.options.files)


def _only_name(branch: Layers) -> str:
    """What the one configuration of a file without variants is called: its target, if that is chosen."""
    target = branch.values.get("target")
    return str(target.get("name", "default")) if isinstance(target, dict) else "default"


def _read_with_bases(path: Path) -> list[tuple[dict[str, Any], Origin]]:
    """The file's tables, preceded by those of the files that it extends."""
    files: list[tuple[dict[str, Any], Origin]] = []
    seen: list[Path] = []
    while True:
        seen.append(path.resolve())
        values, origin = read_toml(path)
        _resolve_use(values, path.parent)
        files.insert(0, (values, origin))
        base = values.get("extends")
        if base is None:
            return files
        here = f"{origin.of(('extends',))}: extends"
        if not isinstance(base, str):
            raise ConfigError([f"{here}: should be the name of a file, got {base!r}"])
        path = path.parent / base
        if path.resolve() in seen:
            raise ConfigError([f"{here}: {base!r} leads back to a file that is being read"])
        if not path.exists():
            raise ConfigError([f"{here}: there is no file {path}"])


def _resolve_use(values: dict[str, Any], folder: Path) -> None:
    """Make the paths of one-file plugins absolute wherever the file names them: they start at its own folder."""
    tables = [values, *(table for key in ("variants", "profiles") for table in _tables(values.get(key)))]
    for table in tables:
        for key in ("plugins", "use"):
            if isinstance(items := table.get(key), list):
                table[key] = [str((folder / item).resolve()) if str(item).endswith(".py") else item for item in items]


def _tables(value: Any) -> list[dict[str, Any]]:
    return [table for table in value.values() if isinstance(table, dict)] if isinstance(value, dict) else []


def _check_composition(composition: Mapping[str, tuple[Any, Origin]]) -> None:
    """Check the types of what makes configurations, before any is made.

    Raises:
        ConfigError: one is wrong, each is named.
    """
    problems = []
    for key, (value, origin) in composition.items():
        place = f"{origin.of((key,))}: {key}"
        if key == "plugins":
            if not isinstance(value, list) or not all(isinstance(file, str) for file in value):
                problems.append(f"{place}: should be a list of files, got {value!r}")
        elif key not in ("variants", "profiles"):
            if not isinstance(value, str):
                problems.append(f"{place}: should be text, got {value!r}")
        elif not isinstance(value, dict):
            problems.append(f"{place}: should be a table, got {value!r}")
        else:
            wrong = (name for name, table in value.items() if not isinstance(table, dict))
            problems += [f"{origin.of((key, name))}: {key}.{name}: should be a table" for name in wrong]
            if key == "variants" and not value:
                problems.append(f"{place}: there are none; name at least one, or leave the table out")
    if problems:
        raise ConfigError(problems)


def _scenario(path: Path, files: Sequence[tuple[dict[str, Any], Origin]], host: PluginHost) -> tuple[str, Scenario]:
    """The scenario that the file is about, and its name."""
    chosen = next(((values["scenario"], origin) for values, origin in reversed(files) if "scenario" in values), None)
    if chosen is None:
        raise ConfigError([f"{path}: scenario: is missing; there are: {', '.join(host.registry.names('scenarios'))}"])
    name, origin = chosen
    try:
        return str(name), host.registry.get("scenarios", str(name)).load()
    except UserError as error:
        raise ConfigError([f"{origin.of(('scenario',))}: scenario: {error}"]) from error


def _load_used_plugins(branch: Layers, host: PluginHost) -> None:
    """Load the one-file plugins in `use` and check that the others are active."""
    use = branch.values.get("use")
    if not isinstance(use, list) or not all(isinstance(item, str) for item in use):
        return  # absent, or wrong, which the model reports
    try:
        branch.values["use"] = [host.use(item) for item in use]
    except UserError as error:
        raise ConfigError([f"{branch.origin_of(('use',))}: use: {error}"]) from error


def _profile(path: Path, composition: Mapping[str, Any], name: str) -> tuple[Mapping[str, Any], Origin]:
    profiles, origin = composition.get("profiles", ({}, None))
    if name not in profiles:
        raise ConfigError([f"--profile: {path} has no profile {name!r}; {nearest(name, profiles)}"])
    return profiles[name], origin.within("profiles", name)


def _change(text: str, scenario: str) -> tuple[KeyPath, Any]:
    """The key and the value of an override."""
    key, value = parse_override(text)
    if key[0] in COMPOSITION or (key[0] == "scenario" and value != scenario):
        raise ConfigError([f"command line: {key[0]}: cannot be overridden; write a file that extends this one"])
    return key, value


def _branch(base: Layers, table: Mapping[str, Any], origin: Origin, changes: Iterable[tuple[KeyPath, Any]]) -> Layers:
    branch = base.copy()
    branch.lay(table, origin)
    for key, value in changes:
        if value is None:
            branch.reset(key)
        else:
            for part in reversed(key):
                value = {str(part): value}
            branch.lay(value, COMMAND_LINE)
    return branch


def folder_name(name: str) -> str:
    """What a variant's folder is called: its name in small letters, with what a path cannot hold as hyphens."""
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
