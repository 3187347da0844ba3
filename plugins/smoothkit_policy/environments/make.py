"""From `[environment]` to copies of it."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal

import gymnasium
import torch
from gymnasium.vector import AutoresetMode

from smoothkit.errors import UserError
from smoothkit_policy.config import EnvironmentConfig
from smoothkit_policy.environments.comes_back import comes_back
from smoothkit_policy.environments.copies import Copies, InProcesses, Looped, Native
from smoothkit_policy.environments.description import Description, description
from smoothkit_policy.environments.gym_world import GymWorld
from smoothkit_policy.environments.one_env import one_env
from smoothkit_policy.environments.registry import native_reset, registered
from smoothkit_policy.environments.said import said
from smoothkit_policy.environments.spec import Spec
from smoothkit_policy.environments.tables import Tables
from smoothkit_policy.environments.tabular_world import TabularWorld
from smoothkit_policy.environments.world import World

NATIVE_FROM = 8
"""Copies from which an environment's own vector form is faster than one copy after the other."""

Mode = Literal["tables", "native", "sync", "async"]


def describe(config: EnvironmentConfig) -> tuple[Spec, Tables | None]:
    """What is known of the environment, and its exact model if it tells one.

    Raises:
        UserError: there is no such environment or wrapper, it refuses its options, it has no time limit, its actions
            are no choice of a few, or its observations nothing that networks take.
    """
    seen = description(config)
    return seen.spec, seen.tables


def make_world(
    config: EnvironmentConfig,
    seeds: Sequence[int],
    device: torch.device,
    purpose: str = "training",
    num_envs: int | None = None,
) -> World:
    """Copies of the environment for one agent per seed; their random numbers depend on seed and `purpose` alone.

    `num_envs` copies for each, by default as many as the file says.

    Raises:
        UserError: see `describe`; or the environment cannot be stepped as `mode` and `autoreset` ask.
    """
    seen, copies = description(config), num_envs or config.num_envs
    mode = _mode(config, seen, copies)
    if mode == "tables":
        assert seen.tables is not None
        return TabularWorld(seen.spec, seen.tables, seeds, copies, device, purpose)
    build = partial(_build, config, mode, copies)
    # An evaluation is never resumed, so what it cannot do there is of no interest.
    resumes = purpose != "training" or _comes_back(config, seen, mode, copies)
    return GymWorld(seen, build, seeds, copies, device, purpose, resumes)


def _comes_back(config: EnvironmentConfig, seen: Description, mode: Mode, num_envs: int) -> bool:
    if mode == "native":
        build = partial(_build, config, mode, num_envs)
    else:
        build = partial(Looped, partial(one_env, config), 2, AutoresetMode.SAME_STEP)
    return comes_back(build, seen.spec.num_actions, seen.first_action)


def _mode(config: EnvironmentConfig, seen: Description, num_envs: int) -> Mode:
    own_reset = _own_reset(config)
    if config.mode == "tables":
        _check_tables(config, seen)
    if config.mode == "native":
        _check_native(config, own_reset)
    if config.mode != "auto":
        return config.mode
    if seen.tables is not None and config.autoreset in ("auto", "same-step"):
        return "tables"
    suits = own_reset is not None and (config.autoreset == "auto" or _asked(config) is own_reset)
    return "native" if suits and num_envs >= NATIVE_FROM else "sync"


def _own_reset(config: EnvironmentConfig) -> AutoresetMode | None:
    """How the environment's own vector form resets, if there is one that can be used."""
    spec = registered(config.id)
    return None if config.wrappers or spec.additional_wrappers else native_reset(spec)


def _check_tables(config: EnvironmentConfig, seen: Description) -> None:
    if seen.tables is None:
        why = "wrappers may change what they tell" if config.wrappers else "it tells none"
        raise UserError(f"environment.mode: there are no tables of {config.id}: {why}; 'auto' takes what there is")
    if config.autoreset not in ("auto", "same-step"):
        raise UserError(
            f"environment.autoreset: is {config.autoreset!r}, and tables reset in the same step; set environment.mode "
            "to 'sync' for the others"
        )


def _check_native(config: EnvironmentConfig, own_reset: AutoresetMode | None) -> None:
    if own_reset is None:
        why = "wrappers are put around single copies" if config.wrappers else "it is registered without"
        raise UserError(f"environment.mode: {config.id} has no vector form to use: {why}; use 'sync' or 'async'")
    if config.autoreset != "auto" and _asked(config) is not own_reset:
        raise UserError(
            f"environment.autoreset: is {config.autoreset!r}, and the vector form of {config.id} knows "
            f"{own_reset.value} only; leave it out, or set environment.mode to 'sync'"
        )


def _asked(config: EnvironmentConfig) -> AutoresetMode:
    modes = {"next-step": AutoresetMode.NEXT_STEP, "disabled": AutoresetMode.DISABLED}
    return modes.get(config.autoreset, AutoresetMode.SAME_STEP)


def _build(config: EnvironmentConfig, mode: Mode, num_envs: int) -> Copies:
    make: Callable[[], gymnasium.Env] = partial(one_env, config)
    if mode == "sync":
        return Looped(make, num_envs, _asked(config))
    if mode == "async":
        return _in_processes(config, make, num_envs)
    limit = {} if config.max_episode_steps is None else {"max_episode_steps": config.max_episode_steps}
    try:
        return Native(
            gymnasium.make_vec(
                registered(config.id), num_envs, vectorization_mode="vector_entry_point", **limit, **config.options
            )
        )
    except Exception as error:
        raise UserError(f"environment.options: the vector form of {config.id} cannot be made: {said(error)}") from error


def _in_processes(config: EnvironmentConfig, make: Callable[[], gymnasium.Env], num_envs: int) -> Copies:
    try:
        return InProcesses(make, num_envs, _asked(config))
    except Exception as error:
        raise UserError(
            f"environment.mode: {config.id} cannot be put into processes of its own, {said(error)}; use 'sync'"
        ) from error
