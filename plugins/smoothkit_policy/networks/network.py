"""A policy and a critic of several agents at once, with a backward pass of its own."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float32, Shaped
from torch import Tensor, nn

Logits = Float32[Tensor, "members rows actions"]
Values = Float32[Tensor, "members rows critics"]
Observed = Shaped[Tensor, "members rows ..."]


class Network(nn.Module, ABC):
    """Networks of one shape, whose tensors have the members along their first axis; no member sees another.

    All weights are views of one vector, `flat`, and their gradients of another, `flat.grad`, so that an optimiser has
    one tensor to move. What a loss asks of logits and values is known in closed form, so that autograd, which takes
    most of the time of small networks, is not needed: `forward` keeps what `backward` needs.
    """

    def __init__(self, members: int, shapes: Mapping[str, tuple[int, ...]], device: torch.device):
        super().__init__()
        self.members = members
        sizes = [members * torch.Size(shape).numel() for shape in shapes.values()]
        flat = nn.Parameter(torch.zeros(sum(sizes), device=device), requires_grad=False)
        flat.grad = torch.zeros_like(flat)
        # A list hides it from the module's own parameters, which are the views.
        self._flat = [flat]
        self.gradients: dict[str, Tensor] = {}
        """By the weights' names; members along the first axis."""
        parts = zip(shapes.items(), flat.data.split(sizes), flat.grad.split(sizes), strict=True)
        for (name, shape), own, gradient in parts:
            self.register_parameter(name, nn.Parameter(own.view(members, *shape), requires_grad=False))
            self.gradients[name] = gradient.view(members, *shape)

    @property
    def flat(self) -> nn.Parameter:
        """All weights of all members; its `grad` is what `backward` writes."""
        return self._flat[0]

    @abstractmethod
    def draw(self, generators: Sequence[torch.Generator], policy_gain: float) -> None:
        """Draw each member's first weights from its own generator; `policy_gain` scales the policy's last layer."""

    @abstractmethod
    def act(self, observations: Observed) -> Logits:
        """The policy's logits alone."""

    @abstractmethod
    def values(self, observations: Observed) -> Values:
        """The critic's values alone."""

    @abstractmethod
    def forward(self, observations: Observed) -> tuple[Logits, Values]:
        """Logits and values; keeps what the next `backward` needs."""

    @abstractmethod
    def backward(self, d_logits: Logits, d_values: Values) -> None:
        """Write the gradient of every weight, from those of the last forward pass's logits and values."""

    @abstractmethod
    def empty(self, members: int) -> "Network":
        """A network of this shape with so many members, without its weights."""

    def member(self, index: int) -> "Network":
        """A copy of one member, as a network with one."""
        copy = self.empty(1)
        copy.load_state_dict({name: weight[index : index + 1] for name, weight in self.state_dict().items()})
        return copy

    def gradient_norms(self) -> Float32[Tensor, " members"]:
        """The norm of each member's gradient."""
        if self.members == 1:
            assert self.flat.grad is not None
            return self.flat.grad.norm().reshape(1)
        squares = [gradient.flatten(1).square().sum(1) for gradient in self.gradients.values()]
        return torch.stack(squares).sum(0).sqrt_()

    def scale_gradients(self, factors: Float32[Tensor, " members"]) -> None:
        """Multiply each member's gradient by its factor."""
        if self.members == 1:
            assert self.flat.grad is not None
            self.flat.grad.mul_(factors)
            return
        for gradient in self.gradients.values():
            gradient.mul_(factors.view(-1, *[1] * (gradient.dim() - 1)))
