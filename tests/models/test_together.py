"""Several networks as one module: each member is what it is alone."""

from copy import deepcopy

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations
from torch.testing import assert_close

from smoothkit import plugins
from smoothkit.models import MLP, LeNet, WideResNet
from smoothkit.models.together import Together

MEMBERS = 3


class Tied(nn.Module):
    """One weight in two places, a frozen one, and a buffer that no checkpoint keeps."""

    def __init__(self):
        super().__init__()
        self.first, self.second, self.last = nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 2)
        self.second.weight = self.first.weight
        self.last.bias.requires_grad_(False)
        self.register_buffer("scale", torch.rand(3) + 1, persistent=False)

    def forward(self, x):
        return self.last(self.second(self.first(x).tanh()) * self.scale)


def mlp():
    return MLP(num_classes=4, in_channels=2, image_size=3, hidden=(6, 5)), (2, 3, 3)


def logistic():
    return MLP(num_classes=4, in_channels=7, image_size=1, hidden=()), (7,)


def lenet():
    return LeNet(num_classes=4, in_channels=1), (1, 32, 32)


def wide_resnet():
    return WideResNet(num_classes=4, depth=10, widen=1), (3, 8, 8)


def tied():
    return Tied(), (3,)


def weight_normed():
    return nn.Sequential(parametrizations.weight_norm(nn.Linear(3, 4)), nn.ReLU(), nn.Linear(4, 2)), (3,)


LINEAR = [mlp, logistic]
OTHERS = [lenet, wide_resnet, tied, weight_normed]
KINDS = [*LINEAR, *OTHERS]


def built(kind, members=MEMBERS):
    """The networks, and one input for each; apart from the first numbers nothing is equal."""
    torch.manual_seed(0)
    models = [kind()[0] for _ in range(members)]
    return models, torch.randn(members, 5, *kind()[1])


def outputs_alone(models, x):
    return torch.stack([model(own) for model, own in zip(models, x, strict=True)])


