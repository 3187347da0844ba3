"""Configurations: frozen, self-explaining models of a scenario file's tables, and the options of registered things."""

import inspect
import json
import typing
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, ValidationError, create_model, model_validator

from smoothkit.errors import ConfigError, UserError, nearest
from smoothkit.registry import SINGULAR, SUPPLIED, Registry

KeyPath = tuple[str | int, ...]
"""Where a value stands in a scenario file: `("target", "alpha")`."""


class Config(BaseModel):
    """A table of a scenario file: unknown keys are refused; the docstring under a field is its help text."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Component(Config):
    """A table that chooses a registered thing by `name`; its other keys are that thing's options.

    A subclass may declare fields of its own. They belong to the table, whatever `name` is chosen; an option belongs to
    the thing chosen, and goes with it when an override chooses another.
    """

    model_config = ConfigDict(extra="allow")
    registry_kind: ClassVar[str]
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


class Problem(typing.NamedTuple):
    """One thing wrong with a configuration: where, and what in one sentence."""

    path: KeyPath
    message: str


def validate(model: type[Config], values: Mapping[str, Any], registry: Registry) -> tuple[Config | None, list[Problem]]:
    """Check `values` against `model` and every chosen component's options; all problems at once.

    Validated options replace the raw ones, defaults included, so that a dump of the result says everything.
    """
    _, problems = _validate_model(model, values)
    resolved = dict(values)
    for path, component in components(model):
        table = _lookup(values, path)
        if isinstance(table, list):
            resolved = _replace(
                resolved,
                path,
                [_options(item, component, (*path, i), registry, problems) for i, item in enumerate(table)],
            )
        elif isinstance(table, dict) or not component.model_fields["name"].is_required():
            table = {"name": component.model_fields["name"].default, **(table or {})}
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
        return [item["name"] if isinstance(item, dict) and item.keys() == {"name"} else _written(item) for item in value]
    return value


def component_fields(model: type[Config]) -> dict[KeyPath, frozenset[str]]:
    """For each component table of `model`, the keys that stay when an override chooses another `name`."""
    return {path: frozenset(component.model_fields) for path, component in components(model)}


def option_model(factory: Any, supplied: frozenset[str]) -> type[Config]:
    """The options that a file may give to `factory`, read off its signature, less what the host supplies."""
    if not callable(factory):
        return create_model("NoOptions", __base__=Config)  # a ready-made object, such as a metric
    hints = typing.get_type_hints(factory.__init__ if inspect.isclass(factory) else factory, include_extras=True)
    fields: dict[str, Any] = {}
    for name, parameter in inspect.signature(factory).parameters.items():
        if name in supplied or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        default = ... if parameter.default is parameter.empty else parameter.default
        fields[name] = (hints.get(name, Any), default)
    return create_model(f"{factory.__name__}Options", __base__=Config, **fields)


def components(model: type[Config], path: KeyPath = ()) -> Iterator[tuple[KeyPath, type[Component]]]:
    """The component tables of `model`, at any depth, with where they stand."""
    for name, field in model.model_fields.items():
        for inner in _model_types(field.annotation):
            if issubclass(inner, Component):
                yield (*path, name), inner
            elif issubclass(inner, Config):
                yield from components(inner, (*path, name))


def _model_types(hint: Any) -> Iterator[type[BaseModel]]:
    if inspect.isclass(hint) and issubclass(hint, BaseModel):
        yield hint
    for argument in typing.get_args(hint):
        yield from _model_types(argument)


def _options(table: Any, component: type[Component], path: KeyPath, registry: Registry, problems: list[Problem]) -> Any:
    """`table` with its options checked and completed; what is wrong goes to `problems`."""
    if isinstance(table, str):
        table = {"name": table}
    name = table.get("name") if isinstance(table, dict) else None
    if not isinstance(name, str):
        return table  # the model itself has reported it
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
    return {**own, **dump(validated)} if validated else table


def _validate_model(
    model: type[Config], values: Mapping[str, Any], also: Mapping[str, Any] | None = None
) -> tuple[Config | None, list[Problem]]:
    """Validate strictly ("1" is no number), through JSON, where pydantic's strict mode takes a list for a tuple."""
    try:
        return model.model_validate_json(json.dumps(values, default=str), strict=True), []
    except ValidationError as error:
        return None, [_problem(model, details, also or {}) for details in error.errors(include_url=False)]


def _problem(model: type[BaseModel], details: Any, also: Mapping[str, Any]) -> Problem:
    path, kind = tuple(details["loc"]), details["type"]
    if kind == "extra_forbidden":
        known = {*_fields_at(model, path[:-1]), *(also if len(path) == 1 else ())}
        return Problem(path, f"unknown key; {nearest(str(path[-1]), known)}")
    if kind == "missing":
        return Problem(path, "is missing and has no default")
    message = details["msg"].removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    if kind == "literal_error" and isinstance(details["input"], str):
        choices = [choice.strip("' ") for choice in details["ctx"]["expected"].replace(" or ", ",").split(",")]
        message += f"; {nearest(details['input'], choices)}"
    return Problem(path, f"{message}, got {json.dumps(details['input'])}")


def _fields_at(model: type[BaseModel], path: KeyPath) -> set[str]:
    for key in path:
        field = model.model_fields.get(str(key))
        if field is None:
            continue  # a position in a list, or a tag that pydantic put into the path
        inner = list(_model_types(field.annotation))
        if not inner:
            return set()
        model = inner[0]
    return set(model.model_fields)


def _lookup(values: Mapping[str, Any], path: KeyPath) -> Any:
    node: Any = values
    for key in path:
        node = node.get(key) if isinstance(node, dict) else None
    return node


def _replace(values: dict[str, Any], path: KeyPath, value: Any) -> dict[str, Any]:
    if not path:
        return value
    key = str(path[0])
    inner = values.get(key)
    return {**values, key: _replace(inner if isinstance(inner, dict) else {}, path[1:], value)}
