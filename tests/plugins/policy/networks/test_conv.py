"""The network for images against torch's own layers and autograd."""

from itertools import pairwise
from typing import Literal

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from smoothkit_policy.networks.conv import SMALLEST, Conv, left_of

IMAGE = (2, 36, 40)
ACTIONS, ROWS, MEMBERS = 3, 4, 2


def conv(members=MEMBERS, hidden=(7,), activation: Literal["tanh", "relu"] = "tanh", critics=1):
    network = Conv(
        members,
        IMAGE,
        ACTIONS,
        hidden=hidden,
        activation=activation,
        critics=critics,
        device=torch.device("cpu"),
    )
    network.draw([torch.Generator().manual_seed(seed) for seed in range(members)], policy_gain=0.5)
    return network


def images(members=MEMBERS):
    return torch.randn(members, ROWS, *IMAGE, generator=torch.Generator().manual_seed(9))


def layers(network, member, tower, activation):
    """One tower of one member in torch's own layers."""
    weights = {
        name.removeprefix(f"{tower}_"): weight[member].clone()
        for name, weight in network.named_parameters()
        if name.startswith(tower)
    }
    parts: list[nn.Module] = []
    for depth, stride in enumerate((4, 2, 1)):
        weight = weights[f"conv_{depth}_weight"]
        parts += [nn.Conv2d(weight.shape[1], weight.shape[0], weight.shape[2], stride), nn.ReLU()]
    parts.append(nn.Flatten())
    widths = [weight.shape for name, weight in weights.items() if "conv" not in name and "weight" in name]
    for shape in widths:
        parts += [nn.Linear(shape[1], shape[0]), activation()]
    made = nn.Sequential(*parts[:-1])
    for own, weight in zip(made.parameters(), weights.values(), strict=True):
        own.data.copy_(weight)
    return made


@pytest.mark.parametrize(("hidden", "activation", "critics"), [((7,), "tanh", 1), ((), "tanh", 3), ((6, 5), "relu", 1)])
def test_outputs_and_gradients_are_those_of_torchs_layers(hidden, activation, critics):
    network, seen = conv(hidden=hidden, activation=activation, critics=critics), images()
    logits, values = network(seen)
    d_logits, d_values = logits.detach().cos() - 0.3, values.detach().cos() - 0.2
    network.backward(d_logits, d_values)
    for member in range(MEMBERS):
        for tower, output, d_output in (("policy", logits, d_logits), ("critic", values, d_values)):
            made = layers(network, member, tower, nn.Tanh if activation == "tanh" else nn.ReLU)
            expected = made(seen[member])
            assert_close(output[member], expected.detach())
            expected.backward(d_output[member])
            own = [name for name in network.gradients if name.startswith(tower)]
            for name, parameter in zip(own, made.parameters(), strict=True):
                assert_close(network.gradients[name][member], parameter.grad, rtol=1e-4, atol=1e-5)


def test_outputs_carry_no_graph_and_acting_gives_the_same():
    network, seen = conv(), images()
    logits, values = network(seen)
    assert not logits.requires_grad
    assert not values.requires_grad
    assert_close(network.act(seen), logits)
    assert_close(network.values(seen), values)
    assert logits.shape == (MEMBERS, ROWS, ACTIONS)
    assert values.shape == (MEMBERS, ROWS, 1)


def test_gradients_are_there_in_inference_mode_too():
    """Training is in it; autograd is not."""
    network, seen = conv(), images()
    logits, values = network(seen)
    network.backward(logits, values)
    expected = {name: gradient.clone() for name, gradient in network.gradients.items()}
    with torch.inference_mode():
        again = conv()
        logits, values = again(images())
        again.backward(logits, values)
    assert_close(again.gradients, expected)
    assert all(gradient.any() for gradient in expected.values())


def test_a_member_alone_is_what_it_was_among_others():
    together, seen = conv(), images()
    logits, values = together(seen)
    together.backward(torch.ones_like(logits), torch.ones_like(values))
    alone = together.member(1)
    own_logits, own_values = alone(seen[1:])
    alone.backward(torch.ones_like(own_logits), torch.ones_like(own_values))
    assert torch.equal(own_logits[0], logits[1])
    assert torch.equal(own_values[0], values[1])
    for name, gradient in alone.gradients.items():
        assert torch.equal(gradient[0], together.gradients[name][1])


def test_a_members_first_weights_depend_on_its_own_generator_only():
    pair, single = conv(2), conv(1)
    for (_, both), (_, own) in zip(pair.named_parameters(), single.named_parameters(), strict=True):
        assert torch.equal(both[0], own[0])
    first, second = pair.state_dict()["policy_conv_0_weight"]
    assert not torch.equal(first, second)


def test_no_gain_begins_with_the_uniform_policy():
    network = conv()
    network.draw([torch.Generator().manual_seed(seed) for seed in range(MEMBERS)], policy_gain=0.0)
    assert not network.act(images()).any()


def test_the_last_convolution_covers_what_torch_says():
    for side in (SMALLEST, 52, 84):
        seen = torch.zeros(1, 1, side, side)
        for kernel, stride in ((8, 4), (4, 2), (3, 1)):
            seen = nn.functional.conv2d(seen, torch.zeros(1, 1, kernel, kernel), stride=stride)
        assert seen.shape[-1] == left_of(side)
    assert all(left_of(low) <= left_of(high) for low, high in pairwise(range(20, 90)))
    assert left_of(SMALLEST) == 1
    assert left_of(SMALLEST - 1) == 0


@pytest.mark.parametrize("shape", [(3, 35, 40), (3, 40, 35), (84,)])
def test_what_is_no_image_or_too_small_is_refused(shape):
    with pytest.raises(ValueError, match=r"of shape \(.*\) do not suit .* 36 x 36 .* network.name = \"mlp\""):
        Conv(1, shape, 2, hidden=(), activation="relu", critics=1, device=torch.device("cpu"))
