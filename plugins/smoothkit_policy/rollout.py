"""What agents did between two updates, and what an update is given of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float32, Int64, Shaped
from torch import Tensor

from smoothkit_policy.environments.world import Step


@dataclass(frozen=True, eq=False)
class Batch:
    """A rollout as an update sees it: rows are the steps of all copies of the environment."""

    observations: Shaped[Tensor, "members rows ..."]
    """As the networks see them."""
    actions: Int64[Tensor, "members rows"]
    log_probs: Float32[Tensor, "members rows actions"]
    """Of the policy at the time."""
    advantages: Float32[Tensor, "members rows"]
    returns: Float32[Tensor, "members rows"]
    """What the critic is to say of the action taken."""
    values: Float32[Tensor, "members rows"]
    """What the critic said of the state."""
    weights: Float32[Tensor, "members rows"]
    """1, or 0 for steps that were only a reset."""


class Rollout:
    """Steps as they come, in tensors that are written over by the next rollout."""

    def __init__(self, first: Shaped[Tensor, "members envs ..."], num_steps: int, num_actions: int):
        members, envs = first.shape[:2]
        device = first.device

        def empty(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
            return torch.zeros(members, num_steps, envs, *shape, dtype=dtype, device=device)

        self.now = first
        """What the policy acts on next."""
        self.observations = empty(*first.shape[2:], dtype=first.dtype)
        self.logits = empty(num_actions)
        self.noise = empty(num_actions)
        self.actions = empty(dtype=torch.int64)
        self.rewards = empty()
        self.last_values = empty()
        """Of the last observations of truncated episodes."""
        self.terminated = empty(dtype=torch.bool)
        self.truncated = empty(dtype=torch.bool)
        self.valid = empty(dtype=torch.bool)
        self._look()

    def begin(self, streams: Sequence[torch.Generator]) -> None:
        """Draw the noise of all actions to come, each member's from its own stream: Gumbel's, so that the largest sum
        of logit and noise is a draw from the policy (Gumbel 1954)."""
        for own, stream in zip(self.noise, streams, strict=True):
            own.copy_(torch.empty(own.shape).exponential_(generator=stream))
        self.noise.log_().neg_()
        self.valid.fill_(True)
        self.terminated.fill_(False)
        self.truncated.fill_(False)

    def keep_logits(self, place: int, logits: Float32[Tensor, "members envs actions"]) -> None:
        """Keep the policy's, whatever actions are drawn by."""
        self._steps["logits"][place].copy_(logits)

    def choose(self, place: int, logits: Float32[Tensor, "members envs actions"]) -> Int64[Tensor, "members envs"]:
        """Draw actions by `logits`."""
        at = self._steps
        actions = (logits + at["noise"][place]).argmax(2)
        at["observations"][place].copy_(self.now)
        at["actions"][place].copy_(actions)
        return actions

    def note(self, place: int, step: Step) -> None:
        """Keep what a step came to."""
        at = self._steps
        at["rewards"][place].copy_(step.rewards)
        if step.terminated is not step.truncated:
            at["terminated"][place].copy_(step.terminated)
            at["truncated"][place].copy_(step.truncated)
        self.now = step.observations
        if step.valid is not None:
            at["valid"][place].copy_(step.valid)
            # A reset uses no noise, so that the actions of an environment do not depend on how it is reset.
            member, env = (~step.valid).nonzero(as_tuple=True)
            self.noise[member, place + 1 :, env] = self.noise[member, place:-1, env]

    def _look(self) -> None:
        """Views of each step, which are faster to write to than slices."""
        self._steps = {name: each.unbind(1) for name, each in vars(self).items() if name not in ("now", "_steps")}

    @property
    def ended(self) -> Bool[Tensor, "members steps envs"]:
        """Where an episode ended."""
        return self.terminated | self.truncated

    def state_dict(self) -> dict[str, Any]:
        """Everything, members along the first axis: a run may be resumed in the middle of a rollout."""
        return {name: each for name, each in vars(self).items() if name != "_steps"}

    def load_state_dict(self, state_dict: Mapping[str, Any], /) -> None:
        """The inverse."""
        for name, saved in state_dict.items():
            setattr(self, name, saved.to(self.now.device))
        self._look()
