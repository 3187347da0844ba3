"""One copy of an environment, as a scenario file describes it."""

import dataclasses
from typing import Any

import gymnasium
from gymnasium.envs.registration import EnvSpec
from gymnasium.error import DependencyNotInstalled

from smoothkit.errors import UserError
from smoothkit_policy.config import EnvironmentConfig
from smoothkit_policy.environments.registry import registered, wrapper
from smoothkit_policy.environments.said import said

Env = gymnasium.Env[Any, Any]


def one_env(config: EnvironmentConfig, render_mode: str | None = None) -> Env:
    """The environment with its time limit and its wrappers.

    Raises:
        UserError: there is no such environment or wrapper, it refuses its options, or it has no time limit.
    """
    if "max_episode_steps" in config.options:
        raise UserError("environment.options: max_episode_steps is a key of [environment], not an option")
    env = _made(config, registered(config.id), {} if render_mode is None else {"render_mode": render_mode})
    if time_limit(env) is None:
        env.close()
        raise UserError(
            f"environment.max_episode_steps: {config.id} is registered without a time limit, and episodes must end: "
            "set one"
        )
    for name in config.wrappers:
        put_around = wrapper(name)
        try:
            env = put_around(env)
        except Exception as error:
            raise UserError(
                f"environment.wrappers: {name!r} cannot be put around {config.id}: {said(error)}; wrappers get no "
                "arguments, so one that needs some is written as a function of the environment alone, module:function"
            ) from error
    return env


def time_limit(env: Env) -> int | None:
    """Steps after which an episode is cut off: gymnasium's limit, else MiniGrid's own; None if there is neither."""
    limit = env.spec.max_episode_steps if env.spec else None
    return limit if limit is not None else getattr(env.unwrapped, "max_steps", None)


def _made(config: EnvironmentConfig, spec: EnvSpec, rendering: dict[str, str]) -> Env:
    # Worlds reset before they step, so nothing needs to watch over that in every step.
    unordered = dataclasses.replace(spec, order_enforce=False)
    try:
        return gymnasium.make(
            unordered,
            max_episode_steps=config.max_episode_steps,
            disable_env_checker=True,
            **{**config.options, **rendering},
        )
    except (DependencyNotInstalled, ImportError) as error:
        raise UserError(f"environment.id: {config.id} needs a package that is not installed: {said(error)}") from error
    except Exception as error:
        raise UserError(f"environment.options: {config.id} cannot be made: {said(error)}") from error
