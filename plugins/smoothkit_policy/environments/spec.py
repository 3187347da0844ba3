"""What the rest of the plugin knows of an environment: its observations, its actions and how long an episode lasts."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Observations:
    """The form of one observation, as a world hands it out.

    An `index` is one of `states` whole numbers from 0; a `vector` has the shape (features,); an `image` (channels,
    height, width), in the units of the environment: pixels are not divided by 255.
    """

    kind: Literal["index", "vector", "image"]
    """Which of the three."""
    shape: tuple[int, ...]
    """Axes of one observation; none for an index."""
    states: int | None = None
    """Number of different indices; None for the other kinds."""


@dataclass(frozen=True)
class Spec:
    """An environment, as far as networks, records and evaluations need to know it."""

    id: str
    """Its id in gymnasium's registry."""
    observations: Observations
    """The form of one observation."""
    num_actions: int
    """Number of actions, which are 0 … num_actions - 1 whatever the environment calls them."""
    max_episode_steps: int
    """Steps after which an episode is truncated."""
    reward_threshold: float | None
    """Return from which the environment counts as solved, if it is registered with one."""
