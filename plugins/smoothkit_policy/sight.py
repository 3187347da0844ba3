"""What networks see of observations."""

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float32, Shaped
from torch import Tensor

from smoothkit.errors import UserError
from smoothkit_policy.config import EnvironmentConfig, NetworkConfig
from smoothkit_policy.environments.spec import Spec
from smoothkit_policy.networks.build import is_convolutional
from smoothkit_policy.normalisation import Observer

Rows = Shaped[Tensor, "members rows ..."]


class Sight:
    """Indices as they are; vectors normalised where that is asked for; images as vectors, but for convolutions.

    Several agents' statistics are members of it.
    """

    def __init__(self, observer: Observer | None, is_flat: bool):
        self._observer, self._is_flat = observer, is_flat

    @staticmethod
    def of(
        environment: EnvironmentConfig, network: NetworkConfig, spec: Spec, members: int, device: torch.device
    ) -> "Sight":
        """What the file asks for.

        Raises:
            UserError: observations are to be normalised that are no vectors.
        """
        is_flat = spec.observations.kind != "index" and not is_convolutional(network, spec)
        features = torch.Size(spec.observations.shape).numel()
        if environment.normalize_observations and not is_flat:
            kind = "indices of states" if spec.observations.kind == "index" else "images that are convolved"
            raise UserError(
                f"environment.normalize_observations: the observations of {spec.id} are {kind}, which have no mean and "
                "variance to normalise by; leave it out"
            )
        observer = Observer(members, features, device) if environment.normalize_observations else None
        return Sight(observer, is_flat)

    def __call__(self, observations: Rows) -> Rows:
        """What the networks are given."""
        if self._is_flat and observations.dim() > 3:
            observations = observations.flatten(2)
        return observations if self._observer is None else self._observer(observations)

    def learn(self, observations: Rows, weights: Float32[Tensor, "members rows"]) -> None:
        """Take the observations of a rollout into account, from the next one on."""
        if self._observer is not None:
            self._observer.learn(observations.flatten(2), weights)

    def member(self, index: int) -> "Sight":
        """A copy of one member's."""
        return Sight(None if self._observer is None else self._observer.member(index), self._is_flat)

    def state_dict(self) -> dict[str, Any]:
        """The statistics, members along the first axis."""
        return {} if self._observer is None else self._observer.state_dict()

    def load_state_dict(self, state_dict: Mapping[str, Any], /) -> None:
        """The inverse."""
        if self._observer is not None:
            self._observer.load_state_dict(state_dict)
