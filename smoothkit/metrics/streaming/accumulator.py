"""What all accumulators share: batches in, sums kept, faults counted instead of waited for."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import torch
from jaxtyping import Bool, Float, Int, Int64
from torch import Tensor

from smoothkit.distributed import Group
from smoothkit.metrics.boundary import FAULTS, Block, Labels, check_shapes, describe_faults, examine, row_slices

Result = TypeVar("Result")
Groups = Int[Tensor, " rows"]


class Accumulator(ABC, Generic[Result]):
    """Sums over all rows that `update` has seen, from which `compute` makes the result.

    The sums add: however the rows are divided into batches, accumulators or processes, the result is the same but for
    the rounding of the last digits. They are int64 counts and float64 sums, exact beyond 2^24 rows.

    `update` reads nothing back from the device, so it never waits for it. Rows that are faulty are left out and
    counted, and `compute` raises what `smoothkit.metrics.boundary` says of them.
    """

    def __init__(self, num_classes: int, *, groups: int = 1, from_logits: bool = True, ignore_index: int | None = None):
        if num_classes < 1 or groups < 1:
            raise ValueError(f"{self.name}: num_classes and groups must be at least 1, got {num_classes} and {groups}")
        self.num_classes = num_classes
        self.groups = groups
        self.from_logits = from_logits
        self.ignore_index = ignore_index
        self._rows = torch.zeros((), dtype=torch.int64)
        # The last entry counts rows whose group is none.
        self._faults = torch.zeros(len(FAULTS) + 1, dtype=torch.int64)
        self._synchronised = False

    @abstractmethod
    def _add(self, block: Block, usable: Bool[Tensor, " rows"], group: Int64[Tensor, " rows"] | None) -> None:
        """Add the rows of a block that are `usable`."""

    @abstractmethod
    def _result(self) -> Result:
        """What the sums say."""

    @property
    def name(self) -> str:
        """What error messages call this accumulator."""
        return type(self).__name__

    @property
    def device(self) -> torch.device:
        """Where the sums are; outputs and labels must be there too."""
        return self._rows.device

    @property
    def state(self) -> dict[str, Tensor]:
        """The sums themselves by name, no copies."""
        return {"rows": self._rows, "faults": self._faults}

    def update(self, outputs: Float[Tensor, "rows classes"], labels: Labels, groups: Groups | None = None) -> None:
        """Add a batch, of any number of rows; `groups` gives each row's group, 0 to the number of groups - 1.

        Raises:
            ValueError: a shape or a device does not match, or there are several groups and none are given.
        """
        self._check_open()
        if outputs.dim() == 2 and not len(outputs):
            return
        check_shapes(self.name, outputs, labels)
        self._check_batch(outputs, groups)
        for rows in row_slices(outputs):
            found = examine(outputs[rows], labels[rows], self.from_logits, self.ignore_index)
            usable = found.usable
            self._faults[:-1] += found.faults
            group = None
            if groups is not None:
                group = groups[rows].long()
                outside = (group < 0) | (group >= self.groups)
                self._faults[-1] += (outside & usable).sum()
                usable, group = usable & ~outside, torch.where(outside, 0, group)
            self._rows += usable.sum()
            self._add(found.block, usable, group)

    def compute(self) -> Result:
        """The result over all rows so far.

        Raises:
            ValueError: no row counted, or rows were faulty.
        """
        faults = self._faults.cpu()
        found = [describe_faults(faults[:-1], self.num_classes)] if faults[:-1].any() else []
        if faults[-1]:
            found.append(f"in {faults[-1]} rows groups lie outside 0..{self.groups - 1}")
        if found:
            raise ValueError(f"{self.name}: {'; '.join(found)}; mend the data, reset() and begin anew")
        if not self._rows:
            raise ValueError(f"{self.name}: no rows have been counted; call update(outputs, labels) first")
        return self._result()

    def reset(self) -> None:
        """Forget all rows."""
        for tensor in self.state.values():
            tensor.zero_()
        self._synchronised = False

    def merge_state(self, other: "Accumulator[Result]") -> None:
        """Add the rows of another accumulator of the same kind and options.

        Raises:
            ValueError: the other one counts something else.
        """
        self._check_open()
        if self._options() != other._options():
            raise ValueError(f"{self.name}: cannot merge {other._options()} into {self._options()}")
        state = self.state
        for name, tensor in other.state.items():
            tensor = tensor.to(self.device)
            state[name] = state[name] + tensor if name in state else tensor.clone()
        self._restore(state)

    def synchronise(self, group: Group) -> None:
        """Add the rows of all processes of `group`; each of them then has the whole and computes the same.

        What is sent is as large as the state, however many rows there were. It is the last step before `compute`: rows
        that are added later would be counted once per process, so `reset` comes first.

        Raises:
            RuntimeError: this has been done already.
        """
        self._check_open()
        group.add_up(self.state.values())
        self._synchronised = True

    def to(self, device: torch.device | str) -> "Accumulator[Result]":
        """Move the sums to a device; returns the accumulator itself."""
        self._restore({name: tensor.to(device) for name, tensor in self.state.items()})
        return self

    def state_dict(self) -> dict[str, Any]:
        """Copies of the sums, and the options that they belong to."""
        sums = {name: tensor.clone() for name, tensor in self.state.items()}
        return {"sums": sums, "options": self._options(), "synchronised": self._synchronised}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """The inverse, onto the device of this accumulator.

        Raises:
            ValueError: the state is that of an accumulator with other options.
        """
        if state_dict["options"] != self._options():
            raise ValueError(f"{self.name}: the state is of {state_dict['options']}, not of {self._options()}")
        self._restore({name: tensor.to(self.device, copy=True) for name, tensor in state_dict["sums"].items()})
        self._synchronised = state_dict["synchronised"]

    def _restore(self, state: Mapping[str, Tensor]) -> None:
        """Go on with these sums, on their device."""
        self._rows, self._faults = state["rows"], state["faults"]

    def _options(self) -> dict[str, Any]:
        """What must be alike for sums to be added, as plain data."""
        return {
            "kind": self.name,
            "num_classes": self.num_classes,
            "groups": self.groups,
            "from_logits": self.from_logits,
            "ignore_index": self.ignore_index,
        }

    def _check_open(self) -> None:
        if self._synchronised:
            raise RuntimeError(
                f"{self.name}: the sums are those of all processes already; reset() before more rows are added"
            )

    def _check_batch(self, outputs: Float[Tensor, "rows classes"], groups: Groups | None) -> None:
        if outputs.shape[1] != self.num_classes:
            raise ValueError(f"{self.name}: outputs must have {self.num_classes} classes, got {outputs.shape[1]}")
        if outputs.device != self.device:
            raise ValueError(
                f"{self.name}: the sums are on {self.device}, the outputs on {outputs.device}; "
                f"accumulator.to({str(outputs.device)!r}) moves the sums"
            )
        if groups is None:
            if self.groups > 1:
                raise ValueError(f"{self.name}: there are {self.groups} groups; give each row's as groups=")
        elif groups.shape != outputs.shape[:1] or groups.is_floating_point():
            raise ValueError(
                f"{self.name}: groups must be {len(outputs)} integers, one per row, "
                f"got {groups.dtype} of the shape {tuple(groups.shape)}"
            )
