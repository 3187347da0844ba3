"""One run's part of what several runs share: slices of tensors whose first axis counts the members."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from smoothkit.checkpoint import Stateful


@dataclass(frozen=True, eq=False)
class Member:
    """A checkpoint's view of member `index` of `thing`, whose tensors have the members along their first axis.

    A slice keeps that axis, with the length 1. Numbers without an axis, such as an optimiser's count of steps, belong
    to all members alike.
    """

    thing: Stateful
    index: int

    def state_dict(self) -> dict[str, Any]:
        """The state of this member alone, in the form that the state of the whole has."""
        return sliced(self.thing.state_dict(), self.index)

    def load_state_dict(self, state_dict: Any, /) -> None:
        """Never to be called: a whole is loaded from all of its members at once, see `joined`."""
        raise NotImplementedError("one member cannot be loaded alone; `Runs.track` loads all of them")

    def parameters(self) -> Iterator[Tensor]:
        """This member's weights; none if `thing` is no module."""
        return (each[self.index] for each in self.thing.parameters()) if isinstance(self.thing, nn.Module) else iter(())

    def buffers(self) -> Iterator[Tensor]:
        """This member's buffers, as views; none if `thing` is no module."""
        buffers = self.thing.buffers() if isinstance(self.thing, nn.Module) else ()
        return (each[self.index] if each.dim() else each for each in buffers)


def sliced(state: Any, index: int) -> Any:
    """`state` with every tensor that has an axis cut down to its entry `index`; copies, so that nothing else is saved.

    >>> sliced({"weight": torch.tensor([[1.0], [2.0]]), "step": torch.tensor(7.0)}, 1)
    {'weight': tensor([[2.]]), 'step': tensor(7.)}
    """
    if isinstance(state, Tensor):
        return state[index : index + 1].clone() if state.dim() else state.clone()
    if isinstance(state, dict):
        return {key: sliced(value, index) for key, value in state.items()}
    if isinstance(state, list | tuple):
        return type(state)(sliced(value, index) for value in state)
    return state


def joined(states: Sequence[Any]) -> Any:
    """The inverse of `sliced`: the whole of all its members; what has no axis is the first one's.

    >>> joined([{"weight": torch.tensor([[1.0]])}, {"weight": torch.tensor([[2.0]])}])
    {'weight': tensor([[1.],
            [2.]])}
    """
    first = states[0]
    if isinstance(first, Tensor):
        return torch.cat(list(states)) if first.dim() else first
    if isinstance(first, dict):
        return {key: joined([state[key] for state in states]) for key in first}
    if isinstance(first, list | tuple):
        return type(first)(joined(values) for values in zip(*states, strict=True))
    return first


def tensors_in(state: Any) -> Iterator[Tensor]:
    """Every tensor of a nested state, in its order."""
    if isinstance(state, Tensor):
        yield state
    elif isinstance(state, dict):
        for value in state.values():
            yield from tensors_in(value)
    elif isinstance(state, list | tuple):
        for value in state:
            yield from tensors_in(value)
