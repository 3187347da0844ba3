"""The networks that `[network]` asks for."""

from collections.abc import Sequence

import torch

from smoothkit.errors import UserError
from smoothkit_policy.config import NetworkConfig
from smoothkit_policy.environments.spec import Spec
from smoothkit_policy.networks.conv import SMALLEST, Conv
from smoothkit_policy.networks.mlp import MLP
from smoothkit_policy.networks.network import Network


def is_convolutional(config: NetworkConfig, spec: Spec) -> bool:
    """Whether the file asks for convolutions, or leaves it open and observations are images that are large enough."""
    if config.name == "auto":
        return spec.observations.kind == "image" and min(spec.observations.shape[1:]) >= SMALLEST
    return config.name == "conv"


def build_network(
    config: NetworkConfig, spec: Spec, generators: Sequence[torch.Generator], critics: int, device: torch.device
) -> Network:
    """Networks with one member for each generator, which draws its first weights.

    Raises:
        UserError: convolutions are asked for, and observations are no images that are large enough.
    """
    seen = spec.observations
    if is_convolutional(config, spec):
        try:
            network = Conv(
                len(generators),
                seen.shape,
                spec.num_actions,
                hidden=config.hidden,
                activation=config.activation,
                critics=critics,
                device=device,
            )
        except ValueError as error:
            raise UserError(f"{spec.id}: {error}") from error
    else:
        is_index = seen.kind == "index"
        network = MLP(
            len(generators),
            int(seen.states or 0) if is_index else torch.Size(seen.shape).numel(),
            spec.num_actions,
            is_index=is_index,
            hidden=config.hidden,
            activation=config.activation,
            critics=critics,
            device=device,
        )
    network.draw(generators, config.policy_gain)
    return network
