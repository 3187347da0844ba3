"""One agent's policy, which training does not move any more."""

from dataclasses import dataclass

import torch
from jaxtyping import Float32, Float64, Shaped
from torch import Tensor

from smoothkit_policy.environments.spec import Spec
from smoothkit_policy.networks.network import Network
from smoothkit_policy.sight import Sight


@dataclass(frozen=True, eq=False)
class Policy:
    """A network with one member, and how it sees observations."""

    network: Network
    sight: Sight
    spec: Spec

    def log_probs(self, observations: Shaped[Tensor, "rows ..."]) -> Float32[Tensor, "rows actions"]:
        """The logarithm of each action's probability; observations as the environment gives them."""
        return self.network.act(self.sight(observations.unsqueeze(0)))[0].log_softmax(1)

    def table(self) -> Float64[Tensor, "states actions"]:
        """The probabilities of actions in every state, where observations are indices of states.

        Raises:
            ValueError: they are not.
        """
        if self.spec.observations.states is None:
            raise ValueError(f"{self.spec.id} has no table of states; its observations are no indices")
        states = torch.arange(self.spec.observations.states, device=self.network.flat.device)
        return self.log_probs(states).double().softmax(1)
