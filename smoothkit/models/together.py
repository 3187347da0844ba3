"""Several networks of one shape as one module, whose tensors have the members along their first axis."""

from collections.abc import Sequence
from copy import deepcopy

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call, vmap

State = dict[str, Tensor]


class Together(nn.Module):
    """`models` as the members of one module: one optimiser moves them all, and no member sees another.

    Parameters, buffers and their names are those of one network, behind the prefix "stacked."; each tensor has the
    members along its first axis, as `smoothkit.runs.Runs.track` needs it, and batch norm's count of batches has the
    shape (members,). Weights begin as those of `models`, on their device and in the mode of the first.

    A network of linear layers alone is computed for all members at once, and its numbers may differ in their last
    digits from those of the member alone; any other is computed member by member, with the very numbers of the member
    alone. Buffers must be updated in place, as batch norm does. Dropout draws from torch's own generator for all
    members, so that its masks depend on who else is there.

    Raises:
        ValueError: there are no models, or they are not networks of one shape.

    >>> pair = Together([nn.Linear(2, 3), nn.Linear(2, 3)])
    >>> {name: tuple(tensor.shape) for name, tensor in pair.state_dict().items()}
    {'stacked.weight': (2, 3, 2), 'stacked.bias': (2, 3)}
    >>> pair(torch.zeros(2, 5, 2)).shape
    torch.Size([2, 5, 3])
    """

    def __init__(self, models: Sequence[nn.Module]):
        super().__init__()
        if not models:
            raise ValueError("together: models is empty; expected at least one network")
        self.stacked = deepcopy(models[0])
        self._members = len(models)
        self._is_linear = _is_linear(models[0])
        # The old tensors get new data, so that tied weights stay tied and frozen ones frozen.
        for tensor in _tensors(self.stacked).values():
            tensor.data = tensor.data.expand(len(models), *tensor.shape).clone()
        self.restart(models)

    def __len__(self) -> int:
        return self._members

    def forward(self, x: Float[Tensor, "members batch ..."]) -> Float[Tensor, "members batch classes"]:
        """Member i's output for x[i].

        Raises:
            ValueError: `x` is not for so many members.
        """
        if len(x) != len(self):
            raise ValueError(f"together: the input is for {len(x)} members; expected {len(self)} along its first axis")
        # What "at once" takes of the time of "one by one", forward and backward on one thread of a CPU: of ten
        # perceptrons 64-64-10 with batches of 64, 0.5; 64-64-64-10 with 512, 0.9; 64-256-256-10 with 256, 1.0 (products
        # of matrices written by hand: 0.25, 0.85, 1.0). Of five LeNets with batches of 128, 1.7: a convolution in
        # groups is slow.
        if self._is_linear:
            return vmap(self._one, randomness="different")(_tensors(self.stacked), x)
        return torch.stack([self._one(state, own) for state, own in zip(self._states(), x, strict=True)])

    def member(self, index: int) -> nn.Module:
        """A copy of member `index` as the plain network, in evaluation mode, without gradients."""
        copy = deepcopy(self.stacked).requires_grad_(False).eval()
        for tensor in _tensors(copy).values():
            tensor.data = tensor.data[index].clone()
        return copy

    @torch.no_grad()
    def restart(self, models: Sequence[nn.Module]) -> None:
        """Take the weights and buffers of `models`, in place: an optimiser keeps its parameters, and its moments.

        Raises:
            ValueError: there are more or fewer models than members, or they are not networks of this shape.
        """
        if len(models) != len(self):
            raise ValueError(f"together: {len(models)} models for {len(self)} members; expected one for each")
        own = _tensors(self.stacked)
        states = [_tensors(model) for model in models]
        for place, state in enumerate(states):
            _check_shapes(place, state, own)
        for name, tensor in own.items():
            tensor.copy_(torch.stack([state[name] for state in states]))

    def _one(self, state: State, x: Float[Tensor, "batch ..."]) -> Float[Tensor, "batch classes"]:
        """What the network with these tensors makes of `x`."""
        return functional_call(self.stacked, state, (x,))

    def _states(self) -> list[State]:
        """Each member's tensors, as views; one node of the graph for a whole tensor, not one for each slice."""
        slices = {name: tensor.unbind() for name, tensor in _tensors(self.stacked).items()}
        return [{name: each[index] for name, each in slices.items()} for index in range(len(self))]


def _tensors(module: nn.Module) -> State:
    """Parameters and buffers, also those that no checkpoint keeps."""
    return {**dict(module.named_parameters()), **dict(module.named_buffers())}


def _is_linear(network: nn.Module) -> bool:
    """Whether all that it holds are the weights of linear layers."""
    owners = (layer for layer in network.modules() if [*layer.parameters(recurse=False), *layer.buffers(recurse=False)])
    return all(type(layer) is nn.Linear for layer in owners)


def _check_shapes(place: int, state: State, own: State) -> None:
    shapes = {name: tuple(tensor.shape) for name, tensor in state.items()}
    expected = {name: tuple(tensor.shape[1:]) for name, tensor in own.items()}
    for name in expected | shapes:
        if shapes.get(name) != expected.get(name):
            raise ValueError(
                f"together: {name} of models[{place}] is {_shape(shapes, name)}, and of the members "
                f"{_shape(expected, name)}; expected networks of one shape"
            )


def _shape(shapes: dict[str, tuple[int, ...]], name: str) -> str:
    return f"of shape {shapes[name]}" if name in shapes else "missing"
