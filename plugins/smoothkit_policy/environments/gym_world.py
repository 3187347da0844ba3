"""Environments without tables: for each agent, copies behind gymnasium's vector API."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from gymnasium.vector import AutoresetMode
from jaxtyping import Int64, Shaped
from torch import Tensor

from smoothkit.errors import TrainingError, UserError
from smoothkit.seeding import derived_seed
from smoothkit_policy.environments.copies import Batch, Copies
from smoothkit_policy.environments.description import Description
from smoothkit_policy.environments.plain import packed, unpacked
from smoothkit_policy.environments.said import said
from smoothkit_policy.environments.watched import BadStep
from smoothkit_policy.environments.world import Step, World


class GymWorld(World):
    """Copies that gymnasium steps: one vector environment for each member, one member after the other.

    Copy i of a seed begins by a seed of its own, derived from the seed, the purpose and i; copies in native form share
    one stream, so there what happens depends on their number.
    """

    def __init__(
        self,
        seen: Description,
        build: Callable[[], Copies],
        seeds: Sequence[int],
        num_envs: int,
        device: torch.device,
        purpose: str,
        comes_back: bool,
    ):
        self.spec, self.tables = seen.spec, seen.tables
        self.members, self.num_envs = len(seeds), num_envs
        self._reading, self._first_action = seen.reading, seen.first_action
        self._seeds, self._device, self._purpose = seeds, device, purpose
        self._comes_back = comes_back
        if not comes_back:
            self.notes = (
                f"{seen.spec.id} cannot be brought to where another copy of it stands: a run that is interrupted will "
                "begin new episodes when it is resumed, and then differ from one without the break",
            )
        self._all = [build() for _ in seeds]
        self._autoreset = self._all[0].autoreset
        self._nothing = np.zeros((self.members, num_envs), dtype=np.bool_)
        # Where the next step is only a reset; None if it is nowhere.
        self._pending: np.ndarray | None = None
        # Moving what is there already takes longer than a step of a simple environment.
        self._is_here = device.type == "cpu"
        self._never = torch.zeros(self.members, num_envs, dtype=torch.bool, device=device)
        self._count = 0

    def reset(self) -> Shaped[Tensor, "members envs ..."]:
        """Begin: the first observations of new episodes in every copy. To be called once.

        Raises:
            UserError: an environment raised an error, or returned what is no observation of its space.
        """
        self.observations = self._read(_rows([self._begun(member, self._purpose) for member in range(self.members)]))
        return self.observations

    def step(self, actions: Int64[Tensor, "members envs"]) -> Step:
        """Act in every copy, and begin a new episode wherever one has ended.

        Raises:
            TrainingError: an environment raised an error, or returned what is no observation or no finite reward.
        """
        self._count += 1
        chosen = actions.cpu().numpy()
        if self._first_action:
            chosen = chosen + self._first_action
        stepped = [self._stepped(member, chosen[member]) for member in range(self.members)]
        if self.members == 1:
            observations, rewards, terminated, cut_off = (part[None] for part in stepped[0][:4])
        else:
            observations, rewards, terminated, cut_off = map(np.stack, zip(*(own[:4] for own in stepped), strict=True))
        done = cut_off | terminated
        valid = None if self._pending is None else self._tensor(~self._pending)
        # Counting is several times faster than asking whether there is any.
        if not np.count_nonzero(done):
            self._pending = None
            self.observations = self._read(observations)
            return Step(self.observations, self._rewards(rewards), self._never, self._never, valid, None)
        # An episode that ended by itself in its last step was not cut off: true where the first is, the second not.
        truncated = cut_off > terminated
        final = self._final(observations, stepped, truncated) if truncated.any() else None
        if self._autoreset is AutoresetMode.NEXT_STEP:
            self._pending = done
        elif self._autoreset is AutoresetMode.DISABLED:
            observations = _rows([self._reset(member, own, done[member]) for member, own in enumerate(observations)])
        self.observations = self._read(observations)
        return Step(
            self.observations, self._rewards(rewards), self._tensor(terminated), self._tensor(truncated), valid, final
        )

    def state_dict(self) -> dict[str, Any]:
        """The past of every copy, with the members along the first axis."""
        pending = self._nothing if self._pending is None else self._pending
        return {
            "observations": self.observations.clone(),
            "pending": torch.from_numpy(pending.copy()),
            "count": torch.full((self.members,), self._count),
            "past": packed([copies.past() for copies in self._all]),
        }

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        """Stand where `state_dict` was called, in the middle of episodes; instead of `reset`.

        Where an environment does not come out where it stood, the member begins new episodes, and `notes` says so.
        """
        self.observations = state["observations"].to(self._device).clone()
        pending = state["pending"].cpu().numpy().copy()
        self._count = int(state["count"][0])
        for member, past in enumerate(unpacked(state["past"])):
            if not (self._comes_back and self._returned(member, past, pending[member])):
                pending[member] = False
                begun = self._begun(member, f"{self._purpose} from step {self._count}")
                self.observations[member] = self._read(begun[None])[0]
                self.notes = (
                    f"{self.spec.id} could not be brought to where it stood, so the resumed run has begun new episodes "
                    "and differs from one without the break",
                )
        self._pending = pending if pending.any() else None

    def close(self) -> None:
        """End processes, close windows."""
        for copies in self._all:
            copies.close()

    def _begun(self, member: int, purpose: str) -> np.ndarray:
        # Gymnasium takes whole numbers of any length, but what environments do with them not always.
        seeds = [
            derived_seed(self._seeds[member], f"{purpose} environment", copy) % 2**31 for copy in range(self.num_envs)
        ]
        try:
            return self._all[member].reset(seeds)
        except Exception as error:
            raise UserError(f"environment.id: {self.spec.id}: {_sentence(error)}") from error

    def _stepped(self, member: int, actions: np.ndarray) -> Batch:
        try:
            return self._all[member].step(actions)
        except Exception as error:
            raise self._failure(member, error) from error

    def _reset(self, member: int, observations: np.ndarray, done: np.ndarray) -> np.ndarray:
        if not done.any():
            return observations
        try:
            return self._all[member].reset_some(done)
        except Exception as error:
            raise self._failure(member, error) from error

    def _final(
        self, observations: np.ndarray, stepped: Sequence[Batch], truncated: np.ndarray
    ) -> Shaped[Tensor, "members envs ..."]:
        finals = observations.copy()
        if self._autoreset is AutoresetMode.SAME_STEP:
            for member, copy in zip(*truncated.nonzero(), strict=True):
                finals[member, copy] = stepped[member][4]["final_obs"][copy]
        return self._read(finals)

    def _returned(self, member: int, past: Any, pending: np.ndarray) -> bool:
        saved = self.observations[member : member + 1]
        try:
            found = self._all[member].return_to(past, pending.tolist())
        except Exception:
            # Whatever goes wrong on the way back: new episodes can be begun.
            return False
        return found is None or torch.equal(self._read(found[None]), saved)

    def _read(self, observations: np.ndarray) -> Shaped[Tensor, "members envs ..."]:
        read = self._reading(observations)
        return read if self._is_here else read.to(self._device)

    def _rewards(self, rewards: np.ndarray) -> Tensor:
        return self._tensor(rewards.astype(np.float32, copy=False))

    def _failure(self, member: int, error: Exception) -> TrainingError:
        return TrainingError(
            f"{self.spec.id}, seed {self._seeds[member]}, step {self._count} of each copy: {_sentence(error)}; "
            "the last checkpoint is kept"
        )

    def _tensor(self, array: np.ndarray) -> Tensor:
        tensor = torch.from_numpy(array)
        return tensor if self._is_here else tensor.to(self._device)


def _sentence(error: Exception) -> str:
    # What a watched environment did is a sentence already; a process that has died is not.
    return str(error) if isinstance(error, BadStep) else said(error)


def _rows(each: Sequence[np.ndarray]) -> np.ndarray:
    return each[0][None] if len(each) == 1 else np.stack(each)
