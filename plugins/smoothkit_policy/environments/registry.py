"""Ids of environments and names of wrappers: from words in a scenario file to classes, or to an error that helps."""

import re
from collections.abc import Callable
from importlib import import_module
from typing import Any, cast

import gymnasium
from gymnasium.envs.registration import EnvSpec, load_env_creator
from gymnasium.vector import AutoresetMode

from smoothkit.errors import UserError, nearest
from smoothkit_policy.environments.said import said

MakeWrapper = Callable[[gymnasium.Env[Any, Any]], gymnasium.Env[Any, Any]]


def registered(id: str) -> EnvSpec:
    """What gymnasium's registry holds under `id`; `module:Name-v0` imports the module first.

    Raises:
        UserError: the module cannot be imported, or the registry has no such id.
    """
    module, _, name = id.rpartition(":")
    if module:
        _imported(module, "environment.id")
    if name not in gymnasium.registry:
        versions = sorted(each for each in gymnasium.registry if _unversioned(each) == _unversioned(name))
        hint = f"there is {', '.join(versions)}" if versions else nearest(name, gymnasium.registry)
        if not module:
            hint += "; an id of another package is written module:Name-v0, which imports the module"
        raise UserError(f"environment.id: {name!r} is not registered with gymnasium: {hint}")
    return gymnasium.registry[name]


def native_reset(spec: EnvSpec) -> AutoresetMode | None:
    """How an environment's own vector form resets; None if it has none, or does not tell.

    Raises:
        UserError: the vector form is registered, and cannot be imported.
    """
    entry = spec.vector_entry_point
    if isinstance(entry, str):
        try:
            entry = load_env_creator(entry)
        except Exception as error:
            raise UserError(
                f"environment.id: {spec.id} has a vector form that cannot be imported: {said(error)}"
            ) from error
    found = getattr(entry, "metadata", {}).get("autoreset_mode")
    return found if isinstance(found, AutoresetMode) else None


def wrapper(name: str) -> MakeWrapper:
    """The wrapper called `name`: in `gymnasium.wrappers`, or `module:Class`.

    Raises:
        UserError: there is none of that name, or its module cannot be imported.
    """
    module, _, last = name.rpartition(":")
    place = _imported(module or "gymnasium.wrappers", "environment.wrappers")
    names = [each for each in dir(place) if _is_wrapper(getattr(place, each))]
    found: Any = getattr(place, last, None)
    if not callable(found):
        raise UserError(f"environment.wrappers: {place.__name__} has no wrapper {last!r}: {nearest(last, names)}")
    return cast(MakeWrapper, found)


def _imported(module: str, key: str) -> Any:
    try:
        return import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise UserError(f"{key}: {module} cannot be imported ({said(error)}): pip install {package}") from error


def _unversioned(id: str) -> str:
    return re.sub(r"-v\d+$", "", id)


def _is_wrapper(thing: Any) -> bool:
    return isinstance(thing, type) and issubclass(thing, gymnasium.Wrapper) and thing is not gymnasium.Wrapper
