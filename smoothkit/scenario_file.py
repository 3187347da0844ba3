"""Scenario files: how `extends`, a profile, variants and overrides make configurations."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from smoothkit.baselines import Levels, baselines_of, uncompared
from smoothkit.composition import COMPOSITION, Composition, baseline_of, comparison_problems, composition_of
from smoothkit.config import KeyPath, component_fields, validate
from smoothkit.errors import ConfigError, UserError, nearest
from smoothkit.grid import Recipe, recipes_of
from smoothkit.layers import COMMAND_LINE, Layers, Origin, parse_override, read_toml
from smoothkit.plugins import PluginHost
from smoothkit.problems import Problem
from smoothkit.scenario import Scenario, ScenarioConfig
from smoothkit.selection import selected

MOST_TOLD = 5
"""Pairs of variants that are told to be alike: in a grid, one override makes alike whatever differs along an axis."""


@dataclass(frozen=True)
class Variant:
    """One of the configurations that a study compares."""

    name: str
    slug: str
    """The folder's name."""
    config: ScenarioConfig
    origins: Mapping[KeyPath, str]
    """Where each value was written: a file and line, or "command line"; a default is not listed."""
    levels: Mapping[str, str] = field(default_factory=dict)
    """Its level on each axis of the grid; empty without one."""


@dataclass(frozen=True)
class ScenarioFile:
    """A scenario file, read and validated."""

    scenario: Scenario
    title: str
    baseline: str
    """The variant that the others are compared with; with `against`, the level on that axis."""
    variants: tuple[Variant, ...]
    plugins: tuple[str, ...] = ()
    """The one-file plugins that were loaded for it, from here or from the command line."""
    against: str | None = None
    """The axis of the grid along which variants are compared where all else is equal; None to compare with one."""

    @property
    def levels(self) -> Levels:
        """The levels of every variant."""
        return {variant.name: variant.levels for variant in self.variants}

    @property
    def baselines(self) -> dict[str, str | None]:
        """The variant that each variant is compared with; None for those that are compared with nothing."""
        return baselines_of(self.levels, self.against, self.baseline)

    @property
    def uncompared(self) -> list[str]:
        """The variants that would be compared if the one that they are compared with were there."""
        return uncompared(self.levels, self.against, self.baseline)

    def only(self, chosen: Sequence[str]) -> "ScenarioFile":
        """The file with the variants alone that `smoothkit.selection.selected` finds.

        The first of them is the baseline if the file's own is not among them; with `against`, its level.

        Raises:
            ConfigError: the file has no such variant.
        """
        known = {variant.name: variant for variant in self.variants}
        variants = tuple(known[name] for name in selected(chosen, list(known)))
        places = [variant.name if self.against is None else variant.levels[self.against] for variant in variants]
        return replace(self, baseline=self.baseline if self.baseline in places else places[0], variants=variants)


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
    composition = composition_of(files)
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
    recipes = _recipes(composition, component_fields(scenario.config))
    if not recipes:
        recipes = [Recipe(_only_name(_branch(base, (), changes)), (), {})]

    problems: list[str] = []
    made = [_variant(recipe, _branch(base, recipe.layers, changes), name, host, path, problems) for recipe in recipes]
    variants = [variant for variant in made if variant is not None]
    problems += [*comparison_problems(composition, recipes), *_collisions(path, variants)]
    if problems:
        raise ConfigError(dict.fromkeys(problems))
    title, _ = composition.get("title", (name, None))
    against, baseline = baseline_of(composition, recipes)
    return ScenarioFile(scenario, title, baseline, tuple(variants), host.options.files, against)


def _recipes(composition: Composition, components: Collection[KeyPath]) -> list[Recipe]:
    """How the file's variants are made; none if it names none."""
    if "grid" in composition:
        return recipes_of(*composition["grid"], components)
    if "variants" not in composition:
        return []
    tables, origin = composition["variants"]
    levels, _ = composition.get("levels", ({}, None))
    return [
        Recipe(name, ((table, origin.within("variants", name)),), levels.get(name, {}))
        for name, table in tables.items()
    ]


def _variant(
    recipe: Recipe, branch: Layers, scenario: str, host: PluginHost, path: Path, problems: list[str]
) -> Variant | None:
    """The variant whose values are in `branch`; None if they are wrong, and `problems` says how."""
    _load_used_plugins(branch, host)
    model = host.registry.get("scenarios", scenario).load().config
    config, found = validate(model, branch.values, host.registry, also=COMPOSITION)
    problems += [_told(branch.origin_of(problem.path) or path, problem) for problem in found]
    if config is None:
        return None
    if config.scenario != scenario:
        problems.append(f"{branch.origin_of(('scenario',))}: scenario: all variants have the file's, {scenario!r}")
    return Variant(recipe.name, folder_name(recipe.name), config, branch.origins, recipe.levels)


def _told(place: object, problem: Problem) -> str:
    """What is wrong and where; what is wrong with the configuration as a whole has no key."""
    key = ".".join(map(str, problem.path))
    return f"{place}: {key}: {problem.message}" if key else f"{place}: {problem.message}"


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
    named = (table for key in ("variants", "profiles") for table in _tables(values.get(key)))
    levels = (table for axis in _tables(values.get("grid")) for table in _tables(axis))
    for table in (values, *named, *levels):
        for key in ("plugins", "use"):
            if isinstance(items := table.get(key), list):
                table[key] = [str((folder / item).resolve()) if str(item).endswith(".py") else item for item in items]


def _tables(value: Any) -> list[dict[str, Any]]:
    return [table for table in value.values() if isinstance(table, dict)] if isinstance(value, dict) else []


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


def _branch(
    base: Layers, layers: Sequence[tuple[Mapping[str, Any], Origin]], changes: Iterable[tuple[KeyPath, Any]]
) -> Layers:
    branch = base.copy()
    # Twice but for the last: one that chooses another component by name drops the options that an earlier one has set.
    for table, origin in (*layers, *layers[:-1]):
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


def _collisions(path: Path, variants: Sequence[Variant]) -> list[str]:
    """Variants that would share a folder, or that are the same: a few, and how many more there are."""
    found: list[str] = []
    folders: dict[str, Variant] = {}
    configs: dict[str, Variant] = {}
    for variant in variants:
        # By what they are written as: comparing each with each takes seconds where there are hundreds.
        written = variant.config.model_dump_json()
        if (other := folders.setdefault(variant.slug, variant)) is not variant:
            found.append(f"{other.name!r} and {variant.name!r} would share the folder {variant.slug!r}")
        elif (other := configs.setdefault(written, variant)) is not variant:
            found.append(f"{other.name!r} and {variant.name!r} are the same configuration")
    told = [f"{path}: variants {pair}" for pair in found[:MOST_TOLD]]
    return [*told, f"{path}: and {len(found) - MOST_TOLD} more of the kind"] if len(found) > MOST_TOLD else told
