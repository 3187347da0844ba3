"""Networks of several members, whose backward pass is written by hand, against autograd."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from smoothkit_policy.networks.mlp import MLP

CPU = torch.device("cpu")
INPUTS, ACTIONS, ROWS = 7, 4, 5


def network(generators, *, members=3, is_index=False, hidden=(6, 5), activation="tanh", critics=1):
    made = MLP(
        members,
        INPUTS,
        ACTIONS,
        is_index=is_index,
        hidden=hidden,
        activation=activation,
        critics=critics,
        device=CPU,
    )
    made.draw(generators(members), 1.0)
    return made


def observations(members, is_index):
    source = torch.Generator().manual_seed(9)
    if is_index:
        return torch.randint(INPUTS, (members, ROWS), generator=source)
    return torch.randn(members, ROWS, INPUTS, generator=source)


def plain(made, member, activation):
    """Two stacks of torch's own layers with a member's weights: the policy and the critic."""
    weights = dict(made.named_parameters())
    stacks = []
    for tower, head in enumerate(("policy", "critic")):
        layers: list[nn.Module] = []
        names = [name.removesuffix("_weight") for name in weights if name.startswith("hidden") and "weight" in name]
        for name in [*names, head]:
            weight, bias = (weights[f"{name}_{part}"].data[member] for part in ("weight", "bias"))
            if name != head:
                weight, bias = weight[tower], bias[tower]
            layer = nn.Linear(*weight.shape)
            layer.weight.data, layer.bias.data = weight.T.clone(), bias.flatten().clone()
            layers += [layer] if name == head else [layer, nn.Tanh() if activation == "tanh" else nn.ReLU()]
        stacks.append(nn.Sequential(*layers))
    return stacks


@pytest.mark.parametrize("critics", [1, 4])
@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("hidden", [(), (6,), (6, 5)])
@pytest.mark.parametrize("is_index", [False, True])
@pytest.mark.parametrize("members", [1, 3])
def test_outputs_and_gradients_are_those_of_plain_layers(members, is_index, hidden, activation, critics, generators):
    made = network(
        generators, members=members, is_index=is_index, hidden=hidden, activation=activation, critics=critics
    )
    seen = observations(members, is_index)
    logits, values = made(seen)
    d_logits, d_values = (
        torch.randn(each.shape, generator=torch.Generator().manual_seed(1)) for each in (logits, values)
    )
    made.backward(d_logits, d_values)
    torch.testing.assert_close(made.act(seen), logits)
    torch.testing.assert_close(made.values(seen), values)
    for member in range(members):
        inputs = F.one_hot(seen[member], INPUTS).float() if is_index else seen[member]
        policy, critic = plain(made, member, activation)
        torch.testing.assert_close(policy(inputs), logits[member])
        torch.testing.assert_close(critic(inputs), values[member])
        ((policy(inputs) * d_logits[member]).sum() + (critic(inputs) * d_values[member]).sum()).backward()
        for tower, (head, stack) in enumerate((("policy", policy), ("critic", critic))):
            linear = [layer for layer in stack if isinstance(layer, nn.Linear)]
            for depth, layer in enumerate(linear):
                name = head if depth == len(linear) - 1 else f"hidden_{depth}"
                found = [made.gradients[f"{name}_{part}"][member] for part in ("weight", "bias")]
                weight, bias = found if name == head else [each[tower] for each in found]
                torch.testing.assert_close(weight, layer.weight.grad.T, rtol=1e-4, atol=1e-5)
                torch.testing.assert_close(bias.flatten(), layer.bias.grad, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("is_index", [False, True])
def test_a_member_alone_is_the_member_in_company(is_index, generators):
    made = network(generators, is_index=is_index)
    seen = observations(3, is_index)
    alone = made.member(2)
    torch.testing.assert_close(alone.act(seen[2:]), made.act(seen)[2:])
    own = MLP(1, INPUTS, ACTIONS, is_index=is_index, hidden=(6, 5), activation="tanh", critics=1, device=CPU)
    own.draw(generators(1, first=2), 1.0)
    for name, weight in own.state_dict().items():
        assert torch.equal(weight, made.state_dict()[name][2:]), name


def test_weights_are_views_of_one_vector(generators):
    made = network(generators)
    made.flat.data.fill_(0.5)
    assert all(bool((weight == 0.5).all()) for weight in made.parameters())
    made.load_state_dict({name: torch.ones_like(weight) for name, weight in made.state_dict().items()})
    assert bool((made.flat == 1).all())


def test_first_weights_are_orthogonal_with_the_gains_asked_for(generators):
    made = MLP(1, 6, 3, is_index=False, hidden=(6,), activation="tanh", critics=1, device=CPU)
    made.draw(generators(1), 0.01)
    weights = {name: weight.data[0] for name, weight in made.named_parameters()}
    for tower in weights["hidden_0_weight"]:
        torch.testing.assert_close(tower @ tower.T, 2 * torch.eye(6), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(weights["policy_weight"].T @ weights["policy_weight"], 1e-4 * torch.eye(3))
    torch.testing.assert_close(weights["critic_weight"].norm(), torch.tensor(1.0))
    assert not any(weights[name].any() for name in weights if name.endswith("bias"))


def test_norms_and_scales_are_of_each_member(generators):
    made, pair = network(generators), network(generators, members=1)
    for each in (made, pair):
        each.flat.grad.copy_(torch.randn(each.flat.shape, generator=torch.Generator().manual_seed(3)))
        expected = torch.stack(
            [
                torch.cat([gradient[member].flatten() for gradient in each.gradients.values()]).norm()
                for member in range(each.members)
            ]
        )
        torch.testing.assert_close(each.gradient_norms(), expected)
        factors = torch.arange(1.0, 1.0 + each.members)
        each.scale_gradients(factors)
        torch.testing.assert_close(each.gradient_norms(), expected * factors)
