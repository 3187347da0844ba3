"""Configurations: frozen, self-explaining models of a scenario file's tables, and the options of registered things."""

import functools
import inspect
import json
import typing
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from pydantic import (
    BaseModel,
    ConfigDict,
    PydanticSchemaGenerationError,
    ValidationError,
    create_model,
    model_validator,
)

from smoothkit.errors import ConfigError, PluginError, UserError
from smoothkit.problems import KeyPath, Problem, model_types, problems_of
from smoothkit.registry import SINGULAR, SUPPLIED, Registry


class Config(BaseModel):
    """A table of a scenario file: unknown keys are refused; the docstring under a field is its help text."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)


Model = typing.TypeVar("Model", bound=Config)


class Component(Config):
    """A table that chooses a registered thing by `name`; its other keys are that thing's options.

    A subclass may declare fields of its own. They belong to the table, whatever `name` is chosen; an option belongs to
    the thing chosen, and goes with it when an override chooses another, as do the fields in `goes_with_name`.
    """

    model_config = ConfigDict(extra="allow")
    registry_kind: ClassVar[str]
    goes_with_name: ClassVar[frozenset[str]] = frozenset()
    name: str

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        """A bare string chooses a thing with its default options."""
        return {"name": value} if isinstance(value, str) else value

    @property
    def options(self) -> dict[str, Any]:
        """The options as the file gives them."""
        return dict(self.model_extra or {})

    def factory(self) -> Any:
        """The registered thing itself: a class, a function or a ready-made object."""
        from smoothkit.plugins import host

        return host().registry.get(self.registry_kind, self.name).load()

    def build(self, **supplied: Any) -> Any:
        """The chosen thing, made of the file's options and of what the host supplies.

        Raises:
            UserError: the thing refuses its arguments.
        """
        factory = self.factory()
        if not callable(factory):
            return factory
        options, problems = _validate_model(option_model(factory, SUPPLIED[self.registry_kind]), self.options)
        if options is None:
            raise ConfigError(f"{self.registry_kind}: {self.name}: {message}" for _, message in problems)
        try:
            return factory(**supplied, **{name: getattr(options, name) for name in type(options).model_fields})
        except ValueError as error:
            raise UserError(f"{SINGULAR[self.registry_kind]} {self.name!r}: {error}") from error


def validate(
    model: type[Model], values: Mapping[str, Any], registry: Registry, also: Iterable[str] = ()
) -> tuple[Model | None, list[Problem]]:
    """Check `values` against `model` and every chosen component's options; all problems at once.

    Validated options replace the raw ones, defaults included, so that a dump of the result says everything. `also` are
    keys that a file may have beside those of the model, to be offered in place of an unknown one.
    """
    _, problems = _validate_model(model, values, also)
    resolved = dict(values)
    for path, component, many in components(model):
        if len(path) > 1 and path[0] not in resolved:
            # A table that is not written has components too, whose options a dump is to say as well.
            default = model.model_fields[str(path[0])].get_default(call_default_factory=True)
            resolved |= {str(path[0]): dump(default)} if isinstance(default, Config) else {}
        table = _lookup(resolved, path)
        if table is None and isinstance(_lookup(resolved, path[:-1]), dict):
            table = _default(model, path)
        if many and isinstance(table, list):
            items = [_options(item, component, (*path, i), registry, problems) for i, item in enumerate(table)]
            resolved = _replace(resolved, path, items)
        elif not many and isinstance(table, dict | str):
            resolved = _replace(resolved, path, _options(table, component, path, registry, problems))
    if problems:
        return None, problems
    config, problems = _validate_model(model, resolved)
    return config, problems


def dump(config: Config) -> dict[str, Any]:
    """The configuration as plain TOML-compatible data; keys without a value (None) are left out."""
    return _written(config.model_dump(mode="json"))


def _written(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _written(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [
            item["name"] if isinstance(item, dict) and item.keys() == {"name"} else _written(item) for item in value
        ]
    return value


def component_fields(model: type[Config]) -> dict[KeyPath, frozenset[str]]:
    """For each component table of `model`, the keys that stay when an override chooses another `name`."""
    return {
        path: frozenset(component.model_fields) - component.goes_with_name
        for path, component, many in components(model)
        if not many
    }


@functools.cache
def option_model(factory: Any, supplied: frozenset[str]) -> type[Config]:
    """The options that a file may give to `factory`, read off its signature, less what the host supplies.

    Raises:
        PluginError: an annotation is of a type that no file can hold.
    """
    if not callable(factory):
        return create_model("NoOptions", __base__=Config)  # a ready-made object, such as a metric
    try:
        hints = typing.get_type_hints(factory.__init__ if inspect.isclass(factory) else factory, include_extras=True)
        fields: dict[str, Any] = {}
        for name, parameter in inspect.signature(factory).parameters.items():
            if name in supplied or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                continue
            default = ... if parameter.default is parameter.empty else parameter.default
            fields[name] = (hints.get(name, Any), default)
        return create_model(f"{factory.__name__}Options", __base__=Config, **fields)
    except (NameError, PydanticSchemaGenerationError) as error:
        raise PluginError(
            f"{factory.__module__}.{factory.__qualname__}: its signature does not say what a file may set: "
            f"{str(error).splitlines()[0]}"
        ) from error


def components(model: type[Config], path: KeyPath = ()) -> Iterator[tuple[KeyPath, type[Component], bool]]:
    """The component tables of `model`, at any depth: where each stands, its class, and whether it is a list of them."""
    for name, field in model.model_fields.items():
        for inner in model_types(field.annotation):
            if issubclass(inner, Component):
                yield (*path, name), inner, typing.get_origin(field.annotation) in (tuple, list)
            elif issubclass(inner, Config):
                yield from components(inner, (*path, name))


def _default(model: type[Config], path: KeyPath) -> Any:
    """The component table, or the list of them, that holds where a file says nothing; None if there is none."""
    node = model.model_fields[str(path[0])].get_default(call_default_factory=True)
    for key in path[1:]:
        node = getattr(node, str(key), None)
    if isinstance(node, tuple | list):
        return [dump(item) for item in node]
    return dump(node) if isinstance(node, Component) else None


def _options(table: Any, component: type[Component], path: KeyPath, registry: Registry, problems: list[Problem]) -> Any:
    """`table` with its options checked and completed; what is wrong goes to `problems`."""
    if isinstance(table, str):
        table = {"name": table}
    if not isinstance(table, dict):
        return table  # the model itself has reported it
    if not component.model_fields["name"].is_required():
        table = {"name": component.model_fields["name"].default, **table}
    name = table.get("name")
    if not isinstance(name, str):
        return table  # likewise
    try:
        entry = registry.get(component.registry_kind, name)
        model = option_model(entry.load(), SUPPLIED[component.registry_kind])
    except UserError as error:
        problems.append(Problem((*path, "name"), str(error)))
        return table
    own = {key: value for key, value in table.items() if key in component.model_fields}
    options = {key: value for key, value in table.items() if key not in component.model_fields}
    validated, found = _validate_model(model, options, also=component.model_fields)
    problems.extend(Problem((*path, *problem.path), problem.message) for problem in found)
    return {**own, **dump(_anchored(validated))} if validated else table


def _anchored(options: Config) -> Config:
    """Options whose paths are absolute: a study may be resumed from another folder."""
    paths = {name: value.absolute() for name, value in options if isinstance(value, Path)}
    return options.model_copy(update=paths)


def _validate_model(
    model: type[Model], values: Mapping[str, Any], also: Iterable[str] = ()
) -> tuple[Model | None, list[Problem]]:
    """Validate strictly ("1" is no number), through JSON, where pydantic's strict mode takes a list for a tuple."""
    try:
        return model.model_validate_json(json.dumps(values, default=str), strict=True), []
    except ValidationError as error:
        return None, problems_of(model, error.errors(include_url=False), frozenset(also))


def _lookup(values: Mapping[str, Any], path: KeyPath) -> Any:
    node: Any = values
    for key in path:
        node = node.get(key) if isinstance(node, dict) else None
    return node


def _replace(values: dict[str, Any], path: KeyPath, value: Any) -> Any:
    if not path:
        return value
    key = str(path[0])
    inner = values.get(key)
    return {**values, key: _replace(inner if isinstance(inner, dict) else {}, path[1:], value)}
