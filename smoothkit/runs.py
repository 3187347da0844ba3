"""Several runs trained together, whose networks are members of one batched model."""

from collections.abc import Iterator, Sequence
from typing import Any, overload

import torch
from torch import Tensor

from smoothkit.checkpoint import Stateful
from smoothkit.lockstep import in_step
from smoothkit.members import Member, joined, tensors_in
from smoothkit.run import Run
from smoothkit.scenario import ScenarioConfig


class Runs(Sequence[Run]):
    """The runs that one call of a trainer carries out in lock-step: a variant's seeds, or those of several variants.

    What is tracked has the members along the first axis of every tensor, in the order of the runs; a run's checkpoint
    holds its own slice, so that runs can be resumed together or alone. Members must not read from each other, nor from
    torch's default generator: everything random comes from the streams of each run.

    Raises:
        RuntimeError: the runs do not go on from the same step.
    """

    def __init__(self, runs: Sequence[Run], configs: Sequence[ScenarioConfig]):
        self._runs = tuple(runs)
        self.configs: tuple[Any, ...] = tuple(configs)
        """The configuration of each run; all the same, but where the scenario's `together` lets variants share."""
        if len({run.info.resumed_from for run in self._runs}) != 1:
            raise RuntimeError("runs that are trained together must go on from the same step")
        self.first = self._runs[0]
        """The run whose device, settings and process group are those of all."""

    @overload
    def __getitem__(self, index: int) -> Run: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Run, ...]: ...
    def __getitem__(self, index: int | slice) -> Run | tuple[Run, ...]:
        return self._runs[index]

    def __len__(self) -> int:
        return len(self._runs)

    def streams(self, name: str) -> list[torch.Generator]:
        """The stream called `name` of each run."""
        return [run.stream(name) for run in self._runs]

    def track(self, **stateful: Stateful) -> None:
        """Name what belongs in the checkpoints, whose tensors have the members along their first axis.

        On resumed runs each thing is restored here and now.

        Raises:
            ValueError: the first axis of a tensor is not as long as there are members.
        """
        for name, thing in stateful.items():
            for tensor in tensors_in(thing.state_dict()):
                if tensor.dim() and len(tensor) != len(self):
                    raise ValueError(
                        f"{name}: a tensor of shape {tuple(tensor.shape)} has not the {len(self)} members along its "
                        "first axis"
                    )
            saved = [run.add_tracked(name, Member(thing, index)) for index, run in enumerate(self._runs)]
            states = [state for state in saved if state is not None]
            if states:
                thing.load_state_dict(joined(states))

    def steps(self, total: int) -> Iterator[int]:
        """Yield the steps 1 … `total` that are still to do, as `Run.steps` does for one run.

        Raises:
            TrainingError: a loss of some run was not finite; each keeps its last good checkpoint.
            Stopped: the runs were interrupted or their time was used up; each wrote a checkpoint.
        """
        return in_step(self._runs, total)

    def is_logging(self, step: int) -> bool:
        """Whether the values of `step` are written."""
        return self.first.is_logging(step)

    def log(self, step: int, **values: Tensor) -> None:
        """Note training values: of each tensor, entry i is run i's. See `Run.log`."""
        for name, value in values.items():
            for run, own in zip(self._runs, value.detach().clone().unbind(), strict=True):
                run.window.note(step, {name: own})

    def check_losses(self) -> None:
        """Look at the losses noted so far, as every logging step does; to be called before an evaluation.

        Raises:
            TrainingError: one was not finite.
        """
        for run in self._runs:
            run.check_losses()
