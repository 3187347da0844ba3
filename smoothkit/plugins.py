"""Discovery and isolation of plugins: who is there, in what state, and what each provides."""

import functools
import hashlib
import importlib.util
import os
import sys
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import pluggy

from smoothkit import API, hookspecs
from smoothkit.errors import PluginError, UserError, nearest
from smoothkit.registry import KINDS, Entry, Registry

GROUP = "smoothkit"
OLDEST_API = 1
State = Literal["active", "blocked", "broken", "incompatible"]


@dataclass(frozen=True)
class PluginOptions:
    """What the command line and the environment say about plugins; plain data, so that it reaches worker processes."""

    blocked: tuple[str, ...] = ()
    """Names not to load (`--no-plugin`)."""
    allowed: tuple[str, ...] | None = None
    """If given, the only names to load besides the core (`SMOOTHKIT_PLUGINS`)."""
    files: tuple[str, ...] = ()
    """One-file plugins to load besides the installed ones (`--plugin`)."""
    strict: bool = False
    """Whether a broken or incompatible plugin is fatal (`--strict-plugins`)."""

    @staticmethod
    def from_environment() -> "PluginOptions":
        """The options that `SMOOTHKIT_PLUGINS` (names separated by commas; empty for none) asks for."""
        allowed = os.environ.get("SMOOTHKIT_PLUGINS")
        if allowed is None:
            return PluginOptions()
        return PluginOptions(allowed=tuple(name.strip() for name in allowed.split(",") if name.strip()))


@dataclass
class Plugin:
    """One plugin, whatever became of it."""

    name: str
    origin: str
    """Distribution and version, or the file."""
    value: str
    """The module, or the file."""
    state: State = "active"
    reason: str = ""
    """Why it is not active, in one line."""
    traceback: str = ""
    provides: dict[str, list[str]] = field(default_factory=dict)
    hooks: list[str] = field(default_factory=list)


