"""TOML tables laid over each other, every value with the place where it was written."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smoothkit.config import KeyPath
from smoothkit.errors import ConfigError


@dataclass(frozen=True)
class Origin:
    """Names where the keys of one layer were written: a file with its lines, or the command line."""

    place: str
    lines: Mapping[KeyPath, int]
    prefix: KeyPath = ()
    """The table of the file that the layer is, if it is not the whole file."""

    def of(self, path: KeyPath) -> str:
        """`file:line` of the key at `path`, or of the nearest table around it."""
        full = (*self.prefix, *path)
        for length in range(len(full), 0, -1):
            if full[:length] in self.lines:
                return f"{self.place}:{self.lines[full[:length]]}"
        return self.place

    def within(self, *keys: str) -> "Origin":
        """The origin of the table at `keys`."""
        return Origin(self.place, self.lines, (*self.prefix, *keys))


COMMAND_LINE = Origin("command line", {})


class Layers:
    """Nested tables under construction.

    Tables merge and everything else replaces; but where a layer chooses another component by `name`, the options of the
    former one go with it, and only the keys in `keeps` (the table's own) stay.
    """

    def __init__(self, keeps: Mapping[KeyPath, frozenset[str]]):
        self.values: dict[str, Any] = {}
        self.origins: dict[KeyPath, str] = {}
        self._keeps = keeps

    def copy(self) -> "Layers":
        """Another of the same content, to go on from."""
        other = Layers(self._keeps)
        other.values, other.origins = _copy(self.values), dict(self.origins)
        return other

    def lay(self, layer: Mapping[str, Any], origin: Origin, path: KeyPath = ()) -> None:
        """Lay `layer` over the tables at `path`."""
        table = self._table(path)
        former = table.get("name")
        if path in self._keeps and former is not None and layer.get("name", former) != former:
            for key in [key for key in table if key not in self._keeps[path]]:
                self.reset((*path, key))
        for key, value in layer.items():
            here = (*path, key)
            if here in self._keeps and isinstance(value, str):
                value = {"name": value}  # the short form of a component's table
            if isinstance(value, dict):
                if not isinstance(table.get(key), dict):
                    self.reset(here)
                    table[key] = {}
                self.lay(value, origin, here)
            else:
                self.reset(here)
                table[key] = value
                self.origins[here] = origin.of(here)

    def reset(self, path: KeyPath) -> None:
        """Forget what was set at `path`, so that the default holds."""
        node: Any = self.values
        for key in path[:-1]:
            node = node.get(key) if isinstance(node, dict) else None
        if isinstance(node, dict):
            node.pop(path[-1], None)
        self.origins = {leaf: origin for leaf, origin in self.origins.items() if leaf[: len(path)] != path}

    def origin_of(self, path: KeyPath) -> str | None:
        """Where the value at `path`, or else the nearest thing above or beside it, was written."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.origins:
                return self.origins[path[:length]]
        return next((origin for leaf, origin in self.origins.items() if leaf[:1] == path[:1]), None)

    def _table(self, path: KeyPath) -> dict[str, Any]:
        node: Any = self.values
        for key in path:
            node = node[key]
        return node


def read_toml(path: Path) -> tuple[dict[str, Any], Origin]:
    """The tables of a file and where their keys stand.

    Raises:
        ConfigError: the file is missing, unreadable, empty or not TOML.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError([f"{path}: there is no such file"]) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([f"{path}: cannot be read: {error}"]) from error
    if not text.strip():
        raise ConfigError([f'{path}: is empty; a scenario file starts with a line such as scenario = "supervised"'])
    try:
        return tomllib.loads(text), Origin(str(path), _key_lines(text))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([f"{path}: is not valid TOML: {error}"]) from error


def parse_override(text: str) -> tuple[KeyPath, Any]:
    """`key.path=value` from the command line: the value as TOML or else a bare string; empty (None) for the default.

    >>> parse_override("train.lr=1e-3"), parse_override("target.name=ls++"), parse_override("run.threads=")
    ((('train', 'lr'), 0.001), (('target', 'name'), 'ls++'), (('run', 'threads'), None))

    Raises:
        ConfigError: there is no valid key or no equals sign.
    """
    key, equals, value = (part.strip() for part in text.partition("="))
    try:
        path = max(_paths(tomllib.loads(f"{key} = 0")), key=len, default=())
    except tomllib.TOMLDecodeError:
        path = ()
    if not equals or not path:
        raise ConfigError([f"command line: {text!r} is not of the form key.path=value"])
    if not value:
        return path, None
    try:
        return path, tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return path, value


def _key_lines(text: str) -> dict[KeyPath, int]:
    """The line on which each key of a valid file stands, which tomllib does not tell.

    A statement is the fewest lines that parse: a value may go on over several. A key inside an inline table stands on
    the line where its statement begins.
    """
    lines: dict[KeyPath, int] = {}
    table: KeyPath = ()
    statement, start = "", 1
    for number, line in enumerate(text.split("\n"), start=1):
        statement += line + "\n"
        try:
            parsed = tomllib.loads(statement)
        except tomllib.TOMLDecodeError:
            continue
        if statement.lstrip().startswith("["):
            table = max(_paths(parsed), key=len)
            lines.setdefault(table, start)
        else:
            for path in _paths(parsed):
                lines.setdefault((*table, *path), start)
        statement, start = "", number + 1
    return lines


def _paths(table: Mapping[str, Any]) -> Iterator[KeyPath]:
    """The path of every key, tables included."""
    for key, value in table.items():
        yield (key,)
        if isinstance(value, dict):
            yield from ((key, *path) for path in _paths(value))


def _copy(value: Any) -> Any:
    return {key: _copy(item) for key, item in value.items()} if isinstance(value, dict) else value
