"""What is wrong with a configuration: pydantic's findings as one sentence for each place in the file."""

import inspect
import json
import typing
from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import BaseModel

from smoothkit.errors import OptionError, nearest

KeyPath = tuple[str | int, ...]
"""Where a value stands in a scenario file: `("target", "alpha")`."""

SHOULD_BE = "input should be "


class Problem(typing.NamedTuple):
    """One thing wrong with a configuration: where, and what in one sentence."""

    path: KeyPath
    message: str


def problems_of(model: type[BaseModel], errors: Iterable[Any], also: frozenset[str]) -> list[Problem]:
    """What pydantic found, as one problem for each place; what the alternatives of a union say is joined by "or"."""
    found: dict[KeyPath, tuple[list[str], str]] = {}
    alternatives: set[KeyPath] = set()
    for details in errors:
        if details["type"] == "needs_python_object":
            continue  # an alternative for callers in Python, such as a tensor; no file can hold it
        path = _written_path(model, details)
        if isinstance(error := details.get("ctx", {}).get("error"), OptionError):
            path = (*path, *error.key.split("."))
        message, value = _message(model, path, details, also)
        if len(path) < len(details["loc"]):
            alternatives.add(path)
        messages, _ = found.setdefault(path, ([], value))
        messages.append(message)
    return [
        Problem(path, messages[0] + "".join(f" or {each.removeprefix(SHOULD_BE)}" for each in messages[1:]) + value)
        for path, (messages, value) in found.items()
        # The alternative that fails further inside is the one that was meant.
        if not (path in alternatives and any(other[: len(path)] == path != other for other in found))
    ]


def _message(model: type[BaseModel], path: KeyPath, details: Any, also: frozenset[str]) -> tuple[str, str]:
    """What is wrong at `path`, and the end of the sentence: the value that stands there."""
    kind = details["type"]
    if kind == "extra_forbidden":
        known = {*_fields_at(model, path[:-1]), *(also if len(path) == 1 else ())} - {path[-1]}
        return f"unknown key; {nearest(str(path[-1]), known)}", ""
    if kind == "missing":
        return "is missing and has no default", ""
    if kind == "value_error":
        error = details.get("ctx", {}).get("error")
        return error.message if isinstance(error, OptionError) else details["msg"].removeprefix("Value error, "), ""
    if kind == "union_tag_not_found":
        return f"{details['ctx']['discriminator']} is missing", ""
    if kind == "union_tag_invalid":
        tag, tags = details["ctx"]["tag"], _words(details["ctx"]["expected_tags"])
        return f"{details['ctx']['discriminator']} is {tag!r}; {nearest(tag, tags)}", ""
    value = f", got {json.dumps(details['input'])}"
    if kind == "too_short":
        return f"should have at least {details['ctx']['min_length']} of them", value
    if kind == "model_type":
        return f"{SHOULD_BE}a table", value
    if kind == "literal_error" and isinstance(details["input"], str):
        value += f"; {nearest(details['input'], _words(details['ctx']['expected']))}"
    return details["msg"][:1].lower() + details["msg"][1:], value


def _words(listed: str) -> list[str]:
    return [word.strip("' ") for word in listed.replace(" or ", ",").split(",")]


def _written_path(model: type[BaseModel], details: Any) -> KeyPath:
    """Where a file says it: pydantic's place without the tags that it adds for the alternatives of a union."""
    path: list[str | int] = []
    models: list[type[BaseModel]] = [model]
    named = False  # Whether the keys at this place are names that the file chooses.
    for place, key in enumerate(details["loc"], start=1):
        field = None if named else next((each.model_fields[key] for each in models if key in each.model_fields), None)
        if field is not None:
            models = list(model_types(field.annotation))
        unknown = details["type"] == "extra_forbidden" and place == len(details["loc"])
        if field is not None or isinstance(key, int) or unknown or named:
            path.append(key)
        named = field is not None and _holds_names(field.annotation)
    return tuple(path)


def _holds_names(hint: Any) -> bool:
    """Whether a field of this type is a table with keys of the file's own choice."""
    return typing.get_origin(hint) is dict or any(typing.get_origin(part) is dict for part in typing.get_args(hint))


def _fields_at(model: type[BaseModel], path: KeyPath) -> set[str]:
    for key in path:
        field = model.model_fields.get(str(key))
        if field is None:
            continue  # a position in a list, or a tag that pydantic put into the path
        inner = list(model_types(field.annotation))
        if not inner:
            return set()
        model = inner[0]
    return set(model.model_fields)


def model_types(hint: Any) -> Iterator[type[BaseModel]]:
    """The models that a type hint names, at any depth."""
    if inspect.isclass(hint) and issubclass(hint, BaseModel):
        yield hint
    for argument in typing.get_args(hint):
        yield from model_types(argument)
