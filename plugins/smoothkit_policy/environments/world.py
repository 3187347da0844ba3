"""Many copies of an environment for many agents, stepped together."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from jaxtyping import Bool, Float32, Int64, Shaped
from torch import Tensor

from smoothkit_policy.environments.spec import Spec
from smoothkit_policy.environments.tables import Tables


@dataclass(frozen=True, eq=False)
class Step:
    """What one step of every copy has come to; where nothing ended, `terminated` and `truncated` may be one tensor."""

    observations: Shaped[Tensor, "members envs ..."]
    """What the policy acts on next: Int64 for indices, else Float32. Where `next-step` resets are used, the step after
    the end of an episode starts from that episode's last observation."""
    rewards: Float32[Tensor, "members envs"]
    """Rewards, in the environment's units; 0 where the step was only a reset."""
    terminated: Bool[Tensor, "members envs"]
    """Whether the episode ended by itself: what follows is worth nothing."""
    truncated: Bool[Tensor, "members envs"]
    """Whether the episode was cut off, though it might have gone on; False where it also ended by itself."""
    valid: Bool[Tensor, "members envs"] | None
    """False where this step was only a reset, whose action had no effect; None where every copy has acted."""
    final: Shaped[Tensor, "members envs ..."] | None
    """Last observations of the episodes, right wherever `truncated`; None if nothing was truncated in this step."""


class World(ABC):
    """`num_envs` copies of one environment for each of `members` agents, whose random numbers never mix.

    The tensors of `state_dict` have the members along their first axis.
    """

    spec: Spec
    """What is known of the environment."""
    tables: Tables | None
    """Its exact model, if there is one."""
    members: int
    """Number of agents."""
    num_envs: int
    """Copies for each of them."""
    observations: Shaped[Tensor, "members envs ..."]
    """What the policy acts on next, as the last call of `reset`, `step` or `load_state_dict` has left it."""
    notes: tuple[str, ...] = ()
    """What the user should know, in sentences: that a resumed run begins new episodes, say."""

    @abstractmethod
    def reset(self) -> Shaped[Tensor, "members envs ..."]:
        """Begin: the first observations of new episodes in every copy. To be called once."""

    @abstractmethod
    def step(self, actions: Int64[Tensor, "members envs"]) -> Step:
        """Act in every copy, and begin a new episode wherever one has ended.

        Raises:
            TrainingError: an environment raised an error, or returned what is no observation or no finite reward.
        """

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """Everything that what happens next depends on, besides the actions."""

    @abstractmethod
    def load_state_dict(self, state: dict[str, Any], /) -> None:
        """Stand where `state_dict` was called, in the middle of episodes; instead of `reset`."""

    def close(self) -> None:  # noqa: B027 (most worlds hold nothing)
        """Free what the copies hold: processes, windows."""
