"""What a look at one copy of an environment tells."""

from dataclasses import dataclass

from gymnasium import spaces

from smoothkit.errors import UserError
from smoothkit_policy.config import EnvironmentConfig
from smoothkit_policy.environments.exact.tabular_env import TabularEnv
from smoothkit_policy.environments.observation import Reading, reading_of
from smoothkit_policy.environments.one_env import Env, one_env, time_limit
from smoothkit_policy.environments.spec import Spec
from smoothkit_policy.environments.tables import Tables, tables_of


@dataclass(frozen=True, eq=False)
class Description:
    """What is known of an environment before it is stepped."""

    spec: Spec
    reading: Reading
    """How its observations are read."""
    first_action: int
    """What the environment calls action 0."""
    tables: Tables | None
    """Its exact model, if it tells one."""


def description(config: EnvironmentConfig) -> Description:
    """Make one copy, look at it, and close it.

    Raises:
        UserError: see `one_env`; or its actions are no choice of a few, or its observations nothing that networks take.
    """
    env = one_env(config)
    try:
        return _looked_at(env, config.id)
    finally:
        env.close()


def _looked_at(env: Env, id: str) -> Description:
    actions = env.action_space
    if not isinstance(actions, spaces.Discrete):
        raise UserError(
            f"environment.id: the actions of {id} are {actions}, and policies here choose one of a few, Discrete: "
            "take another environment, or a wrapper that offers a few of its actions"
        )
    try:
        reading = reading_of(env.observation_space)
    except ValueError as error:
        raise UserError(f"environment.id: {id}: {error}") from error
    limit = time_limit(env)
    assert limit is not None
    tables = tables_of(env, limit)
    inner = env.unwrapped
    if tables is None and isinstance(inner, TabularEnv) and inner.tables(limit).phase_steps:
        raise UserError(
            f"environment.wrappers: they hide the tables of {id}, without which a policy cannot be judged by the law "
            "that holds at the end; leave them out"
        )
    longest = limit if tables is None else tables.max_episode_steps
    threshold = env.spec.reward_threshold if env.spec else None
    solved = None if threshold is None else float(threshold)
    spec = Spec(id, reading.form, int(actions.n), longest, solved)
    return Description(spec, reading, int(actions.start), tables)
