"""Discovery and isolation of plugins: who is there, in what state, and what each provides."""

import functools
import hashlib
import importlib.util
import os
import sys
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import pluggy

from smoothkit import API, hookspecs
from smoothkit.errors import PluginError, UserError, nearest
from smoothkit.registry import KINDS, Entry, Registry

GROUP = "smoothkit"
CORE = ("core", "smoothkit.builtin")
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
    silent: bool = False
    """Whether to keep quiet about plugins that are not loaded, as worker processes do: their parent has told."""

    @staticmethod
    def from_environment() -> "PluginOptions":
        """The options that `SMOOTHKIT_PLUGINS` (names separated by commas; empty for none) asks for."""
        allowed = os.environ.get("SMOOTHKIT_PLUGINS")
        names = None if allowed is None else tuple(name.strip() for name in allowed.split(",") if name.strip())
        # Of several processes that torchrun started, one tells.
        return PluginOptions(allowed=names, silent=int(os.environ.get("RANK", 0)) > 0)


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
        self.options = replace(options, files=())  # `add_file` puts them back, as absolute paths.
        self.registry = Registry()
        self.plugins: dict[str, Plugin] = {}
        self._manager = pluggy.PluginManager("smoothkit")
        self._manager.add_hookspecs(hookspecs)
        self._failed_hooks: set[tuple[str, str]] = set()
        for point in sorted(entry_points(group=GROUP), key=_loading_order):
            origin = f"{point.dist.name} {point.dist.version}" if point.dist else point.value
            self._add(Plugin(point.name, origin, point.value), point.load)
        for file in options.files:
            self.add_file(Path(file))
        for name in (*options.blocked, *(options.allowed or ())):
            if name not in self.plugins:
                self._say(f"no plugin is called {name!r}, to be blocked or allowed; {nearest(name, self.plugins)}")

    def add_file(self, path: Path) -> Plugin:
        """Load a one-file plugin; its name is the file's stem. A file that is loaded already is not loaded twice.

        Raises:
            UserError: there is no such file, or it is no Python file.
        """
        value = str(path.resolve())
        for known in self.plugins.values():
            if known.value == value:
                return known
        if path.suffix != ".py" or not path.is_file():
            raise UserError(f"plugin {str(path)!r}: there is no such file, or its name does not end in .py")
        plugin = Plugin(path.stem, str(path), value)
        self._add(plugin, lambda: _import_file(path))
        # Worker processes load what their parent's options say, a file that a scenario uses included.
        self.options = replace(self.options, files=tuple(dict.fromkeys((*self.options.files, value))))
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
            self._say(f"{line}; see `smoothkit plugins {plugin.name}`")
        if plugin.state != "active":
            self.registry.absent.append(f"plugin {plugin.name!r} ({plugin.state}: {plugin.reason})")

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
        except (Exception, SystemExit) as error:
            plugin.state = "broken"
            plugin.reason = " ".join(f"{type(error).__name__}: {error}".split())
            plugin.traceback = traceback.format_exc()
            plugin.provides, plugin.hooks = {}, []
            # A module that another plugin has registered stays.
            if module is not None and self._manager.get_plugin(plugin.name) is module:
                self._manager.unregister(name=plugin.name)

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
                    _call(implementation, {"register": register})
        plugin.hooks.sort()

    def use(self, item: str) -> str:
        """See that the plugin that an entry of `use` names, or the file that it is, is active; the entry in full.

        Raises:
            UserError: it is missing, blocked, broken or incompatible.
        """
        plugin = self.add_file(Path(item)) if item.endswith(".py") else self.plugins.get(item)
        if plugin is None:
            raise PluginError(f"no plugin is called {item!r}; {nearest(item, self.plugins)}")
        if plugin.state != "active":
            raise PluginError(f"plugin {plugin.name!r} ({plugin.origin}) is {plugin.state}: {plugin.reason}")
        return plugin.value if item.endswith(".py") else plugin.name

    def wrap_target(self, target: Any, run: Any, use: Iterable[str]) -> Any:
        """Let the plugins in `use`, by name or file, wrap `target`, in that order; the first is innermost."""
        wrappers = {
            wrapper.plugin_name: wrapper for wrapper in self._manager.hook.smoothkit_wrap_target.get_hookimpls()
        }
        for name in (Path(each).stem if each.endswith(".py") else each for each in use):
            if name in wrappers:
                try:
                    wrapped = _call(wrappers[name], {"target": target, "run": run})
                except Exception as error:
                    raise PluginError(
                        f"plugin {name!r} failed in smoothkit_wrap_target: {type(error).__name__}: {error}"
                    ) from error
                target = target if wrapped is None else wrapped
        return target

    def notify(self, hook: str, **values: Any) -> None:
        """Call an observer hook of every plugin; what one raises is reported once and does not reach the others."""
        for implementation in getattr(self._manager.hook, hook).get_hookimpls():
            try:
                _call(implementation, values)
            except (Exception, SystemExit) as error:
                failure = (implementation.plugin_name, hook)
                if failure not in self._failed_hooks:
                    self._failed_hooks.add(failure)
                    print(
                        f"smoothkit: plugin {implementation.plugin_name!r} failed in {hook} and was ignored (said once "
                        f"only): {type(error).__name__}: {error}",
                        file=sys.stderr,
                    )

    def _say(self, line: str) -> None:
        if not self.options.silent:
            print(f"smoothkit: {line}", file=sys.stderr)


def _loading_order(point: EntryPoint) -> tuple[bool, str, str]:
    """The core first, so that no other plugin can take one of its names; the rest by name.

    The order in which distributions are listed is an accident of installation.
    """
    return (point.name, point.value) != CORE, point.name, point.value


def _call(implementation: pluggy.HookImpl, values: dict[str, Any]) -> Any:
    """Call one implementation with the arguments that it asked for; it may leave any out."""
    if os.environ.get("SMOOTHKIT_TRACE"):
        arguments = ", ".join(implementation.argnames)
        print(
            f"smoothkit: {implementation.plugin_name}: {implementation.function.__name__}({arguments})", file=sys.stderr
        )
    return implementation.function(**{name: values[name] for name in implementation.argnames})


def _import_file(path: Path) -> ModuleType:
    # The module's name carries the path, so that two files of one name in different folders do not meet.
    digest = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:8]
    name = f"smoothkit_file_{path.stem}_{digest}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # so that the file can register "its own module:Name" by `__name__`
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
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