class PluginHost:
    """The loaded plugins, what they registered, and typed calls of their hooks."""

    def __init__(self, options: PluginOptions):
        self.options = options
        self.registry = Registry()
        self.plugins: dict[str, Plugin] = {}
        self._manager = pluggy.PluginManager("smoothkit")
        self._manager.add_hookspecs(hookspecs)
        if os.environ.get("SMOOTHKIT_TRACE"):
            self._manager.trace.root.setwriter(lambda text: print(text, end="", file=sys.stderr))
            self._manager.enable_tracing()
        # The core comes first, so that no other plugin can take one of its names; the rest by name, because the order
        # in which distributions are listed is an accident of installation.
        for point in sorted(entry_points(group=GROUP), key=lambda point: (point.name != "core", point.name)):
            origin = f"{point.dist.name} {point.dist.version}" if point.dist else point.value
            self._add(Plugin(point.name, origin, point.value), point.load)
        for file in options.files:
            self.add_file(Path(file))

    def add_file(self, path: Path) -> Plugin:
        """Load a one-file plugin; its name is the file's stem. A file that is loaded already is not loaded twice."""
        known = self.plugins.get(path.stem)
        if known and known.value == str(path.resolve()):
            return known
        plugin = Plugin(path.stem, str(path), str(path.resolve()))
        self._add(plugin, lambda: _import_file(path))
        return plugin

    def _add(self, plugin: Plugin, load: Callable[[], ModuleType]) -> None:
        if plugin.name in self.plugins:
            first = self.plugins[plugin.name]
            plugin.state, plugin.reason = "broken", f"the name is taken by {first.origin}"
            self.plugins[f"{plugin.name} ({plugin.origin})"] = plugin
        else:
            self.plugins[plugin.name] = plugin
            allowed = self.options.allowed
            if plugin.name in self.options.blocked:
                plugin.state, plugin.reason = "blocked", "--no-plugin"
            elif allowed is not None and plugin.name not in (*allowed, "core"):
                plugin.state, plugin.reason = "blocked", "not in SMOOTHKIT_PLUGINS"
            else:
                self._activate(plugin, load)
        if plugin.state in ("broken", "incompatible"):
            line = f"plugin {plugin.name!r} ({plugin.origin}) is {plugin.state}: {plugin.reason}"
            if self.options.strict:
                raise PluginError(line)
            print(f"smoothkit: {line}; see `smoothkit plugins {plugin.name}`", file=sys.stderr)

    def _activate(self, plugin: Plugin, load: Callable[[], ModuleType]) -> None:
        module = None
        try:
            with self.registry.undo_on_error():
                module = load()
                api = getattr(module, "smoothkit_api", API)
                if not (isinstance(api, int) and OLDEST_API <= api <= API):
                    plugin.state = "incompatible"
                    plugin.reason = f"it is written for API {api!r}; this smoothkit accepts {OLDEST_API} to {API}"
                    return
                self._manager.register(module, plugin.name)
                self._manager.check_pending()
                self._call_registration(plugin, module)
        except Exception as error:
            plugin.state = "broken"
            plugin.reason = f"{type(error).__name__}: {error}".splitlines()[0]
            plugin.traceback = traceback.format_exc()
            plugin.provides = {}
            if module is not None and self._manager.is_registered(module):
                self._manager.unregister(module)

    def _call_registration(self, plugin: Plugin, module: ModuleType) -> None:
        for caller in self._manager.get_hookcallers(module) or ():
            plugin.hooks.append(caller.name)
            kind = caller.name.removeprefix("smoothkit_")
            if kind not in KINDS:
                continue

            def register(name: str, path: str, kind: str = kind) -> None:
                self.registry.add(Entry(kind, name, path, plugin.name, plugin.origin))
                plugin.provides.setdefault(kind, []).append(name)

            for implementation in caller.get_hookimpls():
                if implementation.plugin is module:
                    implementation.function(register)
        plugin.hooks.sort()

    def require(self, name: str) -> Plugin:
        """The active plugin called `name`.

        Raises:
            PluginError: it is missing, blocked, broken or incompatible.
        """
        plugin = self.plugins.get(name)
        if plugin is None:
            raise PluginError(f"no plugin is called {name!r}; {nearest(name, self.plugins)}")
        if plugin.state != "active":
            raise PluginError(f"plugin {name!r} ({plugin.origin}) is {plugin.state}: {plugin.reason}")
        return plugin

    def wrap_target(self, target: Any, run: Any, use: Iterable[str]) -> Any:
        """Let the plugins in `use`, by name or file, wrap `target`, in that order; the first is innermost."""
        wrappers = {
            wrapper.plugin_name: wrapper for wrapper in self._manager.hook.smoothkit_wrap_target.get_hookimpls()
        }
        for name in (Path(each).stem if each.endswith(".py") else each for each in use):
            if name in wrappers:
                wrapped = _call(wrappers[name], {"target": target, "run": run})
                target = target if wrapped is None else wrapped
        return target

    def notify(self, hook: str, **values: Any) -> None:
        """Call an observer hook of every plugin; what one raises is reported and does not reach the others."""
        for implementation in getattr(self._manager.hook, hook).get_hookimpls():
            try:
                _call(implementation, values)
            except Exception as error:
                print(
                    f"smoothkit: plugin {implementation.plugin_name!r} failed in {hook} and was ignored: "
                    f"{type(error).__name__}: {error}",
                    file=sys.stderr,
                )


def _call(implementation: pluggy.HookImpl, values: dict[str, Any]) -> Any:
    """Call one implementation with the arguments that it asked for; it may leave any out."""
    return implementation.function(**{name: values[name] for name in implementation.argnames})


def _import_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise UserError(f"there is no file {path}")
    # The module's name carries the path, so that two files of one name in different folders do not meet.
    digest = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:8]
    name = f"smoothkit_file_{path.stem}_{digest}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # so that the file can register "its own module:Name" by `__name__`
    spec.loader.exec_module(module)
    return module


_options = PluginOptions()


def configure(options: PluginOptions) -> None:
    """Set the options that `host` loads with, before anything asked for it (the command line and workers do)."""
    global _options
    _options = options
    host.cache_clear()


@functools.cache
def host() -> PluginHost:
    """The plugins of this process, loaded on first use."""
    return PluginHost(_options)


def build(kind: str, name: str, **arguments: Any) -> Any:
    """Construct the registered thing `name` of `kind` (say "targets") with `arguments`."""
    return host().registry.get(kind, name).load()(**arguments)