@pytest.mark.parametrize("mode", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("kind", KINDS)
def test_members_compute_what_they_compute_alone(kind, mode):
    models, x = built(kind)
    together = Together(models).train(mode)
    for model in models:
        model.train(mode)
    expected = outputs_alone(models, x)
    tolerance = {"rtol": 1e-5, "atol": 1e-6} if kind in LINEAR else {"rtol": 0, "atol": 0}
    assert_close(together(x), expected, **tolerance)


@pytest.mark.parametrize("kind", KINDS)
def test_training_together_is_training_alone(kind):
    models, _ = built(kind)
    together = Together(models)
    optimizers = [torch.optim.SGD(each.parameters(), lr=0.05, momentum=0.9) for each in (together, *models)]
    for _ in range(3):
        x = torch.randn(MEMBERS, 5, *kind()[1])
        for optimizer in optimizers:
            optimizer.zero_grad()
        together(x).square().mean((1, 2)).sum().backward()
        outputs_alone(models, x).square().mean((1, 2)).sum().backward()
        for optimizer in optimizers:
            optimizer.step()
    for index, model in enumerate(models):
        member = together.member(index)
        for (name, expected), found in zip(model.state_dict().items(), member.state_dict().values(), strict=True):
            assert_close(found, expected, rtol=1e-5, atol=1e-6, msg=name)


@pytest.mark.parametrize("kind", KINDS)
def test_members_do_not_touch_each_other(kind):
    models, x = built(kind)
    together = Together(models)
    x.requires_grad_()
    before = together(x)
    before[1].square().sum().backward()
    reached = [*together.parameters(), x]
    gradients = [tensor.grad for tensor in reached if tensor.requires_grad]
    assert all(gradient[1].any() for gradient in gradients)
    assert not any(gradient[[0, 2]].any() for gradient in gradients)
    other = x.detach().clone()
    other[1] += 1
    after = together(other)
    assert_close(after[[0, 2]], before[[0, 2]], rtol=0, atol=1e-6)
    assert (after[1] - before[1]).abs().max() > 1e-3


@pytest.mark.parametrize("kind", OTHERS)
def test_a_member_of_convolutions_is_the_same_whoever_is_beside_it(kind):
    models, x = built(kind)
    assert torch.equal(Together(models)(x)[1:2], Together(models[1:2])(x[1:2]))


@pytest.mark.parametrize("kind", KINDS)
def test_states_have_the_members_first_and_round_trip(kind):
    models, x = built(kind)
    together, plain = Together(models), models[0].state_dict()
    state = deepcopy(together.state_dict())
    assert list(state) == [f"stacked.{name}" for name in plain]
    assert all(tensor.shape == (MEMBERS, *plain[name.removeprefix("stacked.")].shape) for name, tensor in state.items())
    other = Together(built(kind)[0][::-1])
    if kind is tied:
        other.stacked.scale.copy_(together.stacked.scale)
    other.load_state_dict(state)
    assert torch.equal(other.eval()(x), together.eval()(x))


REGISTERED = [name for name in plugins.host().registry.names("models") if name != "torchvision"]


@pytest.mark.slow
@pytest.mark.parametrize("name", REGISTERED)
def test_every_registered_network_can_be_trained_together(name):
    build = plugins.host().registry.get("models", name).load()
    torch.manual_seed(0)
    models = [build(num_classes=4) for _ in range(2)]
    together, x = Together(models), torch.randn(2, 4, 3, 32, 32)
    found, expected = together(x), outputs_alone(models, x)
    assert_close(found, expected, rtol=1e-5, atol=1e-6)
    found.square().sum().backward()
    assert all(parameter.grad[0].any() and parameter.grad[1].any() for parameter in together.parameters())
    for model, index in zip(models, range(2), strict=True):
        assert_close(together.member(index)(x[index]), model.eval()(x[index]), rtol=1e-5, atol=1e-6)


def test_statistics_of_batches_reach_the_members():
    models, x = built(wide_resnet)
    together = Together(models)
    for _ in range(2):
        together(x)
    counts = [buffer for name, buffer in together.named_buffers() if name.endswith("num_batches_tracked")]
    assert counts
    assert all(torch.equal(count, torch.full((MEMBERS,), 2)) for count in counts)
    means = next(buffer for name, buffer in together.named_buffers() if name.endswith("running_mean"))
    assert not torch.equal(means[0], means[1])
    before = deepcopy(together.state_dict())
    together.eval()(x)
    assert all(torch.equal(value, before[name]) for name, value in together.state_dict().items())
    assert not any(module.training for module in together.modules())
    assert all(module.training for module in together.train().modules())


@pytest.mark.parametrize("kind", [mlp, wide_resnet])
def test_a_member_is_a_plain_network_of_its_own(kind):
    models, x = built(kind)
    together = Together(models)
    member = together.member(2)
    assert type(member) is type(models[0])
    assert not member.training
    assert together.training
    expected = models[2].eval()(x[2])
    assert torch.equal(member(x[2]), expected)
    assert not member(x[2]).requires_grad
    with torch.no_grad():
        for parameter in together.parameters():
            parameter.add_(1)
    assert torch.equal(member(x[2]), expected)
    assert all(parameter.requires_grad for parameter in together.parameters())


@pytest.mark.parametrize("kind", [mlp, wide_resnet])
def test_a_restart_is_in_place(kind):
    models, x = built(kind)
    together = Together(models)
    together(x)
    parameters = list(together.parameters())
    fresh = [kind()[0] for _ in range(MEMBERS)]
    together.restart(fresh)
    assert all(new is old for new, old in zip(together.parameters(), parameters, strict=True))
    assert_close(together(x), outputs_alone(fresh, x))


def test_tied_weights_stay_tied_and_frozen_ones_frozen():
    models, _ = built(tied)
    together = Together(models)
    assert together.stacked.first.weight is together.stacked.second.weight
    assert not together.stacked.last.bias.requires_grad
    assert not together.stacked.scale.requires_grad


def test_the_models_are_left_alone():
    models, x = built(wide_resnet)
    before = deepcopy(models[0].state_dict())
    together = Together(models)
    together(x).sum().backward()
    with torch.no_grad():
        for parameter in together.parameters():
            parameter.add_(1)
    assert all(torch.equal(value, before[name]) for name, value in models[0].state_dict().items())


@pytest.mark.parametrize("kind", [mlp, lenet, wide_resnet])
def test_autocast_computes_in_half_precision(kind):
    models, x = built(kind)
    together = Together(models)
    exact = together.eval()(x)
    with torch.autocast("cpu", torch.bfloat16):
        rough = together(x)
    # Linear layers at once add their bias in single precision to products in half precision.
    assert rough.dtype == (torch.float32 if kind is mlp else torch.bfloat16)
    assert_close(rough.float(), exact, rtol=0.05, atol=0.05)
    assert (rough.float() - exact).abs().max() > 1e-5
    rough.float().sum().backward()
    assert all(parameter.grad.dtype == torch.float32 for parameter in together.parameters())


@pytest.mark.parametrize("layer", [nn.Identity(), nn.Conv1d(1, 1, 1)], ids=["at once", "one by one"])
def test_dropout_has_masks_of_its_own_in_each_member(layer):
    model = nn.Sequential(layer, nn.Flatten(), nn.Dropout(0.5), nn.Linear(400, 1))
    together = Together([model, model])
    torch.manual_seed(0)
    first, second = together(torch.ones(2, 1, 1, 400))
    assert (first - second).abs().max() > 1e-3
    first, second = together.eval()(torch.ones(2, 1, 1, 400))
    assert torch.equal(first, second)


def test_networks_of_different_shapes_are_refused():
    with pytest.raises(ValueError, match="models is empty; expected at least one network"):
        Together([])
    with pytest.raises(ValueError, match=r"weight of models\[1\] is of shape \(3, 4\), and of the members of shape"):
        Together([nn.Linear(3, 3), nn.Linear(4, 3)])
    with pytest.raises(ValueError, match=r"bias of models\[1\] is missing, and of the members of shape \(3,\)"):
        Together([nn.Linear(3, 3), nn.Linear(3, 3, bias=False)])
    with pytest.raises(ValueError, match=r"bias of models\[1\] is of shape \(3,\), and of the members missing"):
        Together([nn.Linear(3, 3, bias=False), nn.Linear(3, 3)])
    pair = Together([nn.Linear(3, 2), nn.Linear(3, 2)])
    with pytest.raises(ValueError, match="3 models for 2 members; expected one for each"):
        pair.restart([nn.Linear(3, 2)] * 3)
    with pytest.raises(ValueError, match="the input is for 3 members; expected 2 along its first axis"):
        pair(torch.zeros(3, 5, 3))
