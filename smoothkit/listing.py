"""What there is: registered names, plugins, and one target or metric in full."""

import inspect
import json
import typing
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from smoothkit.errors import UserError, nearest
from smoothkit.plugins import PluginHost
from smoothkit.registry import KINDS, SUPPLIED, Entry


def list_entries(host: PluginHost, kind: str | None, as_json: bool) -> None:
    """Print the names of one kind, or of all, with who registered them; nothing is imported for it.

    Raises:
        UserError: there is no such kind.
    """
    if kind is not None and kind not in KINDS:
        raise UserError(f"list: there is no kind {kind!r}; {nearest(kind, KINDS)}")
    kinds = (kind,) if kind else KINDS
    if as_json:
        names = {each: {entry.name: _origin(entry) for entry in host.registry.entries(each)} for each in kinds}
        click.echo(json.dumps(names, indent=1))
        return
    for each in kinds:
        table = Table("name", "from", title=each, title_justify="left", box=None, pad_edge=False)
        for entry in host.registry.entries(each):
            table.add_row(*_cells(entry.name, _origin(entry)))
        Console().print(table)


def list_plugins(host: PluginHost, name: str | None, as_json: bool) -> None:
    """Print every plugin with its state, or all about one.

    Raises:
        UserError: there is no plugin of that name.
    """
    if name is not None and name not in host.plugins:
        raise UserError(f"no plugin is called {name!r}; {nearest(name, host.plugins)}")
    # Two distributions may claim one name; both are shown.
    chosen = [plugin for plugin in host.plugins.values() if name in (None, plugin.name)]
    if as_json:
        click.echo(json.dumps([vars(plugin) for plugin in chosen], indent=1))
        return
    table = Table("name", "state", "from", "provides", box=None, pad_edge=False)
    for plugin in chosen:
        provided = "; ".join(f"{kind}: {', '.join(names)}" for kind, names in plugin.provides.items())
        observed = ", ".join(
            hook.removeprefix("smoothkit_") for hook in plugin.hooks if hook.split("_", 1)[1] not in KINDS
        )
        about = "\n".join(filter(None, (provided, observed))) or plugin.reason
        table.add_row(*_cells(plugin.name, plugin.state, plugin.origin, about))
    Console().print(table)
    for plugin in chosen if name else ():
        if plugin.traceback:
            click.echo(plugin.traceback)


def _cells(*texts: str) -> list[Text]:
    """What a plugin says, as it says it: brackets are no markup."""
    return [Text(text) for text in texts]


def show_target(host: PluginHost, name: str, num_classes: int = 5) -> None:
    """Print a target's docstring, its options and, if it has one, its matrix for a few classes.

    Raises:
        UserError: there is no target of that name.
    """
    entry = host.registry.get("targets", name)
    cls = entry.load()
    click.echo(f"{name}   ({entry.path}, {_origin(entry)})\n\n{inspect.getdoc(cls)}\n\n{_kind(cls)}")
    _show_options(cls, cls.__init__, SUPPLIED["targets"])
    try:
        target = cls(num_classes)
        matrix = target.matrix()
    except (TypeError, ValueError, AttributeError, NotImplementedError):
        return  # an option without a default is missing, or the target is no matrix
    click.echo(f"\nWith {num_classes} classes: {target!r}\nRows are labels, columns the target's classes:")
    for row in matrix.tolist():
        click.echo("  " + " ".join(f"{value:7.4f}" for value in row))


def show_metric(host: PluginHost, name: str) -> None:
    """Print what a metric is, the docstring of the function that measures it, and its options.

    Raises:
        UserError: there is no metric of that name.
    """
    from smoothkit.metrics import Metric

    entry = host.registry.get("metrics", name)
    found = entry.load()
    click.echo(f"{name}   ({entry.path}, {_origin(entry)})")
    metric = found
    if not isinstance(found, Metric):
        click.echo(f"\n{inspect.getdoc(found)}")
        required = [each for each in inspect.signature(found).parameters.values() if each.default is each.empty]
        metric = None if required else found()
    if metric is not None:
        has_interval = metric.rows is not None or metric.bounds is not None
        click.echo(f"\n{metric.about}\n\nBetter: {metric.better or 'neither direction by itself'}")
        click.echo(f"Interval over test rows: {'yes' if has_interval else 'no'}")
    if not isinstance(found, Metric):
        _show_options(found, found)


def _show_options(factory: Any, annotated: Any, supplied: frozenset[str] = frozenset()) -> None:
    """Print what a file may set, with types and defaults."""
    click.echo("\nOptions")
    hints = typing.get_type_hints(annotated)
    for parameter in inspect.signature(factory).parameters.values():
        if parameter.name not in supplied:
            default = "required" if parameter.default is parameter.empty else f"default {parameter.default!r}"
            click.echo(f"  {parameter.name}: {_type_name(hints.get(parameter.name, Any))}, {default}")


def _origin(entry: Entry) -> str:
    return f"{entry.plugin} ({entry.origin})"


def _kind(cls: Any) -> str:
    """What kind of rule a target is, and what a call must bring for it."""
    about = {
        "matrix": "the row of a class matrix",
        "sample": "a target for each sample",
        "signed": "entries of the target may be negative",
        "weight": "a weight on each sample's gradient",
        "penalty": "a penalty on the logits",
    }
    wants = [f"{need}=" for need in sorted(cls.needs)] + (["index labels"] if cls.index_labels_only else [])
    # A wrapper has the family of what it wraps, which a class does not know.
    family = cls.family if isinstance(cls.family, str) else "wrapper"
    return f"Family: {family} ({about.get(family, 'as the target inside')})" + (
        f"; needs {', '.join(wants)}" if wants else ""
    )


def _type_name(hint: Any) -> str:
    return hint.__name__ if inspect.isclass(hint) else str(hint).replace("typing.", "").replace("collections.abc.", "")
