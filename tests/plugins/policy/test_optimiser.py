"""One vector for all members, against torch's optimisers on each member's weights alone."""

import pytest
import torch
from torch import nn

from smoothkit_policy.config import TrainConfig
from smoothkit_policy.networks.mlp import MLP
from smoothkit_policy.optimiser import ADAM_EPSILON, RMSPROP_DECAY, RMSPROP_EPSILON, Optimiser

CPU = torch.device("cpu")


def network(members, generators):
    made = MLP(members, 3, 2, is_index=False, hidden=(5,), activation="tanh", critics=1, device=CPU)
    made.draw(generators(members), 1.0)
    return made


def gradients(made, step):
    """Those of a step, drawn for each member: of the second one large enough to be clipped."""
    for name, gradient in made.gradients.items():
        for member, own in enumerate(gradient):
            source = torch.Generator().manual_seed(len(name) * 100 + member * 10 + step)
            own.copy_(torch.randn(own.shape, generator=source) * (0.01 if member == 0 else 3.0))


@pytest.mark.parametrize("name", ["adam", "rmsprop"])
@pytest.mark.parametrize("largest", [0.5, 0])
def test_every_member_moves_as_it_would_alone(name, largest, generators):
    together = network(2, generators)
    optimiser = Optimiser(TrainConfig(optimizer=name, lr=0.01, max_grad_norm=largest), together)
    alone = [
        {key: nn.Parameter(weight[index].clone()) for key, weight in together.named_parameters()} for index in (0, 1)
    ]
    kinds = {
        "adam": lambda weights: torch.optim.Adam(weights, lr=0.01, eps=ADAM_EPSILON),
        "rmsprop": lambda weights: torch.optim.RMSprop(weights, lr=0.01, alpha=RMSPROP_DECAY, eps=RMSPROP_EPSILON),
    }
    optimisers = [kinds[name](own.values()) for own in alone]
    for step in range(4):
        gradients(together, step)
        for index, own in enumerate(alone):
            for key, weight in own.items():
                weight.grad = together.gradients[key][index].clone()
            if largest:
                nn.utils.clip_grad_norm_(own.values(), largest)
            optimisers[index].step()
        optimiser.step()
    for index, own in enumerate(alone):
        for key, weight in together.named_parameters():
            torch.testing.assert_close(weight[index], own[key].data, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", ["adam", "rmsprop"])
def test_a_state_has_the_members_along_its_first_axis_and_goes_on(name, generators):
    config = TrainConfig(optimizer=name, lr=0.01)
    first, second = network(2, generators), network(2, generators)
    whole, parted = Optimiser(config, first), Optimiser(config, second)
    for step in range(2):
        for made, optimiser in ((first, whole), (second, parted)):
            gradients(made, step)
            optimiser.step()
    resumed = Optimiser(config, second)
    state = parted.state_dict()
    resumed.load_state_dict(state)
    assert {len(each) for value in state.values() if isinstance(value, dict) for each in value.values()} == {2}
    for made, optimiser in ((first, whole), (second, resumed)):
        gradients(made, 7)
        optimiser.set_lr(0.5)
        optimiser.step()
    assert torch.equal(first.flat, second.flat)
    assert whole.lr == 0.5
